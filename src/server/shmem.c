/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  The shared memory itself: its making, its lock, and whom to wake.
 *
 * src/server/shmem.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "server/slot.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/guc.h"

PgbShared  *pgb_shared = NULL;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(PgbShared)));
	RequestNamedLWLockTranche("pgbackup", 1);
}

static void
startup_shmem(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	pgb_shared = ShmemInitStruct("pgbackup", sizeof(PgbShared), &found);
	if (!found)
	{
		memset(pgb_shared, 0, sizeof(PgbShared));
		pgb_shared->lock = &GetNamedLWLockTranche("pgbackup")->lock;
		for (int i = 0; i < PGB_MAX_JOBS; i++)
		{
			PgbSlot    *slot = &pgb_shared->slots[i];

			pg_atomic_init_u64(&slot->objects_done, 0);
			pg_atomic_init_u64(&slot->objects_total, 0);
			pg_atomic_init_u64(&slot->bytes_done, 0);
			pg_atomic_init_u64(&slot->bytes_total, 0);
			ConditionVariableInit(&slot->changed);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

void
pgb_shmem_install(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

bool
pgb_shmem_ready(void)
{
	return pgb_shared != NULL;
}

void
pgb_shmem_require(void)
{
	const char *preload;

	if (pgb_shared != NULL)
		return;

	preload = GetConfigOption("shared_preload_libraries", true, false);
	if (preload == NULL || preload[0] == '\0')
		preload = "pgbackup";
	else
		preload = psprintf("%s, pgbackup", preload);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("pgbackup is not in shared_preload_libraries"),
			 errdetail("Backups run in background workers, which the server must know of when it starts."),
			 errhint("Set shared_preload_libraries = '%s' and restart the server.", preload)));
}

/* ---- slots ---- */

void
pgb_slots_lock(LWLockMode mode)
{
	LWLockAcquire(pgb_shared->lock, mode);
}

void
pgb_slots_unlock(void)
{
	LWLockRelease(pgb_shared->lock);
}

PgbSlot *
pgb_slot_lock(PgbJobRef ref, LWLockMode mode)
{
	PgbSlot    *slot;

	pgb_slots_lock(mode);
	if (ref.serial == 0 || ref.slot < 0 || ref.slot >= PGB_MAX_JOBS)
		return NULL;
	slot = &pgb_shared->slots[ref.slot];
	if (slot->serial != ref.serial || slot->state == PGB_SLOT_FREE)
		return NULL;
	return slot;
}

/* ---- the launcher ---- */

void
pgb_slots_wake_launcher(void)
{
	Assert(LWLockHeldByMe(pgb_shared->lock));
	if (pgb_shared->launcher != NULL)
		SetLatch(pgb_shared->launcher);
}

static void
detach_launcher(int code, Datum arg)
{
	pgb_slots_lock(LW_EXCLUSIVE);
	pgb_shared->launcher = NULL;
	pgb_slots_unlock();
}

void
pgb_launcher_attach(void)
{
	before_shmem_exit(detach_launcher, (Datum) 0);
	pgb_slots_lock(LW_EXCLUSIVE);
	pgb_shared->launcher = MyLatch;

	/*
	 * What an earlier launcher has left starting is asked for again.  If its
	 * worker does come up, the second one finds nothing to claim.
	 */
	for (int i = 0; i < PGB_MAX_JOBS; i++)
	{
		if (pgb_shared->slots[i].state == PGB_SLOT_STARTING)
			pgb_shared->slots[i].state = PGB_SLOT_REQUESTED;
	}
	pgb_slots_unlock();
}

void
pgb_launcher_wake(void)
{
	pgb_slots_lock(LW_SHARED);
	pgb_slots_wake_launcher();
	pgb_slots_unlock();
}
