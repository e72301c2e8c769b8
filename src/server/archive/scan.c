/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  What a segment holds: moments of commits and aborts, named restore points.
 *
 * src/server/archive/scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/rmgr.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogreader.h"
#include "catalog/pg_control.h"
#include "common/file_utils.h"
#include "server/archive/archive.h"
#include "server/archive/headers.h"
#include "storage/fd.h"

/* So much of the segment before is read at once. */
#define READ_SIZE		(256 * 1024)

/* What pg_resetwal, or a clock, may have done to a time; the archive keeps four digits of a year. */
#define FIRST_TIME		((TimestampTz) -USECS_PER_DAY * 36524)	/* 1900 */
#define LAST_TIME		((TimestampTz) USECS_PER_DAY * 2921900)	/* 9999 */

/* The segment before, if it is open. */
typedef struct Segment
{
	PgbResource resource;
	int			fd;				/* -1: not open */
	uint64		number;
	off_t		buffered;		/* where the buffer begins in it */
	size_t		length;			/* of what is in the buffer */
	char		buffer[READ_SIZE];
} Segment;

typedef struct Scan
{
	PgbRepository *repository;
	const PgbWalName *name;
	PgbWalFacts *facts;
	XLogRecPtr	begin;			/* of the segment */
	XLogRecPtr	end;
	PgbWalPages *pages;			/* of the segment */
	Segment		before;			/* from which a record may come */
	bool		at_end;			/* the reader has asked for what comes after the segment */
	int			allocated;		/* restore points */
} Scan;

/* ---- files ---- */

static void
release_segment(void *arg)
{
	Segment    *segment = arg;

	if (segment->fd >= 0)
		pgb_close(segment->fd);
	segment->fd = -1;
}

static bool
open_segment(Segment *segment, uint64 number, const char *path)
{
	segment->number = number;
	segment->fd = pgb_open(path, O_RDONLY | PG_BINARY, 0);
	return segment->fd >= 0;
}

/* One page of the segment before; NULL if it is not there. */
static const char *
get_page_before(Segment *segment, off_t offset)
{
	if (offset < segment->buffered || offset + XLOG_BLCKSZ > segment->buffered + (off_t) segment->length)
	{
		ssize_t		length;

		CHECK_FOR_INTERRUPTS();
		length = pread(segment->fd, segment->buffer, READ_SIZE, offset);
		segment->buffered = offset;
		segment->length = Max(length, 0);
		if (length < XLOG_BLCKSZ)
			return NULL;
	}
	return segment->buffer + (offset - segment->buffered);
}

/*
 * The segment before is needed when a record begins there and ends here.  pg_wal may have
 * removed it, being archived: then the archive has it.  Returns false when neither has it;
 * what cannot be read is raised.
 */
static bool
open_segment_before(Scan *scan, uint32 timeline)
{
	PgbWalName	name;
	char		path[MAXPGPATH];
	bool		opened;

	if (scan->name->number == 0)
		return false;
	pgb_wal_segment_name(&name, timeline, scan->name->number - 1, wal_segment_size);
	snprintf(path, sizeof(path), XLOGDIR "/%s", name.text);
	if (open_segment(&scan->before, name.number, path))
		return true;
	if (errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path)));

	(void) MakePGDirectory("base/" PG_TEMP_FILES_DIR);
	snprintf(path, sizeof(path), "base/%s/%s%d.%s", PG_TEMP_FILES_DIR, PG_TEMP_FILE_PREFIX,
			 MyProcPid, name.text);
	(void) unlink(path);
	if (!pgb_wal_fetch(scan->repository, &name, path))
		return false;
	opened = open_segment(&scan->before, name.number, path);
	(void) unlink(path);
	if (!opened)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path)));
	return true;
}

