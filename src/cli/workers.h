/*-------------------------------------------------------------------------
 *
 * workers.h
 *	  Work that several processes share, and how it is interrupted.
 *
 * src/cli/workers.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CLI_WORKERS_H
#define PGB_CLI_WORKERS_H

/*
 * From now on the usual signals do not end the program at once: it learns of them
 * in cli_check_interrupt(), which raises ERRCODE_QUERY_CANCELED, and can clean up.
 */
extern void cli_catch_interrupts(void);
extern void cli_check_interrupt(void);

/*
 * Does tasks 0 to ntasks - 1 in njobs processes, each of which takes the next one that
 * nobody has taken.  Returns when all are done.  When one fails, which has told the
 * user why, the others are ended, and an error is raised here.
 */
extern void cli_run_workers(int njobs, uint64 ntasks,
							void (*task) (void *arg, uint64 number), void *arg);

#endif							/* PGB_CLI_WORKERS_H */
