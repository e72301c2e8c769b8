/*-------------------------------------------------------------------------
 *
 * verify_rows.h
 *	  The rows of a backup against those of the tables that were restored from it: what
 *	  workers and leader share.
 *
 * A table is one with its backup if it has as many rows, and the same sum (modulo 2^64) of
 * 64-bit hashes of their COPY text: their order may be another.  Both sums are computed here, that of the
 * backup from its frames and that of the table by reading it, after all else is restored; so
 * nothing of the format depends on how it is done, and loading knows nothing of it.
 *
 * src/server/verify/verify_rows.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_VERIFY_ROWS_H
#define PGB_VERIFY_ROWS_H

#include "port/atomics.h"
#include "server/shmem.h"

/* How an item was dealt with. */
typedef enum PgbRowsHow
{
	PGB_ROWS_UNTOUCHED,
	PGB_ROWS_COMPARED,
	PGB_ROWS_ROUTED,			/* compared as a part of the item of its partitioned table */
	PGB_ROWS_OF_EXTENSION,		/* an extension has filled the table, too */
	PGB_ROWS_OTHER_COLUMNS		/* routed, by rows that have their columns in different orders */
} PgbRowsHow;

typedef struct PgbRowsItem
{
	int			dump_id;
	bool		is_objects;		/* large objects: rows are objects, and digests are not used */
	pg_atomic_uint32 is_taken;
	pg_atomic_uint32 how;		/* a PgbRowsHow */
	pg_atomic_uint64 own_rows;	/* of this entry of the backup */
	pg_atomic_uint64 rows;		/* in the backup, of all that belong to this item ... */
	pg_atomic_uint64 digest;
	pg_atomic_uint64 found_rows;	/* ... and in the table */
	pg_atomic_uint64 found_digest;
	pg_atomic_uint32 different; /* the first large object that is */
} PgbRowsItem;

typedef struct PgbRowsShared
{
	PgbJobRef	job;
	int			encoding;		/* of the archive's texts */
	char		backup[PGB_ID_SIZE];
	int			count;
	PgbRowsItem items[FLEXIBLE_ARRAY_MEMBER];
} PgbRowsShared;

/* A PgbCrewFunction of which shared is a PgbRowsShared. */
extern PGDLLEXPORT void pgb_verify_rows_main(void *shared, int number);

#endif							/* PGB_VERIFY_ROWS_H */
