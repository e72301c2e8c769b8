/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The launcher: starts a worker for each job that is requested, and sends
 *	  passes to the databases whose schedules are due.
 *
 * One static background worker for the cluster, connected to the shared catalogs.
 * It sleeps until a backend asks for a job, a worker that it started comes or
 * goes, a schedule changes or its moment has come, or somebody sets the clock.
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
#include "server/board.h"
#include "server/clock_watch.h"
#include "server/compat.h"
#include "server/job.h"
#include "server/launcher.h"
#include "server/recovery/recover.h"
#include "server/schedule/databases.h"
#include "server/shmem.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* A worker that has been registered and has not ended yet. */
typedef struct Starting
{
	PgbJobRef	job;
	Oid			database;
	BackgroundWorkerHandle *handle; /* NULL: none */
} Starting;

static Starting starting[PGB_MAX_JOBS];

/* A sleep is no longer than this: should nobody tell of a set clock, it is seen then. */
#define LONGEST_SLEEP_MS	(60 * 60 * 1000L)

void
pgb_launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "pgbackup", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "pgb_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "pgbackup launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "pgbackup launcher", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
}

/* Returns false when there is no worker for it: it waits. */
static bool
start_job(PgbJobRef job, Oid database)
{
	static uint64 complained_of = 0;
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	pgb_job_describe_worker(&worker, job);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		starting[job.slot].job = job;
		starting[job.slot].database = database;
		starting[job.slot].handle = handle;
		return true;
	}

	if (complained_of != job.serial)
		ereport(LOG,
				(errmsg("a backup waits for a free background worker"),
				 errhint("Raise max_worker_processes.")));
	complained_of = job.serial;
	pgb_job_postpone(job);
	return false;
}

/*
 * A worker may end before it has claimed its job: tell whoever waits for it, and
 * the schedule whose run it was.  After a claim this changes nothing.
 */
static void
check_starting(Starting *start)
{
	pid_t		pid;

	if (GetBackgroundWorkerPid(start->handle, &pid) != BGWH_STOPPED)
		return;
	if (pgb_job_start_failed(start->job, ERRCODE_INSUFFICIENT_RESOURCES,
							 "the backup's background worker could not be started",
							 "The server's log tells why."))
		pgb_board_mark_changed(start->database);
	pfree(start->handle);
	start->handle = NULL;
}

/* Returns when to be called again at the latest. */
static TimestampTz
attend_jobs(void)
{
	PgbJobRef	job;
	Oid			database;

	for (int i = 0; i < PGB_MAX_JOBS; i++)
	{
		if (starting[i].handle != NULL)
			check_starting(&starting[i]);
	}
	while (pgb_job_next_request(&job, &database))
	{
		if (starting[job.slot].handle != NULL)
		{
			/* that of an earlier job of this slot, of no more interest */
			pfree(starting[job.slot].handle);
			starting[job.slot].handle = NULL;
		}
		if (!start_job(job, database))
			return GetCurrentTimestamp() + USECS_PER_SEC;
	}
	return DT_NOEND;
}

/* Until something happens, or the moment has come. */
static void
sleep_until(TimestampTz moment)
{
	pgsocket	clock = pgb_clock_watch();
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout = -1;

	if (clock != PGINVALID_SOCKET)
		events |= WL_SOCKET_READABLE;
	if (moment != DT_NOEND)
	{
		events |= WL_TIMEOUT;
		timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), moment);
		timeout = Min(timeout, LONGEST_SLEEP_MS);
	}
	if (WaitLatchOrSocket(MyLatch, events, clock, timeout, PG_WAIT_EXTENSION) & WL_SOCKET_READABLE)
	{
		pgb_clock_watch_again();
		pgb_databases_clock_was_set();
	}
	ResetLatch(MyLatch);
}

void
pgb_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	/* by which the postmaster tells that a worker has come or gone: else ignored here */
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgb_launcher_attach();

	while (!ShutdownRequestPending)
	{
		TimestampTz next_job = attend_jobs();
		TimestampTz next_pass = pgb_databases_attend();
		TimestampTz next_cleaning = pgb_recover_clean();

		sleep_until(Min(Min(next_job, next_pass), next_cleaning));
		CHECK_FOR_INTERRUPTS();

		/* one who sleeps for hours would hold back the queue of invalidations */
		ProcessCatchupInterrupt();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}

	/* not 0: who is terminated while the server goes on is started again */
	proc_exit(1);
}
