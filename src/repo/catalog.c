/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  The backups that exist.
 *
 * src/repo/catalog.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/proof.h"
#include "repo/repository.h"

#define HOLD_POLL_USEC	(10 * 1000)

/* ---- one manifest ---- */

/* A manifest that was copied or moved must not pass for that of its new place. */
static void
check_identity(PgbRepository *repository, const char *id, const PgbManifest *manifest,
			   const char *name)
{
	if (manifest->system_identifier != repository->system_identifier)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("\"%s\" belongs to another cluster", name),
				 errdetail("The manifest is of system identifier " UINT64_FORMAT ", but lies in the folder of " UINT64_FORMAT ".",
						   manifest->system_identifier, repository->system_identifier),
				 errhint("Move the folder of the backup back to where it belongs, or remove it.")));
	if (strcmp(manifest->id, id) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("\"%s\" belongs to another backup", name),
				 errdetail("The manifest is of backup \"%s\", but lies in the folder of \"%s\".",
						   manifest->id, id),
				 errhint("Give the folder of the backup its name back, or remove it.")));
}

static PgbManifest *
read_manifest(PgbRepository *repository, const char *id)
{
	char	   *name = pgb_backup_object(repository->system_identifier, id, PGB_MANIFEST_NAME);
	size_t		length;
	char	   *text = pgb_store_read_all(repository->store, name, PGB_MANIFEST_LIMIT, &length);
	PgbManifest *manifest = pgb_manifest_parse(text, length, name);

	check_identity(repository, id, manifest, name);
	pfree(text);
	return manifest;
}

static bool
has_manifest(PgbRepository *repository, const char *id)
{
	PgbStat		stat;

	return repository->store->ops->stat(repository->store,
										pgb_backup_object(repository->system_identifier, id,
														  PGB_MANIFEST_NAME),
										&stat);
}

/* ---- one entry of a listing ---- */

/* Is this error about the backup, and not about us? */
static bool
is_damage(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED ||
		sqlerrcode == ERRCODE_UNDEFINED_FILE ||
		sqlerrcode == ERRCODE_WRONG_OBJECT_TYPE ||
		sqlerrcode == ERRCODE_IO_ERROR;
}

static char *
describe_damage(const ErrorData *error)
{
	if (error->detail == NULL)
		return pstrdup(error->message);
	return psprintf("%s: %s", error->message, error->detail);
}

/*
 * Reads an entry, whose manifest may be damaged.  The error is caught without a
 * subtransaction: reading takes nothing but memory and a descriptor, which go
 * with a context of their own.
 */
static void
read_entry(PgbRepository *repository, const char *id, PgbCatalogEntry *entry)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(caller, "pgbackup manifest", ALLOCSET_DEFAULT_SIZES);

	memset(entry, 0, sizeof(PgbCatalogEntry));
	strlcpy(entry->id, id, PGB_ID_SIZE);

	PG_TRY();
	{
		MemoryContextSwitchTo(own);
		entry->manifest = read_manifest(repository, id);
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		if (!is_damage(geterrcode()))
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		MemoryContextDelete(own);
		entry->damage = describe_damage(error);
		entry->is_newer = (error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED);
		entry->is_unread = (error->sqlerrcode == ERRCODE_IO_ERROR);
		FreeErrorData(error);
	}
	PG_END_TRY();
}

/* ---- the listing ---- */

void
pgb_catalog_check_read(const PgbCatalogEntry *entry)
{
	if (entry->is_unread)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("backup \"%s\", which may be the one to use, could not be read", entry->id),
				 errdetail("%s", entry->damage),
				 errhint("Try again. If the error stays, look at the device, or name another backup.")));
}

const char *
pgb_catalog_status(const PgbCatalogEntry *entry)
{
	if (entry->manifest != NULL)
		return "complete";
	return entry->is_newer ? "newer" : "damaged";
}

char **
pgb_catalog_ids(PgbRepository *repository)
{
	PgbStore   *store = repository->store;
	char	  **names = store->ops->list(store, pgb_backups_folder(repository->system_identifier));
	size_t		count = 0;

	/* The names of ids sort by time. */
	for (char **name = names; *name != NULL; name++)
	{
		if (pgb_id_is_valid(*name) && has_manifest(repository, *name))
			names[count++] = *name;
	}
	names[count] = NULL;
	return names;
}

char **
pgb_catalog_strangers(PgbRepository *repository)
{
	PgbStore   *store = repository->store;
	char	   *folder = pgb_backups_folder(repository->system_identifier);
	char	  **names = store->ops->list(store, folder);
	size_t		count = 0;

	for (char **name = names; *name != NULL; name++)
	{
		char	   *path = psprintf("%s/%s", folder, *name);
		PgbStat		stat;

		if (!pgb_id_is_valid(*name) && store->ops->stat(store, path, &stat) && stat.is_folder &&
			store->ops->stat(store, psprintf("%s/" PGB_MANIFEST_NAME, path), &stat))
			names[count++] = *name;
	}
	names[count] = NULL;
	return names;
}

static int
count_names(char **names)
{
	int			count = 0;

	while (names[count] != NULL)
		count++;
	return count;
}

