/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  Which backups are kept, and why.
 *
 * src/server/retention/decide.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "repo/manifest.h"
#include "server/retention/decide.h"

/* What has been seen of a group, from its newest backup on. */
typedef struct Group
{
	const char *name;
	int			good;			/* backups that are */
	const char *unknown;		/* the oldest one that this version does not know, or NULL */
	int			kept[PGB_PERIODS];	/* periods of which one has been kept */
	int64		last_period[PGB_PERIODS];	/* the last of them */
} Group;

static const char *const period_names[] = {"day", "week", "month", "year"};

StaticAssertDecl(lengthof(period_names) == PGB_PERIODS, "each period has a name");

static Group *
find_group(Group *groups, int *ngroups, const char *name)
{
	for (int i = 0; i < *ngroups; i++)
	{
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	}
	memset(&groups[*ngroups], 0, sizeof(Group));
	groups[*ngroups].name = name;
	return &groups[(*ngroups)++];
}

static void
keep(PgbCandidate *backup, char *reason)
{
	/* of several reasons the first, which is the strongest, is told */
	if (!backup->keep)
		backup->reason = reason;
	backup->keep = true;
}

/*
 * Keeps it as the newest one of its day, week...  A period counts whether or not
 * the backup would be kept anyway.
 */
static void
keep_for_periods(PgbCandidate *backup, Group *group, PgbPeriodOf period_of, void *zone)
{
	for (int p = 0; p < PGB_PERIODS; p++)
	{
		int			limit = backup->policy->periods[p];
		int64		period;

		if (group->kept[p] >= limit)
			continue;
		period = period_of(zone, backup->at, (PgbPeriod) p);
		if (group->kept[p] > 0 && group->last_period[p] == period)
			continue;
		group->kept[p]++;
		group->last_period[p] = period;
		keep(backup, psprintf("the last one of its %s, number %d of %d",
							  period_names[p], group->kept[p], limit));
	}
}

static void
decide_good(PgbCandidate *backup, Group *group, PgbPeriodOf period_of, void *zone)
{
	group->good++;
	if (group->good <= backup->policy->last)
		keep(backup, psprintf("number %d of the last %d", group->good, backup->policy->last));
	keep_for_periods(backup, group, period_of, zone);
	if (group->good == 1)
		keep(backup, pstrdup("the last good one"));
	if (!backup->keep)
		backup->reason = pstrdup("newer ones are kept, and no rule asks for it");
}

/* It counts for days and weeks, as what was there then, and for nothing else. */
static void
decide_aside(PgbCandidate *backup, Group *group, PgbPeriodOf period_of, void *zone)
{
	int			enough = Max(backup->policy->last, 1);

	if (group->good < enough)
		keep(backup, psprintf("it leads to a timeline that the server has left, and only %d of %d newer ones lead to where it is",
							  group->good, enough));
	keep_for_periods(backup, group, period_of, zone);
	if (!backup->keep)
		backup->reason = pstrdup("it leads to a timeline that the server has left, and newer ones replace it");
}

/* What it needs is older than it is. */
static void
decide_unknown(PgbCandidate *backup, Group *group)
{
	keep(backup, pstrdup("this version of pgbackup does not know what it is"));
	group->unknown = backup->id;
}

static void
decide_damaged(PgbCandidate *backup, const Group *group)
{
	int			enough = Max(backup->policy->last, 1);

	if (group->good == 0)
		keep(backup, pstrdup("damaged, and no newer good one replaces it"));
	else if (group->good < enough)
		keep(backup, psprintf("damaged, and only %d of %d newer good ones are there", group->good, enough));
	else
		backup->reason = pstrdup("damaged, and newer good ones replace it");
}

static void
decide_one(PgbCandidate *backup, Group *group, int64 now, PgbPeriodOf period_of, void *zone)
{
	backup->keep = false;
	backup->reason = NULL;
	if (backup->pinned_until == PGB_FOREVER)
		keep(backup, pstrdup("pinned"));
	else if (backup->pinned_until > now)
		keep(backup, psprintf("pinned until %s", pgb_time_to_text(backup->pinned_until)));
	if (backup->is_used)
		keep(backup, pstrdup("somebody reads it"));

	if (group->unknown != NULL)
		keep(backup, psprintf("\"%s\", which this version does not know, may need it", group->unknown));
	if (!backup->policy->is_set)
		keep(backup, pstrdup("no retention is set for its kind"));
	else if (backup->is_unknown)
		decide_unknown(backup, group);
	else if (backup->at > now)
		keep(backup, pstrdup("its moment is in the future: the clock was set"));
	else if (backup->is_good && backup->leads_aside)
		decide_aside(backup, group, period_of, zone);
	else if (backup->is_good)
		decide_good(backup, group, period_of, zone);
	else if (backup->is_unread)
		keep(backup, pstrdup("it could not be read just now, and may be good"));
	else
		decide_damaged(backup, group);
}

/* A backup is older than those that need it. */
static void
keep_parent(PgbCandidate *backups, int child)
{
	if (!backups[child].keep || backups[child].parent == NULL)
		return;
	for (int i = child - 1; i >= 0; i--)
	{
		if (strcmp(backups[i].id, backups[child].parent) == 0)
		{
			keep(&backups[i], psprintf("backup \"%s\" needs it", backups[child].id));
			return;
		}
	}
}

void
pgb_decide_retention(PgbCandidate *backups, int count, int64 now,
					 PgbPeriodOf period_of, void *zone)
{
	Group	   *groups = palloc(sizeof(Group) * Max(count, 1));
	int			ngroups = 0;

	for (int i = count - 1; i >= 0; i--)
		decide_one(&backups[i], find_group(groups, &ngroups, backups[i].group), now, period_of, zone);

	/* children come after their parents, so that whole chains are kept in one pass */
	for (int i = count - 1; i >= 0; i--)
		keep_parent(backups, i);
	pfree(groups);
}
