/*-------------------------------------------------------------------------
 *
 * time_text.c
 *	  Moments as a manifest has them: ISO 8601, in UTC, with microseconds.
 *
 * src/repo/time_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/manifest.h"

#include <time.h>

#include "datatype/timestamp.h"

#define POSTGRES_EPOCH	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)

char *
pgb_time_to_text(int64 moment)
{
	int64		micros = moment % USECS_PER_SEC;
	time_t		seconds;
	struct tm	tm;
	char		text[64];

	if (micros < 0)
		micros += USECS_PER_SEC;
	seconds = (moment - micros) / USECS_PER_SEC + POSTGRES_EPOCH;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return psprintf("%s.%06dZ", text, (int) micros);
}

int64
pgb_time_from_text(const char *text, const char *what)
{
	struct tm	tm = {0};
	int			micros = 0;
	int			length = 0;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n",
			   &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micros, &length) == 7 &&
		tm.tm_year >= 1900 && tm.tm_year <= 9999 && length == strlen(text))
	{
		int64		moment;

		tm.tm_year -= 1900;
		tm.tm_mon -= 1;
		moment = ((int64) timegm(&tm) - POSTGRES_EPOCH) * USECS_PER_SEC + micros;

		/* What is written otherwise, or is no date, does not come back. */
		if (strcmp(pgb_time_to_text(moment), text) == 0)
			return moment;
	}

	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read \"%s\"", what),
			 errdetail("\"%s\" is not a time.", text)));
	return 0;					/* not reached */
}
