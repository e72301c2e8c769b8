/*-------------------------------------------------------------------------
 *
 * test_decide.c
 *	  What is done with a schedule: a table of situations.
 *
 * All of them are in one January, in UTC: "5 03:00" is the fifth, at three.
 *
 * test/unit/server/test_decide.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <time.h>

#include "server/schedule/decide.h"

#define USECS				INT64CONST(1000000)
#define MINUTE				(60 * USECS)
#define DAY					(24 * 60 * MINUTE)

/* ---- moments ---- */

static int64
moment(const char *text)
{
	int			day = 0,
				hour = 0,
				minute = 0,
				second = 0;

	if (text == NULL || sscanf(text, "%d %d:%d:%d", &day, &hour, &minute, &second) < 3)
		return 0;
	return day * DAY + (hour * 60 + minute) * MINUTE + second * USECS;
}

static char *
moment_text(int64 moment)
{
	int64		seconds = moment / USECS;

	if (moment == PGB_NEVER)
		return "never";
	return psprintf(seconds % 60 != 0 ? "%d %02d:%02d:%02d" : "%d %02d:%02d",
					(int) (moment / DAY), (int) (seconds / 3600 % 24),
					(int) (seconds / 60 % 60), (int) (seconds % 60));
}

static int
utc(void *zone, int64 at)
{
	return 0;
}

/* ---- situations ---- */

typedef struct Situation
{
	const char *name;
	const char *cron;
	const char *next_run;
	const char *policy;			/* letters: m on_missed is skip, w on_overlap is wait */
	int			retries;
	const char *last;			/* running, failed, done; NULL: it never ran */
	int			attempt;
	const char *due_at;
	const char *finished_at;
	const char *since;			/* NULL: now */
	const char *now;
	const char *wanted;
} Situation;

/*
 * What is wanted: "run due_at" with "#attempt" for a retry and "+n" for moments that had no
 * run of their own, "missed n to moment", "skipped n to moment", then the next
 * moment, and when to look again if that is another time.
 */
