/*-------------------------------------------------------------------------
 *
 * find_wal.c
 *	  The records of the archive, from one LSN on, over gaps.
 *
 * src/server/drops/find_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "miscadmin.h"
#include "server/drops/find.h"
#include "server/own_timeline.h"

/* The segments on the way that the server has come. */
typedef struct Way
{
	PgbRepository *repository;
	PgbWalName *segments;
	int			count;
} Way;

/* Those of one timeline, of which the numbers from first to before end are on the way. */
static void
add_timeline(Way *way, uint32 timeline, uint64 first, uint64 end)
{
	int			count;
	PgbWalRun  *runs = pgb_wal_runs(way->repository, timeline, wal_segment_size, &count);

	for (int i = 0; i < count; i++)
	{
		for (uint64 n = Max(first, runs[i].first); n <= runs[i].last && n < end; n++)
		{
			CHECK_FOR_INTERRUPTS();
			if ((way->count & (way->count - 1)) == 0)
			{
				Size		size = Max(1, 2 * (Size) way->count) * sizeof(PgbWalName);

				way->segments = way->segments == NULL ? palloc(size) :
					repalloc_huge(way->segments, size);
			}
			pgb_wal_segment_name(&way->segments[way->count++], timeline, n, wal_segment_size);
		}
	}
}

/* The segment in which a timeline begins is there on both: the newer one has all of it. */
static void
list_segments(Way *way, XLogRecPtr from)
{
	PgbOwnWay	own = pgb_own_way(way->repository);
	PgbTimelineHistory *history;

	if (!own.is_archived)
		return;
	history = pgb_timeline_read(way->repository, own.timeline);
	for (int i = 0; i < history->count; i++)
	{
		const PgbTimelineSpan *span = &history->spans[i];

		add_timeline(way, span->timeline, Max(from, span->begin) / wal_segment_size,
					 Min(span->end, own.end) / wal_segment_size);
	}
}

/* What lies between the segment that was read last and the next one. */
static void
warn_of_gap(const PgbWalRecords *records)
{
	const PgbWalName *last = &records->segments[records->current];
	const PgbWalName *next = last + 1;
	PgbWalName	missing;

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

static void
warn(const PgbWalRecords *records)
{
	if (records->fd < 0)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("WAL segment \"%s\" cannot be read: drops in it are not found",
						records->segments[records->current].text)));
	else if (records->current < records->count - 1)
		warn_of_gap(records);
}

XLogRecPtr
pgb_find_records(PgbRepository *repository, XLogRecPtr from, PgbNoteRecord note,
				 void (*forget) (void *arg), void *arg)
{
	Way			way = {.repository = repository};
	PgbWalRecords *records;
	int			index = 0;

	list_segments(&way, from);
	records = pgb_wal_records_open(repository, way.segments, way.count);
	while (index < way.count && pgb_wal_records_read(records, index, note, arg))
	{
		warn(records);
		if (records->current < way.count - 1)
			forget(arg);
		index = records->current + 1;
	}
	pgb_wal_records_close(records);
	return way.count == 0 ? InvalidXLogRecPtr :
		(way.segments[way.count - 1].number + 1) * (XLogRecPtr) wal_segment_size;
}
