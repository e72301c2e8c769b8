/*-------------------------------------------------------------------------
 *
 * store_posix.c
 *	  The store that is a directory.
 *
 * Everything in it is private to the server's operating system user, whatever
 * the mode of the data directory: a backup holds the rows of every table and
 * the password hashes of every role, and lies outside of what an administrator
 * has opened to a group by initdb --allow-group-access.
 *
 * src/store/store_posix.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "store/store_posix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/posix.h"

/* So much is written before the kernel is asked to begin storing it. */
#define WRITEBACK_SIZE		(4 * 1024 * 1024)

typedef struct PosixObject
{
	PgbObject	base;
	PgbResource resource;
	int			fd;				/* -1 when closed */
	char	   *path;
	off_t		unstored_from;	/* written, not yet given to pgb_writeback() */
	off_t		unstored_to;
} PosixObject;

static const PgbStoreOps posix_ops;

/* ---- names ---- */

static bool
name_is_valid(const char *name)
{
	const char *part = name;

	while (true)
	{
		size_t		length = strcspn(part, "/");

		if (length == 0 ||
			(length == 1 && part[0] == '.') ||
			(length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (part[length] == '\0')
			return true;
		part += length + 1;
	}
}

static char *
object_path(PgbStore *store, const char *name)
{
	if (!name_is_valid(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is not a name in a repository", name)));
	return psprintf("%s/%s", store->location, name);
}

static char *
folder_path(PgbStore *store, const char *folder)
{
	return folder[0] == '\0' ? pstrdup(store->location) : object_path(store, folder);
}

static char *
parent_path(const char *path)
{
	char	   *parent = pstrdup(path);

	get_parent_directory(parent);
	return parent;
}

/* ---- durability ---- */

static void
sync_parent(const char *path)
{
	char	   *parent = parent_path(path);

	pgb_posix_sync(parent, true);
	pfree(parent);
}

/* Asks for a range that is worth it to be written out; all when done. */
static void
write_back(PosixObject *object, bool done)
{
	off_t		length = object->unstored_to - object->unstored_from;

	if (length == 0 || (length < WRITEBACK_SIZE && !done))
		return;
	pgb_writeback(object->fd, object->unstored_from, length);
	object->unstored_from = object->unstored_to;
}

static void
note_write(PosixObject *object, off_t from, off_t to)
{
	if (from != object->unstored_to)
	{
		write_back(object, true);
		object->unstored_from = from;
	}
	object->unstored_to = to;
	write_back(object, false);
}

/* ---- objects ---- */

static void
release_object(void *arg)
{
	PosixObject *object = arg;

	if (object->fd >= 0)
		pgb_close(object->fd);
	object->fd = -1;
}

static PgbObject *
open_object(PgbStore *store, const char *name, int flags, const char *action)
{
	PosixObject *object = palloc0(sizeof(PosixObject));
	struct stat st;

	object->base.store = store;
	object->base.name = pstrdup(name);
	object->path = object_path(store, name);
	object->fd = -1;
	pgb_resource_keep(&object->resource, release_object, object);

	/* Not to wait for a writer, should it be a FIFO. */
	object->fd = pgb_open(object->path, flags | O_NONBLOCK, FILE_MODE);
	if (object->fd < 0)
		pgb_posix_report(ERROR, action, object->path);
	if (fstat(object->fd, &st) != 0)
		pgb_posix_report(ERROR, "examine", object->path);
	if (!S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a regular file", object->path)));
	return &object->base;
}

static PgbObject *
posix_open(PgbStore *store, const char *name)
{
	return open_object(store, name, O_RDONLY, "open");
}

static PgbObject *
posix_create(PgbStore *store, const char *name)
{
	return open_object(store, name, O_RDWR | O_CREAT | O_EXCL, "create");
}

static PgbObject *
posix_attach(PgbStore *store, const char *name)
{
	return open_object(store, name, O_RDWR, "open");
}

static void
posix_read_at(PgbObject *base, uint64 offset, void *data, size_t length)
{
	PosixObject *object = (PosixObject *) base;
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		rc = pread(object->fd, (char *) data + done, length - done,
							   (off_t) (offset + done));

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			pgb_posix_report(ERROR, "read", object->path);
		if (rc == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("\"%s\" is too short", object->path),
					 errdetail("It ends at byte %llu; %llu bytes were expected from byte %llu.",
							   (unsigned long long) (offset + done),
							   (unsigned long long) length,
							   (unsigned long long) offset),
					 errhint(PGB_HINT_DAMAGED)));
		done += rc;
	}
}

static void
posix_write_at(PgbObject *base, uint64 offset, const void *data, size_t length)
{
	PosixObject *object = (PosixObject *) base;

	if (!pgb_write_at(object->fd, data, length, offset))
		pgb_posix_report(ERROR, "write", object->path);
	note_write(object, (off_t) offset, (off_t) (offset + length));
}

static uint64
posix_size(PgbObject *base)
{
	PosixObject *object = (PosixObject *) base;
	struct stat st;

	if (fstat(object->fd, &st) != 0)
		pgb_posix_report(ERROR, "examine", object->path);
	return (uint64) st.st_size;
}

static void
posix_close(PgbObject *base)
{
	PosixObject *object = (PosixObject *) base;
	int			fd = object->fd;

	write_back(object, true);
	object->fd = -1;

	/* A network file system may tell only now that there is no room. */
	if (pgb_close(fd) != 0)
		pgb_posix_report(ERROR, "close", object->path);
}

/* Writes a file as a whole and makes it durable. */
static void
write_file(PgbStore *store, const char *name, const void *data, size_t length)
{
	PgbObject  *object = open_object(store, name, O_RDWR | O_CREAT | O_TRUNC, "create");

	posix_write_at(object, 0, data, length);
	if (pgb_fsync(((PosixObject *) object)->fd) != 0)
		pgb_posix_report(ERROR, "fsync", ((PosixObject *) object)->path);
	posix_close(object);
}

static void
posix_put(PgbStore *store, const char *name, const void *data, size_t length)
{
	char	   *path = object_path(store, name);
	char	   *new_name = psprintf("%s.tmp.%d", name, (int) getpid());
	char	   *new_path = object_path(store, new_name);

	PG_TRY();
	{
		write_file(store, new_name, data, length);
		if (rename(new_path, path) != 0)
			pgb_posix_report(ERROR, "create", path);
	}
	PG_CATCH();
	{
		unlink(new_path);
		PG_RE_THROW();
	}
	PG_END_TRY();
	sync_parent(path);
}

/* Makes the folders of these names durable; of names that follow each other, most are in the same. */
static void
sync_parents(PgbStore *store, char **names, const bool *wanted, int count)
{
	char	   *last = NULL;

	for (int i = 0; i < count; i++)
	{
		char	   *parent = parent_path(object_path(store, names[i]));

		if (!wanted[i] || (last != NULL && strcmp(last, parent) == 0))
			continue;
		pgb_posix_sync(parent, true);
		last = parent;
	}
}

static bool
rename_object(PosixObject *object, const char *name)
{
	char	   *path = object_path(object->base.store, name);

	if (pgb_posix_rename_new(object->path, path) == 0)
		return true;
	if (errno != EEXIST)
		pgb_posix_report(ERROR, "create", path);
	return false;
}

static void
posix_publish(PgbObject **bases, char **names, bool *published, int count)
{
	PosixObject **objects = (PosixObject **) bases;

	/* the disk has all of it to do before the first is waited for */
	for (int i = 0; i < count; i++)
		write_back(objects[i], true);
	for (int i = 0; i < count; i++)
	{
		if (pgb_fsync(objects[i]->fd) != 0)
			pgb_posix_report(ERROR, "fsync", objects[i]->path);
		posix_close(bases[i]);
	}
	for (int i = 0; i < count; i++)
		published[i] = rename_object(objects[i], names[i]);
	if (count > 0)
		sync_parents(bases[0]->store, names, published, count);
}

static void
posix_sync(PgbStore *store, const char *name)
{
	char	   *path = object_path(store, name);

	pgb_posix_sync(path, false);
	sync_parent(path);
}

static bool
posix_stat(PgbStore *store, const char *name, PgbStat *result)
{
	char	   *path = object_path(store, name);
	struct stat st;

	if (stat(path, &st) != 0)
	{
		if (errno != ENOENT)
			pgb_posix_report(ERROR, "examine", path);
		return false;
	}
	result->is_folder = S_ISDIR(st.st_mode);
	result->size = result->is_folder ? 0 : (uint64) st.st_size;
	return true;
}

/* ---- folders ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static char **
posix_list(PgbStore *store, const char *folder)
{
	char	   *path = folder_path(store, folder);
	char	  **names = pgb_read_directory(path);
	size_t		count = 0;

	if (names == NULL)
	{
		if (errno != ENOENT)
			pgb_posix_report(ERROR, "read", path);
		return palloc0(sizeof(char *));
	}
	while (names[count] != NULL)
		count++;
	qsort(names, count, sizeof(char *), compare_names);
	return names;
}

/*
 * Makes one folder in a parent that exists; false if it is there.  Then it is synced all
 * the same: who has made it may have been killed before that.
 */
static bool
make_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, FOLDER_MODE) == 0)
	{
		sync_parent(path);
		return true;
	}
	if (errno == EEXIST)
	{
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		{
			sync_parent(path);
			return false;
		}
		errno = EEXIST;
	}
	pgb_posix_report(ERROR, "create directory", path);
	return false;				/* not reached */
}

