/*-------------------------------------------------------------------------
 *
 * recover.h
 *	  Tables as they were at a moment, as a logical backup of their own.
 *
 * A backend asks for tables and a target.  A job (PGB_TASK_RECOVER) finds them as they were
 * called at that moment, makes a sandbox, writes what it holds of them as a logical backup into a
 * scratch repository, and ends.  The backend stages from that as from any other, and removes it.
 *
 * The scratch directory of one recovery:
 *
 *	  <pgbackup.scratch_directory>/pgbackup-<system identifier>-<number>/
 *		  lock			shared by the backend and the job for as long as they live; whoever can
 *						lock it alone removes the directory
 *		  sandbox/		the job's; gone when it ends
 *		  repository/	the scratch repository
 *
 * src/server/recovery/recover.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RECOVER_H
#define PGB_RECOVER_H

#include "nodes/pg_list.h"
#include "repo/window.h"
#include "server/shmem.h"

typedef struct PgbRecoverRequest
{
	List	   *relations;		/* Strings: names as SQL writes them, each qualified or to be searched in
								 * the caller's search path at that moment */
	List	   *oids;			/* or their OIDs, where a name is not known or not the point (undrop) */
	PgbTarget	target;			/* PGB_TARGET_TIME or PGB_TARGET_LSN */
	bool		whole_schema;	/* the archive's table of contents has everything in the database, not
								 * only the tables (for undrop with cascade) */
} PgbRecoverRequest;

typedef struct PgbRecovered
{
	PgbRepository *repository;	/* the scratch one */
	PgbManifest *manifest;		/* as_of and start_lsn are the moment that was reached */
	char	   *backup;			/* the base backup that it was recovered from */
	struct PgbScratch *scratch;
} PgbRecovered;

/*
 * Runs the job and waits for it, as pgb_run_job() does.  Raises what the job has failed with: a target that cannot be
 * reached, with the window; a table that did not exist then...  The scratch directory goes with
 * the current memory context.
 */
extern PgbRecovered *pgb_recover(const PgbRecoverRequest *request);

/* Before that, for it takes room.  NULL is fine. */
extern void pgb_recovered_release(PgbRecovered *recovered);

/* The functions of the task PGB_TASK_RECOVER: see task.h. */
extern void *pgb_recover_create(PgbJobRef job, char *request);
extern void pgb_recover_run(void *state);
extern void pgb_recover_cleanup(void *state);

#endif							/* PGB_RECOVER_H */
