/*-------------------------------------------------------------------------
 *
 * history.c
 *	  The rows of pgbackup_runs.
 *
 * A row is committed as "running" before its job does anything, so that one
 * which is still so with no job behind it tells of a crash.
 *
 * src/server/schedule/history.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "io/json.h"
#include "mb/pg_wchar.h"
#include "server/board.h"
#include "server/schedule/failure.h"
#include "server/schedule/history.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#define NOTIFY_CHANNEL		"pgbackup"

/* A notification's payload has an end; the row has the whole text. */
#define MAX_NOTIFY_MESSAGE	1000

char *
pgb_history_schema(void)
{
	static const char *const query =
		"SELECT pg_catalog.quote_ident(n.nspname)"
		" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
		" WHERE e.extname = 'pgbackup' AND EXISTS ("
		"SELECT FROM pg_catalog.pg_class c"
		" WHERE c.relnamespace = n.oid AND c.relname = 'pgbackup_schedule_rules')";

	if (RecoveryInProgress())
		return NULL;
	if (SPI_execute(query, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the extension");
	if (SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static Datum
text_or_null(const char *text, char *null)
{
	*null = (text == NULL || text[0] == '\0') ? 'n' : ' ';
	return *null == 'n' ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
execute(const char *sql, int count, Oid *types, Datum *values, const char *nulls)
{
	int			rc = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);

	if (rc < 0)
		elog(ERROR, "could not write the history of runs: %s", SPI_result_code_string(rc));
}

/* The next number for a row. */
static int64
next_run_id(const char *schema)
{
	bool		isnull;
	int64		run_id;

	if (SPI_execute(psprintf("SELECT pg_catalog.nextval('%s.pgbackup_runs_run_id_seq')", schema),
					false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not get a number for the run");
	run_id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	return run_id;
}

static void
insert_run(const char *schema, PgbJobRef job, PgbKind kind, Oid role)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID};
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};
	int64		run_id = next_run_id(schema);
	char	   *role_name = GetUserNameFromId(role, true);

	/* first the job knows its row, then others can see it */
	pgb_job_set_run_id(job, run_id);
	values[0] = Int64GetDatum(run_id);
	values[1] = CStringGetTextDatum(pgb_kind_name(kind));
	values[2] = text_or_null(role_name, &nulls[2]);
	execute(psprintf("INSERT INTO %s.pgbackup_runs (run_id, kind, status, started_at, role_name)"
					 " VALUES ($1, $2, 'running', pg_catalog.clock_timestamp(), $3)", schema),
			lengthof(values), types, values, nulls);
}

static void
update_started(const char *schema, int64 run_id)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(run_id)};

	execute(psprintf("UPDATE %s.pgbackup_runs SET started_at = pg_catalog.clock_timestamp()"
					 " WHERE run_id = $1", schema),
			lengthof(values), types, values, NULL);
}

/* Statements of ours are in the search path of nobody. */
static char *
begin(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	return pgb_history_schema();
}

static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

void
pgb_history_begin(PgbJobRef job)
{
	char	   *schema = begin();
	PgbKind		kind;
	Oid			role;

	if (schema != NULL && pgb_job_describe(job, &kind, &role))
	{
		int64		run_id = pgb_job_run_id(job);

		if (run_id == 0)
			insert_run(schema, job, kind, role);
		else
			update_started(schema, run_id);
	}
	commit();
}

static const char *
status_of(const PgbJobResult *result)
{
	if (result->succeeded)
		return "succeeded";
	return result->sqlerrcode == ERRCODE_QUERY_CANCELED ? "cancelled" : "failed";
}

/* Returns the name of the schedule, or NULL; palloc'd in the caller's context. */
static char *
update_ended(const char *schema, int64 run_id, const PgbJobResult *result)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};

	values[0] = Int64GetDatum(run_id);
	values[1] = CStringGetTextDatum(status_of(result));
	values[2] = text_or_null(result->backup_id, &nulls[2]);
	values[3] = text_or_null(result->message, &nulls[3]);
	values[4] = text_or_null(result->detail, &nulls[4]);
	values[5] = text_or_null(result->hint, &nulls[5]);
	execute(psprintf("UPDATE %s.pgbackup_runs SET status = $2, backup = $3, message = $4,"
					 " detail = $5, hint = $6, finished_at = pg_catalog.clock_timestamp()"
					 " WHERE run_id = $1 RETURNING schedule", schema),
			lengthof(values), types, values, nulls);
	if (SPI_processed != 1)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static void
notify_ended(int64 run_id, const char *schedule, const PgbJobResult *result)
{
	StringInfoData payload;
	PgbJsonWriter w;
	char	   *message = pstrdup(result->message);

	message[pg_mbcliplen(message, strlen(message), MAX_NOTIFY_MESSAGE)] = '\0';
	initStringInfo(&payload);
	pgb_json_begin(&w, &payload, false);
	pgb_json_object(&w, NULL);
	pgb_json_uint64(&w, "run_id", (uint64) run_id);
	pgb_json_string(&w, "schedule", schedule);
	pgb_json_string(&w, "backup", result->backup_id[0] != '\0' ? result->backup_id : NULL);
	pgb_json_string(&w, "status", status_of(result));
	pgb_json_string(&w, "message", message[0] != '\0' ? message : NULL);
	pgb_json_end_object(&w);
	Async_Notify(NOTIFY_CHANNEL, payload.data);
}

void
pgb_history_end(PgbJobRef job, const PgbJobResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	int64		run_id = pgb_job_run_id(job);
	char	   *schema = begin();
	char	   *schedule = NULL;
	char	   *database = NULL;

	if (schema != NULL && run_id != 0)
	{
		schedule = update_ended(schema, run_id, result);
		notify_ended(run_id, schedule, result);
		if (schedule != NULL)
			schedule = MemoryContextStrdup(context, schedule);
	}
	database = MemoryContextStrdup(context, get_database_name(MyDatabaseId));
	commit();
	MemoryContextSwitchTo(context);

	pgb_board_mark_changed(MyDatabaseId);
	if (!result->succeeded)
		pgb_run_failure_command(database, schedule, run_id, result);
}
