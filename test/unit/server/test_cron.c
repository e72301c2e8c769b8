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

static int
zone_offset(void *arg, int64 at)
{
	const Zone *zone = arg;
	bool		changed = zone->change != NULL && at >= moment(zone->change);

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
	static const struct
	{
		const char *expression;
		PgbCron		cron;
	}			table[] =
	{
		{"5 4 3 2 1", {1 << 5, 1 << 4, 1 << 3, 1 << 2, 1 << 1, false, true}},
		{"05 004 * * *", {1 << 5, 1 << 4, 0xFFFFFFFE, 0x1FFE, 0x7F, false, false}},
		{"* * * * *", {UINT64CONST(0x0FFFFFFFFFFFFFFF), 0xFFFFFF, 0xFFFFFFFE, 0x1FFE, 0x7F, false, false}},
		{"*/20 */12 */10 */6 */7", {UINT64CONST(0x10000100001), 0x1001, 0x80200802, 0x82, 0x01, false, false}},
		{"*/60 */24 */31 */12 *", {1, 1, 2, 2, 0x7F, false, false}},
		{"1-10/3,40,41 0 1,L * *", {UINT64CONST(0x30000000492), 1, 2, 0x1FFE, 0x7F, true, false}},
		{"0 0 l * *", {1, 1, 0, 0x1FFE, 0x7F, true, false}},
		{"0 0 * Jan,JUN-aug,12 MON-fri", {1, 1, 0xFFFFFFFE, 0x11C2, 0x3E, false, false}},
		{"0 0 * * 0", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x01, false, false}},
		{"0 0 * * 7", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x01, false, false}},
		{"0 0 * * sun", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x01, false, false}},
		{"0 0 * * 5-7", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x61, false, false}},
		{"0 0 * * fri-sun", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x61, false, false}},
		{"0 0 * * sun-mon", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x03, false, false}},
		{"0 0 * * sun-sun", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x01, false, false}},
		{"0 0 * * 0-7/2", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x55, false, false}},
		{"0 0 31 2 mon", {1, 1, UINT64CONST(1) << 31, 4, 0x02, false, true}},
		{"0 0 */2,2 * mon", {1, 1, 0xAAAAAAAE, 0x1FFE, 0x02, false, false}},
		{"0 0 2,* * mon", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x02, false, true}},
		{" \t0\t0 1  *\t* \r\n", {1, 1, 2, 0x1FFE, 0x7F, false, false}},
		{"@hourly", {1, 0xFFFFFF, 0xFFFFFFFE, 0x1FFE, 0x7F, false, false}},
		{"@daily", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x7F, false, false}},
		{"  @Midnight ", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x7F, false, false}},
		{"@weekly", {1, 1, 0xFFFFFFFE, 0x1FFE, 0x01, false, false}},
		{"@monthly", {1, 1, 2, 0x1FFE, 0x7F, false, false}},
		{"@yearly", {1, 1, 2, 2, 0x7F, false, false}},
		{"@annually", {1, 1, 2, 2, 0x7F, false, false}},
	};

	for (int i = 0; i < lengthof(table); i++)
	{
		const PgbCron *wanted = &table[i].cron;
		PgbCron		got;

		try(pgb_cron_parse(table[i].expression, &got));
		ok(tap_error == NULL &&
		   got.minutes == wanted->minutes && got.hours == wanted->hours &&
		   got.days == wanted->days && got.months == wanted->months &&
		   got.weekdays == wanted->weekdays && got.last_day == wanted->last_day &&
		   got.either_day == wanted->either_day,
		   psprintf("what it means: %s", strchr(table[i].expression, '\n') ? "blanks around" : table[i].expression));
	}
}

