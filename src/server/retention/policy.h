/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  How many backups are kept: the text of the settings pgbackup.retention_*.
 *
 * Words with blanks between them, each at most once, in any order:
 *
 *	last=2		the newest two
 *	daily=7		the newest one of each day, for seven days that have one
 *	weekly=4	the same for weeks, which begin on Monday,
 *	monthly=12	for months,
 *	yearly=3	and for years
 *
 * An empty text: nothing is removed.
 *
 * These functions are pure, and the unit tests compile them without a server.
 *
 * src/server/retention/policy.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_POLICY_H
#define PGB_POLICY_H

typedef enum PgbPeriod
{
	PGB_PERIOD_DAY,
	PGB_PERIOD_WEEK,
	PGB_PERIOD_MONTH,
	PGB_PERIOD_YEAR
} PgbPeriod;

#define PGB_PERIODS		(PGB_PERIOD_YEAR + 1)

/* The most that a word can ask for. */
#define PGB_POLICY_MAX	100000

typedef struct PgbPolicy
{
	bool		is_set;			/* false: nothing is removed */
	int			last;
	int			periods[PGB_PERIODS];
} PgbPolicy;

/* Returns NULL, or what is wrong with the text: a whole sentence, palloc'd. */
extern char *pgb_policy_parse(const char *text, PgbPolicy *policy);

#endif							/* PGB_POLICY_H */
