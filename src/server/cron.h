/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  Cron expressions: what they say, and when they come next.
 *
 * Five fields with blanks between them:
 *
 *	minute			0 to 59
 *	hour			0 to 23
 *	day of month	1 to 31, and L for the last day
 *	month			1 to 12, or jan to dec
 *	day of week		0 to 7, or sun to sat; 0 and 7 are Sunday
 *
 * A field is a list of items with commas between them: "*", a value, a range
 * "a-b", and with a step "*" "/n" or "a-b/n".  L stands alone, and so does a
 * value: "a/n", of which programs have different opinions, is an error.  A
 * range does not run backwards, but it may end with Sunday (fri-sun).  A step
 * is not greater than the field's number of values: every 90 minutes cannot be
 * said in a field.
 *
 * When day of month and day of week both begin with something other than "*",
 * a day matches if either does; otherwise both must match, as in cron(5).
 *
 * @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually stand
 * for five fields.  Upper and lower case are the same everywhere.
 *
 * These functions are pure: they know neither the clock nor the time zones,
 * and the unit tests compile them without a server.
 *
 * src/server/cron.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CRON_H
#define PGB_CRON_H

/* The longest expression, in bytes. */
#define PGB_CRON_LENGTH		256

/* All sets are bit masks: bit n is the value n. */
typedef struct PgbCron
{
	uint64		minutes;
	uint32		hours;
	uint32		days;			/* of the month; bit 0 is not used */
	uint16		months;			/* bit 0 is not used */
	uint8		weekdays;		/* bit 0 is Sunday, and there is no bit 7 */
	bool		last_day;		/* also the last day of the month */
	bool		either_day;		/* one of days and weekdays is enough */
} PgbCron;

/*
 * Raises ERRCODE_INVALID_PARAMETER_VALUE for what is no expression, and for
 * one that never comes (31 February): what it accepts comes again and again.
 */
extern void pgb_cron_parse(const char *text, PgbCron *cron);

/*
 * The seconds east of UTC that are in force in a zone at a moment, which is in
 * seconds since 1970-01-01 00:00:00 UTC.  Asked for moments up to two days
 * around those of pgb_cron_next().
 */
typedef int (*PgbZoneOffset) (void *zone, int64 moment);

/*
 * The first moment after another one (both in unix seconds) at which an
 * expression is due.  It is a whole minute of the zone's clock, hence of UTC
 * wherever the zone is whole minutes away from it.
 *
 * Each matching minute of the local clock is due once: at the first moment at
 * which the clock shows it or a later one.  A minute that the clock jumps over
 * is due when it has jumped, together with all others in the gap; one that the
 * clock shows twice is due the first time.
 *
 * False only when `after` is before the year 1 or so late (year 140,000) that
 * the next moment might be no TimestampTz.
 */
extern bool pgb_cron_next(const PgbCron *cron, int64 after,
						  PgbZoneOffset offset, void *zone, int64 *next);

#endif							/* PGB_CRON_H */
