/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  What a process takes at once.
 *
 * To make one object durable is to wait for the disk several times; for some that were written one after
 * the other it is hardly more often.
 *
 * src/server/archive/batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/archive/archive.h"

bool
pgb_archive_work(const PgbArchiveBatch *batch)
{
	volatile int done = 0;

	PG_TRY();
	{
		done = pgb_archive_store(batch->location, batch->names, batch->count);
	}
	PG_CATCH();
	{
		pgb_archive_claim_end(batch, 0);
		PG_RE_THROW();
	}
	PG_END_TRY();

	pgb_archive_claim_end(batch, done);
	return done == batch->count;
}

/* What is not possible the archiver will try again when its turn comes, and say what is wrong. */
bool
pgb_archive_try_to_work(const PgbArchiveBatch *batch)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool stored = false;

	PG_TRY();
	{
		stored = pgb_archive_work(batch);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();
	return stored;
}
