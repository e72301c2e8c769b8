/*-------------------------------------------------------------------------
 *
 * restore_delta.c
 *	  What is there already: it may stay if it is right, and goes if it is not.
 *
 * A file is right when its content has the length and the CRC-32C of the backup's; its time
 * says nothing.  Everything that is not in the backup is removed, as it would not be
 * there after a restore to an empty directory; but in the directory of a tablespace only below
 * this cluster's own folder, since other clusters and versions may have theirs beside it.  No link is followed but those of tablespaces
 * which already lead where the restore puts them: what stands in the place of a directory goes
 * before any file is looked at, or files behind a link would count as kept that go with it.
 *
 * src/cli/restore_delta.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/digest.h"
#include "repo/datadir_file.h"

#define READ_SIZE	(1024 * 1024)

static char *
path_of(const Restore *restore, const PgbFile *file)
{
	return psprintf("%s/%s", restore->options.directory, file->path);
}

/* ---- the way to the files ---- */

/* Is this entry of the directory what the list says, so that it may stay? */
static bool
may_stay(const Restore *restore, const PgbFile *file, const char *path, const struct stat *st)
{
	const char *place;
	char		target[MAXPGPATH];
	ssize_t		length;

	switch (file->type)
	{
		case PGB_FILE_REGULAR:
			return S_ISREG(st->st_mode) && restore->kept[file - restore->list->files];
		case PGB_FILE_DIRECTORY:
			return S_ISDIR(st->st_mode);
		case PGB_FILE_TABLESPACE:
			break;
	}
	place = pgb_datadir_place(&restore->layout, file);
	if (place == NULL)
		return S_ISDIR(st->st_mode);
	length = S_ISLNK(st->st_mode) ? readlink(path, target, sizeof(target) - 1) : -1;
	if (length < 0)
		return false;
	target[length] = '\0';
	canonicalize_path(target);
	return strcmp(target, place) == 0;
}

/* A parent sorts before what is in it: below what has gone, nothing is there. */
static void
clear_way(const Restore *restore)
{
	for (int i = 0; i < restore->list->count; i++)
	{
		const PgbFile *file = &restore->list->files[i];
		char	   *path;
		struct stat st;

		if (file->type == PGB_FILE_REGULAR)
			continue;
		cli_check_stop();
		path = path_of(restore, file);
		if (lstat(path, &st) == 0)
		{
			if (!may_stay(restore, file, path, &st))
				pgb_target_remove(path);
		}
		else if (errno != ENOENT && errno != ENOTDIR)
			pgb_target_report("examine", path);
		pfree(path);
	}
}

/* ---- which files are right ---- */

typedef struct Shared
{
	PgbCounter	next;
	PgbCounter	bytes_done;
	bool		kept[FLEXIBLE_ARRAY_MEMBER];
} Shared;

typedef struct Check
{
	const Restore *restore;
	Shared	   *shared;
	CliProgress progress;
} Check;

static uint32
crc_of(int fd, const char *path, char *buffer)
{
	uint32		crc = 0;

	for (;;)
	{
		ssize_t		got = read(fd, buffer, READ_SIZE);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			pgb_target_report("read", path);
		if (got == 0)
			return crc;
		crc = pgb_crc32c_extend(crc, buffer, got);
	}
}

static bool
is_right(const Restore *restore, const PgbFile *file, char *buffer)
{
	char	   *path = path_of(restore, file);
	struct stat st;
	bool		right = false;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == file->size)
	{
		int			fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

		/* One that cannot even be opened is replaced. */
		if (fd >= 0)
		{
			right = crc_of(fd, path, buffer) == file->crc;
			if (right)
				pgb_target_stamp(fd, path, file->mode, file->modified_at);
			if (right && file->mode == (S_IRUSR | S_IWUSR) &&
				(st.st_mode & 07777) != file->mode && fchmod(fd, file->mode) != 0)
				pgb_target_report("set the permissions of", path);
			close(fd);
		}
	}
	pfree(path);
	return right;
}

