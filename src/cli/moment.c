/*-------------------------------------------------------------------------
 *
 * moment.c
 *	  A moment as people write it: "2026-02-19 15:30", with or without a zone.
 *
 * src/cli/moment.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include <time.h>

#include "datatype/timestamp.h"

#define POSTGRES_EPOCH	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)

static void
skip_spaces(const char **text)
{
	while (**text == ' ')
		(*text)++;
}

/* Up to max digits, at least min; false when there are not so many. */
static bool
read_number(const char **text, int min, int max, int *value)
{
	int			digits = 0;

	*value = 0;
	while (digits < max && **text >= '0' && **text <= '9')
	{
		*value = *value * 10 + (*(*text)++ - '0');
		digits++;
	}
	return digits >= min;
}

static bool
read_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* ".123456"; more digits than microseconds have are not dropped in silence. */
static bool
read_fraction(const char **text, int *micros)
{
	int			digits = 0;

	*micros = 0;
	for (; **text >= '0' && **text <= '9'; digits++)
	{
		if (digits >= 6)
			return false;
		*micros = *micros * 10 + (*(*text)++ - '0');
	}
	for (int i = digits; i < 6; i++)
		*micros *= 10;
	return digits > 0;
}

static bool
read_date(const char **text, struct tm *tm)
{
	if (!read_number(text, 4, 4, &tm->tm_year) || !read_char(text, '-') ||
		!read_number(text, 1, 2, &tm->tm_mon) || !read_char(text, '-') ||
		!read_number(text, 1, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return true;
}

static bool
read_time(const char **text, struct tm *tm, int *micros)
{
	if (!read_number(text, 1, 2, &tm->tm_hour) || !read_char(text, ':') ||
		!read_number(text, 2, 2, &tm->tm_min))
		return false;
	if (read_char(text, ':') && !read_number(text, 2, 2, &tm->tm_sec))
		return false;
	return !read_char(text, '.') || read_fraction(text, micros);
}

typedef enum ZoneKind
{
	ZONE_LOCAL,
	ZONE_OFFSET,
	ZONE_WRONG
} ZoneKind;

/* "Z", "UTC", "+01", "-0330", "+05:30", or nothing: seconds east of Greenwich. */
static ZoneKind
read_zone(const char **text, int *offset)
{
	static const char *const universal[] = {"Z", "UTC", "GMT"};
	int			hours;
	int			minutes = 0;
	int			sign = 1;

	*offset = 0;
	if (**text == '\0')
		return ZONE_LOCAL;
	for (int i = 0; i < lengthof(universal); i++)
	{
		if (pg_strcasecmp(*text, universal[i]) == 0)
		{
			*text += strlen(universal[i]);
			return ZONE_OFFSET;
		}
	}

	if (read_char(text, '-'))
		sign = -1;
	else if (!read_char(text, '+'))
		return ZONE_WRONG;
	if (!read_number(text, 1, 2, &hours))
		return ZONE_WRONG;
	if ((read_char(text, ':') || **text != '\0') && !read_number(text, 2, 2, &minutes))
		return ZONE_WRONG;
	if (hours > 15 || minutes > 59)
		return ZONE_WRONG;
	*offset = sign * (hours * 3600 + minutes * 60);
	return ZONE_OFFSET;
}

/* Was it changed because there is no such date or time? */
static bool
is_same(const struct tm *one, const struct tm *two)
{
	return one->tm_year == two->tm_year && one->tm_mon == two->tm_mon &&
		one->tm_mday == two->tm_mday && one->tm_hour == two->tm_hour &&
		one->tm_min == two->tm_min && one->tm_sec == two->tm_sec;
}

bool
cli_parse_moment(const char *text, int64 *moment)
{
	struct tm	tm = {0};
	struct tm	normal;
	int			micros = 0;
	int			offset;
	ZoneKind	zone;
	time_t		seconds;

	skip_spaces(&text);
	if (!read_date(&text, &tm))
		return false;
	if (*text == 'T' || *text == ' ')
	{
		text++;
		skip_spaces(&text);
		if (*text >= '0' && *text <= '9' && !read_time(&text, &tm, &micros))
			return false;
	}
	skip_spaces(&text);
	zone = read_zone(&text, &offset);
	skip_spaces(&text);
	if (zone == ZONE_WRONG || *text != '\0')
		return false;

	normal = tm;
	if (zone == ZONE_LOCAL)
	{
		normal.tm_isdst = -1;
		seconds = mktime(&normal);
	}
	else
		seconds = timegm(&normal);
	if (!is_same(&tm, &normal))
		return false;
	*moment = ((int64) seconds - offset - POSTGRES_EPOCH) * USECS_PER_SEC + micros;
	return true;
}
