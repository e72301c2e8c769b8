/*-------------------------------------------------------------------------
 *
 * wal_file.c
 *	  Files of pg_wal, outside of the repository: read, compared with, and made.
 *
 * src/repo/wal_file.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

pg_noreturn static void failed(const char *action, const char *path);

static void
failed(const char *action, const char *path)
{
	int			error = errno;

	ereport(ERROR,
			(pgb_errcode_for_file(error),
			 errmsg("could not %s \"%s\": %m", action, path)));
}

/* ---- reading ---- */

struct PgbWalFile
{
	PgbResource resource;
	int			fd;				/* -1 when closed */
	char	   *path;
	uint64		offset;			/* where the next read begins */
};

static void
release_file(void *arg)
{
	PgbWalFile *file = arg;

	if (file->fd >= 0)
		pgb_close(file->fd);
	file->fd = -1;
}

PgbWalFile *
pgb_wal_file_open(const char *path)
{
	PgbWalFile *file = palloc0(sizeof(PgbWalFile));

	file->path = pstrdup(path);
	file->fd = -1;
	pgb_resource_keep(&file->resource, release_file, file);
	file->fd = pgb_open(path, O_RDONLY | PG_BINARY, 0);
	if (file->fd < 0)
		failed("open", path);
	return file;
}

uint64
pgb_wal_file_size(PgbWalFile *file)
{
	struct stat st;

	if (fstat(file->fd, &st) != 0)
		failed("examine", file->path);
	return (uint64) st.st_size;
}

size_t
pgb_wal_file_read_at(PgbWalFile *file, uint64 offset, void *data, size_t length)
{
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		rc = pread(file->fd, (char *) data + done, length - done,
							   (off_t) (offset + done));

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			failed("read", file->path);
		if (rc == 0)
			break;
		done += rc;
	}
	return done;
}

size_t
pgb_wal_file_read(PgbWalFile *file, void *data, size_t length)
{
	size_t		done = pgb_wal_file_read_at(file, file->offset, data, length);

	file->offset += done;
	return done;
}

void
pgb_wal_file_rewind(PgbWalFile *file)
{
	file->offset = 0;
}

void
pgb_wal_file_check_name(PgbWalFile *file)
{
	struct stat opened;
	struct stat named;
	bool		is_there = stat(file->path, &named) == 0;

	if (!is_there && errno != ENOENT)
		failed("examine", file->path);
	if (fstat(file->fd, &opened) != 0)
		failed("examine", file->path);
	if (!is_there || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("WAL file \"%s\" was removed while it was read", file->path)));
}

void
pgb_wal_file_close(PgbWalFile *file)
{
	release_file(file);
}

/* ---- comparing ---- */

#define COMPARE_SIZE	(64 * 1024)

typedef struct CompareSink
{
	PgbSink		base;
	PgbWalFile *file;
	const char *what;
	char		buffer[COMPARE_SIZE];
} CompareSink;

pg_noreturn static void differs(const CompareSink *sink);

static void
differs(const CompareSink *sink)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_FILE),
			 errmsg("the repository has another file in the place of \"%s\"", sink->file->path),
			 errdetail("\"%s\" is there already, with other content.", sink->what),
			 errhint("Find out which server has written it: two servers must not archive on the same timeline. "
					 "Nothing is overwritten; to archive this file, move the other one out of the repository.")));
}

static void
compare_write(PgbSink *base, const void *data, size_t length)
{
	CompareSink *sink = (CompareSink *) base;
	const char *bytes = data;

	while (length > 0)
	{
		size_t		piece = Min(length, COMPARE_SIZE);

		if (pgb_wal_file_read(sink->file, sink->buffer, piece) != piece ||
			memcmp(sink->buffer, bytes, piece) != 0)
			differs(sink);
		bytes += piece;
		length -= piece;
	}
}

static void
compare_finish(PgbSink *base)
{
	CompareSink *sink = (CompareSink *) base;

	if (pgb_wal_file_read(sink->file, sink->buffer, 1) != 0)
		differs(sink);
}

static const PgbSinkOps compare_ops = {
	.write = compare_write,
	.finish = compare_finish,
};

PgbSink *
pgb_wal_compare_sink(PgbWalFile *file, const char *what)
{
	CompareSink *sink = palloc(sizeof(CompareSink));

	sink->base.ops = &compare_ops;
	sink->base.next = NULL;
	sink->file = file;
	sink->what = what;
	pgb_wal_file_rewind(file);
	return &sink->base;
}

/* ---- making ---- */

typedef struct FileSink
{
	PgbSink		base;
	PgbResource resource;
	int			fd;				/* -1 when closed */
	uint64		written;		/* bytes */
	char	   *path;
	char	   *new_path;		/* until it is finished; NULL then */
} FileSink;

static void
release_sink(void *arg)
{
	pgb_wal_file_discard(arg);
}

void
pgb_wal_file_discard(PgbSink *base)
{
	FileSink   *sink = (FileSink *) base;

	if (sink->fd >= 0)
		pgb_close(sink->fd);
	sink->fd = -1;
	if (sink->new_path != NULL)
		unlink(sink->new_path);
	sink->new_path = NULL;
}

static void
file_write(PgbSink *base, const void *data, size_t length)
{
	FileSink   *sink = (FileSink *) base;

	if (!pgb_write_at(sink->fd, data, length, sink->written))
		failed("write", sink->new_path);
	sink->written += length;
}

static void
file_finish(PgbSink *base)
{
	FileSink   *sink = (FileSink *) base;
	int			fd = sink->fd;

	sink->fd = -1;
	if (pgb_close(fd) != 0)
		failed("close", sink->new_path);
	if (rename(sink->new_path, sink->path) != 0)
		failed("create", sink->path);
	sink->new_path = NULL;
}

static const PgbSinkOps file_ops = {
	.write = file_write,
	.finish = file_finish,
};

PgbSink *
pgb_wal_file_sink(const char *path)
{
	FileSink   *sink = palloc0(sizeof(FileSink));
	char	   *new_path = psprintf("%s.tmp.%d", path, (int) getpid());

	sink->base.ops = &file_ops;
	sink->path = pstrdup(path);
	sink->fd = -1;
	pgb_resource_keep(&sink->resource, release_sink, sink);
	sink->fd = pgb_open(new_path, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY, S_IRUSR | S_IWUSR);
	if (sink->fd < 0)
		failed("create", new_path);
	sink->new_path = new_path;
	return &sink->base;
}
