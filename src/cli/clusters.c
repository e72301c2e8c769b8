/*-------------------------------------------------------------------------
 *
 * clusters.c
 *	  Which clusters of the repository are looked at, and which backups they have.
 *
 * src/cli/clusters.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

PgbRepository **
cli_open(const CliOptions *options)
{
	PgbStore   *store = pgb_repository_open_store(options->repository, false);
	uint64	   *clusters = pgb_repository_clusters(store);
	PgbRepository **opened;
	int			count = 0;

	while (clusters[count] != 0)
		count++;
	opened = palloc0((count + 1) * sizeof(PgbRepository *));

	count = 0;
	for (; *clusters != 0; clusters++)
	{
		if (options->cluster == 0 || options->cluster == *clusters)
			opened[count++] = pgb_repository_open(options->repository, *clusters, false);
	}
	if (count == 0 && options->cluster != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("repository \"%s\" holds nothing of cluster " UINT64_FORMAT,
						options->repository, options->cluster),
				 errhint("pgbackup list without --cluster shows what it holds.")));
	return opened;
}

CliCluster *
cli_clusters(const CliOptions *options)
{
	PgbRepository **repositories = cli_open(options);
	CliCluster *clusters;
	int			count = 0;

	while (repositories[count] != NULL)
		count++;
	clusters = palloc0((count + 1) * sizeof(CliCluster));
	for (int i = 0; i < count; i++)
	{
		clusters[i].repository = repositories[i];
		clusters[i].id = repositories[i]->system_identifier;
		clusters[i].entries = pgb_catalog_list(repositories[i], &clusters[i].count);
	}
	return clusters;
}

const PgbCatalogEntry *
cli_find_backup(const CliCluster *cluster, const char *backup)
{
	if (strcmp(backup, PGB_LATEST) == 0)
		return cluster->count > 0 ? &cluster->entries[cluster->count - 1] : NULL;
	for (int i = 0; i < cluster->count; i++)
	{
		if (strcmp(cluster->entries[i].id, backup) == 0)
			return &cluster->entries[i];
	}
	return NULL;
}

void
cli_no_such_backup(const CliOptions *options, const char *backup)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 strcmp(backup, PGB_LATEST) == 0 ?
			 errmsg("there is no backup in \"%s\"", options->repository) :
			 errmsg("backup \"%s\" does not exist in \"%s\"", backup, options->repository),
			 errhint("pgbackup list shows the backups that there are.")));
}

PgbRepository *
cli_choose(const CliOptions *options, const char *backup)
{
	PgbRepository *chosen = NULL;
	StringInfoData holders;
	int			count = 0;

	initStringInfo(&holders);
	for (CliCluster *cluster = cli_clusters(options); cluster->repository != NULL; cluster++)
	{
		if (cli_find_backup(cluster, backup) == NULL)
			continue;
		chosen = cluster->repository;
		appendStringInfo(&holders, "%s" UINT64_FORMAT, count++ > 0 ? ", " : "", cluster->id);
	}

	if (count == 0)
		cli_no_such_backup(options, backup);
	if (count > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("several clusters have a backup \"%s\"", backup),
				 errdetail("The clusters are: %s.", holders.data),
				 errhint("Name the cluster with --cluster.")));
	return chosen;
}
