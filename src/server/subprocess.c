/*-------------------------------------------------------------------------
 *
 * subprocess.c
 *	  A program that a job runs beside it: pg_dump, pg_dumpall.
 *
 * src/server/subprocess.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "libpq/pqsignal.h"
#include "server/subprocess.h"
#include "storage/fd.h"

/* How much of what it says is kept. */
#define MAX_WORDS			8192

/* How long it may take to stop by itself before it is killed. */
#define STOP_PATIENCE_MS	5000

struct PgbSubprocess
{
	pid_t		pid;			/* 0: ended and reaped */
	int			words_fd;		/* its standard error; -1: at its end */
	int			status;			/* of waitpid */
	int			nwords;
	char		words[MAX_WORDS + 1];
};

/* In the child: nothing here may allocate, or raise. */
static void
run_child(char *const *argv, char *const *environment, int words_fd, pid_t parent, int max_fd)
{
	sigset_t	none;
	int			null_fd;

#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(126);
#endif
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	null_fd = open("/dev/null", O_RDWR);
	if (null_fd < 0 ||
		dup2(null_fd, STDIN_FILENO) < 0 ||
		dup2(null_fd, STDOUT_FILENO) < 0 ||
		dup2(words_fd, STDERR_FILENO) < 0)
		_exit(126);
	for (int fd = STDERR_FILENO + 1; fd < max_fd; fd++)
		(void) close(fd);

	execve(argv[0], argv, environment);
	{
		const char *why = strerror(errno);
		const char *what = "could not execute it: ";

		(void) !write(STDERR_FILENO, what, strlen(what));
		(void) !write(STDERR_FILENO, why, strlen(why));
	}
	_exit(127);
}

PgbSubprocess *
pgb_subprocess_start(char *const *argv, char *const *environment)
{
	PgbSubprocess *process = palloc0(sizeof(PgbSubprocess));
	pid_t		parent = getpid();
	long		max_fd = sysconf(_SC_OPEN_MAX);
	int			fds[2];
	sigset_t	all,
				old;

	/* a server's limit may be a million: what it really has open is bounded by this */
	if (max_fd < 0 || max_fd > 65536)
		max_fd = 65536;

	if (pipe(fds) < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create a pipe: %m")));
	(void) fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	(void) fcntl(fds[0], F_SETFL, O_NONBLOCK);

	/* no handler of ours may run in the child */
	fflush(stdout);
	fflush(stderr);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	process->pid = fork();
	if (process->pid == 0)
		run_child(argv, environment, fds[1], parent, (int) max_fd);
	sigprocmask(SIG_SETMASK, &old, NULL);

	(void) close(fds[1]);
	if (process->pid < 0)
	{
		int			save_errno = errno;

		(void) close(fds[0]);
		errno = save_errno;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start \"%s\": %m", argv[0])));
	}
	process->words_fd = fds[0];
	return process;
}

static void
close_words(PgbSubprocess *process)
{
	if (process->words_fd >= 0)
		(void) close(process->words_fd);
	process->words_fd = -1;
}

static void
take_words(PgbSubprocess *process)
{
	char		buffer[1024];

	while (process->words_fd >= 0)
	{
		ssize_t		n = read(process->words_fd, buffer, sizeof(buffer));

		if (n > 0)
		{
			int			keep = Min((int) n, MAX_WORDS - process->nwords);

			memcpy(process->words + process->nwords, buffer, keep);
			process->nwords += keep;
		}
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		else
			close_words(process);
	}
}

bool
pgb_subprocess_ended(PgbSubprocess *process)
{
	int			status;

	take_words(process);
	if (process->pid != 0 && waitpid(process->pid, &status, WNOHANG) == process->pid)
	{
		process->status = status;
		process->pid = 0;
		take_words(process);
		close_words(process);
	}
	return process->pid == 0;
}

pgsocket
pgb_subprocess_socket(PgbSubprocess *process)
{
	return process->words_fd >= 0 ? process->words_fd : PGINVALID_SOCKET;
}

const char *
pgb_subprocess_words(PgbSubprocess *process)
{
	while (process->nwords > 0 && process->words[process->nwords - 1] == '\n')
		process->nwords--;
	process->words[process->nwords] = '\0';
	return process->words;
}

bool
pgb_subprocess_succeeded(PgbSubprocess *process)
{
	Assert(process->pid == 0);
	return WIFEXITED(process->status) && WEXITSTATUS(process->status) == 0;
}

char *
pgb_subprocess_end_text(PgbSubprocess *process)
{
	return wait_result_to_str(process->status);
}

void
pgb_subprocess_stop(PgbSubprocess *process)
{
	if (process == NULL || process->pid == 0)
		return;

	kill(process->pid, SIGTERM);
	for (int waited = 0; waited < STOP_PATIENCE_MS; waited += 10)
	{
		if (pgb_subprocess_ended(process))
			return;
		pg_usleep(10 * 1000L);
	}
	kill(process->pid, SIGKILL);
	(void) waitpid(process->pid, &process->status, 0);
	process->pid = 0;
	close_words(process);
}