static bool
posix_make_folder(PgbStore *store, const char *folder)
{
	char	   *path = object_path(store, folder);

	for (char *slash = path + strlen(store->location) + 1;
		 (slash = strchr(slash, '/')) != NULL; slash++)
	{
		*slash = '\0';
		make_directory(path);
		*slash = '/';
	}
	return make_directory(path);
}

static void
posix_sync_folder(PgbStore *store, const char *folder)
{
	pgb_posix_sync_tree(folder_path(store, folder));
}

/* ---- removal ---- */

static void
posix_remove(PgbStore *store, const char *name)
{
	char	   *path = object_path(store, name);

	pgb_posix_remove_tree(path, ERROR);
	sync_parent(path);
}

static void
posix_discard(PgbStore *store, const char *name)
{
	HOLD_INTERRUPTS();
	pgb_posix_remove_tree(object_path(store, name), WARNING);
	RESUME_INTERRUPTS();
}

/* ---- locks ---- */

static struct PgbLock *
posix_lock(PgbStore *store, const char *name, bool wait)
{
	return pgb_posix_lock(object_path(store, name), wait);
}

static struct PgbLock *
posix_seize(PgbStore *store, const char *name)
{
	return pgb_posix_seize(object_path(store, name));
}

static struct PgbLock *
posix_share(PgbStore *store, const char *name)
{
	return pgb_posix_share(object_path(store, name));
}

