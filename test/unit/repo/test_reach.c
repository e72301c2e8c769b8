/*-------------------------------------------------------------------------
 *
 * test_reach.c
 *	  What can be recovered, decided as a recovery that is played through decides it.
 *
 * The model: an LSN is a record, eight of them are a segment.  A recovery reads segments as
 * PostgreSQL does, record by record, and stops where PostgreSQL stops.
 *
 * test/unit/repo/test_reach.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "repo/reach.h"

#define SEGMENT_SIZE	8
#define MAX_SEGMENTS	12
#define MAX_LSN			(MAX_SEGMENTS * SEGMENT_SIZE)
#define MAX_TIMELINES	4
#define MAX_BACKUPS		4
#define EPOCH			INT64CONST(100000)	/* between timelines */

typedef struct World
{
	int			ntimelines;
	uint32		parents[MAX_TIMELINES + 1]; /* by number, from 1; 0: none */
	uint64		begins[MAX_TIMELINES + 1];
	uint64		ends[MAX_TIMELINES + 1];
	bool		archived[MAX_TIMELINES + 1][MAX_SEGMENTS];
	bool		commits[MAX_TIMELINES + 1][MAX_LSN];
	char		points[MAX_TIMELINES + 1][MAX_LSN]; /* a letter, or 0 */
	bool		unscanned[MAX_TIMELINES + 1][MAX_SEGMENTS];
	int			nbackups;
	PgbReachBackup backups[MAX_BACKUPS];
} World;

/* ---- the world ---- */

/* The timeline that has written what is at an LSN on the way to the end of another. */
static uint32
origin(const World *world, uint32 timeline, uint64 lsn)
{
	while (world->parents[timeline] != 0 && lsn < world->begins[timeline])
		timeline = world->parents[timeline];
	return timeline;
}

static int64
moment(uint32 timeline, uint64 lsn)
{
	return (int64) lsn * 10 + timeline * EPOCH + 1;
}

static void
add_history(const World *world, PgbTimelineHistory *history, uint32 timeline, uint64 end)
{
	PgbTimelineSpan *span;

	if (world->parents[timeline] != 0)
		add_history(world, history, world->parents[timeline], world->begins[timeline]);
	span = &history->spans[history->count++];
	span->timeline = timeline;
	span->begin = world->begins[timeline];
	span->end = end;
}

static PgbTimelineHistory *
history_of(const World *world, uint32 timeline)
{
	PgbTimelineHistory *history = palloc0(sizeof(PgbTimelineHistory));

	history->spans = palloc0((MAX_TIMELINES + 1) * sizeof(PgbTimelineSpan));
	add_history(world, history, timeline, PG_UINT64_MAX);
	return history;
}

static PgbPath *
path_of(const World *world, uint32 timeline)
{
	PgbTimelineWal *wal = palloc0(MAX_TIMELINES * sizeof(PgbTimelineWal));

	for (int i = 0; i < world->ntimelines; i++)
	{
		/* in any order */
		uint32		t = world->ntimelines - i;

		wal[i].timeline = t;
		wal[i].runs = palloc0(MAX_SEGMENTS * sizeof(PgbWalRun));
		for (int n = 0; n < MAX_SEGMENTS; n++)
		{
			if (!world->archived[t][n])
				continue;
			if (n == 0 || !world->archived[t][n - 1])
				wal[i].runs[wal[i].nruns++].first = n;
			wal[i].runs[wal[i].nruns - 1].last = n;
		}
	}
	return pgb_path_make(history_of(world, timeline), wal, world->ntimelines, SEGMENT_SIZE);
}

static int	facts_read = 0;

