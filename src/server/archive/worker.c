/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Background workers that compress ahead of the archiver.
 *
 * The archiver starts them when files wait, and each ends when it has had nothing to do for
 * a while: a server that is idle has none.  What a worker cannot do it leaves to the
 * archiver, which says why, and ends.
 *
 * src/server/archive/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "server/archive/archive.h"
#include "server/compat.h"
#include "server/guc.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "storage/procsignal.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* A worker that has nothing to do for so long ends. */
#define IDLE_MS			10000

/* One that ends as soon as it is started is not started again at once. */
#define START_INTERVAL_MS	1000

/* ---- in the archiver ---- */

static BackgroundWorkerHandle *started[PGB_ARCHIVE_MAX_WORKERS];
static TimestampTz started_at[PGB_ARCHIVE_MAX_WORKERS];

static bool
is_running(int number)
{
	pid_t		pid;

	if (started[number] == NULL)
		return false;
	if (GetBackgroundWorkerPid(started[number], &pid) != BGWH_STOPPED)
		return true;
	pfree(started[number]);
	started[number] = NULL;
	return false;
}

static void
start_worker(int number)
{
	BackgroundWorker worker;
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(number);
	strlcpy(worker.bgw_library_name, "pgbackup", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "pgb_archive_worker_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pgbackup archive worker %d", number + 1);
	strlcpy(worker.bgw_type, "pgbackup archive worker", sizeof(worker.bgw_type));
	started_at[number] = GetCurrentTimestamp();

	/* without one, the archiver works alone */
	if (!RegisterDynamicBackgroundWorker(&worker, &started[number]))
		started[number] = NULL;
	MemoryContextSwitchTo(caller);
}

void
pgb_archive_start_workers(void)
{
	int			wanted = Min(pgb_archive_waiting(), pgb_guc_archive_workers);

	for (int i = 0; i < wanted; i++)
	{
		if (!is_running(i) &&
			TimestampDifferenceExceeds(started_at[i], GetCurrentTimestamp(), START_INTERVAL_MS))
			start_worker(i);
	}
	if (wanted > 0)
		pgb_archive_wake_workers();
}

/* ---- in the worker ---- */

static void
leave(int code, Datum number)
{
	pgb_archive_detach_worker(DatumGetInt32(number));
}

/* Returns false when nothing has come for long. */
static bool
wait_for_work(void)
{
	int			events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								   IDLE_MS, PG_WAIT_EXTENSION);

	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	return (events & WL_LATCH_SET) != 0;
}

void
pgb_archive_worker_main(Datum arg)
{
	int			number = DatumGetInt32(arg);
	PgbArchiveBatch batch;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();
	if (!pgb_archive_attach_worker(number))
		proc_exit(0);
	before_shmem_exit(leave, Int32GetDatum(number));

	while (!ShutdownRequestPending && PostmasterIsAlive() && number < pgb_guc_archive_workers)
	{
		if (pgb_archive_claim(NULL, &batch))
		{
			if (!pgb_archive_try_to_work(&batch))
				break;
		}
		else if (!wait_for_work())
			break;
	}
	proc_exit(0);
}
