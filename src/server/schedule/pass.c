/*-------------------------------------------------------------------------
 *
 * pass.c
 *	  A pass over the schedules of one database.
 *
 * A short background worker, sent by the launcher when a moment has come, a
 * schedule has changed, or a run has ended.  There is never more than one in a
 * database.  It deals with each schedule in a transaction of its own, so that a
 * broken one holds up no other, and reports when it must come again.
 *
 * src/server/schedule/pass.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "server/board.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/options.h"
#include "server/restore/restore.h"
#include "server/schedule/decide.h"
#include "server/schedule/failure.h"
#include "server/schedule/history.h"
#include "server/schedule/pass.h"
#include "server/schedule/rule.h"
#include "server/shmem.h"
#include "server/task.h"
#include "server/worker_session.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* When to come again: after an error, to a broken schedule, and without a slot for the job. */
#define AGAIN_AFTER			(INT64CONST(60) * 1000000)
#define BROKEN_AGAIN_AFTER	(INT64CONST(3600) * 1000000)
#define SLOT_AGAIN_AFTER	(INT64CONST(10) * 1000000)
#define MOVED_AGAIN_AFTER	(INT64CONST(1) * 1000000)

typedef struct Pass
{
	MemoryContext context;		/* lives as long as the pass */
	TimestampTz since;			/* when the launcher first tried to send one */
	bool		has_schedules;	/* the database has the extension */
	char	   *schema;			/* of the extension, quoted; as long as a transaction */
	PgbPassReport report;
	List	   *failures;		/* of Failure */
} Pass;

/* Somebody wants to hear of it, once the schedules are dealt with. */
typedef struct Failure
{
	char	   *schedule;
	int64		run_id;
	PgbJobResult result;
} Failure;

/* What the launcher tells the worker. */
typedef struct PassArguments
{
	Oid			database;
	TimestampTz since;
} PassArguments;

StaticAssertDecl(sizeof(PassArguments) <= BGW_EXTRALEN, "they fit");

/* The slot for a run that is about to be requested. */
static PgbJobRef reserved;
static bool has_reserved = false;

static void
come_again(Pass *pass, TimestampTz when)
{
	pass->report.next = Min(pass->report.next, when);
}

/* What is due now cannot be dealt with now. */
static void
come_again_for_due(Pass *pass, int64 pause)
{
	come_again(pass, GetCurrentTimestamp() + pause);
	pass->report.waits = true;
}

/* ---- statements ---- */

/* A schema is what it is only in the transaction that has looked. */
static void
begin(Pass *pass)
{
	pgb_worker_begin();
	pass->schema = pgb_history_schema();
	if (pass->schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("the extension is not there any more")));
}

static void
execute(const char *sql, int count, Oid *types, Datum *values, const char *nulls)
{
	int			rc = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);

	if (rc < 0)
		elog(ERROR, "could not work on the schedules: %s", SPI_result_code_string(rc));
}

static int64
column_int64(int number, int64 fallback)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);

	return isnull ? fallback : DatumGetInt64(value);
}

static bool
column_bool(int number)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);

	return !isnull && DatumGetBool(value);
}

/* ---- the history ---- */

static void
remember_failure(Pass *pass, const char *schedule, int64 run_id, const PgbJobResult *result)
{
	MemoryContext old = MemoryContextSwitchTo(pass->context);
	Failure    *failure = palloc(sizeof(Failure));

	failure->schedule = schedule ? pstrdup(schedule) : NULL;
	failure->run_id = run_id;
	failure->result = *result;
	pass->failures = lappend(pass->failures, failure);
	MemoryContextSwitchTo(old);
}

