/*-------------------------------------------------------------------------
 *
 * job.h
 *	  The worker that runs one job: one that runs a task.
 *
 * src/server/job.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_JOB_H
#define PGB_JOB_H

#include "postmaster/bgworker.h"
#include "server/shmem.h"

/* Fills in the background worker that runs a job, but for whom to notify. */
extern void pgb_job_describe_worker(BackgroundWorker *worker, PgbJobRef job);

extern PGDLLEXPORT void pgb_job_main(Datum arg);

#endif							/* PGB_JOB_H */
