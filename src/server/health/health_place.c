/*-------------------------------------------------------------------------
 *
 * health_place.c
 *	  Health: the places, which are the repository with all that is in it, and the scratch directory.
 *
 * src/server/health/health_place.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>

#include "miscadmin.h"
#include "server/guc.h"
#include "server/health/health.h"
#include "server/recovery/recover.h"

/* ---- where the repository is ---- */

void
pgb_health_file_system(PgbHealth *health)
{
	struct stat data;
	struct stat repository;

	/* one that is not there is told of elsewhere */
	if (stat(DataDir, &data) != 0 || stat(pgb_guc_repository, &repository) != 0)
		return;
	if (data.st_dev == repository.st_dev)
		pgb_health_report(health, PGB_CHECK_WARN,
						  "The repository is on the same file system as the data directory: both go together.",
						  "Point pgbackup.repository to another disk, better of another machine.");
	else
		pgb_health_report(health, PGB_CHECK_OK,
						  "The repository is on another file system than the data directory.", NULL);
}

/* ---- whose backups are in it ---- */

static void
report_cluster(PgbHealth *health, PgbStore *store, uint64 cluster)
{
	PgbRepository other = {.store = store, .system_identifier = cluster};
	char	  **ids = pgb_catalog_ids(&other);
	int			count = 0;

	while (ids[count] != NULL)
		count++;
	if (count == 0)
		return;
	pgb_health_report(health, PGB_CHECK_OK,
					  psprintf("The repository also holds cluster " UINT64_FORMAT " with %d backup%s, the last of them \"%s\".",
							   cluster, count, count == 1 ? "" : "s", ids[count - 1]),
					  psprintf("To restore tables or databases from it name a backup '" UINT64_FORMAT "/%s'; the program takes --cluster=" UINT64_FORMAT ".",
							   cluster, ids[count - 1], cluster));
}

void
pgb_health_clusters(PgbHealth *health)
{
	PgbRepository *own = health->repository.repository;
	uint64	   *clusters;

	if (own == NULL)
		return;
	for (clusters = pgb_repository_clusters(own->store); *clusters != 0; clusters++)
	{
		if (*clusters != own->system_identifier)
			report_cluster(health, own->store, *clusters);
	}
}

/* ---- where recoveries are made, and what they have left ---- */

void
pgb_health_scratch(PgbHealth *health)
{
	const char *trouble = pgb_scratch_trouble();
	List	   *dead;
	List	   *foreign;
	ListCell   *cell;

	if (trouble != NULL)
	{
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("\"%s\" cannot be made or written: %s. No table can be brought back as of a moment, and no base backup tested.",
								   pgb_guc_scratch_directory, trouble),
						  "Point pgbackup.scratch_directory to a directory in which the server may write.");
		return;
	}
	pgb_recover_leftovers(&dead, &foreign);
	foreach(cell, dead)
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("\"%s/%s\" was left by a recovery that has died.", pgb_guc_scratch_directory,
								   (char *) lfirst(cell)),
						  "The next recovery removes it, and so does the next start of the server.");
	foreach(cell, foreign)
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("\"%s/%s\" is of a recovery of another cluster.", pgb_guc_scratch_directory,
								   (char *) lfirst(cell)),
						  "If that server is gone, remove the directory.");
	if (dead == NIL && foreign == NIL)
		pgb_health_report(health, PGB_CHECK_OK, "Nothing was left in the scratch directory.", NULL);
}
