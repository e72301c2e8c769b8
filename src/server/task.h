/*-------------------------------------------------------------------------
 *
 * task.h
 *	  What a job can be: each kind of work, and the functions that do it.
 *
 * To add one: name it in PgbTask, and fill its row in task.c.
 *
 * src/server/task.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_TASK_H
#define PGB_TASK_H

#include "server/shmem.h"

typedef struct PgbTaskOps
{
	const char *name;			/* in pgbackup_runs, pgbackup_progress, and as an argument */
	const char *noun;			/* in messages: "the backup was canceled" */
	const char *leavings;		/* what is left when it has failed, as a sentence */
	bool		is_backup;		/* is it one that pgbackup_run() can be asked for? */
	bool		is_scheduled;	/* is it one that schedules can be of? */

	/*
	 * In the job's worker, connected to the database of the job.  What create returns is
	 * allocated in the current memory context, which lives until cleanup; so does the
	 * request, which is JSON.  run makes transactions of its own, and raises what goes
	 * wrong; when it returns, the result is durable.  cleanup comes after any end, with
	 * the transaction gone: it stops the children and removes what is not complete; it may
	 * be called more than once, and raises nothing.
	 */
	void	   *(*create) (PgbJobRef job, char *request);
	void		(*run) (void *state);
	void		(*cleanup) (void *state);

	/*
	 * After run has returned, for a task that has something to say of its success: sets
	 * result->message, and result->detail if who waits should read it.  May be NULL.
	 */
	void		(*report) (void *state, PgbJobResult *result);
} PgbTaskOps;

extern const PgbTaskOps *pgb_task_ops(PgbTask task);

/* The task that makes backups of this kind; raises ERRCODE_INVALID_PARAMETER_VALUE with a hint. */
extern PgbTask pgb_task_of_backup(const char *kind);

/* The task of a schedule of this kind; raises the same. */
extern PgbTask pgb_task_of_schedule(const char *kind);

#endif							/* PGB_TASK_H */
