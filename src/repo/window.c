/*-------------------------------------------------------------------------
 *
 * window.c
 *	  What can be recovered, read from the repository.
 *
 * reach.h decides; here is what it decides about, and what people are told.
 *
 * src/repo/window.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/window.h"

#include "repo/reach.h"

/* More windows than that are not told in a message: the newest are. */
#define WINDOWS_TOLD	5

/* ---- what the repository has ---- */

/* Reads facts of segments; those of the last one stay until the next is asked for. */
typedef struct FactsReader
{
	PgbRepository *repository;
	uint32		segment_size;
	MemoryContext context;
} FactsReader;

typedef struct Archive
{
	PgbRepository *repository;
	uint32		segment_size;	/* 0: there is no base backup */
	int			nentries;
	PgbCatalogEntry *entries;	/* base backups, whatever is wrong with them */
	int			nbackups;
	PgbManifest **manifests;	/* of the same index as the backups */
	PgbReachBackup *backups;
	int			nwal;
	PgbTimelineWal *wal;		/* by timeline */
	FactsReader reader;
	PgbFactsSource source;
} Archive;

static const PgbWalFacts nobody_has_looked = {.scanned = false};

/*
 * A damaged trailer counts as one of a segment into which nobody has looked: it may lie far
 * beyond the target.  Recovery stops there, if it comes to it.
 */
static const PgbWalFacts *
read_facts(void *arg, uint32 timeline, uint64 number)
{
	FactsReader *reader = arg;
	MemoryContext caller = CurrentMemoryContext;
	const PgbWalFacts *volatile facts = &nobody_has_looked;
	PgbWalName	name;

	pgb_wal_segment_name(&name, timeline, number, reader->segment_size);
	MemoryContextReset(reader->context);
	PG_TRY();
	{
		MemoryContextSwitchTo(reader->context);
		facts = pgb_wal_facts(reader->repository, &name);
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (geterrcode() != ERRCODE_DATA_CORRUPTED)
			PG_RE_THROW();
		FlushErrorState();
		MemoryContextReset(reader->context);
	}
	PG_END_TRY();
	return facts;
}

/*
 * Undamaged base backups of the segment size that the newest has: WAL of another does not
 * follow on theirs.
 */
static void
load_backups(Archive *archive)
{
	int			count;

	archive->entries = pgb_catalog_list_base(archive->repository, &count);
	archive->nentries = count;
	archive->manifests = palloc((count + 1) * sizeof(PgbManifest *));
	archive->backups = palloc((count + 1) * sizeof(PgbReachBackup));
	for (int i = count - 1; i >= 0; i--)
	{
		PgbManifest *manifest = archive->entries[i].manifest;
		PgbReachBackup *backup = &archive->backups[archive->nbackups];

		if (manifest == NULL || manifest->base == NULL ||
			manifest->start_lsn > manifest->stop_lsn)
			continue;
		if (archive->segment_size == 0)
			archive->segment_size = manifest->base->segment_size;
		if (manifest->base->segment_size != archive->segment_size)
			continue;
		backup->id = manifest->id;
		backup->timeline = manifest->timeline;
		backup->start_lsn = manifest->start_lsn;
		backup->stop_lsn = manifest->stop_lsn;
		backup->end_time = manifest->as_of;
		archive->manifests[archive->nbackups++] = manifest;
	}
}

static void
load_wal(Archive *archive)
{
	uint32	   *timelines = pgb_wal_timelines(archive->repository);
	int			count = 0;

	while (timelines[count] != 0)
		count++;
	archive->wal = palloc((count + 1) * sizeof(PgbTimelineWal));
	for (archive->nwal = 0; archive->nwal < count; archive->nwal++)
	{
		PgbTimelineWal *wal = &archive->wal[archive->nwal];

		wal->timeline = timelines[archive->nwal];
		wal->runs = pgb_wal_runs(archive->repository, wal->timeline, archive->segment_size,
								 &wal->nruns);
	}
}

