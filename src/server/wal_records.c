/*-------------------------------------------------------------------------
 *
 * wal_records.c
 *	  The records of archived segments, by PostgreSQL's own reader.
 *
 * src/server/wal_records.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "common/file_perm.h"
#include "miscadmin.h"
#include "server/compat.h"
#include "server/wal_records.h"
#include "storage/fd.h"
#include "utils/memutils.h"

static void
release(void *arg)
{
	PgbWalRecords *records = arg;

	if (records->fd >= 0)
		pgb_close(records->fd);
	records->fd = -1;
}

PgbWalRecords *
pgb_wal_records_open(PgbRepository *repository, const PgbWalName *segments, int count)
{
	PgbWalRecords *records = palloc0(sizeof(PgbWalRecords));

	records->repository = repository;
	records->segments = segments;
	records->count = count;
	records->current = -1;
	records->fd = -1;
	pgb_resource_keep(&records->resource, release, records);
	return records;
}

void
pgb_wal_records_close(PgbWalRecords *records)
{
	release(records);
}

/* ---- segments ---- */

/* Into a file without a name. */
static void
open_segment(PgbWalRecords *records, int index)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgbackup segment", ALLOCSET_DEFAULT_SIZES);
	const PgbWalName *name = &records->segments[index];
	char		path[MAXPGPATH];

	release(records);
	records->current = index;
	(void) MakePGDirectory("base/" PG_TEMP_FILES_DIR);
	snprintf(path, sizeof(path), "base/%s/%s%d.records.%s", PG_TEMP_FILES_DIR, PG_TEMP_FILE_PREFIX,
			 MyProcPid, name->text);
	(void) unlink(path);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		if (pgb_wal_fetch(records->repository, name, path))
			records->fd = pgb_open(path, O_RDONLY | PG_BINARY, 0);
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
}

static int
read_page(XLogReaderState *reader, XLogRecPtr page, int needed, XLogRecPtr record, char *data)
{
	PgbWalRecords *records = reader->private_data;
	uint64		number = page / wal_segment_size;
	int			next = records->current + 1;

	CHECK_FOR_INTERRUPTS();
	if (number != records->segments[records->current].number)
	{
		records->at_end = next == records->count &&
			number == records->segments[records->current].number + 1;
		if (next == records->count || number != records->segments[next].number)
			return -1;
		open_segment(records, next);
	}
	if (records->fd < 0 ||
		pread(records->fd, data, XLOG_BLCKSZ, page % wal_segment_size) != XLOG_BLCKSZ)
		return -1;
	reader->seg.ws_tli = records->segments[records->current].timeline;
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

bool
pgb_wal_records_read(PgbWalRecords *records, int segment, PgbNoteRecord note, void *arg)
{
	XLogReaderState *reader = XLogReaderAllocate(wal_segment_size, NULL,
												 XL_ROUTINE(.page_read = read_page,
															.segment_open = open_nothing,
															.segment_close = close_nothing),
												 records);
	XLogRecPtr	begin = records->segments[segment].number * wal_segment_size;
	bool		wanted = true;
	char	   *error;

	if (reader == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	reader->system_identifier = records->repository->system_identifier;
	records->at_end = false;
	open_segment(records, segment);
	if (records->fd >= 0 && !XLogRecPtrIsInvalid(XLogFindNextRecord(reader, begin)))
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

bool
pgb_is_in_record(XLogReaderState *reader, const void *array, int count, Size size)
{
	const char *data = XLogRecGetData(reader);
	Size		length = XLogRecGetDataLen(reader);
	Size		offset;

	if (count == 0)
		return true;
	if (count < 0 || (const char *) array < data)
		return false;
	offset = (const char *) array - data;
	return offset <= length && (Size) count <= (length - offset) / size;
}