/* The runs that are not over by their rows; palloc'd. */
static int64 *
running_runs(Pass *pass, uint64 *count)
{
	int64	   *run_ids;

	execute(psprintf("SELECT run_id FROM %s.pgbackup_runs WHERE status = 'running'", pass->schema),
			0, NULL, NULL, NULL);
	*count = SPI_processed;
	run_ids = palloc(Max(1, *count) * sizeof(int64));
	for (uint64 i = 0; i < *count; i++)
	{
		bool		isnull;

		run_ids[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	return run_ids;
}

/* What still runs by its row, but has no job, went down with the server. */
static void
close_crashed(Pass *pass)
{
	PgbJobResult result;
	uint64		count;
	int64	   *run_ids;

	memset(&result, 0, sizeof(result));
	strlcpy(result.message, "the backup ended without a word", sizeof(result.message));
	strlcpy(result.detail, "The server stopped or crashed while it ran, or its worker was terminated.",
			sizeof(result.detail));
	strlcpy(result.hint, "Nothing of it is left in the repository after the next run. The server's log tells why.",
			sizeof(result.hint));

	begin(pass);
	run_ids = running_runs(pass, &count);
	for (uint64 i = 0; i < count; i++)
	{
		char	   *schedule;

		/* one that has ended since we looked has closed its row itself, before that */
		if (!pgb_job_run_is_live(MyDatabaseId, run_ids[i]) &&
			pgb_history_close(pass->schema, run_ids[i], "crashed", &result, &schedule))
			remember_failure(pass, schedule, run_ids[i], &result);
	}
	pgb_worker_commit();
}

/* What is old, but for the last run of each schedule. */
static void
prune(Pass *pass)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(pgb_guc_history_days)};

	if (pgb_guc_history_days < 0)
		return;
	begin(pass);
	execute(psprintf("DELETE FROM %s.pgbackup_runs r WHERE r.finished_at <"
					 " pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => $1)"
					 " AND NOT EXISTS (SELECT FROM %s.pgbackup_schedule_rules s, LATERAL ("
					 "SELECT l.run_id FROM %s.pgbackup_runs l"
					 " WHERE l.schedule = s.name AND l.status NOT IN ('missed', 'skipped')"
					 " ORDER BY l.run_id DESC LIMIT 1) last"
					 " WHERE s.name = r.schedule AND last.run_id = r.run_id)",
					 pass->schema, pass->schema, pass->schema),
			lengthof(values), types, values, NULL);
	pgb_worker_commit();
}

/* A row for what does not run, or (status running) for what is about to. */
static int64
insert_row(Pass *pass, const char *schedule, const char *kind, const char *role,
		   const char *status, int64 due_at, int attempt, int missed)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID};
	Datum		values[7];

	values[0] = CStringGetTextDatum(schedule);
	values[1] = CStringGetTextDatum(kind);
	values[2] = CStringGetTextDatum(role);
	values[3] = CStringGetTextDatum(status);
	values[4] = TimestampTzGetDatum(due_at);
	values[5] = Int32GetDatum(attempt);
	values[6] = Int32GetDatum(missed);
	execute(psprintf("INSERT INTO %s.pgbackup_runs"
					 " (schedule, kind, role_name, status, due_at, attempt, missed, finished_at)"
					 " VALUES ($1, $2, $3, $4, $5, $6, $7,"
					 " CASE WHEN $4 <> 'running' THEN pg_catalog.clock_timestamp() END)"
					 " RETURNING run_id", pass->schema),
			lengthof(types), types, values, NULL);
	return column_int64(1, 0);
}

/*
 * A crash is known only since the server is back: as far as the pauses go, it
 * happened when the run began.
 */
static void
read_last_run(Pass *pass, const PgbStoredRule *rule, PgbLastRun *last)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2];

	memset(last, 0, sizeof(*last));
	values[0] = CStringGetTextDatum(rule->name);
	values[1] = TimestampTzGetDatum(rule->changed_at);
	execute(psprintf("SELECT status = 'running', attempt::int8, due_at,"
					 " CASE WHEN status = 'crashed' THEN coalesce(started_at, due_at) ELSE finished_at END,"
					 " status IN ('failed', 'crashed') AND finished_at >= $2"
					 " FROM %s.pgbackup_runs"
					 " WHERE schedule = $1 AND status NOT IN ('missed', 'skipped')"
					 " AND due_at IS NOT NULL"
					 " ORDER BY run_id DESC LIMIT 1", pass->schema),
			lengthof(types), types, values, NULL);
	if (SPI_processed == 0)
		return;
	last->exists = true;
	last->running = column_bool(1);
	last->attempt = (int) column_int64(2, 1);
	last->due_at = column_int64(3, 0);
	last->finished_at = column_int64(4, PG_INT64_MIN);
	last->to_be_retried = column_bool(5);
}

/* ---- one schedule ---- */

