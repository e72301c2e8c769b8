/*-------------------------------------------------------------------------
 *
 * sandbox_room.c
 *	  The room that a sandbox takes: is there enough, and does it stay so?
 *
 * The scratch directory may be on the live server's own file system, which must not become
 * full: some of it stays free.
 *
 * src/server/recovery/sandbox_room.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/datadir_file.h"
#include "server/recovery/sandbox_work.h"
#include "utils/timestamp.h"

/* So much of a file system is left alone: a part of it, but not more than ... */
#define RESERVE_PART		20
#define RESERVE_LIMIT		((uint64) 1024 * 1024 * 1024)

/* Of the WAL that it has replayed; a record may begin in one and end in another. */
#define KEPT_SEGMENTS		4

/* Removal is tried so often, with microseconds in between. */
#define ERASE_ATTEMPTS		50
#define ERASE_NAP			(100 * 1000L)

/* Milliseconds from one look to the next */
#define INTERVAL			1000

/* Directories in directories: a data directory has five levels. */
#define MAX_DEPTH			8

static char *
parent_of(const char *path)
{
	char	   *parent = pstrdup(path);

	get_parent_directory(parent);
	return parent;
}

uint64
pgb_sandbox_free_bytes(const char *path)
{
	uint64		free;
	uint64		total;

	if (!pgb_disk_room(path, &free, &total))
		pgb_target_report("look at the file system of", path);
	return free;
}

void
pgb_sandbox_full(const PgbSandboxState *state, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DISK_FULL),
			 errmsg("there is not enough room for a sandbox in \"%s\"", parent_of(state->sandbox->request.directory)),
			 errdetail_internal("%s", detail),
			 errhint("Free space there, or point pgbackup.scratch_directory to a larger place.")));
}

static char *
size_text(uint64 bytes)
{
	if (bytes < 10 * 1024 * 1024)
		return psprintf("%llu kB", (unsigned long long) (bytes + 1023) / 1024);
	return psprintf("%llu MB", (unsigned long long) (bytes >> 20));
}

void
pgb_sandbox_check_room(PgbSandboxState *state, uint64 needed)
{
	char	   *parent = parent_of(state->sandbox->request.directory);
	uint64		free;
	uint64		total;

	if (!pgb_disk_room(parent, &free, &total))
		pgb_target_report("look at the file system of", parent);
	state->reserve = Min(total / RESERVE_PART, RESERVE_LIMIT);
	if (free < needed + state->reserve)
		pgb_sandbox_full(state,
						 psprintf("It needs about %s, and %s are to stay free; of %s there are %s left.",
								  size_text(needed), size_text(state->reserve),
								  size_text(total), size_text(free)));
}

/* Bytes on disk below a directory; what goes meanwhile does not count. */
static uint64
measure(const char *path, int depth)
{
	DIR		   *directory = depth > MAX_DEPTH ? NULL : opendir(path);
	struct dirent *entry;
	uint64		bytes = 0;

	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL)
	{
		char		name[MAXPGPATH];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= sizeof(name) ||
			lstat(name, &st) != 0)
			continue;
		bytes += (uint64) st.st_blocks * 512;
		if (S_ISDIR(st.st_mode))
			bytes += measure(name, depth + 1);
	}
	closedir(directory);
	return bytes;
}

void
pgb_sandbox_watch_room(PgbSandboxState *state, bool now)
{
	uint64		free;
	uint64		total;
	uint64		size;

	if (!now && !TimestampDifferenceExceeds(state->measured_at, GetCurrentTimestamp(), INTERVAL))
		return;
	state->measured_at = GetCurrentTimestamp();
	size = measure(state->directory, 0);
	state->sandbox->disk_bytes = Max(state->sandbox->disk_bytes, size);
	if (pgb_disk_room(state->directory, &free, &total) && free < state->reserve)
		pgb_sandbox_full(state,
						 psprintf("It has grown to %s; of %s there are %s left, and %s are to stay free.",
								  size_text(size), size_text(total), size_text(free),
								  size_text(state->reserve)));
}

/* ---- removal ---- */

/*
 * PostgreSQL keeps what it was given until a restartpoint, for which it needs a checkpoint of the
 * live server, and there may be few of them.  Here nothing is ever replayed twice.  Only what is
 * prepared is read again, at the end.
 */
void
pgb_sandbox_trim_wal(const PgbSandboxState *state)
{
	uint32		segment_size = state->sandbox->request.route->backup->base->segment_size;
	char	   *folder = psprintf("%s/pg_wal", state->directory);
	char	  **names = pgb_read_directory(folder);
	PgbWalName	last;
	uint64		keep;

	if (names == NULL || !pgb_wal_name_parse(state->log->segment, segment_size, &last) ||
		last.number < KEPT_SEGMENTS)
		return;
	keep = last.number - KEPT_SEGMENTS;
	if (state->log->prepared != 0)
		keep = Min(keep, state->log->prepared / segment_size);
	for (; *names != NULL; names++)
	{
		PgbWalName	name;

		if (pgb_wal_name_parse(*names, segment_size, &name) && name.kind == PGB_WAL_SEGMENT &&
			name.number < keep)
			(void) unlink(psprintf("%s/%s", folder, *names));
	}
}

/* As rmtree() does, but says nothing of what others still write. */
static void
remove_tree(const char *path, int depth)
{
	DIR		   *directory = depth > MAX_DEPTH ? NULL : opendir(path);
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL)
	{
		char		name[MAXPGPATH];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= sizeof(name) ||
			lstat(name, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			remove_tree(name, depth + 1);
		else
			(void) unlink(name);
	}
	if (directory != NULL)
		closedir(directory);
	(void) rmdir(path);
}

/*
 * A process of it that was not seen to end may still write (one that fetches WAL ahead ends when its
 * folder is gone): then again.  What cannot be removed is left to the next start.
 */
void
pgb_sandbox_erase(const char *path)
{
	struct stat st;

	for (int i = 0; i < ERASE_ATTEMPTS && lstat(path, &st) == 0; i++)
	{
		if (i > 0)
			pg_usleep(ERASE_NAP);
		remove_tree(path, 0);
	}
	if (lstat(path, &st) == 0)
		ereport(WARNING,
				(errcode_for_file_access(),
				 errmsg("could not remove directory \"%s\"", path),
				 errhint("The next start of the server removes it.")));
}
