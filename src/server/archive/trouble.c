/*-------------------------------------------------------------------------
 *
 * trouble.c
 *	  What cannot be archived now: said once, and waited for.
 *
 * The archiver of PostgreSQL tries three times and complains each minute.  To say it
 * once, and to try again soon, we wait here, and do meanwhile what its loop
 * would do: heed the signals, take over new settings, count failures.
 *
 * src/server/archive/trouble.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>
#include <unistd.h>

#include "access/xlog_internal.h"
#include "access/xlogarchive.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "server/archive/archive.h"
#include "server/compat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"
#include "utils/ps_status.h"
#include "utils/timestamp.h"

/* How long to wait before the next attempt: longer each time. */
#define FIRST_WAIT_MS	500
#define LONGEST_WAIT_MS	3000

static volatile sig_atomic_t stop_requested = false;
static struct sigaction previous_handler;

static TimestampTz trouble_since = 0;	/* 0: there is none */
static int	trouble_code;		/* what has been said: its SQLSTATE ... */
static char trouble_name[PGB_WAL_NAME_SIZE];	/* ... and its file */
static int	next_wait_ms;

/* ---- the end of the server ---- */

/*
 * SIGUSR2 tells the archiver that the server is stopped, and to archive what is left.  It
 * keeps that to itself; so we listen as well.
 */
static void
handle_stop(SIGNAL_ARGS)
{
	stop_requested = true;
	previous_handler.sa_handler(postgres_signal_arg);
}

void
pgb_archive_trouble_init(void)
{
	struct sigaction handler;

	if (sigaction(SIGUSR2, NULL, &previous_handler) != 0 ||
		previous_handler.sa_handler == SIG_DFL || previous_handler.sa_handler == SIG_IGN ||
		previous_handler.sa_handler == handle_stop)
		return;
	handler = previous_handler;
	handler.sa_handler = handle_stop;
	(void) sigaction(SIGUSR2, &handler, NULL);
}

bool
pgb_archive_must_stop(void)
{
	return stop_requested || ShutdownRequestPending || !PostmasterIsAlive();
}

/* ---- what is said ---- */

static void
say(const PgbWalName *name, const ErrorData *error)
{
	const char *promise = "The server keeps its WAL, and this is tried again until it succeeds.";

	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("could not archive WAL file \"%s\": %s", name->text, error->message),
			 error->detail != NULL ? errdetail("%s %s", error->detail, promise) : errdetail("%s", promise),
			 error->hint != NULL ? errhint("%s", error->hint) : 0));
}

static void
note_trouble(const PgbWalName *name, const ErrorData *error)
{
	bool		is_new = trouble_since == 0 || trouble_code != error->sqlerrcode ||
		strcmp(trouble_name, name->text) != 0;

	if (trouble_since == 0)
	{
		trouble_since = GetCurrentTimestamp();
		next_wait_ms = FIRST_WAIT_MS;
	}
	trouble_code = error->sqlerrcode;
	strlcpy(trouble_name, name->text, sizeof(trouble_name));
	if (is_new)
		say(name, error);
	if (pgb_archive_is_shared())
		pgb_archive_note_failure(name, error);
}

bool
pgb_archive_in_trouble(void)
{
	return trouble_since != 0;
}

void
pgb_archive_trouble_over(void)
{
	int			waiting;
	long		seconds;

	if (trouble_since == 0)
		return;
	seconds = (GetCurrentTimestamp() - trouble_since) / USECS_PER_SEC;
	trouble_since = 0;
	(void) pgb_archive_ready(&waiting, NULL);
	if (seconds < 120)
		ereport(LOG,
				(errmsg("archiving goes on after %ld seconds; WAL files that have waited: %d", seconds, waiting)));
	else
		ereport(LOG,
				(errmsg("archiving goes on after %ld minutes; WAL files that have waited: %d",
						seconds / 60, waiting)));
}

/* ---- waiting ---- */

/*
 * As the archiver's loop does it.  Another library is for a new archiver.
 */
static void
take_settings(void)
{
	char	   *library = pstrdup(XLogArchiveLibrary);
	bool		changed;

	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	changed = strcmp(XLogArchiveLibrary, library) != 0;
	pfree(library);
	if (!changed)
		return;
	ereport(LOG,
			(errmsg("restarting archiver process because value of \"archive_library\" was changed")));
	proc_exit(0);
}

/* Somebody may have taken the file away, or its mark: that is for the archiver's loop. */
static bool
is_wanted(const PgbWalName *name)
{
	char		path[MAXPGPATH];

	snprintf(path, sizeof(path), XLOGDIR "/%s", name->text);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return false;
	StatusFilePath(path, name->text, ".ready");
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/*
 * The server is down but for us, and this was the last attempt.  The archiver's loop would
 * try six times, with pauses, and complain about it twice.
 */
static void
leave_if_stopped(void)
{
	if (stop_requested)
		proc_exit(0);
}

bool
pgb_archive_wait_after(const PgbWalName *name, const ErrorData *error)
{
	TimestampTz until;
	char		activity[128];

	if (!is_wanted(name))
		return false;
	note_trouble(name, error);
	leave_if_stopped();
	if (pgb_archive_must_stop())
		return false;

	/* we do not return; the server's own statistics must know all the same */
	pgstat_report_archiver(name->text, true);
	snprintf(activity, sizeof(activity), "waiting to archive %s", name->text);
	set_ps_display(activity);

	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), next_wait_ms);
	next_wait_ms = Min(next_wait_ms * 2, LONGEST_WAIT_MS);
	for (;;)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);

		leave_if_stopped();
		if (pgb_archive_must_stop())
			return false;
		if (ConfigReloadPending)
		{
			take_settings();
			return true;		/* they may be the remedy */
		}
		if (left <= 0)
			return true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH, left,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}
