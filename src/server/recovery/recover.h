/*-------------------------------------------------------------------------
 *
 * recover.h
 *	  Tables as they were at a moment, as a logical backup of their own.
 *
 * A backend asks for tables and a target.  A job (PGB_TASK_RECOVER) finds them as they were
 * called at that moment, makes a sandbox, writes what it holds of them as a logical backup into a
 * scratch repository, and ends.  The backend stages from that as from any other, and removes it.
 *
 *	  recover.c           the job, and the order of things
 *	  recover_call.c      the backend: request and result
 *	  recover_request.c   the request as JSON
 *	  recover_scratch.c   the scratch directory of one recovery
 *	  recover_route.c     the backup and the WAL, also that which is not archived yet
 *	  recover_find.c      which relations: before there is a sandbox, and in it
 *	  recover_query.c     SQL in a sandbox
 *	  recover_dump.c      from the sandbox to a logical backup
 *	  recover_plan.c      pgbackup_plan_restore: what it would take
 *
 * src/server/recovery/recover.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RECOVER_H
#define PGB_RECOVER_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "repo/window.h"
#include "server/shmem.h"

/* A table by its name at that moment. */
typedef struct PgbRecoverName
{
	char	   *schema;			/* NULL: to be searched for */
	char	   *name;
} PgbRecoverName;

typedef struct PgbRecoverRequest
{
	List	   *names;			/* of PgbRecoverName */
	List	   *oids;			/* and tables by their OIDs, where a name is not known or not the point */
	List	   *search_path;	/* of char *: schemas, for names without one */
	PgbTarget	target;			/* PGB_TARGET_TIME or PGB_TARGET_LSN: see pgb_recover_target() */
	char	   *backup;			/* the base backup to begin with; NULL or PGB_LATEST: the newest
								 * that leads there */
	int			jobs;
} PgbRecoverRequest;

typedef struct PgbRecovered
{
	PgbRepository *repository;	/* the scratch one */
	PgbManifest *manifest;		/* as_of and start_lsn are the moment that was reached */
	char	   *backup;			/* the base backup that it was recovered from */
	char	   *schema_toc;		/* the table of contents of the whole database at that moment,
								 * without rows: pg_dump --schema-only, in the database's encoding */
	size_t		schema_toc_length;
	struct PgbScratch *scratch;
} PgbRecovered;

/*
 * The moments as SQL functions take them: all that was committed at this time or before it; all WAL before
 * this LSN.  What is no moment at all raises ERRCODE_INVALID_PARAMETER_VALUE.
 */
extern PgbTarget pgb_recover_target_time(TimestampTz at);
extern PgbTarget pgb_recover_target_lsn(XLogRecPtr at);

/* Of two arguments of a function, by their numbers, the one that is not null; false if both are.  Two raise. */
extern bool pgb_recover_target_argument(FunctionCallInfo fcinfo, int at, int at_lsn, PgbTarget *target);

/* A name as SQL writes it; raises ERRCODE_INVALID_NAME. */
extern PgbRecoverName *pgb_recover_name(const char *relation);

/* The schemas of the caller's search path, as PgbRecoverRequest has them. */
extern List *pgb_recover_search_path(void);

/*
 * Runs the job and waits for it, as pgb_run_job() does.  Raises what the job has failed with: a target that cannot be
 * reached, with the window (ERRCODE_INVALID_PARAMETER_VALUE); a table that did not exist then
 * (ERRCODE_UNDEFINED_TABLE)...  The scratch directory goes with the current memory context.
 */
extern PgbRecovered *pgb_recover(const PgbRecoverRequest *request);

/* Before that, for it takes room.  NULL is fine. */
extern void pgb_recovered_release(PgbRecovered *recovered);

/*
 * The launcher: removes what dead recoveries have left.  Returns when to be called again: as long as anything
 * is there it tries again and again, at ever longer intervals; DT_NOEND when all is clean.  Raises nothing.
 */
extern TimestampTz pgb_recover_clean(void);

/* Why no recovery can be made in the scratch directory, which the first one makes; NULL if it can. */
extern const char *pgb_scratch_trouble(void);

/*
 * The names of scratch directories whose recoveries have died, and of those of other clusters: Lists of
 * char *.  Waits for nothing, removes nothing.
 */
extern void pgb_recover_leftovers(List **dead, List **foreign);

/* The functions of the task PGB_TASK_RECOVER: see task.h. */
extern void *pgb_recover_create(PgbJobRef job, char *request);
extern void pgb_recover_run(void *state);
extern void pgb_recover_cleanup(void *state);

#endif							/* PGB_RECOVER_H */
