/*-------------------------------------------------------------------------
 *
 * slot.h
 *	  The slots of jobs in shared memory, for those files that are their interface.
 *
 *	  shmem.c           the memory itself, its lock, the launcher's latch
 *	  slot_job.c        a job from the request to the result
 *	  slot_progress.c   how far it has come
 *	  slot_dump.c       the job and the session of its pg_dump
 *
 * All others know jobs by shmem.h.
 *
 * Locking: everything in PgbShared is read and written with its lock held,
 * shared or exclusive, except the atomic progress counters, and the condition
 * variables, which lock themselves.
 *
 * src/server/slot.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SLOT_H
#define PGB_SLOT_H

#include "server/compat.h"
#include "server/shmem.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

typedef enum PgbSlotState
{
	PGB_SLOT_FREE,
	PGB_SLOT_RESERVED,			/* by a pass that is about to request a job */
	PGB_SLOT_REQUESTED,			/* by a backend */
	PGB_SLOT_STARTING,			/* the launcher has registered the worker */
	PGB_SLOT_RUNNING,			/* the worker has claimed the job */
	PGB_SLOT_FINISHED			/* the result waits to be taken */
} PgbSlotState;

typedef struct PgbSlot
{
	PgbSlotState state;
	uint64		serial;			/* of the job that has the slot */
	PgbTask		task;
	Oid			database;
	Oid			role;			/* who asked for it */
	int64		run_id;			/* its row in pgbackup_runs; 0: none yet */
	bool		forgotten;		/* nobody will take the result */
	bool		cancel_requested;
	PGPROC	   *proc;			/* of its worker: leader of the lock group */
	int			pid;			/* of its worker, 0 before the claim */
	char		backup_id[PGB_ID_SIZE]; /* that it makes or restores */
	char		target[PGB_OBJECT_NAME_SIZE];	/* the database that it makes */
	char		options[PGB_OPTIONS_SIZE];

	PgbDumpState dump_state;
	int			dump_pid;		/* the backend that serves pg_dump; 0 when there is none */
	uint64		emptied_count;	/* tables it answered with no rows ... */
	uint64		emptied_digest; /* ... and the sum of their digests */

	PgbPhase	phase;
	TimestampTz started_at;
	TimestampTz phase_started_at;
	char		current_object[PGB_OBJECT_NAME_SIZE];
	pg_atomic_uint64 objects_done;
	pg_atomic_uint64 objects_total;
	pg_atomic_uint64 bytes_done;
	pg_atomic_uint64 bytes_total;

	PgbJobResult result;
	ConditionVariable changed;	/* any of the above, progress apart */
} PgbSlot;

typedef struct PgbShared
{
	LWLock	   *lock;			/* guards all that follows */
	Latch	   *launcher;		/* NULL while there is none */
	uint64		last_serial;
	char		last_backup_id[PGB_ID_SIZE];
	PgbSlot		slots[PGB_MAX_JOBS];
} PgbShared;

extern PgbShared *pgb_shared;

extern void pgb_slots_lock(LWLockMode mode);
extern void pgb_slots_unlock(void);

/*
 * Takes the lock, which is held afterwards in any case, and returns the slot of a job, or NULL
 * if that job is gone.
 */
extern PgbSlot *pgb_slot_lock(PgbJobRef ref, LWLockMode mode);

/* Call with the lock held. */
extern void pgb_slots_wake_launcher(void);

#endif							/* PGB_SLOT_H */
