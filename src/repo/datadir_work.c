/*-------------------------------------------------------------------------
 *
 * datadir_work.c
 *	  Frames of a base backup become files.
 *
 * src/repo/datadir_work.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/datadir.h"

#include <fcntl.h>
#include <unistd.h>

#include "io/digest.h"
#include "repo/datadir_file.h"

/* Content is decompressed in steps of this size, which the processor's cache can hold. */
#define STEP_SIZE		(512 * 1024)

/* So many zero bytes become a hole, in files of several times that size. */
#define HOLE_SIZE		(64 * 1024)
#define HOLE_FILE_SIZE	(16 * HOLE_SIZE)

/* What is written of a large file is sent on its way to the disk at once. */
#define WRITEBACK_SIZE	(1024 * 1024)

struct PgbDataDirWorker
{
	PgbResource resource;
	const PgbDataDir *plan;
	PgbDataDirShared *shared;
	PgbFrameDecoder *decoder;
	char	   *stored;			/* of the frame */
	size_t		stored_size;	/* allocated */
	char	   *step;
	StringInfoData path;		/* of the file that is open */
	int			fd;				/* of it, or -1 */
	uint32		crc;			/* of the piece, as far as it is written */
	bool		ends_in_hole;
	uint16		pack;			/* the one that is open, or 0 */
	const PgbStoredFile *pack_file;
	PgbObject  *object;
	char	   *object_name;	/* for errors */
	const PgbFile *current;		/* that is being written, for errors */
};

static void
release(void *arg)
{
	PgbDataDirWorker *worker = arg;

	if (worker->fd >= 0)
		pgb_close(worker->fd);
	worker->fd = -1;
}

PgbDataDirWorker *
pgb_datadir_worker_create(const PgbDataDir *plan, PgbDataDirShared *shared)
{
	PgbDataDirWorker *worker = palloc0(sizeof(PgbDataDirWorker));

	worker->plan = plan;
	worker->shared = shared;
	worker->fd = -1;
	pgb_resource_keep(&worker->resource, release, worker);
	worker->decoder = pgb_frame_decoder_create();
	worker->step = palloc(STEP_SIZE);
	initStringInfo(&worker->path);
	return worker;
}

/* ---- the packs ---- */

static void
open_pack(PgbDataDirWorker *worker, uint16 pack)
{
	const PgbManifest *manifest = worker->plan->manifest;

	if (worker->pack == pack)
		return;
	if (worker->pack != 0)
		worker->object->store->ops->close(worker->object);
	worker->pack = 0;
	worker->pack_file = pgb_manifest_file(manifest, pgb_pack_name(pack));
	worker->object_name = psprintf("%s/%s", manifest->id, worker->pack_file->name);
	worker->object = pgb_backup_open_file(worker->plan->repository, manifest, worker->pack_file);
	worker->pack = pack;
}

static void
read_frame(PgbDataDirWorker *worker, const PgbFrame *frame)
{
	if (frame->stored_bytes > worker->stored_size)
	{
		if (worker->stored != NULL)
			pfree(worker->stored);
		worker->stored = palloc_extended(frame->stored_bytes, MCXT_ALLOC_HUGE);
		worker->stored_size = frame->stored_bytes;
	}
	worker->object->store->ops->read_at(worker->object, frame->offset, worker->stored,
										frame->stored_bytes);
	pgb_frame_decoder_begin(worker->decoder, worker->stored, frame->stored_bytes, frame,
							worker->object_name);
}

/* ---- the files ---- */

static const PgbFile *
file_of(const PgbDataDirWorker *worker, const PgbPiece *piece)
{
	return &worker->plan->list->files[piece->file];
}

/* Are files written, and not only checked? */
static bool
writes(const PgbDataDirWorker *worker)
{
	return worker->plan->options.path != NULL;
}

static void
open_file(PgbDataDirWorker *worker, const PgbPiece *piece)
{
	/* Files of several pieces are there: see pgb_datadir_begin(). */
	int			flags = O_WRONLY | O_NOFOLLOW | (piece->is_whole ? O_CREAT | O_EXCL : 0);

	resetStringInfo(&worker->path);
	appendStringInfo(&worker->path, "%s/%s", worker->plan->options.path, worker->current->path);
	worker->fd = pgb_open(worker->path.data, flags, S_IRUSR | S_IWUSR);
	if (worker->fd < 0)
		pgb_target_report("create", worker->path.data);
}

static void
begin_piece(PgbDataDirWorker *worker, const PgbPiece *piece)
{
	worker->current = file_of(worker, piece);
	worker->crc = 0;
	worker->ends_in_hole = false;
	if (writes(worker))
		open_file(worker, piece);
}

/* A file that is complete must be what it was when it was backed up. */
static void
check_file(PgbDataDirWorker *worker, const PgbFile *file)
{
	if (worker->crc != file->crc)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" is not what backup \"%s\" says of it",
						file->path, worker->plan->manifest->id),
				 errdetail("Its CRC-32C is %08x, but should be %08x.", worker->crc, file->crc),
				 errhint(PGB_HINT_DAMAGED)));
}

