/*-------------------------------------------------------------------------
 *
 * slot_progress.c
 *	  How far a job has come: written by its processes, shown by pgbackup_progress.
 *
 * The counters are atomic, and data workers write them without the lock.
 *
 * src/server/slot_progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "repo/manifest.h"
#include "server/slot.h"
#include "utils/timestamp.h"

/* ---- the job's worker ---- */

void
pgb_job_set_phase(PgbJobRef ref, PgbPhase phase)
{
	TimestampTz now = GetCurrentTimestamp();
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
	{
		slot->phase = phase;
		slot->phase_started_at = now;
		slot->current_object[0] = '\0';
	}
	pgb_slots_unlock();
}

void
pgb_job_set_totals(PgbJobRef ref, uint64 objects, uint64 bytes)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	if (slot != NULL)
	{
		pg_atomic_write_u64(&slot->objects_total, objects);
		pg_atomic_write_u64(&slot->bytes_total, bytes);
	}
	pgb_slots_unlock();
}

void
pgb_job_set_bytes(PgbJobRef ref, uint64 done)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_SHARED);

	if (slot != NULL)
		pg_atomic_write_u64(&slot->bytes_done, done);
	pgb_slots_unlock();
}

void
pgb_job_begin_phase(PgbJobRef ref, PgbPhase phase, uint64 objects, uint64 bytes)
{
	PgbSlot    *slot;

	pgb_job_set_phase(ref, phase);
	slot = pgb_slot_lock(ref, LW_SHARED);
	if (slot != NULL)
	{
		pg_atomic_write_u64(&slot->objects_done, 0);
		pg_atomic_write_u64(&slot->bytes_done, 0);
	}
	pgb_slots_unlock();
	pgb_job_set_totals(ref, objects, bytes);
}

/* ---- data workers ---- */

/*
 * A data worker lives no longer than its job, whose slot is thus its own: the
 * counters need no lock.
 */
void
pgb_job_add_bytes(PgbJobRef ref, uint64 bytes)
{
	pg_atomic_fetch_add_u64(&pgb_shared->slots[ref.slot].bytes_done, (int64) bytes);
}

void
pgb_job_add_object(PgbJobRef ref)
{
	pg_atomic_fetch_add_u64(&pgb_shared->slots[ref.slot].objects_done, 1);
}

void
pgb_job_set_object(PgbJobRef ref, const char *schema_name, const char *name)
{
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
		snprintf(slot->current_object, sizeof(slot->current_object), "%s.%s", schema_name, name);
	pgb_slots_unlock();
}

void
pgb_job_set_path(PgbJobRef ref, const char *path)
{
	char	   *text = pgb_bytes_to_text(path);
	PgbSlot    *slot = pgb_slot_lock(ref, LW_EXCLUSIVE);

	if (slot != NULL)
		strlcpy(slot->current_object, text, sizeof(slot->current_object));
	pgb_slots_unlock();
	pfree(text);
}

/* ---- who looks ---- */

bool
pgb_job_progress(int number, PgbJobProgress *progress)
{
	PgbSlot    *slot = &pgb_shared->slots[number];
	bool		found = false;

	pgb_slots_lock(LW_SHARED);
	if (slot->state == PGB_SLOT_REQUESTED || slot->state == PGB_SLOT_STARTING ||
		slot->state == PGB_SLOT_RUNNING)
	{
		found = true;
		strlcpy(progress->backup_id, slot->backup_id, PGB_ID_SIZE);
		strlcpy(progress->target, slot->target, sizeof(progress->target));
		progress->task = slot->task;
		progress->database = slot->database;
		progress->pid = slot->pid;
		progress->phase = slot->phase;
		progress->started_at = slot->started_at;
		progress->phase_started_at = slot->phase_started_at;
		progress->objects_done = pg_atomic_read_u64(&slot->objects_done);
		progress->objects_total = pg_atomic_read_u64(&slot->objects_total);
		progress->bytes_done = pg_atomic_read_u64(&slot->bytes_done);
		progress->bytes_total = pg_atomic_read_u64(&slot->bytes_total);
		strlcpy(progress->current_object, slot->current_object,
				sizeof(progress->current_object));
	}
	pgb_slots_unlock();
	return found;
}
