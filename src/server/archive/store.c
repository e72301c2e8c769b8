/*-------------------------------------------------------------------------
 *
 * store.c
 *	  One file goes into the repository.
 *
 * The repository is kept open from one file to the next.  Which one that was is
 * remembered in the data directory: one to which WAL has been archived is never made
 * again, for what is missing then is its file system.
 *
 * src/server/archive/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "server/archive/archive.h"
#include "server/guc.h"
#include "storage/fd.h"

/* In the data directory: the location, and a newline. */
#define MARKER_FILE		"pgbackup.archive"

static MemoryContext open_context = NULL;	/* holds the following */
static PgbRepository *open_repository = NULL;
static char open_location[MAXPGPATH];

/* ---- where WAL has been archived ---- */

bool
pgb_archive_has_been_at(const char *location)
{
	char		line[MAXPGPATH];
	FILE	   *file = AllocateFile(MARKER_FILE, "r");
	bool		same;

	if (file == NULL)
		return false;
	same = fgets(line, sizeof(line), file) != NULL;
	FreeFile(file);
	line[strcspn(line, "\n")] = '\0';
	return same && strcmp(line, location) == 0;
}

pg_noreturn static void marker_failed(const char *path);

static void
marker_failed(const char *path)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not write file \"%s\": %m", path)));
}

static void
remember_location(const char *location)
{
	char	   *path = psprintf("%s.tmp.%d", MARKER_FILE, MyProcPid);
	FILE	   *file;

	if (pgb_archive_has_been_at(location))
		return;
	file = AllocateFile(path, "w");
	if (file == NULL || fprintf(file, "%s\n", location) < 0 || fflush(file) != 0 ||
		pgb_fsync(fileno(file)) != 0 || FreeFile(file) != 0)
		marker_failed(path);
	(void) durable_rename(path, MARKER_FILE, ERROR);
}

/* ---- the repository ---- */

static void
close_repository(void)
{
	if (open_context != NULL)
		MemoryContextDelete(open_context);
	open_context = NULL;
	open_repository = NULL;
}

/* Where WAL has been archived, there must be WAL. */
static void
check_not_vanished(const char *location)
{
	char	   *folder = psprintf("%s/%s", location, pgb_wal_folder(GetSystemIdentifier()));

	if (access(folder, F_OK) == 0 || errno != ENOENT)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("the repository \"%s\" has vanished", location),
			 errdetail("WAL of this cluster has been archived there, but there is none now."),
			 errhint("Mount its file system, or bring it back from a copy. To begin a new one in its place, remove the file \"%s/%s\".",
					 DataDir, MARKER_FILE)));
}

static void
open_at(const char *location)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		is_new = !pgb_archive_has_been_at(location);

	if (!is_new)
		check_not_vanished(location);
	open_context = AllocSetContextCreate(TopMemoryContext, "pgbackup archive", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(open_context);
	strlcpy(open_location, location, sizeof(open_location));
	open_repository = pgb_repository_open(location, GetSystemIdentifier(), is_new);
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
	remember_location(location);
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
