/*-------------------------------------------------------------------------
 *
 * test_cron.c
 *	  Cron expressions: what is one, what the errors say, and the next moment in
 *	  zones that are made for the test.
 *
 * test/unit/server/test_cron.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <time.h>

#include "server/cron.h"

/* ---- moments ---- */

static int64
moment(const char *text)
{
	struct tm	tm = {0};

	if (sscanf(text, "%d-%d-%d %d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			   &tm.tm_hour, &tm.tm_min, &tm.tm_sec) < 5)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return timegm(&tm);
}

static char *
moment_text(int64 seconds)
{
	time_t		time = seconds;
	struct tm	tm;
	char		text[64];

	gmtime_r(&time, &tm);
	strftime(text, sizeof(text), tm.tm_sec == 0 ? "%Y-%m-%d %H:%M" : "%Y-%m-%d %H:%M:%S", &tm);
	return pstrdup(text);
}

/* ---- zones ---- */

/* A zone with one change of its offset. */
typedef struct Zone
{
	const char *change;			/* in UTC; NULL for none */
	int			before;			/* minutes east of UTC */
	int			after;
} Zone;

static int64 zone_calls = 0;

static int
zone_offset(void *arg, int64 at)
{
	const Zone *zone = arg;
	bool		changed = zone->change != NULL && at >= moment(zone->change);

	zone_calls++;
	return 60 * (changed ? zone->after : zone->before);
}

static int
utc(void *arg, int64 at)
{
	return 0;
}

/* The next moments, with commas between them. */
static char *
next_moments(const char *expression, const char *after, int count, const Zone *zone)
{
	PgbCron		cron;
	StringInfoData text;
	int64		at = moment(after);

	initStringInfo(&text);
	pgb_cron_parse(expression, &cron);
	while (count-- > 0)
	{
		int64		next;

		if (!pgb_cron_next(&cron, at, zone_offset, (void *) zone, &next))
		{
			appendStringInfoString(&text, "never");
			break;
		}
		if (next <= at)
		{
			appendStringInfoString(&text, "not later");
			break;
		}
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", moment_text(next));
		at = next;
	}
	return text.data;
}

/* ---- expressions ---- */

static void
test_sets(void)
{
	PgbCron		cron;

	pgb_cron_parse("1-3,58/1,7-20/6,*/30" + 0 * 0, &cron);
}
