/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Which repository, and which clusters in it.
 *
 * src/cli/place.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

char *
cli_absolute_path(const char *path)
{
	char	   *absolute = make_absolute_path(path);

	if (absolute == NULL)		/* it has said why */
		exit(1);
	return absolute;
}

static const char *program = NULL;

void
cli_set_program(const char *argv0)
{
	program = argv0;
}

const char *
cli_program_path(void)
{
	char	   *path = palloc(MAXPGPATH);

	if (find_my_exec(program, path) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not find out where program \"%s\" is", program),
				 errhint("Call it with its whole path.")));
	return path;
}

char *
cli_beside_data_directory(const char *data_directory)
{
	return psprintf("%s-pgbackup", cli_absolute_path(data_directory));
}

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

/* ---- which of them has a backup ---- */

static bool
has_backup(PgbRepository *repository, const char *backup)
{
	int			count;
	PgbCatalogEntry *entries = pgb_catalog_list(repository, &count);

	if (strcmp(backup, PGB_LATEST) == 0)
		return count > 0;
	for (int i = 0; i < count; i++)
	{
		if (strcmp(entries[i].id, backup) == 0)
			return true;
	}
	return false;
}

PgbRepository *
cli_choose(PgbRepository **repositories, const CliOptions *options, const char *backup)
{
	PgbRepository *chosen = NULL;
	StringInfoData holders;
	int			count = 0;

	initStringInfo(&holders);
	for (; *repositories != NULL; repositories++)
	{
		if (!has_backup(*repositories, backup))
			continue;
		chosen = *repositories;
		appendStringInfo(&holders, "%s" UINT64_FORMAT, count++ > 0 ? ", " : "",
						 chosen->system_identifier);
	}

	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 strcmp(backup, PGB_LATEST) == 0 ?
				 errmsg("there is no backup in \"%s\"", options->repository) :
				 errmsg("backup \"%s\" does not exist in \"%s\"", backup, options->repository),
				 errhint("pgbackup list shows the backups that there are.")));
	if (count > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("several clusters have a backup \"%s\"", backup),
				 errdetail("The clusters are: %s.", holders.data),
				 errhint("Name the cluster with --cluster.")));
	return chosen;
}
