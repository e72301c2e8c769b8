/*-------------------------------------------------------------------------
 *
 * copy.c
 *	  Files are copied into packs, by a crew: the leader's side.
 *
 * src/server/physical/copy.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_control.h"
#include "io/digest.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "server/crew.h"
#include "server/physical/copy_work.h"
#include "storage/fd.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

/* A file is cut into pieces of this size, so that no worker has much more to do than another. */
#define PIECE_BYTES			(32 * 1024 * 1024)

/* A worker takes small files at once, up to these. */
#define BATCH_BYTES			(4 * 1024 * 1024)
#define BATCH_FILES			256

/* How often pg_control is read until it is right. */
#define CONTROL_ATTEMPTS	10

struct PgbCopy
{
	const PgbWalk *walk;
	PgbStore   *store;
	char	   *folder;
	PgbCrew    *crew;
	CopyShared *shared;
	PgbFile		control;		/* pg_control, once it is copied */
};

/* ---- the plan ---- */

static bool
is_large(const PgbWalkedFile *walked)
{
	return walked->file.size > PIECE_BYTES;
}

static int
count_pieces(const PgbWalkedFile *walked)
{
	return is_large(walked) ? (int) ((walked->file.size + PIECE_BYTES - 1) / PIECE_BYTES) : 1;
}

typedef struct Extent
{
	int			nfiles;
	int			npieces;
	Size		path_bytes;
	uint64		most_bytes;		/* that can become content */
} Extent;

static Extent
measure(const PgbWalk *walk)
{
	Extent		extent = {0};

	for (int i = 0; i < walk->count; i++)
	{
		const PgbWalkedFile *walked = &walk->files[i];

		if (walked->file.type != PGB_FILE_REGULAR)
			continue;
		extent.nfiles++;
		extent.npieces += count_pieces(walked);
		extent.path_bytes += strlen(walked->file.path) + 1;
		extent.most_bytes += walked->file.size + (is_large(walked) ? 0 : COPY_GROWTH_BYTES);
	}
	return extent;
}

/* Places the parts of the shared memory one after the other; returns its size. */
static Size
lay_out(CopyShared *shared, const Extent *extent, int jobs)
{
	Size		size = MAXALIGN(sizeof(CopyShared));

#define PLACE(part, bytes) (shared->part = size, size = add_size(size, MAXALIGN(bytes)))
	PLACE(files, mul_size(extent->nfiles, sizeof(CopyFile)));
	PLACE(pieces, mul_size(extent->npieces, sizeof(CopyPiece)));
	PLACE(starts, mul_size(extent->npieces + 1, sizeof(int)));
	PLACE(paths, extent->path_bytes);
	PLACE(index, pgb_pack_index_size(pgb_pack_index_capacity(extent->most_bytes, jobs + 1)));
#undef PLACE
	return size;
}

static void
add_file(CopyShared *shared, const PgbWalk *walk, int number, Size *path_end)
{
	const PgbWalkedFile *walked = &walk->files[number];
	CopyFile   *file = &COPY_FILES(shared)[shared->nfiles];
	int			npieces = count_pieces(walked);
	Size		length = strlen(walked->file.path) + 1;

	file->number = number;
	file->is_relation = walked->relation.is_relation;
	file->first_block = (BlockNumber) (walked->relation.segment * (uint64) RELSEG_SIZE);
	file->path = *path_end;
	memcpy(COPY_PATHS(shared) + *path_end, walked->file.path, length);
	*path_end += length;

	for (int i = 0; i < npieces; i++)
	{
		CopyPiece  *piece = &COPY_PIECES(shared)[shared->npieces++];

		piece->file = shared->nfiles;
		piece->is_whole = npieces == 1;
		piece->offset = (uint64) i * PIECE_BYTES;
		piece->length = Min(walked->file.size - piece->offset, PIECE_BYTES);
	}
	shared->nfiles++;
}

static void
make_batches(CopyShared *shared)
{
	int		   *starts = COPY_STARTS(shared);
	uint64		bytes = 0;

	shared->nbatches = 0;
	for (int i = 0; i < shared->npieces; i++)
	{
		if (i == 0 || bytes >= BATCH_BYTES || i - starts[shared->nbatches - 1] >= BATCH_FILES)
		{
			starts[shared->nbatches++] = i;
			bytes = 0;
		}
		bytes += COPY_PIECES(shared)[i].length;
	}
	starts[shared->nbatches] = shared->npieces;
}

