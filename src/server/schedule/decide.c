/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  What is to be done with a schedule now: a pure function.
 *
 * src/server/schedule/decide.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/schedule/decide.h"

/* From 1970-01-01 to 2000-01-01. */
#define EPOCH_SECONDS		INT64CONST(946684800)
#define USECS				INT64CONST(1000000)

/* After years without the server: counting them one by one has an end. */
#define MAX_MOMENTS			100000

/* The moments that have come since the rule was last dealt with. */
typedef struct Moments
{
	int			count;
	int			late;			/* those too old to be run on time */
	int64		last;
	int64		last_but_one;
	int64		last_late;
	int64		next;			/* the first that has not come */
} Moments;

int64
pgb_rule_next(const PgbRule *rule, int64 after)
{
	int64		seconds = after / USECS + EPOCH_SECONDS;
	int64		next;

	if (after % USECS < 0)
		seconds--;
	if (!pgb_cron_next(&rule->cron, seconds, rule->offset, rule->zone, &next))
		return PGB_NEVER;
	return (next - EPOCH_SECONDS) * USECS;
}

/*
 * Far ahead of the clock there can be only what was dealt with before somebody set
 * the clock back: it would be waited for in vain.
 */
static int64
next_of_clock(const PgbRule *rule, int64 now)
{
	if (rule->next_run > pgb_rule_next(rule, now + PGB_SET_BACK))
		return pgb_rule_next(rule, now);
	return rule->next_run;
}

static void
count_moments(const PgbRule *rule, int64 since, int64 now, Moments *m)
{
	memset(m, 0, sizeof(*m));
	m->next = next_of_clock(rule, now);
	while (m->next <= now && m->count < MAX_MOMENTS)
	{
		m->count++;
		m->last_but_one = m->last;
		m->last = m->next;
		if (m->next < since - PGB_GRACE)
		{
			m->late++;
			m->last_late = m->next;
		}
		m->next = pgb_rule_next(rule, m->next);
	}
	if (m->next <= now)
		m->next = pgb_rule_next(rule, now);
}

static void
decide_run(PgbVerdict *verdict, int64 due_at, int attempt, int missed)
{
	verdict->run = true;
	verdict->due_at = due_at;
	verdict->attempt = attempt;
	verdict->run_missed = missed;
}

/* Some moments have come. */
static void
decide_due(const PgbRule *rule, const PgbLastRun *last, const Moments *m, PgbVerdict *verdict)
{
	bool		has_waited = rule->wait_overlap && last->exists &&
		last->finished_at >= rule->next_run;

	if (has_waited)
	{
		/* one run for all that came while the last one ran */
		decide_run(verdict, m->last, 1, 0);
		verdict->skipped = m->count - 1;
		verdict->skipped_at = m->last_but_one;
	}
	else if (m->late == 0 || (rule->run_missed && m->late < m->count))
		decide_run(verdict, m->last, 1, m->count - 1);
	else if (rule->run_missed)
		decide_run(verdict, m->last, 1, m->count);
	else
	{
		verdict->missed = m->late;
		verdict->missed_at = m->last_late;
		if (m->late < m->count)
			decide_run(verdict, m->last, 1, m->count - m->late - 1);
	}
}

static int64
retry_pause(int attempt)
{
	int64		pause = PGB_FIRST_PAUSE;

	for (int i = 1; i < attempt && pause < PGB_LONGEST_PAUSE; i++)
		pause *= 2;
	return Min(pause, PGB_LONGEST_PAUSE);
}

/* A run has failed: again after a pause, unless the next moment comes first. */
static void
decide_retry(const PgbRule *rule, const PgbLastRun *last, int64 now, PgbVerdict *verdict)
{
	int64		retry_at = last->finished_at + retry_pause(last->attempt);

	if (last->attempt > rule->retries || retry_at >= verdict->next_run)
		return;
	if (retry_at <= now)
		decide_run(verdict, last->due_at, last->attempt + 1, 0);
	else
		verdict->wake_at = retry_at;
}

void
pgb_decide(const PgbRule *rule, const PgbLastRun *last, int64 since, int64 now,
		   PgbVerdict *verdict)
{
	Moments		m;

	memset(verdict, 0, sizeof(*verdict));
	count_moments(rule, since, now, &m);

	if (m.count > 0 && last->running && rule->wait_overlap)
	{
		/* the end of the run is a change, after which we look again */
		verdict->next_run = rule->next_run;
		verdict->wake_at = PGB_NEVER;
		return;
	}

	verdict->next_run = m.next;
	verdict->wake_at = m.next;
	if (m.count > 0 && last->running)
	{
		verdict->skipped = m.count;
		verdict->skipped_at = m.last;
	}
	else if (m.count > 0)
		decide_due(rule, last, &m, verdict);
	else if (last->exists && !last->running && last->to_be_retried)
		decide_retry(rule, last, now, verdict);
}
