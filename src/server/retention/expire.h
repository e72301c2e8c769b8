/*-------------------------------------------------------------------------
 *
 * expire.h
 *	  The removal of backups, and of WAL, that are not kept any longer.
 *
 * src/server/retention/expire.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_EXPIRE_H
#define PGB_EXPIRE_H

#include "nodes/pg_list.h"

/* What is done with a backup, or with WAL (backup is NULL). */
typedef struct PgbExpired
{
	const char *backup;
	bool		removed;		/* or would be */
	char	   *reason;			/* palloc'd */
} PgbExpired;

/* Is there a policy at all? */
extern bool pgb_retention_is_set(void);

/*
 * Decides, and removes unless dry_run; gives a List of PgbExpired, the oldest first and
 * WAL last.  A backup that somebody begins to read meanwhile stays.  Raises what the repository raises;
 * what was removed until then is gone.
 */
extern List *pgb_expire(bool dry_run);

#endif							/* PGB_EXPIRE_H */