static void
test_errors(void)
{
	static const char *const five =
		"Write five fields, \"minute hour day-of-month month day-of-week\", for example \"30 2 * * mon-fri\".";
	static const char *const minute = "Write for example \"0\", \"*/15\", \"0,30\" or \"10-20\".";
	static const char *const hour = "Write for example \"2\", \"*/6\", \"8,20\" or \"9-17\".";
	static const char *const day = "Write for example \"1\", \"*/2\", \"1,15\", \"1-7\" or \"L\".";
	static const char *const month = "Write for example \"1\", \"jan\", \"*/3\", \"apr,oct\" or \"mar-oct\".";
	static const char *const weekday = "Write for example \"1\", \"mon\", \"sat,sun\" or \"mon-fri\".";
	static const char *const shorthand = "Write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually.";
	static const char *const never = "Write \"L\" for the last day of a month, or choose another month.";
	const struct
	{
		const char *expression;
		const char *detail;
		const char *hint;
	}			table[] =
	{
		{"", "It is empty.", five},
		{" \t", "It is empty.", five},
		{"0", "It ends at character 2, before the field \"hour\".", five},
		{"0 2 * * ", "It ends at character 9, before the field \"day of week\".", five},
		{"0 2 * * * *", "There is a sixth field, at character 11.", five},
		{"60 * * * *", "In the field \"minute\", at character 1, 60 is out of range; allowed are 0 to 59.", minute},
		{"0,99999999999999999999 * * * *", "In the field \"minute\", at character 3, 99999999999999999999 is out of range; allowed are 0 to 59.", minute},
		{"0 24 * * *", "In the field \"hour\", at character 3, 24 is out of range; allowed are 0 to 23.", hour},
		{"0 0 0 * *", "In the field \"day of month\", at character 5, 0 is out of range; allowed are 1 to 31, and L for the last day.", day},
		{"0 0 1-32 * *", "In the field \"day of month\", at character 7, 32 is out of range; allowed are 1 to 31, and L for the last day.", day},
		{"0 0 * 13 *", "In the field \"month\", at character 7, 13 is out of range; allowed are 1 to 12, or jan to dec.", month},
		{"0 0 * * 8", "In the field \"day of week\", at character 9, 8 is out of range; allowed are 0 to 7, or sun to sat.", weekday},
		{"every day", "In the field \"minute\", at character 1, \"every\" is not a value; allowed are 0 to 59.", minute},
		{"0 2h * * *", "In the field \"hour\", at character 3, \"2h\" is not a value; allowed are 0 to 23.", hour},
		{"0 +2 * * *", "In the field \"hour\", at character 3, \"+2\" is not a value; allowed are 0 to 23.", hour},
		{"0 0 * january *", "In the field \"month\", at character 7, \"january\" is not a value; allowed are 1 to 12, or jan to dec.", month},
		{"0 0 * mon *", "In the field \"month\", at character 7, \"mon\" is not a value; allowed are 1 to 12, or jan to dec.", month},
		{"0 0 * * ?", "In the field \"day of week\", at character 9, \"?\" is not a value; allowed are 0 to 7, or sun to sat.", weekday},
		{"0 0 * * L", "In the field \"day of week\", at character 9, \"L\" is not a value; allowed are 0 to 7, or sun to sat.", weekday},
		{"0 0 * * \303\244rz", "In the field \"day of week\", at character 9, \"\303\244rz\" is not a value; allowed are 0 to 7, or sun to sat.", weekday},
		{"-1 * * * *", "In the field \"minute\", at character 1, a value is missing; allowed are 0 to 59.", minute},
		{"1- * * * *", "In the field \"minute\", at character 3, a value is missing; allowed are 0 to 59.", minute},
		{"1,,2 * * * *", "In the field \"minute\", at character 3, a value is missing; allowed are 0 to 59.", minute},
		{"1, * * * *", "In the field \"minute\", at character 3, a value is missing; allowed are 0 to 59.", minute},
		{"*/ * * * *", "In the field \"minute\", at character 3, a value is missing; allowed are 0 to 59.", minute},
		{"1-2-3 * * * *", "In the field \"minute\", at character 4, there is a \"-\" where the field or the item should end; allowed are 0 to 59.", minute},
		{"** * * * *", "In the field \"minute\", at character 2, there is a \"*\" where the field or the item should end; allowed are 0 to 59.", minute},
		{"*/2/3 * * * *", "In the field \"minute\", at character 4, there is a \"/\" where the field or the item should end; allowed are 0 to 59.", minute},
		{"0 0 L-3 * *", "In the field \"day of month\", at character 6, there is a \"-\" where the field or the item should end; allowed are 1 to 31, and L for the last day.", day},
		{"0 0 25-L * *", "In the field \"day of month\", at character 8, a range cannot end with L; allowed are 1 to 31, and L for the last day.",
		"Write 31: what the month does not have does not matter."},
		{"*/0 * * * *", "In the field \"minute\", at character 3, the step \"0\" is not a number from 1 to 60.", minute},
		{"*/90 * * * *", "In the field \"minute\", at character 3, the step \"90\" is not a number from 1 to 60.", minute},
		{"0 0 * * */mon", "In the field \"day of week\", at character 11, the step \"mon\" is not a number from 1 to 7.", weekday},
		{"5/15 * * * *", "In the field \"minute\", at character 2, a step follows a single value; allowed are 0 to 59.",
		"Write a range, as in \"5-59/n\"."},
		{"0 22-6 * * *", "In the field \"hour\", at character 3, the range runs backwards; allowed are 0 to 23.",
		"Write \"22-23,0-6\" for a range that goes on from the beginning."},
		{"0 0 * nov-feb *", "In the field \"month\", at character 7, the range runs backwards; allowed are 1 to 12, or jan to dec.",
		"Write \"nov-dec,jan-feb\" for a range that goes on from the beginning."},
		{"0 0 * * fri-mon", "In the field \"day of week\", at character 9, the range runs backwards; allowed are 0 to 7, or sun to sat.",
		"Write \"fri-sun,sun-mon\" for a range that goes on from the beginning."},
		{"0 0 * * 5-1", "In the field \"day of week\", at character 9, the range runs backwards; allowed are 0 to 7, or sun to sat.",
		"Write \"5-7,0-1\" for a range that goes on from the beginning."},
		{"@reboot", "\"@reboot\", at character 1, is not known.", shorthand},
		{" @", "\"@\", at character 2, is not known.", shorthand},
		{"@daily 3", "\"@daily\" stands alone, but there is more at character 8.", shorthand},
		{"0 0 31 2 *", "It never comes: no month of the field \"month\" has the day of month at character 5.", never},
		{"0 0 30,31 feb */2", "It never comes: no month of the field \"month\" has the day of month at character 5.", never},
		{"0 0 31 apr,jun,sep,nov *", "It never comes: no month of the field \"month\" has the day of month at character 5.", never},
	};
	PgbCron		cron;
	char	   *text = palloc(PGB_CRON_LENGTH + 2);

	for (int i = 0; i < lengthof(table); i++)
	{
		const char *expression = table[i].expression;

		raises(ERRCODE_INVALID_PARAMETER_VALUE, psprintf("no expression: \"%s\"", expression),
			   pgb_cron_parse(expression, &cron));
		if (tap_error == NULL)
			continue;
		is_str(tap_error->message, psprintf("invalid cron expression \"%s\"", expression), "its message");
		is_str(tap_error->detail, table[i].detail, "its detail");
		is_str(tap_error->hint, table[i].hint, "its hint");
	}

	memset(text, ' ', PGB_CRON_LENGTH + 1);
	memcpy(text, "@daily", 6);
	text[PGB_CRON_LENGTH] = '\0';
	try(pgb_cron_parse(text, &cron));
	ok(tap_error == NULL, "the longest expression");
	text[PGB_CRON_LENGTH] = ' ';
	text[PGB_CRON_LENGTH + 1] = '\0';
	raises(ERRCODE_INVALID_PARAMETER_VALUE, "a longer one", pgb_cron_parse(text, &cron));
	is_str(tap_error->detail, "It has 257 bytes, and 256 are allowed.", "its detail");
}

