/*-------------------------------------------------------------------------
 *
 * workers.c
 *	  Work that several processes share, and how it is interrupted.
 *
 * Even a single job is a process of its own: whatever happens to it, the program is
 * there to clean up after it.
 *
 * src/cli/workers.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/workers.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In memory that all processes see. */
typedef struct Shared
{
	uint64		next_task;
	bool		has_failed;
} Shared;

typedef struct Workers
{
	int			count;
	pid_t	   *pids;			/* 0 once it has ended */
	Shared	   *shared;
	uint64		ntasks;
	void		(*task) (void *arg, uint64 number);
	void	   *arg;
} Workers;

/* ---- interrupts ---- */

static const int signals[] = {SIGHUP, SIGINT, SIGTERM};

static volatile sig_atomic_t interrupted = 0;

static void
note_interrupt(int signo)
{
	interrupted = 1;
}

static void
handle_signals(void (*handler) (int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < lengthof(signals); i++)
		sigaction(signals[i], &action, NULL);
}

void
cli_catch_interrupts(void)
{
	handle_signals(note_interrupt);
}

void
cli_check_interrupt(void)
{
	if (interrupted)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("interrupted by a signal")));
}

/* ---- a worker ---- */

pg_noreturn static void work(const Workers *workers, pid_t program);

static void
work(const Workers *workers, pid_t program)
{
	Shared	   *shared = workers->shared;

	/* It may have been told to end before it could be ended, or be an orphan already. */
	handle_signals(SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (interrupted || getppid() != program)
		_exit(1);

	/*
	 * An error ends this process, and nothing else.  The first one is told; who comes
	 * later waits for the end of all, which must not come before that.
	 */
	PG_TRY();
	{
		uint64		number;

		while ((number = __atomic_fetch_add(&shared->next_task, 1, __ATOMIC_RELAXED)) < workers->ntasks)
			workers->task(workers->arg, number);
	}
	PG_CATCH();
	{
		while (__atomic_exchange_n(&shared->has_failed, true, __ATOMIC_RELAXED))
			pause();
		pgb_print_error();
		_exit(1);
	}
	PG_END_TRY();
	_exit(0);
}

/* ---- all of them ---- */

static void
start(Workers *workers)
{
	pid_t		program = getpid();

	fflush(NULL);
	for (int i = 0; i < workers->count; i++)
	{
		pid_t		pid = fork();

		if (pid == 0)
			work(workers, program);
		if (pid < 0)
			ereport(ERROR,
					(errmsg("could not start a process: %m")));
		workers->pids[i] = pid;
	}
}

/* The process that has ended; 0 when a signal came in between. */
static pid_t
wait_for_one(int *status)
{
	pid_t		pid = waitpid(-1, status, 0);

	if (pid < 0 && errno != EINTR)
		ereport(ERROR,
				(errmsg("could not wait for a process: %m")));
	return Max(pid, 0);
}

static void
finish(Workers *workers)
{
	for (int running = workers->count; running > 0;)
	{
		int			status;
		pid_t		pid;

		cli_check_interrupt();
		pid = wait_for_one(&status);
		for (int i = 0; i < workers->count; i++)
		{
			if (pid == 0 || workers->pids[i] != pid)
				continue;
			workers->pids[i] = 0;
			running--;
			if (WIFSIGNALED(status) && !interrupted)
				ereport(ERROR,
						(errmsg("a process was ended by signal %d", WTERMSIG(status))));
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				ereport(ERROR,
						(errmsg("nothing was extracted")));
		}
	}
}

static void
stop(Workers *workers)
{
	for (int i = 0; i < workers->count; i++)
	{
		if (workers->pids[i] != 0)
			kill(workers->pids[i], SIGTERM);
	}
	for (int i = 0; i < workers->count; i++)
	{
		while (workers->pids[i] != 0 && waitpid(workers->pids[i], NULL, 0) < 0 && errno == EINTR)
			;
		workers->pids[i] = 0;
	}
}

void
cli_run_workers(int njobs, uint64 ntasks, void (*task) (void *arg, uint64 number), void *arg)
{
	Workers    *workers = palloc0(sizeof(Workers));

	workers->count = (int) Min((uint64) njobs, ntasks);
	workers->pids = palloc0((workers->count + 1) * sizeof(pid_t));
	workers->ntasks = ntasks;
	workers->task = task;
	workers->arg = arg;
	workers->shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE,
						   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (workers->shared == MAP_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not map shared memory: %m")));

	PG_TRY();
	{
		start(workers);
		finish(workers);
	}
	PG_CATCH();
	{
		stop(workers);
		PG_RE_THROW();
	}
	PG_END_TRY();
	munmap(workers->shared, sizeof(Shared));
}
