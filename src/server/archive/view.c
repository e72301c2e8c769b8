/*-------------------------------------------------------------------------
 *
 * view.c
 *	  pgbackup_archive: how the WAL archive does.
 *
 * src/server/archive/view.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "pgstat.h"
#include "server/archive/archive.h"
#include "server/attempt.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_archive);

/* More gaps than that are only counted. */
#define MAX_GAPS		100

/* What the repository says. */
typedef struct Gaps
{
	char	   *error;			/* why it could not be read, or NULL */
	int			count;
	Datum		ranges[MAX_GAPS];	/* text: the first and the last segment that is missing */
} Gaps;

/* ---- gaps ---- */

static void
add_gap(Gaps *gaps, uint32 timeline, uint64 first, uint64 last)
{
	PgbWalName	from;
	PgbWalName	to;

	pgb_wal_segment_name(&from, timeline, first, wal_segment_size);
	pgb_wal_segment_name(&to, timeline, last, wal_segment_size);
	if (gaps->count < MAX_GAPS)
		gaps->ranges[gaps->count] =
			CStringGetTextDatum(first == last ? from.text : psprintf("%s-%s", from.text, to.text));
	gaps->count++;
}

/* The first segment that waits on a timeline is not missing, nor is what comes after it. */
static uint64
first_waiting(const PgbWalName *ready, int count, uint32 timeline)
{
	uint64		first = PG_UINT64_MAX;

	for (int i = 0; i < count; i++)
	{
		if (ready[i].kind == PGB_WAL_SEGMENT && ready[i].timeline == timeline)
			first = Min(first, ready[i].number);
	}
	return first;
}

static void
find_gaps(Gaps *gaps, const PgbWalName *ready, int nready)
{
	PgbRepository *repository = pgb_server_repository(false);

	for (uint32 *timeline = pgb_wal_timelines(repository); *timeline != 0; timeline++)
	{
		int			count;
		PgbWalRun  *runs = pgb_wal_runs(repository, *timeline, wal_segment_size, &count);
		uint64		waiting = first_waiting(ready, nready, *timeline);

		for (int i = 1; i < count && runs[i - 1].last + 1 < waiting; i++)
			add_gap(gaps, *timeline, runs[i - 1].last + 1, Min(runs[i].first, waiting) - 1);
	}
}

typedef struct Search
{
	Gaps	   *gaps;
	const PgbWalName *ready;
	int			nready;
} Search;

static void
search(void *arg)
{
	Search	   *search = arg;

	find_gaps(search->gaps, search->ready, search->nready);
}

/* A repository that cannot be reached is something to be told of, not an error. */
static void
try_to_find_gaps(Gaps *gaps, const PgbWalName *ready, int nready)
{
	Search		what = {gaps, ready, nready};
	ErrorData  *error;

	memset(gaps, 0, sizeof(Gaps));
	error = pgb_attempt(search, &what);
	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		ReThrowError(error);
	gaps->error = error->message;
	gaps->count = 0;
}

/* ---- the row ---- */

typedef struct Row
{
	int			count;
	Datum		values[32];
	bool		nulls[32];
} Row;

static void
add(Row *row, Datum value, bool is_null)
{
	Assert(row->count < lengthof(row->values));
	row->values[row->count] = value;
	row->nulls[row->count++] = is_null;
}

static void
add_text(Row *row, const char *text)
{
	bool		is_null = text == NULL || text[0] == '\0';

	add(row, is_null ? (Datum) 0 : CStringGetTextDatum(text), is_null);
}

static void
add_moment(Row *row, TimestampTz at)
{
	add(row, TimestampTzGetDatum(at), at == 0);
}

static void
add_number(Row *row, int64 number)
{
	add(row, Int64GetDatum(number), false);
}

/* With "on", a standby archives nothing before it is promoted. */
static bool
is_archiving(void)
{
	return RecoveryInProgress() ? XLogArchivingAlways() : XLogArchivingActive();
}

static bool
is_ours(void)
{
	return strcmp(XLogArchiveLibrary, "pgbackup") == 0;
}

static const char *
archive_mode_name(void)
{
	return GetConfigOption("archive_mode", false, false);
}

