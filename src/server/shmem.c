/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  The shared memory: jobs, from the request to the result.
 *
 * Locking: everything in PgbShared is read and written with its lock held,
 * shared or exclusive, except the atomic progress counters, and the condition
 * variables, which lock themselves.
 *
 * src/server/shmem.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "repo/manifest.h"
#include "server/compat.h"
#include "server/shmem.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

typedef enum JobState
{
	JOB_FREE,
	JOB_RESERVED,				/* by a pass that is about to request it */
	JOB_REQUESTED,				/* by a backend */
	JOB_STARTING,				/* the launcher has registered its worker */
	JOB_RUNNING,				/* its worker has claimed it */
	JOB_FINISHED				/* the result waits to be taken */
} JobState;

typedef struct Job
{
	JobState	state;
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
	int			dump_pid;		/* the backend that serves pg_dump */
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
} Job;

typedef struct PgbShared
{
	LWLock	   *lock;			/* guards all that follows */
	Latch	   *launcher;		/* NULL while there is none */
	uint64		last_serial;
	char		last_backup_id[PGB_ID_SIZE];
	Job			jobs[PGB_MAX_JOBS];
} PgbShared;

static PgbShared *shared = NULL;
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
	shared = ShmemInitStruct("pgbackup", sizeof(PgbShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(PgbShared));
		shared->lock = &GetNamedLWLockTranche("pgbackup")->lock;
		for (int i = 0; i < PGB_MAX_JOBS; i++)
		{
			Job		   *job = &shared->jobs[i];

			pg_atomic_init_u64(&job->objects_done, 0);
			pg_atomic_init_u64(&job->objects_total, 0);
			pg_atomic_init_u64(&job->bytes_done, 0);
			pg_atomic_init_u64(&job->bytes_total, 0);
			ConditionVariableInit(&job->changed);
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
	return shared != NULL;
}

void
pgb_shmem_require(void)
{
	const char *preload;

	if (shared != NULL)
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

/* The slot of a job, or NULL if that job is gone.  Call with the lock held. */
static Job *
find_job(PgbJobRef ref)
{
	Job		   *job;

	Assert(LWLockHeldByMe(shared->lock));
	if (ref.serial == 0 || ref.slot < 0 || ref.slot >= PGB_MAX_JOBS)
		return NULL;
	job = &shared->jobs[ref.slot];
	if (job->serial != ref.serial || job->state == JOB_FREE)
		return NULL;
	return job;
}

static PgbJobRef
job_ref(int slot)
{
	PgbJobRef	ref;

	ref.slot = slot;
	ref.serial = shared->jobs[slot].serial;
	return ref;
}

static void
wake_launcher(void)
{
	Assert(LWLockHeldByMe(shared->lock));
	if (shared->launcher != NULL)
		SetLatch(shared->launcher);
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

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		Job		   *job = &shared->jobs[i];

		if (job->state == JOB_FREE)
		{
			job->serial = ++shared->last_serial;
			job->run_id = 0;
			job->pid = 0;
			job->proc = NULL;
			job->backup_id[0] = '\0';
			job->target[0] = '\0';
			job->state = JOB_RESERVED;
			*ref = job_ref(i);
			found = true;
		}
	}
	LWLockRelease(shared->lock);
	return found;
}

/* Asks for the job of a reserved slot, which is that of this process. */
static void
request_job(PgbJobRef ref, PgbTask task, Oid role, const char *options, int64 run_id, bool forgotten)
{
	Job		   *job = &shared->jobs[ref.slot];
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	Assert(job->state == JOB_RESERVED && job->serial == ref.serial);
	job->task = task;
	job->database = MyDatabaseId;
	job->role = role;
	job->run_id = run_id;
	job->forgotten = forgotten;
	job->cancel_requested = false;
	strlcpy(job->options, options, PGB_OPTIONS_SIZE);
	job->dump_state = PGB_DUMP_ABSENT;
	job->dump_pid = 0;
	job->emptied_count = 0;
	job->emptied_digest = 0;
	job->phase = PGB_PHASE_STARTING;
	job->started_at = now;
	job->phase_started_at = now;
	job->current_object[0] = '\0';
	pg_atomic_write_u64(&job->objects_done, 0);
	pg_atomic_write_u64(&job->objects_total, 0);
	pg_atomic_write_u64(&job->bytes_done, 0);
	pg_atomic_write_u64(&job->bytes_total, 0);
	memset(&job->result, 0, sizeof(job->result));
	job->state = JOB_REQUESTED;
	wake_launcher();
	LWLockRelease(shared->lock);
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
	Job		   *job;
	bool		finished = false;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job == NULL)
	{
		/* cannot happen to one who has not forgotten the job */
		memset(result, 0, sizeof(*result));
		result->sqlerrcode = ERRCODE_INTERNAL_ERROR;
		strlcpy(result->message, "the backup job is gone", sizeof(result->message));
		finished = true;
	}
	else if (job->state == JOB_FINISHED)
	{
		*result = job->result;
		job->state = JOB_FREE;
		finished = true;
	}
	LWLockRelease(shared->lock);
	return finished;
}

