/*-------------------------------------------------------------------------
 *
 * subprocess.h
 *	  A program that a job runs beside it: pg_dump, pg_dumpall, the server of a sandbox.
 *
 * src/server/subprocess.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SUBPROCESS_H
#define PGB_SUBPROCESS_H

typedef struct PgbSubprocess PgbSubprocess;

/*
 * Starts a program.  argv is ended by NULL, argv[0] its path; environment is a NULL-ended
 * array of "NAME=value" that replaces ours.  Its standard error is kept (the
 * beginning of it), input and output are /dev/null.  It is told to stop if this
 * process dies.  Allocated in the current memory context, which must live until
 * pgb_subprocess_stop(): nothing stops the program by itself.
 *
 * Raises when the program cannot be started at all; one that is not there is
 * seen as an exit with status 127.
 */
extern PgbSubprocess *pgb_subprocess_start(char *const *argv, char *const *environment);

/* The same for a program that is asked something: its standard output is kept with its standard error. */
extern PgbSubprocess *pgb_subprocess_ask(char *const *argv, char *const *environment);

/*
 * The same for a server: its standard error goes to a log, which is appended to.  Its
 * standard output is what we keep, and is inherited by all of its processes.  If this
 * process dies it is told to stop at once (SIGQUIT).
 */
extern PgbSubprocess *pgb_subprocess_start_server(char *const *argv, char *const *environment,
												  const char *log);

/* Have a server and all of its processes ended? */
extern bool pgb_subprocess_all_ended(PgbSubprocess *process);

/* Sends it a signal, if it runs. */
extern void pgb_subprocess_signal(PgbSubprocess *process, int signal);

/* Its process id; 0 once it has ended. */
extern int	pgb_subprocess_pid(const PgbSubprocess *process);

/* Takes what it has written; true once it has ended. */
extern bool pgb_subprocess_ended(PgbSubprocess *process);

/* A descriptor to wait on for something to read, or PGINVALID_SOCKET at its end. */
extern pgsocket pgb_subprocess_socket(PgbSubprocess *process);

/* What it wrote to standard error so far. */
extern const char *pgb_subprocess_words(PgbSubprocess *process);

/* After its end: exit status 0? */
extern bool pgb_subprocess_succeeded(PgbSubprocess *process);

/* "exited with exit code 1", palloc'd, after its end. */
extern char *pgb_subprocess_end_text(PgbSubprocess *process);

/* Ends it, if it runs, and waits until it is gone.  Raises nothing; NULL is fine. */
extern void pgb_subprocess_stop(PgbSubprocess *process);

#endif							/* PGB_SUBPROCESS_H */
