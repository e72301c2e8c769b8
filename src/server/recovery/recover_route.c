/*-------------------------------------------------------------------------
 *
 * recover_route.c
 *	  The backup and the WAL that lead to a moment, also to one that is not archived yet.
 *
 * Recovery knows that it has come to a time only when it meets a commit after it, and to an LSN
 * when it meets a record there.  On a server that is idle nobody writes one, so the job does:
 * a transaction of its own, and then a new segment, so that the archive gets what there is.
 *
 * src/server/recovery/recover_route.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogarchive.h"
#include "pgstat.h"
#include "server/compat.h"
#include "server/guc.h"
#include "server/own_timeline.h"
#include "server/recovery/recover_work.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#define NAP_MS		100

/* ---- what can be asked for ---- */

void
pgb_recover_check_past(const PgbTarget *target)
{
	if (target->kind == PGB_TARGET_TIME && target->time > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot recover to time %s: it is in the future",
						pgb_time_to_text(target->time)),
				 errhint("pgbackup_recovery_window() shows what can be reached.")));
	if (target->kind == PGB_TARGET_LSN && !RecoveryInProgress() &&
		target->lsn > GetXLogInsertRecPtr())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot recover to LSN %s: no WAL has been written there yet",
						pgb_lsn_to_text(target->lsn)),
				 errhint("pgbackup_recovery_window() shows what can be reached.")));
}

/* Without one there is no moment to come to. */
static void
check_backups(PgbRepository *repository)
{
	int			count;

	(void) pgb_catalog_list_base(repository, &count);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no base backup to recover a table from"),
				 errhint("Leave out at and at_lsn to stage the table from a logical backup.  SELECT pgbackup_run('full') makes a base backup; from its end on, any moment can be recovered whose WAL is archived.")));
}

/* ---- what is not archived yet ---- */

/* A commit after the target. */
static void
commit_something(const PgbTarget *target)
{
	while (target->kind == PGB_TARGET_TIME && GetCurrentTimestamp() <= target->time)
		pg_usleep(1000L);
	StartTransactionCommand();
	(void) GetTopTransactionId();
	CommitTransactionCommand();
}

/* In the job, and not in a transaction.  Gives the segment that ends with it. */
static PgbWalName
end_segment(const PgbTarget *target)
{
	MemoryContext context = CurrentMemoryContext;
	PgbWalName	name;
	XLogRecPtr	end;
	XLogSegNo	number;

	commit_something(target);
	MemoryContextSwitchTo(context);
	end = RequestXLogSwitch(false);
	XLByteToPrevSeg(end, number, wal_segment_size);
	pgb_wal_segment_name(&name, GetWALInsertionTimeLine(), number, wal_segment_size);
	return name;
}

/* No longer than the archive may take: then its window says what is missing. */
static void
wait_for_archive(PgbRepository *repository, const PgbWalName *name)
{
	TimestampTz since = GetCurrentTimestamp();

	while (!pgb_wal_exists(repository, name) &&
		   !TimestampDifferenceExceeds(since, GetCurrentTimestamp(), pgb_guc_archive_timeout * 1000))
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* What nobody archives will not come. */
static void
check_archive(void)
{
	if (XLogArchivingActive() && strcmp(XLogArchiveLibrary, "pgbackup") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the WAL of that moment is not in the repository"),
			 XLogArchivingActive() ? errdetail("WAL is archived by something else.") :
			 errdetail("No WAL is archived."),
			 errhint("pgbackup_recovery_window() shows what can be reached.  With archive_mode = on and archive_library = 'pgbackup' it is any moment from the end of the next base backup on.")));
}

static void
bring_into_archive(PgbRepository *repository, const PgbTarget *target)
{
	PgbWalName	name;

	if (RecoveryInProgress())
		return;
	check_archive();
	name = end_segment(target);
	wait_for_archive(repository, &name);
}

/* ---- the route ---- */

/* Is it after what is archived of the server's own way? */
static bool
is_beyond(PgbRepository *repository, const PgbOwnWay *way, const PgbTarget *target)
{
	int			count;
	PgbWindow  *windows = pgb_windows(repository, &count);

	if (target->kind == PGB_TARGET_LSN && target->lsn >= way->end)
		return true;
	for (int i = 0; i < count; i++)
	{
		if (windows[i].timeline == way->timeline &&
			(target->kind == PGB_TARGET_TIME ? target->time < windows[i].to_time : target->lsn < windows[i].to_lsn))
			return false;
	}
	return count > 0;
}

/*
 * Never along another timeline than the server's: of the same moment that may have other rows.  NULL if the target
 * lies after what is archived.  Where the server has left the timeline nobody knows the time of, so that a segment too much
 * is as good as none.
 */
static PgbRoute *
find_along(PgbRepository *repository, const PgbOwnWay *way, const PgbTarget *target, const char *backup)
{
	PgbTarget	along = *target;
	PgbRoute   *route;

	if (is_beyond(repository, way, target))
		return NULL;
	along.timeline = way->timeline;
	route = pgb_route_find(repository, &along, backup);
	return route->end_lsn > way->end ? NULL : route;
}

pg_noreturn static void refuse(PgbRepository *repository, const PgbOwnWay *way, const PgbTarget *target,
							   const char *backup);

/* Most often the route says what is wrong. */
static void
refuse(PgbRepository *repository, const PgbOwnWay *way, const PgbTarget *target, const char *backup)
{
	PgbTarget	along = *target;

	along.timeline = way->timeline;
	(void) pgb_route_find(repository, &along, backup);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot recover to a moment after %s: the server has left timeline %u there", pgb_lsn_to_text(way->end),
					way->timeline),
			 errdetail("The repository has no WAL of timeline %u, on which the server is.", pgb_own_timeline()),
			 errhint("pgbackup_archive shows whether WAL is archived.")));
}

PgbRoute *
pgb_recover_route(PgbRepository *repository, const PgbRecoverRequest *request)
{
	const PgbTarget *target = &request->target;
	PgbOwnWay	way;
	PgbRoute   *route;

	pgb_recover_check_past(target);
	check_backups(repository);
	way = pgb_own_way(repository);
	route = find_along(repository, &way, target, request->backup);
	if (route == NULL)
	{
		bring_into_archive(repository, target);
		way = pgb_own_way(repository);
		route = find_along(repository, &way, target, request->backup);
	}
	if (route == NULL)
		refuse(repository, &way, target, request->backup);
	return route;
}

PgbRoute *
pgb_recover_plan_route(PgbRepository *repository, const PgbTarget *target)
{
	PgbOwnWay	way = pgb_own_way(repository);
	PgbTarget	latest = {.kind = PGB_TARGET_LATEST, .inclusive = true, .timeline = way.timeline};
	PgbRoute   *route;

	pgb_recover_check_past(target);
	route = find_along(repository, &way, target, NULL);
	return route != NULL ? route : pgb_route_find(repository, &latest, NULL);
}