static void
write_next_run(Pass *pass, const char *schedule, int64 next_run)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2];

	values[0] = CStringGetTextDatum(schedule);
	values[1] = TimestampTzGetDatum(next_run);
	execute(psprintf("UPDATE %s.pgbackup_schedule_rules SET next_run = $2 WHERE name = $1",
					 pass->schema),
			lengthof(types), types, values, NULL);
}

/*
 * Makes the rows that the verdict asks for, and commits.  What it says is to be run
 * has a row before it is requested: from then on nothing of it is lost.
 */
static void
carry_out(Pass *pass, const PgbStoredRule *rule, const PgbVerdict *verdict)
{
	PgbTask		task = PGB_TASK_LOGICAL;
	Oid			role = InvalidOid;
	char	   *options = NULL;
	int64		run_id = 0;

	if (verdict->missed > 0)
		(void) insert_row(pass, rule->name, rule->kind, rule->role_name, "missed",
						  verdict->missed_at, 1, verdict->missed);
	if (verdict->skipped > 0)
		(void) insert_row(pass, rule->name, rule->kind, rule->role_name, "skipped",
						  verdict->skipped_at, 1, verdict->skipped);
	if (verdict->run)
	{
		task = pgb_task_of_schedule(rule->kind);
		role = get_role_oid(rule->role_name, true);
		options = MemoryContextStrdup(pass->context, pgb_to_utf8(rule->options));
		pgb_job_check_options(options);
		run_id = insert_row(pass, rule->name, rule->kind, rule->role_name, "running",
							verdict->due_at, verdict->attempt, verdict->run_missed);

		/* before others can see the row, they can see that it has a job */
		pgb_job_reserve_for_run(reserved, run_id);
	}
	if (verdict->next_run != rule->rule.next_run)
		write_next_run(pass, rule->name, verdict->next_run);
	come_again(pass, verdict->wake_at);
	pgb_worker_commit();

	if (verdict->run)
	{
		pgb_job_request_reserved(reserved, task, role, options, run_id);
		has_reserved = false;
	}
}

/* Without a slot for its job nothing is decided. */
static bool
reserve_slot(void)
{
	if (!has_reserved)
		has_reserved = pgb_job_reserve(&reserved);
	return has_reserved;
}

static void
give_slot_back(int code, Datum arg)
{
	if (has_reserved)
		pgb_job_forget(reserved);
	has_reserved = false;
}

static void
deal_with(Pass *pass, const char *name)
{
	PgbStoredRule rule;
	PgbLastRun	last;
	PgbVerdict	verdict;

	begin(pass);
	if (!pgb_rule_read(pass->schema, name, &rule))
	{
		/* gone, or somebody has it locked */
		come_again_for_due(pass, SLOT_AGAIN_AFTER);
		pgb_worker_commit();
		return;
	}
	read_last_run(pass, &rule, &last);
	pgb_decide(&rule.rule, &last, pass->since, GetCurrentTimestamp(), &verdict);
	if (verdict.run && !reserve_slot())
	{
		come_again_for_due(pass, SLOT_AGAIN_AFTER);
		pgb_worker_commit();
		return;
	}
	carry_out(pass, &rule, &verdict);
}

/* ---- errors ---- */

/* Does it lie in the circumstances, and not in the schedule? */
static bool
is_passing(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:	/* lock not available */
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
		default:
			return false;
	}
}

/* A broken schedule is told of once, in the log and by a row. */
static void
record_broken(Pass *pass, const char *name, const ErrorData *error)
{
	PgbJobResult result;
	int64		run_id;

	pgb_result_of_error(&result, error);
	begin(pass);
	run_id = pgb_history_broken(pass->schema, name, &result);
	pgb_worker_commit();
	if (run_id == 0)
		return;
	pgb_worker_log(error, psprintf("schedule \"%s\"", name));
	remember_failure(pass, name, run_id, &result);
}

/* Was the extension dropped, or moved to another schema, while we were at work? */
static bool
has_moved(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_UNDEFINED_TABLE || sqlerrcode == ERRCODE_UNDEFINED_SCHEMA;
}

