/*-------------------------------------------------------------------------
 *
 * decide.h
 *	  Which backups are kept, and why.
 *
 * Backups that replace each other form a group: of the same kind, of the same database,
 * of the same tables.  In a group the policy of its kind is applied to the good ones,
 * the newest first.  Whatever the policy says, kept are
 *
 *	- the last good one of its group,
 *	- what is pinned, what is being read, and what another kept one needs,
 *	- a damaged one, as long as the group has not so many newer good ones as the
 *	  policy's "last" (at least one): it may be all that there is of something,
 *	- one whose moment is in the future, for then the clock was set, and nobody knows which
 *	  is newer: it stays, and replaces nothing,
 *	- one that does not lead to where the server is now, as long as the group has not so many newer
 *	  ones that do: after a recovery to a moment of the past the newest backup leads elsewhere, and
 *	  those before it are all that the server has,
 *	- what could not be read just now: another time it may be good,
 *	- what this version does not know, and all that is older in its group: nobody here can
 *	  tell what it needs.
 *
 * Pure: the unit tests compile it without a server.
 *
 * src/server/retention/decide.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RETENTION_DECIDE_H
#define PGB_RETENTION_DECIDE_H

#include "server/retention/policy.h"

/* A pin that never ends */
#define PGB_FOREVER		PG_INT64_MAX

typedef struct PgbCandidate
{
	/* what there is */
	const char *id;
	const char *group;			/* any text; equal ones are one group */
	const PgbPolicy *policy;	/* of its kind */
	int64		at;				/* the moment that it holds, microseconds since 2000-01-01 UTC */
	bool		is_good;
	bool		is_unknown;		/* a newer version has made it; is_good is false */
	bool		is_unread;		/* the device had an error just now; is_good is false */
	bool		leads_aside;	/* to a timeline, or a part of one, that the server has left */
	bool		is_used;		/* somebody reads it just now */
	int64		pinned_until;	/* 0: it is not */
	const char *parent;			/* the id of the backup that it needs, or NULL */

	/* what is decided */
	bool		keep;
	char	   *reason;			/* palloc'd */
} PgbCandidate;

/*
 * The number of the day, week, month or year in which a moment lies, in the zone of whoever
 * asks.  Moments of the same period have the same number.
 */
typedef int64 (*PgbPeriodOf) (void *zone, int64 moment, PgbPeriod period);

/* Backups come in the order of their moments, the oldest first. */
extern void pgb_decide_retention(PgbCandidate *backups, int count, int64 now,
								 PgbPeriodOf period_of, void *zone);

#endif							/* PGB_RETENTION_DECIDE_H */
