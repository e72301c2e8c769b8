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

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "pgtime.h"
#include "server/board.h"
#include "server/guc.h"
#include "server/options.h"
#include "server/schedule/decide.h"
#include "server/schedule/history.h"
#include "server/schedule/pass.h"
#include "server/schedule/rule.h"
#include "server/shmem.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* After an error, or without a slot for the job, it is tried again. */
#define AGAIN_AFTER			(INT64CONST(60) * 1000000)
#define SLOT_AGAIN_AFTER	(INT64CONST(10) * 1000000)

typedef struct Pass
{
	char	   *schema;			/* of the extension, quoted */
	TimestampTz next;			/* when to come again */
} Pass;

/* A run that was decided on, to be requested once its row is committed. */
typedef struct Pending
{
	int64		run_id;			/* 0: none */
	PgbKind		kind;
	Oid			role;
	char	   *options;
} Pending;

static void
come_again(Pass *pass, TimestampTz when)
{
	if (when < pass->next)
		pass->next = when;
}

/* ---- transactions ---- */

static void
begin(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static void
execute(const char *sql, int count, Oid *types, Datum *values, const char *nulls)
{
	int			rc = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);

	if (rc < 0)
		elog(ERROR, "could not work on the schedules: %s", SPI_result_code_string(rc));
}

static char *
column(int number)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
}

static int64
column_int64(int number, int64 fallback)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);

	return isnull ? fallback : DatumGetInt64(value);
}

/* ---- the history ---- */

/* What still runs by its row, but has no job, went down with the server. */
static void
mark_crashed(Pass *pass)
{
	uint64		count;
	int64	   *run_ids;

	begin();
	execute(psprintf("SELECT run_id FROM %s.pgbackup_runs WHERE status = 'running'", pass->schema),
			0, NULL, NULL, NULL);
	count = SPI_processed;
	run_ids = palloc(Max(1, count) * sizeof(int64));
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;

		run_ids[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	for (uint64 i = 0; i < count; i++)
	{
		Oid			types[] = {INT8OID, TEXTOID, TEXTOID};
		Datum		values[3];

		if (pgb_job_run_is_live(MyDatabaseId, run_ids[i]))
			continue;
		values[0] = Int64GetDatum(run_ids[i]);
		values[1] = CStringGetTextDatum("the backup ended without a word");
		values[2] = CStringGetTextDatum("The server stopped or crashed while it ran, or its worker was terminated.");

		/* one that has ended since we looked says so by itself */
		execute(psprintf("UPDATE %s.pgbackup_runs SET status = 'crashed', message = $2, detail = $3,"
						 " finished_at = pg_catalog.clock_timestamp()"
						 " WHERE run_id = $1 AND status = 'running'", pass->schema),
				lengthof(types), types, values, NULL);
	}
	commit();
}

static void
prune(Pass *pass)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(pgb_guc_history_days)};

	if (pgb_guc_history_days < 0)
		return;
	begin();
	execute(psprintf("DELETE FROM %s.pgbackup_runs WHERE finished_at <"
					 " pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => $1)",
					 pass->schema),
			lengthof(types), types, values, NULL);
	commit();
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

static void
read_last_run(Pass *pass, const char *schedule, PgbLastRun *last)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(schedule)};
	char	   *status;

	memset(last, 0, sizeof(*last));
	execute(psprintf("SELECT status, attempt::int8, due_at,"
					 " CASE WHEN status = 'crashed' THEN coalesce(started_at, due_at) ELSE finished_at END"
					 " FROM %s.pgbackup_runs"
					 " WHERE schedule = $1 AND status NOT IN ('missed', 'skipped')"
					 " ORDER BY run_id DESC LIMIT 1", pass->schema),
			lengthof(types), types, values, NULL);
	if (SPI_processed == 0)
		return;
	status = column(1);
	last->exists = true;
	last->running = strcmp(status, "running") == 0;
	last->to_be_retried = strcmp(status, "failed") == 0 || strcmp(status, "crashed") == 0;
	last->attempt = (int) column_int64(2, 1);
	last->due_at = column_int64(3, 0);
	last->finished_at = column_int64(4, PG_INT64_MIN);
}

/* ---- one schedule ---- */

