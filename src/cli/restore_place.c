/*-------------------------------------------------------------------------
 *
 * restore_place.c
 *	  Is there a place for a restored cluster, and room?
 *
 * src/cli/restore_place.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/restore.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/datadir_file.h"

/* What a file takes on a disk is rounded up to this. */
#define BLOCK	4096

#define CONTROL_SIZE	(1024 * 1024)	/* no pg_control is larger */

static char *
path_in(const Restore *restore, const char *name)
{
	return psprintf("%s/%s", restore->options.directory, name);
}

static bool
exists(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return true;
	if (errno != ENOENT && errno != ENOTDIR)
		pgb_target_report("examine", path);
	return false;
}

/* ---- tablespaces ---- */

static const char *
mapped_path(Restore *restore, const char *path)
{
	for (int i = 0; i < restore->options.nmappings; i++)
	{
		RestoreMapping *mapping = &restore->options.mappings[i];

		if (strcmp(mapping->old_path, path) == 0)
		{
			mapping->used = true;
			return mapping->new_path;
		}
	}
	return path;
}

static char *
describe_tablespaces(const Restore *restore)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < restore->list->count; i++)
	{
		const PgbFile *file = &restore->list->files[i];

		if (file->type == PGB_FILE_TABLESPACE && file->target != NULL)
			appendStringInfo(&text, "%s\"%s\"", text.len > 0 ? ", " : "", file->target);
	}
	return text.data;
}

static void
check_mappings(const Restore *restore)
{
	char	   *known = describe_tablespaces(restore);

	for (int i = 0; i < restore->options.nmappings; i++)
	{
		const RestoreMapping *mapping = &restore->options.mappings[i];

		if (!mapping->used)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("backup \"%s\" has no tablespace at \"%s\"",
							restore->backup->id, mapping->old_path),
					 known[0] == '\0' ? errdetail("It has none outside of its data directory.") :
					 errdetail("Its tablespaces are at %s.", known)));
	}
}

static bool
is_within(const char *path, const char *directory)
{
	size_t		length = strlen(directory);

	return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Two of them in one place would remove each other's files. */
static void
check_apart(const Restore *restore)
{
	const PgbDataDirOptions *layout = &restore->layout;

	for (int i = 0; i < layout->nplaces; i++)
	{
		for (int j = -1; j < i; j++)
		{
			const char *other = j < 0 ? layout->path : layout->places[j].path;

			if (is_within(layout->places[i].path, other) ||
				is_within(other, layout->places[i].path))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("\"%s\" and \"%s\" are in each other's way",
								layout->places[i].path, other),
						 errhint("Give each tablespace a directory of its own with --tablespace-mapping.")));
		}
	}
}

void
restore_choose_places(Restore *restore)
{
	PgbTablespacePlace *places = palloc(Max(restore->list->count, 1) * sizeof(PgbTablespacePlace));
	int			count = 0;

	for (int i = 0; i < restore->list->count; i++)
	{
		const PgbFile *file = &restore->list->files[i];

		if (file->type != PGB_FILE_TABLESPACE || file->target == NULL)
			continue;
		places[count].oid = pgb_datadir_tablespace(file);
		places[count++].path = mapped_path(restore, file->target);
	}
	restore->layout.path = restore->options.directory;
	restore->layout.nplaces = count;
	restore->layout.places = places;
	restore->layout.durable = true;
	check_mappings(restore);
	check_apart(restore);
}

/* ---- directories that are there ---- */

pg_noreturn static void not_empty(const char *path, const char *hint);

static void
not_empty(const char *path, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("directory \"%s\" is not empty", path),
			 errhint("%s", hint)));
}

/* Is it there with something in it?  Raises when it is no directory. */
static bool
is_occupied(const char *path)
{
	char	  **names = pgb_read_directory(path);

	if (names == NULL && errno != ENOENT)
		pgb_target_report("read directory", path);
	return names != NULL && *names != NULL;
}

/* A process whose number is in postmaster.pid may be another one by now: who asks must look. */
static void
check_no_server(const Restore *restore)
{
	size_t		length;
	char	   *path = path_in(restore, "postmaster.pid");
	char	   *text = pgb_target_read(path, 65536, &length);
	long		pid = text == NULL ? 0 : strtol(text, NULL, 10);

	if (pid < 0)
		pid = -pid;				/* a single-user session */
	if (pid <= 1 || (kill((pid_t) pid, 0) != 0 && errno == ESRCH))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("a server may be running in \"%s\"", restore->options.directory),
			 errdetail("\"%s\" names process %ld, which exists.", path, pid),
			 errhint("Stop the server. If that process is something else, remove the file.")));
}

