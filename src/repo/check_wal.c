/*-------------------------------------------------------------------------
 *
 * check_wal.c
 *	  The health of a repository: what can be recovered with the archived WAL.
 *
 * src/repo/check_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/check.h"

#include "repo/window.h"

bool
pgb_check_has_base_backup(const PgbCheck *check)
{
	for (int i = 0; i < check->nentries; i++)
	{
		if (check->entries[i].manifest != NULL && check->entries[i].manifest->base != NULL)
			return true;
	}
	return false;
}

void
pgb_check_windows(PgbCheck *check, const char *name)
{
	int			count;
	PgbWindow  *windows = pgb_windows(check->repository, &count);

	if (count == 0 && pgb_check_has_base_backup(check))
		pgb_check_report(check, name, PGB_CHECK_FAIL,
						 "No base backup can be recovered: the WAL that it needs is not in the archive.",
						 "Set archive_library to 'pgbackup', and make a new base backup.");
	else if (count == 0)
		pgb_check_report(check, name, PGB_CHECK_OK,
						 "There is no base backup: only what logical backups hold can be restored.",
						 "SELECT pgbackup_run('full') makes one; with archive_library = 'pgbackup' the cluster can be recovered to any moment after it.");
	for (int i = 0; i < count; i++)
		pgb_check_report(check, name, PGB_CHECK_OK,
						 psprintf("From %s.", pgb_window_describe(&windows[i])), NULL);
}

/* The first gap of a window makes it end; there may be more WAL that no backup leads to. */
void
pgb_check_gaps(PgbCheck *check, const char *name)
{
	int			count;
	PgbWindow  *windows = pgb_windows(check->repository, &count);
	int			ngaps = 0;

	for (int i = 0; i < count; i++)
	{
		char	   *missing = pgb_window_missing_segment(&windows[i]);

		if (missing == NULL)
			continue;
		ngaps++;
		pgb_check_report(check, name, PGB_CHECK_WARN,
						 psprintf("WAL segment %s is missing, and there are others after it.", missing),
						 "What was committed from it to the next base backup cannot be recovered, unless the segment is still in pg_wal of the server and can be put into the archive. If there is no base backup after it, make one now: SELECT pgbackup_run('full').");
	}
	if (ngaps == 0)
		pgb_check_report(check, name, PGB_CHECK_OK, "No WAL is missing after a base backup.", NULL);
}

void
pgb_check_latest(PgbCheck *check, const char *name)
{
	PgbTarget	target = {PGB_TARGET_LATEST};
	PgbRoute   *route;

	if (!pgb_check_has_base_backup(check))
		return;
	route = pgb_route_find(check->repository, &target, NULL);
	pgb_check_report(check, name, PGB_CHECK_OK,
					 psprintf("The end of timeline %u, %s, can be recovered from backup \"%s\"; WAL segments for that: %d.",
							  route->timeline, pgb_lsn_to_text(route->end_lsn), route->backup->id,
							  route->nsegments), NULL);
}
