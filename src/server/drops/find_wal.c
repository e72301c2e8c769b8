/*-------------------------------------------------------------------------
 *
 * find_wal.c
 *	  The records of the archive, one segment at a time, over gaps.
 *
 * src/server/drops/find_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "common/file_perm.h"
#include "repo/timeline.h"
#include "server/drops/find.h"
#include "storage/fd.h"
#include "utils/memutils.h"

typedef struct Wal
{
	PgbRepository *repository;
	PgbResource resource;
	PgbWalName *segments;		/* in order; their numbers tell of gaps */
	int			count;
	int			current;		/* the one that is open, or was the last to be tried */
	int			fd;				/* -1: it is not there */
} Wal;

static void
release_wal(void *arg)
{
	Wal		   *wal = arg;

	if (wal->fd >= 0)
		pgb_close(wal->fd);
	wal->fd = -1;
}

/* Those of one timeline, of which the numbers from first to before end are on the way. */
static void
add_timeline(Wal *wal, uint32 timeline, uint64 first, uint64 end)
{
	int			count;
	PgbWalRun  *runs = pgb_wal_runs(wal->repository, timeline, wal_segment_size, &count);

	for (int i = 0; i < count; i++)
	{
		for (uint64 n = Max(first, runs[i].first); n <= runs[i].last && n < end; n++)
		{
			CHECK_FOR_INTERRUPTS();
			if ((wal->count & (wal->count - 1)) == 0)
			{
				Size		size = Max(1, 2 * (Size) wal->count) * sizeof(PgbWalName);

				wal->segments = wal->segments == NULL ? palloc(size) :
					repalloc_huge(wal->segments, size);
			}
			pgb_wal_segment_name(&wal->segments[wal->count++], timeline, n, wal_segment_size);
		}
	}
}

/* The segment in which a timeline begins is there on both: the newer one has all of it. */
static void
list_segments(Wal *wal, XLogRecPtr from)
{
	uint32		newest = pgb_timeline_newest(wal->repository);
	PgbTimelineHistory *history;

	if (newest == 0)
		return;
	history = pgb_timeline_read(wal->repository, newest);
	for (int i = 0; i < history->count; i++)
	{
		const PgbTimelineSpan *span = &history->spans[i];

		add_timeline(wal, span->timeline, Max(from, span->begin) / wal_segment_size,
					 i == history->count - 1 ? PG_UINT64_MAX : span->end / wal_segment_size);
	}
}

/* Fetches a segment into a file without a name.  One that is damaged is a WARNING. */
static void
open_segment(Wal *wal, int index)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgbackup segment", ALLOCSET_DEFAULT_SIZES);
	const PgbWalName *name = &wal->segments[index];
	char		path[MAXPGPATH];

	release_wal(wal);
	wal->current = index;
	(void) MakePGDirectory("base/" PG_TEMP_FILES_DIR);
	snprintf(path, sizeof(path), "base/%s/%s%d.find.%s", PG_TEMP_FILES_DIR, PG_TEMP_FILE_PREFIX,
			 MyProcPid, name->text);
	(void) unlink(path);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (pgb_wal_fetch(wal->repository, name, path))
			wal->fd = pgb_open(path, O_RDONLY | PG_BINARY, 0);
	}
	PG_CATCH();
	{
		(void) unlink(path);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
	}
	PG_END_TRY();
	(void) unlink(path);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (wal->fd < 0)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("WAL segment \"%s\" cannot be read: drops in it are not found", name->text)));
}

static int
read_page(XLogReaderState *reader, XLogRecPtr page, int needed, XLogRecPtr record, char *data)
{
	Wal		   *wal = reader->private_data;
	uint64		number = page / wal_segment_size;
	int			index = wal->current;

	CHECK_FOR_INTERRUPTS();
	if (index < wal->count - 1 && number == wal->segments[index + 1].number)
		open_segment(wal, index + 1);
	else if (number != wal->segments[index].number)
		return -1;
	if (wal->fd < 0 || pread(wal->fd, data, XLOG_BLCKSZ, page % wal_segment_size) != XLOG_BLCKSZ)
		return -1;
	reader->seg.ws_tli = wal->segments[wal->current].timeline;
	return XLOG_BLCKSZ;
}

static void
open_nothing(XLogReaderState *reader, XLogSegNo number, TimeLineID *timeline)
{
}

static void
close_nothing(XLogReaderState *reader)
{
	reader->seg.ws_file = -1;
}

/* Reads on from a segment until the WAL cannot be followed.  Returns false if no more is wanted. */
static bool
read_stretch(Wal *wal, int index, bool (*note) (XLogReaderState *reader, void *arg), void *arg)
{
	XLogReaderState *reader = XLogReaderAllocate(wal_segment_size, NULL,
												 XL_ROUTINE(.page_read = read_page,
															.segment_open = open_nothing,
															.segment_close = close_nothing),
												 wal);
	bool		wanted = true;
	char	   *error;

	if (reader == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	reader->system_identifier = wal->repository->system_identifier;
	open_segment(wal, index);
	if (wal->fd >= 0 &&
		!XLogRecPtrIsInvalid(XLogFindNextRecord(reader, wal->segments[index].number * wal_segment_size)))
	{
		while (wanted && XLogReadRecord(reader, &error) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			wanted = note(reader, arg);
		}
	}
	XLogReaderFree(reader);
	return wanted;
}

/* What lies between the segment that was read last and the next one. */
static void
warn_of_gap(const Wal *wal)
{
	const PgbWalName *last = &wal->segments[wal->current];
	const PgbWalName *next = last + 1;
	PgbWalName	missing;

	if (wal->fd < 0)
		return;					/* a WARNING has named it */
	if (next->number == last->number + 1)
	{
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the records of WAL segment \"%s\" cannot be followed: drops in it may not be found",
						last->text)));
		return;
	}
	pgb_wal_segment_name(&missing, last->timeline, last->number + 1, wal_segment_size);
	ereport(WARNING,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("the archive has no WAL from segment \"%s\" to before \"%s\": drops in it are not found",
					missing.text, next->text)));
}

void
pgb_find_records(PgbRepository *repository, XLogRecPtr from,
				 bool (*note) (XLogReaderState *reader, void *arg), void (*forget) (void *arg), void *arg)
{
	Wal		   *wal = palloc0(sizeof(Wal));
	int			index = 0;

	wal->repository = repository;
	wal->fd = -1;
	pgb_resource_keep(&wal->resource, release_wal, wal);
	list_segments(wal, from);
	while (index < wal->count && read_stretch(wal, index, note, arg))
	{
		if (wal->current < wal->count - 1)
		{
			warn_of_gap(wal);
			forget(arg);
		}
		index = wal->current + 1;
	}
	release_wal(wal);
}