/* A step of the pass; false when it has failed. */
static bool
try_step(Pass *pass, void (*step) (Pass *), const char *what)
{
	volatile bool done = false;

	PG_TRY();
	{
		step(pass);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(pass->context);

		if (has_moved(error->sqlerrcode))
			come_again_for_due(pass, MOVED_AGAIN_AFTER);
		else
			pgb_worker_log(error, what);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(pass->context);
	return done;
}

static ErrorData *
try_to_deal_with(Pass *pass, const char *name)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		deal_with(pass, name);
	}
	PG_CATCH();
	{
		error = pgb_worker_recover(pass->context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(pass->context);
	return error;
}

/* ---- all of them ---- */

static List *
enabled_schedules(Pass *pass)
{
	List	   *names = NIL;

	begin(pass);
	execute(psprintf("SELECT name FROM %s.pgbackup_schedule_rules WHERE enabled ORDER BY next_run, name",
					 pass->schema), 0, NULL, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(pass->context);

		names = lappend(names, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		MemoryContextSwitchTo(old);
	}
	pgb_worker_commit();
	return names;
}

static void
deal_with_all(Pass *pass)
{
	List	   *names = enabled_schedules(pass);
	ListCell   *cell;

	foreach(cell, names)
	{
		char	   *name = lfirst(cell);
		ErrorData  *error = try_to_deal_with(pass, name);

		if (error == NULL)
			continue;
		if (has_moved(error->sqlerrcode))
			ReThrowError(error);
		if (is_passing(error->sqlerrcode))
		{
			/* what keeps one from being dealt with is likely to keep the others, too */
			pgb_worker_log(error, psprintf("schedule \"%s\"", name));
			come_again_for_due(pass, AGAIN_AFTER);
			break;
		}
		come_again(pass, GetCurrentTimestamp() + BROKEN_AGAIN_AFTER);
		record_broken(pass, name, error);
	}
}

static void
look_for_schedules(Pass *pass)
{
	pgb_worker_begin();
	pass->has_schedules = pgb_history_schema() != NULL;
	pgb_worker_commit();
}

/* Any pass does it: after the start of the server there is one in every database. */
static void
drop_leftovers(Pass *pass)
{
	pgb_incomplete_drop_leftovers();
}

static void
pass_over_database(Pass *pass)
{
	(void) try_step(pass, drop_leftovers, "dropping what earlier restores have left");
	if (!try_step(pass, look_for_schedules, "looking for the schedules of backups"))
		come_again_for_due(pass, AGAIN_AFTER);
	if (!pass->has_schedules)
		return;

	/* whether the last run still runs must be known before anything is decided */
	if (!try_step(pass, close_crashed, "closing the history of crashed backups") ||
		!try_step(pass, deal_with_all, "dealing with the schedules of backups"))
		come_again_for_due(pass, AGAIN_AFTER);
	(void) try_step(pass, prune, "pruning the history of backups");
}

static void
tell_of_failures(Pass *pass)
{
	ListCell   *cell;

	foreach(cell, pass->failures)
	{
		Failure    *failure = lfirst(cell);

		pgb_run_failure_command(failure->schedule, failure->run_id, &failure->result);
	}
}

/* ---- the worker ---- */

void
pgb_pass_describe_worker(BackgroundWorker *worker, int pass, Oid database, TimestampTz since)
{
	PassArguments arguments = {database, since};

	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "pgbackup", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "pgb_pass_main", sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_name, "pgbackup scheduler", sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, "pgbackup scheduler", sizeof(worker->bgw_type));
	worker->bgw_main_arg = Int32GetDatum(pass);
	memcpy(worker->bgw_extra, &arguments, sizeof(arguments));
}

void
pgb_pass_main(Datum arg)
{
	PassArguments arguments;
	Pass		pass = {0};

	memcpy(&arguments, MyBgworkerEntry->bgw_extra, sizeof(arguments));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	pgb_worker_connect(arguments.database);
	before_shmem_exit(give_slot_back, (Datum) 0);
	pgb_rule_in_pass = true;

	pass.context = AllocSetContextCreate(TopMemoryContext, "pgbackup pass", ALLOCSET_DEFAULT_SIZES);
	pass.since = arguments.since;
	pass.report.next = DT_NOEND;
	MemoryContextSwitchTo(pass.context);
	pgstat_report_activity(STATE_RUNNING, "looking at the schedules");
	pass_over_database(&pass);
	pgb_board_report(DatumGetInt32(arg), arguments.database, &pass.report);
	tell_of_failures(&pass);
	proc_exit(0);
}
