/*-------------------------------------------------------------------------
 *
 * check.h
 *	  The health of a repository, as far as it can be seen from the repository alone.
 *
 * src/repo/check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CHECK_H
#define PGB_CHECK_H

#include "repo/repository.h"

typedef enum PgbCheckStatus
{
	PGB_CHECK_OK,
	PGB_CHECK_WARN,				/* somebody should look at it */
	PGB_CHECK_FAIL				/* something could not be restored now */
} PgbCheckStatus;

extern const char *pgb_check_status_name(PgbCheckStatus status);

typedef struct PgbCheck
{
	PgbRepository *repository;
	int64		max_age;		/* a newest backup that is older is a warning (in microseconds); 0: none is */

	/* called for each finding; the texts are palloc'd or constant, hint may be NULL */
	void		(*report) (void *arg, const char *name, PgbCheckStatus status,
						   const char *detail, const char *hint);
	void	   *arg;

	/* what the checks share */
	int			nentries;
	PgbCatalogEntry *entries;
} PgbCheck;

/*
 * Runs all checks.  What a check raises is a finding of that check, PGB_CHECK_FAIL;
 * cancellation is raised on.
 */
extern void pgb_check(PgbCheck *check);

#endif							/* PGB_CHECK_H */
