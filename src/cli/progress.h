/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  A line on the terminal that tells how far something is.
 *
 * src/cli/progress.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PROGRESS_H
#define PGB_PROGRESS_H

typedef struct CliProgress
{
	const char *what;			/* "restoring"; NULL: nothing is shown */
	uint64		total;			/* bytes */
	int64		started_at;
	int64		shown_at;
} CliProgress;

/* Nothing is shown when standard error is no terminal, or quiet. */
extern void cli_progress_begin(CliProgress *progress, const char *what, uint64 total, bool quiet);
extern void cli_progress_show(CliProgress *progress, uint64 done);

/* Clears the line. */
extern void cli_progress_end(CliProgress *progress);

#endif							/* PGB_PROGRESS_H */