static int
read_page(XLogReaderState *reader, XLogRecPtr page, int needed, XLogRecPtr record, char *data)
{
	Scan	   *scan = reader->private_data;
	const char *found = NULL;

	if (page >= scan->end)
	{
		scan->at_end = true;
		return -1;
	}
	if (page >= scan->begin)
		found = pgb_wal_page(scan->pages, page - scan->begin);
	else if (scan->before.fd >= 0 && page / wal_segment_size == scan->before.number)
		found = get_page_before(&scan->before, page % wal_segment_size);
	if (found == NULL)
		return -1;
	memcpy(data, found, XLOG_BLCKSZ);
	reader->seg.ws_tli = scan->name->timeline;
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

/* ---- records ---- */

static bool
note_time(PgbWalFacts *facts, TimestampTz at)
{
	if (at < FIRST_TIME || at > LAST_TIME)
		return false;
	if (facts->first_commit == 0 || at < facts->first_commit)
		facts->first_commit = at;
	if (facts->last_commit == 0 || at > facts->last_commit)
		facts->last_commit = at;
	return true;
}

static bool
note_transaction(XLogReaderState *reader, PgbWalFacts *facts)
{
	xl_xact_commit commit;
	xl_xact_abort abort;

	switch (XLogRecGetInfo(reader) & XLOG_XACT_OPMASK)
	{
		case XLOG_XACT_COMMIT:
		case XLOG_XACT_COMMIT_PREPARED:
			if (XLogRecGetDataLen(reader) < MinSizeOfXactCommit)
				return false;
			memcpy(&commit, XLogRecGetData(reader), MinSizeOfXactCommit);
			return note_time(facts, commit.xact_time);
		case XLOG_XACT_ABORT:
		case XLOG_XACT_ABORT_PREPARED:
			if (XLogRecGetDataLen(reader) < MinSizeOfXactAbort)
				return false;
			memcpy(&abort, XLogRecGetData(reader), MinSizeOfXactAbort);
			return note_time(facts, abort.xact_time);
		default:
			return true;
	}
}

static bool
note_restore_point(XLogReaderState *reader, Scan *scan)
{
	PgbWalFacts *facts = scan->facts;
	xl_restore_point record;
	PgbRestorePoint *point;

	if (XLogRecGetDataLen(reader) < sizeof(record) || facts->npoints == PGB_WAL_MAX_POINTS)
		return false;
	memcpy(&record, XLogRecGetData(reader), sizeof(record));
	if (record.rp_time < FIRST_TIME || record.rp_time > LAST_TIME)
		return false;

	if (facts->npoints == scan->allocated)
	{
		scan->allocated = Max(4, scan->allocated * 2);
		if (facts->points == NULL)
			facts->points = palloc(scan->allocated * sizeof(PgbRestorePoint));
		else
			facts->points = repalloc(facts->points, scan->allocated * sizeof(PgbRestorePoint));
	}
	point = &facts->points[facts->npoints++];
	record.rp_name[MAXFNAMELEN - 1] = '\0';
	strlcpy(point->name, record.rp_name, sizeof(point->name));
	point->lsn = reader->EndRecPtr;
	point->at = record.rp_time;
	return true;
}

/* Returns false for one that is not as it should be. */
static bool
note_record(XLogReaderState *reader, Scan *scan)
{
	if (reader->EndRecPtr <= scan->begin)
		return true;
	if (XLogRecGetRmid(reader) == RM_XACT_ID)
		return note_transaction(reader, scan->facts);
	if (XLogRecGetRmid(reader) == RM_XLOG_ID &&
		(XLogRecGetInfo(reader) & ~XLR_INFO_MASK) == XLOG_RESTORE_POINT)
		return note_restore_point(reader, scan);
	return true;
}

/* ---- where to begin ---- */

static bool
is_within_record(const XLogPageHeaderData *page)
{
	return (page->xlp_info & XLP_FIRST_IS_CONTRECORD) != 0 &&
		page->xlp_rem_len >= XLOG_BLCKSZ - XLogPageHeaderSize(page);
}

/*
 * The page with the beginning of the record that the segment begins with, or of one before that.
 * Invalid if it cannot be found: it is longer than a segment.
 */
static XLogRecPtr
find_beginning(Scan *scan)
{
	const char *data = pgb_wal_page(scan->pages, 0);
	XLogPageHeaderData page;

	if (data == NULL)
		return InvalidXLogRecPtr;
	memcpy(&page, data, sizeof(page));
	if ((page.xlp_info & XLP_FIRST_IS_CONTRECORD) == 0)
		return scan->begin;

	/* Is it nowhere, then nothing can be recovered through this record anyway. */
	if (!open_segment_before(scan, page.xlp_tli))
		return scan->begin;

	for (off_t offset = wal_segment_size - XLOG_BLCKSZ; offset >= 0; offset -= XLOG_BLCKSZ)
	{
		data = get_page_before(&scan->before, offset);
		if (data == NULL)
			break;
		memcpy(&page, data, sizeof(page));
		if (!is_within_record(&page))
			return scan->begin - wal_segment_size + offset;
	}
	return InvalidXLogRecPtr;
}

static bool
is_wanted(const XLogRecord *record)
{
	uint8		info = record->xl_info & ~XLR_INFO_MASK;

	/* after a switch there are no records */
	return record->xl_rmid == RM_XACT_ID ||
		(record->xl_rmid == RM_XLOG_ID && (info == XLOG_RESTORE_POINT || info == XLOG_SWITCH));
}

/* Has the reader go on with the next record that says something.  False if there is none, and nothing odd. */
static bool
skip_records(Scan *scan, XLogReaderState *reader)
{
	PgbHeaders	headers = {.pages = scan->pages, .begin = scan->begin, .end = scan->end,
	.at = reader->EndRecPtr, .before = reader->ReadRecPtr};
	PgbHeadersStep step;
	char	   *error;

	do
		step = pgb_headers_step(&headers, is_wanted);
	while (step == PGB_HEADERS_PASSED);

	scan->at_end = (step == PGB_HEADERS_END);
	if (step == PGB_HEADERS_WANTED)
		XLogBeginRead(reader, headers.at);
	if (step != PGB_HEADERS_ODD)
		return step == PGB_HEADERS_WANTED;

	/* what does not fit is told only by one record after the other */
	XLogBeginRead(reader, headers.before);
	return XLogReadRecord(reader, &error) != NULL;
}

/* Returns true when all records up to the end have been seen. */
static bool
scan_records(Scan *scan)
{
	XLogReaderState *reader;
	XLogRecPtr	page = find_beginning(scan);
	char	   *error;

	if (XLogRecPtrIsInvalid(page) && scan->begin != 0)
		return false;
	reader = XLogReaderAllocate(wal_segment_size, NULL,
								XL_ROUTINE(.page_read = read_page,
										   .segment_open = open_nothing,
										   .segment_close = close_nothing),
								scan);
	if (reader == NULL)
		return false;
	reader->system_identifier = scan->repository->system_identifier;

	if (XLogRecPtrIsInvalid(XLogFindNextRecord(reader, page)))
		return scan->at_end;	/* nothing begins here */
	while (XLogReadRecord(reader, &error) != NULL)
	{
		if (!note_record(reader, scan))
			return false;
		if (reader->EndRecPtr > scan->begin && !skip_records(scan, reader))
			break;
	}
	return scan->at_end || scan->name->kind == PGB_WAL_PARTIAL;
}

static void
scan_segment(Scan *scan)
{
	scan->before.fd = -1;
	pgb_resource_keep(&scan->before.resource, release_segment, &scan->before);
	scan->begin = scan->name->number * wal_segment_size;
	scan->end = scan->begin + wal_segment_size;
	scan->facts->scanned = scan_records(scan);
}

void
pgb_archive_scan(PgbRepository *repository, const PgbWalName *name, PgbWalPages *pages,
				 PgbWalFacts *facts)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgbackup WAL scan", ALLOCSET_DEFAULT_SIZES);
	PgbRestorePoint *points = NULL;

	facts->scanned = false;
	facts->first_commit = facts->last_commit = 0;
	facts->points = NULL;
	facts->npoints = 0;
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		Scan	   *scan = palloc0(sizeof(Scan));

		scan->repository = repository;
		scan->name = name;
		scan->facts = facts;
		scan->pages = pages;
		scan_segment(scan);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (pgb_wal_pages_failed(pages))
			PG_RE_THROW();
		FlushErrorState();
		facts->scanned = false;
	}
	PG_END_TRY();

	MemoryContextSwitchTo(caller);
	if (facts->scanned && facts->npoints > 0)
	{
		points = palloc(facts->npoints * sizeof(PgbRestorePoint));
		memcpy(points, facts->points, facts->npoints * sizeof(PgbRestorePoint));
	}
	else
		facts->npoints = 0;
	facts->points = points;
	if (!facts->scanned)
	{
		facts->first_commit = facts->last_commit = 0;
		ereport(DEBUG1,
				(errmsg("the records of WAL segment \"%s\" could not be read", name->text)));
	}
	MemoryContextDelete(context);
}
