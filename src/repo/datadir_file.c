/*-------------------------------------------------------------------------
 *
 * datadir_file.c
 *	  Files outside of the repository: those of a data directory that is made.
 *
 * src/repo/datadir_file.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/datadir_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datatype/timestamp.h"

#define POSTGRES_EPOCH	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)

/* A data directory is nowhere nested as deep as this. */
#define MAX_DEPTH	64

/* ---- errors ---- */

static int
hint_for(int error)
{
	if (pgb_is_full(error))
		return errhint("Make room on that file system, or choose a directory on another one.");
	if (error == EACCES || error == EPERM)
		return errhint("The operating system user must be allowed to write there.");
	if (error == EROFS)
		return errhint("That file system is read-only: choose a directory on another one.");
	return 0;
}

void
pgb_target_report(const char *action, const char *path)
{
	int			error = errno;

	ereport(ERROR,
			(pgb_errcode_for_file(error),
			 errmsg("could not %s \"%s\": %m", action, path),
			 hint_for(error)));
}

pg_noreturn static void close_and_report(int fd, const char *action, const char *path);

/* After a failure: closes, and keeps errno for the report. */
static void
close_and_report(int fd, const char *action, const char *path)
{
	int			save_errno = errno;

	pgb_close(fd);
	errno = save_errno;
	pgb_target_report(action, path);
}

/* ---- directories and files ---- */

void
pgb_target_directory(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
	{
		/* whatever the umask was */
		if (chmod(path, mode) != 0)
			pgb_target_report("set the permissions of", path);
		return;
	}
	if (errno != EEXIST)
		pgb_target_report("create directory", path);
	if (lstat(path, &st) != 0)
		pgb_target_report("examine", path);
	if (!S_ISDIR(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a directory", path),
				 errdetail("A directory of that name is part of the backup."),
				 S_ISLNK(st.st_mode) ?
				 errhint("It is a symbolic link, which a restore does not follow: remove it.") :
				 errhint("Remove it.")));
}

void
pgb_target_pwrite(int fd, const char *path, const char *data, size_t length, uint64 offset)
{
	if (!pgb_write_at(fd, data, length, offset))
		pgb_target_report("write", path);
}

void
pgb_target_write(const char *path, mode_t mode, const void *data, size_t length, bool replace)
{
	int			flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (replace ? O_TRUNC : O_EXCL);
	int			fd = pgb_open(path, flags, mode);

	if (fd < 0)
		pgb_target_report("create", path);
	PG_TRY();
	{
		pgb_target_pwrite(fd, path, data, length, 0);
		if (fchmod(fd, mode) != 0)
			pgb_target_report("set the permissions of", path);
	}
	PG_CATCH();
	{
		pgb_close(fd);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (pgb_close(fd) != 0)
		pgb_target_report("write", path);
}

char *
pgb_target_read(const char *path, uint64 limit, size_t *length)
{
	int			fd = pgb_open(path, O_RDONLY, 0);
	struct stat st;
	char	   *data;
	size_t		done = 0;

	if (fd < 0)
	{
		if (errno == ENOENT)
			return NULL;
		pgb_target_report("open", path);
	}
	if (fstat(fd, &st) != 0)
		close_and_report(fd, "examine", path);
	if (!S_ISREG(st.st_mode) || st.st_size > limit)
	{
		errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
		close_and_report(fd, "read", path);
	}

	data = palloc(st.st_size + 1);
	while (done < st.st_size)
	{
		ssize_t		rc = pread(fd, data + done, st.st_size - done, done);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			close_and_report(fd, "read", path);
		if (rc == 0)
			break;
		done += rc;
	}
	pgb_close(fd);
	data[done] = '\0';
	*length = done;
	return data;
}

void
pgb_target_stamp(int fd, const char *path, mode_t mode, int64 modified_at)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
	int64		micros = modified_at % USECS_PER_SEC;

	if (micros < 0)
		micros += USECS_PER_SEC;
	times[1].tv_sec = (modified_at - micros) / USECS_PER_SEC + POSTGRES_EPOCH;
	times[1].tv_nsec = micros * 1000;
	if (futimens(fd, times) != 0)
		pgb_target_report("set the time of", path);
	if (mode != (S_IRUSR | S_IWUSR) && fchmod(fd, mode) != 0)
		pgb_target_report("set the permissions of", path);
}

/* ---- durability ---- */

void
pgb_target_sync(const char *path)
{
	int			fd = pgb_open(path, O_RDONLY, 0);

	if (fd < 0)
		pgb_target_report("open", path);

	/* Some file systems cannot do this for a directory, and need not. */
	if (pgb_fsync(fd) != 0 && errno != EBADF && errno != EINVAL)
		close_and_report(fd, "fsync", path);
	pgb_close(fd);
}

#ifdef HAVE_SYNCFS

void
pgb_target_sync_tree(const char *path)
{
	int			fd = pgb_open(path, O_RDONLY, 0);

	if (fd < 0)
		pgb_target_report("open", path);
	if (syncfs(fd) != 0)
		close_and_report(fd, "sync", path);
	pgb_close(fd);
}

#else

static void
sync_tree(const char *path, int depth)
{
	struct stat st;

	CHECK_FOR_INTERRUPTS();
	/* the top may be reached by a link */
	if ((depth == 0 ? stat(path, &st) : lstat(path, &st)) != 0)
		pgb_target_report("examine", path);
	if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
	{
		char	  **names = pgb_read_directory(path);

		if (names == NULL)
			pgb_target_report("read", path);
		for (; *names != NULL; names++)
		{
			char	   *entry = psprintf("%s/%s", path, *names);

			sync_tree(entry, depth + 1);
			pfree(entry);
		}
	}
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		pgb_target_sync(path);
}

void
pgb_target_sync_tree(const char *path)
{
	sync_tree(path, 0);
}

#endif

/* ---- removal ---- */

static void
remove_tree(const char *path, int depth)
{
	struct stat st;
	char	  **names;

	CHECK_FOR_INTERRUPTS();
	if (lstat(path, &st) != 0)
	{
		if (errno == ENOENT)
			return;
		pgb_target_report("examine", path);
	}
	if (!S_ISDIR(st.st_mode))
	{
		if (unlink(path) != 0 && errno != ENOENT)
			pgb_target_report("remove", path);
		return;
	}

	errno = ELOOP;
	names = depth > MAX_DEPTH ? NULL : pgb_read_directory(path);
	if (names == NULL)
		pgb_target_report("read", path);
	for (; *names != NULL; names++)
	{
		char	   *entry = psprintf("%s/%s", path, *names);

		remove_tree(entry, depth + 1);
		pfree(entry);
	}
	if (rmdir(path) != 0 && errno != ENOENT)
		pgb_target_report("remove", path);
}

void
pgb_target_remove(const char *path)
{
	remove_tree(path, 0);
}