/* What is removed while we look at it is not damaged, but gone. */
static PgbCatalogEntry *
read_entries(PgbRepository *repository, char **ids, int *count)
{
	PgbCatalogEntry *entries = palloc((count_names(ids) + 1) * sizeof(PgbCatalogEntry));

	*count = 0;
	for (; *ids != NULL; ids++)
	{
		PgbCatalogEntry *entry = &entries[*count];

		CHECK_FOR_INTERRUPTS();
		read_entry(repository, *ids, entry);
		if (entry->manifest != NULL)
			entry->proven_at = pgb_proof_time(repository, *ids);
		if (entry->manifest != NULL || has_manifest(repository, *ids))
			(*count)++;
	}
	return entries;
}

PgbCatalogEntry *
pgb_catalog_list(PgbRepository *repository, int *count)
{
	return read_entries(repository, pgb_catalog_ids(repository), count);
}

PgbCatalogEntry *
pgb_catalog_list_base(PgbRepository *repository, int *count)
{
	char	  **ids = pgb_catalog_ids(repository);
	int			nbase = 0;

	for (int i = 0; ids[i] != NULL; i++)
	{
		if (pgb_id_kind(ids[i]) != PGB_LOGICAL)
			ids[nbase++] = ids[i];
	}
	ids[nbase] = NULL;
	return read_entries(repository, ids, count);
}

/* ---- one backup ---- */

/* The clusters of the repository, for a message; NULL when ours is among them. */
static char *
describe_other_clusters(PgbRepository *repository)
{
	uint64	   *clusters = pgb_repository_clusters(repository->store);
	StringInfoData text;

	initStringInfo(&text);
	for (; *clusters != 0; clusters++)
	{
		if (*clusters == repository->system_identifier &&
			*pgb_catalog_ids(repository) != NULL)
			return NULL;
		if (*clusters != repository->system_identifier)
			appendStringInfo(&text, "%s" UINT64_FORMAT, text.len > 0 ? ", " : "", *clusters);
	}
	return text.len > 0 ? text.data : NULL;
}

pg_noreturn static void no_such_backup(PgbRepository *repository, const char *message);

static void
no_such_backup(PgbRepository *repository, const char *message)
{
	char	   *others = describe_other_clusters(repository);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s", message),
			 others == NULL ? 0 :
			 errdetail("The repository \"%s\" holds no backups of this cluster, which has system identifier " UINT64_FORMAT ", but of: %s.",
					   repository->store->location, repository->system_identifier, others),
			 errhint("pgbackup_list() shows the backups that there are.")));
}

static bool
is_wanted(const PgbManifest *manifest, const char *database)
{
	return database == NULL ||
		(manifest->database != NULL && strcmp(manifest->database, database) == 0);
}

/*
 * Who looks whether it is used, and who is about to remove it, has the lock for a moment.
 */
struct PgbLock *
pgb_catalog_hold(PgbRepository *repository, const char *id)
{
	PgbStore   *store = repository->store;
	char	   *manifest = pgb_backup_object(repository->system_identifier, id, PGB_MANIFEST_NAME);
	struct PgbLock *lock;

	while ((lock = store->ops->share(store, manifest)) == NULL && has_manifest(repository, id))
	{
		CHECK_FOR_INTERRUPTS();
		pg_usleep(HOLD_POLL_USEC);
	}
	return lock;
}

static PgbManifest *
get_latest(PgbRepository *repository, PgbKind kind, const char *database)
{
	char	  **ids = pgb_catalog_ids(repository);

	for (int i = count_names(ids) - 1; i >= 0; i--)
	{
		PgbCatalogEntry entry;

		CHECK_FOR_INTERRUPTS();
		if (kind != PGB_ANY_KIND && pgb_id_kind(ids[i]) != kind)
			continue;
		read_entry(repository, ids[i], &entry);
		pgb_catalog_check_read(&entry);
		if (entry.manifest != NULL && is_wanted(entry.manifest, database) &&
			pgb_catalog_hold(repository, ids[i]) != NULL)
			return entry.manifest;
	}
	return NULL;
}

PgbManifest *
pgb_catalog_get(PgbRepository *repository, const char *backup, PgbKind kind,
				const char *database)
{
	const char *kind_name = kind == PGB_ANY_KIND ? "" : psprintf("%s ", pgb_kind_name(kind));

	if (strcmp(backup, PGB_LATEST) == 0)
	{
		PgbManifest *manifest = get_latest(repository, kind, database);

		if (manifest == NULL && database != NULL)
			no_such_backup(repository, psprintf("there is no %sbackup of database \"%s\"",
												kind_name, database));
		if (manifest == NULL)
			no_such_backup(repository, psprintf("there is no %sbackup", kind_name));
		return manifest;
	}

	if (!pgb_id_is_valid(backup) || !has_manifest(repository, backup))
		no_such_backup(repository, psprintf("backup \"%s\" does not exist", backup));
	if (kind != PGB_ANY_KIND && pgb_id_kind(backup) != kind)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("backup \"%s\" is not a %sbackup", backup, kind_name),
				 errhint("pgbackup_list() shows the kind of each backup.")));
	if (pgb_catalog_hold(repository, backup) == NULL)
		no_such_backup(repository, psprintf("backup \"%s\" has just been removed", backup));
	return read_manifest(repository, backup);
}