static const PgbWalFacts *
facts_of(void *arg, uint32 timeline, uint64 number)
{
	const World *world = arg;
	PgbWalFacts *facts = palloc0(sizeof(PgbWalFacts));

	facts_read++;
	if (timeline == 0 || !world->archived[timeline][number])
	{
		ok(false, "facts are asked only of what is there");
		exit(1);
	}
	facts->scanned = !world->unscanned[timeline][number];
	if (!facts->scanned)
		return facts;
	facts->points = palloc0(SEGMENT_SIZE * sizeof(PgbRestorePoint));
	for (uint64 lsn = number * SEGMENT_SIZE; lsn < (number + 1) * SEGMENT_SIZE; lsn++)
	{
		uint32		writer = origin(world, timeline, lsn);

		if (world->commits[writer][lsn])
		{
			if (facts->first_commit == 0)
				facts->first_commit = moment(writer, lsn);
			facts->last_commit = moment(writer, lsn);
		}
		if (world->points[writer][lsn] != 0)
		{
			facts->points[facts->npoints].name[0] = world->points[writer][lsn];
			facts->points[facts->npoints++].lsn = lsn + 1;
		}
	}
	return facts;
}

static PgbReach
reach(const World *world, uint32 timeline, int wanted, const PgbTarget *target)
{
	PgbFactsSource source = {facts_of, (void *) world};

	return pgb_reach(path_of(world, timeline), world->backups, world->nbackups, wanted, target,
					 &source);
}

static void
add_backup(World *world, uint32 timeline, uint64 start, uint64 stop)
{
	PgbReachBackup *backup = &world->backups[world->nbackups];

	backup->id = psprintf("backup %d", world->nbackups++);
	backup->timeline = timeline;
	backup->start_lsn = start;
	backup->stop_lsn = stop;
	backup->end_time = (int64) stop * 10 + timeline * EPOCH - 5;
}

/* A timeline from an LSN to another, with all of its WAL archived and a commit at each LSN. */
static uint32
add_timeline(World *world, uint32 parent, uint64 begin, uint64 end)
{
	uint32		t = ++world->ntimelines;

	world->parents[t] = parent;
	world->begins[t] = begin;
	world->ends[t] = end;
	for (uint64 lsn = begin; lsn < end; lsn++)
		world->commits[t][lsn] = true;
	for (uint64 n = begin / SEGMENT_SIZE; n < end / SEGMENT_SIZE; n++)
		world->archived[t][n] = true;
	return t;
}

/* ---- a recovery, played through ---- */

typedef struct Played
{
	bool		succeeds;
	bool		at_fork;		/* it stopped in a parent's segment, in which the child forks off */
	uint64		end;
} Played;

/* The timeline that PostgreSQL takes a segment from; 0: it finds none. */
static uint32
choose_file(const World *world, const PgbTimelineHistory *history, uint64 number, uint32 current)
{
	for (int i = history->count - 1; i >= 0; i--)
	{
		uint32		t = history->spans[i].timeline;

		if (t < current)
			break;
		if (number >= history->spans[i].begin / SEGMENT_SIZE && world->archived[t][number])
			return t;
	}
	return 0;
}

static bool
stops_before(const PgbTarget *target, bool is_commit, int64 at, uint64 lsn)
{
	if (target->kind == PGB_TARGET_TIME)
		return is_commit && (target->inclusive ? at > target->time : at >= target->time);
	return target->kind == PGB_TARGET_LSN && !target->inclusive && lsn >= target->lsn;
}

static bool
stops_after(const PgbTarget *target, char point, uint64 lsn, bool is_consistent)
{
	switch (target->kind)
	{
		case PGB_TARGET_LSN:
			return target->inclusive && lsn >= target->lsn;
		case PGB_TARGET_NAME:
			return point != 0 && point == target->name[0];
		case PGB_TARGET_IMMEDIATE:
			return is_consistent;
		default:
			return false;
	}
}

/* Has the backup a commit that is not to be there?  PostgreSQL does not see it. */
static bool
has_too_much(const World *world, uint32 timeline, const PgbReachBackup *backup,
			 const PgbTarget *target)
{
	for (uint64 lsn = 0; lsn < backup->start_lsn; lsn++)
	{
		uint32		writer = origin(world, timeline, lsn);

		if (target->kind == PGB_TARGET_TIME &&
			stops_before(target, world->commits[writer][lsn], moment(writer, lsn), lsn))
			return true;
	}
	return false;
}

