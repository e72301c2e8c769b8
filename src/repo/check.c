/*-------------------------------------------------------------------------
 *
 * check.c
 *	  The health of a repository.
 *
 * A new check is a function and a line in the table at the end.
 *
 * src/repo/check.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/check.h"

#include "datatype/timestamp.h"
#include "repo/window.h"

/* More than that of a kind are counted, not named. */
#define NAMED			5

const char *
pgb_check_status_name(PgbCheckStatus status)
{
	switch (status)
	{
		case PGB_CHECK_OK:
			return "ok";
		case PGB_CHECK_WARN:
			return "warn";
		case PGB_CHECK_FAIL:
			return "fail";
	}
	return "unknown";
}

static void
report(PgbCheck *check, const char *name, PgbCheckStatus status, const char *detail,
	   const char *hint)
{
	check->report(check->arg, name, status, detail, hint);
}

/* ---- the place ---- */

static void
check_repository(PgbCheck *check, const char *name)
{
	PgbStore   *store = check->repository->store;
	char	   *object = psprintf("%s/check.tmp",
								  pgb_cluster_folder(check->repository->system_identifier));

	store->ops->put(store, object, "", 0);
	store->ops->remove(store, object);
	report(check, name, PGB_CHECK_OK,
		   psprintf("\"%s\" can be read and written.", store->location), NULL);
}

/* ---- backups ---- */

/* Is a later backup of the same kind whole? */
static bool
has_successor(const PgbCheck *check, int index)
{
	for (int i = index + 1; i < check->nentries; i++)
	{
		if (pgb_id_kind(check->entries[i].id) == pgb_id_kind(check->entries[index].id) &&
			check->entries[i].manifest != NULL)
			return true;
	}
	return false;
}

static void
check_backups(PgbCheck *check, const char *name)
{
	int			complete = 0;

	for (int i = 0; i < check->nentries; i++)
	{
		const PgbCatalogEntry *entry = &check->entries[i];

		if (entry->manifest != NULL)
			complete++;
		else
			report(check, name, has_successor(check, i) ? PGB_CHECK_WARN : PGB_CHECK_FAIL,
				   psprintf("Backup \"%s\" is damaged: %s.", entry->id, entry->damage),
				   "Make a new backup; \"pgbackup verify\" looks into all of them.");
	}
	if (complete > 0)
		report(check, name, PGB_CHECK_OK,
			   psprintf("%d backups, %d of them complete.", check->nentries, complete), NULL);
	else
		report(check, name, PGB_CHECK_FAIL, "There is no complete backup.",
			   "SELECT pgbackup_run() makes one.");
}

static char *
describe_age(int64 age)
{
	if (age < 2 * USECS_PER_DAY)
		return psprintf("%d hours", (int) (Max(age, 0) / USECS_PER_HOUR));
	return psprintf("%lld days", (long long) (age / USECS_PER_DAY));
}

/* The newest of each kind (of a logical backup: of each database, too). */
static bool
is_newest(const PgbCheck *check, int index)
{
	const PgbManifest *m = check->entries[index].manifest;

	for (int i = index + 1; i < check->nentries; i++)
	{
		const PgbManifest *later = check->entries[i].manifest;

		if (later == NULL || later->kind != m->kind)
			continue;
		if (m->database == NULL || later->database == NULL ||
			strcmp(m->database, later->database) == 0)
			return false;
	}
	return true;
}

static void
check_age(PgbCheck *check, const char *name)
{
	for (int i = 0; i < check->nentries; i++)
	{
		const PgbManifest *m = check->entries[i].manifest;
		int64		age;
		bool		is_old;

		if (m == NULL || !is_newest(check, i))
			continue;
		age = pgb_now() - m->finished_at;
		is_old = check->max_age > 0 && age > check->max_age;
		report(check, name, is_old ? PGB_CHECK_WARN : PGB_CHECK_OK,
			   psprintf("The newest %s backup%s%s is \"%s\", %s old.", pgb_kind_name(m->kind),
						m->database != NULL ? " of database " : "",
						m->database != NULL ? m->database : "", m->id, describe_age(age)),
			   is_old ? "Make a new backup, and look why none was made." : NULL);
	}
}

