/*-------------------------------------------------------------------------
 *
 * health_archive.c
 *	  Health: is the WAL archived, by us, and as fast as it is written?
 *
 * src/server/health/health_archive.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "server/archive/archive.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/health/health.h"
#include "utils/timestamp.h"

/* What waits longer, or is more, was not just written. */
#define PATIENCE_WARN	(10 * USECS_PER_MINUTE)
#define PATIENCE_FAIL	USECS_PER_HOUR
#define MANY_BYTES		((uint64) 1024 * 1024 * 1024)

#define HINT_SETUP		"Set archive_mode to on and archive_library to 'pgbackup', and restart the server."

/* Without base backups WAL leads nowhere, and it is a choice to have none. */
static void
report_none(PgbHealth *health, const char *who)
{
	if (pgb_check_has_base_backup(&health->repository))
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("%s: the base backups can be recovered to their own ends, and no further.", who),
						  HINT_SETUP);
	else
		pgb_health_report(health, PGB_CHECK_OK,
						  psprintf("%s. Logical backups do not need it.", who), NULL);
}

static void
report_failing(PgbHealth *health, const PgbArchiveStatus *status, const char *waiting)
{
	pgb_health_report(health, PGB_CHECK_FAIL,
					  psprintf("WAL has not been archived for %s, and stays in pg_wal: %s%s%s. %s",
							   pgb_check_age_text(GetCurrentTimestamp() - status->failing_since),
							   pgb_valid_text(status->message), status->detail[0] != '\0' ? ": " : "",
							   pgb_valid_text(status->detail), waiting),
					  status->hint[0] != '\0' ? pgb_valid_text(status->hint) : NULL);
}

static void
report_ours(PgbHealth *health)
{
	PgbArchiveStatus status = {0};
	TimestampTz oldest_at;
	int64		age = 0;
	uint64		bytes = 0;
	int			count;
	PgbWalName *ready = pgb_archive_ready(&count, &oldest_at);
	char	   *waiting;

	if (pgb_archive_is_shared())
		pgb_archive_get_status(&status);
	for (int i = 0; i < count; i++)
		bytes += ready[i].kind == PGB_WAL_SEGMENT || ready[i].kind == PGB_WAL_PARTIAL ? wal_segment_size : 0;
	if (oldest_at != 0)
		age = GetCurrentTimestamp() - oldest_at;
	waiting = psprintf("Files that wait: %d (%llu MB), the first of them for %s.", count,
					   (unsigned long long) (bytes >> 20), pgb_check_age_text(age));

	if (status.failing_since != 0)
		report_failing(health, &status, waiting);
	else if (age > PATIENCE_WARN || bytes > MANY_BYTES)
		pgb_health_report(health, age > PATIENCE_FAIL ? PGB_CHECK_FAIL : PGB_CHECK_WARN,
						  psprintf("The archive does not keep up: %s", waiting),
						  "Look at pgbackup_archive, and raise pgbackup.archive_workers if it is at work.");
	else
		pgb_health_report(health, PGB_CHECK_OK,
						  count == 0 ? "All WAL is archived that was completed." : waiting, NULL);
}

void
pgb_health_archive(PgbHealth *health)
{
	if (RecoveryInProgress() && !XLogArchivingAlways())
		pgb_health_report(health, PGB_CHECK_OK, "A standby archives nothing; its primary does.", NULL);
	else if (!XLogArchivingActive())
		report_none(health, "No WAL is archived");
	else if (strcmp(XLogArchiveLibrary, "pgbackup") != 0)
		report_none(health, "WAL is archived by something else");
	else
		report_ours(health);
}
