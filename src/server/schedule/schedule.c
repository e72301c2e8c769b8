/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  pgbackup_schedule and pgbackup_unschedule.
 *
 * The rules are a table of the extension's owner: whoever may call these
 * functions need not have rights on it.  They write as the bootstrap superuser,
 * by statements that name everything with its schema.
 *
 * src/server/schedule/schedule.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/arguments.h"
#include "server/encoding.h"
#include "server/own_tables.h"
#include "server/schedule/history.h"
#include "server/schedule/rule.h"
#include "server/task.h"
#include "server/verify/verify.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_schedule);
PG_FUNCTION_INFO_V1(pgbackup_unschedule);

#define MAX_NAME_LENGTH		200
#define MAX_RETRIES			100

/* in the order of the SQL function's arguments */
enum
{
	ARG_NAME,
	ARG_CRON,
	ARG_KIND,
	ARG_LABEL,
	ARG_LEVEL = ARG_LABEL + 8,
	ARG_TIME_ZONE,
	ARG_ON_MISSED,
	ARG_ON_OVERLAP,
	ARG_RETRIES,
	ARG_ENABLED,
	ARG_REPLACE,
	ARG_BACKUP,					/* this and the next are there since 0.6.0 */
	ARG_DEPTH
};

typedef struct Request
{
	char	   *name;
	char	   *cron;
	char	   *kind;
	char	   *time_zone;
	char	   *options;
	char	   *on_missed;
	char	   *on_overlap;
	int			retries;
	bool		enabled;
	bool		replace;
	TimestampTz next_run;
} Request;

/* ---- arguments ---- */

static char *
word_argument(FunctionCallInfo fcinfo, int number, const char *name,
			  const char *first, const char *second)
{
	char	   *word = pgb_text_argument(fcinfo, number, name);

	if (strcmp(word, first) != 0 && strcmp(word, second) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown value of argument \"%s\": \"%s\"", name, word),
				 errhint("It is \"%s\" or \"%s\".", first, second)));
	return word;
}

static char *
name_argument(FunctionCallInfo fcinfo)
{
	char	   *name = pgb_text_argument(fcinfo, ARG_NAME, "name");

	if (name[0] == '\0' || strlen(name) > MAX_NAME_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name of a schedule"),
				 errdetail("It has %zu bytes.", strlen(name)),
				 errhint("A name has from 1 to %d bytes.", MAX_NAME_LENGTH)));
	return name;
}

/* False also where the extension is older than its library. */
static bool
is_given(FunctionCallInfo fcinfo, int number)
{
	return PG_NARGS() > number && !PG_ARGISNULL(number);
}

/* What a backup is to be is no question here. */
static char *
verify_options(FunctionCallInfo fcinfo)
{
	PgbRunOptions *options = pgb_options_arguments(fcinfo, ARG_LABEL, PGB_TASK_FULL);
	PgbVerifyRequest request = {0};

	if (options->label != NULL || !PG_ARGISNULL(ARG_LEVEL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" cannot be used with a schedule of kind \"%s\"",
						options->label != NULL ? "label" : "level", "verify"),
				 errhint("It verifies backups that are there: backup => and depth => say which, and how.")));
	request.backup = is_given(fcinfo, ARG_BACKUP) ?
		pgb_text_argument(fcinfo, ARG_BACKUP, "backup") : pstrdup(PGB_LATEST);
	request.depth = is_given(fcinfo, ARG_DEPTH) ?
		pgb_depth_of_text(pgb_text_argument(fcinfo, ARG_DEPTH, "depth")) : PGB_DEPTH_RESTORE;
	request.jobs = options->jobs;
	pgb_verify_check_request(&request);
	return pgb_verify_request_to_json(&request);
}

static char *
backup_options(FunctionCallInfo fcinfo, PgbTask task)
{
	if (is_given(fcinfo, ARG_BACKUP) || is_given(fcinfo, ARG_DEPTH))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is for schedules of kind \"verify\"",
						is_given(fcinfo, ARG_BACKUP) ? "backup" : "depth")));
	return pgb_options_to_json(pgb_options_arguments(fcinfo, ARG_LABEL, task));
}

/* There is one: what never comes is refused by the parser. */
static TimestampTz
first_moment(const Request *request)
{
	PgbRule		rule = {0};

	pgb_cron_parse(request->cron, &rule.cron);
	rule.offset = pgb_zone_offset;
	rule.zone = pgb_rule_zone(request->time_zone);
	return pgb_rule_next(&rule, GetCurrentTimestamp());
}

