/*-------------------------------------------------------------------------
 *
 * subprocess.c
 *	  A program that a job runs beside it: pg_dump, pg_dumpall, the server of a sandbox.
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
	int			words_fd;		/* its standard error; of a server, output; -1: at its end */
	bool		is_server;
	int			status;			/* of waitpid */
	int			nwords;
	char		words[MAX_WORDS + 1];
};

/* What makes the difference between a program and a server. */
typedef struct Manner
{
	int			death_signal;	/* that it gets when we die */
	const char *log;			/* for its standard error; NULL: that is what is kept */
	bool		keeps_output;	/* and of a program, its standard output */
} Manner;

/* Connects its standard input, output and error. */
static bool
connect_child(const Manner *manner, int words_fd)
{
	int			null_fd = open("/dev/null", O_RDWR);
	int			error_fd = words_fd;

	if (manner->log != NULL)
		error_fd = open(manner->log, O_WRONLY | O_CREAT | O_APPEND, S_IRUSR | S_IWUSR);
	return null_fd >= 0 && error_fd >= 0 &&
		dup2(null_fd, STDIN_FILENO) >= 0 &&
		dup2(manner->log != NULL || manner->keeps_output ? words_fd : null_fd, STDOUT_FILENO) >= 0 &&
		dup2(error_fd, STDERR_FILENO) >= 0;
}

/* In the child: nothing here may allocate, or raise. */
static void
run_child(char *const *argv, char *const *environment, const Manner *manner, int words_fd,
		  pid_t parent, int max_fd)
{
	sigset_t	none;

#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, manner->death_signal);
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

	if (!connect_child(manner, words_fd))
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

static PgbSubprocess *
start(char *const *argv, char *const *environment, const Manner *manner)
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
		run_child(argv, environment, manner, fds[1], parent, (int) max_fd);
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

PgbSubprocess *
pgb_subprocess_start(char *const *argv, char *const *environment)
{
	Manner		manner = {SIGTERM, NULL};

	return start(argv, environment, &manner);
}

PgbSubprocess *
pgb_subprocess_ask(char *const *argv, char *const *environment)
{
	Manner		manner = {SIGTERM, NULL, true};

	return start(argv, environment, &manner);
}

PgbSubprocess *
pgb_subprocess_start_server(char *const *argv, char *const *environment, const char *log)
{
	Manner		manner = {SIGQUIT, log};
	PgbSubprocess *process = start(argv, environment, &manner);

	process->is_server = true;
	return process;
}

bool
pgb_subprocess_all_ended(PgbSubprocess *process)
{
	return pgb_subprocess_ended(process) && process->words_fd < 0;
}

int
pgb_subprocess_pid(const PgbSubprocess *process)
{
	return process->pid;
}

void
pgb_subprocess_signal(PgbSubprocess *process, int signal)
{
	if (process->pid != 0)
		kill(process->pid, signal);
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
		if (!process->is_server)
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
	if (process == NULL)
		return;
	if (process->pid != 0)
	{
		kill(process->pid, SIGTERM);
		for (int waited = 0; waited < STOP_PATIENCE_MS; waited += 10)
		{
			if (pgb_subprocess_ended(process))
				break;
			pg_usleep(10 * 1000L);
		}
	}
	if (process->pid != 0)
	{
		kill(process->pid, SIGKILL);
		(void) waitpid(process->pid, &process->status, 0);
		process->pid = 0;
	}
	close_words(process);
}
