/*-------------------------------------------------------------------------
 *
 * test_cron_zones.c
 *	  The next moment in real zones, against a search of minute after minute.
 *
 * The search knows nothing of cron.c.  It walks through real time as a person
 * would who looks at a clock on the wall (the C library's localtime_r), and who
 * has a list of the minutes at which something is due: when the clock shows a
 * minute for the first time, he does what is due then, and also what was due at
 * minutes that the clock has jumped over.  What an expression means it reads
 * from the text, by itself.
 *
 * Random expressions are others in each run; UNIT_SEED=number repeats them.
 *
 * test/unit/server/test_cron_zones.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <time.h>

#include "server/cron.h"

#define SYSTEM_ZONES	"/usr/share/zoneinfo"
#define MINUTES_PER_DAY	1440

/* ---- random numbers, others in each run ---- */

static uint64 seed;
static uint64 random_state;

static int
random_below(int limit)
{
	random_state = random_state * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (int) ((random_state >> 33) % limit);
}

/* ---- what a text says, field by field ---- */

typedef struct Meaning
{
	bool		fields[5][61];
	bool		last_day;
	bool		either;
} Meaning;

static int
value_of(const char *text)
{
	static const char *const names = "jan01 feb02 mar03 apr04 may05 jun06 jul07 aug08 sep09 oct10 nov11 dec12 "
		"sun00 mon01 tue02 wed03 thu04 fri05 sat06 ";
	char		name[4] = {0};
	const char *found;

	if (isdigit((unsigned char) *text))
		return atoi(text);
	for (int i = 0; i < 3; i++)
		name[i] = pg_tolower((unsigned char) text[i]);
	found = strstr(names, name);
	return atoi(found + 3);
}

static Meaning
read_expression(const char *expression)
{
	static const int least[] = {0, 0, 1, 1, 0};
	static const int most[] = {59, 23, 31, 12, 6};
	Meaning		meaning = {0};
	char		copy[PGB_CRON_LENGTH + 1];
	char	   *rest = copy;
	bool		starred[5];

	strlcpy(copy, expression, sizeof(copy));
	for (int f = 0; f < 5; f++)
	{
		char	   *field = strsep(&rest, " ");
		char	   *item;

		starred[f] = field[0] == '*';
		while ((item = strsep(&field, ",")) != NULL)
		{
			char	   *slash = strchr(item, '/');
			char	   *dash = strchr(item, '-');
			int			step = slash ? atoi(slash + 1) : 1;
			int			from = least[f];
			int			to = most[f];

			if (f == 2 && strcmp(item, "L") == 0)
			{
				meaning.last_day = true;
				continue;
			}
			if (item[0] != '*')
			{
				from = value_of(item);
				to = dash ? value_of(dash + 1) : from;
				if (to < from)
					to = 7;		/* fri-sun */
			}
			for (int value = from; value <= to; value += step)
				meaning.fields[f][f == 4 ? value % 7 : value] = true;
		}
	}
	meaning.either = !starred[2] && !starred[4];
	return meaning;
}

/* ---- a zone, minute by minute ---- */

typedef struct Zone
{
	int64		start;			/* unix seconds */
	int			minutes;
	int		   *offsets;		/* seconds east of UTC, at each minute */
	int			changes;
} Zone;

static int
libc_offset(int64 moment)
{
	time_t		time = moment;
	struct tm	tm;

	localtime_r(&time, &tm);
	return (int) tm.tm_gmtoff;
}

static int
zone_offset(void *arg, int64 moment)
{
	const Zone *zone = arg;
	int64		minute = (moment - zone->start) / 60;

	if (moment < zone->start || minute >= zone->minutes)
		return libc_offset(moment);
	return zone->offsets[minute];
}

static bool
load_zone(Zone *zone, const char *name, int first_year, int years)
{
	const char *directory = getenv("TZDIR");
	struct tm	tm = {.tm_year = first_year - 1900,.tm_mday = 1};

	if (access(psprintf("%s/%s", directory ? directory : SYSTEM_ZONES, name), R_OK) != 0)
		return false;
	setenv("TZ", name, 1);
	tzset();

	zone->start = timegm(&tm);
	tm.tm_year += years;
	zone->minutes = (int) ((timegm(&tm) - zone->start) / 60);
	zone->offsets = palloc(zone->minutes * sizeof(int));
	zone->changes = 0;
	for (int i = 0; i < zone->minutes; i++)
	{
		zone->offsets[i] = libc_offset(zone->start + i * INT64CONST(60));
		if (i > 0 && zone->offsets[i] != zone->offsets[i - 1])
			zone->changes++;
	}
	return true;
}

