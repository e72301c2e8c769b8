/*-------------------------------------------------------------------------
 *
 * run.c
 *	  pgbackup_run, pgbackup_cancel, pgbackup_progress: a backend and its job.
 *
 * src/server/run.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "server/arguments.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/shmem.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* How often one who waits looks whether his own locks are what the job waits for. */
#define FIRST_LOCK_CHECK_MS	100
#define NEXT_LOCK_CHECK_MS	1000

/* How long the launcher may be away, being started again. */
#define LAUNCHER_PATIENCE_MS	5000

/* Sessions that one lock may be waited for through, before we stop looking. */
#define MAX_BLOCKERS		256

PG_FUNCTION_INFO_V1(pgbackup_run);
PG_FUNCTION_INFO_V1(pgbackup_cancel);
PG_FUNCTION_INFO_V1(pgbackup_progress);

/* ---- waiting for the job ---- */

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

static void
check_own_locks(PgbJobRef job)
{
	int			pids[2];

	pgb_job_pids(job, &pids[0], &pids[1]);
	for (int i = 0; i < lengthof(pids); i++)
	{
		if (pids[i] != 0 && waits_for_me(pids[i]))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("the backup needs a table that this transaction has locked"),
					 errdetail("Both would wait for each other for ever."),
					 errhint("Commit the transaction first, or use wait => false.")));
	}
}

static void
check_launcher(PgbJobRef job)
{
	if (pgb_job_is_stranded(job))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the pgbackup launcher is not running"),
				 errdetail("It is a background worker, which starts all backups."),
				 errhint("The server's log tells why. max_worker_processes must leave room for it when the server starts.")));
}

static void
raise_result(const PgbJobResult *result)
{
	ereport(ERROR,
			(errcode(result->sqlerrcode),
			 errmsg_internal("%s", result->message),
			 result->detail[0] != '\0' ? errdetail_internal("%s", result->detail) : 0,
			 result->hint[0] != '\0' ? errhint("%s", result->hint) : 0));
}

/*
 * Waits for the end of the job, or only for its id.  Returns the id; raises the
 * error with which the job has failed.
 */
