/*-------------------------------------------------------------------------
 *
 * slot_dump.c
 *	  A job and the session of its pg_dump: each waits for the other.
 *
 * Of that session's side the hooks in logical/dump_session.c take care.
 *
 * src/server/slot_dump.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "common/hashfn.h"
#include "server/slot.h"

/* ---- the job's worker ---- */

PgbDumpState
pgb_job_dump_state(PgbJobRef ref)
{
	PgbDumpState state;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	state = (slot == NULL) ? PGB_DUMP_ABSENT : slot->dump_state;
	pgb_slots_unlock();
	return state;
}

void
pgb_job_release_dump(PgbJobRef ref)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
	{
		slot->dump_state = PGB_DUMP_RELEASED;
		ConditionVariableBroadcast(&slot->changed);
	}
	pgb_slots_unlock();
}

void
pgb_job_dump_ended(PgbJobRef ref)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
		slot->dump_pid = 0;
	pgb_slots_unlock();
}

void
pgb_job_dump_emptied(PgbJobRef ref, uint64 *count, uint64 *digest)
{
	PgbSlot    *slot;

	*count = *digest = 0;
	slot = pgb_slot_lock(ref, LW_SHARED);
	if (slot != NULL)
	{
		*count = slot->emptied_count;
		*digest = slot->emptied_digest;
	}
	pgb_slots_unlock();
}

uint64
pgb_oid_digest(Oid relid)
{
	return hash_bytes_uint32_extended((uint32) relid, 0);
}

/* ---- the session of pg_dump ---- */

static void
raise_job_is_gone(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg(PGB_JOB_IS_GONE)));
}

void
pgb_dump_attach(PgbJobRef ref)
{
	PGPROC	   *proc = NULL;
	int			pid = 0;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	if (slot != NULL && slot->state == PGB_SLOT_RUNNING && slot->dump_state == PGB_DUMP_ABSENT)
	{
		proc = slot->proc;
		pid = slot->pid;
	}
	pgb_slots_unlock();

	if (proc == NULL || !BecomeLockGroupMember(proc, pid))
		raise_job_is_gone();

	slot = pgb_slot_lock(ref, LW_EXCLUSIVE);
	if (slot != NULL)
	{
		slot->dump_state = PGB_DUMP_ATTACHED;
		slot->dump_pid = MyProcPid;
		ConditionVariableBroadcast(&slot->changed);
		SetLatch(&proc->procLatch);
	}
	pgb_slots_unlock();
}

void
pgb_dump_wait_released(PgbJobRef ref)
{
	for (;;)
	{
		PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);
		bool		gone,
					released;

		gone = (slot == NULL || slot->state != PGB_SLOT_RUNNING);
		released = (!gone && slot->dump_state == PGB_DUMP_RELEASED);
		if (!gone && slot->dump_state == PGB_DUMP_ATTACHED)
		{
			slot->dump_state = PGB_DUMP_WAITS;
			SetLatch(&slot->proc->procLatch);
		}
		pgb_slots_unlock();

		if (gone)
		{
			ConditionVariableCancelSleep();
			raise_job_is_gone();
		}
		if (released)
			break;
		pgb_job_sleep(ref, 1000);
	}
	ConditionVariableCancelSleep();
}

void
pgb_dump_emptied(PgbJobRef ref, Oid relid)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
	{
		slot->emptied_count++;
		slot->emptied_digest += pgb_oid_digest(relid);
	}
	pgb_slots_unlock();
	if (slot == NULL)
		raise_job_is_gone();
}
