/*-------------------------------------------------------------------------
 *
 * backup_writer.c
 *	  The life of a backup from its folder to its manifest.
 *
 * A folder without a manifest is no backup: it belongs to a run, as long as the
 * run holds the lock in it, and to nobody after that.  The lock of the cluster
 * is held while folders are made and while dead ones are removed, so that no
 * folder is seen between its making and the locking of it.
 *
 * src/repo/backup_writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/repository.h"

#include "io/digest.h"

#define ID_WAIT_USEC	(50 * 1000)
#define READ_SIZE		(1024 * 1024)

/* ---- dead runs ---- */

static bool
exists(PgbStore *store, const char *name)
{
	PgbStat		stat;

	return store->ops->stat(store, name, &stat);
}

/* Removes the folder of a backup if the run that made it is dead. */
static bool
remove_if_dead(PgbRepository *repository, const char *id)
{
	PgbStore   *store = repository->store;
	char	   *manifest = pgb_backup_object(repository->system_identifier, id, PGB_MANIFEST_NAME);
	char	   *lock_name = pgb_backup_object(repository->system_identifier, id, PGB_BACKUP_LOCK_NAME);
	char	   *folder = pgb_backup_folder(repository->system_identifier, id);
	struct PgbLock *lock;
	bool		is_dead;

	if (exists(store, manifest))
		return false;
	lock = store->ops->lock(store, lock_name, false);
	if (lock == NULL)
		return false;

	/*
	 * It may have been committed, and its lock released, just before.  What
	 * cannot be removed must not keep the next backup from being made.
	 */
	is_dead = !exists(store, manifest);
	store->ops->discard(store, is_dead ? folder : lock_name);
	store->ops->unlock(lock);

	if (is_dead)
		ereport(LOG,
				(errmsg("removed what a run that did not finish has left of backup \"%s\"", id)));
	return is_dead;
}

/* The caller holds the lock of the cluster. */
static int
remove_dead(PgbRepository *repository)
{
	PgbStore   *store = repository->store;
	char	  **names = store->ops->list(store, pgb_backups_folder(repository->system_identifier));
	int			count = 0;

	for (; *names != NULL; names++)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgb_id_is_valid(*names) && remove_if_dead(repository, *names))
			count++;
	}
	return count;
}

static struct PgbLock *
lock_cluster(PgbRepository *repository)
{
	return repository->store->ops->lock(repository->store,
										pgb_cluster_lock(repository->system_identifier), true);
}

int
pgb_backup_clean(PgbRepository *repository)
{
	struct PgbLock *lock = lock_cluster(repository);
	int			count = remove_dead(repository);

	repository->store->ops->unlock(lock);
	return count;
}

/* ---- begin ---- */

/* Two runs in one second want the same id: the later one waits for the next. */
static void
make_folder(PgbBackupWriter *writer, PgbKind kind)
{
	PgbRepository *repository = writer->repository;

	for (;;)
	{
		pgb_id_make(writer->id, pgb_now(), kind);
		writer->folder = pgb_backup_folder(repository->system_identifier, writer->id);
		if (repository->store->ops->make_folder(repository->store, writer->folder))
			return;
		pg_usleep(ID_WAIT_USEC);
		CHECK_FOR_INTERRUPTS();
	}
}

PgbBackupWriter *
pgb_backup_begin(PgbRepository *repository, PgbKind kind)
{
	PgbBackupWriter *writer = palloc0(sizeof(PgbBackupWriter));
	struct PgbLock *cluster_lock;

	Assert(kind != PGB_ANY_KIND);
	writer->repository = repository;

	cluster_lock = lock_cluster(repository);
	remove_dead(repository);
	make_folder(writer, kind);
	writer->lock = repository->store->ops->lock(repository->store,
												pgb_backup_writer_name(writer, PGB_BACKUP_LOCK_NAME),
												true);
	repository->store->ops->unlock(cluster_lock);
	return writer;
}

char *
pgb_backup_writer_name(PgbBackupWriter *writer, const char *object)
{
	return psprintf("%s/%s", writer->folder, object);
}

/* ---- objects ---- */

void
pgb_backup_describe(PgbBackupWriter *writer, const char *object, PgbStoredFile *file)
{
	PgbStore   *store = writer->repository->store;
	char	   *name = pgb_backup_writer_name(writer, object);
	PgbObject  *stored = store->ops->open(store, name);
	uint64		size = store->ops->size(stored);
	char	   *buffer = palloc(READ_SIZE);

	memset(file, 0, sizeof(PgbStoredFile));
	file->name = pstrdup(object);
	file->stored_bytes = size;
	file->raw_bytes = size;
	for (uint64 offset = 0; offset < size;)
	{
		size_t		piece = Min(READ_SIZE, size - offset);

		CHECK_FOR_INTERRUPTS();
		store->ops->read_at(stored, offset, buffer, piece);
		file->crc = pgb_crc32c_extend(file->crc, buffer, piece);
		offset += piece;
	}
	store->ops->close(stored);
	pfree(buffer);
}

/* ---- the end ---- */

/* Whoever releases the lock removes it: what is complete has none. */
static void
release(PgbBackupWriter *writer)
{
	PgbStore   *store = writer->repository->store;

	store->ops->discard(store, pgb_backup_writer_name(writer, PGB_BACKUP_LOCK_NAME));
	store->ops->unlock(writer->lock);
	writer->lock = NULL;
}

/* A manifest never tells of a file that is not there as it says. */
static void
check_files(PgbBackupWriter *writer, const PgbManifest *manifest)
{
	PgbStore   *store = writer->repository->store;

	for (int i = 0; i < manifest->nfiles; i++)
	{
		const PgbStoredFile *file = &manifest->files[i];
		PgbStat		stat;

		if (!store->ops->stat(store, pgb_backup_writer_name(writer, file->name), &stat) ||
			stat.size != file->stored_bytes)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("file \"%s\" of backup \"%s\" is not as it was written",
							file->name, writer->id),
					 errhint("See whether another program changes files in the repository.")));
	}
}

/* What a manifest says must be readable, now and later. */
static void
check_text(const StringInfo text)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup manifest",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);

	pgb_manifest_parse(text->data, text->len, PGB_MANIFEST_NAME);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

void
pgb_backup_commit(PgbBackupWriter *writer, PgbManifest *manifest)
{
	PgbStore   *store = writer->repository->store;
	StringInfoData text;

	Assert(writer->lock != NULL);
	check_files(writer, manifest);
	store->ops->sync_folder(store, writer->folder);

	strlcpy(manifest->id, writer->id, PGB_ID_SIZE);
	manifest->kind = pgb_id_kind(writer->id);
	manifest->system_identifier = writer->repository->system_identifier;
	manifest->pgbackup_version = PGBACKUP_VERSION;
	manifest->finished_at = pgb_now();

	initStringInfo(&text);
	pgb_manifest_write(manifest, &text);
	check_text(&text);
	store->ops->put(store, pgb_backup_writer_name(writer, PGB_MANIFEST_NAME),
					text.data, text.len);
	pfree(text.data);
	release(writer);
}

void
pgb_backup_abort(PgbBackupWriter *writer)
{
	PgbStore   *store;

	if (writer == NULL || writer->lock == NULL)
		return;

	/*
	 * The manifest first, should it be there: at no moment may a folder look
	 * complete that is not.
	 */
	store = writer->repository->store;
	store->ops->discard(store, pgb_backup_writer_name(writer, PGB_MANIFEST_NAME));
	store->ops->discard(store, writer->folder);
	store->ops->unlock(writer->lock);
	writer->lock = NULL;
}