static const Situation situations[] = {
	/* on time */
	{"not due yet", "0 * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 02:59:59", "next 5 03:00"},
	{"due to the second", "0 * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:00", "run 5 03:00, next 5 04:00"},
	{"a little late is on time", "0 * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:01", "run 5 03:00, next 5 04:00"},
	{"two moments of every minute, both on time", "* * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:01", "run 5 03:01 +1, next 5 03:02"},
	{"after one that succeeded", "0 * * * *", "5 03:00", "", 3, "done", 1, "5 02:00", "5 02:10", NULL,
	"5 03:00", "run 5 03:00, next 5 04:00"},
	{"a long pause after one that succeeded", "@weekly", "5 00:00", "", 3, "done", 1, "1 00:00", "1 00:10", NULL,
	"3 00:00", "next 5 00:00"},

	/* the server was down */
	{"one missed: it runs", "0 * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:01:01", "run 5 03:00 +1, next 5 04:00"},
	{"one missed: it is skipped", "0 * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:01:01", "missed 1 to 5 03:00, next 5 04:00"},
	{"several missed: one run for all", "0 * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 06:30", "run 5 06:00 +4, next 5 07:00"},
	{"several missed: none", "0 * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, NULL,
	"5 06:30", "missed 4 to 5 06:00, next 5 07:00"},
	{"several missed, the last one on time: it stands for the others", "0 * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 06:00:30", "run 5 06:00 +3, next 5 07:00"},
	{"several missed, the last one on time: only that", "0 * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, NULL,
	"5 06:00:30", "run 5 06:00, missed 3 to 5 05:00, next 5 07:00"},
	{"several missed, two on time", "* * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:10", "run 5 03:10 +1, missed 9 to 5 03:08, next 5 03:11"},
	{"several missed, two on time, one run for all", "* * * * *", "5 03:00", "", 3, NULL, 0, NULL, NULL, NULL,
	"5 03:10", "run 5 03:10 +10, next 5 03:11"},
	{"missed after one that succeeded, which waits for nothing", "0 * * * *", "5 03:00", "w", 3, "done", 1, "5 02:00", "5 02:10", NULL,
	"5 06:30", "run 5 06:00 +4, next 5 07:00"},

	/* it had to wait for a worker, a slot, or a lock */
	{"what waits is not missed", "0 * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, "5 03:00",
	"5 03:40", "run 5 03:00, next 5 04:00"},
	{"what waits long takes others with it", "0 * * * *", "5 03:00", "m", 3, NULL, 0, NULL, NULL, "5 03:00",
	"5 05:40", "run 5 05:00 +2, next 5 06:00"},
	{"what was missed before stays missed", "0 * * * *", "5 02:00", "m", 3, NULL, 0, NULL, NULL, "5 03:00",
	"5 03:40", "run 5 03:00, missed 1 to 5 02:00, next 5 04:00"},

	/* the last run goes on */
	{"overlap: skipped", "0 * * * *", "5 03:00", "", 3, "running", 1, "5 02:00", NULL, NULL,
	"5 03:00", "skipped 1 to 5 03:00, next 5 04:00"},
	{"overlap, several: skipped", "0 * * * *", "5 03:00", "", 3, "running", 1, "5 02:00", NULL, NULL,
	"5 05:00", "skipped 3 to 5 05:00, next 5 06:00"},
	{"overlap: it waits for the end", "0 * * * *", "5 03:00", "w", 3, "running", 1, "5 02:00", NULL, NULL,
	"5 03:00", "next 5 03:00, look never"},
	{"no overlap before the moment", "0 * * * *", "5 03:00", "w", 3, "running", 1, "5 02:00", NULL, NULL,
	"5 02:30", "next 5 03:00"},
	{"the last run has ended: one has waited", "0 * * * *", "5 03:00", "w", 3, "done", 1, "5 02:00", "5 03:20", NULL,
	"5 03:20", "run 5 03:00, next 5 04:00"},
	{"who waited is not missed", "0 * * * *", "5 03:00", "wm", 3, "done", 1, "5 02:00", "5 03:20", NULL,
	"5 03:20", "run 5 03:00, next 5 04:00"},
	{"several have waited: one run", "0 * * * *", "5 03:00", "w", 3, "done", 1, "5 02:00", "5 05:20", NULL,
	"5 05:20", "run 5 05:00, skipped 2 to 5 04:00, next 5 06:00"},
	{"who waited runs after a failure too", "0 * * * *", "5 03:00", "w", 3, "failed", 1, "5 02:00", "5 03:20", NULL,
	"5 03:20", "run 5 03:00, next 5 04:00"},

	/* it has failed, or crashed */
	{"the first retry after a minute", "0 * * * *", "5 03:00", "", 3, "failed", 1, "5 02:00", "5 02:10", NULL,
	"5 02:10:30", "next 5 03:00, look 5 02:11"},
	{"there it is", "0 * * * *", "5 03:00", "", 3, "failed", 1, "5 02:00", "5 02:10", NULL,
	"5 02:11", "run 5 02:00 #2, next 5 03:00"},
	{"the second after two", "0 * * * *", "5 03:00", "", 3, "failed", 2, "5 02:00", "5 02:10", NULL,
	"5 02:11", "next 5 03:00, look 5 02:12"},
	{"the third after four", "0 * * * *", "5 03:00", "", 3, "failed", 3, "5 02:00", "5 02:10", NULL,
	"5 02:11", "next 5 03:00, look 5 02:14"},
	{"and no fourth", "0 * * * *", "5 03:00", "", 3, "failed", 4, "5 02:00", "5 02:10", NULL,
	"5 02:50", "next 5 03:00"},
	{"no pause is longer than an hour", "@weekly", "9 00:00", "", 100, "failed", 7, "2 00:00", "2 00:10", NULL,
	"2 00:11", "next 9 00:00, look 2 01:10"},
	{"nor after a hundred", "@weekly", "5 00:00", "", 100, "failed", 99, "2 00:00", "2 00:10", NULL,
	"2 00:11", "next 5 00:00, look 2 01:10"},
	{"retries => 0", "0 * * * *", "5 03:00", "", 0, "failed", 1, "5 02:00", "5 02:10", NULL,
	"5 02:30", "next 5 03:00"},
	{"the next moment comes before the retry", "* * * * *", "5 02:11", "", 3, "failed", 1, "5 02:10", "5 02:10:30", NULL,
	"5 02:10:40", "next 5 02:11"},
	{"the next moment takes the place of the retry", "0 * * * *", "5 03:00", "", 3, "failed", 1, "5 02:00", "5 02:59:30", NULL,
	"5 03:00", "run 5 03:00, next 5 04:00"},
	{"after a downtime in which the retry was due", "@daily", "6 00:00", "", 3, "failed", 1, "5 00:00", "5 00:10", NULL,
	"5 07:00", "run 5 00:00 #2, next 6 00:00"},
	{"after a downtime in which the next moment was due too", "@daily", "6 00:00", "m", 3, "failed", 1, "5 00:00", "5 00:10", NULL,
	"6 07:00", "missed 1 to 6 00:00, next 7 00:00"},
	{"one that succeeded or was cancelled is not retried", "0 * * * *", "5 03:00", "", 3, "done", 1, "5 02:00", "5 02:10", NULL,
	"5 02:30", "next 5 03:00"},

	/* the clock was set back */
	{"by some minutes: what has run does not run again", "0 * * * *", "5 04:00", "", 3, "done", 1, "5 03:00", "5 03:01", NULL,
	"5 02:55", "next 5 04:00"},
	{"by years: the schedule goes on", "@daily", "9 00:00", "", 3, "done", 1, "8 00:00", "8 00:01", NULL,
	"5 02:30", "next 6 00:00"},
	{"by hours", "0 * * * *", "5 09:00", "", 3, "done", 1, "5 08:00", "5 08:01", NULL,
	"5 02:30", "next 5 03:00"},
};

