/*-------------------------------------------------------------------------
 *
 * find_open.c
 *	  What the transactions that have not ended hold, while the WAL is read.
 *
 * src/server/drops/find_open.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/transam.h"
#include "catalog/storage_xlog.h"
#include "nodes/pg_list.h"
#include "server/drops/find.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

HTAB *
pgb_find_open_create(void)
{
	HASHCTL		control = {
		.keysize = sizeof(TransactionId),
		.entrysize = sizeof(PgbFindTransaction),
		.hcxt = CurrentMemoryContext
	};

	return hash_create("pgbackup open transactions", 64, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static PgbFindTransaction *
get_transaction(HTAB *open, TransactionId xid)
{
	bool		found;
	PgbFindTransaction *transaction = hash_search(open, &xid, HASH_ENTER, &found);

	if (!found)
	{
		transaction->lsn = InvalidXLogRecPtr;
		transaction->locks = transaction->created = transaction->rows = NIL;
		transaction->context = NULL;
		transaction->context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup open transaction",
													 ALLOCSET_SMALL_SIZES);
	}
	return transaction;
}

void
pgb_find_open_lock(HTAB *open, TransactionId xid, Oid database, Oid oid, XLogRecPtr lsn)
{
	PgbFindTransaction *transaction = get_transaction(open, xid);
	MemoryContext caller = MemoryContextSwitchTo(transaction->context);
	PgbFindRelation *relation = palloc(sizeof(PgbFindRelation));

	relation->database = database;
	relation->oid = oid;
	transaction->locks = lappend(transaction->locks, relation);
	if (XLogRecPtrIsInvalid(transaction->lsn))
		transaction->lsn = lsn;
	MemoryContextSwitchTo(caller);
}

void
pgb_find_open_file(HTAB *open, TransactionId xid, const PgbRelFileLocator *file)
{
	PgbFindTransaction *transaction = get_transaction(open, xid);
	MemoryContext caller = MemoryContextSwitchTo(transaction->context);
	PgbRelFileLocator *copy = palloc(sizeof(PgbRelFileLocator));

	*copy = *file;
	transaction->created = lappend(transaction->created, copy);
	MemoryContextSwitchTo(caller);
}

void
pgb_find_open_row(HTAB *open, TransactionId xid, const PgbFindRow *row)
{
	PgbFindTransaction *transaction = get_transaction(open, xid);
	MemoryContext caller = MemoryContextSwitchTo(transaction->context);
	PgbFindRow *copy = palloc(sizeof(PgbFindRow));

	*copy = *row;
	transaction->rows = lappend(transaction->rows, copy);
	MemoryContextSwitchTo(caller);
}

static void
forget_transaction(HTAB *open, PgbFindTransaction *transaction)
{
	MemoryContextDelete(transaction->context);
	(void) hash_search(open, &transaction->xid, HASH_REMOVE, NULL);
}

void
pgb_find_open_take(HTAB *open, TransactionId xid, PgbFindTransaction *whole)
{
	PgbFindTransaction *part = hash_search(open, &xid, HASH_FIND, NULL);
	ListCell   *cell;

	if (part == NULL)
		return;
	if (!XLogRecPtrIsInvalid(part->lsn) &&
		(XLogRecPtrIsInvalid(whole->lsn) || part->lsn < whole->lsn))
		whole->lsn = part->lsn;
	foreach(cell, part->locks)
	{
		PgbFindRelation *relation = palloc(sizeof(PgbFindRelation));

		*relation = *(PgbFindRelation *) lfirst(cell);
		whole->locks = lappend(whole->locks, relation);
	}
	foreach(cell, part->created)
	{
		PgbRelFileLocator *file = palloc(sizeof(PgbRelFileLocator));

		*file = *(PgbRelFileLocator *) lfirst(cell);
		whole->created = lappend(whole->created, file);
	}
	foreach(cell, part->rows)
	{
		PgbFindRow *row = palloc(sizeof(PgbFindRow));

		*row = *(PgbFindRow *) lfirst(cell);
		whole->rows = lappend(whole->rows, row);
	}
	forget_transaction(open, part);
}

void
pgb_find_open_prune(HTAB *open, TransactionId oldest)
{
	HASH_SEQ_STATUS status;
	PgbFindTransaction *transaction;

	hash_seq_init(&status, open);
	while ((transaction = hash_seq_search(&status)) != NULL)
	{
		if (!TransactionIdIsValid(oldest) || TransactionIdPrecedes(transaction->xid, oldest))
			forget_transaction(open, transaction);
	}
}
