/*-------------------------------------------------------------------------
 *
 * health_run.c
 *	  Health: the schedules of this database, and its runs.
 *
 * src/server/health/health_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/health/health.h"
#include "server/own_tables.h"
#include "server/schedule/history.h"
#include "server/schedule/rule.h"
#include "utils/timestamp.h"

/* So long after its moment a backup may not be there yet. */
#define GRACE		(5 * USECS_PER_MINUTE)

/* ---- rows ---- */

static char *
column(uint64 row, int number)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);
}

/* A moment or a number; 0 for null */
static int64
column_int64(uint64 row, int number)
{
	bool		is_null;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);

	return is_null ? 0 : DatumGetInt64(value);
}

/* A table that somebody has locked is a finding, and nothing to wait for. */
static void
open_tables(PgbOwnTables *own)
{
	pgb_own_tables_open_within(own, pgb_history_tables, PGB_HISTORY_TABLES, "1s");
}

static void
query(const char *sql)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read schedules and runs");
}

/* ---- schedules ---- */

typedef struct Schedule
{
	char	   *name;
	char	   *kind;
	bool		is_enabled;
	PgbRule		rule;
	int64		since;			/* its last good backup; before the first, when it was made */
	bool		has_succeeded;
	char	   *last_status;	/* of its last run, or NULL */
	char	   *last_message;	/* or NULL */
	char	   *last_hint;		/* or NULL */
} Schedule;

static const char *const schedules_query =
"SELECT r.name, r.kind, r.cron, r.time_zone, CASE WHEN r.enabled THEN 1 ELSE 0 END::int8, r.changed_at,"
" good.finished_at, last.status, last.message, last.hint"
" FROM %1$s.pgbackup_schedule_rules r"
" LEFT JOIN LATERAL (SELECT finished_at FROM %1$s.pgbackup_runs"
" WHERE schedule = r.name AND status = 'succeeded' ORDER BY run_id DESC LIMIT 1) good ON true"
" LEFT JOIN LATERAL (SELECT status, message, hint FROM %1$s.pgbackup_runs"
" WHERE schedule = r.name ORDER BY run_id DESC LIMIT 1) last ON true"
" ORDER BY r.name";

static void
read_schedule(uint64 row, Schedule *schedule)
{
	int64		changed_at = column_int64(row, 6);
	int64		good_at = column_int64(row, 7);

	schedule->name = column(row, 1);
	schedule->kind = column(row, 2);
	pgb_cron_parse(column(row, 3), &schedule->rule.cron);
	schedule->rule.offset = pgb_zone_offset;
	schedule->rule.zone = pgb_rule_zone(column(row, 4));
	schedule->is_enabled = column_int64(row, 5) != 0;
	schedule->has_succeeded = good_at != 0;
	schedule->since = Max(good_at, changed_at);
	schedule->last_status = column(row, 8);
	schedule->last_message = column(row, 9);
	schedule->last_hint = column(row, 10);
}

static void
report_late(PgbHealth *health, const Schedule *schedule, PgbCheckStatus status, int64 due_at, int64 now)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "Schedule \"%s\" (%s) was due %s ago, and %s.", schedule->name, schedule->kind,
					 pgb_check_age_text(now - due_at),
					 schedule->has_succeeded ? psprintf("has not succeeded since %s", timestamptz_to_str(schedule->since)) :
					 "has never succeeded");
	if (schedule->last_status != NULL)
		appendStringInfo(&detail, " Its last run: %s%s%s.", schedule->last_status,
						 schedule->last_message != NULL ? ", " : "",
						 schedule->last_message != NULL ? schedule->last_message : "");
	pgb_health_report(health, status, detail.data,
					  schedule->last_hint != NULL ? schedule->last_hint : "pgbackup_runs tells how each run went.");
}

static bool
has_failed(const Schedule *schedule)
{
	return schedule->last_status != NULL &&
		(strcmp(schedule->last_status, "failed") == 0 || strcmp(schedule->last_status, "crashed") == 0);
}

/*
 * A moment that has passed without a good backup after it is a warning; two of them are a
 * failure.  One that is at work, or is about to be, may still become one.
 */
