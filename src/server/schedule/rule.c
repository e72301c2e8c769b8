/*-------------------------------------------------------------------------
 *
 * rule.c
 *	  A schedule as it is stored: a row of pgbackup_schedule_rules.
 *
 * src/server/schedule/rule.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "server/board.h"
#include "server/schedule/rule.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_schedule_changed);
PG_FUNCTION_INFO_V1(pgbackup_local_time);

bool		pgb_rule_in_pass = false;

static char *
column(int number)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
}

int
pgb_zone_offset(void *zone, int64 moment)
{
	pg_time_t	when = (pg_time_t) moment;
	struct pg_tm *tm = pg_localtime(&when, (pg_tz *) zone);

	return tm != NULL ? (int) tm->tm_gmtoff : 0;
}

pg_tz *
pgb_rule_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errhint("The view pg_timezone_names shows those that are.")));
	return zone;
}

bool
pgb_rule_read(const char *schema, const char *name, PgbStoredRule *stored)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(name)};
	bool		isnull;
	char	   *sql;

	sql = psprintf("SELECT name, kind, role_name, options, cron, time_zone, on_missed, on_overlap,"
				   " retries, next_run, changed_at FROM %s.pgbackup_schedule_rules"
				   " WHERE name = $1 AND enabled FOR UPDATE SKIP LOCKED", schema);
	if (SPI_execute_with_args(sql, lengthof(types), types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read schedule \"%s\"", name);
	if (SPI_processed == 0)
		return false;

	memset(stored, 0, sizeof(*stored));
	stored->name = column(1);
	stored->kind = column(2);
	stored->role_name = column(3);
	stored->options = column(4);
	pgb_cron_parse(column(5), &stored->rule.cron);
	stored->rule.offset = pgb_zone_offset;
	stored->rule.zone = pgb_rule_zone(column(6));
	stored->rule.run_missed = strcmp(column(7), "run_once") == 0;
	stored->rule.wait_overlap = strcmp(column(8), "wait") == 0;
	stored->rule.retries = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
													   SPI_tuptable->tupdesc, 9, &isnull));
	stored->rule.next_run = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
														SPI_tuptable->tupdesc, 10, &isnull));
	stored->changed_at = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
														   SPI_tuptable->tupdesc, 11, &isnull));
	return true;
}

/*
 * A moment on the clock of a zone; NULL where that is not known.  For the view, in which one
 * broken schedule must not hide the others.
 */
Datum
pgbackup_local_time(PG_FUNCTION_ARGS)
{
	TimestampTz moment = PG_GETARG_TIMESTAMPTZ(0);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	pg_tz	   *zone = pg_tzset(name);
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;
	Timestamp	local;

	if (zone == NULL || TIMESTAMP_NOT_FINITE(moment) ||
		timestamp2tm(moment, &offset, &tm, &fsec, NULL, zone) != 0 ||
		tm2timestamp(&tm, fsec, NULL, &local) != 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMP(local);
}

/* The trigger: however a rule is changed, the launcher is told. */
Datum
pgbackup_schedule_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by a trigger", "pgbackup_schedule_changed")));
	if (!pgb_rule_in_pass)
		pgb_board_mark_changed_at_commit();
	return PointerGetDatum(NULL);
}
