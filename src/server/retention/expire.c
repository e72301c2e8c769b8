/*-------------------------------------------------------------------------
 *
 * expire.c
 *	  The removal of backups, and of WAL, that are not kept any longer.
 *
 * src/server/retention/expire.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "pgtime.h"
#include "repo/timeline.h"
#include "repo/wal.h"
#include "server/guc.h"
#include "server/options.h"
#include "server/own_timeline.h"
#include "server/retention/decide.h"
#include "server/retention/expire.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

/* ---- what there is ---- */

static const PgbPolicy *
policy_of(PgbKind kind)
{
	static PgbPolicy policies[2];
	PgbPolicy  *policy = &policies[kind == PGB_LOGICAL ? 0 : 1];
	char	   *error;

	error = pgb_policy_parse(kind == PGB_LOGICAL ? pgb_guc_retention_logical : pgb_guc_retention_full, policy);
	if (error != NULL)
		elog(ERROR, "a retention setting was not checked: %s", error);
	return policy;
}

bool
pgb_retention_is_set(void)
{
	return policy_of(PGB_LOGICAL)->is_set || policy_of(PGB_FULL)->is_set;
}

#define BASE_GROUP	"base"

/*
 * Backups replace each other when they hold the same things.  What a damaged logical one
 * holds nobody knows: it is a group of its own, and stays.
 */
static char *
group_of(const PgbCatalogEntry *entry)
{
	if (pgb_id_kind(entry->id) != PGB_LOGICAL)
		return pstrdup(BASE_GROUP);
	if (entry->manifest == NULL)
		return pstrdup(entry->id);
	return psprintf("logical %s %s", entry->manifest->database,
					pgb_options_selection(entry->manifest->options));
}

static void
describe(PgbRepository *repository, const PgbTimelineHistory *history, const PgbCatalogEntry *entry,
		 PgbCandidate *candidate)
{
	memset(candidate, 0, sizeof(*candidate));
	candidate->id = entry->id;
	candidate->group = group_of(entry);
	candidate->policy = policy_of(pgb_id_kind(entry->id));
	candidate->at = pgb_id_moment(entry->id);
	candidate->is_good = (entry->manifest != NULL);
	candidate->is_unknown = entry->is_newer;
	candidate->is_unread = entry->is_unread;
	candidate->is_used = pgb_backup_is_used(repository, entry->id);
	candidate->pinned_until = pgb_backup_pinned_until(repository, entry->id);
	if (entry->manifest != NULL)
		candidate->parent = entry->manifest->parent;
	candidate->leads_aside = history != NULL && entry->manifest != NULL && entry->manifest->base != NULL &&
		!pgb_timeline_includes(history, entry->manifest->timeline, entry->manifest->stop_lsn);
}

/* It may need any base backup. */
static void
describe_stranger(const char *name, PgbCandidate *candidate)
{
	memset(candidate, 0, sizeof(*candidate));
	candidate->id = name;
	candidate->group = BASE_GROUP;
	candidate->policy = policy_of(PGB_FULL);
	candidate->at = pgb_now();
	candidate->is_unknown = true;
}

/* ---- days, weeks, months and years of the server ---- */

