/*-------------------------------------------------------------------------
 *
 * file.c
 *	  Descriptors and directories.
 *
 * src/port/file.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef FRONTEND
#include "storage/fd.h"
#endif

int
pgb_open(const char *path, int flags, mode_t mode)
{
#ifdef FRONTEND
	return open(path, flags | O_CLOEXEC, mode);
#else
	int			fd;

	/* Leaves errno at EMFILE when the server has none to spare. */
	if (!AcquireExternalFD())
		return -1;

	fd = BasicOpenFilePerm(path, flags | O_CLOEXEC, mode);
	if (fd < 0)
	{
		int			save_errno = errno;

		ReleaseExternalFD();
		errno = save_errno;
	}
	return fd;
#endif
}

int
pgb_close(int fd)
{
#ifndef FRONTEND
	ReleaseExternalFD();
#endif
	return close(fd);
}

bool
pgb_write_at(int fd, const void *data, size_t length, uint64 offset)
{
	const char *bytes = data;

	while (length > 0)
	{
		ssize_t		rc = pwrite(fd, bytes, length, (off_t) offset);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc == 0)
			errno = ENOSPC;		/* what else could it be? */
		if (rc <= 0)
			return false;
		bytes += rc;
		offset += rc;
		length -= rc;
	}
	return true;
}

bool
pgb_is_full(int error)
{
#ifdef EDQUOT
	if (error == EDQUOT)
		return true;
#endif
	return error == ENOSPC;
}

int
pgb_errcode_for_file(int error)
{
	return pgb_is_full(error) ? errcode(ERRCODE_DISK_FULL) : errcode_for_file_access();
}

int
pgb_fsync(int fd)
{
	int			rc;

	/*
	 * Not pg_fsync(): a cluster that runs with fsync = off risks itself, its
	 * backups must not go with it.
	 */
	do
	{
		rc = fsync(fd);
	} while (rc != 0 && errno == EINTR);
	return rc;
}

void
pgb_writeback(int fd, off_t offset, off_t length)
{
#if defined(HAVE_SYNC_FILE_RANGE)
	(void) sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
#endif
}

bool
pgb_disk_room(const char *path, uint64 *free, uint64 *total)
{
	struct statvfs room;

	if (statvfs(path, &room) != 0)
		return false;
	*free = (uint64) room.f_bavail * room.f_frsize;
	*total = (uint64) room.f_blocks * room.f_frsize;
	return true;
}

static DIR *
open_directory(const char *path)
{
#ifdef FRONTEND
	return opendir(path);
#else
	return AllocateDir(path);	/* closed by the server after an ERROR */
#endif
}

static void
close_directory(DIR *dir)
{
#ifdef FRONTEND
	closedir(dir);
#else
	FreeDir(dir);
#endif
}

char **
pgb_read_directory(const char *path)
{
	DIR		   *dir = open_directory(path);
	struct dirent *entry;
	char	  **names;
	size_t		count = 0;
	size_t		allocated = 16;
	int			save_errno;

	if (dir == NULL)
		return NULL;

	names = palloc(allocated * sizeof(char *));
	while (errno = 0, (entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (count + 1 >= allocated)
		{
			allocated *= 2;
			names = repalloc_huge(names, allocated * sizeof(char *));
		}
		names[count++] = pstrdup(entry->d_name);
	}
	names[count] = NULL;

	save_errno = errno;
	close_directory(dir);
	errno = save_errno;
	return errno == 0 ? names : NULL;
}
