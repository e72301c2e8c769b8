/*-------------------------------------------------------------------------
 *
 * check.h
 *	  The health of a repository, as far as it can be seen from the repository alone.
 *
 *	  check.c           the table of the checks, and the place itself
 *	  check_backups.c   the backups
 *	  check_wal.c       what can be recovered with the archived WAL
 *
 * src/repo/check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CHECK_H
#define PGB_CHECK_H

#include "repo/repository.h"

/* A clock that differs by less is right. */
#define PGB_CLOCK_TOLERANCE		(INT64CONST(300) * 1000000)

typedef enum PgbCheckStatus
{
	PGB_CHECK_OK,
	PGB_CHECK_WARN,				/* somebody should look at it */
	PGB_CHECK_FAIL				/* something could not be restored, or not be backed up, now */
} PgbCheckStatus;

extern const char *pgb_check_status_name(PgbCheckStatus status);

typedef struct PgbCheck
{
	PgbRepository *repository;
	int64		max_age;		/* a newest backup that is older is a warning (in microseconds); 0: none is */

	/*
	 * Called for each finding; the texts are palloc'd or constant, hint may be NULL.  Names of databases
	 * in them are UTF-8.
	 */
	void		(*report) (void *arg, const char *name, PgbCheckStatus status,
						   const char *detail, const char *hint);
	void	   *arg;

	/* what the checks share; set by pgb_check() */
	int			nentries;
	PgbCatalogEntry *entries;
} PgbCheck;

/*
 * Runs all checks.  What a check raises is a finding of that check, PGB_CHECK_FAIL;
 * cancellation is raised on, and so is a catalog that cannot be read.
 */
extern void pgb_check(PgbCheck *check);

/* Is there a base backup that is whole? */
extern bool pgb_check_has_base_backup(const PgbCheck *check);

/* "5 hours", "3 days": an age in microseconds, for people; palloc'd. */
extern char *pgb_check_age_text(int64 age);

/* ---- the checks, for the table in check.c ---- */

extern void pgb_check_report(PgbCheck *check, const char *name, PgbCheckStatus status,
							 const char *detail, const char *hint);

/* check_backups.c */
extern void pgb_check_backups(PgbCheck *check, const char *name);
extern void pgb_check_age(PgbCheck *check, const char *name);
extern void pgb_check_proofs(PgbCheck *check, const char *name);
extern void pgb_check_clock(PgbCheck *check, const char *name);
extern void pgb_check_leftovers(PgbCheck *check, const char *name);
extern void pgb_check_room(PgbCheck *check, const char *name);

/* check_wal.c */
extern void pgb_check_windows(PgbCheck *check, const char *name);
extern void pgb_check_gaps(PgbCheck *check, const char *name);
extern void pgb_check_latest(PgbCheck *check, const char *name);

#endif							/* PGB_CHECK_H */