/* Any bytes are an expression or an error. */
static void
test_any_bytes(void)
{
	static const char *const pieces[] = {
		"*", "*/", "/", "-", ",", " ", "\t", "0", "1", "2", "7", "31", "59", "60", "L", "l", "@", "@daily",
		"mon", "SUN", "feb", "Dec", "1-5", "*/2", "10-20/3", " * ", " * * ", "\377", "\n", "99999999999",
	};
	PgbCron		cron;
	bool		all_errors = true;
	bool		all_come = true;
	int			accepted = 0;

	for (int i = 0; i < 20000; i++)
	{
		/* its exact size, for the sanitizer to see what is read beyond it */
		char	   *exact;
		StringInfoData text;
		int64		next;

		initStringInfo(&text);
		for (int n = tap_random() % 20; n > 0; n--)
		{
			char		any = (char) (tap_random() % 255 + 1);

			if (i % 4 == 0)
				appendStringInfoChar(&text, any);
			else
				appendStringInfoString(&text, pieces[tap_random() % lengthof(pieces)]);
		}
		exact = pstrdup(text.data);
		pfree(text.data);
		try(pgb_cron_parse(exact, &cron));
		if (tap_error != NULL)
		{
			all_errors = all_errors && tap_error->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE &&
				tap_error->detail != NULL && tap_error->hint != NULL;
			FreeErrorData(tap_error);
		}
		else
		{
			accepted++;
			all_come = all_come && pgb_cron_next(&cron, 0, utc, NULL, &next) && next > 0;
		}
		pfree(exact);
	}
	ok(accepted > 0, psprintf("of 20000 texts %d are expressions", accepted));
	ok(all_come, "each of which comes");
	ok(all_errors, "and the others are errors, with detail and hint");
}

