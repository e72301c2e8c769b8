/*-------------------------------------------------------------------------
 *
 * posix_lock.c
 *	  Locks that go with their process.
 *
 * src/store/posix_lock.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "store/posix.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_POLL_USEC	(100 * 1000)

typedef struct PgbLock
{
	PgbResource resource;
	int			fd;				/* -1 when unlocked */
	char	   *path;
} PgbLock;

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

/* Tries once, with LOCK_EX or LOCK_SH.  Returns false if another process has it. */
static bool
try_lock(PgbLock *lock, int mode)
{
	int			rc;

	/*
	 * A lock of flock(2) goes with the last descriptor of this open file, hence
	 * with the process, because no program that it starts inherits it.
	 */
	do
	{
		rc = flock(lock->fd, mode | LOCK_NB);
	} while (rc != 0 && errno == EINTR);

	if (rc != 0 && errno != EWOULDBLOCK)
		pgb_posix_report(ERROR, "lock", lock->path);
	return rc == 0;
}

static PgbLock *
make_lock(char *path)
{
	PgbLock    *lock = palloc0(sizeof(PgbLock));

	lock->path = path;
	lock->fd = -1;
	pgb_resource_keep(&lock->resource, release_lock, lock);
	return lock;
}

PgbLock *
pgb_posix_lock(char *path, bool wait)
{
	PgbLock    *lock = make_lock(path);

	for (;;)
	{
		CHECK_FOR_INTERRUPTS();

		if (lock->fd < 0)
			lock->fd = pgb_open(lock->path, O_RDWR | O_CREAT, FILE_MODE);
		if (lock->fd < 0 && errno == ENOENT && !wait)
			return NULL;
		if (lock->fd < 0)
			pgb_posix_report(ERROR, "open", lock->path);

		if (!try_lock(lock, LOCK_EX))
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

void
pgb_posix_unlock(PgbLock *lock)
{
	release_lock(lock);
}

static PgbLock *
lock_existing(char *path, int flags, int mode)
{
	PgbLock    *lock = make_lock(path);

	/* Not to wait for a writer, should it be a FIFO. */
	lock->fd = pgb_open(path, flags | O_NONBLOCK, 0);
	if (lock->fd < 0 && errno != ENOENT)
		pgb_posix_report(ERROR, "open", path);
	if (lock->fd >= 0 && try_lock(lock, mode) && is_current(lock))
		return lock;
	release_lock(lock);
	return NULL;
}

/* NFS wants it open for writing. */
PgbLock *
pgb_posix_seize(char *path)
{
	return lock_existing(path, O_RDWR, LOCK_EX);
}

PgbLock *
pgb_posix_share(char *path)
{
	return lock_existing(path, O_RDONLY, LOCK_SH);
}