/* Large files first: what is left for the end is small, so that all workers end together. */
static void
plan(CopyShared *shared, const PgbWalk *walk)
{
	Size		path_end = 0;

	for (int large = 1; large >= 0; large--)
	{
		for (int i = 0; i < walk->count; i++)
		{
			const PgbWalkedFile *walked = &walk->files[i];

			if (walked->file.type == PGB_FILE_REGULAR && is_large(walked) == (large != 0))
				add_file(shared, walk, i, &path_end);
		}
	}
	make_batches(shared);
}

/* ---- the crew ---- */

static void
fill_shared(CopyShared *shared, const PgbCopyTarget *target)
{
	strlcpy(shared->repository, target->store->location, MAXPGPATH);
	strlcpy(shared->folder, target->folder, MAXPGPATH);
	shared->level = target->level;
	shared->job = target->job;
	shared->start_lsn = target->start_lsn;
	shared->checksums = target->checksums;
	shared->max_rate = target->max_rate;
	shared->started_at = GetCurrentTimestamp();
	pg_atomic_init_u64(&shared->read_bytes, 0);
	pg_atomic_init_u64(&shared->damaged_count, 0);
	pg_atomic_init_u32(&shared->next_batch, 0);
}

/* No worker is to be had. */
static void
copy_alone(CopyShared *shared)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup copy",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	ereport(LOG,
			(errmsg("a backup has no workers, and copies by itself"),
			 errhint("Raise max_worker_processes.")));
	pgb_copy_batches(shared);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

PgbCopy *
pgb_copy_start(const PgbWalk *walk, const PgbCopyTarget *target, int jobs)
{
	PgbCopy    *copy = palloc0(sizeof(PgbCopy));
	Extent		extent = measure(walk);
	CopyShared	layout = {{0}};
	PgbCrewPlan crew = {
		.member = "data worker",
		.work = "backup",
		.function = "pgb_copy_main",
		.database = InvalidOid,
	};

	copy->walk = walk;
	copy->store = target->store;
	copy->folder = pstrdup(target->folder);
	crew.shared_size = lay_out(&layout, &extent, jobs);
	copy->crew = pgb_crew_create(&crew);
	copy->shared = pgb_crew_shared(copy->crew);
	*copy->shared = layout;
	fill_shared(copy->shared, target);
	pgb_pack_index_init(COPY_INDEX(copy->shared),
						pgb_pack_index_capacity(extent.most_bytes, jobs + 1));
	plan(copy->shared, walk);

	if (pgb_crew_start(copy->crew, Min(jobs, copy->shared->nbatches)) == 0)
		copy_alone(copy->shared);
	return copy;
}

bool
pgb_copy_ended(PgbCopy *copy)
{
	return pgb_crew_ended(copy->crew);
}

void
pgb_copy_stop(PgbCopy *copy)
{
	if (copy == NULL)
		return;
	pgb_crew_stop(copy->crew);
	copy->shared = NULL;
}

/* ---- pg_control ---- */

static bool
control_is_right(const char *content, size_t length)
{
	ControlFileData control;
	pg_crc32c	crc;

	if (length < sizeof(control))
		return false;
	memcpy(&control, content, sizeof(control));
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, &control, offsetof(ControlFileData, crc));
	FIN_CRC32C(crc);
	return EQ_CRC32C(crc, control.crc);
}

/*
 * Reads it once, or returns -1 with errno set: nothing may be raised with the lock held, which
 * nobody would release where there is no transaction.
 */
static ssize_t
read_control_once(char content[PG_CONTROL_FILE_SIZE], struct stat *st)
{
	int			fd = BasicOpenFile(PGB_CONTROL_FILE, O_RDONLY | PG_BINARY);
	ssize_t		length = -1;
	int			saved_errno;

	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0)
		length = read(fd, content, PG_CONTROL_FILE_SIZE);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return length;
}

/* The lock keeps the server from writing it; its checksum tells of all other trouble. */
static size_t
read_control(char content[PG_CONTROL_FILE_SIZE], struct stat *st)
{
	for (int i = 0; i < CONTROL_ATTEMPTS; i++)
	{
		ssize_t		length;
		int			saved_errno;

		LWLockAcquire(ControlFileLock, LW_SHARED);
		length = read_control_once(content, st);
		saved_errno = errno;
		LWLockRelease(ControlFileLock);
		errno = saved_errno;
		if (length < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", PGB_CONTROL_FILE)));
		if (control_is_right(content, length))
			return length;
		pg_usleep(10 * 1000);
		CHECK_FOR_INTERRUPTS();
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the checksum of \"%s\" is wrong", PGB_CONTROL_FILE),
			 errhint("Without this file no backup can be restored; the server's storage should be checked.")));
}

