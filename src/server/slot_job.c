/*-------------------------------------------------------------------------
 *
 * slot_job.c
 *	  A job in its slot: from the request to the result.
 *
 * src/server/slot_job.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>

#include "miscadmin.h"
#include "server/slot.h"
#include "utils/timestamp.h"

static PgbJobRef
job_ref(int slot)
{
	PgbJobRef	ref;

	ref.slot = slot;
	ref.serial = pgb_shared->slots[slot].serial;
	return ref;
}

/* The job ends with this result.  Call with the lock held. */
static void
finish_job(PgbSlot *slot, const PgbJobResult *result)
{
	slot->result = *result;
	strlcpy(slot->result.backup_id, slot->backup_id, PGB_ID_SIZE);
	slot->pid = 0;
	slot->proc = NULL;
	slot->state = slot->forgotten ? PGB_SLOT_FREE : PGB_SLOT_FINISHED;
	ConditionVariableBroadcast(&slot->changed);
}

/* ---- a backend ---- */

void
pgb_job_check_options(const char *options)
{
	if (strlen(options) >= PGB_OPTIONS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the arguments of this backup are too long"),
				 errdetail("They take %zu bytes, and at most %d are possible.",
						   strlen(options), PGB_OPTIONS_SIZE - 1),
				 errhint("Name tables by patterns or by their schemas.")));
}

bool
pgb_job_reserve(PgbJobRef *ref)
{
	bool		found = false;

	pgb_slots_lock(LW_EXCLUSIVE);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		PgbSlot    *slot = &pgb_shared->slots[i];

		if (slot->state == PGB_SLOT_FREE)
		{
			slot->serial = ++pgb_shared->last_serial;
			slot->run_id = 0;
			slot->pid = 0;
			slot->proc = NULL;
			slot->backup_id[0] = '\0';
			slot->target[0] = '\0';
			slot->state = PGB_SLOT_RESERVED;
			*ref = job_ref(i);
			found = true;
		}
	}
	pgb_slots_unlock();
	return found;
}

void
pgb_job_reserve_for_run(PgbJobRef ref, int64 run_id)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
	{
		slot->database = MyDatabaseId;
		slot->run_id = run_id;
	}
	pgb_slots_unlock();
}

/* Asks for the job of a reserved slot, which is that of this process. */
static void
request_job(PgbJobRef ref, PgbTask task, Oid role, const char *options, int64 run_id, bool forgotten)
{
	PgbSlot    *slot = &pgb_shared->slots[ref.slot];
	TimestampTz now = GetCurrentTimestamp();

	pgb_slots_lock(LW_EXCLUSIVE);
	Assert(slot->state == PGB_SLOT_RESERVED && slot->serial == ref.serial);
	slot->task = task;
	slot->database = MyDatabaseId;
	slot->role = role;
	slot->run_id = run_id;
	slot->forgotten = forgotten;
	slot->cancel_requested = false;
	strlcpy(slot->options, options, PGB_OPTIONS_SIZE);
	slot->dump_state = PGB_DUMP_ABSENT;
	slot->dump_pid = 0;
	slot->emptied_count = 0;
	slot->emptied_digest = 0;
	slot->phase = PGB_PHASE_STARTING;
	slot->started_at = now;
	slot->phase_started_at = now;
	slot->current_object[0] = '\0';
	pg_atomic_write_u64(&slot->objects_done, 0);
	pg_atomic_write_u64(&slot->objects_total, 0);
	pg_atomic_write_u64(&slot->bytes_done, 0);
	pg_atomic_write_u64(&slot->bytes_total, 0);
	memset(&slot->result, 0, sizeof(slot->result));
	slot->state = PGB_SLOT_REQUESTED;
	pgb_slots_wake_launcher();
	pgb_slots_unlock();
}

void
pgb_job_request_reserved(PgbJobRef ref, PgbTask task, Oid role, const char *options, int64 run_id)
{
	request_job(ref, task, role, options, run_id, true);
}

PgbJobRef
pgb_job_request(PgbTask task, Oid role, const char *options)
{
	PgbJobRef	ref;

	pgb_job_check_options(options);
	if (!pgb_job_reserve(&ref))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many backups are running"),
				 errdetail("At most %d can run at the same time.", PGB_MAX_JOBS),
				 errhint("Wait for one to end; the view pgbackup_progress shows them.")));
	request_job(ref, task, role, options, 0, false);
	return ref;
}

