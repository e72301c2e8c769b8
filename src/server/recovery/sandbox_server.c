/*-------------------------------------------------------------------------
 *
 * sandbox_server.c
 *	  The server of a sandbox: from its start to its end.
 *
 * It is our child, and goes when we do.  It is ready when its postmaster.pid says so, which
 * without hot_standby is after its promotion.
 *
 * src/server/recovery/sandbox_server.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>
#include <unistd.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "repo/datadir_file.h"
#include "server/program.h"
#include "server/recovery/sandbox_work.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/pidfile.h"

#define NAP_MS			50

/* Milliseconds that it may take to stop: with all it has, at once; and until the last process is gone */
#define FAST_PATIENCE		5000
#define IMMEDIATE_PATIENCE	10000
#define LAST_PATIENCE		5000

/* A path of a socket is no longer than this, as struct sockaddr_un has it. */
#define SOCKET_PATH_LIMIT	107

#define PIDFILE_LIMIT		8192

/* ---- the start ---- */

/* Only what a program needs to be found and loaded. */
static char **
environment(void)
{
	static const char *const kept[] = {"PATH", "HOME", "LD_LIBRARY_PATH", "LOCPATH", "TMPDIR"};
	char	  **result = palloc((lengthof(kept) + 2) * sizeof(char *));
	int			count = 0;

	for (int i = 0; i < lengthof(kept); i++)
	{
		const char *value = getenv(kept[i]);

		if (value != NULL)
			result[count++] = psprintf("%s=%s", kept[i], value);
	}
	result[count++] = "LC_ALL=C";
	result[count] = NULL;
	return result;
}

/*
 * Its socket is in its data directory.  Where that has too long a name for a socket, or a comma, at which
 * libpq would split it into several, the process's own directory has another.
 */
static char *
socket_directory(const PgbSandboxState *state)
{
	char	   *socket = psprintf("%s/.s.PGSQL.%d", state->directory, SANDBOX_PORT);

	if (strlen(socket) <= SOCKET_PATH_LIMIT && strchr(socket, ',') == NULL)
		return pstrdup(state->directory);
#ifdef __linux__
	return psprintf("/proc/%d/cwd", pgb_subprocess_pid(state->server));
#else
	ereport(ERROR,
			(errcode(ERRCODE_NAME_TOO_LONG),
			 errmsg("no client could find a socket in \"%s\"", state->directory),
			 errdetail("Its path would be too long, or has a comma."),
			 errhint("Point pgbackup.scratch_directory to a directory with a shorter path, without commas.")));
#endif
}

void
pgb_sandbox_server_start(PgbSandboxState *state)
{
	char	   *log = psprintf("%s/%s", state->directory, SANDBOX_LOG);
	char	   *argv[] = {pgb_sandbox_program(), "-D", state->directory, NULL};

	state->log = pgb_sandbox_log_open(log);
	if (!state->with_filter)
		state->log->prepared = state->scan->prepared;
	state->server = pgb_subprocess_start_server(argv, environment(), log);
	state->socket_directory = socket_directory(state);
}

/* ---- how it is ---- */

static bool
is_ready(const PgbSandboxState *state)
{
	size_t		length;
	char	   *text = pgb_target_read(psprintf("%s/%s", state->directory, "postmaster.pid"),
									   PIDFILE_LIMIT, &length);
	char	   *line = text;

	if (text == NULL || atoi(text) != pgb_subprocess_pid(state->server))
		return false;
	for (int i = 1; i < LOCK_FILE_LINE_PM_STATUS && line != NULL; i++)
	{
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return line != NULL && strncmp(line, PM_STATUS_READY, strlen(PM_STATUS_READY)) == 0;
}

pg_noreturn static void raise_missed(const PgbSandboxState *state);
pg_noreturn static void raise_failed(const PgbSandboxState *state);

/* It has come to the end of the WAL before the target. */
static void
raise_missed(const PgbSandboxState *state)
{
	const PgbSandboxLog *log = state->log;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the WAL archive ends before the target is reached"),
			 log->last_commit != NULL ?
			 errdetail("The last transaction that could be replayed is of %s, and ends before %s.",
					   log->last_commit, pgb_lsn_to_text(log->redo_end)) :
			 errdetail("There is no transaction after the backup \"%s\".",
					   state->sandbox->request.route->backup->id),
			 errhint("pgbackup_recovery_window() shows what can be reached.")));
}

