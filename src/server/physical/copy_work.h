/*-------------------------------------------------------------------------
 *
 * copy_work.h
 *	  What the leader of the copying and its workers share; for copy.c and copy_work.c.
 *
 * src/server/physical/copy_work.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_COPY_WORK_H
#define PGB_COPY_WORK_H

#include "server/physical/copy.h"
#include "server/physical/pack.h"

/* A small file may have grown so much since the walk, and is copied whole all the same. */
#define COPY_GROWTH_BYTES	(1024 * 1024)

typedef struct CopyFile
{
	Size		path;			/* offset of its path among the paths */
	int			number;			/* in the walk */
	bool		is_relation;
	BlockNumber first_block;	/* of the relation's fork that is in it */
} CopyFile;

typedef enum CopyState
{
	COPY_TO_DO,
	COPY_DONE,
	COPY_VANISHED
} CopyState;

typedef struct CopyPiece
{
	/* set by the leader */
	int			file;			/* number of its CopyFile */
	bool		is_whole;		/* the file has no other piece */
	uint64		offset;
	uint64		length;			/* as the walk has seen it */

	/* set by the worker */
	CopyState	state;
	uint16		pack;
	uint64		pack_offset;
	uint64		copied;			/* bytes */
	uint32		crc;
	int64		modified_at;
} CopyPiece;

typedef struct CopyShared
{
	char		repository[MAXPGPATH];
	char		folder[MAXPGPATH];
	int			level;
	PgbJobRef	job;
	uint64		start_lsn;
	bool		checksums;
	int			max_rate;		/* kB/s, or 0 */
	int64		started_at;
	pg_atomic_uint64 read_bytes;	/* by all workers */

	pg_atomic_uint64 damaged_count;
	PgbDamagedPage damaged[PGB_DAMAGED_PAGES_KEPT];

	/* batches of pieces, which a worker takes at once: batch n is from starts[n] to starts[n + 1] */
	int			nbatches;
	pg_atomic_uint32 next_batch;

	int			nfiles;
	int			npieces;

	/* offsets from the beginning of this */
	Size		files;
	Size		pieces;
	Size		starts;
	Size		paths;
	Size		index;
} CopyShared;

#define COPY_PART(shared, type, part)	((type *) ((char *) (shared) + (shared)->part))
#define COPY_FILES(shared)		COPY_PART(shared, CopyFile, files)
#define COPY_PIECES(shared)		COPY_PART(shared, CopyPiece, pieces)
#define COPY_STARTS(shared)		COPY_PART(shared, int, starts)
#define COPY_PATHS(shared)		COPY_PART(shared, char, paths)
#define COPY_INDEX(shared)		COPY_PART(shared, PgbPackIndex, index)

/* Takes batches until there are none. */
extern void pgb_copy_batches(CopyShared *shared);

/* Microseconds since 2000-01-01 UTC of a file's last change. */
struct stat;
extern int64 pgb_copy_modified_at(const struct stat *st);

#endif							/* PGB_COPY_WORK_H */
