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
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE			(S_IRUSR | S_IWUSR)
#define FOLDER_MODE			S_IRWXU

/* So much is written before the kernel is asked to begin storing it. */
#define WRITEBACK_SIZE		(4 * 1024 * 1024)

#define LOCK_POLL_USEC		(100 * 1000)

/* Nothing here is nested deeper; what is, nobody but a mistake has made. */
#define MAX_DEPTH			32

typedef struct PosixObject
{
	PgbObject	base;
	PgbResource resource;
	int			fd;				/* -1 when closed */
	char	   *path;
	off_t		unstored_from;	/* written, not yet given to pgb_writeback() */
	off_t		unstored_to;
} PosixObject;

typedef struct PgbLock
{
	PgbResource resource;
	PgbStore   *store;
	int			fd;				/* -1 when unlocked */
	char	   *path;
} PgbLock;

static const PgbStoreOps posix_ops;

/* ---- errors ---- */

static bool
is_full(int error)
{
#ifdef EDQUOT
	if (error == EDQUOT)
		return true;
#endif
	return error == ENOSPC;
}

static int
file_errcode(int error)
{
	return is_full(error) ? errcode(ERRCODE_DISK_FULL) : errcode_for_file_access();
}

static int
file_errhint(int error)
{
	if (is_full(error))
		return errhint("Free space in the repository, or point pgbackup.repository to a larger place.");
	if (error == EACCES || error == EPERM)
		return errhint("The operating system user of the server must be able to read and write the repository.");
	if (error == EROFS)
		return errhint("The repository is on a read-only file system: mount it for writing.");
	if (error == EMFILE || error == ENFILE)
		return errhint("Raise the limit of open files, or max_files_per_process.");
	return 0;
}

/* Reports what failed with errno.  action is as in "could not read". */
static void
report(int elevel, const char *action, const char *path)
{
	int			error = errno;

	ereport(elevel,
			(file_errcode(error),
			 errmsg("could not %s \"%s\": %m", action, path),
			 file_errhint(error)));
}

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

/* Makes one file or folder durable.  One that has vanished need not be. */
static void
sync_path(const char *path, bool is_folder)
{
	int			fd = pgb_open(path, is_folder ? O_RDONLY : O_RDWR, 0);
	int			rc;
	int			save_errno;

	if (fd < 0)
	{
		if (errno != ENOENT)
			report(ERROR, "open", path);
		return;
	}

	rc = pgb_fsync(fd);
	save_errno = errno;
	pgb_close(fd);
	errno = save_errno;

	/* Some file systems cannot do this for a directory, and need not. */
	if (rc != 0 && !(is_folder && (errno == EBADF || errno == EINVAL)))
		report(ERROR, "fsync", path);
}

static void
sync_parent(const char *path)
{
	char	   *parent = parent_path(path);

	sync_path(parent, true);
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
		report(ERROR, action, object->path);
	if (fstat(object->fd, &st) != 0)
		report(ERROR, "examine", object->path);
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
			report(ERROR, "read", object->path);
		if (rc == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("\"%s\" is too short", object->path),
					 errdetail("It ends at byte %llu; %llu bytes were expected from byte %llu.",
							   (unsigned long long) (offset + done),
							   (unsigned long long) length,
							   (unsigned long long) offset),
					 errhint("Use another backup; pgbackup_list() shows them.")));
		done += rc;
	}
}

static void
posix_write_at(PgbObject *base, uint64 offset, const void *data, size_t length)
{
	PosixObject *object = (PosixObject *) base;
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		rc = pwrite(object->fd, (const char *) data + done, length - done,
								(off_t) (offset + done));

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc == 0)
		{
			errno = ENOSPC;		/* what else could it be? */
			rc = -1;
		}
		if (rc < 0)
			report(ERROR, "write", object->path);
		done += rc;
	}
	note_write(object, (off_t) offset, (off_t) (offset + length));
}

static uint64
posix_size(PgbObject *base)
{
	PosixObject *object = (PosixObject *) base;
	struct stat st;

	if (fstat(object->fd, &st) != 0)
		report(ERROR, "examine", object->path);
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
		report(ERROR, "close", object->path);
}

/* Writes a file as a whole and makes it durable. */
static void
write_file(PgbStore *store, const char *name, const void *data, size_t length)
{
	PgbObject  *object = open_object(store, name, O_RDWR | O_CREAT | O_TRUNC, "create");

	posix_write_at(object, 0, data, length);
	if (pgb_fsync(((PosixObject *) object)->fd) != 0)
		report(ERROR, "fsync", ((PosixObject *) object)->path);
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
			report(ERROR, "create", path);
	}
	PG_CATCH();
	{
		unlink(new_path);
		PG_RE_THROW();
	}
	PG_END_TRY();
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
			report(ERROR, "examine", path);
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
			report(ERROR, "read", path);
		return palloc0(sizeof(char *));
	}
	while (names[count] != NULL)
		count++;
	qsort(names, count, sizeof(char *), compare_names);
	return names;
}

/* Makes one folder in a parent that exists; false if it is there. */
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
			return false;
		errno = EEXIST;
	}
	report(ERROR, "create directory", path);
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

/* What sync_tree() does in one pass over a tree. */
typedef enum SyncPass
{
	SYNC_START,					/* the kernel begins to write all files */
	SYNC_WAIT					/* until they and the folders are durable */
} SyncPass;

static void
start_sync(const char *path)
{
	int			fd = pgb_open(path, O_RDWR, 0);

	if (fd < 0)
		return;					/* the other pass will tell */
	pgb_writeback(fd, 0, 0);
	pgb_close(fd);
}

