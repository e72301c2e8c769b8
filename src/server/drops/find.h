/*-------------------------------------------------------------------------
 *
 * find.h
 *	  Drops that are found in the archived WAL.
 *
 *	  find_wal.c      the records of the archive, from one LSN on, over gaps
 *	  find_open.c     what the transactions that have not ended hold
 *	  find_drops.c    which of them drop or truncate a table
 *
 * src/server/drops/find.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FIND_H
#define PGB_FIND_H

#include "server/compat.h"
#include "server/wal_records.h"

/* ---- find_wal.c ---- */

/*
 * Calls note for each record of the archive from an LSN on (0: the oldest one), on the way to the end of
 * the newest timeline, until it returns false.  What is missing or damaged is a WARNING, after
 * which forget is called, and the records after it follow.
 */
extern void pgb_find_records(PgbRepository *repository, XLogRecPtr from, PgbNoteRecord note,
							 void (*forget) (void *arg), void *arg);

/* ---- find_open.c ---- */

typedef struct PgbFindRelation
{
	Oid			database;
	Oid			oid;
} PgbFindRelation;

typedef struct PgbFindTransaction
{
	TransactionId xid;			/* the key: also that of a subtransaction */
	XLogRecPtr	lsn;			/* where its first lock is in the WAL; invalid: none */
	List	   *locks;			/* PgbFindRelation *, with AccessExclusiveLock */
	List	   *created;		/* PgbRelFileLocator * */
	MemoryContext context;
} PgbFindTransaction;

/* All are kept in the current memory context. */
extern HTAB *pgb_find_open_create(void);
extern void pgb_find_open_lock(HTAB *open, TransactionId xid, Oid database, Oid oid, XLogRecPtr lsn);
extern void pgb_find_open_file(HTAB *open, TransactionId xid, const PgbRelFileLocator *file);

/* Appends what a transaction holds to another, which is not in the table, and forgets it there. */
extern void pgb_find_open_take(HTAB *open, TransactionId xid, PgbFindTransaction *whole);

/* Forgets those before this one; for InvalidTransactionId all. */
extern void pgb_find_open_prune(HTAB *open, TransactionId oldest);

#endif							/* PGB_FIND_H */