/* One word for the whole. */
static const char *
state_of(const PgbArchiveStatus *status, int nready)
{
	if (!is_archiving())
		return "off";
	if (!is_ours())
		return "foreign";
	if (status->failing_since != 0)
		return "failing";
	return nready > 0 ? "archiving" : "idle";
}

static int32
current_timeline(void)
{
	TimeLineID	timeline;

	if (!RecoveryInProgress())
		return (int32) GetWALInsertionTimeLine();
	(void) GetXLogReplayRecPtr(&timeline);
	return (int32) timeline;
}

static void
add_setup(Row *row, const PgbArchiveStatus *status, int nready)
{
	add_text(row, state_of(status, nready));
	add_text(row, archive_mode_name());
	add_text(row, XLogArchiveLibrary[0] != '\0' ? XLogArchiveLibrary : NULL);
	add(row, Int32GetDatum(current_timeline()), false);
}

/* The server remembers over a restart what our shared memory does not. */
static void
add_progress(Row *row, const PgbArchiveStatus *status, const PgStat_ArchiverStats *stats)
{
	bool		known = status->last_name[0] != '\0';

	add_text(row, known ? status->last_name : stats->last_archived_wal);
	add_moment(row, known ? status->last_at : stats->last_archived_timestamp);
	add_number(row, (int64) status->bytes_per_second);
	add(row, Float8GetDatum(status->files_per_minute), false);
	add(row, Int32GetDatum(status->nworkers), false);
}

static void
add_waiting(Row *row, const PgbWalName *ready, int count, TimestampTz oldest_at)
{
	int64		segments = 0;

	for (int i = 0; i < count; i++)
		segments += (ready[i].kind == PGB_WAL_SEGMENT || ready[i].kind == PGB_WAL_PARTIAL);
	add_number(row, count);
	add_number(row, segments * wal_segment_size);
	if (oldest_at == 0)
		add(row, (Datum) 0, true);
	else
		add(row, DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(GetCurrentTimestamp()),
									 TimestampTzGetDatum(oldest_at)), false);
}

static void
add_failures(Row *row, const PgbArchiveStatus *status, const PgStat_ArchiverStats *stats)
{
	add_number(row, Max((int64) status->failures, (int64) stats->failed_count));
	add_moment(row, status->failing_since);
	add_text(row, status->failed_name[0] != '\0' ? status->failed_name : stats->last_failed_wal);
	add_moment(row, status->failed_at != 0 ? status->failed_at : stats->last_failed_timestamp);
	/* the archiver's, which has no encoding */
	add_text(row, pgb_valid_text(status->message));
	add_text(row, pgb_valid_text(status->detail));
	add_text(row, pgb_valid_text(status->hint));
}

static void
add_gaps(Row *row, Gaps *gaps)
{
	int			listed = Min(gaps->count, MAX_GAPS);

	if (gaps->error != NULL)
	{
		add(row, (Datum) 0, true);
		add(row, (Datum) 0, true);
	}
	else
	{
		add_number(row, gaps->count);
		add(row, PointerGetDatum(construct_array(gaps->ranges, listed, TEXTOID, -1, false,
												 TYPALIGN_INT)), false);
	}
	add_text(row, gaps->error);
}

Datum
pgbackup_archive(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Row			row = {0};
	PgbArchiveStatus status = {0};
	PgStat_ArchiverStats *stats = pgstat_fetch_stat_archiver();
	TimestampTz oldest_at;
	PgbWalName *ready;
	int			nready;
	Gaps		gaps;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	/* before the repository is read: what is archived meanwhile then still counts as waiting */
	ready = pgb_archive_ready(&nready, &oldest_at);
	try_to_find_gaps(&gaps, ready, nready);
	if (pgb_archive_is_shared())
		pgb_archive_get_status(&status);

	add_setup(&row, &status, nready);
	add_progress(&row, &status, stats);
	add_waiting(&row, ready, nready, oldest_at);
	add_failures(&row, &status, stats);
	add_gaps(&row, &gaps);
	Assert(row.count == desc->natts);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), row.values, row.nulls)));
}
