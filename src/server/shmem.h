/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  The shared memory: jobs, from the request to the result.
 *
 * A job has a slot.  A backend requests it, the launcher starts a worker for
 * it, the worker claims it and finishes it, and whoever waits takes the result
 * and frees the slot.  A slot is used again, so everybody names a job by its
 * reference, which holds a serial number as well; a reference to a job that is
 * gone is harmless.
 *
 * The fields of a slot are in slot.h, for the files that implement this one.
 *
 * src/server/shmem.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SHMEM_H
#define PGB_SHMEM_H

#include "port/atomics.h"
#include "repo/layout.h"
#include "server/result.h"
#include "storage/proc.h"

/* Backups that can run at the same time. */
#define PGB_MAX_JOBS		16

/* Schema and name of a table, in UTF-8: whatever the encoding, at most twice as long. */
#define PGB_OBJECT_NAME_SIZE	(4 * NAMEDATALEN + 2)

/* What was asked for, as JSON: long lists of tables must fit. */
#define PGB_OPTIONS_SIZE	16384

typedef struct PgbJobRef
{
	int			slot;
	uint64		serial;			/* 0: no job */
} PgbJobRef;

/* What the job does: task.h has the names and the functions. */
typedef enum PgbTask
{
	PGB_TASK_LOGICAL,			/* a logical backup of its database */
	PGB_TASK_FULL,				/* a base backup of the cluster */
	PGB_TASK_RESTORE_DATABASE,	/* a logical backup into a new database */
	PGB_TASK_RECOVER,			/* tables as they were at a moment */
	PGB_TASK_VERIFY				/* are backups what they were? */
} PgbTask;

/*
 * In the order in which they come; progress.c has their names.  One of the phases of a task is that in which
 * the bytes are counted.
 */
typedef enum PgbPhase
{
	PGB_PHASE_STARTING,
	PGB_PHASE_DUMPING_SCHEMA,	/* pg_dump reads the catalogs */
	PGB_PHASE_EXPORTING,		/* data workers write the tables: bytes */
	PGB_PHASE_COMPRESSING,		/* what pg_dump itself has written */
	PGB_PHASE_CHECKPOINT,		/* a base backup begins with one */
	PGB_PHASE_COPYING,			/* data workers copy files: bytes */
	PGB_PHASE_WAL,				/* until the archive has what the backup needs */
	PGB_PHASE_SYNCING,			/* the barrier, and the manifest */

	/* of a restore */
	PGB_PHASE_CREATING,			/* roles, and the database */
	PGB_PHASE_RESTORING_SCHEMA, /* pg_restore, up to the rows */
	PGB_PHASE_WAITING,			/* there is no background worker to be had */
	PGB_PHASE_LOADING,			/* data workers load rows and large objects */
	PGB_PHASE_INDEXING,			/* pg_restore, what comes after the rows */
	PGB_PHASE_ANALYZING,
	PGB_PHASE_FINISHING,		/* settings of the database, and its name */

	/* of a recovery */
	PGB_PHASE_LAYING_DOWN,		/* files of a base backup become a sandbox: bytes */
	PGB_PHASE_REPLAYING,		/* the sandbox replays WAL: bytes */

	/* of a verification, besides those of a restore and a recovery */
	PGB_PHASE_VERIFYING,		/* what is stored: bytes */
	PGB_PHASE_COMPARING,		/* rows of the backup with those of restored tables: bytes */
	PGB_PHASE_CHECKING			/* relations of the sandbox, whose pages are the bytes */
} PgbPhase;

/* What pgbackup_progress shows of a running job. */
typedef struct PgbJobProgress
{
	char		backup_id[PGB_ID_SIZE]; /* empty until it has one */
	char		target[PGB_OBJECT_NAME_SIZE];	/* the database that it makes, in UTF-8, or empty */
	PgbTask		task;
	Oid			database;
	int			pid;
	PgbPhase	phase;
	TimestampTz started_at;
	TimestampTz phase_started_at;
	uint64		objects_done;
	uint64		objects_total;
	uint64		bytes_done;
	uint64		bytes_total;
	char		current_object[PGB_OBJECT_NAME_SIZE];
} PgbJobProgress;

/* Where the session of pg_dump and its job stand. */
typedef enum PgbDumpState
{
	PGB_DUMP_ABSENT,			/* pg_dump has not connected yet */
	PGB_DUMP_ATTACHED,			/* it has joined the job's lock group */
	PGB_DUMP_WAITS,				/* toc.dat is written; it waits for our locks */
	PGB_DUMP_RELEASED			/* we hold them */
} PgbDumpState;

/* Called by _PG_init while shared_preload_libraries are loaded. */
extern void pgb_shmem_install(void);

/* Is there shared memory, that is: were we preloaded? */
extern bool pgb_shmem_ready(void);

/* Raises ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE with a hint if there is none. */
extern void pgb_shmem_require(void);

/* ---- a backend ---- */

/*
 * Requests a job in this database.  Raises ERRCODE_CONFIGURATION_LIMIT_EXCEEDED
 * when all slots are taken, ERRCODE_PROGRAM_LIMIT_EXCEEDED when the options are
 * too long.
 */
extern PgbJobRef pgb_job_request(PgbTask task, Oid role, const char *options);

/* Raises ERRCODE_PROGRAM_LIMIT_EXCEEDED when options are too long for a job. */
extern void pgb_job_check_options(const char *options);

/*
 * The same in two steps, for a run whose row in pgbackup_runs has to be committed
 * in between: the first takes a slot, or returns false, and the second cannot
 * fail.  Nobody waits for this job.  A slot that is reserved in vain is given
 * back by pgb_job_forget().
 */