bool
pgb_job_is_stranded(PgbJobRef ref)
{
	Job		   *job;
	bool		stranded;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	stranded = (job != NULL && job->state == JOB_REQUESTED && shared->launcher == NULL);
	LWLockRelease(shared->lock);
	return stranded;
}

bool
pgb_job_backup_id(PgbJobRef ref, char id[PGB_ID_SIZE])
{
	Job		   *job;

	id[0] = '\0';
	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL)
		strlcpy(id, job->backup_id, PGB_ID_SIZE);
	LWLockRelease(shared->lock);
	return id[0] != '\0';
}

void
pgb_job_sleep(PgbJobRef ref, long milliseconds)
{
	/* slots never move, so the variable is there even if the job is not */
	ConditionVariableTimedSleep(&shared->jobs[ref.slot].changed, milliseconds,
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
	Job		   *job;

	*worker_pid = *dump_pid = 0;
	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL && job->state == JOB_RUNNING)
	{
		*worker_pid = job->pid;
		*dump_pid = job->dump_pid;
	}
	LWLockRelease(shared->lock);
}

void
pgb_job_forget(PgbJobRef ref)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
	{
		if (job->state == JOB_FINISHED || job->state == JOB_RESERVED ||
			(job->state == JOB_REQUESTED && job->cancel_requested))
			job->state = JOB_FREE;
		else
			job->forgotten = true;
	}
	LWLockRelease(shared->lock);
}

void
pgb_job_cancel(PgbJobRef ref)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL && job->state != JOB_FINISHED)
	{
		/* one that has no worker yet sees the flag when it claims the job */
		job->cancel_requested = true;
		if (job->pid != 0)
			kill(job->pid, SIGINT);
		wake_launcher();
	}
	LWLockRelease(shared->lock);
}

/* A backup may be restored several times at once, so that a restore goes by its database. */
static const char *
name_of(const Job *job)
{
	return job->target[0] != '\0' ? job->target : job->backup_id;
}

bool
pgb_job_find(const char *name, PgbJobRef *ref, Oid *role)
{
	bool		found = false;

	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		Job		   *job = &shared->jobs[i];

		if (job->state == JOB_RUNNING && name[0] != '\0' && strcmp(name_of(job), name) == 0)
		{
			*ref = job_ref(i);
			*role = job->role;
			found = true;
		}
	}
	LWLockRelease(shared->lock);
	return found;
}

bool
pgb_job_run_is_live(Oid database, int64 run_id)
{
	bool		found = false;

	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		Job		   *job = &shared->jobs[i];

		found = (job->state != JOB_FREE && job->state != JOB_FINISHED &&
				 job->database == database && job->run_id == run_id);
	}
	LWLockRelease(shared->lock);
	return found;
}

bool
pgb_job_progress(int slot, PgbJobProgress *progress)
{
	Job		   *job = &shared->jobs[slot];
	bool		found = false;

	LWLockAcquire(shared->lock, LW_SHARED);
	if (job->state == JOB_REQUESTED || job->state == JOB_STARTING || job->state == JOB_RUNNING)
	{
		found = true;
		strlcpy(progress->backup_id, job->backup_id, PGB_ID_SIZE);
		strlcpy(progress->target, job->target, sizeof(progress->target));
		progress->task = job->task;
		progress->database = job->database;
		progress->pid = job->pid;
		progress->phase = job->phase;
		progress->started_at = job->started_at;
		progress->phase_started_at = job->phase_started_at;
		progress->objects_done = pg_atomic_read_u64(&job->objects_done);
		progress->objects_total = pg_atomic_read_u64(&job->objects_total);
		progress->bytes_done = pg_atomic_read_u64(&job->bytes_done);
		progress->bytes_total = pg_atomic_read_u64(&job->bytes_total);
		strlcpy(progress->current_object, job->current_object,
				sizeof(progress->current_object));
	}
	LWLockRelease(shared->lock);
	return found;
}

/* ---- the launcher ---- */

static void
detach_launcher(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = NULL;
	LWLockRelease(shared->lock);
}