static void
raise_failed(const PgbSandboxState *state)
{
	char	   *words = pgb_sandbox_log_words(state->log);
	const char *hint = "These are the last words of the sandbox's log.";

	if (strstr(words, "wal-get") != NULL || strstr(words, "WAL file") != NULL)
		hint = "pgbackup_recovery_window() shows from which moments to which there is WAL without a gap.";
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("the sandbox has failed: %s", pgb_subprocess_end_text(state->server)),
			 words[0] != '\0' ? errdetail_internal("%s", words) : 0,
			 errhint("%s", hint)));
}

static void
check_server(PgbSandboxState *state)
{
	bool		ended = pgb_subprocess_ended(state->server);

	CHECK_FOR_INTERRUPTS();
	pgb_sandbox_log_read(state->log);
	if (!ended)
		return;
	if (state->log->is_target_missed)
		raise_missed(state);
	if (state->log->is_full)
		pgb_sandbox_full(state, pgb_sandbox_log_words(state->log));
	raise_failed(state);
}

void
pgb_sandbox_nap(PgbSandboxState *state, PgbSubprocess *client)
{
	pgsocket	socket = client == NULL ? PGINVALID_SOCKET : pgb_subprocess_socket(client);

	check_server(state);
	pgb_sandbox_watch_room(state, false);
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
							 (socket != PGINVALID_SOCKET ? WL_SOCKET_READABLE : 0),
							 socket, NAP_MS, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

static void
show_progress(const PgbSandboxState *state)
{
	const PgbSandboxRequest *request = &state->sandbox->request;
	uint64		segment_size = request->route->backup->base->segment_size;

	pgb_job_set_bytes(request->job, state->log->segments * segment_size);
	if (state->log->segment[0] != '\0')
		pgb_job_set_path(request->job, state->log->segment);
}

/* The memory that looking takes is given back: it may look for hours. */
void
pgb_sandbox_server_wait(PgbSandboxState *state)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup sandbox wait",
												  ALLOCSET_SMALL_SIZES);
	bool		ready = false;

	while (!ready)
	{
		MemoryContext old;

		pgb_sandbox_nap(state, NULL);
		show_progress(state);
		old = MemoryContextSwitchTo(scratch);
		pgb_sandbox_trim_wal(state);
		ready = is_ready(state);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	pgb_sandbox_log_read(state->log);
	show_progress(state);
}

/* ---- the end ---- */

static bool
wait_gone(PgbSubprocess *server, int patience, bool all)
{
	for (int waited = 0; waited < patience; waited += 10)
	{
		if (all ? pgb_subprocess_all_ended(server) : pgb_subprocess_ended(server))
			return true;
		pg_usleep(10 * 1000L);
	}
	return false;
}

void
pgb_sandbox_server_stop(PgbSandboxState *state)
{
	PgbSubprocess *server = state->server;

	if (server == NULL)
		return;
	pgb_subprocess_signal(server, SIGINT);
	if (!wait_gone(server, FAST_PATIENCE, false))
		pgb_subprocess_signal(server, SIGQUIT);
	if (!wait_gone(server, IMMEDIATE_PATIENCE, false))
		pgb_subprocess_signal(server, SIGKILL);

	/* the directory is removed next: nobody may write there any more */
	(void) wait_gone(server, LAST_PATIENCE, true);
	pgb_subprocess_stop(server);
	state->server = NULL;
}