static Played
play(const World *world, uint32 timeline, const PgbReachBackup *backup, const PgbTarget *target)
{
	PgbTimelineHistory *history = history_of(world, timeline);
	Played		played = {false};
	uint32		file = 0;
	bool		on_the_way = pgb_timeline_includes(history, backup->timeline, backup->start_lsn) &&
		pgb_timeline_includes(history, backup->timeline, backup->stop_lsn);

	for (uint64 lsn = backup->start_lsn; on_the_way; lsn++)
	{
		uint32		writer = origin(world, timeline, lsn);

		if (lsn % SEGMENT_SIZE == 0 || file == 0)
			file = choose_file(world, history, lsn / SEGMENT_SIZE, file);
		played.end = lsn;
		if (file == 0)
		{
			played.succeeds = target->kind == PGB_TARGET_LATEST && lsn >= backup->stop_lsn;
			break;
		}
		played.at_fork = false;
		for (int i = 0; i < history->count - 1; i++)
			played.at_fork |= history->spans[i].timeline == file &&
				history->spans[i].end / SEGMENT_SIZE == lsn / SEGMENT_SIZE;

		/* led astray */
		if (origin(world, file, lsn) != writer)
			break;
		if (stops_before(target, world->commits[writer][lsn], moment(writer, lsn), lsn))
		{
			played.succeeds = lsn >= backup->stop_lsn &&
				!has_too_much(world, timeline, backup, target);
			break;
		}
		if (stops_after(target, world->points[writer][lsn], lsn, lsn + 1 >= backup->stop_lsn))
		{
			played.end = lsn + 1;
			played.succeeds = lsn + 1 >= backup->stop_lsn;
			break;
		}
	}
	return played;
}

/* ---- random worlds ---- */

static uint32
below(uint32 limit)
{
	return tap_random() % limit;
}

static World *
random_world(void)
{
	World	   *world = palloc0(sizeof(World));
	int			ntimelines = 1 + below(MAX_TIMELINES);
	int			nbackups = below(MAX_BACKUPS + 1);
	uint32		gaps = below(4) * 5;

	for (int i = 0; i < ntimelines; i++)
	{
		uint32		parent = i == 0 ? 0 : 1 + below(i);
		uint64		begin = 0;
		uint64		end;

		if (parent != 0)
			begin = world->begins[parent] +
				below((uint32) (world->ends[parent] - world->begins[parent] + 1));
		if (parent != 0 && begin == 0)
			begin = 1;
		end = (begin / SEGMENT_SIZE + below(MAX_SEGMENTS - (uint32) (begin / SEGMENT_SIZE))) * SEGMENT_SIZE;
		end = Max(end, begin);
		add_timeline(world, parent, begin, end);
		for (uint64 lsn = begin; lsn < end; lsn++)
		{
			world->commits[i + 1][lsn] = below(100) < 30;
			world->points[i + 1][lsn] = below(100) < 4 ? "ab"[below(2)] : 0;
		}
		for (int n = 0; n < MAX_SEGMENTS; n++)
			world->archived[i + 1][n] &= below(100) >= gaps;
	}
	for (int i = 0; i < nbackups; i++)
	{
		uint32		t = 1 + below(ntimelines);
		uint64		room = world->ends[t] - world->begins[t];
		uint64		start;

		if (room < 2)
			continue;
		start = world->begins[t] + below((uint32) room - 1);
		add_backup(world, t, start,
				   start + 1 + below((uint32) Min(world->ends[t] - start - 1, 12) + 1));
	}
	return world;
}

static PgbTarget
random_target(void)
{
	static const PgbTargetKind kinds[] = {
		PGB_TARGET_LATEST, PGB_TARGET_TIME, PGB_TARGET_TIME, PGB_TARGET_LSN, PGB_TARGET_NAME,
	PGB_TARGET_IMMEDIATE};
	PgbTarget	target = {0};

	target.kind = kinds[below(lengthof(kinds))];
	target.inclusive = below(2) == 0;
	target.lsn = below(MAX_LSN + 4);
	target.time = (int64) below(MAX_LSN + 4) * 10 + below(3) + (1 + below(MAX_TIMELINES)) * EPOCH;
	target.name = below(2) ? "a" : "b";
	return target;
}