static char *
wait_for_job(PgbJobRef job, bool to_the_end)
{
	PgbJobResult result;
	char		id[PGB_ID_SIZE];
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz checked = began;
	int			interval = FIRST_LOCK_CHECK_MS;

	for (;;)
	{
		TimestampTz now;

		if (pgb_job_take_result(job, &result))
		{
			pgb_job_sleep_end();
			if (!result.succeeded)
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
			check_own_locks(job);
			if (TimestampDifferenceExceeds(began, now, LAUNCHER_PATIENCE_MS))
				check_launcher(job);
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

Datum
pgbackup_run(PG_FUNCTION_ARGS)
{
	PgbKind		kind;
	PgbRunOptions *options;
	bool		wait;
	PgbJobRef	job;
	char	   *id;

	pgb_shmem_require();
	kind = pgb_kind_argument(fcinfo, 0);
	options = pgb_options_arguments(fcinfo, 1);
	wait = PG_ARGISNULL(10) || PG_GETARG_BOOL(10);

	job = pgb_job_request(kind, GetUserId(), pgb_options_to_json(options));
	PG_ENSURE_ERROR_CLEANUP(stop_job, PointerGetDatum(&job));
	{
		id = wait_for_job(job, wait);
	}
	PG_END_ENSURE_ERROR_CLEANUP(stop_job, PointerGetDatum(&job));
	if (!wait)
		pgb_job_forget(job);

	PG_RETURN_TEXT_P(cstring_to_text(id));
}

/* ---- other people's jobs ---- */

/* As for pg_cancel_backend(). */
static bool
may_cancel(Oid role)
{
	if (superuser())
		return true;
	return !superuser_arg(role) &&
		(has_privs_of_role(GetUserId(), role) ||
		 has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND));
}

Datum
pgbackup_cancel(PG_FUNCTION_ARGS)
{
	char	   *backup = text_to_cstring(PG_GETARG_TEXT_PP(0));
	PgbJobRef	job;
	Oid			role;

	pgb_shmem_require();
	if (!pgb_job_find(backup, &job, &role))
	{
		ereport(NOTICE,
				(errmsg("backup \"%s\" is not running", backup),
				 errhint("The view pgbackup_progress shows what is running.")));
		PG_RETURN_BOOL(false);
	}

	if (!may_cancel(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to cancel backup \"%s\"", backup),
				 errhint("Members of the role that has started it and of pg_signal_backend may cancel it; if that role is a superuser, only superusers.")));
	pgb_job_cancel(job);
	PG_RETURN_BOOL(true);
}

static const char *
phase_name(PgbPhase phase)
{
	switch (phase)
	{
		case PGB_PHASE_STARTING:
			return "starting";
		case PGB_PHASE_DUMPING_SCHEMA:
			return "dumping schema";
		case PGB_PHASE_EXPORTING:
			return "exporting tables";
		case PGB_PHASE_COMPRESSING:
			return "compressing";
		case PGB_PHASE_SYNCING:
			return "syncing";
	}
	return "unknown";
}

/*
 * The time that is left, from the rate since the tables are being exported.
 * Nothing is said before there is something to judge by.
 */
static bool
estimate_rest(const PgbJobProgress *p, TimestampTz now, int64 *rest)
{
	double		elapsed = (double) (now - p->phase_started_at);

	if (p->phase != PGB_PHASE_EXPORTING || p->bytes_done == 0 || elapsed <= 0)
		return false;
	if (p->bytes_done >= p->bytes_total)
		*rest = 0;
	else
		*rest = (int64) (elapsed * (double) (p->bytes_total - p->bytes_done) / (double) p->bytes_done);
	return true;
}

static double
percent_done(const PgbJobProgress *p)
{
	if (p->phase < PGB_PHASE_EXPORTING)
		return 0;
	if (p->phase > PGB_PHASE_EXPORTING || p->bytes_total == 0)
		return 100;
	return Min(100.0, 100.0 * (double) p->bytes_done / (double) p->bytes_total);
}

Datum
pgbackup_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();

	InitMaterializedSRF(fcinfo, 0);
	if (!pgb_shmem_ready())
		PG_RETURN_NULL();

	for (int slot = 0; slot < PGB_MAX_JOBS; slot++)
	{
		PgbJobProgress p;
		Datum		values[13];
		bool		nulls[13] = {0};
		char	   *database;
		int64		rest;
		int			i = 0;

		if (!pgb_job_progress(slot, &p))
			continue;

		nulls[i] = (p.backup_id[0] == '\0');
		values[i++] = CStringGetTextDatum(p.backup_id);
		values[i++] = CStringGetTextDatum(pgb_kind_name(p.kind));
		database = get_database_name(p.database);
		nulls[i] = (database == NULL);
		values[i++] = database ? DirectFunctionCall1(namein, CStringGetDatum(database)) : (Datum) 0;
		values[i++] = CStringGetTextDatum(phase_name(p.phase));
		values[i++] = Int64GetDatum((int64) p.objects_done);
		values[i++] = Int64GetDatum((int64) p.objects_total);
		values[i++] = Int64GetDatum((int64) Min(p.bytes_done, p.bytes_total));
		values[i++] = Int64GetDatum((int64) p.bytes_total);
		values[i++] = DirectFunctionCall3(numeric_in,
										  CStringGetDatum(psprintf("%.1f", percent_done(&p))),
										  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		if (estimate_rest(&p, now, &rest))
		{
			Interval   *interval = palloc0(sizeof(Interval));

			interval->time = rest;
			values[i++] = IntervalPGetDatum(interval);
		}
		else
			nulls[i++] = true;
		nulls[i] = (p.current_object[0] == '\0');
		values[i++] = CStringGetTextDatum(pgb_from_utf8(p.current_object));
		values[i++] = TimestampTzGetDatum(p.started_at);
		nulls[i] = (p.pid == 0);
		values[i++] = Int32GetDatum(p.pid);
		Assert(i == lengthof(values));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}