/* Only what certainly is this cluster's is overwritten. */
static void
check_identity(const Restore *restore)
{
	size_t		length;
	char	   *control = pgb_target_read(path_in(restore, PGB_CONTROL_PATH), CONTROL_SIZE, &length);
	uint64		identifier;

	if (control == NULL || length < sizeof(identifier))
	{
		/* a restore has begun here; else it may be a part of another cluster, such as a database's directory */
		if (exists(path_in(restore, RESTORE_MARK)))
			return;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" does not look like a data directory of this cluster", restore->options.directory),
				 errdetail("It has no \"%s\", which would tell whose it is.", PGB_CONTROL_PATH),
				 errhint("Restore to an empty directory: --delta removes everything that is not part of the backup.")));
	}
	memcpy(&identifier, control, sizeof(identifier));	/* its first member */
	if (identifier != restore->repository->system_identifier)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is the data directory of another cluster",
						restore->options.directory),
				 errdetail("Its system identifier is " UINT64_FORMAT ", that of the backup " UINT64_FORMAT ".",
						   identifier, restore->repository->system_identifier),
				 errhint("Restore to another directory.")));
}

static void
check_delta(const Restore *restore)
{
	const char *directory = restore->options.directory;

	if (!exists(path_in(restore, RESTORE_MARK)) && !exists(path_in(restore, "PG_VERSION")))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" does not look like a data directory", directory),
				 errdetail("It has neither a file \"PG_VERSION\" nor \"%s\", which an interrupted restore leaves.",
						   RESTORE_MARK),
				 errhint("Restore to an empty directory: --delta removes everything that is not part of the backup.")));
	check_no_server(restore);
	check_identity(restore);
}

/* What --delta removes must not be what is restored from. */
static void
check_repository_apart(const Restore *restore, const char *place)
{
	char	   *repository = realpath(restore->repository->store->location, NULL);
	char	   *directory = realpath(place, NULL);
	bool		inside = repository != NULL && directory != NULL && is_within(repository, directory);

	free(repository);
	free(directory);
	if (inside)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the repository is in \"%s\"", place),
				 errdetail("--delta removes everything there that is not part of the backup."),
				 errhint("Move the repository elsewhere, or restore to an empty directory.")));
}

