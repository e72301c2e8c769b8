/*-------------------------------------------------------------------------
 *
 * decide.h
 *	  What is to be done with a schedule now: a pure function.
 *
 * Times are microseconds since 2000-01-01 UTC.
 *
 * src/server/schedule/decide.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DECIDE_H
#define PGB_DECIDE_H

#include "server/cron.h"

/* A moment that has passed so long before anybody looked was missed. */
#define PGB_GRACE			(INT64CONST(60) * 1000000)

/* A clock that was set back by more is a new clock; by less, no moment comes again. */
#define PGB_SET_BACK		(INT64CONST(3600) * 1000000)

/* The pause before the first retry; each one doubles it, up to the longest. */
#define PGB_FIRST_PAUSE		(INT64CONST(60) * 1000000)
#define PGB_LONGEST_PAUSE	(INT64CONST(3600) * 1000000)

#define PGB_NEVER			PG_INT64_MAX

typedef struct PgbRule
{
	PgbCron		cron;
	PgbZoneOffset offset;
	void	   *zone;
	bool		run_missed;		/* on_missed is run_once, not skip */
	bool		wait_overlap;	/* on_overlap is wait, not skip */
	int			retries;
	int64		next_run;		/* the next moment that is not dealt with */
} PgbRule;

/* The last run that really was one. */
typedef struct PgbLastRun
{
	bool		exists;
	bool		running;
	bool		to_be_retried;	/* failed or crashed, by the rule as it is now */
	int			attempt;
	int64		due_at;
	int64		finished_at;
} PgbLastRun;

typedef struct PgbVerdict
{
	bool		run;			/* begin a run now ... */
	int			attempt;
	int64		due_at;			/* ... for this moment ... */
	int			run_missed;		/* ... which stands for so many that had no run of their own */

	int			missed;			/* moments to record as missed, up to this one */
	int64		missed_at;
	int			skipped;		/* moments to record as skipped */
	int64		skipped_at;

	int64		next_run;		/* what is not dealt with after this */
	int64		wake_at;		/* when to look again; PGB_NEVER: after a change */
} PgbVerdict;

/*
 * "since" is when somebody began to try to deal with what is due now: what then has to
 * wait for a worker, a slot or a lock is not missed by that.
 */
extern void pgb_decide(const PgbRule *rule, const PgbLastRun *last, int64 since, int64 now,
					   PgbVerdict *verdict);

/* The first moment of the rule after a time, or PGB_NEVER. */
extern int64 pgb_rule_next(const PgbRule *rule, int64 after);

#endif							/* PGB_DECIDE_H */