bool
pgb_job_take_result(PgbJobRef ref, PgbJobResult *result)
{
	bool		finished = false;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot == NULL)
	{
		/* cannot happen to one who has not forgotten the job */
		memset(result, 0, sizeof(*result));
		result->sqlerrcode = ERRCODE_INTERNAL_ERROR;
		strlcpy(result->message, "the backup job is gone", sizeof(result->message));
		finished = true;
	}
	else if (slot->state == PGB_SLOT_FINISHED)
	{
		*result = slot->result;
		slot->state = PGB_SLOT_FREE;
		finished = true;
	}
	pgb_slots_unlock();
	return finished;
}

bool
pgb_job_is_stranded(PgbJobRef ref)
{
	bool		stranded;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	stranded = (slot != NULL && slot->state == PGB_SLOT_REQUESTED && pgb_shared->launcher == NULL);
	pgb_slots_unlock();
	return stranded;
}

bool
pgb_job_backup_id(PgbJobRef ref, char id[PGB_ID_SIZE])
{
	PgbSlot    *slot;

	id[0] = '\0';
	slot = pgb_slot_lock(ref, LW_SHARED);
	if (slot != NULL)
		strlcpy(id, slot->backup_id, PGB_ID_SIZE);
	pgb_slots_unlock();
	return id[0] != '\0';
}

void
pgb_job_sleep(PgbJobRef ref, long milliseconds)
{
	/* slots never move, so the variable is there even if the job is not */
	ConditionVariableTimedSleep(&pgb_shared->slots[ref.slot].changed, milliseconds,
								PG_WAIT_EXTENSION);
}

void
pgb_job_sleep_end(void)
{
	ConditionVariableCancelSleep();
}

void
pgb_job_pids(PgbJobRef ref, int *worker_pid, int *dump_pid)
{
	PgbSlot    *slot;

	*worker_pid = *dump_pid = 0;
	slot = pgb_slot_lock(ref, LW_SHARED);
	if (slot != NULL && slot->state == PGB_SLOT_RUNNING)
	{
		*worker_pid = slot->pid;
		*dump_pid = slot->dump_pid;
	}
	pgb_slots_unlock();
}

bool
pgb_job_is_queued(PgbJobRef ref)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);
	bool		queued = slot != NULL && slot->state == PGB_SLOT_REQUESTED;

	pgb_slots_unlock();
	return queued;
}

void
pgb_job_forget(PgbJobRef ref)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
	{
		if (slot->state == PGB_SLOT_FINISHED || slot->state == PGB_SLOT_RESERVED ||
			(slot->state == PGB_SLOT_REQUESTED && slot->cancel_requested))
			slot->state = PGB_SLOT_FREE;
		else
			slot->forgotten = true;
	}
	pgb_slots_unlock();
}

void
pgb_job_cancel(PgbJobRef ref)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL && slot->state != PGB_SLOT_FINISHED)
	{
		/* one that has no worker yet sees the flag when it claims the job */
		slot->cancel_requested = true;
		if (slot->pid != 0)
			kill(slot->pid, SIGINT);
		pgb_slots_wake_launcher();
	}
	pgb_slots_unlock();
}

/* A backup may be restored several times at once, so that a restore goes by its database. */
static const char *
name_of(const PgbSlot *slot)
{
	return slot->target[0] != '\0' ? slot->target : slot->backup_id;
}

int
pgb_job_find(const char *name, PgbFoundJob found[PGB_MAX_JOBS])
{
	int			count = 0;

	pgb_slots_lock(LW_SHARED);
	for (int i = 0; i < PGB_MAX_JOBS; i++)
	{
		PgbSlot    *slot = &pgb_shared->slots[i];

		if (slot->state == PGB_SLOT_RUNNING && name[0] != '\0' && strcmp(name_of(slot), name) == 0)
		{
			found[count].job = job_ref(i);
			found[count].role = slot->role;
			count++;
		}
	}
	pgb_slots_unlock();
	return count;
}

bool
pgb_job_run_is_live(Oid database, int64 run_id)
{
	bool		found = false;

	pgb_slots_lock(LW_SHARED);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		PgbSlot    *slot = &pgb_shared->slots[i];

		found = (slot->state != PGB_SLOT_FREE && slot->state != PGB_SLOT_FINISHED &&
				 slot->database == database && slot->run_id == run_id);
	}
	pgb_slots_unlock();
	return found;
}