static int64
period_of(void *zone, int64 moment, PgbPeriod period)
{
	pg_time_t	seconds = timestamptz_to_time_t(moment);
	struct pg_tm *tm = pg_localtime(&seconds, zone);
	int			day;

	if (tm == NULL)
		return moment / USECS_PER_DAY;
	switch (period)
	{
		case PGB_PERIOD_DAY:
		case PGB_PERIOD_WEEK:
			day = date2j(tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
			/* day 0 of that count is a Monday */
			return period == PGB_PERIOD_DAY ? day : day / 7;
		case PGB_PERIOD_MONTH:
			return tm->tm_year * 12 + tm->tm_mon;
		case PGB_PERIOD_YEAR:
			return tm->tm_year;
	}
	return 0;
}

/* ---- WAL ---- */

/* Where the oldest base backup begins that stays; false, with the reason, if that is not known. */
static bool
oldest_start(const PgbCatalogEntry *entries, const PgbCandidate *candidates, int count,
			 char **strangers, const PgbManifest **oldest, const char **reason)
{
	*oldest = NULL;
	for (int i = 0; i < count; i++)
	{
		const PgbManifest *m = entries[i].manifest;

		if (pgb_id_kind(entries[i].id) == PGB_LOGICAL || !candidates[i].keep)
			continue;
		if (m == NULL)
		{
			*reason = psprintf("backup \"%s\" %s, and nobody knows what it needs", entries[i].id,
							   entries[i].is_newer ? "is of a newer version" :
							   entries[i].is_unread ? "could not be read just now" : "is damaged");
			return false;
		}
		if (*oldest == NULL || m->start_lsn < (*oldest)->start_lsn)
			*oldest = m;
	}
	if (*strangers != NULL)
	{
		*reason = psprintf("nobody here knows what \"%s\" needs", *strangers);
		return false;
	}
	*reason = "there is no base backup";
	return *oldest != NULL && (*oldest)->base != NULL;
}

static PgbExpired *
expired(const char *backup, bool removed, char *reason)
{
	PgbExpired *line = palloc(sizeof(PgbExpired));

	line->backup = backup;
	line->removed = removed;
	line->reason = reason;
	return line;
}

/*
 * What the base backups that are not in the listing need: those that are being made, and those that begin
 * later.  It is asked for before the backups are listed, lest one ends in between.
 */
typedef struct Unlisted
{
	bool		has_begun;		/* one, nobody else knows where */
	XLogRecPtr	redo;			/* those that begin later begin no earlier */
} Unlisted;

static Unlisted
look_for_unlisted(PgbRepository *repository)
{
	Unlisted	unlisted;

	unlisted.redo = GetRedoRecPtr();
	unlisted.has_begun = pgb_backup_base_begun(repository);
	return unlisted;
}

static PgbExpired *
expire_wal(PgbRepository *repository, const Unlisted *unlisted, const PgbCatalogEntry *entries,
		   const PgbCandidate *candidates, int count, char **strangers, bool dry_run)
{
	const PgbManifest *oldest;
	const char *reason;
	PgbWalAmount amount;
	uint32		segment_size;

	if (*pgb_wal_timelines(repository) == 0)
		return NULL;
	if (!policy_of(PGB_FULL)->is_set)
		return expired(NULL, false, pstrdup("all WAL: no retention is set for base backups"));
	if (!oldest_start(entries, candidates, count, strangers, &oldest, &reason))
		return expired(NULL, false, psprintf("all WAL: %s", reason));

	if (unlisted->has_begun)
		return expired(NULL, false, pstrdup("all WAL: a base backup is being made, and nobody else knows where it begins"));

	/* after a recovery to a moment of the past, what the server writes now is older than backups that stay */
	segment_size = oldest->base->segment_size;
	amount = pgb_wal_remove_before(repository, Min(oldest->start_lsn, unlisted->redo) / segment_size,
								   segment_size, dry_run);
	if (amount.segments == 0)
		return expired(NULL, false, psprintf("all WAL: base backup \"%s\" needs it", oldest->id));
	return expired(NULL, true,
				   psprintf(UINT64_FORMAT " segments of WAL (" UINT64_FORMAT " MB) before %s, where base backup \"%s\" begins",
							amount.segments, amount.bytes / (1024 * 1024),
							pgb_lsn_to_text(oldest->start_lsn), oldest->id));
}

/* ---- the whole ---- */

static PgbExpired *
expire_backup(PgbRepository *repository, PgbCandidate *candidate, bool dry_run)
{
	if (candidate->keep || dry_run)
		return expired(candidate->id, !candidate->keep, candidate->reason);
	CHECK_FOR_INTERRUPTS();
	if (!pgb_backup_remove(repository, candidate->id))
	{
		/* and its WAL stays with it */
		candidate->keep = true;
		return expired(candidate->id, false, pstrdup("somebody has just begun to read it, or pinned it"));
	}
	ereport(LOG,
			(errmsg("removed backup \"%s\"", candidate->id),
			 errdetail("The reason is: %s.", candidate->reason)));
	return expired(candidate->id, true, candidate->reason);
}

List *
pgb_expire(bool dry_run)
{
	PgbRepository *repository = pgb_server_repository(false);
	const Unlisted unlisted = look_for_unlisted(repository);
	int			count;
	PgbCatalogEntry *entries = pgb_catalog_list(repository, &count);
	char	  **strangers = pgb_catalog_strangers(repository);
	const PgbTimelineHistory *history = pgb_own_history();
	PgbCandidate *candidates;
	int			total = count;
	List	   *lines = NIL;
	PgbExpired *wal;

	for (char **stranger = strangers; *stranger != NULL; stranger++)
		total++;
	candidates = palloc(sizeof(PgbCandidate) * Max(total, 1));
	for (int i = 0; i < count; i++)
		describe(repository, history, &entries[i], &candidates[i]);
	for (int i = count; i < total; i++)
		describe_stranger(strangers[i - count], &candidates[i]);
	pgb_decide_retention(candidates, total, pgb_now(), period_of, log_timezone);
	for (int i = 0; i < total; i++)
		lines = lappend(lines, expire_backup(repository, &candidates[i], dry_run));

	wal = expire_wal(repository, &unlisted, entries, candidates, count, strangers, dry_run);
	if (wal != NULL)
		lines = lappend(lines, wal);
	return lines;
}