static char *
describe(int round, uint32 timeline, const PgbTarget *target, int wanted, const char *problem)
{
	return psprintf("world %d, timeline %u, kind %d, lsn " UINT64_FORMAT ", time " INT64_FORMAT
					", inclusive %d, name %s, backup %d: %s",
					round, timeline, target->kind, target->lsn, target->time, target->inclusive,
					target->name, wanted, problem);
}

/* With nothing in the archive but what the route needs, does recovery get there? */
static bool
route_suffices(const World *world, uint32 timeline, const PgbReach *answer, const PgbTarget *target)
{
	World	   *lean = palloc(sizeof(World));
	PgbPath    *path = path_of(world, timeline);
	const PgbReachBackup *backup = &world->backups[answer->backup];
	uint64		first = backup->start_lsn / SEGMENT_SIZE;
	uint64		last = (answer->end_lsn - 1) / SEGMENT_SIZE;

	*lean = *world;
	memset(lean->archived, 0, sizeof(lean->archived));
	for (uint64 n = first; n <= last; n++)
		lean->archived[pgb_path_timeline(path, n)][n] = true;
	return !lean->archived[0][first] && play(lean, timeline, backup, target).succeeds;
}

/*
 * Where the decision may be stricter than the model: a target within the last record of a backup; a
 * moment before the end of a backup that has no commit in between; and one in the part of
 * a parent's segment that is before a fork, of which the facts do not tell.
 */
static bool
is_left_open(const PgbReachBackup *backup, const PgbTarget *target, const Played *played)
{
	if (target->kind == PGB_TARGET_LSN)
		return target->lsn < backup->stop_lsn && played->end <= backup->stop_lsn;
	return target->kind == PGB_TARGET_TIME &&
		(played->at_fork || backup->end_time >= target->time);
}

/* Where the archive of a path ends, by looking at each LSN. */
static uint64
archive_end(const World *world, uint32 timeline)
{
	PgbTimelineHistory *history = history_of(world, timeline);

	for (uint64 lsn = MAX_LSN; lsn > 0; lsn--)
	{
		uint32		file = choose_file(world, history, (lsn - 1) / SEGMENT_SIZE, 0);

		if (file != 0 && origin(world, file, lsn - 1) == origin(world, timeline, lsn - 1))
			return lsn;
	}
	return 0;
}

/* NULL, or what is wrong with the answer. */
static const char *
check_answer(const World *world, uint32 timeline, int wanted, const PgbTarget *target)
{
	PgbReach	answer = reach(world, timeline, wanted, target);
	int			expected = -1;
	bool		is_open = false;

	for (int i = 0; i < world->nbackups; i++)
	{
		Played		played = play(world, timeline, &world->backups[i], target);
		bool		better = expected < 0 ||
			world->backups[i].stop_lsn > world->backups[expected].stop_lsn;

		if (wanted >= 0 && wanted != i)
			continue;
		if (target->kind == PGB_TARGET_LATEST && played.end != archive_end(world, timeline))
			played.succeeds = false;
		if (played.succeeds && is_left_open(&world->backups[i], target, &played))
			is_open = true;
		else if (played.succeeds && better)
			expected = i;
	}

	if (answer.verdict == PGB_REACHED)
	{
		if (expected < 0 && !is_open)
			return "reached, but recovery fails";
		if (!route_suffices(world, timeline, &answer, target))
			return "the route does not lead there";
		if (expected >= 0 && world->backups[answer.backup].stop_lsn < world->backups[expected].stop_lsn)
			return "a later backup would have done";
		return NULL;
	}
	if (answer.verdict == PGB_AMBIGUOUS)
		return wanted >= 0 || answer.first.lsn >= answer.second.lsn ? "not ambiguous" : NULL;

	/* without a name, the newest backup must do */
	if (target->kind == PGB_TARGET_IMMEDIATE && wanted < 0 && answer.verdict == PGB_BROKEN)
		return NULL;
	return expected >= 0 ? "not reached, but recovery succeeds" : NULL;
}

