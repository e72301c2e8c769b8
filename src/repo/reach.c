/*-------------------------------------------------------------------------
 *
 * reach.c
 *	  The decision what can be recovered.
 *
 * Any backup on the path whose WAL leads to a target without a gap would do.  Of those that have
 * the WAL for themselves, the one that ends last before the target has the least to replay, and if
 * WAL is missing after it, those that end before it miss it, too.
 *
 * PostgreSQL stops at the first record that meets a target, and raises an error when it meets none: so
 * a target is reached only if WAL that lies beyond it is there.
 *
 * src/repo/reach.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/reach.h"

/*
 * Moments of commits ascend, but for clocks that are set back.  So far behind a moment
 * none that is later is looked for.
 */
#define CLOCK_STEP		(INT64CONST(24) * 60 * 60 * 1000000)

typedef struct Question
{
	const PgbPath *path;
	const PgbReachBackup *backups;
	const PgbTarget *target;
	const PgbFactsSource *source;
	int			ncandidates;
	int		   *candidates;		/* indexes of the backups on the path, those that end first, first */
	bool		is_named;		/* there is one candidate, since it was named */
} Question;

/* ---- segments ---- */

static const PgbWalFacts *
facts_of(const PgbPath *path, const PgbFactsSource *source, uint64 number)
{
	CHECK_FOR_INTERRUPTS();
	return source->facts(source->arg, pgb_path_timeline(path, number), number);
}

/*
 * The number of the last segment before an LSN.  One that is good only in part does
 * not count: which of its commits are in that part is not known.
 */
static uint64
whole_segments_before(const PgbPath *path, uint64 end)
{
	return end / path->segment_size;
}

/* The latest moment that a segment is known to hold; 0: none. */
static int64
latest_in(const PgbWalFacts *facts)
{
	return facts->scanned ? Max(facts->first_commit, facts->last_commit) : 0;
}

int64
pgb_reach_last_commit(const PgbPath *path, uint64 from, uint64 to, const PgbFactsSource *source)
{
	for (uint64 n = whole_segments_before(path, to); n > from / path->segment_size; n--)
	{
		const PgbWalFacts *facts;

		if (pgb_path_timeline(path, n - 1) == 0)
			continue;
		facts = facts_of(path, source, n - 1);
		if (facts->scanned && facts->last_commit != 0)
			return facts->last_commit;
	}
	return 0;
}

/* ---- backups ---- */

bool
pgb_reach_is_on_path(const PgbPath *path, const PgbReachBackup *backup)
{
	return pgb_timeline_includes(path->history, backup->timeline, backup->start_lsn) &&
		pgb_timeline_includes(path->history, backup->timeline, backup->stop_lsn);
}

static const PgbReachBackup *
candidate(const Question *q, int i)
{
	return &q->backups[q->candidates[i]];
}

/* Insertion sort: there are few, and they come in order. */
static void
add_candidate(Question *q, int index)
{
	int			i = q->ncandidates++;

	for (; i > 0 && candidate(q, i - 1)->stop_lsn > q->backups[index].stop_lsn; i--)
		q->candidates[i] = q->candidates[i - 1];
	q->candidates[i] = index;
}

/* ---- answers ---- */

static PgbReach
answer(PgbVerdict verdict, int backup, uint64 end_lsn)
{
	PgbReach	reach = {0};

	reach.verdict = verdict;
	reach.backup = backup;
	reach.end_lsn = end_lsn;
	return reach;
}

static PgbReach
answer_broken(const Question *q, int i)
{
	PgbReach	reach = answer(PGB_BROKEN, q->candidates[i], 0);

	reach.missing = pgb_path_end(q->path, candidate(q, i)->start_lsn) / q->path->segment_size;
	return reach;
}

/* No backup ends before the target: the first one comes nearest. */
static PgbReach
answer_too_early(const Question *q)
{
	return answer(PGB_TOO_EARLY, q->candidates[0], 0);
}

/* With this candidate, is WAL up to an end (and that of the backup itself) there? */
static PgbReach
answer_by_wal(const Question *q, int i, uint64 end_lsn)
{
	uint64		end = pgb_path_end(q->path, candidate(q, i)->start_lsn);

	if (end >= Max(end_lsn, candidate(q, i)->stop_lsn))
		return answer(PGB_REACHED, q->candidates[i], Max(end_lsn, candidate(q, i)->stop_lsn));
	if (end < candidate(q, i)->stop_lsn || end_lsn <= pgb_path_last(q->path))
		return answer_broken(q, i);
	return answer(PGB_TOO_LATE, q->candidates[i], 0);
}

/* Is the WAL that the backup itself needs there? */
static bool
has_wal(const Question *q, int i)
{
	return pgb_path_end(q->path, candidate(q, i)->start_lsn) >= candidate(q, i)->stop_lsn;
}

