/*-------------------------------------------------------------------------
 *
 * cron_next.c
 *	  When a cron expression comes next.
 *
 * Two steps: the next matching minute of the local clock, which is a matter of
 * the calendar alone, and then its moment in UTC, which is a matter of the zone
 * alone.
 *
 * The local clock is counted from 0001-01-01 00:00, a Monday, in the Gregorian
 * calendar: thus no number here is negative.
 *
 * src/server/cron_next.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/cron.h"

#define SECONDS_PER_MINUTE	60
#define MINUTES_PER_HOUR	60
#define HOURS_PER_DAY		24
#define MINUTES_PER_DAY		(HOURS_PER_DAY * MINUTES_PER_HOUR)
#define SECONDS_PER_DAY		(MINUTES_PER_DAY * SECONDS_PER_MINUTE)
#define MONTHS_PER_YEAR		12
#define DAYS_IN_400_YEARS	146097

/* 1970-01-01 on the local clock, in seconds */
#define UNIX_EPOCH			(INT64CONST(719162) * SECONDS_PER_DAY)

/* No moment before the year 1, even two days earlier and in any zone. */
#define EARLIEST			(-UNIX_EPOCH + 7 * SECONDS_PER_DAY)
#define LATEST				(INT64CONST(1) << 42)

/*
 * No date lets us wait longer than 29 February on one day of the week: when a
 * century without a leap year comes between, it takes 40 years.
 */
#define LONGEST_WAIT		40

/* Seven bits, six times: what is true of a weekday, for 42 days. */
#define SIX_WEEKS			UINT64CONST(0x0000000810204081)

typedef struct Date
{
	int64		year;
	int			month;
	int			day;
} Date;

/* ---- the calendar ---- */

static bool
is_leap_year(int64 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
month_length(int64 year, int month)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return lengths[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
}

static int64
days_before_year(int64 year)
{
	int64		past = year - 1;

	return past * 365 + past / 4 - past / 100 + past / 400;
}

static int64
days_before_month(int64 year, int month)
{
	int64		days = days_before_year(year);

	while (--month > 0)
		days += month_length(year, month);
	return days;
}

static Date
date_of_day(int64 day)
{
	Date		date;

	/* The average length of a year misses by one at most. */
	date.year = day * 400 / DAYS_IN_400_YEARS + 1;
	while (days_before_year(date.year) > day)
		date.year--;
	while (days_before_year(date.year + 1) <= day)
		date.year++;

	day -= days_before_year(date.year);
	for (date.month = 1; day >= month_length(date.year, date.month); date.month++)
		day -= month_length(date.year, date.month);
	date.day = (int) day + 1;
	return date;
}

/* ---- the next matching minute of the local clock ---- */

/* The smallest member of a set that is not less than a number, or -1. */
static int
first_member(uint64 set, int from)
{
	for (; from < 64 && set >> from != 0; from++)
	{
		if (set >> from & 1)
			return from;
	}
	return -1;
}

/* The days of a month that match, as a set. */
static uint64
matching_days(const PgbCron *cron, int64 year, int month)
{
	int			length = month_length(year, month);
	int			first_weekday = (days_before_month(year, month) + 1) % 7;
	uint64		by_month = cron->days;
	uint64		by_week = cron->weekdays * SIX_WEEKS >> first_weekday << 1;

	if ((cron->months >> month & 1) == 0)
		return 0;
	if (cron->last_day)
		by_month |= UINT64CONST(1) << length;
	return (cron->either_day ? by_month | by_week : by_month & by_week) &
		((UINT64CONST(2) << length) - 2);
}

/* The first matching day, this one or a later one. */
static bool
next_day(const PgbCron *cron, int64 day, int64 *match)
{
	Date		date = date_of_day(day);

	for (int i = 0; i <= LONGEST_WAIT * MONTHS_PER_YEAR; i++)
	{
		int			found = first_member(matching_days(cron, date.year, date.month), date.day);

		if (found > 0)
		{
			*match = days_before_month(date.year, date.month) + found - 1;
			return true;
		}
		date.day = 1;
		if (++date.month > MONTHS_PER_YEAR)
		{
			date.month = 1;
			date.year++;
		}
	}
	return false;
}

/* The first matching minute of a day, this one or a later one, or -1. */
static int
next_minute_of_day(const PgbCron *cron, int minute_of_day)
{
	int			minute = minute_of_day % MINUTES_PER_HOUR;

	for (int hour = minute_of_day / MINUTES_PER_HOUR; hour < HOURS_PER_DAY; hour++)
	{
		int			found = (cron->hours >> hour & 1) ? first_member(cron->minutes, minute) : -1;

		if (found >= 0)
			return hour * MINUTES_PER_HOUR + found;
		minute = 0;
	}
	return -1;
}

/* The first matching minute, this one or a later one. */
static bool
next_minute(const PgbCron *cron, int64 minute, int64 *match)
{
	int64		today = minute / MINUTES_PER_DAY;
	int64		day;

	if (!next_day(cron, today, &day))
		return false;
	if (day == today)
	{
		int			found = next_minute_of_day(cron, minute % MINUTES_PER_DAY);

		if (found >= 0)
		{
			*match = day * MINUTES_PER_DAY + found;
			return true;
		}
		if (!next_day(cron, today + 1, &day))
			return false;
	}
	*match = day * MINUTES_PER_DAY + next_minute_of_day(cron, 0);
	return true;
}

/* ---- from the local clock to UTC ---- */

/*
 * The first moment at which the local clock, in unix seconds as if it were
 * UTC, shows this or more.
 */
static int64
first_moment(int64 local, PgbZoneOffset offset, void *zone)
{
	int64		low = local - SECONDS_PER_DAY;
	int64		high = local + SECONDS_PER_DAY;
	int			before = offset(zone, low);
	int			after = offset(zone, high);

	/*
	 * No zone is a day away from UTC, hence the moment is between low and
	 * high.  Of two moments that show the same, the one with the older offset
	 * is the first.
	 */
	if (offset(zone, local - before) == before)
		return local - before;
	if (offset(zone, local - after) == after)
		return local - after;

	/* The clock jumps over it: find the jump. */
	while (high - low > 1)
	{
		int64		middle = low + (high - low) / 2;

		if (middle + offset(zone, middle) < local)
			low = middle;
		else
			high = middle;
	}
	return high;
}

bool
pgb_cron_next(const PgbCron *cron, int64 after,
			  PgbZoneOffset offset, void *zone, int64 *next)
{
	int64		minute;

	if (after < EARLIEST || after > LATEST)
		return false;
	minute = (after + offset(zone, after) + UNIX_EPOCH) / SECONDS_PER_MINUTE;

	/* Minutes that the clock has shown before it was set back are over. */
	do
	{
		if (!next_minute(cron, minute + 1, &minute))
			return false;
		*next = first_moment(minute * SECONDS_PER_MINUTE - UNIX_EPOCH, offset, zone);
	} while (*next <= after);
	return true;
}
