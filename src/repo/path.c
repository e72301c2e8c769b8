/*-------------------------------------------------------------------------
 *
 * path.c
 *	  The way along a timeline's history, as far as the archive has its WAL.
 *
 * src/repo/path.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/reach.h"

/* ---- making it ---- */

static const PgbTimelineWal *
find_wal(const PgbTimelineWal *wal, int nwal, uint32 timeline)
{
	for (int i = 0; i < nwal; i++)
	{
		if (wal[i].timeline == timeline)
			return &wal[i];
	}
	return NULL;
}

static bool
has_segment(const PgbTimelineWal *wal, uint64 number)
{
	for (int i = 0; wal != NULL && i < wal->nruns; i++)
	{
		if (number >= wal->runs[i].first && number <= wal->runs[i].last)
			return true;
	}
	return false;
}

static void
add_piece(PgbPath *path, uint32 timeline, uint64 first, uint64 last, uint64 end)
{
	PgbPathPiece   *piece;

	path->pieces = path->npieces == 0 ? palloc(sizeof(PgbPathPiece)) :
		repalloc(path->pieces, (path->npieces + 1) * sizeof(PgbPathPiece));
	piece = &path->pieces[path->npieces++];
	piece->timeline = timeline;
	piece->first = first;
	piece->last = last;
	piece->end = end;
}

/* What a timeline has of the segments from first to last. */
static void
add_runs(PgbPath *path, const PgbTimelineWal *wal, uint64 first, uint64 last)
{
	for (int i = 0; wal != NULL && i < wal->nruns; i++)
	{
		uint64		from = Max(wal->runs[i].first, first);
		uint64		to = Min(wal->runs[i].last, last);

		if (from <= to)
			add_piece(path, wal->timeline, from, to, (to + 1) * path->segment_size);
	}
}

/*
 * The segment in which one timeline or more fork off, each from the one before: PostgreSQL takes
 * it from the newest that has it.  A parent's is good up to the fork: what comes after that in
 * it is not on the way.
 */
static void
add_fork_segment(PgbPath *path, const PgbTimelineWal *wal, int nwal, uint64 number, int newest)
{
	const PgbTimelineSpan *spans = path->history->spans;

	for (int i = newest; i >= 0 && spans[i].end > number * path->segment_size; i--)
	{
		if (!has_segment(find_wal(wal, nwal, spans[i].timeline), number))
			continue;
		add_piece(path, spans[i].timeline, number, number,
				  Min(spans[i].end, (number + 1) * path->segment_size));
		break;
	}
}

PgbPath *
pgb_path_make(const PgbTimelineHistory *history, const PgbTimelineWal *wal, int nwal,
			  uint32 segment_size)
{
	PgbPath    *path = palloc0(sizeof(PgbPath));

	path->history = history;
	path->wal = wal;
	path->nwal = nwal;
	path->segment_size = segment_size;
	for (int i = 0; i < history->count; i++)
	{
		const PgbTimelineSpan *span = &history->spans[i];
		bool		is_last = i == history->count - 1;
		uint64		first = span->begin / segment_size;
		uint64		next = is_last ? PG_UINT64_MAX : span->end / segment_size;

		/* the segment in which a child forks off is the child's */
		if (next == first)
			continue;
		if (i > 0)
			add_fork_segment(path, wal, nwal, first, i);
		add_runs(path, find_wal(wal, nwal, span->timeline), i > 0 ? first + 1 : first, next - 1);
	}
	return path;
}

/* ---- asking it ---- */

uint32
pgb_path_timeline(const PgbPath *path, uint64 number)
{
	for (int i = 0; i < path->npieces; i++)
	{
		const PgbPathPiece *piece = &path->pieces[i];

		if (number >= piece->first && number <= piece->last)
			return piece->timeline;
	}
	return 0;
}

uint64
pgb_path_end(const PgbPath *path, uint64 lsn)
{
	uint64		begin = lsn - lsn % path->segment_size;
	uint64		end = begin;

	for (int i = 0; i < path->npieces; i++)
	{
		const PgbPathPiece *piece = &path->pieces[i];

		if (end >= piece->first * path->segment_size && end < piece->end)
			end = piece->end;
	}
	return end;
}

uint64
pgb_path_last(const PgbPath *path)
{
	return path->npieces > 0 ? path->pieces[path->npieces - 1].end : 0;
}

bool
pgb_path_misleads(const PgbPath *path, uint64 end)
{
	const PgbTimelineHistory *history = path->history;
	uint64		number = end / path->segment_size;
	uint32		current = end > 0 ? pgb_path_timeline(path, (end - 1) / path->segment_size) : 0;

	for (int i = history->count - 1; i >= 0 && history->spans[i].timeline >= current; i--)
	{
		if (number >= history->spans[i].begin / path->segment_size &&
			has_segment(find_wal(path->wal, path->nwal, history->spans[i].timeline), number))
			return true;
	}
	return false;
}
