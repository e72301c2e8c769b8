/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Where the repository of this cluster has been, as the data directory remembers it.
 *
 * src/server/place.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/xlog.h"
#include "repo/repository.h"
#include "server/place.h"
#include "storage/fd.h"

/* A file in the data directory holds the location, and a newline. */
static const struct
{
	const char *file;
	char	   *(*folder) (uint64 system_identifier);
	const char *vanished;		/* a sentence */
}			uses[] = {
	[PGB_PLACE_BACKUPS] = {"pgbackup.repository", pgb_backups_folder,
	"Backups of this cluster have been made there, but there are none now."},
	[PGB_PLACE_WAL] = {"pgbackup.archive", pgb_wal_folder,
	"WAL of this cluster has been archived there, but there is none now."},
};

static void
raise_unreadable(const char *path)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not read file \"%s\": %m", path),
			 errhint("It tells where the repository of this cluster is. Its owner, permissions and storage should be checked.")));
}

/* What cannot be read is no sign that there was nothing. */
bool
pgb_place_was_used(PgbPlaceUse use, const char *location)
{
	char		line[MAXPGPATH];
	FILE	   *file = AllocateFile(uses[use].file, "r");
	bool		has_line;

	if (file == NULL && errno == ENOENT)
		return false;
	if (file == NULL)
		raise_unreadable(uses[use].file);
	has_line = fgets(line, sizeof(line), file) != NULL;
	if (!has_line && ferror(file))
		raise_unreadable(uses[use].file);
	FreeFile(file);
	if (!has_line)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, location) == 0;
}

void
pgb_place_check(PgbPlaceUse use, const char *location)
{
	char	   *folder;

	if (!pgb_place_was_used(use, location))
		return;
	folder = psprintf("%s/%s", location, uses[use].folder(GetSystemIdentifier()));
	if (access(folder, F_OK) == 0 || errno != ENOENT)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("the repository \"%s\" has vanished", location),
			 errdetail("%s", uses[use].vanished),
			 errhint("Mount its file system, or bring it back from a copy. To begin a new one in its place, remove the file \"%s/%s\".",
					 DataDir, uses[use].file)));
}

/* ---- remembering ---- */

static void
write_line(FILE *file, const char *path, const char *line)
{
	if (file == NULL || fprintf(file, "%s\n", line) < 0 || fflush(file) != 0 ||
		pgb_fsync(fileno(file)) != 0 || FreeFile(file) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", path)));
}

void
pgb_place_remember(PgbPlaceUse use, const char *location)
{
	char	   *path;

	if (pgb_place_was_used(use, location))
		return;
	path = psprintf("%s.tmp.%d", uses[use].file, MyProcPid);
	write_line(AllocateFile(path, "w"), path, location);
	(void) durable_rename(path, uses[use].file, ERROR);
	pfree(path);
}
