/*-------------------------------------------------------------------------
 *
 * health.h
 *	  Is all well with the backups of this server?
 *
 * A check looks at one thing, and reports one or more findings.  It waits for no lock and
 * reads no content; what it raises is a finding, too.  What the repository alone can tell is
 * in repo/check.h, and the same for the program.
 *
 *	  health.c          the table of the checks, and their findings as SQL sees them
 *	  health_server.c   how the server is set up
 *	  health_program.c  the programs that are called, and their connection
 *	  health_place.c    the places: repository, other clusters, scratch directory
 *	  health_archive.c  the archive of the WAL
 *	  health_run.c      schedules, and runs
 *
 * src/server/health/health.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_HEALTH_H
#define PGB_HEALTH_H

#include "nodes/pg_list.h"
#include "repo/check.h"

typedef struct PgbFinding
{
	const char *name;			/* of the check */
	PgbCheckStatus status;
	char	   *detail;
	char	   *hint;			/* or NULL */
} PgbFinding;

typedef struct PgbHealth
{
	PgbCheck	repository;		/* with no repository and no entries, if it cannot be read */
	const char *name;			/* of the check that runs */
	List	   *findings;		/* of PgbFinding */
} PgbHealth;

/* A finding of the check that runs.  detail is a whole sentence; hint may be NULL. */
extern void pgb_health_report(PgbHealth *health, PgbCheckStatus status, const char *detail,
							  const char *hint);

/* ---- the checks, for the table in health.c ---- */

/* health_server.c */
extern void pgb_health_preload(PgbHealth *health);
extern void pgb_health_workers(PgbHealth *health);
extern void pgb_health_data_checksums(PgbHealth *health);
extern void pgb_health_retention(PgbHealth *health);

/* health_program.c */
extern void pgb_health_programs(PgbHealth *health);
extern void pgb_health_connection(PgbHealth *health);

/* health_place.c */
extern void pgb_health_file_system(PgbHealth *health);
extern void pgb_health_clusters(PgbHealth *health);
extern void pgb_health_scratch(PgbHealth *health);

/* health_archive.c */
extern void pgb_health_archive(PgbHealth *health);

/* health_run.c */
extern void pgb_health_schedules(PgbHealth *health);
extern void pgb_health_runs(PgbHealth *health);

#endif							/* PGB_HEALTH_H */