void
pgb_launcher_attach(void)
{
	before_shmem_exit(detach_launcher, (Datum) 0);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = MyLatch;

	/*
	 * What an earlier launcher has left starting is asked for again.  If its
	 * worker does come up, the second one finds nothing to claim.
	 */
	for (int i = 0; i < PGB_MAX_JOBS; i++)
	{
		if (shared->jobs[i].state == JOB_STARTING)
			shared->jobs[i].state = JOB_REQUESTED;
	}
	LWLockRelease(shared->lock);
}

bool
pgb_job_next_request(PgbJobRef *ref, Oid *database)
{
	bool		found = false;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < PGB_MAX_JOBS && !found; i++)
	{
		if (shared->jobs[i].state == JOB_REQUESTED)
		{
			shared->jobs[i].state = JOB_STARTING;
			*ref = job_ref(i);
			*database = shared->jobs[i].database;
			found = true;
		}
	}
	LWLockRelease(shared->lock);
	return found;
}

/* The job ends with this result.  Call with the lock held. */
static void
finish_job(Job *job, const PgbJobResult *result)
{
	job->result = *result;
	strlcpy(job->result.backup_id, job->backup_id, PGB_ID_SIZE);
	job->pid = 0;
	job->proc = NULL;
	job->state = job->forgotten ? JOB_FREE : JOB_FINISHED;
	ConditionVariableBroadcast(&job->changed);
}

void
pgb_launcher_wake(void)
{
	LWLockAcquire(shared->lock, LW_SHARED);
	wake_launcher();
	LWLockRelease(shared->lock);
}

void
pgb_job_postpone(PgbJobRef ref)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL && job->state == JOB_STARTING)
		job->state = JOB_REQUESTED;
	LWLockRelease(shared->lock);
}

bool
pgb_job_start_failed(PgbJobRef ref, int sqlerrcode, const char *message, const char *hint)
{
	Job		   *job;
	bool		unclaimed;
	PgbJobResult result;

	memset(&result, 0, sizeof(result));
	result.sqlerrcode = sqlerrcode;
	strlcpy(result.message, message, sizeof(result.message));
	strlcpy(result.hint, hint, sizeof(result.hint));

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	unclaimed = (job != NULL && job->state == JOB_STARTING);
	if (unclaimed)
		finish_job(job, &result);
	LWLockRelease(shared->lock);
	return unclaimed;
}

/* ---- the job's worker ---- */

bool
pgb_job_claim(PgbJobRef ref, PgbTask *task, Oid *database, char **options)
{
	char	   *copy = palloc(PGB_OPTIONS_SIZE);
	Job		   *job;
	bool		claimed = false;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL && (job->state == JOB_STARTING || job->state == JOB_REQUESTED))
	{
		job->state = JOB_RUNNING;
		job->proc = MyProc;
		job->pid = MyProcPid;
		*task = job->task;
		*database = job->database;
		strlcpy(copy, job->options, PGB_OPTIONS_SIZE);
		claimed = true;
	}
	LWLockRelease(shared->lock);
	*options = copy;
	return claimed;
}

bool
pgb_job_set_backup_id(PgbJobRef ref, const char *id)
{
	Job		   *job;
	bool		is_new;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	is_new = (strcmp(shared->last_backup_id, id) != 0);
	if (job != NULL && is_new)
	{
		strlcpy(shared->last_backup_id, id, PGB_ID_SIZE);
		strlcpy(job->backup_id, id, PGB_ID_SIZE);
		ConditionVariableBroadcast(&job->changed);
	}
	LWLockRelease(shared->lock);
	return is_new;
}

void
pgb_job_set_restored(PgbJobRef ref, const char *backup_id, const char *target)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
	{
		strlcpy(job->backup_id, backup_id, PGB_ID_SIZE);
		strlcpy(job->target, target, sizeof(job->target));
		ConditionVariableBroadcast(&job->changed);
	}
	LWLockRelease(shared->lock);
}

bool
pgb_job_describe(PgbJobRef ref, PgbTask *task, Oid *role)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL)
	{
		*task = job->task;
		*role = job->role;
	}
	LWLockRelease(shared->lock);
	return job != NULL;
}

int64
pgb_job_run_id(PgbJobRef ref)
{
	Job		   *job;
	int64		run_id;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	run_id = (job == NULL) ? 0 : job->run_id;
	LWLockRelease(shared->lock);
	return run_id;
}

void
pgb_job_set_run_id(PgbJobRef ref, int64 run_id)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
		job->run_id = run_id;
	LWLockRelease(shared->lock);
}

bool
pgb_job_cancel_requested(PgbJobRef ref)
{
	Job		   *job;
	bool		requested;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	requested = (job != NULL && job->cancel_requested);
	LWLockRelease(shared->lock);
	return requested;
}

void
pgb_job_finish(PgbJobRef ref, const PgbJobResult *result)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL && job->state == JOB_RUNNING && job->pid == MyProcPid)
		finish_job(job, result);
	LWLockRelease(shared->lock);
}

