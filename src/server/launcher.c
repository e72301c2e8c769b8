/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The launcher: starts a worker for each job that is requested.
 *
 * One static background worker for the cluster, without a database.  It sleeps
 * until a backend asks for a job, or a worker that it started comes or goes.
 *
 * src/server/launcher.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>

#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "server/compat.h"
#include "server/job.h"
#include "server/launcher.h"
#include "server/shmem.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

/* A worker that has been registered and has not ended yet. */
typedef struct Starting
{
	PgbJobRef	job;
	BackgroundWorkerHandle *handle; /* NULL: none */
} Starting;

static Starting starting[PGB_MAX_JOBS];

void
pgb_launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "pgbackup", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "pgb_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "pgbackup launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "pgbackup launcher", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
}

static void
start_job(PgbJobRef job)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	pgb_job_describe_worker(&worker, job);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		starting[job.slot].job = job;
		starting[job.slot].handle = handle;
	}
	else
		pgb_job_start_failed(job, ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
							 "no background worker is free for the backup",
							 "Raise max_worker_processes, or wait until other workers have ended.");
}

/*
 * A worker may end before it has claimed its job: tell whoever waits for it.
 * After a claim this changes nothing.
 */
static void
check_starting(Starting *start)
{
	pid_t		pid;

	if (GetBackgroundWorkerPid(start->handle, &pid) != BGWH_STOPPED)
		return;
	pgb_job_start_failed(start->job, ERRCODE_INSUFFICIENT_RESOURCES,
						 "the backup's background worker could not be started",
						 "The server's log tells why.");
	pfree(start->handle);
	start->handle = NULL;
}

void
pgb_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	/* by which the postmaster tells that a worker has come or gone: else ignored here */
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();
	pgb_launcher_attach();

	while (!ShutdownRequestPending)
	{
		PgbJobRef	job;

		for (int i = 0; i < PGB_MAX_JOBS; i++)
		{
			if (starting[i].handle != NULL)
				check_starting(&starting[i]);
		}
		while (pgb_job_next_request(&job))
		{
			if (starting[job.slot].handle != NULL)
			{
				/* that of an earlier job of this slot, of no more interest */
				pfree(starting[job.slot].handle);
				starting[job.slot].handle = NULL;
			}
			start_job(job);
		}

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}

	/* not 0: who is terminated while the server goes on is started again */
	proc_exit(1);
}