static void
test_random(void)
{
	const char *problem = NULL;
	int			reached = 0;
	int			count = 0;

	for (int round = 0; round < 3000 && problem == NULL; round++)
	{
		World	   *world = random_world();

		for (int i = 0; i < 40 && problem == NULL; i++)
		{
			PgbTarget	target = random_target();
			uint32		timeline = 1 + below(world->ntimelines);
			int			wanted = below(3) == 0 ? (int) below(world->nbackups + 1) - 1 : -1;

			problem = check_answer(world, timeline, wanted, &target);
			if (problem != NULL)
				problem = describe(round, timeline, &target, wanted, problem);
			reached += reach(world, timeline, wanted, &target).verdict == PGB_REACHED;
			count++;
		}
	}
	ok(problem == NULL, problem ? problem : "random worlds are judged as recovery judges them");
	ok(reached > count / 20 && reached < count, "some targets are reached, and some are not");
	printf("# %d of %d targets reached\n", reached, count);
}

/* Each window, played through, and no moment that is reached outside of one. */
static const char *
check_windows(const World *world, uint32 timeline)
{
	PgbFactsSource source = {facts_of, (void *) world};
	PgbPath    *path = path_of(world, timeline);
	int			count;
	PgbWindow  *windows = pgb_reach_windows(path, world->backups, world->nbackups, &source, &count);

	for (uint64 lsn = world->begins[timeline]; lsn < MAX_LSN; lsn++)
	{
		PgbTarget	target = {PGB_TARGET_LSN, .lsn = lsn, .inclusive = true};
		bool		is_reached = reach(world, timeline, -1, &target).verdict == PGB_REACHED;
		bool		is_inside = false;

		for (int i = 0; i < count; i++)
			is_inside |= lsn >= windows[i].from_lsn && lsn < windows[i].to_lsn;
		if (is_inside != is_reached)
			return psprintf("timeline %u, lsn " UINT64_FORMAT ": %s", timeline, lsn,
							is_inside ? "in a window, but not reached" : "reached, but in no window");
	}
	for (int i = 0; i < count; i++)
	{
		if (windows[i].to_time < windows[i].from_time)
			return "a window ends before it begins";
	}
	return NULL;
}

static void
test_random_windows(void)
{
	const char *problem = NULL;

	for (int round = 0; round < 2000 && problem == NULL; round++)
	{
		World	   *world = random_world();

		for (int t = 1; t <= world->ntimelines && problem == NULL; t++)
			problem = check_windows(world, t);
	}
	ok(problem == NULL, problem ? problem : "what is in a window is reached, and nothing else");
}

/* ---- worlds that are made by hand ---- */

static PgbVerdict
verdict_time(const World *world, uint32 timeline, int64 time, bool inclusive)
{
	PgbTarget	target = {PGB_TARGET_TIME, .time = time, .inclusive = inclusive};

	return reach(world, timeline, -1, &target).verdict;
}

static PgbVerdict
verdict_lsn(const World *world, uint32 timeline, int wanted, uint64 lsn)
{
	PgbTarget	target = {PGB_TARGET_LSN, .lsn = lsn, .inclusive = true};

	return reach(world, timeline, wanted, &target).verdict;
}

static PgbReach
reach_kind(const World *world, uint32 timeline, int wanted, PgbTargetKind kind)
{
	PgbTarget	target = {kind, .inclusive = true};

	return reach(world, timeline, wanted, &target);
}

