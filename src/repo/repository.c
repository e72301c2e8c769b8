/*-------------------------------------------------------------------------
 *
 * repository.c
 *	  A repository is opened, or made.
 *
 * src/repo/repository.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/repository.h"

#include "io/json.h"

#define FORMAT_MEMBER		"pgbackup_repository"
#define FORMAT_FILE_LIMIT	65536

/* ---- the format ---- */

/* May a repository be made in a folder that holds this already? */
static bool
is_harmless(const char *name)
{
	/* A file system of its own has lost+found; the rest is a dead attempt of ours. */
	return strcmp(name, "lost+found") == 0 ||
		strncmp(name, PGB_FORMAT_NAME ".tmp.", strlen(PGB_FORMAT_NAME ".tmp.")) == 0;
}

static void
check_empty(PgbStore *store)
{
	for (char **name = store->ops->list(store, ""); *name != NULL; name++)
	{
		/* Another process may just have made it. */
		if (strcmp(*name, PGB_FORMAT_NAME) == 0)
			return;
		if (!is_harmless(*name))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("directory \"%s\" is not a repository, and not empty", store->location),
					 errdetail("It contains \"%s\".", *name),
					 errhint("Point pgbackup.repository to an empty directory, or to one that does not exist yet.")));
	}
}

static void
write_format(PgbStore *store)
{
	StringInfoData text;
	PgbJsonWriter w;

	initStringInfo(&text);
	pgb_json_begin(&w, &text, true);
	pgb_json_object(&w, NULL);
	pgb_json_uint64(&w, FORMAT_MEMBER, PGB_REPOSITORY_FORMAT);
	pgb_json_end_object(&w);
	store->ops->put(store, PGB_FORMAT_NAME, text.data, text.len);
}

static void
check_format(PgbStore *store)
{
	size_t		length;
	char	   *text = pgb_store_read_all(store, PGB_FORMAT_NAME, FORMAT_FILE_LIMIT, &length);
	uint64		format = pgb_json_need_uint64(pgb_json_parse(text, length, PGB_FORMAT_NAME),
											  FORMAT_MEMBER, PGB_FORMAT_NAME);

	if (format == PGB_REPOSITORY_FORMAT)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("repository \"%s\" has format %llu, which this version of pgbackup does not know",
					store->location, (unsigned long long) format),
			 errdetail("It knows format %d.", PGB_REPOSITORY_FORMAT),
			 errhint("Use a newer version of pgbackup, or point pgbackup.repository to another directory.")));
}

static bool
has_format(PgbStore *store)
{
	PgbStat		stat;

	return store->ops->stat(store, PGB_FORMAT_NAME, &stat);
}

/* ---- opening ---- */

PgbStore *
pgb_repository_open_store(const char *location, bool create)
{
	PgbStore   *store = pgb_store_open(location, create);

	if (create && !has_format(store))
	{
		check_empty(store);
		write_format(store);
	}
	if (!has_format(store))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("directory \"%s\" is not a repository", store->location),
				 errdetail("It has no file \"%s\".", PGB_FORMAT_NAME),
				 errhint("The first backup makes an empty directory a repository.")));
	check_format(store);
	return store;
}

PgbRepository *
pgb_repository_open(const char *location, uint64 system_identifier, bool create)
{
	PgbRepository *repository = palloc0(sizeof(PgbRepository));

	repository->store = pgb_repository_open_store(location, create);
	repository->system_identifier = system_identifier;
	if (create)
		repository->store->ops->make_folder(repository->store,
											pgb_backups_folder(system_identifier));
	return repository;
}

uint64 *
pgb_repository_clusters(PgbStore *store)
{
	char	  **names = store->ops->list(store, "");
	size_t		count = 0;
	uint64	   *clusters;

	while (names[count] != NULL)
		count++;
	clusters = palloc0((count + 1) * sizeof(uint64));

	count = 0;
	for (; *names != NULL; names++)
	{
		if (pgb_cluster_from_folder(*names, &clusters[count]))
			count++;
	}
	clusters[count] = 0;
	return clusters;
}