/* ---- the place ---- */

static char *
posix_local_path(PgbStore *store, const char *name)
{
	return folder_path(store, name);
}

static const PgbStoreOps posix_ops = {
	.kind = "posix",
	.open = posix_open,
	.create = posix_create,
	.attach = posix_attach,
	.read_at = posix_read_at,
	.write_at = posix_write_at,
	.size = posix_size,
	.close = posix_close,
	.put = posix_put,
	.publish = posix_publish,
	.sync = posix_sync,
	.stat = posix_stat,
	.list = posix_list,
	.make_folder = posix_make_folder,
	.sync_folder = posix_sync_folder,
	.remove = posix_remove,
	.discard = posix_discard,
	.lock = posix_lock,
	.unlock = pgb_posix_unlock,
	.seize = posix_seize,
	.share = posix_share,
	.local_path = posix_local_path,
};

/* Only the last part: a parent that is missing may be a file system that is not mounted. */
static void
make_place(const char *location)
{
	if (mkdir(location, FOLDER_MODE) == 0)
		sync_parent(location);
	else if (errno == ENOENT)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not create repository \"%s\": %m", location),
				 errhint("Make the directory above it, or point pgbackup.repository elsewhere.")));
	else if (errno != EEXIST)
		pgb_posix_report(ERROR, "create directory", location);
}

static void
check_place(const char *location)
{
	struct stat st;

	if (stat(location, &st) != 0)
	{
		if (errno != ENOENT)
			pgb_posix_report(ERROR, "open directory", location);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("repository \"%s\" does not exist", location),
				 errhint(PGB_HINT_NO_REPOSITORY)));
	}
	if (!S_ISDIR(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("repository \"%s\" is not a directory", location),
				 errhint("Point pgbackup.repository to a directory, or to a name that does not exist yet.")));
}

PgbStore *
pgb_store_posix_open(const char *location, bool create)
{
	PgbStore   *store = palloc0(sizeof(PgbStore));

	store->ops = &posix_ops;
	store->location = pstrdup(location);
	canonicalize_path(store->location);

	if (create)
		make_place(store->location);
	check_place(store->location);
	return store;
}
