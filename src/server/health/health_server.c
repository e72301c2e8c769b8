/*-------------------------------------------------------------------------
 *
 * health_server.c
 *	  Health: how the server is set up.
 *
 * src/server/health/health_server.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "postmaster/bgworker_internals.h"
#include "server/guc.h"
#include "server/health/health.h"
#include "server/own_tables.h"
#include "server/shmem.h"

#include "executor/spi.h"

/* The launcher, a pass over a database, and a job: without them nothing runs at all. */
#define FEWEST_WORKERS	2
#define OWN_WORKERS		3

/* So many backups of a kind that are never removed are a plan that is missing. */
#define MANY_BACKUPS	30

/* ---- preload ---- */

/* Who may see it in pg_stat_activity is another question than who may know whether it is there. */
static bool
has_launcher(void)
{
	PgbOwnTables own;
	bool		found;

	pgb_own_tables_open(&own, NULL, 0);
	if (SPI_execute("SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type = 'pgbackup launcher'",
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the launcher");
	found = SPI_processed > 0;
	pgb_own_tables_close(&own);
	return found;
}

void
pgb_health_preload(PgbHealth *health)
{
	if (!pgb_shmem_ready())
		pgb_health_report(health, PGB_CHECK_FAIL,
						  "pgbackup is not loaded when the server starts: no backup can be made, and no schedule is looked at.",
						  "Add pgbackup to shared_preload_libraries, and restart the server.");
	else if (!has_launcher())
		pgb_health_report(health, PGB_CHECK_FAIL, "The launcher does not run: no backup is started.",
						  "The server's log tells why; max_worker_processes must have room for it.");
	else
		pgb_health_report(health, PGB_CHECK_OK, "pgbackup is loaded, and its launcher runs.", NULL);
}

/* ---- workers ---- */

void
pgb_health_workers(PgbHealth *health)
{
	int			wanted = OWN_WORKERS + pgb_guc_jobs + pgb_guc_archive_workers;
	char	   *detail = psprintf("max_worker_processes is %d; with pgbackup.jobs = %d and pgbackup.archive_workers = %d, %d are used at most by one backup.",
								  max_worker_processes, pgb_guc_jobs, pgb_guc_archive_workers, wanted);

	if (max_worker_processes < FEWEST_WORKERS)
		pgb_health_report(health, PGB_CHECK_FAIL, detail,
						  "Raise max_worker_processes, and restart the server: a backup waits until it gets a worker.");
	else if (max_worker_processes < wanted)
		pgb_health_report(health, PGB_CHECK_WARN, detail,
						  "Raise max_worker_processes, and restart the server: with fewer, backups wait or take longer.");
	else
		pgb_health_report(health, PGB_CHECK_OK, detail, NULL);

	if (max_parallel_workers < pgb_guc_jobs)
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("max_parallel_workers is %d: tables are staged by fewer workers than pgbackup.jobs = %d.",
								   max_parallel_workers, pgb_guc_jobs),
						  "Raise max_parallel_workers, or lower pgbackup.jobs.");
	if (wal_level < WAL_LEVEL_REPLICA)
		pgb_health_report(health, PGB_CHECK_WARN,
						  "wal_level is minimal: no base backup can be made, and no WAL be archived.",
						  "Set wal_level to replica, and restart the server.");
}

/* ---- checksums of pages ---- */

void
pgb_health_data_checksums(PgbHealth *health)
{
	if (DataChecksumsEnabled())
		pgb_health_report(health, PGB_CHECK_OK, "Base backups check each page that they read.", NULL);
	else
		pgb_health_report(health, PGB_CHECK_WARN,
						  "The cluster has no data checksums: a base backup cannot see that a page is damaged, and copies it.",
						  "Enable them with pg_checksums while the server is stopped.");
}

/* ---- retention ---- */

static void
check_retention(PgbHealth *health, bool logical, const char *setting, const char *value)
{
	const char *what = logical ? "logical backups" : "base backups";
	int			count = 0;

	for (int i = 0; i < health->repository.nentries; i++)
		count += (pgb_id_kind(health->repository.entries[i].id) == PGB_LOGICAL) == logical;
	if (value[0] != '\0')
		pgb_health_report(health, PGB_CHECK_OK, psprintf("Of %s are kept: %s.", what, value), NULL);
	else if (count > MANY_BACKUPS)
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("There are %d %s, and none is ever removed.", count, what),
						  psprintf("Set %s, such as 'last=2 daily=7 weekly=4'.", setting));
	else
		pgb_health_report(health, PGB_CHECK_OK,
						  psprintf("All %s are kept: %s is not set.", what, setting), NULL);
}

void
pgb_health_retention(PgbHealth *health)
{
	check_retention(health, true, "pgbackup.retention_logical", pgb_guc_retention_logical);
	check_retention(health, false, "pgbackup.retention_full", pgb_guc_retention_full);
}