static void
check_files(void *arg)
{
	Check	   *check = arg;
	const PgbFileList *list = check->restore->list;
	char	   *buffer = palloc(READ_SIZE);
	uint64		i;

	while ((i = pgb_counter_add(&check->shared->next, 1)) < list->count)
	{
		const PgbFile *file = &list->files[i];

		cli_team_check();
		if (file->type != PGB_FILE_REGULAR || strcmp(file->path, PGB_CONTROL_PATH) == 0 ||
			restore_leaves_out(file))
			continue;
		check->shared->kept[i] = is_right(check->restore, file, buffer);
		pgb_counter_add(&check->shared->bytes_done, file->size);
	}
}

static void
watch(void *arg)
{
	Check	   *check = arg;

	cli_progress_show(&check->progress, pgb_counter_read(&check->shared->bytes_done));
}

static bool
find_kept(Restore *restore)
{
	Check		check = {restore};
	CliTeam		team = {restore->options.jobs, check_files, watch, &check};
	bool		done;

	check.shared = cli_shared_memory(offsetof(Shared, kept) + restore->list->count * sizeof(bool));
	restore->kept = check.shared->kept;
	cli_progress_begin(&check.progress, "comparing", restore->total_bytes,
					   restore->options.quiet);
	done = cli_team_run(&team);
	cli_progress_end(&check.progress);
	for (int i = 0; i < restore->list->count; i++)
		restore->kept_bytes += restore->kept[i] ? restore->list->files[i].size : 0;
	return done;
}

/* ---- the rest goes ---- */

/* Of a tablespace's directory, only what the list has is ours: other clusters may use it, too. */
static bool
is_shared(const Restore *restore, const PgbFile *directory)
{
	return directory != NULL && directory->type == PGB_FILE_TABLESPACE &&
		pgb_datadir_place(&restore->layout, directory) != NULL;
}

/* The entry of the list is NULL for the data directory itself. */
static void
clean_directory(const Restore *restore, const char *path, const PgbFile *directory)
{
	char	  **names = pgb_read_directory(path);

	if (names == NULL)
		pgb_target_report("read directory", path);
	for (; *names != NULL; names++)
	{
		char	   *entry = psprintf("%s/%s", path, *names);
		char	   *relative = directory == NULL ? pstrdup(*names) :
			psprintf("%s/%s", directory->path, *names);
		PgbFile    *file = pgb_file_list_find(restore->list, relative);
		struct stat st;

		cli_check_stop();
		if (lstat(entry, &st) != 0)
			pgb_target_report("examine", entry);
		if (directory == NULL && strcmp(*names, RESTORE_MARK) == 0)
			 /* until all is done */ ;
		else if (file == NULL && is_shared(restore, directory))
			 /* somebody else's */ ;
		else if (file == NULL || !may_stay(restore, file, entry, &st))
			pgb_target_remove(entry);
		else if (file->type != PGB_FILE_REGULAR)
			clean_directory(restore, entry, file);
		pfree(entry);
		pfree(relative);
	}
}

/* From here on no server starts in this directory. */
static void
remove_control(const Restore *restore)
{
	char	   *path = psprintf("%s/%s", restore->options.directory, PGB_CONTROL_PATH);
	char	   *parent = pstrdup(path);

	if (unlink(path) != 0)
	{
		if (errno != ENOENT && errno != ENOTDIR)
			pgb_target_report("remove", path);
		return;
	}
	get_parent_directory(parent);
	pgb_target_sync(parent);
}

bool
restore_delta(Restore *restore)
{
	remove_control(restore);
	clear_way(restore);
	if (!find_kept(restore))
		return false;
	clean_directory(restore, restore->options.directory, NULL);
	return true;
}

void
restore_check_kept(const Restore *restore)
{
	for (int i = 0; restore->kept != NULL && i < restore->list->count; i++)
	{
		char	   *path;
		struct stat st;

		if (!restore->kept[i])
			continue;
		cli_check_stop();
		path = path_of(restore, &restore->list->files[i]);
		if (lstat(path, &st) != 0)
			pgb_target_report("examine", path);
		if (!S_ISREG(st.st_mode))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is no longer a regular file", path)));
		pfree(path);
	}
}