extern bool pgb_job_reserve(PgbJobRef *job);

/* From now on there is a job for this row of this database, although not requested yet. */
extern void pgb_job_reserve_for_run(PgbJobRef job, int64 run_id);
extern void pgb_job_request_reserved(PgbJobRef job, PgbTask task, Oid role, const char *options,
									 int64 run_id);

/* Has it ended?  Then *result is filled and the slot is free again. */
extern bool pgb_job_take_result(PgbJobRef job, PgbJobResult *result);

/* Is there nobody to start it? */
extern bool pgb_job_is_stranded(PgbJobRef job);

/* Has it no worker yet? */
extern bool pgb_job_is_queued(PgbJobRef job);

/* The id of its backup; false as long as it has none. */
extern bool pgb_job_backup_id(PgbJobRef job, char id[PGB_ID_SIZE]);

/* Sleeps until the job changes, or some milliseconds; with interrupts. */
extern void pgb_job_sleep(PgbJobRef job, long milliseconds);
extern void pgb_job_sleep_end(void);

/* The processes of the job whose waits are ours too: worker and pg_dump's backend; 0: none. */
extern void pgb_job_pids(PgbJobRef job, int *worker_pid, int *dump_pid);

/* Nobody will ask for the result: the slot is freed when the job ends, or now if it never began. */
extern void pgb_job_forget(PgbJobRef job);

/* Ends the job. */
extern void pgb_job_cancel(PgbJobRef job);

typedef struct PgbFoundJob
{
	PgbJobRef	job;
	Oid			role;			/* who asked for it */
} PgbFoundJob;

/*
 * Finds the running jobs that make a database (by its name, in UTF-8), or make, verify or
 * recover from a backup (by its id).  Returns how many.
 */
extern int	pgb_job_find(const char *name, PgbFoundJob found[PGB_MAX_JOBS]);

/* Is there a job for this row of the database's pgbackup_runs? */
extern bool pgb_job_run_is_live(Oid database, int64 run_id);

/* Copies the progress of the job in a slot; false if there is none. */
extern bool pgb_job_progress(int slot, PgbJobProgress *progress);

/* ---- the launcher ---- */

extern void pgb_launcher_attach(void);

/* Wakes the launcher, if there is one. */
extern void pgb_launcher_wake(void);

/* The next job that is requested, now marked as starting; false: none. */
extern bool pgb_job_next_request(PgbJobRef *job, Oid *database);

/* No worker is free for it now: it is requested again. */
extern void pgb_job_postpone(PgbJobRef job);

/* The worker could not be started, or has ended.  False if it has claimed the job. */
extern bool pgb_job_start_failed(PgbJobRef job, int sqlerrcode, const char *message, const char *hint);

/* ---- the job's worker ---- */

/*
 * Makes the job in a slot that of this process, or returns false if it is not there to
 * be claimed.  *options is palloc'd.
 */
extern bool pgb_job_claim(PgbJobRef job, PgbTask *task, Oid *database, char **options);

/*
 * False if the job before had this id: its backup is gone, or the id would not be
 * free, but people have seen it.
 */
extern bool pgb_job_set_backup_id(PgbJobRef job, const char *id);

/* The job restores a backup into a new database, whose name is in UTF-8. */
extern void pgb_job_set_restored(PgbJobRef job, const char *backup_id, const char *target);
extern bool pgb_job_describe(PgbJobRef job, PgbTask *task, Oid *role);
extern int64 pgb_job_run_id(PgbJobRef job);
extern void pgb_job_set_run_id(PgbJobRef job, int64 run_id);
extern bool pgb_job_cancel_requested(PgbJobRef job);
extern void pgb_job_finish(PgbJobRef job, const PgbJobResult *result);

extern void pgb_job_set_phase(PgbJobRef job, PgbPhase phase);

/* A phase with counts of its own, which begin at 0; and where its bytes have come to. */
extern void pgb_job_begin_phase(PgbJobRef job, PgbPhase phase, uint64 objects, uint64 bytes);
extern void pgb_job_set_bytes(PgbJobRef job, uint64 done);
extern void pgb_job_set_totals(PgbJobRef job, uint64 objects, uint64 bytes);

extern PgbDumpState pgb_job_dump_state(PgbJobRef job);
extern void pgb_job_release_dump(PgbJobRef job);

/* From now on that pid is anybody's. */
extern void pgb_job_dump_ended(PgbJobRef job);

/* How many tables pg_dump's session has answered with no rows, and the sum of pgb_oid_digest() over them. */
extern void pgb_job_dump_emptied(PgbJobRef job, uint64 *count, uint64 *digest);
extern uint64 pgb_oid_digest(Oid relid);

/* ---- data workers ---- */

extern void pgb_job_add_bytes(PgbJobRef job, uint64 bytes);
extern void pgb_job_add_object(PgbJobRef job);
/* The names are UTF-8: they are read in other databases. */
extern void pgb_job_set_object(PgbJobRef job, const char *schema_name, const char *name);
/* A file, whose name may be any bytes. */
extern void pgb_job_set_path(PgbJobRef job, const char *path);

/* ---- the session of pg_dump ---- */

/* What it says when it has no job. */
#define PGB_JOB_IS_GONE		"the backup job of this pg_dump is gone"

/*
 * Joins the lock group of the job.  Raises if the job is not there: then this
 * session is not its pg_dump.
 */
extern void pgb_dump_attach(PgbJobRef job);

/* toc.dat is written: waits until the job holds its locks; raises if the job ends. */
extern void pgb_dump_wait_released(PgbJobRef job);

/* This table was answered with no rows. */
extern void pgb_dump_emptied(PgbJobRef job, Oid relid);

#endif							/* PGB_SHMEM_H */