/* ---- the search ---- */

typedef struct Search
{
	const Zone *zone;
	const Meaning *meaning;
	int			at;				/* minutes since the zone's start */
	int64		shown;			/* the latest minute that the clock has shown */
	int64		day;			/* of which day_is_due tells */
	bool		day_is_due;
} Search;

static bool
is_due_on_day(const Meaning *meaning, int64 day)
{
	time_t		noon = day * 86400 + 43200;
	time_t		tomorrow = noon + 86400;
	struct tm	tm;
	struct tm	next;
	bool		by_month;
	bool		by_week;

	gmtime_r(&noon, &tm);
	gmtime_r(&tomorrow, &next);
	by_month = meaning->fields[2][tm.tm_mday] || (meaning->last_day && next.tm_mday == 1);
	by_week = meaning->fields[4][tm.tm_wday];
	if (!meaning->fields[3][tm.tm_mon + 1])
		return false;
	return meaning->either ? by_month || by_week : by_month && by_week;
}

/* Is something due at a minute of the local clock? */
static bool
is_due(Search *search, int64 minute)
{
	if (minute / MINUTES_PER_DAY != search->day)
	{
		search->day = minute / MINUTES_PER_DAY;
		search->day_is_due = is_due_on_day(search->meaning, search->day);
	}
	return search->day_is_due &&
		search->meaning->fields[1][minute % MINUTES_PER_DAY / 60] &&
		search->meaning->fields[0][minute % 60];
}

/* The next moment at which something is due; false at the end of the zone. */
static bool
search_next(Search *search, int64 *moment)
{
	while (++search->at < search->zone->minutes)
	{
		int64		now = search->zone->start + search->at * INT64CONST(60);
		int64		shows = (now + search->zone->offsets[search->at]) / 60;
		bool		due = false;

		while (search->shown < shows)
			due = is_due(search, ++search->shown) || due;
		if (due)
		{
			*moment = now;
			return true;
		}
	}
	return false;
}

/* ---- comparisons ---- */

static const char *
describe(int64 moment)
{
	time_t		time = moment;
	struct tm	tm;
	char		text[64];

	localtime_r(&time, &tm);
	strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M %z", &tm);
	return psprintf("%s (" INT64_FORMAT ")", text, moment);
}

/* All moments of an expression in a zone, one after the other. */
static bool
agrees(Zone *zone, const char *expression, int *moments)
{
	Meaning		meaning = read_expression(expression);
	Search		search = {.zone = zone,.meaning = &meaning,.day = -1};
	PgbCron		cron;
	int64		after = zone->start;
	int64		due;

	*moments = 0;
	search.shown = (zone->start + zone->offsets[0]) / 60;
	pgb_cron_parse(expression, &cron);
	while (search_next(&search, &due))
	{
		/* from anywhere between two moments it is the same */
		int64		from = after + random_below((int) (due - after));
		int64		got = 0;
		int64		got_from = 0;

		if (!pgb_cron_next(&cron, after, zone_offset, zone, &got) || got != due ||
			!pgb_cron_next(&cron, from, zone_offset, zone, &got_from) || got_from != due)
		{
			printf("# %s\n#   after  %s\n#   wanted %s\n#   got    %s\n",
				   expression, describe(after), describe(due), describe(got));
			return false;
		}
		after = due;
		(*moments)++;
	}
	return true;
}