/* A folder without a manifest is a run that is at work, or that is dead. */
static void
check_leftovers(PgbCheck *check, const char *name)
{
	PgbStore   *store = check->repository->store;
	uint64		cluster = check->repository->system_identifier;
	char	  **ids = store->ops->list(store, pgb_backups_folder(cluster));
	int			count = 0;

	for (; *ids != NULL; ids++)
	{
		char		day_ago[PGB_ID_SIZE];
		PgbStat		stat;

		pgb_id_make(day_ago, pgb_now() - USECS_PER_DAY, PGB_LOGICAL);
		if (!pgb_id_is_valid(*ids) || strcmp(*ids, day_ago) >= 0 ||
			store->ops->stat(store, pgb_backup_object(cluster, *ids, PGB_MANIFEST_NAME), &stat))
			continue;
		if (++count <= NAMED)
			report(check, name, PGB_CHECK_WARN,
				   psprintf("Backup \"%s\" was begun more than a day ago, and is not complete.", *ids),
				   "If it is not at work any more, the next backup removes it.");
	}
	if (count == 0)
		report(check, name, PGB_CHECK_OK, "No backup was left half-made.", NULL);
}

/* ---- recovery ---- */

static bool
has_base_backup(const PgbCheck *check)
{
	for (int i = 0; i < check->nentries; i++)
	{
		if (check->entries[i].manifest != NULL && check->entries[i].manifest->base != NULL)
			return true;
	}
	return false;
}

static void
check_windows(PgbCheck *check, const char *name)
{
	int			count;
	PgbWindow  *windows = pgb_windows(check->repository, &count);

	if (count == 0 && has_base_backup(check))
		report(check, name, PGB_CHECK_FAIL,
			   "No base backup can be recovered: the WAL that it needs is not in the archive.",
			   "Set archive_library to 'pgbackup', and make a new base backup.");
	for (int i = 0; i < count; i++)
		report(check, name, PGB_CHECK_OK,
			   psprintf("From %s.", pgb_window_describe(&windows[i])), NULL);
}

/* The first gap of a window makes it end; there may be more WAL that no backup leads to. */
static void
check_gaps(PgbCheck *check, const char *name)
{
	int			count;
	PgbWindow  *windows = pgb_windows(check->repository, &count);
	int			ngaps = 0;

	for (int i = 0; i < count; i++)
	{
		char	   *missing = pgb_window_missing_segment(&windows[i]);

		if (missing == NULL)
			continue;
		ngaps++;
		report(check, name, PGB_CHECK_WARN,
			   psprintf("WAL segment %s is missing, and there are others after it.", missing),
			   "What was committed from it to the next base backup cannot be recovered, unless the segment is still in pg_wal of the server and can be put into the archive.");
	}
	if (ngaps == 0)
		report(check, name, PGB_CHECK_OK, "No WAL is missing after a base backup.", NULL);
}

static void
check_latest(PgbCheck *check, const char *name)
{
	PgbTarget	target = {PGB_TARGET_LATEST};
	PgbRoute   *route;

	if (!has_base_backup(check))
		return;
	route = pgb_route_find(check->repository, &target, NULL);
	report(check, name, PGB_CHECK_OK,
		   psprintf("The end of timeline %u, %s, can be recovered from backup \"%s\" with %d WAL segments.",
					route->timeline, pgb_lsn_to_text(route->end_lsn), route->backup->id,
					route->nsegments), NULL);
}

/* ---- all of them ---- */

static const struct
{
	const char *name;
	void		(*run) (PgbCheck *check, const char *name);
}			checks[] = {
	{"repository", check_repository},
	{"backups", check_backups},
	{"age", check_age},
	{"leftovers", check_leftovers},
	{"windows", check_windows},
	{"gaps", check_gaps},
	{"latest", check_latest},
};

/* Somebody wants us to stop. */
static bool
is_interruption(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/*
 * What a check reads takes nothing but memory and descriptors, which go with a context of their own: no
 * subtransaction is needed to catch its errors.
 */
static void
run_check(PgbCheck *check, int i)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(caller, "pgbackup check", ALLOCSET_DEFAULT_SIZES);

	PG_TRY();
	{
		MemoryContextSwitchTo(own);
		checks[i].run(check, checks[i].name);
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		if (is_interruption(geterrcode()))
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		report(check, checks[i].name, PGB_CHECK_FAIL,
			   error->detail == NULL ? error->message :
			   psprintf("%s: %s", error->message, error->detail),
			   error->hint);
	}
	PG_END_TRY();
	MemoryContextDelete(own);
}

void
pgb_check(PgbCheck *check)
{
	check->entries = pgb_catalog_list(check->repository, &check->nentries);
	for (int i = 0; i < lengthof(checks); i++)
		run_check(check, i);
}
