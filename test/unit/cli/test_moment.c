/*-------------------------------------------------------------------------
 *
 * test_moment.c
 *	  Moments as people write them.
 *
 * test/unit/cli/test_moment.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <time.h>

#include "cli/cli.h"

/* What is understood, as UTC; or "wrong". */
static void
means(const char *text, const char *wanted)
{
	int64		moment;

	is_str(cli_parse_moment(text, &moment) ? pgb_time_to_text(moment) : "wrong", wanted,
		   psprintf("\"%s\"", text));
}

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

int
main(int argc, char **argv)
{
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");

	means("2026-02-19 15:30:00+01", "2026-02-19T14:30:00.000000Z");
	means("2026-02-19 15:30:00-0330", "2026-02-19T19:00:00.000000Z");
	means("2026-02-19T15:30:00.5+05:30", "2026-02-19T10:00:00.500000Z");
	means("2026-02-19 15:30:00 UTC", "2026-02-19T15:30:00.000000Z");
	means("2026-02-19 15:30Z", "2026-02-19T15:30:00.000000Z");
	means(" 2026-2-9 5:30:01.123456 gmt ", "2026-02-09T05:30:01.123456Z");
	means("1999-12-31 23:59:59.999999Z", "1999-12-31T23:59:59.999999Z");
	means("2024-02-29", "2024-02-28T23:00:00.000000Z");
	means("2026-02-19 15:30", "2026-02-19T14:30:00.000000Z");
	means("2026-07-19 15:30", "2026-07-19T13:30:00.000000Z");
	means("2026-02-19 +00", "2026-02-19T00:00:00.000000Z");

	means("", "wrong");
	means("now", "wrong");
	means("2026-02-29 00:00Z", "wrong");
	means("2026-13-01", "wrong");
	means("2026-02-19 24:30Z", "wrong");
	means("2026-02-19 15:60Z", "wrong");
	means("2026-02-19 15", "wrong");
	means("2026-02-19 15:30:00 CET", "wrong");
	means("2026-02-19 15:30:00+16", "wrong");
	means("2026-02-19 15:30:00+1:7", "wrong");
	means("2026-02-19 15:30:00.1234567Z", "wrong");
	means("2026-02-19 15:30:00Z and more", "wrong");
	means("26-02-19", "wrong");

	/* the clock is put forward: this hour is left out */
	means("2026-03-29 02:30", "wrong");
	return done_testing();
}