/* With --delta, a tablespace's directory may be full if this cluster is linked to it. */
static bool
is_linked(const Restore *restore, const PgbTablespacePlace *place)
{
	char	   *link = path_in(restore, psprintf(PGB_TABLESPACES_PATH "/%u", place->oid));
	char		target[MAXPGPATH];
	ssize_t		length = readlink(link, target, sizeof(target) - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	canonicalize_path(target);
	return strcmp(target, place->path) == 0;
}

static void
check_empty(Restore *restore)
{
	const PgbDataDirOptions *layout = &restore->layout;

	restore->is_occupied = is_occupied(layout->path);
	if (restore->is_occupied && !restore->options.delta)
		not_empty(layout->path,
				  "Restore to an empty directory. With --delta, what is right in this one is kept, and all that is not part of the backup is removed.");
	if (restore->is_occupied)
	{
		check_delta(restore);
		check_repository_apart(restore, layout->path);
	}

	for (int i = 0; i < layout->nplaces; i++)
	{
		const PgbTablespacePlace *place = &layout->places[i];

		if (restore->is_occupied)
			check_repository_apart(restore, place->path);

		if (is_occupied(place->path) &&
			!(restore->is_occupied && is_linked(restore, place)))
			not_empty(place->path,
					  "A tablespace of the backup was there. Put it elsewhere with --tablespace-mapping, or empty the directory.");
	}
}

/* ---- room ---- */

typedef struct Room
{
	dev_t		device;
	const char *path;			/* the first place on it */
	uint64		needed;
	uint64		free;			/* with what --delta will replace */
} Room;

/* A place that is not there yet gets its room from what is above it. */
static char *
existing_parent(const char *path)
{
	char	   *parent = pstrdup(path);

	while (!exists(parent) && strcmp(parent, "/") != 0)
	{
		get_parent_directory(parent);
		if (parent[0] == '\0')
			strcpy(parent, "/");
	}
	return parent;
}

static uint64
occupied_bytes(const char *path, int depth)
{
	struct stat st;
	uint64		bytes;

	if (lstat(path, &st) != 0)
		return 0;
	bytes = (uint64) st.st_blocks * 512;
	if (S_ISDIR(st.st_mode) && depth < 64)
	{
		char	  **names = pgb_read_directory(path);

		for (; names != NULL && *names != NULL; names++)
			bytes += occupied_bytes(psprintf("%s/%s", path, *names), depth + 1);
	}
	return bytes;
}

/* What --delta replaces or removes in the directory of a tablespace: not all that is there. */
static uint64
occupied_by_tablespace(const Restore *restore, const PgbTablespacePlace *place)
{
	char	  **names = pgb_read_directory(place->path);
	uint64		bytes = 0;

	for (; names != NULL && *names != NULL; names++)
	{
		if (pgb_file_list_find(restore->list, psprintf(PGB_TABLESPACES_PATH "/%u/%s",
													   place->oid, *names)) != NULL)
			bytes += occupied_bytes(psprintf("%s/%s", place->path, *names), 0);
	}
	return bytes;
}

static void
add_room(Room *rooms, int *count, const char *path, uint64 needed, uint64 occupied)
{
	char	   *parent = existing_parent(path);
	struct stat st;
	uint64		free;
	uint64		total;
	Room	   *room = rooms;

	if (stat(parent, &st) != 0 || !pgb_disk_room(parent, &free, &total))
		pgb_target_report("examine", parent);
	while (room < rooms + *count && room->device != st.st_dev)
		room++;
	if (room == rooms + *count)
	{
		room->device = st.st_dev;
		room->path = path;
		room->needed = 0;
		room->free = free;
		(*count)++;
	}
	room->needed += needed;
	room->free += occupied;
}

/* Bytes of the files below a path of the list, or (prefix NULL) of those in no place of their own. */
static uint64
bytes_below(const Restore *restore, const char *prefix)
{
	size_t		length = prefix == NULL ? 0 : strlen(prefix);
	uint64		bytes = 0;

	for (int i = 0; i < restore->list->count; i++)
	{
		const PgbFile *file = &restore->list->files[i];

		if (file->type == PGB_FILE_REGULAR &&
			(prefix == NULL || strncmp(file->path, prefix, length) == 0))
			bytes += (file->size + BLOCK - 1) / BLOCK * BLOCK;
	}
	return bytes;
}

static void
check_room(const Restore *restore)
{
	const PgbDataDirOptions *layout = &restore->layout;
	Room	   *rooms = palloc((layout->nplaces + 1) * sizeof(Room));
	int			count = 0;
	uint64		rest = bytes_below(restore, NULL) +
		(uint64) restore_wal_count(restore) * restore->backup->base->segment_size;

	for (int i = 0; i < layout->nplaces; i++)
	{
		const PgbTablespacePlace *place = &layout->places[i];
		uint64		bytes = bytes_below(restore, psprintf(PGB_TABLESPACES_PATH "/%u/", place->oid));

		rest -= bytes;
		add_room(rooms, &count, place->path, bytes,
				 restore->is_occupied ? occupied_by_tablespace(restore, place) : 0);
	}
	add_room(rooms, &count, layout->path, rest,
			 restore->is_occupied ? occupied_bytes(layout->path, 0) : 0);

	for (int i = 0; i < count; i++)
	{
		if (rooms[i].needed > rooms[i].free)
			ereport(ERROR,
					(errcode(ERRCODE_DISK_FULL),
					 errmsg("there is not enough room for backup \"%s\" at \"%s\"",
							restore->backup->id, rooms[i].path),
					 errdetail("It needs %s there, of which %s are free.",
							   cli_size(rooms[i].needed), cli_size(rooms[i].free)),
					 errhint("Make room on that file system, or choose a directory on another one.")));
	}
}

void
restore_check_places(Restore *restore)
{
	/* PostgreSQL does not run as root, and would not be allowed to read its files. */
	if (geteuid() == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a cluster cannot be restored as root"),
				 errhint("Run pgbackup restore as the operating system user that is to start the server.")));
	check_empty(restore);
	check_room(restore);
}

/* ---- making them ---- */

static void
make_directory(const char *path)
{
	char	   *copy = pstrdup(path);	/* it is written to */

	if (pg_mkdir_p(copy, S_IRWXU) != 0)
		pgb_target_report("create directory", path);
}

/*
 * The mark is locked as long as this process or one of its team lives: of a restore that was
 * killed, the others may need a moment to notice.
 */
static int
open_mark(const char *mark)
{
	int			fd = open(mark, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);

	if (fd < 0)
		pgb_target_report("create", mark);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
	{
		if (errno != EWOULDBLOCK)
			pgb_target_report("lock", mark);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another restore is at work: \"%s\" is locked", mark),
				 errhint("Wait for its end.")));
	}
	return fd;
}

void
restore_make_places(const Restore *restore)
{
	const PgbDataDirOptions *layout = &restore->layout;
	char	   *mark = path_in(restore, RESTORE_MARK);
	char	   *text = psprintf("A restore of backup %s of cluster " UINT64_FORMAT " has begun here, and has not ended.\n"
								"Run it again with --delta, or remove this directory.\n",
								restore->backup->id, restore->repository->system_identifier);
	int			fd;

	make_directory(layout->path);
	fd = open_mark(mark);
	if (ftruncate(fd, 0) != 0)
		pgb_target_report("write", mark);
	pgb_target_pwrite(fd, mark, text, strlen(text), 0);
	pgb_target_sync(mark);
	pgb_target_sync(layout->path);

	for (int i = 0; i < layout->nplaces; i++)
		make_directory(layout->places[i].path);
}