static void
test_one_timeline(void)
{
	World	   *world = palloc0(sizeof(World));
	PgbReach	answer;

	add_timeline(world, 0, 0, 80);
	is_uint(reach_kind(world, 1, -1, PGB_TARGET_LATEST).verdict, PGB_NO_BACKUP, "without a backup nothing is reached");
	add_backup(world, 1, 10, 14);
	add_backup(world, 1, 42, 44);

	is_uint(verdict_lsn(world, 1, -1, 13), PGB_TOO_EARLY, "before the end of the first backup");
	is_uint(verdict_lsn(world, 1, -1, 14), PGB_REACHED, "at its end");
	is_uint(verdict_lsn(world, 1, -1, 79), PGB_REACHED, "at the last record");
	is_uint(verdict_lsn(world, 1, -1, 80), PGB_TOO_LATE, "after it");
	is_uint(verdict_lsn(world, 1, -1, PG_UINT64_MAX), PGB_TOO_LATE, "as far as can be after it");
	is_uint(verdict_lsn(world, 1, 1, 43), PGB_TOO_EARLY, "before the end of the backup that is named");

	is_uint(verdict_time(world, 1, moment(1, 13), true), PGB_TOO_EARLY, "a moment before the first backup");
	is_uint(verdict_time(world, 1, moment(1, 14), true), PGB_REACHED, "a moment after it");
	is_uint(verdict_time(world, 1, moment(1, 79) - 1, true), PGB_REACHED, "a moment before the last commit");
	is_uint(verdict_time(world, 1, moment(1, 79), true), PGB_TOO_LATE, "that of the last commit, which is to be there");
	is_uint(verdict_time(world, 1, moment(1, 79), false), PGB_REACHED, "that of the last commit, which is not to be there");
	is_uint(verdict_time(world, 1, moment(1, 79) + 1, false), PGB_TOO_LATE, "a moment after the last commit");

	answer = reach_kind(world, 1, -1, PGB_TARGET_LATEST);
	is_uint(answer.backup, 1, "the latest is reached from the newest backup");
	is_uint(answer.end_lsn, 80, "by all WAL");
	answer = reach_kind(world, 1, -1, PGB_TARGET_IMMEDIATE);
	is_uint(answer.backup, 1, "immediate is the newest backup, too");
	is_uint(answer.end_lsn, 44, "and needs no more than its own WAL");
	answer = reach_kind(world, 1, -1, PGB_TARGET_XID);
	is_uint(answer.backup, 0, "a transaction is looked for from the oldest on");
	is_uint(answer.end_lsn, 80, "to the end");
	answer = reach_kind(world, 1, 0, PGB_TARGET_IMMEDIATE);
	is_uint(answer.end_lsn, 14, "a backup that is named is taken");
}

static void
test_gap(void)
{
	World	   *world = palloc0(sizeof(World));
	PgbReach	answer;
	PgbTarget	target = {PGB_TARGET_LSN, .lsn = 60, .inclusive = true};
	PgbFactsSource source = {facts_of, world};
	PgbWindow  *windows;
	int			count;

	add_timeline(world, 0, 0, 80);
	world->archived[1][4] = false;
	add_backup(world, 1, 10, 14);

	is_uint(verdict_lsn(world, 1, -1, 31), PGB_REACHED, "before a gap");
	answer = reach(world, 1, -1, &target);
	is_uint(answer.verdict, PGB_BROKEN, "after a gap");
	is_uint(answer.missing, 4, "the missing segment is told");
	is_uint(verdict_time(world, 1, moment(1, 31), true), PGB_BROKEN, "a moment in a gap");
	is_uint(verdict_time(world, 1, moment(1, 60), true), PGB_BROKEN, "a moment after a gap");
	is_uint(verdict_time(world, 1, moment(1, 90), true), PGB_TOO_LATE, "a moment after everything");
	is_uint(reach_kind(world, 1, -1, PGB_TARGET_LATEST).verdict, PGB_BROKEN, "the latest, after a gap");

	windows = pgb_reach_windows(path_of(world, 1), world->backups, 1, &source, &count);
	is_uint(count, 1, "there is one window");
	is_uint(windows[0].from_lsn, 14, "from the end of the backup");
	is_uint(windows[0].to_lsn, 32, "to the gap");
	is_uint(windows[0].to_time, moment(1, 31), "the last commit before it is its end");
	is_uint(windows[0].next_gap, 4, "which is told");

	add_backup(world, 1, 50, 52);
	is_uint(reach_kind(world, 1, -1, PGB_TARGET_LATEST).verdict, PGB_REACHED, "a backup after the gap leads to the end");
	is_uint(reach_kind(world, 1, 0, PGB_TARGET_LATEST).verdict, PGB_BROKEN, "the one before it does not");
	is_uint(verdict_lsn(world, 1, -1, 45), PGB_BROKEN, "between the gap and that backup");
	windows = pgb_reach_windows(path_of(world, 1), world->backups, 2, &source, &count);
	is_uint(count, 2, "there are two windows");
	is_uint(windows[1].next_gap, 0, "no gap after the second");
}

