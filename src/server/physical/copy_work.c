/*-------------------------------------------------------------------------
 *
 * copy_work.c
 *	  A worker that copies files into packs.
 *
 * The size of a file of a relation is what the walk has seen, whatever becomes of it: what it
 * has grown by is in the WAL, and what it has been cut by is zero pages, which the WAL cuts off
 * again.  All segments of a relation have thus the lengths that they had at one moment, so that
 * recovery finds a truncation to be one.  Other files have the length at which they are read.
 *
 * src/server/physical/copy_work.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datatype/timestamp.h"
#include "io/digest.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "server/compat.h"
#include "server/physical/copy_work.h"
#include "server/physical/page_check.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"

/* Read, checked and summed at once, while it is in the processor's cache. */
#define READ_BYTES		(256 * 1024)

/* No longer than this does one who is too fast sleep at once. */
#define LONGEST_NAP_MS	1000

typedef struct Copier
{
	CopyShared *shared;
	PgbPackWriter *pack;
	PgbPageChecker checker;
	const CopyFile *file;		/* that is being copied */
	const char *path;
} Copier;

int64
pgb_copy_modified_at(const struct stat *st)
{
	int64		epoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;

	return ((int64) st->st_mtim.tv_sec - epoch) * USECS_PER_SEC + st->st_mtim.tv_nsec / 1000;
}

/* ---- the rate ---- */

/* What all of them have read must not be more than the time since the start allows. */
static void
keep_rate(CopyShared *shared, size_t length)
{
	uint64		bytes;
	double		due;			/* milliseconds since the start */

	if (shared->max_rate == 0)
		return;
	bytes = pg_atomic_add_fetch_u64(&shared->read_bytes, (int64) length);
	due = (double) bytes / 1024 / shared->max_rate * 1000;
	for (;;)
	{
		double		ahead = due - (double) (pgb_now() - shared->started_at) / 1000;

		if (ahead < 1)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) Min(ahead, LONGEST_NAP_MS), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- a piece ---- */

/* -1 if the file has vanished, or is none any more. */
static int
open_file(const char *path, struct stat *st)
{
	int			fd = OpenTransientFile(path, O_RDONLY | PG_BINARY | O_NONBLOCK);

	if (fd < 0)
	{
		if (errno != ENOENT)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not open file \"%s\": %m", path)));
		return -1;
	}
	if (fstat(fd, st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not examine \"%s\": %m", path)));
	if (!S_ISREG(st->st_mode))
	{
		CloseTransientFile(fd);
		return -1;
	}
	return fd;
}

/* As much as there is of what is wanted. */
static size_t
read_at(int fd, const char *path, char *buffer, size_t length, uint64 offset)
{
	size_t		done = 0;

	while (done < length)
	{
		ssize_t		got = pread(fd, buffer + done, length - done, (off_t) (offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", path)));
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

static void
note_damaged_page(void *arg, BlockNumber block)
{
	Copier	   *copier = arg;
	CopyShared *shared = copier->shared;
	uint64		number = pg_atomic_fetch_add_u64(&shared->damaged_count, 1);

	if (number >= PGB_DAMAGED_PAGES_KEPT)
		return;
	shared->damaged[number].file = copier->file->number;
	shared->damaged[number].block = block;
}

/* How much of it is to be copied: see the top of this file. */
static uint64
length_to_copy(const Copier *copier, const CopyPiece *piece, const struct stat *st)
{
	if (copier->file->is_relation || !piece->is_whole)
		return piece->length;
	return Min((uint64) st->st_size, piece->length + COPY_GROWTH_BYTES);
}

static void
copy_content(Copier *copier, CopyPiece *piece, int fd, uint64 length)
{
	bool		keeps_length = copier->file->is_relation || !piece->is_whole;

	piece->crc = 0;
	while (piece->copied < length)
	{
		uint64		offset = piece->offset + piece->copied;
		uint64		rest = length - piece->copied;
		size_t		least = copier->file->is_relation ? Min(rest, BLCKSZ) : 1;
		size_t		room;
		char	   *buffer = pgb_pack_room(copier->pack, least, &room);
		size_t		wanted = Min(Min(room, READ_BYTES), rest);
		size_t		got;

		if (copier->file->is_relation && wanted > BLCKSZ)
			wanted -= wanted % BLCKSZ;
		got = read_at(fd, copier->path, buffer, wanted, offset);
		if (got < wanted && keeps_length)
		{
			memset(buffer + got, 0, wanted - got);
			got = wanted;
		}
		if (copier->file->is_relation && copier->shared->checksums)
			pgb_check_pages(&copier->checker, buffer, got, offset);
		piece->crc = pgb_crc32c_extend(piece->crc, buffer, got);
		pgb_pack_used(copier->pack, got);
		piece->copied += got;
		pgb_job_add_bytes(copier->shared->job, got);
		keep_rate(copier->shared, got);
		CHECK_FOR_INTERRUPTS();
		if (got < wanted)
			break;				/* shorter than a moment ago */
	}
}

static void
copy_piece(Copier *copier, CopyPiece *piece)
{
	CopyShared *shared = copier->shared;
	struct stat st;
	uint64		length;
	int			fd;

	copier->file = &COPY_FILES(shared)[piece->file];
	copier->path = COPY_PATHS(shared) + copier->file->path;
	fd = open_file(copier->path, &st);
	if (fd < 0)
	{
		piece->state = COPY_VANISHED;
		return;
	}

	length = length_to_copy(copier, piece, &st);
	piece->modified_at = pgb_copy_modified_at(&st);
	copier->checker.fd = fd;
	copier->checker.path = copier->path;
	copier->checker.first_block = copier->file->first_block;
	copier->checker.damaged = 0;
	if (length > 0)
	{
#if defined(USE_POSIX_FADVISE)
		(void) posix_fadvise(fd, (off_t) piece->offset, (off_t) length, POSIX_FADV_SEQUENTIAL);
#endif
		pgb_pack_place(copier->pack, &piece->pack, &piece->pack_offset);
		copy_content(copier, piece, fd, length);
	}
	CloseTransientFile(fd);
	piece->state = COPY_DONE;
}

/* ---- all of them ---- */

static void
copy_batch(Copier *copier, int batch)
{
	CopyShared *shared = copier->shared;
	const int  *starts = COPY_STARTS(shared);

	for (int i = starts[batch]; i < starts[batch + 1]; i++)
	{
		CopyPiece  *piece = &COPY_PIECES(shared)[i];

		CHECK_FOR_INTERRUPTS();
		if (!PostmasterIsAlive())
			proc_exit(1);
		if (i == starts[batch])
			pgb_job_set_path(shared->job,
							 COPY_PATHS(shared) + COPY_FILES(shared)[piece->file].path);
		copy_piece(copier, piece);
		if (piece->offset == 0)
			pgb_job_add_object(shared->job);
	}
}

void
pgb_copy_batches(CopyShared *shared)
{
	Copier		copier = {shared};
	uint32		batch;

	copier.pack = pgb_pack_writer_create(pgb_store_open(shared->repository, false),
										 shared->folder, shared->level, COPY_INDEX(shared));
	copier.checker.start_lsn = shared->start_lsn;
	copier.checker.report = note_damaged_page;
	copier.checker.arg = &copier;
	while ((batch = pg_atomic_fetch_add_u32(&shared->next_batch, 1)) < shared->nbatches)
		copy_batch(&copier, (int) batch);
	pgb_pack_finish(copier.pack);
}

void
pgb_copy_main(void *shared, int number)
{
	pgstat_report_activity(STATE_RUNNING, "pgbackup: copying files");
	pgb_copy_batches(shared);
}
