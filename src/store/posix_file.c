/*-------------------------------------------------------------------------
 *
 * posix_file.c
 *	  Single files: what can go wrong with them, and making them durable.
 *
 * src/store/posix_file.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "store/posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
file_errhint(int error)
{
	if (pgb_is_full(error))
		return errhint(PGB_HINT_FULL);
	if (error == EACCES || error == EPERM)
		return errhint(PGB_HINT_DENIED);
	if (error == EROFS)
		return errhint("The repository is on a read-only file system: mount it for writing.");
	if (error == EMFILE || error == ENFILE)
		return errhint("Raise the limit of open files, or max_files_per_process.");
	return 0;
}

void
pgb_posix_report(int elevel, const char *action, const char *path)
{
	int			error = errno;

	ereport(elevel,
			(pgb_errcode_for_file(error),
			 errmsg("could not %s \"%s\": %m", action, path),
			 file_errhint(error)));
}

void
pgb_posix_sync(const char *path, bool is_folder)
{
	int			fd = pgb_open(path, is_folder ? O_RDONLY : O_RDWR, 0);
	int			rc;
	int			save_errno;

	if (fd < 0)
	{
		if (errno != ENOENT)
			pgb_posix_report(ERROR, "open", path);
		return;
	}

	rc = pgb_fsync(fd);
	save_errno = errno;
	pgb_close(fd);
	errno = save_errno;

	/* Some file systems cannot do this for a directory, and need not. */
	if (rc != 0 && !(is_folder && (errno == EBADF || errno == EINVAL)))
		pgb_posix_report(ERROR, "fsync", path);
}

int
pgb_posix_rename_new(const char *old_path, const char *new_path)
{
#ifdef RENAME_NOREPLACE
	/* Not every file system knows it; NFS does not. */
	if (renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
#endif
	if (link(old_path, new_path) != 0)
		return -1;
	return unlink(old_path);
}