/* ---- the next moment ---- */

static void
test_calendar(void)
{
	static const Zone zone = {NULL, 0, 0};
	static const struct
	{
		const char *expression;
		const char *after;
		const char *next;
	}			table[] =
	{
		{"* * * * *", "2024-02-28 23:59:00", "2024-02-29 00:00, 2024-02-29 00:01"},
		{"* * * * *", "2024-02-28 23:58:59", "2024-02-28 23:59, 2024-02-29 00:00"},
		{"30 2 * * *", "2024-12-31 02:30:00", "2025-01-01 02:30, 2025-01-02 02:30"},
		{"0 0 L * *", "2024-01-31 00:00:00", "2024-02-29 00:00, 2024-03-31 00:00"},
		{"0 0 L feb *", "2024-03-01 00:00:00", "2025-02-28 00:00, 2026-02-28 00:00"},
		{"0 0 L 2 mon", "2026-02-27 00:00:00", "2026-02-28 00:00, 2027-02-01 00:00"},
		{"0 0 31 * *", "2024-01-31 00:00:00", "2024-03-31 00:00, 2024-05-31 00:00"},
		{"0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00, 2108-02-29 00:00"},
		{"0 0 29 2 */7", "2088-02-29 00:00:00", "2128-02-29 00:00, 2156-02-29 00:00"},
		{"0 12 13 * fri", "2024-09-01 00:00:00", "2024-09-06 12:00, 2024-09-13 12:00"},
		{"0 12 */2 * fri", "2024-09-01 00:00:00", "2024-09-13 12:00, 2024-09-27 12:00"},
		{"0 12 1-7 * */7", "2024-09-02 00:00:00", "2024-10-06 12:00, 2024-11-03 12:00"},
		{"0 0 1 1 *", "1969-06-01 00:00:00", "1970-01-01 00:00, 1971-01-01 00:00"},
		{"59 23 31 12 *", "1899-12-31 23:59:00", "1900-12-31 23:59, 1901-12-31 23:59"},
	};
	PgbCron		cron;
	int64		next;

	for (int i = 0; i < lengthof(table); i++)
		is_str(next_moments(table[i].expression, table[i].after, 2, &zone), table[i].next,
			   psprintf("%s after %s", table[i].expression, table[i].after));

	/* Four centuries, after which the calendar begins again. */
	pgb_cron_parse("0 0 29 2 */7", &cron);
	for (int i = 0; i < 400; i++)
	{
		if (!pgb_cron_next(&cron, moment(psprintf("%d-01-01 00:00", 2000 + i)), utc, NULL, &next) ||
			strstr(moment_text(next), "-02-29 00:00") == NULL || next / 86400 % 7 != 3)
		{
			ok(false, psprintf("29 February on a Sunday comes after %d", 2000 + i));
			return;
		}
	}
	ok(true, "29 February on a Sunday comes after each year");
}

