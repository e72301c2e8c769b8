/*-------------------------------------------------------------------------
 *
 * copy.h
 *	  Files are copied into packs, by a crew.
 *
 * A large file is cut into pieces, so that all workers share it; small ones are bundled. Where a
 * piece has come to, and its checksum, goes into its place in shared memory.
 *
 * src/server/physical/copy.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_COPY_H
#define PGB_COPY_H

#include "server/physical/walk.h"
#include "server/shmem.h"
#include "storage/block.h"

/* Damaged pages that are remembered; the others are only counted. */
#define PGB_DAMAGED_PAGES_KEPT	100

/* Where the copies go, and what they are checked by. */
typedef struct PgbCopyTarget
{
	PgbStore   *store;
	const char *folder;			/* of the backup, in the store */
	int			level;
	PgbJobRef	job;			/* for progress */
	uint64		start_lsn;		/* of the backup */
	bool		checksums;		/* do pages have them? */
	int			max_rate;		/* of all workers, kB/s; 0: as fast as they can */
} PgbCopyTarget;

typedef struct PgbDamagedPage
{
	int			file;			/* number in the walk */
	BlockNumber block;			/* of the relation's fork */
} PgbDamagedPage;

/* What has come of it. */
typedef struct PgbCopied
{
	PgbFileList list;
	int			npacks;
	PgbStoredFile *packs;
	uint64		file_count;		/* regular files ... */
	uint64		file_bytes;		/* ... and their content */
	uint64		damaged_count;
	int			ndamaged;		/* of those that are remembered */
	PgbDamagedPage damaged[PGB_DAMAGED_PAGES_KEPT];
} PgbCopied;

typedef struct PgbCopy PgbCopy;

/*
 * Starts to copy the regular files of the walk with up to so many workers.  With none to be had, this process
 * does it all before the function returns.
 */
extern PgbCopy *pgb_copy_start(const PgbWalk *walk, const PgbCopyTarget *target, int jobs);

/* Are all files copied?  Raises what a worker raises. */
extern bool pgb_copy_ended(PgbCopy *copy);

/* Once they are: copies pg_control, the last file of a backup. */
extern void pgb_copy_control(PgbCopy *copy);

/* Then: what the manifest needs to know, allocated in the current memory context. */
extern PgbCopied *pgb_copy_result(PgbCopy *copy);

/* Ends the crew.  Raises nothing; more than once or NULL is fine. */
extern void pgb_copy_stop(PgbCopy *copy);

/* What a worker runs. */
extern PGDLLEXPORT void pgb_copy_main(void *shared, int number);

#endif							/* PGB_COPY_H */