/* 1 -> 2 at 35, 2 -> 3 at 52, 1 -> 4 at 60 */
static World *
forked_world(void)
{
	World	   *world = palloc0(sizeof(World));

	add_timeline(world, 0, 0, 80);
	add_timeline(world, 1, 35, 72);
	add_timeline(world, 2, 52, 88);
	add_timeline(world, 1, 60, 96);
	return world;
}

static void
test_forks(void)
{
	World	   *world = forked_world();
	PgbPath    *path;

	add_backup(world, 1, 10, 14);
	for (uint32 t = 1; t <= 4; t++)
		is_uint(reach_kind(world, t, -1, PGB_TARGET_LATEST).verdict, PGB_REACHED,
				psprintf("a backup before all forks leads to the end of timeline %u", t));
	path = path_of(world, 3);
	is_uint(pgb_path_timeline(path, 3), 1, "segments before the fork are the parent's");
	is_uint(pgb_path_timeline(path, 4), 2, "that of the fork is the child's");
	is_uint(pgb_path_timeline(path, 6), 3, "and so on");

	add_backup(world, 1, 40, 44);
	is_uint(reach_kind(world, 2, 1, PGB_TARGET_LATEST).verdict, PGB_OFF_PATH, "a backup after the fork does not lead to the child");
	is_uint(reach_kind(world, 4, 1, PGB_TARGET_LATEST).verdict, PGB_REACHED, "but to one that forks off later");
	add_backup(world, 1, 33, 37);
	is_uint(reach_kind(world, 2, 2, PGB_TARGET_LATEST).verdict, PGB_OFF_PATH, "nor does one in which the fork is");
	is_uint(reach_kind(world, 2, -1, PGB_TARGET_LATEST).backup, 0, "the older one is taken");
	is_uint(verdict_time(world, 2, moment(1, 37), true), PGB_REACHED, "moments are those of the timeline");
	is_uint(verdict_time(world, 2, moment(2, 71), true), PGB_TOO_LATE, "and so is the last of them");
}

static void
test_fork_segment(void)
{
	World	   *world = forked_world();

	add_backup(world, 1, 10, 14);
	world->archived[2][4] = false;
	is_uint(verdict_lsn(world, 2, -1, 34), PGB_REACHED, "without the child's first segment the parent's will do, to the fork");
	is_uint(verdict_lsn(world, 2, -1, 35), PGB_BROKEN, "and no further");

	memset(world->archived[2], 0, sizeof(world->archived[2]));
	is_uint(reach_kind(world, 2, -1, PGB_TARGET_LATEST).verdict, PGB_BROKEN, "the end of a child without WAL is not that of the parent");
	is_uint(reach_kind(world, 2, -1, PGB_TARGET_XID).verdict, PGB_BROKEN, "nor is a transaction looked for in the parent");
	is_uint(reach_kind(world, 2, -1, PGB_TARGET_IMMEDIATE).verdict, PGB_REACHED, "but the backup itself is reached");
}

static PgbReach
reach_name(const World *world, int wanted, const char *name)
{
	PgbTarget	target = {PGB_TARGET_NAME, .name = name};

	return reach(world, 1, wanted, &target);
}

