/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  A backend and the job that it has asked for.
 *
 * src/server/wait.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "server/compat.h"
#include "server/task.h"
#include "server/wait.h"
#include "storage/ipc.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* How often one who waits looks whether his own locks are what the job waits for. */
#define FIRST_LOCK_CHECK_MS	100
#define NEXT_LOCK_CHECK_MS	1000

/* How long the launcher may be away, being started again. */
#define LAUNCHER_PATIENCE_MS	5000

/* Sessions that one lock may be waited for through, before we stop looking. */
#define MAX_BLOCKERS		256

/*
 * Does this process wait, by way of however many others, for a lock of ours?
 * The lock manager cannot see it, for we wait for the process without a lock.
 */
static bool
waits_for_me(int pid)
{
	int			seen[MAX_BLOCKERS];
	int			nseen = 0;

	seen[nseen++] = pid;
	for (int next = 0; next < nseen; next++)
	{
		ArrayType  *blockers;
		Datum	   *values;
		int			count;

		blockers = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
														  Int32GetDatum(seen[next])));
		deconstruct_array(blockers, INT4OID, sizeof(int32), true, TYPALIGN_INT,
						  &values, NULL, &count);
		for (int i = 0; i < count; i++)
		{
			int			blocker = DatumGetInt32(values[i]);
			bool		known = false;

			if (blocker == MyProcPid)
				return true;
			for (int j = 0; j < nseen && !known; j++)
				known = (seen[j] == blocker);
			if (!known && blocker != 0 && nseen < MAX_BLOCKERS)
				seen[nseen++] = blocker;
		}
	}
	return false;
}

/* In a small context of its own: this is asked each second, for as long as the job takes. */
static bool
one_waits_for_me(const int *pids, int count)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup locks",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		found = false;

	for (int i = 0; i < count && !found; i++)
		found = pids[i] != 0 && waits_for_me(pids[i]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return found;
}

static void
check_own_locks(PgbTask task, PgbJobRef job)
{
	int			pids[2];

	pgb_job_pids(job, &pids[0], &pids[1]);
	if (one_waits_for_me(pids, lengthof(pids)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the %s needs a table that this transaction has locked",
						pgb_task_ops(task)->noun),
				 errdetail("Both would wait for each other for ever."),
				 errhint("Commit the transaction first, or use wait => false.")));
}

static void
check_launcher(PgbJobRef job)
{
	if (pgb_job_is_stranded(job))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the pgbackup launcher is not running"),
				 errdetail("It is a background worker, which starts all jobs."),
				 errhint("The server's log tells why. max_worker_processes must leave room for it when the server starts.")));
}

/* The server's log has this at once, but who waits does not see that. */
static void
tell_queued(PgbTask task, PgbJobRef job)
{
	if (pgb_job_is_queued(job))
		ereport(NOTICE,
				(errmsg("the %s waits for a free background worker", pgb_task_ops(task)->noun),
				 errhint("It begins when one is free; if that takes too long, raise max_worker_processes.")));
}

/* The error with which the job has failed, or what is to be known of its success. */
static void
raise_result(const PgbJobResult *result)
{
	if (result->succeeded && result->detail[0] == '\0')
		return;
	pgb_result_raise(result, result->succeeded ? NOTICE : ERROR);
}

/*
 * Waits for the end of the job, or only for its id.  Returns the id; raises the
 * error with which the job has failed.
 */
static char *
wait_for_job(PgbTask task, PgbJobRef job, bool to_the_end)
{
	PgbJobResult result;
	char		id[PGB_ID_SIZE];
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz checked = began;
	int			interval = FIRST_LOCK_CHECK_MS;
	bool		is_patient = true;

	for (;;)
	{
		TimestampTz now;

		if (pgb_job_take_result(job, &result))
		{
			pgb_job_sleep_end();
			raise_result(&result);
			return pstrdup(result.backup_id);
		}
		if (!to_the_end && pgb_job_backup_id(job, id))
		{
			pgb_job_sleep_end();
			return pstrdup(id);
		}

		now = GetCurrentTimestamp();
		if (TimestampDifferenceExceeds(checked, now, interval))
		{
			check_own_locks(task, job);
			if (TimestampDifferenceExceeds(began, now, LAUNCHER_PATIENCE_MS))
			{
				check_launcher(job);
				if (is_patient)
					tell_queued(task, job);
				is_patient = false;
			}
			checked = now;
			interval = NEXT_LOCK_CHECK_MS;
		}
		pgb_job_sleep(job, interval);
	}
}

/* This session does not wait any longer: by an error, or its end. */
static void
stop_job(int code, Datum arg)
{
	PgbJobRef  *job = (PgbJobRef *) DatumGetPointer(arg);

	pgb_job_sleep_end();
	pgb_job_cancel(*job);
	pgb_job_forget(*job);
}

char *
pgb_run_job(PgbTask task, const char *request, bool wait)
{
	PgbJobRef	job;
	char	   *id;

	job = pgb_job_request(task, GetUserId(), request);
	PG_ENSURE_ERROR_CLEANUP(stop_job, PointerGetDatum(&job));
	{
		id = wait_for_job(task, job, wait);
	}
	PG_END_ENSURE_ERROR_CLEANUP(stop_job, PointerGetDatum(&job));
	if (!wait)
		pgb_job_forget(job);
	return id;
}