static void
test_limits(void)
{
	static const int64 outside[] = {
		PG_INT64_MIN, INT64CONST(-62135596800), (INT64CONST(1) << 42) + 1, PG_INT64_MAX,
	};
	PgbCron		cron;
	int64		next;

	pgb_cron_parse("0 0 29 2 *", &cron);
	for (int i = 0; i < lengthof(outside); i++)
		ok(!pgb_cron_next(&cron, outside[i], utc, NULL, &next),
		   psprintf("nothing comes after " INT64_FORMAT, outside[i]));
	ok(pgb_cron_next(&cron, INT64CONST(1) << 42, utc, NULL, &next) && next < PG_INT64_MAX / 1000000,
	   "the last moment is a timestamp");
	ok(pgb_cron_next(&cron, INT64CONST(-62134992000), utc, NULL, &next), "the first one");
	is_str(moment_text(next), "4-02-29 00:00", "and what comes after it");
}

static void
test_changes(void)
{
	/* all moments are in UTC */
	static const Zone none = {NULL, 345, 345};	/* Kathmandu */
	static const Zone spring = {"2024-03-10 07:00", -300, -240};	/* New York, at 2:00 */
	static const Zone autumn = {"2024-11-03 06:00", -240, -300};	/* at 2:00 */
	static const Zone lord_howe_spring = {"2024-10-05 15:30", 630, 660};	/* at 2:00 */
	static const Zone lord_howe_autumn = {"2024-04-06 15:00", 660, 630};	/* at 2:00 */
	static const Zone midnight = {"2024-03-30 22:00", 120, 180};	/* Beirut, at 0:00 */
	static const Zone midnight_back = {"2018-02-18 02:00", -120, -180}; /* Sao Paulo, at 0:00 */
	static const Zone lost_day = {"2011-12-30 10:00", -600, 840};	/* Apia */
	static const Zone day_twice = {"1969-09-30 12:00", 660, -720};	/* Kwajalein, if it had gone back */
	static const struct
	{
		const char *what;
		const Zone *zone;
		const char *expression;
		const char *after;
		const char *next;
	}			table[] =
	{
		{"an odd offset", &none, "0 0 * * *", "2024-01-01 00:00", "2024-01-01 18:15, 2024-01-02 18:15, 2024-01-03 18:15"},
		{"a lost minute", &spring, "30 2 * * *", "2024-03-09 00:00", "2024-03-09 07:30, 2024-03-10 07:00, 2024-03-11 06:30"},
		{"the first lost minute", &spring, "0 2 * * *", "2024-03-09 08:00", "2024-03-10 07:00, 2024-03-11 06:00, 2024-03-12 06:00"},
		{"the last lost minute", &spring, "59 2 * * *", "2024-03-09 08:00", "2024-03-10 07:00, 2024-03-11 06:59, 2024-03-12 06:59"},
		{"lost minutes are one", &spring, "*/20 2 * * *", "2024-03-09 07:40", "2024-03-10 07:00, 2024-03-11 06:00, 2024-03-11 06:20"},
		{"and one with the minute of the change", &spring, "0 2,3 * * *", "2024-03-09 08:00", "2024-03-10 07:00, 2024-03-11 06:00, 2024-03-11 07:00"},
		{"around the change", &spring, "*/30 * * * *", "2024-03-10 06:00", "2024-03-10 06:30, 2024-03-10 07:00, 2024-03-10 07:30"},
		{"a minute that comes twice", &autumn, "30 1 * * *", "2024-11-02 06:00", "2024-11-03 05:30, 2024-11-04 06:30, 2024-11-05 06:30"},
		{"each minute, in autumn", &autumn, "*/30 * * * *", "2024-11-03 05:00", "2024-11-03 05:30, 2024-11-03 07:00, 2024-11-03 07:30"},
		{"from within the hour that is repeated", &autumn, "30 1 * * *", "2024-11-03 06:10", "2024-11-04 06:30, 2024-11-05 06:30, 2024-11-06 06:30"},
		{"from the repeated minute", &autumn, "* * * * *", "2024-11-03 06:59:59", "2024-11-03 07:00, 2024-11-03 07:01, 2024-11-03 07:02"},
		{"from before the repeated minute", &autumn, "30 1 * * *", "2024-11-03 05:10", "2024-11-03 05:30, 2024-11-04 06:30, 2024-11-05 06:30"},
		{"half an hour is lost", &lord_howe_spring, "*/15 2 * * *", "2024-10-05 15:00", "2024-10-05 15:30, 2024-10-05 15:45, 2024-10-06 15:00"},
		{"half an hour comes twice", &lord_howe_autumn, "*/15 1 * * *", "2024-04-06 13:00", "2024-04-06 14:00, 2024-04-06 14:15, 2024-04-06 14:30"},
		{"and runs once", &lord_howe_autumn, "*/15 1 * * *", "2024-04-06 14:30", "2024-04-06 14:45, 2024-04-07 14:30, 2024-04-07 14:45"},
		{"a lost midnight", &midnight, "@daily", "2024-03-29 00:00", "2024-03-29 22:00, 2024-03-30 22:00, 2024-03-31 21:00"},
		{"a lost midnight of a day that matches alone", &midnight, "0 0 31 3 *", "2024-03-29 00:00", "2024-03-30 22:00, 2025-03-30 21:00, 2026-03-30 21:00"},
		{"midnight after an hour that comes twice", &midnight_back, "@daily", "2018-02-17 00:00", "2018-02-17 02:00, 2018-02-18 03:00, 2018-02-19 03:00"},
		{"a lost day", &lost_day, "0 12 * * *", "2011-12-28 23:00", "2011-12-29 22:00, 2011-12-30 10:00, 2011-12-30 22:00"},
		{"a lost day that matches alone", &lost_day, "*/5 * 30 12 *", "2011-01-01 00:00", "2011-12-30 10:00, 2012-12-29 10:00, 2012-12-29 10:05"},
		{"a lost Friday", &lost_day, "30 23 * * fri", "2011-12-24 11:00", "2011-12-30 10:00, 2012-01-06 09:30, 2012-01-13 09:30"},
		{"a day that comes twice", &day_twice, "0 12 * * *", "1969-09-29 00:00", "1969-09-29 01:00, 1969-09-30 01:00, 1969-10-02 00:00"},
	};

	for (int i = 0; i < lengthof(table); i++)
		is_str(next_moments(table[i].expression, table[i].after, 3, table[i].zone),
			   table[i].next, table[i].what);
}