static void
check_schedule(PgbHealth *health, const Schedule *schedule, int64 now)
{
	bool		is_running = schedule->last_status != NULL && strcmp(schedule->last_status, "running") == 0;
	int64		due_at = pgb_rule_next(&schedule->rule, schedule->since);
	int64		due_again_at;

	if (!schedule->is_enabled)
		pgb_health_report(health, PGB_CHECK_OK,
						  psprintf("Schedule \"%s\" (%s) is disabled.", schedule->name, schedule->kind), NULL);
	else if (is_running)
		pgb_health_report(health, PGB_CHECK_OK,
						  psprintf("Schedule \"%s\" (%s) is at work.", schedule->name, schedule->kind), NULL);
	else if (due_at == PGB_NEVER || due_at + (has_failed(schedule) ? 0 : GRACE) > now)
		pgb_health_report(health, PGB_CHECK_OK,
						  psprintf("Schedule \"%s\" (%s) %s.", schedule->name, schedule->kind,
								   schedule->has_succeeded ? psprintf("has succeeded at %s", timestamptz_to_str(schedule->since)) :
								   due_at > now ? "has not been due yet" : "is due now"), NULL);
	else
	{
		due_again_at = pgb_rule_next(&schedule->rule, due_at);
		report_late(health, schedule,
					due_again_at != PGB_NEVER && due_again_at + GRACE <= now ? PGB_CHECK_FAIL : PGB_CHECK_WARN,
					due_at, now);
	}
}

void
pgb_health_schedules(PgbHealth *health)
{
	MemoryContext context = CurrentMemoryContext;
	Schedule   *schedules = NULL;
	int			count = 0;
	PgbOwnTables own;

	open_tables(&own);
	if (own.schema != NULL)
	{
		query(psprintf(schedules_query, own.schema));
		count = (int) SPI_processed;
		MemoryContextSwitchTo(context);
		schedules = palloc0(sizeof(Schedule) * Max(count, 1));
		for (int i = 0; i < count; i++)
			read_schedule(i, &schedules[i]);
	}
	pgb_own_tables_close(&own);
	MemoryContextSwitchTo(context);

	for (int i = 0; i < count; i++)
		check_schedule(health, &schedules[i], GetCurrentTimestamp());
	if (count == 0)
		pgb_health_report(health, PGB_CHECK_OK, "This database has no schedules.", NULL);
}

/* ---- runs ---- */

/* Its job may have ended, and closed the row, since that was read: look once more, with another snapshot. */
static char *
still_running(const char *schema, int64 run_id)
{
	if (SPI_execute(psprintf("SELECT kind FROM %s.pgbackup_runs WHERE run_id = " INT64_FORMAT
							 " AND status = 'running'", schema, run_id), false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read runs");
	return SPI_processed == 0 ? NULL : column(0, 1);
}

/* What still runs by its row, but has no job, went down with the server; a pass tells so, sooner or later. */
static void
check_running(PgbHealth *health, const char *schema, int *nfindings)
{
	uint64		count;
	int64	   *run_ids;

	query(psprintf("SELECT run_id FROM %s.pgbackup_runs WHERE status = 'running' ORDER BY run_id", schema));
	count = SPI_processed;
	run_ids = palloc(sizeof(int64) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
		run_ids[i] = column_int64(i, 1);

	for (uint64 i = 0; i < count; i++)
	{
		char	   *kind;

		if (pgb_job_run_is_live(MyDatabaseId, run_ids[i]) ||
			(kind = still_running(schema, run_ids[i])) == NULL)
			continue;
		(*nfindings)++;
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("Run " INT64_FORMAT " (%s) is at work by its row, but has no job.", run_ids[i], kind),
						  "It went down with the server. The row is corrected when the schedules of this database are looked at next.");
	}
}

static void
check_future(PgbHealth *health, const char *schema, int *nfindings)
{
	int64		latest;

	query(psprintf("SELECT pg_catalog.max(GREATEST(started_at, finished_at)) FROM %s.pgbackup_runs", schema));
	latest = column_int64(0, 1);
	if (latest <= GetCurrentTimestamp() + PGB_CLOCK_TOLERANCE)
		return;
	(*nfindings)++;
	pgb_health_report(health, PGB_CHECK_WARN,
					  psprintf("A run is from the future: %s.", timestamptz_to_str(latest)),
					  "The clock is wrong now, or was then.");
}

void
pgb_health_runs(PgbHealth *health)
{
	MemoryContext context = CurrentMemoryContext;
	int			nfindings = 0;
	PgbOwnTables own;

	open_tables(&own);
	MemoryContextSwitchTo(context);
	if (own.schema != NULL)
	{
		/* an old snapshot has rows of jobs that have long ended */
		if (pgb_shmem_ready() && !RecoveryInProgress() && !IsolationUsesXactSnapshot())
			check_running(health, own.schema, &nfindings);
		check_future(health, own.schema, &nfindings);
	}
	pgb_own_tables_close(&own);
	MemoryContextSwitchTo(context);
	if (nfindings == 0)
		pgb_health_report(health, PGB_CHECK_OK, "No run of this database was left by a crash.", NULL);
}
