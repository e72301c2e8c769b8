/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  A backend and the job that it has asked for.
 *
 * src/server/wait.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WAIT_H
#define PGB_WAIT_H

#include "server/shmem.h"

/*
 * Requests a job in this database, for the current user, and waits for its end, or only
 * until it has an id.  Returns the id.  An error, a cancel or the end of this
 * session while it waits cancels the job.  Raises the error with which the job has failed;
 * ERRCODE_OBJECT_IN_USE when the job waits for a lock of this transaction;
 * and what pgb_job_request() raises.
 */
extern char *pgb_run_job(PgbTask task, const char *request, bool wait);

#endif							/* PGB_WAIT_H */
