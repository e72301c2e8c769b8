/*-------------------------------------------------------------------------
 *
 * store.c
 *	  One file goes into the repository.
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
store_once(const char *location, const PgbWalName *name)
{
	char	   *path = psprintf(XLOGDIR "/%s", name->text);
	bool		is_segment = name->kind == PGB_WAL_SEGMENT || name->kind == PGB_WAL_PARTIAL;
	PgbWalFacts facts = {0};

	if (open_repository == NULL)
		open_at(location);
	if (is_segment)
		pgb_archive_scan(open_repository, name, &facts);
	(void) pgb_wal_store(open_repository, name, path, pgb_guc_compression_level,
						 is_segment ? &facts : NULL);
	pgb_place_remember(PGB_PLACE_WAL, location);
}

/* An error of the file itself, which another attempt does not change. */
static bool
is_lasting(int code)
{
	return code == ERRCODE_DUPLICATE_FILE || code == ERRCODE_DATA_CORRUPTED ||
		code == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
}

void
pgb_archive_store(const char *location, const PgbWalName *name)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(caller, "pgbackup WAL file", ALLOCSET_DEFAULT_SIZES);
	volatile bool again = false;

	if (open_repository != NULL && strcmp(open_location, location) != 0)
		close_repository();

	do
	{
		/* What was open may be gone: then another one may be there in its place. */
		bool		was_open = open_repository != NULL;

		again = false;
		MemoryContextSwitchTo(scratch);
		PG_TRY();
		{
			store_once(location, name);
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
