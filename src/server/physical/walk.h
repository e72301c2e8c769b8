/*-------------------------------------------------------------------------
 *
 * walk.h
 *	  What there is to copy: the files of the data directory and its tablespaces.
 *
 * All that pg_basebackup copies, and nothing that it leaves out.
 *
 * src/server/physical/walk.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WALK_H
#define PGB_WALK_H

#include "repo/file_list.h"

/* Copied apart, after all others: it says where they begin. */
#define PGB_CONTROL_FILE	"global/pg_control"

/* A relation's file: what its pages are to be checked by. */
typedef struct PgbRelationFile
{
	bool		is_relation;
	Oid			number;			/* relfilenode */
	uint32		segment;
	bool		is_main;		/* of the main fork */
} PgbRelationFile;

/* A file as the walk has seen it.  The size is that of the moment of the walk. */
typedef struct PgbWalkedFile
{
	PgbFile		file;			/* without modified_at, crc and extents */
	PgbRelationFile relation;
} PgbWalkedFile;

typedef struct PgbWalk
{
	int			count;
	int			allocated;
	PgbWalkedFile *files;		/* in the order of the walk */
	uint64		bytes;			/* of regular files */
	int			ntablespaces;
	PgbTablespace *tablespaces; /* by oid, with their sizes */
} PgbWalk;

/*
 * Walks the data directory, which is the current one.  repository is a directory that is left
 * out wherever it is.  What is left out although somebody may miss it is said in the log.
 * Allocated in the current memory context.
 */
extern PgbWalk *pgb_walk(const char *repository);

/* Is it the name of a file of a relation in a directory of relations? */
extern PgbRelationFile pgb_relation_file(const char *name);

#endif							/* PGB_WALK_H */
