/*-------------------------------------------------------------------------
 *
 * posix_tree.c
 *	  Folders with all in them.
 *
 * src/store/posix_tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "store/posix.h"

#include <fcntl.h>
#include <unistd.h>

/* Nothing here is nested deeper; what is, nobody but a mistake has made. */
#define MAX_DEPTH	32

/* ---- durability ---- */

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
			pgb_posix_report(ERROR, "examine", path);
		return;
	}

	if (S_ISREG(st.st_mode))
	{
		if (pass == SYNC_START)
			start_sync(path);
		else
			pgb_posix_sync(path, false);
		return;
	}
	if (!S_ISDIR(st.st_mode))
		return;

	errno = ELOOP;
	names = depth > MAX_DEPTH ? NULL : pgb_read_directory(path);
	if (names == NULL)
		pgb_posix_report(ERROR, "read", path);
	for (; *names != NULL; names++)
	{
		char	   *entry = psprintf("%s/%s", path, *names);

		sync_tree(entry, pass, depth + 1);
		pfree(entry);
	}
	if (pass == SYNC_WAIT)
		pgb_posix_sync(path, true);
}

void
pgb_posix_sync_tree(const char *path)
{
	sync_tree(path, SYNC_START, 0);
	sync_tree(path, SYNC_WAIT, 0);
}

/* ---- removal ---- */

/* Returns false after a failure that has been reported. */
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
		pgb_posix_report(elevel, "examine", path);
		return false;
	}

	if (!S_ISDIR(st.st_mode))
	{
		if (unlink(path) == 0 || errno == ENOENT)
			return true;
		pgb_posix_report(elevel, "remove", path);
		return false;
	}

	errno = ELOOP;
	names = depth > MAX_DEPTH ? NULL : pgb_read_directory(path);
	if (names == NULL)
	{
		if (errno == ENOENT)
			return true;
		pgb_posix_report(elevel, "read", path);
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
	pgb_posix_report(elevel, "remove", path);
	return false;
}

void
pgb_posix_remove_tree(const char *path, int elevel)
{
	(void) remove_tree(path, elevel, 0);
}
