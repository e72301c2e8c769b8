/*-------------------------------------------------------------------------
 *
 * job.c
 *	  The worker that runs one job: one that runs a task.
 *
 * However a job ends (done, failed, cancelled, terminated), its children are
 * gone, nothing half-made is left in the repository, and its slot has the
 * result.  What a killed server leaves is removed by the next run.
 *
 * src/server/job.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "server/board.h"
#include "server/compat.h"
#include "server/job.h"
#include "server/retention/expire.h"
#include "server/schedule/failure.h"
#include "server/schedule/history.h"
#include "server/task.h"
#include "server/worker_session.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"

/* An end that cannot be recorded, for somebody has locked the history, is tried again. */
#define END_ATTEMPTS		6

static PgbJobRef my_job;
static Oid	my_database;
static bool is_finished = false;
static const PgbTaskOps *my_task;
static void *my_state = NULL;	/* of the task, once it has begun */

void
pgb_job_describe_worker(BackgroundWorker *worker, PgbJobRef job)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_ConsistentState;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "pgbackup", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "pgb_job_main", sizeof(worker->bgw_function_name));
	snprintf(worker->bgw_name, sizeof(worker->bgw_name), "pgbackup job");
	strlcpy(worker->bgw_type, "pgbackup job", sizeof(worker->bgw_type));
	worker->bgw_main_arg = Int32GetDatum(job.slot);
	memcpy(worker->bgw_extra, &job.serial, sizeof(job.serial));
}

/* Whatever the end of the worker is, what belongs to it must be gone. */
static void
clean_up(int code, Datum arg)
{
	if (my_state != NULL)
		my_task->cleanup(my_state);
}

/* Who waits gets the result, and the schedules can look at what the history says. */
static void
finish(const PgbJobResult *result)
{
	pgb_job_finish(my_job, result);
	is_finished = true;
	pgb_board_mark_changed(my_database);
}

/* The worker ends: before the end of its job only if it was told to. */
static void
end_job(int code, Datum arg)
{
	PgbJobResult result;

	if (is_finished)
		return;
	memset(&result, 0, sizeof(result));
	result.sqlerrcode = ERRCODE_ADMIN_SHUTDOWN;
	snprintf(result.message, sizeof(result.message), "the %s was terminated", my_task->noun);
	strlcpy(result.detail, "Its worker was told to stop, or could not connect to the database.",
			sizeof(result.detail));
	snprintf(result.hint, sizeof(result.hint), "%s The server's log tells why.", my_task->leavings);
	finish(&result);
}

static void
result_of_error(PgbJobResult *result, const ErrorData *error)
{
	pgb_result_of_error(result, error);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		snprintf(result->message, sizeof(result->message), "the %s was canceled", my_task->noun);
}

/* A history that cannot be written changes nothing of how the task goes. */
static void
record_begin(MemoryContext context)
{
	PG_TRY();
	{
		pgb_history_begin(my_job);
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(context);

		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
		pgb_worker_log(error, "recording the begin of a run");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

static bool
try_to_record_end(const PgbJobResult *result, char **schedule, MemoryContext context)
{
	volatile bool recorded = false;

	PG_TRY();
	{
		*schedule = pgb_history_end(my_job, result);
		recorded = true;
	}
	PG_CATCH();
	{
		pgb_worker_log(pgb_worker_recover(context), "recording the end of a run");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return recorded;
}

/* Cancelling does not help any more: that, too, would only be an attempt. */
static char *
record_end(PgbJobResult *result, MemoryContext context)
{
	char	   *schedule = NULL;

	(void) pgb_job_backup_id(my_job, result->backup_id);
	for (int i = 0; i < END_ATTEMPTS; i++)
	{
		if (try_to_record_end(result, &schedule, context))
			break;
	}
	return schedule;
}

static void
tell_of_failure(const char *schedule, int64 run_id, const PgbJobResult *result,
				MemoryContext context)
{
	PG_TRY();
	{
		pgb_run_failure_command(schedule, run_id, result);
	}
	PG_CATCH();
	{
		pgb_worker_log(pgb_worker_recover(context), "pgbackup.on_failure_command");
	}
	PG_END_TRY();
}

/* The new backup is there, whatever becomes of the old ones. */
static void
remove_expired(MemoryContext context)
{
	PG_TRY();
	{
		if (pgb_retention_is_set())
			(void) pgb_expire(false);
	}
	PG_CATCH();
	{
		pgb_worker_log(pgb_worker_recover(context), "removing backups that are not kept any longer");
	}
	PG_END_TRY();
}

/* Runs the job and catches how it ends. */
static void
run_job(char *request, MemoryContext context)
{
	PgbJobResult result;
	char	   *schedule;
	int64		run_id;

	memset(&result, 0, sizeof(result));
	PG_TRY();
	{
		record_begin(context);
		if (pgb_job_cancel_requested(my_job))
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("the %s was canceled", my_task->noun)));
		my_state = my_task->create(my_job, request);
		my_task->run(my_state);
		if (my_task->report != NULL)
			my_task->report(my_state, &result);
		result.succeeded = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		if (my_state != NULL)
			my_task->cleanup(my_state);
		result_of_error(&result, error);

		/* not RESUME_INTERRUPTS(): an error in the cleanup has set it to 0 */
		InterruptHoldoffCount = 0;
	}
	PG_END_TRY();

	MemoryContextSwitchTo(context);
	schedule = record_end(&result, context);
	run_id = pgb_job_run_id(my_job);
	finish(&result);
	if (!result.succeeded && result.sqlerrcode != ERRCODE_QUERY_CANCELED)
		tell_of_failure(schedule, run_id, &result, context);
	if (result.succeeded && my_task->is_backup && schedule != NULL)
		remove_expired(context);
}

void
pgb_job_main(Datum arg)
{
	MemoryContext context;
	PgbTask		task;
	char	   *request;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);

	my_job.slot = DatumGetInt32(arg);
	memcpy(&my_job.serial, MyBgworkerEntry->bgw_extra, sizeof(my_job.serial));

	/* what must outlive the transactions of the task */
	context = AllocSetContextCreate(TopMemoryContext, "pgbackup job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	/* registered before the connection's callbacks, hence run after them */
	if (!pgb_job_claim(my_job, &task, &my_database, &request))
		proc_exit(0);
	my_task = pgb_task_ops(task);
	before_shmem_exit(end_job, (Datum) 0);
	before_shmem_exit(clean_up, (Datum) 0); /* before that, and apart: it might fail */
	BackgroundWorkerUnblockSignals();

	pgb_worker_connect(my_database);
	MemoryContextSwitchTo(context);
	run_job(request, context);
	proc_exit(0);
}