void
pgb_job_set_phase(PgbJobRef ref, PgbPhase phase)
{
	Job		   *job;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
	{
		job->phase = phase;
		job->phase_started_at = now;
		job->current_object[0] = '\0';
	}
	LWLockRelease(shared->lock);
}

void
pgb_job_set_totals(PgbJobRef ref, uint64 objects, uint64 bytes)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL)
	{
		pg_atomic_write_u64(&job->objects_total, objects);
		pg_atomic_write_u64(&job->bytes_total, bytes);
	}
	LWLockRelease(shared->lock);
}

void
pgb_job_set_bytes(PgbJobRef ref, uint64 done)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL)
		pg_atomic_write_u64(&job->bytes_done, done);
	LWLockRelease(shared->lock);
}

void
pgb_job_begin_bytes(PgbJobRef ref, PgbPhase phase, uint64 total)
{
	pgb_job_set_phase(ref, phase);
	pgb_job_set_bytes(ref, 0);
	pgb_job_set_totals(ref, 0, total);
}

PgbDumpState
pgb_job_dump_state(PgbJobRef ref)
{
	Job		   *job;
	PgbDumpState state;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	state = (job == NULL) ? PGB_DUMP_ABSENT : job->dump_state;
	LWLockRelease(shared->lock);
	return state;
}

void
pgb_job_release_dump(PgbJobRef ref)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
	{
		job->dump_state = PGB_DUMP_RELEASED;
		ConditionVariableBroadcast(&job->changed);
	}
	LWLockRelease(shared->lock);
}

void
pgb_job_dump_emptied(PgbJobRef ref, uint64 *count, uint64 *digest)
{
	Job		   *job;

	*count = *digest = 0;
	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL)
	{
		*count = job->emptied_count;
		*digest = job->emptied_digest;
	}
	LWLockRelease(shared->lock);
}

uint64
pgb_oid_digest(Oid relid)
{
	return hash_bytes_uint32_extended((uint32) relid, 0);
}

/* ---- data workers ---- */

/*
 * A data worker lives no longer than its job, whose slot is thus its own: the
 * counters need no lock.
 */
void
pgb_job_add_bytes(PgbJobRef ref, uint64 bytes)
{
	pg_atomic_fetch_add_u64(&shared->jobs[ref.slot].bytes_done, (int64) bytes);
}

void
pgb_job_add_object(PgbJobRef ref)
{
	pg_atomic_fetch_add_u64(&shared->jobs[ref.slot].objects_done, 1);
}

void
pgb_job_set_object(PgbJobRef ref, const char *schema_name, const char *name)
{
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
		snprintf(job->current_object, sizeof(job->current_object), "%s.%s", schema_name, name);
	LWLockRelease(shared->lock);
}

void
pgb_job_set_path(PgbJobRef ref, const char *path)
{
	char	   *text = pgb_bytes_to_text(path);
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
		strlcpy(job->current_object, text, sizeof(job->current_object));
	LWLockRelease(shared->lock);
	pfree(text);
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
	Job		   *job;
	PGPROC	   *proc = NULL;
	int			pid = 0;

	LWLockAcquire(shared->lock, LW_SHARED);
	job = find_job(ref);
	if (job != NULL && job->state == JOB_RUNNING && job->dump_pid == 0)
	{
		proc = job->proc;
		pid = job->pid;
	}
	LWLockRelease(shared->lock);

	if (proc == NULL || !BecomeLockGroupMember(proc, pid))
		raise_job_is_gone();

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
	{
		job->dump_state = PGB_DUMP_ATTACHED;
		job->dump_pid = MyProcPid;
		ConditionVariableBroadcast(&job->changed);
		SetLatch(&proc->procLatch);
	}
	LWLockRelease(shared->lock);
}

void
pgb_dump_wait_released(PgbJobRef ref)
{
	for (;;)
	{
		Job		   *job;
		bool		gone,
					released;

		LWLockAcquire(shared->lock, LW_EXCLUSIVE);
		job = find_job(ref);
		gone = (job == NULL || job->state != JOB_RUNNING);
		released = (!gone && job->dump_state == PGB_DUMP_RELEASED);
		if (!gone && job->dump_state == PGB_DUMP_ATTACHED)
		{
			job->dump_state = PGB_DUMP_WAITS;
			SetLatch(&job->proc->procLatch);
		}
		LWLockRelease(shared->lock);

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
	Job		   *job;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	job = find_job(ref);
	if (job != NULL)
	{
		job->emptied_count++;
		job->emptied_digest += pgb_oid_digest(relid);
	}
	LWLockRelease(shared->lock);
	if (job == NULL)
		raise_job_is_gone();
}
