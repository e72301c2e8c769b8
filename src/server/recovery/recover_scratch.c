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

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "server/guc.h"
#include "server/recovery/recover_work.h"
#include "utils/timestamp.h"

#define SCRATCH_LOCK	"lock"

#define SCRATCH_PREFIX	"pgbackup-"

/* From one look at what is left to the next: each is twice as long as the one before, up to ... */
#define FIRST_PAUSE		(1 * USECS_PER_SEC)
#define LONGEST_PAUSE	(1 * USECS_PER_HOUR)

static char *
prefix_of_ours(void)
{
	return psprintf(SCRATCH_PREFIX UINT64_FORMAT "-", GetSystemIdentifier());
}

/*
 * A directory of this cluster's recoveries?  The place may be one where others write, too: what another user has
 * made, or is no directory, is not ours, whatever it is called.
 */
static bool
is_ours(const PgbStore *store, const char *name)
{
	char	   *prefix = prefix_of_ours();
	struct stat st;

	return strncmp(name, prefix, strlen(prefix)) == 0 &&
		lstat(psprintf("%s/%s", store->location, name), &st) == 0 &&
		S_ISDIR(st.st_mode) && st.st_uid == geteuid();
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
	char	  **names = store->ops->list(store, "");

	for (; *names != NULL; names++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_ours(store, *names))
			remove_if_dead(store, *names);
	}
}

/* Is nothing of ours left, neither of the dead nor of the living? */
static bool
is_clean(PgbStore *store)
{
	for (char **name = store->ops->list(store, ""); *name != NULL; name++)
	{
		if (is_ours(store, *name))
			return false;
	}
	return true;
}

static bool
try_to_clean(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup scratch directories",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	volatile bool clean = false;

	PG_TRY();
	{
		if (access(pgb_guc_scratch_directory, F_OK) == 0)
		{
			PgbStore   *store = pgb_store_open(pgb_guc_scratch_directory, false);

			remove_dead(store);
			clean = is_clean(store);
		}
		else
			clean = true;
	}
	PG_CATCH();
	{
		/* nobody needs it to be gone just now */
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return clean;
}

/*
 * After a crash, processes of a sandbox may still be ending, and write to its directory or hold its lock.
 */
TimestampTz
pgb_recover_clean(void)
{
	static TimestampTz next = DT_NOBEGIN;
	static int64 pause = FIRST_PAUSE;
	TimestampTz now = GetCurrentTimestamp();

	if (now < next)
		return next;
	if (try_to_clean())
		next = DT_NOEND;
	else
	{
		next = now + pause;
		pause = Min(pause * 2, LONGEST_PAUSE);
	}
	return next;
}

void
pgb_recover_leftovers(List **dead, List **foreign)
{
	PgbStore   *store;

	*dead = *foreign = NIL;
	if (access(pgb_guc_scratch_directory, F_OK) != 0)
		return;
	store = pgb_store_open(pgb_guc_scratch_directory, false);
	for (char **name = store->ops->list(store, ""); *name != NULL; name++)
	{
		struct PgbLock *lock;

		CHECK_FOR_INTERRUPTS();
		if (!is_ours(store, *name))
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

/*
 * It may be the end of a transaction: nothing is left in the context of that.  Whoever goes last must not be
 * canceled at it, or nobody removes the directory; and an error lets interrupts in, which the caller may have held.
 */
static void
release(void *arg)
{
	PgbScratch *scratch = arg;
	uint32		holdoff = InterruptHoldoffCount;
	MemoryContext context;
	MemoryContext old;

	if (scratch->lock == NULL)
		return;
	HOLD_INTERRUPTS();
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
	InterruptHoldoffCount = holdoff;
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

const char *
pgb_scratch_trouble(void)
{
	char		parent[MAXPGPATH];

	if (access(pgb_guc_scratch_directory, R_OK | W_OK | X_OK) == 0)
		return NULL;
	if (errno != ENOENT)
		return strerror(errno);
	strlcpy(parent, pgb_guc_scratch_directory, sizeof(parent));
	get_parent_directory(parent);
	return access(parent, W_OK | X_OK) == 0 ? NULL : strerror(errno);
}

static PgbStore *
open_place(void)
{
	const char *trouble = pgb_scratch_trouble();

	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("scratch directory \"%s\" cannot be made or written: %s", pgb_guc_scratch_directory, trouble),
				 errhint("Make the directory above it, or point pgbackup.scratch_directory to one in which the server may write.")));
	return pgb_store_open(pgb_guc_scratch_directory, true);
}

/*
 * Between making the directory and sharing its lock, it looks dead to others, who may remove it.
 * Its name has our pid, so that nobody else makes it anew then, and we would share it with them.
 */
PgbScratch *
pgb_scratch_make(void)
{
	PgbStore   *store = open_place();

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