/* Of the candidates up to one, the last that has its WAL; if there is none, that one. */
static int
last_with_wal(const Question *q, int last)
{
	for (int i = last; i >= 0; i--)
	{
		if (has_wal(q, i))
			return i;
	}
	return last;
}

/* The last candidate that ends at or before an LSN; -1: none. */
static int
last_ended_at(const Question *q, uint64 lsn)
{
	int			i = q->ncandidates - 1;

	while (i >= 0 && candidate(q, i)->stop_lsn > lsn)
		i--;
	return last_with_wal(q, i);
}

/* ---- targets: the end of the archive, a place in the WAL, the backup itself ---- */

static PgbReach
reach_latest(const Question *q)
{
	uint64		last = pgb_path_last(q->path);
	int			i = last_ended_at(q, last);

	/* not even the WAL of one backup is there to its end */
	if (i < 0)
		return answer_broken(q, q->ncandidates - 1);
	return pgb_path_misleads(q->path, last) ? answer_broken(q, i) : answer_by_wal(q, i, last);
}

/* A record that begins at the LSN or after it must be there to stop at.  The highest LSN has none after it. */
static PgbReach
reach_lsn(const Question *q)
{
	int			i = last_ended_at(q, q->target->lsn);

	if (i < 0)
		return answer_too_early(q);
	return answer_by_wal(q, i, Max(q->target->lsn, q->target->lsn + 1));
}

static PgbReach
reach_immediate(const Question *q)
{
	return answer_by_wal(q, q->ncandidates - 1, 0);
}

/*
 * Which segment has the commit is not known.  The first backup from which WAL leads to the end
 * meets whatever a later one would.
 */
static PgbReach
reach_xid(const Question *q)
{
	for (int i = 0; i < q->ncandidates; i++)
	{
		uint64		end = pgb_path_end(q->path, candidate(q, i)->start_lsn);

		if (has_wal(q, i) && !pgb_path_misleads(q->path, end) &&
			(q->is_named || end == pgb_path_last(q->path)))
			return answer(PGB_REACHED, q->candidates[i], end);
	}
	return answer_broken(q, q->ncandidates - 1);
}

/* ---- targets: a moment ---- */

static bool
is_beyond(const PgbTarget *target, int64 moment)
{
	return moment != 0 && (target->inclusive ? moment > target->time : moment >= target->time);
}

/*
 * The last segment of [first, end) that holds a commit beyond the target; end if none
 * does.  Sets *is_unknown if nobody has looked into one that may.
 */
static uint64
last_beyond(const Question *q, uint64 first, uint64 end, bool *is_unknown)
{
	*is_unknown = false;
	for (uint64 n = end; n > first; n--)
	{
		const PgbWalFacts *facts = facts_of(q->path, q->source, n - 1);
		int64		latest = latest_in(facts);

		if (is_beyond(q->target, latest))
			return n - 1;
		if (latest != 0 && latest < q->target->time - CLOCK_STEP)
			break;
		*is_unknown |= !facts->scanned;
	}
	return end;
}

/*
 * From one segment that holds a commit beyond the target to the first such, by halves.  Whatever the
 * clocks did, the segment that it ends with holds one.
 */
static uint64
first_beyond(const Question *q, uint64 first, uint64 proven)
{
	uint64		end = proven;	/* what is sought is in [first, end), or it is proven */

	while (first < end)
	{
		uint64		middle = first + (end - first) / 2;
		uint64		n = middle;
		int64		latest = 0;

		/* one without a commit tells nothing: ask the next */
		while (n < end && (latest = latest_in(facts_of(q->path, q->source, n))) == 0)
			n++;
		if (n == end || is_beyond(q->target, latest))
		{
			proven = n == end ? proven : n;
			end = middle;
		}
		else
			first = n + 1;
	}
	return proven;
}

/* Is WAL missing, behind which something beyond the target is there? */
static bool
lies_behind_a_gap(const Question *q, int i)
{
	uint64		end = pgb_path_end(q->path, candidate(q, i)->start_lsn);

	if (end >= pgb_path_last(q->path))
		return false;
	return i < q->ncandidates - 1 ||
		is_beyond(q->target, pgb_reach_last_commit(q->path, end, pgb_path_last(q->path), q->source));
}

/* The last candidate whose end, a moment, is not beyond the target; -1: none. */
static int
last_ended_by_time(const Question *q)
{
	int			i = q->ncandidates - 1;

	while (i >= 0 && is_beyond(q->target, candidate(q, i)->end_time))
		i--;
	return last_with_wal(q, i);
}

