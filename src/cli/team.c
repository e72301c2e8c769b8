/*-------------------------------------------------------------------------
 *
 * team.c
 *	  A piece of work that several processes do together.
 *
 * src/cli/team.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/team.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#define WATCH_NSEC	200000000

/* The signal that asks us to stop, or 0. */
static volatile sig_atomic_t stop_signal = 0;

/* Of a member: the process that started it. */
static pid_t leader = 0;

/* In shared memory: a member has failed, and says why. */
static bool *has_failed = NULL;

void *
cli_shared_memory(size_t size)
{
	void	   *memory = mmap(NULL, Max(size, 1), PROT_READ | PROT_WRITE,
							  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not get %zu bytes of shared memory: %m", size)));
	return memory;
}

int
cli_processors(void)
{
	long		count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (int) Min(count, 64);
}

/* ---- signals ---- */

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};

static void
note_signal(int number)
{
	stop_signal = number;
}

/* The end of a child only has to interrupt a wait. */
static void
note_child(int number)
{
}

static void
handle(int number, void (*handler) (int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void
cli_stop_by_signals(void)
{
	for (int i = 0; i < lengthof(stopping); i++)
		handle(stopping[i], note_signal);
}

void
cli_check_stop(void)
{
	if (stop_signal != 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("interrupted by signal %d", (int) stop_signal)));
}

/* While it is held it is not lost, but waits until wait_for_news(). */
static void
hold_child_signal(bool hold)
{
	sigset_t	set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* ---- members ---- */

void
cli_team_check(void)
{
	if (getppid() != leader)
		_exit(1);
}

pg_noreturn static void be_member(const CliTeam *team);

static void
be_member(const CliTeam *team)
{
	for (int i = 0; i < lengthof(stopping); i++)
		handle(stopping[i], SIG_DFL);
	handle(SIGCHLD, SIG_DFL);
	hold_child_signal(false);

	/*
	 * An error ends this process, whatever the leader would have caught.  The first one is
	 * told; who comes later waits for the end of all, which must not come before that.
	 */
	PG_TRY();
	{
		team->work(team->arg);
	}
	PG_CATCH();
	{
		while (__atomic_exchange_n(has_failed, true, __ATOMIC_RELAXED))
			pause();
		pgb_print_error();
		_exit(1);
	}
	PG_END_TRY();
	_exit(fflush(NULL) == 0 ? 0 : 1);
}

/* Returns how many could be started. */
static int
start_members(const CliTeam *team, pid_t *pids)
{
	leader = getpid();
	fflush(NULL);
	for (int i = 0; i < team->jobs; i++)
	{
		pids[i] = fork();
		if (pids[i] == 0)
			be_member(team);
		if (pids[i] < 0)
			return i;
	}
	return team->jobs;
}

/* ---- the leader ---- */

static void
end_members(pid_t *pids, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	}
	for (int i = 0; i < count; i++)
	{
		while (pids[i] > 0 && waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
			;
		pids[i] = 0;
	}
}

/* Takes note of members that have ended.  Returns false when one has failed and said why. */
static bool
reap(pid_t *pids, int count, int *running)
{
	for (int i = 0; i < count; i++)
	{
		int			status;

		if (pids[i] == 0 || waitpid(pids[i], &status, WNOHANG) != pids[i])
			continue;
		pids[i] = 0;
		(*running)--;
		if (WIFSIGNALED(status))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("a process of the team was killed by signal %d", WTERMSIG(status))));
		if (WEXITSTATUS(status) != 0)
			return false;
	}
	return true;
}

/* Until a member ends (also if it has just done so), a signal comes, or some time is over. */
static void
wait_for_news(void)
{
	struct timespec timeout = {0, WATCH_NSEC};
	sigset_t	mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigdelset(&mask, SIGCHLD);
	(void) pselect(0, NULL, NULL, NULL, &timeout, &mask);
}

static bool
lead(const CliTeam *team, pid_t *pids, int count)
{
	int			running = count;

	for (;;)
	{
		cli_check_stop();
		if (!reap(pids, count, &running))
			return false;
		if (team->watch != NULL)
			team->watch(team->arg);
		if (running == 0)
			return true;
		wait_for_news();
	}
}

bool
cli_team_run(const CliTeam *team)
{
	pid_t	   *pids = palloc0(team->jobs * sizeof(pid_t));
	volatile int count = 0;
	volatile bool done = false;

	if (has_failed == NULL)
		has_failed = cli_shared_memory(sizeof(bool));
	*has_failed = false;
	handle(SIGCHLD, note_child);
	hold_child_signal(true);
	PG_TRY();
	{
		count = start_members(team, pids);
		if (count < team->jobs)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not start a process: %m")));
		done = lead(team, pids, count);
	}
	PG_FINALLY();
	{
		end_members(pids, count);
		hold_child_signal(false);
		handle(SIGCHLD, SIG_DFL);
	}
	PG_END_TRY();
	return done;
}