static Archive *
load_archive(PgbRepository *repository)
{
	Archive    *archive = palloc0(sizeof(Archive));

	archive->repository = repository;
	load_backups(archive);
	if (archive->segment_size == 0)
		return archive;
	load_wal(archive);
	archive->reader.repository = repository;
	archive->reader.segment_size = archive->segment_size;
	archive->reader.context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup WAL facts",
													ALLOCSET_DEFAULT_SIZES);
	archive->source.facts = read_facts;
	archive->source.arg = &archive->reader;
	return archive;
}

static PgbPath *
path_to(const Archive *archive, uint32 timeline)
{
	return pgb_path_make(pgb_timeline_read(archive->repository, timeline), archive->wal,
						 archive->nwal, archive->segment_size);
}

/* ---- windows ---- */

static PgbWindow *
find_windows(const Archive *archive, int *count)
{
	PgbWindow  *windows = palloc(sizeof(PgbWindow));

	*count = 0;
	for (int i = 0; i < archive->nwal; i++)
	{
		int			more;
		PgbWindow  *of_timeline = pgb_reach_windows(path_to(archive, archive->wal[i].timeline),
													archive->backups, archive->nbackups,
													&archive->source, &more);

		windows = repalloc(windows, (*count + more + 1) * sizeof(PgbWindow));
		memcpy(windows + *count, of_timeline, more * sizeof(PgbWindow));
		*count += more;
	}
	return windows;
}

PgbWindow *
pgb_windows(PgbRepository *repository, int *count)
{
	return find_windows(load_archive(repository), count);
}

static char *
segment_name(const PgbWindow *window, uint64 number)
{
	PgbWalName	name;

	pgb_wal_segment_name(&name, window->timeline, number, window->segment_size);
	return pstrdup(name.text);
}

char *
pgb_window_last_segment(const PgbWindow *window)
{
	return segment_name(window, (window->to_lsn - 1) / window->segment_size);
}

char *
pgb_window_missing_segment(const PgbWindow *window)
{
	return window->next_gap != 0 ? segment_name(window, window->next_gap) : NULL;
}

char *
pgb_window_describe(const PgbWindow *window)
{
	return psprintf("%s (%s) to %s (%s) on timeline %u",
					pgb_time_to_text(window->from_time), pgb_lsn_to_text(window->from_lsn),
					pgb_time_to_text(window->to_time), pgb_lsn_to_text(window->to_lsn),
					window->timeline);
}

/* "The repository can recover from ... to ..., from ... to ...." */
static char *
describe_windows(const Archive *archive)
{
	int			count;
	PgbWindow  *windows = find_windows(archive, &count);
	StringInfoData text;

	initStringInfo(&text);
	if (archive->nbackups == 0)
		appendStringInfoString(&text, "The repository has no base backup of this cluster.");
	else if (count == 0)
		appendStringInfoString(&text, "The WAL that its base backups need is not in the repository.");
	for (int i = Max(count - WINDOWS_TOLD, 0); i < count; i++)
		appendStringInfo(&text, "%s%s", text.len > 0 ? "; from " : "The repository can recover from ",
						 pgb_window_describe(&windows[i]));
	if (count > WINDOWS_TOLD)
		appendStringInfo(&text, "; and %d older windows", count - WINDOWS_TOLD);
	if (count > 0)
		appendStringInfoChar(&text, '.');
	return text.data;
}

/* ---- a target that cannot be reached ---- */

static char *
describe_target(const PgbTarget *target, uint32 timeline)
{
	switch (target->kind)
	{
		case PGB_TARGET_LATEST:
			return psprintf("the end of the WAL of timeline %u", timeline);
		case PGB_TARGET_TIME:
			return psprintf("time %s on timeline %u", pgb_time_to_text(target->time), timeline);
		case PGB_TARGET_LSN:
			return psprintf("LSN %s on timeline %u", pgb_lsn_to_text(target->lsn), timeline);
		case PGB_TARGET_XID:
			return psprintf("transaction " UINT64_FORMAT " on timeline %u", target->xid, timeline);
		case PGB_TARGET_NAME:
			return psprintf("restore point \"%s\" on timeline %u", target->name, timeline);
		case PGB_TARGET_IMMEDIATE:
			return psprintf("the end of a backup on timeline %u", timeline);
	}
	return pstrdup("?");
}

