/*-------------------------------------------------------------------------
 *
 * backup_remove.c
 *	  Backups that are kept, and backups that go.
 *
 * Who reads a backup shares the lock of its manifest; who removes it has that lock alone.
 * The manifest goes first, and durably: from then on there is no backup, only what a dead
 * run has left, and if we die here the next run removes that.
 *
 * src/repo/backup_remove.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/repository.h"

#include "io/json.h"

#define PIN_LIMIT		4096
#define PIN_MEMBER		"pinned_until"
#define PIN_FOREVER		"forever"

static char *
object_of(PgbRepository *repository, const char *id, const char *name)
{
	return pgb_backup_object(repository->system_identifier, id, name);
}

/* ---- pins ---- */

void
pgb_backup_pin(PgbRepository *repository, const char *id, int64 until)
{
	StringInfoData text;
	PgbJsonWriter w;

	initStringInfo(&text);
	pgb_json_begin(&w, &text, true);
	pgb_json_object(&w, NULL);
	pgb_json_string(&w, PIN_MEMBER, until == PGB_PINNED_FOREVER ? PIN_FOREVER : pgb_time_to_text(until));
	pgb_json_end_object(&w);
	appendStringInfoChar(&text, '\n');
	repository->store->ops->put(repository->store, object_of(repository, id, PGB_PIN_NAME),
								text.data, text.len);
}

bool
pgb_backup_unpin(PgbRepository *repository, const char *id)
{
	char	   *name = object_of(repository, id, PGB_PIN_NAME);
	PgbStat		stat;

	if (!repository->store->ops->stat(repository->store, name, &stat))
		return false;
	repository->store->ops->remove(repository->store, name);
	return true;
}

static int64
read_pin(PgbRepository *repository, const char *name)
{
	size_t		length;
	char	   *text = pgb_store_read_all(repository->store, name, PIN_LIMIT, &length);
	char	   *until = pgb_json_need_string(pgb_json_parse(text, length, name), PIN_MEMBER, name);

	return strcmp(until, PIN_FOREVER) == 0 ? PGB_PINNED_FOREVER : pgb_time_from_text(until, name);
}

/* An error in it is caught without a subtransaction: reading takes memory and a descriptor only. */
int64
pgb_backup_pinned_until(PgbRepository *repository, const char *id)
{
	char	   *name = object_of(repository, id, PGB_PIN_NAME);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own;
	volatile int64 until = PGB_PINNED_FOREVER;
	PgbStat		stat;

	if (!repository->store->ops->stat(repository->store, name, &stat))
		return 0;
	own = AllocSetContextCreate(caller, "pgbackup pin", ALLOCSET_SMALL_SIZES);
	PG_TRY();
	{
		MemoryContextSwitchTo(own);
		until = read_pin(repository, name);
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextDelete(own);
	return until;
}

/* ---- removal ---- */

bool
pgb_backup_is_used(PgbRepository *repository, const char *id)
{
	PgbStore   *store = repository->store;
	struct PgbLock *lock = store->ops->seize(store, object_of(repository, id, PGB_MANIFEST_NAME));

	if (lock == NULL)
		return true;
	store->ops->unlock(lock);
	return false;
}

/* Has its run, which holds the lock of the folder, begun and not ended?  One whose lock can be had is dead. */
static bool
is_being_made(PgbRepository *repository, const char *id)
{
	PgbStore   *store = repository->store;
	PgbStat		stat;
	struct PgbLock *lock;

	if (store->ops->stat(store, object_of(repository, id, PGB_MANIFEST_NAME), &stat))
		return false;
	lock = store->ops->seize(store, object_of(repository, id, PGB_BACKUP_LOCK_NAME));
	if (lock != NULL)
		store->ops->unlock(lock);
	return lock == NULL;
}

bool
pgb_backup_base_begun(PgbRepository *repository)
{
	char	  **names = repository->store->ops->list(repository->store,
													 pgb_backups_folder(repository->system_identifier));

	for (; *names != NULL; names++)
	{
		if (pgb_id_is_valid(*names) && pgb_id_kind(*names) != PGB_LOGICAL && is_being_made(repository, *names))
			return true;
	}
	return false;
}

bool
pgb_backup_remove(PgbRepository *repository, const char *id)
{
	PgbStore   *store = repository->store;
	char	   *manifest = object_of(repository, id, PGB_MANIFEST_NAME);
	char	   *folder = pgb_backup_folder(repository->system_identifier, id);
	struct PgbLock *lock = store->ops->seize(store, manifest);

	if (lock == NULL)
		return false;

	/* whoever pins it has shared the lock, perhaps since the removal was decided */
	if (pgb_backup_pinned_until(repository, id) > pgb_now())
	{
		store->ops->unlock(lock);
		return false;
	}
	store->ops->remove(store, manifest);
	store->ops->discard(store, folder);
	store->ops->unlock(lock);
	return true;
}