static PgbReach
reach_time(const Question *q)
{
	int			i = last_ended_by_time(q);
	uint64		end;
	uint64		first;
	uint64		n;
	bool		is_unknown;

	if (i < 0)
		return answer_too_early(q);
	if (!has_wal(q, i))
		return answer_broken(q, i);

	end = pgb_path_end(q->path, candidate(q, i)->start_lsn);
	first = candidate(q, i)->stop_lsn / q->path->segment_size;
	n = whole_segments_before(q->path, end);
	if (first < n)
	{
		uint64		last = last_beyond(q, first, n, &is_unknown);

		if (last < n)
			return answer_by_wal(q, i, (first_beyond(q, first, last) + 1) * q->path->segment_size);
		if (is_unknown)
			return answer(PGB_REACHED, q->candidates[i], end);
	}
	return lies_behind_a_gap(q, i) ? answer_broken(q, i) :
		answer(PGB_TOO_LATE, q->candidates[i], 0);
}

/* ---- targets: a restore point ---- */

typedef struct Points
{
	int			count;
	PgbRestorePoint *points;	/* in the order of the WAL */
} Points;

static void
add_points(Points *found, const PgbWalFacts *facts, const char *name, uint64 end)
{
	for (int i = 0; i < facts->npoints; i++)
	{
		const PgbRestorePoint *point = &facts->points[i];

		if (strcmp(point->name, name) != 0 || point->lsn > end)
			continue;
		found->points = found->count == 0 ? palloc(sizeof(PgbRestorePoint)) :
			repalloc(found->points, (found->count + 1) * sizeof(PgbRestorePoint));
		found->points[found->count++] = *point;
	}
}

/* Those of the target's name, on the whole path. */
static Points
find_points(const Question *q)
{
	Points		found = {0};

	for (int i = 0; i < q->path->npieces; i++)
	{
		const PgbPathPiece *piece = &q->path->pieces[i];

		for (uint64 n = piece->first; n <= piece->last; n++)
			add_points(&found, facts_of(q->path, q->source, n), q->target->name, piece->end);
	}
	return found;
}

/* The first one after an LSN; NULL: none. */
static const PgbRestorePoint *
first_after(const Points *found, uint64 lsn)
{
	for (int i = 0; i < found->count; i++)
	{
		if (found->points[i].lsn > lsn)
			return &found->points[i];
	}
	return NULL;
}

/* Recovery stops at the first one that it meets; before it is consistent, that is an error. */
static bool
stops_at(const Points *found, const PgbReachBackup *backup, const PgbRestorePoint *point)
{
	return backup->stop_lsn <= point->lsn && first_after(found, backup->start_lsn) == point;
}

static PgbReach
answer_ambiguous(const PgbRestorePoint *first, const PgbRestorePoint *second)
{
	PgbReach	reach = answer(PGB_AMBIGUOUS, -1, 0);

	reach.first = *first;
	reach.second = *second;
	return reach;
}

static PgbReach
reach_name(const Question *q)
{
	Points		found = find_points(q);
	uint64		after = q->is_named ? candidate(q, 0)->start_lsn : candidate(q, 0)->stop_lsn - 1;
	const PgbRestorePoint *point = first_after(&found, after);

	if (found.count == 0)
		return answer(PGB_NO_POINT, -1, 0);
	if (point == NULL)
		return answer_too_early(q);
	if (!q->is_named && first_after(&found, point->lsn) != NULL)
		return answer_ambiguous(point, point + 1);

	for (int i = last_ended_at(q, point->lsn); i >= 0; i--)
	{
		if (stops_at(&found, candidate(q, i), point))
			return answer_by_wal(q, i, point->lsn);
	}
	return answer_too_early(q);
}

/* ---- the question ---- */

static PgbReach
reach_target(const Question *q)
{
	switch (q->target->kind)
	{
		case PGB_TARGET_LATEST:
			return reach_latest(q);
		case PGB_TARGET_TIME:
			return reach_time(q);
		case PGB_TARGET_LSN:
			return reach_lsn(q);
		case PGB_TARGET_XID:
			return reach_xid(q);
		case PGB_TARGET_NAME:
			return reach_name(q);
		case PGB_TARGET_IMMEDIATE:
			return reach_immediate(q);
	}
	return answer(PGB_NO_BACKUP, -1, 0);
}

PgbReach
pgb_reach(const PgbPath *path, const PgbReachBackup *backups, int nbackups, int wanted,
		  const PgbTarget *target, const PgbFactsSource *source)
{
	Question	q = {path, backups, target, source};

	q.is_named = wanted >= 0;
	q.candidates = palloc(Max(nbackups, 1) * sizeof(int));
	for (int i = 0; i < nbackups; i++)
	{
		if ((wanted < 0 || wanted == i) && pgb_reach_is_on_path(path, &backups[i]))
			add_candidate(&q, i);
	}
	if (q.ncandidates == 0)
		return answer(wanted >= 0 ? PGB_OFF_PATH : PGB_NO_BACKUP, -1, 0);
	return reach_target(&q);
}
