/*-------------------------------------------------------------------------
 *
 * job.c
 *	  The worker that runs one job: the leader of a backup.
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
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "server/compat.h"
#include "server/job.h"
#include "server/logical/export.h"
#include "server/schedule/history.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

static PgbJobRef my_job;
static PgbExport *my_export = NULL;

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
	if (my_export != NULL)
		pgb_export_cleanup(my_export);
}

/*
 * The worker ends: before the end of its job only if it was told to.  This does
 * nothing after another result.
 */
static void
end_job(int code, Datum arg)
{
	PgbJobResult result;

	memset(&result, 0, sizeof(result));
	result.sqlerrcode = ERRCODE_ADMIN_SHUTDOWN;
	strlcpy(result.message, "the backup was terminated", sizeof(result.message));
	strlcpy(result.detail, "Its worker was told to stop, or could not connect to the database.",
			sizeof(result.detail));
	strlcpy(result.hint, "Nothing of it is left in the repository. The server's log tells why.",
			sizeof(result.hint));
	pgb_job_finish(my_job, &result);
}

static void
copy_text(char *to, size_t size, const char *from)
{
	if (from != NULL)
		strlcpy(to, from, pg_mbcliplen(from, strlen(from), size - 1) + 1);
}

static void
result_of_error(PgbJobResult *result, const ErrorData *error)
{
	memset(result, 0, sizeof(*result));
	result->sqlerrcode = error->sqlerrcode;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		strlcpy(result->message, "the backup was canceled", sizeof(result->message));
	else
		copy_text(result->message, sizeof(result->message), error->message);
	copy_text(result->detail, sizeof(result->detail), error->detail);
	copy_text(result->hint, sizeof(result->hint), error->hint);
}

/* A history that cannot be written changes nothing of how the backup went. */
static void
record_result(PgbJobResult *result, MemoryContext context)
{
	char		id[PGB_ID_SIZE];

	if (pgb_job_backup_id(my_job, id))
		strlcpy(result->backup_id, id, PGB_ID_SIZE);
	PG_TRY();
	{
		pgb_history_end(my_job, result);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/* Runs the job and catches how it ends. */
static void
run_job(PgbKind kind, char *json, MemoryContext context)
{
	PgbJobResult result;

	memset(&result, 0, sizeof(result));
	PG_TRY();
	{
		pgb_history_begin(my_job);
		MemoryContextSwitchTo(context);
		if (pgb_job_cancel_requested(my_job))
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("the backup was canceled")));
		Assert(kind == PGB_LOGICAL);
		my_export = pgb_export_create(my_job, json);
		pgb_export_run(my_export);
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
		if (my_export != NULL)
			pgb_export_cleanup(my_export);
		result_of_error(&result, error);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	record_result(&result, context);
	pgb_job_finish(my_job, &result);
}

void
pgb_job_main(Datum arg)
{
	MemoryContext context;
	PgbKind		kind;
	Oid			database;
	char	   *json;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);

	my_job.slot = DatumGetInt32(arg);
	memcpy(&my_job.serial, MyBgworkerEntry->bgw_extra, sizeof(my_job.serial));

	/* what must outlive the job's transaction */
	context = AllocSetContextCreate(TopMemoryContext, "pgbackup job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	/* registered before the connection's callbacks, hence run after them */
	if (!pgb_job_claim(my_job, &kind, &database, &json))
		proc_exit(0);
	before_shmem_exit(end_job, (Datum) 0);
	before_shmem_exit(clean_up, (Datum) 0); /* before that, and apart: it might fail */
	BackgroundWorkerUnblockSignals();

	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);

	/* the owner of a database may have set another one for it */
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_SESSION);
	MemoryContextSwitchTo(context);
	run_job(kind, json, context);
	proc_exit(0);
}