/* A wrong offset gives a wrong moment, but it gives one, and a later one. */
static int
wild_offset(void *arg, int64 at)
{
	return (int) (tap_random() % (2 * 86400)) - 86400;
}

static void
test_wild_zone(void)
{
	PgbCron		cron;
	int64		at = 0;
	bool		later = true;

	pgb_cron_parse("*/7 * * * *", &cron);
	for (int i = 0; i < 1000; i++)
	{
		int64		next;

		later = later && pgb_cron_next(&cron, at, wild_offset, NULL, &next) && next > at;
		at = next;
	}
	ok(later, "a zone without sense does no harm");
}

/* ---- how long it takes ---- */

static double
microseconds(const char *expression)
{
	enum
	{
		ROUNDS = 1000
	};
	PgbCron		cron;
	int64		at = moment("2088-03-01 00:00");
	int64		next;
	clock_t		start = clock();

	pgb_cron_parse(expression, &cron);
	for (int i = 0; i < ROUNDS; i++)
		pgb_cron_next(&cron, at + i, utc, NULL, &next);
	return (double) (clock() - start) / CLOCKS_PER_SEC * 1000000 / ROUNDS;
}

static void
test_speed(void)
{
	static const char *const expressions[] = {"* * * * *", "30 2 * * mon-fri", "0 0 L * *", "0 0 29 2 */7"};

	for (int i = 0; i < lengthof(expressions); i++)
	{
		double		took = microseconds(expressions[i]);

		ok(took < 5000, psprintf("the next moment of %s: %.2f us", expressions[i], took));
	}
}

int
main(void)
{
	test_sets();
	test_errors();
	test_any_bytes();
	test_calendar();
	test_limits();
	test_changes();
	test_wild_zone();
	test_speed();
	return done_testing();
}