/* ---- the launcher ---- */

bool
pgb_job_next_request(PgbJobRef *ref, Oid *database)
{
	bool		found = false;

	pgb_slots_lock(LW_EXCLUSIVE);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		if (pgb_shared->slots[i].state == PGB_SLOT_REQUESTED)
		{
			pgb_shared->slots[i].state = PGB_SLOT_STARTING;
			*ref = job_ref(i);
			*database = pgb_shared->slots[i].database;
			found = true;
		}
	}
	pgb_slots_unlock();
	return found;
}

void
pgb_job_postpone(PgbJobRef ref)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL && slot->state == PGB_SLOT_STARTING)
		slot->state = PGB_SLOT_REQUESTED;
	pgb_slots_unlock();
}

bool
pgb_job_start_failed(PgbJobRef ref, int sqlerrcode, const char *message, const char *hint)
{
	PgbSlot    *slot;
	bool		unclaimed;
	PgbJobResult result;

	memset(&result, 0, sizeof(result));
	result.sqlerrcode = sqlerrcode;
	strlcpy(result.message, message, sizeof(result.message));
	strlcpy(result.hint, hint, sizeof(result.hint));

	slot = pgb_slot_lock(ref, LW_EXCLUSIVE);
	unclaimed = (slot != NULL && slot->state == PGB_SLOT_STARTING);
	if (unclaimed)
		finish_job(slot, &result);
	pgb_slots_unlock();
	return unclaimed;
}

/* ---- the job's worker ---- */

bool
pgb_job_claim(PgbJobRef ref, PgbTask *task, Oid *database, char **options)
{
	char	   *copy = palloc(PGB_OPTIONS_SIZE);
	bool		claimed = false;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL && (slot->state == PGB_SLOT_STARTING || slot->state == PGB_SLOT_REQUESTED))
	{
		slot->state = PGB_SLOT_RUNNING;
		slot->proc = MyProc;
		slot->pid = MyProcPid;
		*task = slot->task;
		*database = slot->database;
		strlcpy(copy, slot->options, PGB_OPTIONS_SIZE);
		claimed = true;
	}
	pgb_slots_unlock();
	*options = copy;
	return claimed;
}

bool
pgb_job_set_backup_id(PgbJobRef ref, const char *id)
{
	bool		is_new;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	is_new = (strcmp(pgb_shared->last_backup_id, id) != 0);
	if (slot != NULL && is_new)
	{
		strlcpy(pgb_shared->last_backup_id, id, PGB_ID_SIZE);
		strlcpy(slot->backup_id, id, PGB_ID_SIZE);
		ConditionVariableBroadcast(&slot->changed);
	}
	pgb_slots_unlock();
	return is_new;
}

void
pgb_job_set_restored(PgbJobRef ref, const char *backup_id, const char *target)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
	{
		strlcpy(slot->backup_id, backup_id, PGB_ID_SIZE);
		strlcpy(slot->target, target, sizeof(slot->target));
		ConditionVariableBroadcast(&slot->changed);
	}
	pgb_slots_unlock();
}

bool
pgb_job_describe(PgbJobRef ref, PgbTask *task, Oid *role)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	if (slot != NULL)
	{
		*task = slot->task;
		*role = slot->role;
	}
	pgb_slots_unlock();
	return slot != NULL;
}

int64
pgb_job_run_id(PgbJobRef ref)
{
	int64		run_id;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	run_id = (slot == NULL) ? 0 : slot->run_id;
	pgb_slots_unlock();
	return run_id;
}

void
pgb_job_set_run_id(PgbJobRef ref, int64 run_id)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
		slot->run_id = run_id;
	pgb_slots_unlock();
}

bool
pgb_job_cancel_requested(PgbJobRef ref)
{
	bool		requested;
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	requested = (slot != NULL && slot->cancel_requested);
	pgb_slots_unlock();
	return requested;
}

void
pgb_job_finish(PgbJobRef ref, const PgbJobResult *result)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL && slot->state == PGB_SLOT_RUNNING && slot->pid == MyProcPid)
		finish_job(slot, result);
	pgb_slots_unlock();
}
