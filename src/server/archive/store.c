/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Files go into the repository.
 *
 * The repository is kept open from one file to the next.
 *
 * src/server/archive/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "server/archive/archive.h"
#include "server/guc.h"
#include "server/place.h"
#include "storage/fd.h"

static MemoryContext open_context = NULL;	/* holds the following */
static PgbRepository *open_repository = NULL;
static char open_location[MAXPGPATH];

/* ---- the repository ---- */

static void
close_repository(void)
{
	if (open_context != NULL)
		MemoryContextDelete(open_context);
	open_context = NULL;
	open_repository = NULL;
}

static void
open_at(const char *location)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		is_new = !pgb_place_was_used(PGB_PLACE_WAL, location);

	pgb_place_check(PGB_PLACE_BACKUPS, location);
	pgb_place_check(PGB_PLACE_WAL, location);
	open_context = AllocSetContextCreate(TopMemoryContext, "pgbackup archive", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(open_context);
	strlcpy(open_location, location, sizeof(open_location));
	open_repository = pgb_repository_open(location, GetSystemIdentifier(), is_new);
	if (is_new)
		open_repository->store->ops->make_folder(open_repository->store,
												 pgb_wal_folder(GetSystemIdentifier()));
	MemoryContextSwitchTo(caller);
}

static void
look(void *name, PgbWalPages *pages, PgbWalFacts *facts)
{
	pgb_archive_scan(open_repository, name, pages, facts);
}

static void
store_once(const char *location, const PgbWalName *names, int count)
{
	PgbWalItem *items = palloc0(count * sizeof(PgbWalItem));

	if (open_repository == NULL)
		open_at(location);
	for (int i = 0; i < count; i++)
	{
		items[i].name = &names[i];
		items[i].path = psprintf(XLOGDIR "/%s", names[i].text);
		if (names[i].kind == PGB_WAL_SEGMENT || names[i].kind == PGB_WAL_PARTIAL)
		{
			items[i].look = look;
			items[i].arg = unconstify(PgbWalName *, &names[i]);
		}
	}
	pgb_wal_store_all(open_repository, items, count, pgb_guc_compression_level);
	pgb_place_remember(PGB_PLACE_WAL, location);
}

/* ---- files ---- */

/* An error of the file itself, which another attempt does not change. */
static bool
is_lasting(int code)
{
	return code == ERRCODE_DUPLICATE_FILE || code == ERRCODE_DATA_CORRUPTED ||
		code == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
}

/* Raises what is wrong with it. */
static void
store_one(const char *location, const PgbWalName *name)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "pgbackup WAL file", ALLOCSET_DEFAULT_SIZES);
	volatile bool again = false;

	do
	{
		/* What was open may be gone: then another one may be there in its place. */
		bool		was_open = open_repository != NULL;

		again = false;
		MemoryContextSwitchTo(scratch);
		PG_TRY();
		{
			store_once(location, name, 1);
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(caller);
			AtEOXact_Files(false);
			close_repository();
			MemoryContextReset(scratch);
			if (!was_open || is_lasting(geterrcode()))
				PG_RE_THROW();
			FlushErrorState();
			again = true;
		}
		PG_END_TRY();
	} while (again);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/* Returns false if that was not possible for any of them. */
static bool
try_to_store(const char *location, const PgbWalName *names, int count)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "pgbackup WAL files", ALLOCSET_DEFAULT_SIZES);
	volatile bool stored = false;

	MemoryContextSwitchTo(scratch);
	PG_TRY();
	{
		store_once(location, names, count);
		stored = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		AtEOXact_Files(false);
		close_repository();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return stored;
}

int
pgb_archive_store(const char *location, const PgbWalName *names, int count)
{
	int			done = 0;

	if (open_repository != NULL && strcmp(open_location, location) != 0)
		close_repository();
	if (count > 1 && try_to_store(location, names, count))
		return count;

	/* whatever is wrong with one of them is nothing to the others */
	store_one(location, &names[done++]);
	while (done < count && try_to_store(location, &names[done], 1))
		done++;
	return done;
}