static void
close_file(PgbDataDirWorker *worker, const PgbPiece *piece)
{
	const PgbFile *file = worker->current;
	int			fd = worker->fd;

	if (piece->is_whole)
	{
		if (worker->ends_in_hole && ftruncate(fd, (off_t) file->size) != 0)
			pgb_target_report("write", worker->path.data);
		pgb_target_stamp(fd, worker->path.data, file->mode, file->modified_at);
	}
	if (worker->plan->options.durable && piece->length >= WRITEBACK_SIZE)
		pgb_writeback(fd, (off_t) piece->file_offset, (off_t) piece->length);
	worker->fd = -1;
	if (pgb_close(fd) != 0)
		pgb_target_report("write", worker->path.data);
}

static void
end_piece(PgbDataDirWorker *worker, const PgbPiece *piece)
{
	if (piece->is_whole)
		check_file(worker, worker->current);
	else
		worker->shared->piece_crcs[piece - worker->plan->pieces] = worker->crc;
	if (writes(worker))
		close_file(worker, piece);
	pgb_counter_add(&worker->shared->bytes_done, piece->length);
	worker->current = NULL;
}

static bool
is_zero(const char *data, size_t length)
{
	/* Most blocks are found not to be zero by their first bytes. */
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

/* Writes what is not zero; the file is new, so that the rest reads as zeros. */
static void
write_with_holes(PgbDataDirWorker *worker, const char *data, size_t length, uint64 offset)
{
	size_t		start = 0;		/* of what is to be written */
	size_t		done = 0;

	while (done < length)
	{
		size_t		block = Min(HOLE_SIZE - (offset + done) % HOLE_SIZE, length - done);
		bool		is_hole = block == HOLE_SIZE && is_zero(data + done, block);

		if (is_hole)
		{
			pgb_target_pwrite(worker->fd, worker->path.data, data + start, done - start,
							  offset + start);
			start = done + block;
		}
		done += block;
		worker->ends_in_hole = is_hole;
	}
	pgb_target_pwrite(worker->fd, worker->path.data, data + start, done - start, offset + start);
}

/* Adds to the open file, at an offset within its piece. */
static void
write_content(PgbDataDirWorker *worker, const PgbPiece *piece, uint64 within,
			  const char *data, size_t length)
{
	uint64		offset = piece->file_offset + within;

	if (within == 0)
		worker->crc = pgb_crc32c(data, length);
	else
		worker->crc = pgb_crc32c_extend(worker->crc, data, length);

	if (!writes(worker))
		return;
	if (worker->current->size >= HOLE_FILE_SIZE)
		write_with_holes(worker, data, length, offset);
	else
		pgb_target_pwrite(worker->fd, worker->path.data, data, length, offset);
}

/* ---- frames ---- */

/*
 * Writes what a step holds of the pieces.  position is where it is in the content of
 * the pack; returns the first piece that is not complete.
 */
static const PgbPiece *
write_step(PgbDataDirWorker *worker, const PgbPiece *piece, const PgbPiece *end,
		   uint64 position, size_t length)
{
	uint64		step_end = position + length;

	while (piece < end && piece->pack_offset < step_end)
	{
		uint64		from = Max(piece->pack_offset, position);
		uint64		to = Min(piece->pack_offset + piece->length, step_end);

		CHECK_FOR_INTERRUPTS();
		if (from == piece->pack_offset)
			begin_piece(worker, piece);
		write_content(worker, piece, from - piece->pack_offset, worker->step + (from - position),
					  to - from);
		if (to < piece->pack_offset + piece->length)
			break;
		end_piece(worker, piece);
		piece++;
	}
	return piece;
}

static void
do_item(PgbDataDirWorker *worker, const PgbDataDirItem *item)
{
	const PgbPiece *piece = &worker->plan->pieces[item->first_piece];
	const PgbPiece *end = piece + item->npieces;
	uint64		position = item->raw_offset;
	size_t		got;

	worker->current = file_of(worker, piece);
	open_pack(worker, item->pack);
	read_frame(worker, &worker->pack_file->frames.frames[item->frame]);

	/* Of a frame of which only a part is wanted, the rest need not be known. */
	while (piece < end &&
		   (got = pgb_frame_decoder_read(worker->decoder, worker->step, STEP_SIZE)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		piece = write_step(worker, piece, end, position, got);
		position += got;
	}
	Assert(piece == end);
}

/* ---- errors ---- */

/* Damage in the repository is told with the file that it hits. */
static void
explain(const PgbDataDirWorker *worker)
{
	const PgbFile *file = worker->current;
	ErrorData  *error;

	if (geterrcode() != ERRCODE_DATA_CORRUPTED || file == NULL)
		PG_RE_THROW();
	error = CopyErrorData();
	FlushErrorState();
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not restore \"%s\" from backup \"%s\"",
					file->path, worker->plan->manifest->id),
			 error->detail == NULL ? errdetail("%s", error->message) :
			 errdetail("%s: %s", error->message, error->detail),
			 errhint("%s", error->hint != NULL ? error->hint : PGB_HINT_DAMAGED)));
}

bool
pgb_datadir_work(PgbDataDirWorker *worker)
{
	MemoryContext caller = CurrentMemoryContext;
	uint64		number = pgb_counter_add(&worker->shared->next_item, 1);
	const PgbDataDirItem *item;

	if (number >= worker->plan->nitems)
		return false;
	item = &worker->plan->items[number];

	PG_TRY();
	{
		do_item(worker, item);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		explain(worker);
	}
	PG_END_TRY();
	return true;
}