/* A field: a list of one to three items of any form. */
static void
random_field(StringInfo text, int field)
{
	static const char *const months[] = {
		"", "jan", "FEB", "mar", "apr", "May", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
	};
	static const char *const weekdays[] = {"sun", "mon", "tue", "WED", "thu", "fri", "Sat"};
	static const int least[] = {0, 0, 1, 1, 0};
	static const int most[] = {59, 23, 31, 12, 6};
	static const int any[] = {0, 20, 55, 65, 60};	/* per cent of "*" */
	int			count = most[field] - least[field] + 1;

	if (random_below(100) < any[field])
	{
		appendStringInfoChar(text, '*');
		return;
	}
	for (int items = 1 + random_below(10) / 4; items > 0; items--)
	{
		int			a = least[field] + random_below(count);
		int			b = least[field] + random_below(count);
		int			form = random_below(8);

		if (form == 0)
			appendStringInfo(text, "*/%d", 1 + random_below(count));
		else if (form == 1)
			appendStringInfo(text, "%d-%d", Min(a, b), Max(a, b));
		else if (form == 2)
			appendStringInfo(text, "%d-%d/%d", Min(a, b), Max(a, b), 1 + random_below(count));
		else if (form <= 4 && field == 2)
			appendStringInfoChar(text, 'L');
		else if (form <= 4 && field == 3)
			appendStringInfoString(text, months[a]);
		else if (form == 3 && field == 4)
			appendStringInfo(text, "%s-%s", weekdays[Min(a, b)], weekdays[Max(a, b)]);
		else if (form == 4 && field == 4)
			appendStringInfo(text, "%s-sun", weekdays[a]);
		else
			appendStringInfo(text, "%d", a);
		if (items > 1)
			appendStringInfoChar(text, ',');
	}
}

static const char *
random_expression(void)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int field = 0; field < 5; field++)
	{
		if (field > 0)
			appendStringInfoChar(&text, ' ');
		random_field(&text, field);
	}
	return text.data;
}

/* ---- zones ---- */

static void
test_zone(const char *name, int first_year, int years, bool has_changes)
{
	static const char *const expressions[] = {
		"* * * * *", "*/15 * * * *", "0 * * * *", "30 * * * *", "0 0 * * *", "15 0 * * *", "30 1 * * *",
		"0,30 2 * * *", "*/7 1-3 * * *", "59 23 L * *", "30 2 * 3,4,9-11 sun", "0 12 13 * fri",
		"10 2 1-7 * */7", "0 0 29 2 *", "0 0 30 12 *", "45 23 * * fri", "0 3 L mar,oct mon",
	};
	Zone		zone;
	int			moments;
	int			total = 0;
	int			wrong = 0;

	if (!load_zone(&zone, name, first_year, years))
	{
		skip(name, "the zone is not installed");
		return;
	}
	ok((zone.changes > 0) == has_changes,
	   psprintf("%s has %d changes in %d years", name, zone.changes, years));

	for (int i = 0; i < lengthof(expressions); i++)
	{
		bool		same = agrees(&zone, expressions[i], &moments);

		ok(same, psprintf("%s in %s: %d moments", expressions[i], name, moments));
	}

	for (int i = 0; i < 40; i++)
	{
		const char *expression = random_expression();
		PgbCron		cron;

		/* the only error that there may be is 31 February */
		try(pgb_cron_parse(expression, &cron));
		if (tap_error != NULL && strncmp(tap_error->detail, "It never comes", 14) == 0)
			continue;
		if (!agrees(&zone, expression, &moments))
			wrong++;
		total += moments;
	}
	ok(wrong == 0, psprintf("random expressions in %s: %d moments (UNIT_SEED=" UINT64_FORMAT ")", name, total, seed));
	pfree(zone.offsets);
}

int
main(void)
{
	random_state = seed = getenv("UNIT_SEED") ? strtoull(getenv("UNIT_SEED"), NULL, 10) : (uint64) time(NULL);

	/* A PostgreSQL that uses no zones of the system has its own. */
	if (access(SYSTEM_ZONES "/UTC", R_OK) != 0)
		setenv("TZDIR", UNIT_ZONES, 1);

	test_zone("UTC", 2023, 3, false);
	test_zone("America/New_York", 2023, 3, true);
	test_zone("Europe/Berlin", 2023, 3, true);
	test_zone("Australia/Lord_Howe", 2023, 3, true);
	test_zone("Asia/Kathmandu", 2023, 3, false);
	test_zone("Pacific/Apia", 2010, 3, true);	/* no 30 December 2011 */
	test_zone("America/Sao_Paulo", 2015, 4, true);	/* changes at midnight */
	test_zone("Asia/Beirut", 2022, 2, true);	/* changes at midnight */
	test_zone("Africa/Casablanca", 2023, 2, true);	/* twice a year, for Ramadan */
	test_zone("Antarctica/Troll", 2023, 2, true);	/* two hours */
	return done_testing();
}
