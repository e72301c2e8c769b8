/*-------------------------------------------------------------------------
 *
 * recover_scratch.c
 *	  The scratch directory of one recovery.
 *
 * The backend that makes it and the job that fills it share its lock.  The kernel releases a lock
 * however its process dies, so a directory whose lock can be had alone is dead.
 *
 * src/server/recovery/recover_scratch.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/xlog.h"
#include "server/guc.h"
#include "server/recovery/recover_work.h"

#define SCRATCH_LOCK	"lock"

#define SCRATCH_PREFIX	"pgbackup-"

static char *
prefix_of_ours(void)
{
	return psprintf(SCRATCH_PREFIX UINT64_FORMAT "-", GetSystemIdentifier());
}

static char *
lock_name(const char *name)
{
	return psprintf("%s/%s", name, SCRATCH_LOCK);
}

char *
pgb_scratch_path(const PgbScratch *scratch, const char *name)
{
	return psprintf("%s/%s/%s", scratch->store->location, scratch->name, name);
}

/* ---- removal ---- */

/* Removes it unless somebody lives in it. */
static void
remove_if_dead(PgbStore *store, const char *name)
{
	struct PgbLock *lock = store->ops->lock(store, lock_name(name), false);

	if (lock == NULL)
		return;
	store->ops->discard(store, name);
	store->ops->unlock(lock);
}

static void
remove_dead(PgbStore *store)
{
	char	   *prefix = prefix_of_ours();
	char	  **names = store->ops->list(store, "");

	for (; *names != NULL; names++)
	{
		CHECK_FOR_INTERRUPTS();
		if (strncmp(*names, prefix, strlen(prefix)) == 0)
			remove_if_dead(store, *names);
	}
}

void
pgb_recover_clean(void)
{
	MemoryContext context = CurrentMemoryContext;

	if (access(pgb_guc_scratch_directory, F_OK) != 0)
		return;
	PG_TRY();
	{
		remove_dead(pgb_store_open(pgb_guc_scratch_directory, false));
	}
	PG_CATCH();
	{
		/* nobody needs it to be gone just now */
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();
}

void
pgb_recover_leftovers(List **dead, List **foreign)
{
	char	   *prefix = prefix_of_ours();
	PgbStore   *store;

	*dead = *foreign = NIL;
	if (access(pgb_guc_scratch_directory, F_OK) != 0)
		return;
	store = pgb_store_open(pgb_guc_scratch_directory, false);
	for (char **name = store->ops->list(store, ""); *name != NULL; name++)
	{
		struct PgbLock *lock;

		CHECK_FOR_INTERRUPTS();
		if (strncmp(*name, prefix, strlen(prefix)) != 0)
		{
			if (strncmp(*name, SCRATCH_PREFIX, strlen(SCRATCH_PREFIX)) == 0)
				*foreign = lappend(*foreign, *name);
			continue;
		}
		lock = store->ops->lock(store, lock_name(*name), false);
		if (lock == NULL)
			continue;
		store->ops->unlock(lock);
		*dead = lappend(*dead, *name);
	}
}

/* ---- life ---- */

/* It may be the end of a transaction: nothing is left in the context of that. */
static void
release(void *arg)
{
	PgbScratch *scratch = arg;
	MemoryContext context;
	MemoryContext old;

	if (scratch->lock == NULL)
		return;
	scratch->store->ops->unlock(scratch->lock);
	scratch->lock = NULL;

	context = AllocSetContextCreate(TopMemoryContext, "pgbackup scratch directory",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	PG_TRY();
	{
		remove_if_dead(scratch->store, scratch->name);
	}
	PG_CATCH();
	{
		/* the next recovery tries again */
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
pgb_scratch_release(PgbScratch *scratch)
{
	if (scratch != NULL)
		release(scratch);
}

static PgbScratch *
create(PgbStore *store, const char *name)
{
	PgbScratch *scratch = palloc0(sizeof(PgbScratch));

	scratch->store = store;
	scratch->name = pstrdup(name);
	pgb_resource_keep(&scratch->resource, release, scratch);
	scratch->lock = store->ops->share(store, lock_name(name));
	return scratch;
}

/*
 * Between making the directory and sharing its lock, it looks dead to others, who may remove it.
 * Its name has our pid, so that nobody else makes it anew then, and we would share it with them.
 */
PgbScratch *
pgb_scratch_make(void)
{
	PgbStore   *store = pgb_store_open(pgb_guc_scratch_directory, true);

	remove_dead(store);
	for (uint32 number = 1;; number++)
	{
		char	   *name = psprintf("%s%d-%u", prefix_of_ours(), MyProcPid, number);
		struct PgbLock *lock;
		PgbScratch *scratch;

		CHECK_FOR_INTERRUPTS();
		if (!store->ops->make_folder(store, name))
			continue;
		lock = store->ops->lock(store, lock_name(name), false);
		if (lock != NULL)
			store->ops->unlock(lock);
		scratch = create(store, name);

		if (scratch->lock != NULL)
			return scratch;
	}
}

PgbScratch *
pgb_scratch_join(const char *name)
{
	PgbScratch *scratch = create(pgb_store_open(pgb_guc_scratch_directory, false), name);

	if (scratch->lock == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("the scratch directory \"%s\" of this recovery is gone",
						pgb_scratch_path(scratch, ""))));
	return scratch;
}