static void
test_names(void)
{
	World	   *world = palloc0(sizeof(World));

	add_timeline(world, 0, 0, 80);
	add_backup(world, 1, 10, 14);
	add_backup(world, 1, 42, 46);
	world->points[1][5] = 'o';
	world->points[1][20] = 'p';
	world->points[1][44] = 'q';
	world->points[1][60] = 'q';
	world->points[1][70] = 'r';

	is_uint(reach_name(world, -1, "x").verdict, PGB_NO_POINT, "a restore point that is not there");
	is_uint(reach_name(world, -1, "o").verdict, PGB_TOO_EARLY, "one before the first backup");
	is_uint(reach_name(world, -1, "p").backup, 0, "one between two backups");
	is_uint(reach_name(world, -1, "p").end_lsn, 21, "is reached at the end of its record");
	is_uint(reach_name(world, -1, "r").backup, 1, "one after both");
	is_uint(reach_name(world, -1, "q").verdict, PGB_AMBIGUOUS, "one that is there twice");
	is_uint(reach_name(world, -1, "q").second.lsn, 61, "both are told");
	is_uint(reach_name(world, 0, "q").end_lsn, 45, "a backup that is named decides");
	is_uint(reach_name(world, 1, "q").verdict, PGB_TOO_EARLY, "one that meets the name before it is consistent cannot");
	is_uint(reach_name(world, 1, "p").verdict, PGB_TOO_EARLY, "nor one that ends after it");
}

/* ---- clocks, and what nobody has looked into ---- */

typedef struct Clocks
{
	int			count;
	const int64 *last_commits;	/* -1: nobody has looked */
} Clocks;

static const PgbWalFacts *
clock_facts(void *arg, uint32 timeline, uint64 number)
{
	const Clocks *clocks = arg;
	PgbWalFacts *facts = palloc0(sizeof(PgbWalFacts));

	facts_read++;
	facts->scanned = clocks->last_commits == NULL || clocks->last_commits[number] >= 0;
	if (facts->scanned)
		facts->first_commit = facts->last_commit =
			clocks->last_commits == NULL ? (int64) number * 10 : clocks->last_commits[number];
	return facts;
}

static PgbReach
reach_clock(const int64 *last_commits, int count, int64 time)
{
	Clocks		clocks = {count, last_commits};
	PgbFactsSource source = {clock_facts, &clocks};
	PgbWalRun	run = {0, count - 1};
	PgbTimelineWal wal = {1, 1, &run};
	PgbReachBackup backup = {"b", 1, 1, 2, 1};
	PgbTarget	target = {PGB_TARGET_TIME, .time = time, .inclusive = true};

	facts_read = 0;
	return pgb_reach(pgb_path_make(pgb_timeline_parse(1, "", 0, "h"), &wal, 1, SEGMENT_SIZE),
					 &backup, 1, -1, &target, &source);
}

static void
test_clocks(void)
{
	static const int64 quiet[] = {10, 0, 0, 0, 50, 0, 0};
	static const int64 set_back[] = {10, 20, 80, 30, 40, 50};
	static const int64 unscanned[] = {10, 20, -1, -1, 50, -1};

	is_uint(reach_clock(quiet, 7, 20).end_lsn, 40, "segments without commits are passed over");
	is_uint(reach_clock(quiet, 7, 50).verdict, PGB_TOO_LATE, "also those at the end");
	is_uint(reach_clock(set_back, 6, 60).verdict, PGB_REACHED, "a clock that was set back hides nothing");
	is_uint(reach_clock(set_back, 6, 60).end_lsn, 24, "of what came before");
	is_uint(reach_clock(set_back, 6, 80).verdict, PGB_TOO_LATE, "the highest it showed is the end");
	is_uint(reach_clock(unscanned, 6, 30).end_lsn, 40, "a segment that has what is sought will do");
	is_uint(reach_clock(unscanned, 6, 60).verdict, PGB_REACHED, "what nobody has looked into may have it");
	is_uint(reach_clock(unscanned, 6, 60).end_lsn, 48, "so all of it is needed");
}

static void
test_cost(void)
{
	is_uint(reach_clock(NULL, 100000, 333333).end_lsn, 33334 * SEGMENT_SIZE + SEGMENT_SIZE,
			"a moment is found in 100,000 segments");
	ok(facts_read < 50, psprintf("by reading few (%d)", facts_read));
}

int
main(void)
{
	test_one_timeline();
	test_gap();
	test_forks();
	test_fork_segment();
	test_names();
	test_clocks();
	test_cost();
	test_random();
	test_random_windows();
	return done_testing();
}
