/*-------------------------------------------------------------------------
 *
 * relation_map.h
 *	  Which file belongs to which relation, for every database of a base backup.
 *
 * Read after the start of the backup, so that what it says of a file is so in
 * the backup or has its change in the WAL after it.  An object of its own
 * (relations.zst): lines of JSON, one for each database and each relation that has a
 * file.  With it one table can be brought back without the rest of the cluster.
 *
 * src/repo/relation_map.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RELATION_MAP_H
#define PGB_RELATION_MAP_H

#include "repo/repository.h"

typedef struct PgbMappedRelation
{
	Oid			oid;
	Oid			file_number;	/* pg_relation_filenode() */
	Oid			tablespace;		/* its own; 0: that of the database */
	char		kind;			/* relkind */
	char		persistence;
	bool		is_shared;
	char	   *schema_name;	/* UTF-8 */
	char	   *name;
	Oid			toast;			/* of a table: its TOAST table, or 0 */
	Oid			table;			/* of an index: its table; of an owned sequence: the table; else 0 */
	Oid			parent;			/* of a partition or inheritance child: the first parent; else 0 */
} PgbMappedRelation;

typedef struct PgbMappedDatabase
{
	Oid			oid;
	char	   *name;			/* UTF-8 */
	Oid			tablespace;
	bool		is_complete;	/* false: nobody could connect to it, relations are not known */
	int			count;
	PgbMappedRelation *relations;	/* also those without a file (partitioned tables): by oid */
} PgbMappedDatabase;

typedef struct PgbRelationMap
{
	int			count;
	PgbMappedDatabase *databases;	/* by oid */
} PgbRelationMap;

extern void pgb_relation_map_write(PgbBackupWriter *writer, const PgbRelationMap *map, int level,
								   PgbStoredFile *file);

/* Raises ERRCODE_DATA_CORRUPTED. */
extern PgbRelationMap *pgb_relation_map_read(PgbRepository *repository,
											 const PgbManifest *manifest);

#endif							/* PGB_RELATION_MAP_H */