void
pgb_copy_control(PgbCopy *copy)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup control",
												  ALLOCSET_DEFAULT_SIZES);
	PgbFile    *file = &copy->control;
	PgbExtent  *extent = palloc0(sizeof(PgbExtent));
	MemoryContext old;
	PgbPackWriter *writer;
	char		content[PG_CONTROL_FILE_SIZE];
	struct stat st;
	size_t		length = read_control(content, &st);
	size_t		room;

	old = MemoryContextSwitchTo(context);
	writer = pgb_pack_writer_create(copy->store, copy->folder, copy->shared->level,
									COPY_INDEX(copy->shared));
	pgb_pack_place(writer, &extent->pack, &extent->pack_offset);
	memcpy(pgb_pack_room(writer, 1, &room), content, length);
	pgb_pack_used(writer, length);
	pgb_pack_finish(writer);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);

	file->type = PGB_FILE_REGULAR;
	file->path = PGB_CONTROL_FILE;
	file->mode = st.st_mode & 07777;
	file->modified_at = pgb_copy_modified_at(&st);
	file->size = extent->length = length;
	file->crc = pgb_crc32c(content, length);
	file->nextents = 1;
	file->extents = extent;
}

/* ---- the result ---- */

static void
add_extent(PgbFile *file, const CopyPiece *piece)
{
	PgbExtent  *last = file->nextents > 0 ? &file->extents[file->nextents - 1] : NULL;

	if (piece->copied == 0)
		return;
	if (last != NULL && last->pack == piece->pack &&
		last->pack_offset + last->length == piece->pack_offset)
	{
		last->length += piece->copied;
		return;
	}
	last = &file->extents[file->nextents++];
	last->pack = piece->pack;
	last->pack_offset = piece->pack_offset;
	last->length = piece->copied;
}

/* Puts the pieces of a file together; false when one of them has not been found. */
static bool
assemble(const CopyShared *shared, int first, int end, PgbFile *file)
{
	const CopyPiece *pieces = COPY_PIECES(shared);

	file->extents = palloc0((end - first) * sizeof(PgbExtent));
	file->size = 0;
	file->modified_at = pieces[first].modified_at;
	for (int i = first; i < end; i++)
	{
		if (pieces[i].state == COPY_TO_DO)
			elog(ERROR, "file \"%s\" was not copied", file->path);
		if (pieces[i].state == COPY_VANISHED)
			return false;
		add_extent(file, &pieces[i]);
		file->crc = pgb_crc32c_combine(file->crc, pieces[i].crc, pieces[i].copied);
		file->size += pieces[i].copied;
	}
	return true;
}

static void
add_regular_files(const PgbCopy *copy, PgbCopied *copied)
{
	const CopyShared *shared = copy->shared;
	const CopyPiece *pieces = COPY_PIECES(shared);
	PgbFileList *list = &copied->list;

	for (int first = 0, end; first < shared->npieces; first = end)
	{
		const CopyFile *from = &COPY_FILES(shared)[pieces[first].file];
		PgbFile    *file = &list->files[list->count];

		for (end = first + 1;
			 end < shared->npieces && pieces[end].file == pieces[first].file; end++)
			;
		*file = copy->walk->files[from->number].file;
		if (assemble(shared, first, end, file))
			list->count++;
	}
	list->files[list->count++] = copy->control;
}

static void
add_directories(const PgbCopy *copy, PgbFileList *list)
{
	for (int i = 0; i < copy->walk->count; i++)
	{
		if (copy->walk->files[i].file.type != PGB_FILE_REGULAR)
			list->files[list->count++] = copy->walk->files[i].file;
	}
}

static void
add_damaged_pages(const CopyShared *shared, PgbCopied *copied)
{
	copied->damaged_count = pg_atomic_read_u64((pg_atomic_uint64 *) &shared->damaged_count);
	copied->ndamaged = (int) Min(copied->damaged_count, PGB_DAMAGED_PAGES_KEPT);
	memcpy(copied->damaged, shared->damaged, copied->ndamaged * sizeof(PgbDamagedPage));
}

PgbCopied *
pgb_copy_result(PgbCopy *copy)
{
	PgbCopied  *copied = palloc0(sizeof(PgbCopied));

	copied->list.files = palloc_extended(mul_size(copy->walk->count + 1, sizeof(PgbFile)),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	add_regular_files(copy, copied);
	for (int i = 0; i < copied->list.count; i++)
		copied->file_bytes += copied->list.files[i].size;
	copied->file_count = copied->list.count;
	add_directories(copy, &copied->list);
	copied->npacks = pgb_pack_describe(COPY_INDEX(copy->shared), copy->store, copy->folder,
									   &copied->packs);
	add_damaged_pages(copy->shared, copied);
	return copied;
}
