/*-------------------------------------------------------------------------
 *
 * window.c
 *	  pgbackup_recovery_window: from when to when the cluster can be recovered.
 *
 * src/server/recovery/window.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "fmgr.h"
#include "funcapi.h"
#include "repo/window.h"
#include "server/guc.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_recovery_window);

#define NCOLUMNS	8

static void
put_window(ReturnSetInfo *rsinfo, const PgbWindow *window)
{
	char	   *missing = pgb_window_missing_segment(window);
	Datum		values[NCOLUMNS];
	bool		nulls[NCOLUMNS] = {0};

	values[0] = Int32GetDatum((int32) window->timeline);
	values[1] = CStringGetTextDatum(window->backup);
	values[2] = TimestampTzGetDatum(window->from_time);
	values[3] = TimestampTzGetDatum(window->to_time);
	values[4] = LSNGetDatum(window->from_lsn);
	values[5] = LSNGetDatum(window->to_lsn);
	values[6] = CStringGetTextDatum(pgb_window_last_segment(window));
	nulls[7] = missing == NULL;
	values[7] = missing == NULL ? (Datum) 0 : CStringGetTextDatum(missing);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
pgbackup_recovery_window(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	PgbWindow  *windows;
	int			count;

	InitMaterializedSRF(fcinfo, 0);

	/* before the first backup there is no repository */
	if (access(pgb_guc_repository, F_OK) != 0 && errno == ENOENT)
		PG_RETURN_NULL();

	windows = pgb_windows(pgb_server_repository(false), &count);
	for (int i = 0; i < count; i++)
		put_window(rsinfo, &windows[i]);
	PG_RETURN_NULL();
}