static void
sync_tree(const char *path, SyncPass pass, int depth)
{
	struct stat st;
	char	  **names;

	CHECK_FOR_INTERRUPTS();
	if (lstat(path, &st) != 0)
	{
		if (errno != ENOENT)
			report(ERROR, "examine", path);
		return;
	}

	if (S_ISREG(st.st_mode))
	{
		if (pass == SYNC_START)
			start_sync(path);
		else
			sync_path(path, false);
		return;
	}
	if (!S_ISDIR(st.st_mode))
		return;

	errno = ELOOP;
	names = depth > MAX_DEPTH ? NULL : pgb_read_directory(path);
	if (names == NULL)
		report(ERROR, "read", path);
	for (; *names != NULL; names++)
	{
		char	   *entry = psprintf("%s/%s", path, *names);

		sync_tree(entry, pass, depth + 1);
		pfree(entry);
	}
	if (pass == SYNC_WAIT)
		sync_path(path, true);
}

static void
posix_sync_folder(PgbStore *store, const char *folder)
{
	char	   *path = folder_path(store, folder);

	sync_tree(path, SYNC_START, 0);
	sync_tree(path, SYNC_WAIT, 0);
}

/* ---- removal ---- */

/*
 * Removes a file, or a folder with all in it, never following a link.  What has
 * vanished is as good as removed.  Goes on after a failure, to leave as little
 * as possible; the last one is reported at elevel.
 */
static bool
remove_tree(const char *path, int elevel, int depth)
{
	struct stat st;
	char	  **names;
	bool		done = true;

	CHECK_FOR_INTERRUPTS();
	if (lstat(path, &st) != 0)
	{
		if (errno == ENOENT)
			return true;
		report(elevel, "examine", path);
		return false;
	}

	if (!S_ISDIR(st.st_mode))
	{
		if (unlink(path) == 0 || errno == ENOENT)
			return true;
		report(elevel, "remove", path);
		return false;
	}

	errno = ELOOP;
	names = depth > MAX_DEPTH ? NULL : pgb_read_directory(path);
	if (names == NULL)
	{
		if (errno == ENOENT)
			return true;
		report(elevel, "read", path);
		return false;
	}
	for (; *names != NULL; names++)
	{
		char	   *entry = psprintf("%s/%s", path, *names);

		if (!remove_tree(entry, elevel, depth + 1))
			done = false;
		pfree(entry);
	}
	if (!done)
		return false;

	if (rmdir(path) == 0 || errno == ENOENT)
		return true;
	report(elevel, "remove", path);
	return false;
}

static void
posix_remove(PgbStore *store, const char *name)
{
	remove_tree(object_path(store, name), ERROR, 0);
}

static void
posix_discard(PgbStore *store, const char *name)
{
	HOLD_INTERRUPTS();
	remove_tree(object_path(store, name), WARNING, 0);
	RESUME_INTERRUPTS();
}

/* ---- locks ---- */

static void
release_lock(void *arg)
{
	PgbLock    *lock = arg;

	if (lock->fd >= 0)
		pgb_close(lock->fd);
	lock->fd = -1;
}

/* Is the file that we have locked still the one that others will find? */
static bool
is_current(const PgbLock *lock)
{
	struct stat ours;
	struct stat theirs;

	return fstat(lock->fd, &ours) == 0 && stat(lock->path, &theirs) == 0 &&
		ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Tries once.  Returns false if another process has it. */
static bool
try_lock(PgbLock *lock)
{
	int			rc;

	/*
	 * A lock of flock(2) goes with the last descriptor of this open file, hence
	 * with the process, because no program that it starts inherits it.
	 */
	do
	{
		rc = flock(lock->fd, LOCK_EX | LOCK_NB);
	} while (rc != 0 && errno == EINTR);

	if (rc != 0 && errno != EWOULDBLOCK)
		report(ERROR, "lock", lock->path);
	return rc == 0;
}

static PgbLock *
posix_lock(PgbStore *store, const char *name, bool wait)
{
	PgbLock    *lock = palloc0(sizeof(PgbLock));

	lock->store = store;
	lock->path = object_path(store, name);
	lock->fd = -1;
	pgb_resource_keep(&lock->resource, release_lock, lock);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();

		if (lock->fd < 0)
			lock->fd = pgb_open(lock->path, O_RDWR | O_CREAT, FILE_MODE);
		if (lock->fd < 0 && errno == ENOENT && !wait)
			return NULL;
		if (lock->fd < 0)
			report(ERROR, "open", lock->path);

		if (!try_lock(lock))
		{
			if (!wait)
			{
				release_lock(lock);
				return NULL;
			}
			pg_usleep(LOCK_POLL_USEC);
		}
		else if (is_current(lock))
			return lock;
		else
			release_lock(lock); /* it was removed meanwhile: once more */
	}
}

static void
posix_unlock(PgbLock *lock)
{
	release_lock(lock);
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
	.stat = posix_stat,
	.list = posix_list,
	.make_folder = posix_make_folder,
	.sync_folder = posix_sync_folder,
	.remove = posix_remove,
	.discard = posix_discard,
	.lock = posix_lock,
	.unlock = posix_unlock,
	.local_path = posix_local_path,
};

static void
check_place(const char *location)
{
	struct stat st;

	if (stat(location, &st) != 0)
	{
		if (errno != ENOENT)
			report(ERROR, "open directory", location);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("repository \"%s\" does not exist", location),
				 errhint("The first backup makes it.")));
	}
	if (!S_ISDIR(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("repository \"%s\" is not a directory", location)));
}

PgbStore *
pgb_store_posix_open(const char *location, bool create)
{
	PgbStore   *store = palloc0(sizeof(PgbStore));

	store->ops = &posix_ops;
	store->location = pstrdup(location);
	canonicalize_path(store->location);

	if (create)
		make_directory(store->location);
	else
		check_place(store->location);
	return store;
}