static const char *
backup_id(const Archive *archive, const PgbReach *reach)
{
	return reach->backup >= 0 ? archive->backups[reach->backup].id : "?";
}

/* It is the newest timeline's that has begun by then. */
static char *
missing_segment(const PgbPath *path, uint64 number)
{
	const PgbTimelineHistory *history = path->history;
	int			i = history->count - 1;
	PgbWalName	name;

	while (i > 0 && history->spans[i].begin / path->segment_size > number)
		i--;
	pgb_wal_segment_name(&name, history->spans[i].timeline, number, path->segment_size);
	return pstrdup(name.text);
}

static char *
describe_reason(const Archive *archive, const PgbPath *path, const PgbTarget *target,
				const PgbReach *reach, bool is_named)
{
	switch (reach->verdict)
	{
		case PGB_REACHED:
			break;
		case PGB_NO_BACKUP:
			return pstrdup("No base backup lies on the way to it.");
		case PGB_OFF_PATH:
			return pstrdup("The backup does not lie on the way to it: the timeline leaves that of the backup before the backup ends, or never was on it.");
		case PGB_TOO_EARLY:
			return psprintf("%s \"%s\" ends after it.",
							is_named ? "Backup" : "The first base backup",
							backup_id(archive, reach));
		case PGB_TOO_LATE:
			if (target->kind == PGB_TARGET_TIME)
				return pstrdup("No commit after it is in the archive, and only with one can recovery tell that it has got there.");
			return pstrdup("It is after the last WAL in the archive.");
		case PGB_BROKEN:
			return psprintf("WAL segment %s, which recovery from backup \"%s\" needs, is not in the archive.",
							missing_segment(path, reach->missing), backup_id(archive, reach));
		case PGB_NO_POINT:
			return pstrdup("There is no restore point of this name in the archive.");
		case PGB_AMBIGUOUS:
			return psprintf("There is one at %s (%s), and one at %s (%s).",
							pgb_lsn_to_text(reach->first.lsn), pgb_time_to_text(reach->first.at),
							pgb_lsn_to_text(reach->second.lsn), pgb_time_to_text(reach->second.at));
	}
	return pstrdup("?");
}

static const char *
hint_for(const PgbTarget *target, const PgbReach *reach)
{
	switch (reach->verdict)
	{
		case PGB_TOO_LATE:
			if (target->kind == PGB_TARGET_TIME)
				return "Give an earlier time, or no target to recover all there is; if the server runs, pg_switch_wal() brings its last commits into the archive.";
			return "Give an earlier target, or none to recover all there is; if the server runs, pg_switch_wal() brings its last WAL into the archive.";
		case PGB_BROKEN:
			return "Give a target in one of the windows, or put the missing segment into the archive, if it is still in pg_wal of the server.";
		case PGB_AMBIGUOUS:
			return "Give the LSN of the one that is meant as the target, or name the backup to begin with: recovery stops at the first one after it.";
		case PGB_OFF_PATH:
			return "Name another backup or another timeline, or no backup to have one chosen.";
		default:
			return "Give a target in one of the windows; pgbackup_recovery_window() and \"pgbackup check\" show them.";
	}
}

pg_noreturn static void refuse(const Archive *archive, const PgbPath *path, uint32 timeline,
							   const PgbTarget *target, const PgbReach *reach, bool is_named);

static void
refuse(const Archive *archive, const PgbPath *path, uint32 timeline, const PgbTarget *target,
	   const PgbReach *reach, bool is_named)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot recover to %s", describe_target(target, timeline)),
			 errdetail("%s %s", describe_reason(archive, path, target, reach, is_named),
					   describe_windows(archive)),
			 errhint("%s", hint_for(target, reach))));
}

/* ---- the route ---- */

static bool
is_named(const char *backup)
{
	return backup != NULL && strcmp(backup, PGB_LATEST) != 0;
}