static void
carry_out(Pass *pass, const PgbStoredRule *rule, const PgbVerdict *verdict, Pending *pending)
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID};
	Datum		values[2];

	if (verdict->missed > 0)
		(void) insert_row(pass, rule->name, rule->kind, rule->role_name, "missed",
						  verdict->missed_at, 1, verdict->missed);
	if (verdict->skipped > 0)
		(void) insert_row(pass, rule->name, rule->kind, rule->role_name, "skipped",
						  verdict->skipped_at, 1, verdict->skipped);
	if (verdict->run)
	{
		pending->run_id = insert_row(pass, rule->name, rule->kind, rule->role_name, "running",
									 verdict->due_at, verdict->attempt, verdict->run_missed);
		pending->kind = pgb_kind_from_text(rule->kind);
		pending->role = get_role_oid(rule->role_name, true);
		pending->options = MemoryContextStrdup(TopMemoryContext, rule->options);
	}

	/* our own change wakes nobody */
	if (verdict->next_run != rule->rule.next_run)
	{
		values[0] = CStringGetTextDatum(rule->name);
		values[1] = TimestampTzGetDatum(verdict->next_run);
		pgb_rule_own_change = true;
		execute(psprintf("UPDATE %s.pgbackup_schedule_rules SET next_run = $2 WHERE name = $1",
						 pass->schema),
				lengthof(types), types, values, NULL);
		pgb_rule_own_change = false;
	}
}

/* Its row is there: from here on nothing of the run is lost. */
static void
request(Pass *pass, const Pending *pending)
{
	PgbJobRef	job;

	job = pgb_job_request(pending->kind, MyDatabaseId, pending->role, pending->options,
						  pending->run_id);
	pgb_job_forget(job);
}

static void
deal_with(Pass *pass, const char *name)
{
	PgbStoredRule rule;
	PgbLastRun	last;
	PgbVerdict	verdict;
	Pending		pending = {0};

	begin();
	if (!pgb_rule_read(pass->schema, name, &rule))
		come_again(pass, GetCurrentTimestamp() + SLOT_AGAIN_AFTER); /* somebody has it locked */
	else
	{
		read_last_run(pass, name, &last);
		pgb_decide(&rule.rule, &last, GetCurrentTimestamp(), &verdict);

		/* all slots taken: nothing is decided until there is one */
		if (verdict.run && !pgb_job_slot_is_free())
			come_again(pass, GetCurrentTimestamp() + SLOT_AGAIN_AFTER);
		else
		{
			carry_out(pass, &rule, &verdict, &pending);
			come_again(pass, verdict.wake_at);
		}
	}
	commit();
	if (pending.run_id != 0)
		request(pass, &pending);
}

static void
try_to_deal_with(Pass *pass, const char *name, MemoryContext context)
{
	PG_TRY();
	{
		deal_with(pass, name);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		errcontext("schedule \"%s\"", name);
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		RESUME_INTERRUPTS();
		come_again(pass, GetCurrentTimestamp() + AGAIN_AFTER);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/* ---- all of them ---- */

static List *
enabled_schedules(Pass *pass, MemoryContext context)
{
	List	   *names = NIL;

	begin();
	execute(psprintf("SELECT name FROM %s.pgbackup_schedule_rules WHERE enabled ORDER BY next_run, name",
					 pass->schema), 0, NULL, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		names = lappend(names, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		MemoryContextSwitchTo(old);
	}
	commit();
	return names;
}

static TimestampTz
pass_over_database(MemoryContext context)
{
	Pass		pass = {NULL, DT_NOEND};
	List	   *names;
	ListCell   *cell;
	char	   *schema;

	begin();
	schema = pgb_history_schema();
	if (schema != NULL)
		pass.schema = MemoryContextStrdup(context, schema);
	commit();
	MemoryContextSwitchTo(context);
	if (pass.schema == NULL)
		return DT_NOEND;

	mark_crashed(&pass);
	prune(&pass);
	MemoryContextSwitchTo(context);
	names = enabled_schedules(&pass, context);
	foreach(cell, names)
		try_to_deal_with(&pass, lfirst(cell), context);
	return pass.next;
}

/* ---- the worker ---- */

void
pgb_pass_describe_worker(BackgroundWorker *worker, int pass, Oid database)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "pgbackup", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "pgb_pass_main", sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_name, "pgbackup scheduler", sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, "pgbackup scheduler", sizeof(worker->bgw_type));
	worker->bgw_main_arg = Int32GetDatum(pass);
	memcpy(worker->bgw_extra, &database, sizeof(database));
}

void
pgb_pass_main(Datum arg)
{
	int			pass = DatumGetInt32(arg);
	Oid			database;
	MemoryContext context;

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(database));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);

	/* the owner of a database may have set another one for it */
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_SESSION);

	context = AllocSetContextCreate(TopMemoryContext, "pgbackup pass", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	pgstat_report_activity(STATE_RUNNING, "looking at the schedules");
	pgb_board_report(pass, database, pass_over_database(context));
	proc_exit(0);
}