static void
read_request(FunctionCallInfo fcinfo, Request *request)
{
	PgbTask		task;

	memset(request, 0, sizeof(*request));
	request->name = name_argument(fcinfo);
	request->cron = pgb_text_argument(fcinfo, ARG_CRON, "cron");
	task = pgb_task_of_schedule(pgb_text_argument(fcinfo, ARG_KIND, "kind"));
	request->kind = pstrdup(pgb_task_ops(task)->name);
	request->options = task == PGB_TASK_VERIFY ? verify_options(fcinfo) : backup_options(fcinfo, task);
	pgb_job_check_options(request->options);
	request->time_zone = PG_ARGISNULL(ARG_TIME_ZONE) ?
		pstrdup(pg_get_timezone_name(session_timezone)) :
		pstrdup(pg_get_timezone_name(pgb_rule_zone(pgb_text_argument(fcinfo, ARG_TIME_ZONE, "time_zone"))));
	request->on_missed = word_argument(fcinfo, ARG_ON_MISSED, "on_missed", "run_once", "skip");
	request->on_overlap = word_argument(fcinfo, ARG_ON_OVERLAP, "on_overlap", "skip", "wait");
	request->retries = pgb_integer_argument(fcinfo, ARG_RETRIES, "retries", 3, 0, MAX_RETRIES);
	request->enabled = PG_ARGISNULL(ARG_ENABLED) || PG_GETARG_BOOL(ARG_ENABLED);
	request->replace = !PG_ARGISNULL(ARG_REPLACE) && PG_GETARG_BOOL(ARG_REPLACE);
	request->next_run = first_moment(request);
}

/* ---- the table ---- */

static void
begin_writing(PgbOwnTables *own, const char *function)
{
	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	pgb_own_tables_open(own, pgb_history_tables, PGB_HISTORY_TABLES);
	if (own->schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no schedules"),
				 errhint("Run ALTER EXTENSION pgbackup UPDATE.")));
}

static void
execute(const char *sql, int count, Oid *types, Datum *values)
{
	int			rc = SPI_execute_with_args(sql, count, types, values, NULL, false, 0);

	if (rc < 0)
		elog(ERROR, "could not write a schedule: %s", SPI_result_code_string(rc));
}

/* Is there one of that name?  Then the caller must be allowed to change it. */
static bool
find_rule(PgbOwnTables *own, const char *name)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(name)};
	char	   *role_name;
	Oid			role;

	execute(psprintf("SELECT role_name FROM %s.pgbackup_schedule_rules WHERE name = $1 FOR UPDATE",
					 own->schema), lengthof(types), types, values);
	if (SPI_processed == 0)
		return false;
	role_name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	role = get_role_oid(role_name, true);
	if (!superuser_arg(own->caller) &&
		!(OidIsValid(role) && has_privs_of_role(own->caller, role)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schedule \"%s\"", name),
				 errhint("Only superusers and members of role \"%s\", which has made it, may change it.",
						 role_name)));
	return true;
}

static void
write_rule(PgbOwnTables *own, const Request *request, bool exists)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	INT4OID, BOOLOID, TEXTOID, TIMESTAMPTZOID};
	Datum		values[11];

	values[0] = CStringGetTextDatum(request->name);
	values[1] = CStringGetTextDatum(request->kind);
	values[2] = CStringGetTextDatum(request->cron);
	values[3] = CStringGetTextDatum(request->time_zone);
	values[4] = CStringGetTextDatum(pgb_from_utf8(request->options));
	values[5] = CStringGetTextDatum(request->on_missed);
	values[6] = CStringGetTextDatum(request->on_overlap);
	values[7] = Int32GetDatum(request->retries);
	values[8] = BoolGetDatum(request->enabled);
	values[9] = CStringGetTextDatum(GetUserNameFromId(own->caller, false));
	values[10] = TimestampTzGetDatum(request->next_run);
	if (exists)
		execute(psprintf("UPDATE %s.pgbackup_schedule_rules SET kind = $2, cron = $3, time_zone = $4,"
						 " options = $5::pg_catalog.json, on_missed = $6, on_overlap = $7, retries = $8, enabled = $9,"
						 " role_name = $10, next_run = $11, changed_at = pg_catalog.clock_timestamp() WHERE name = $1", own->schema),
				lengthof(types), types, values);
	else
		execute(psprintf("INSERT INTO %s.pgbackup_schedule_rules"
						 " (name, kind, cron, time_zone, options, on_missed, on_overlap, retries,"
						 " enabled, role_name, next_run, changed_at)"
						 " VALUES ($1, $2, $3, $4, $5::pg_catalog.json, $6, $7, $8, $9, $10, $11,"
						 " pg_catalog.clock_timestamp())", own->schema),
				lengthof(types), types, values);
}

Datum
pgbackup_schedule(PG_FUNCTION_ARGS)
{
	Request		request;
	PgbOwnTables own;
	bool		exists;

	pgb_shmem_require();
	read_request(fcinfo, &request);
	begin_writing(&own, "pgbackup_schedule()");
	exists = find_rule(&own, request.name);
	if (exists && !request.replace)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("schedule \"%s\" already exists", request.name),
				 errhint("Use replace => true to change it.")));
	write_rule(&own, &request, exists);
	pgb_own_tables_close(&own);

	if (!request.enabled)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(request.next_run);
}

Datum
pgbackup_unschedule(PG_FUNCTION_ARGS)
{
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	PgbOwnTables own;
	bool		exists;

	begin_writing(&own, "pgbackup_unschedule()");
	exists = find_rule(&own, name);
	if (exists)
	{
		values[0] = CStringGetTextDatum(name);
		execute(psprintf("DELETE FROM %s.pgbackup_schedule_rules WHERE name = $1", own.schema),
				lengthof(types), types, values);
	}
	pgb_own_tables_close(&own);
	PG_RETURN_BOOL(exists);
}