/* Those that may be meant: the one that is named, or all of them. */
static void
check_read(const Archive *archive, const char *backup)
{
	for (int i = 0; i < archive->nentries; i++)
	{
		if (!is_named(backup) || strcmp(archive->entries[i].id, backup) == 0)
			pgb_catalog_check_read(&archive->entries[i]);
	}
}

/* The index of the backup that is named, -1 if none is. */
static int
find_backup(Archive *archive, const char *backup)
{
	PgbManifest *manifest;

	if (!is_named(backup))
		return -1;
	for (int i = 0; i < archive->nbackups; i++)
	{
		if (strcmp(archive->backups[i].id, backup) == 0)
			return i;
	}

	/* says what is wrong with it, in most cases */
	manifest = pgb_catalog_get(archive->repository, backup, PGB_ANY_KIND, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 manifest->base == NULL ?
			 errmsg("backup \"%s\" is not a base backup", backup) :
			 errmsg("backup \"%s\" has WAL segments of another size than the newest backup", backup),
			 errhint("pgbackup_list() shows the kind of each backup.")));
	return -1;					/* not reached */
}

static void
list_segments(PgbRoute *route, const PgbPath *path)
{
	uint64		last = (route->end_lsn - 1) / path->segment_size;

	route->first_segment = route->backup->start_lsn / path->segment_size;
	route->nsegments = (int) (last - route->first_segment + 1);
	route->segments = palloc(route->nsegments * sizeof(PgbWalName));
	for (int i = 0; i < route->nsegments; i++)
	{
		uint64		number = route->first_segment + i;

		pgb_wal_segment_name(&route->segments[i], pgb_path_timeline(path, number), number,
							 path->segment_size);
	}
}

static uint32
target_timeline(const Archive *archive, const PgbTarget *target, int wanted)
{
	uint32		newest;

	if (target->timeline != 0)
		return target->timeline;
	newest = pgb_timeline_newest(archive->repository);
	if (newest != 0)
		return newest;
	return archive->nbackups > 0 ? archive->backups[Max(wanted, 0)].timeline : 1;
}

pg_noreturn static void refuse_timeline(const Archive *archive, uint32 timeline);

static void
refuse_timeline(const Archive *archive, uint32 timeline)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot recover to timeline %u: the repository has nothing of it", timeline),
			 errdetail("%s", describe_windows(archive)),
			 errhint("Name one of these timelines, or none for the latest.")));
}

static bool
timeline_exists(const Archive *archive, uint32 timeline)
{
	for (int i = 0; i < archive->nwal; i++)
	{
		if (archive->wal[i].timeline == timeline)
			return true;
	}
	/* a backup may be there before its WAL */
	for (int i = 0; i < archive->nbackups; i++)
	{
		if (archive->backups[i].timeline == timeline)
			return true;
	}
	return false;
}

PgbRoute *
pgb_route_find(PgbRepository *repository, const PgbTarget *target, const char *backup)
{
	Archive    *archive = load_archive(repository);
	PgbRoute   *route = palloc0(sizeof(PgbRoute));
	int			wanted;
	PgbPath    *path;
	PgbReach	reach;

	check_read(archive, backup);
	wanted = find_backup(archive, backup);

	/* says that there is no base backup, or of which clusters there are some */
	if (archive->nbackups == 0)
		(void) pgb_catalog_get(repository, PGB_LATEST, PGB_FULL, NULL);

	route->timeline = target_timeline(archive, target, wanted);
	if (!timeline_exists(archive, route->timeline))
		refuse_timeline(archive, route->timeline);
	path = path_to(archive, route->timeline);
	reach = pgb_reach(path, archive->backups, archive->nbackups, wanted, target, &archive->source);
	if (reach.verdict != PGB_REACHED)
		refuse(archive, path, route->timeline, target, &reach, wanted >= 0);

	route->backup = archive->manifests[reach.backup];
	route->end_lsn = reach.end_lsn;
	list_segments(route, path);
	return route;
}