/* ---- the test ---- */

/* January 2000 began on a Saturday, and the moments here are those of PostgreSQL plus one day. */
static int64
to_server(const char *text)
{
	return text == NULL ? PG_INT64_MIN : moment(text) - DAY;
}

static char *
server_text(int64 at)
{
	return moment_text(at == PGB_NEVER ? at : at + DAY);
}

static char *
verdict_text(const PgbVerdict *v)
{
	StringInfoData text;

	initStringInfo(&text);
	if (v->run)
	{
		appendStringInfo(&text, "run %s", server_text(v->due_at));
		if (v->attempt > 1)
			appendStringInfo(&text, " #%d", v->attempt);
		if (v->run_missed > 0)
			appendStringInfo(&text, " +%d", v->run_missed);
		appendStringInfoString(&text, ", ");
	}
	if (v->missed > 0)
		appendStringInfo(&text, "missed %d to %s, ", v->missed, server_text(v->missed_at));
	if (v->skipped > 0)
		appendStringInfo(&text, "skipped %d to %s, ", v->skipped, server_text(v->skipped_at));
	appendStringInfo(&text, "next %s", server_text(v->next_run));
	if (v->wake_at != v->next_run)
		appendStringInfo(&text, ", look %s", server_text(v->wake_at));
	return text.data;
}

static void
test_situation(const Situation *s)
{
	PgbRule		rule = {0};
	PgbLastRun	last = {0};
	PgbVerdict	verdict;

	pgb_cron_parse(s->cron, &rule.cron);
	rule.offset = utc;
	rule.run_missed = strchr(s->policy, 'm') == NULL;
	rule.wait_overlap = strchr(s->policy, 'w') != NULL;
	rule.retries = s->retries;
	rule.next_run = to_server(s->next_run);
	if (s->last != NULL)
	{
		last.exists = true;
		last.running = strcmp(s->last, "running") == 0;
		last.to_be_retried = strcmp(s->last, "failed") == 0;
		last.attempt = s->attempt;
		last.due_at = to_server(s->due_at);
		last.finished_at = to_server(s->finished_at);
	}
	pgb_decide(&rule, &last, to_server(s->since ? s->since : s->now), to_server(s->now), &verdict);
	is_str(verdict_text(&verdict), s->wanted, s->name);
}

/* Years of downtime must not be years of work. */
static void
test_long_downtime(void)
{
	PgbRule		rule = {0};
	PgbLastRun	last = {0};
	PgbVerdict	verdict;
	int64		now = 20 * 365 * DAY + 30 * USECS;
	clock_t		began = clock();

	pgb_cron_parse("* * * * *", &rule.cron);
	rule.offset = utc;
	rule.run_missed = true;
	pgb_decide(&rule, &last, now, now, &verdict);
	ok(clock() - began < CLOCKS_PER_SEC / 2, "twenty years of every minute are counted soon");
	ok(verdict.run && verdict.run_missed >= 100000, "there were many, and one runs");
	ok(verdict.next_run == now + 30 * USECS, "the next one is the next minute");
}

static void
test_next(void)
{
	PgbRule		rule = {0};

	pgb_cron_parse("* * * * *", &rule.cron);
	rule.offset = utc;
	ok(pgb_rule_next(&rule, 0) == MINUTE, "the next moment is later than the moment");
	ok(pgb_rule_next(&rule, -1) == 0, "a fraction of a second before 2000");
	ok(pgb_rule_next(&rule, MINUTE - 1) == MINUTE, "and after it");
	ok(pgb_rule_next(&rule, PG_INT64_MAX - 10) == PGB_NEVER, "after the end of time there is none");
}

int
main(void)
{
	for (int i = 0; i < lengthof(situations); i++)
		test_situation(&situations[i]);
	test_long_downtime();
	test_next();
	return done_testing();
}
