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

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "io/json.h"
#include "mb/pg_wchar.h"
#include "server/encoding.h"
#include "server/own_tables.h"
#include "server/schedule/history.h"
#include "server/task.h"
#include "server/worker_session.h"
#include "utils/builtins.h"

#define NOTIFY_CHANNEL		"pgbackup"

/* A notification's payload has an end; the row has the whole text. */
#define MAX_NOTIFY_MESSAGE	1000

const char *const pgb_history_tables[PGB_HISTORY_TABLES] = {
	"pgbackup_schedule_rules", "pgbackup_runs"
};

char *
pgb_history_schema(void)
{
	return RecoveryInProgress() ? NULL : pgb_own_schema(pgb_history_tables, PGB_HISTORY_TABLES);
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

/* The number of the row that the last statement has returned. */
static int64
returned_run_id(void)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
insert_run(const char *schema, PgbJobRef job, PgbTask task, Oid role)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[2];
	char		nulls[2] = {' ', ' '};

	values[0] = CStringGetTextDatum(pgb_task_ops(task)->name);
	values[1] = text_or_null(GetUserNameFromId(role, true), &nulls[1]);
	execute(psprintf("INSERT INTO %s.pgbackup_runs (kind, status, started_at, role_name)"
					 " VALUES ($1, 'running', pg_catalog.clock_timestamp(), $2)"
					 " RETURNING run_id", schema),
			lengthof(values), types, values, nulls);

	/* before others can see the row, they can see that it has a job */
	pgb_job_set_run_id(job, returned_run_id());
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

void
pgb_history_begin(PgbJobRef job)
{
	char	   *schema;
	PgbTask		task;
	Oid			role;

	pgb_worker_begin();
	schema = pgb_history_schema();
	if (schema != NULL && pgb_job_describe(job, &task, &role))
	{
		int64		run_id = pgb_job_run_id(job);

		if (run_id == 0)
			insert_run(schema, job, task, role);
		else
			update_started(schema, run_id);
	}
	pgb_worker_commit();
}

static void
notify_ended(int64 run_id, const char *schedule, const char *status, const PgbJobResult *result)
{
	StringInfoData payload;
	PgbJsonWriter w;
	char	   *message = pstrdup(result->message);

	message[pg_mbcliplen(message, strlen(message), MAX_NOTIFY_MESSAGE)] = '\0';
	initStringInfo(&payload);
	pgb_json_begin(&w, &payload, false);
	pgb_json_object(&w, NULL);
	pgb_json_uint64(&w, "run_id", (uint64) run_id);
	pgb_json_string(&w, "schedule", pgb_to_utf8(schedule));
	pgb_json_string(&w, "backup", result->backup_id[0] != '\0' ? result->backup_id : NULL);
	pgb_json_string(&w, "status", status);
	pgb_json_string(&w, "message", message[0] != '\0' ? pgb_to_utf8(message) : NULL);
	pgb_json_end_object(&w);
	Async_Notify(NOTIFY_CHANNEL, pgb_from_utf8(payload.data));
}

bool
pgb_history_close(const char *schema, int64 run_id, const char *status,
				  const PgbJobResult *result, char **schedule)
{
	Oid			types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};

	values[0] = Int64GetDatum(run_id);
	values[1] = CStringGetTextDatum(status);
	values[2] = text_or_null(result->backup_id, &nulls[2]);
	values[3] = text_or_null(result->message, &nulls[3]);
	values[4] = text_or_null(result->detail, &nulls[4]);
	values[5] = text_or_null(result->hint, &nulls[5]);
	execute(psprintf("UPDATE %s.pgbackup_runs SET status = $2, backup = $3, message = $4,"
					 " detail = $5, hint = $6, finished_at = pg_catalog.clock_timestamp()"
					 " WHERE run_id = $1 AND status = 'running' RETURNING schedule", schema),
			lengthof(values), types, values, nulls);
	if (SPI_processed != 1)
		return false;
	*schedule = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	notify_ended(run_id, *schedule, status, result);
	return true;
}

static const char *
status_of(const PgbJobResult *result)
{
	if (result->succeeded)
		return "succeeded";
	return result->sqlerrcode == ERRCODE_QUERY_CANCELED ? "cancelled" : "failed";
}

char *
pgb_history_end(PgbJobRef job, const PgbJobResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *schedule = NULL;
	char	   *schema;
	PgbTask		task;
	Oid			role;

	pgb_worker_begin();
	schema = pgb_history_schema();
	if (schema != NULL && pgb_job_describe(job, &task, &role))
	{
		const char *status = status_of(result);

		if (!pgb_history_close(schema, pgb_job_run_id(job), status, result, &schedule))
		{
			/* its begin could not be recorded */
			insert_run(schema, job, task, role);
			(void) pgb_history_close(schema, pgb_job_run_id(job), status, result, &schedule);
		}
		if (schedule != NULL)
			schedule = MemoryContextStrdup(context, schedule);
	}
	pgb_worker_commit();
	MemoryContextSwitchTo(context);
	return schedule;
}

int64
pgb_history_broken(const char *schema, const char *schedule, const PgbJobResult *result)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};
	int64		run_id;

	values[0] = CStringGetTextDatum(schedule);
	values[1] = CStringGetTextDatum(result->message);
	values[2] = text_or_null(result->detail, &nulls[2]);
	values[3] = text_or_null(result->hint, &nulls[3]);
	execute(psprintf("INSERT INTO %s.pgbackup_runs"
					 " (schedule, kind, role_name, status, message, detail, hint, finished_at)"
					 " SELECT r.name, r.kind, r.role_name, 'failed', $2, $3, $4,"
					 " pg_catalog.clock_timestamp()"
					 " FROM %s.pgbackup_schedule_rules r WHERE r.name = $1 AND NOT EXISTS ("
					 "SELECT FROM (SELECT due_at, message FROM %s.pgbackup_runs"
					 " WHERE schedule = $1 ORDER BY run_id DESC LIMIT 1) last"
					 " WHERE last.due_at IS NULL AND last.message = $2)"
					 " RETURNING run_id", schema, schema, schema),
			lengthof(values), types, values, nulls);
	if (SPI_processed != 1)
		return 0;
	run_id = returned_run_id();
	notify_ended(run_id, schedule, "failed", result);
	return run_id;
}
