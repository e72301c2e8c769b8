/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The rows of pgbackup_runs.
 *
 * src/server/schedule/history.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_HISTORY_H
#define PGB_HISTORY_H

#include "repo/manifest.h"
#include "server/shmem.h"

/* The extension's tables of schedules and runs. */
#define PGB_HISTORY_TABLES	2
extern const char *const pgb_history_tables[PGB_HISTORY_TABLES];

/*
 * The schema of the extension, quoted, if this database has schedules and a history
 * that can be written; else NULL.  Call while connected to SPI.  Palloc'd.
 */
extern char *pgb_history_schema(void);

/* ---- a job: each in a transaction of its own ---- */

/* A run begins: makes its row, or completes that which its schedule has made. */
extern void pgb_history_begin(PgbJobRef job);

/*
 * It has ended.  Returns the name of its schedule, or NULL; palloc'd in the caller's
 * context.
 */
extern char *pgb_history_end(PgbJobRef job, const PgbJobResult *result);

/* ---- a pass: within its transaction ---- */

/*
 * Closes the row of a run that still runs by its row, and notifies.  Returns the name of its
 * schedule, or NULL; false if there is no such row.
 */
extern bool pgb_history_close(const char *schema, int64 run_id, const char *status,
							  const PgbJobResult *result, char **schedule);

/*
 * Makes a row for a schedule that cannot be carried out, and notifies; returns its number,
 * or 0 when the last row of the schedule says so already.
 */
extern int64 pgb_history_broken(const char *schema, const char *schedule,
								const PgbJobResult *result);

#endif							/* PGB_HISTORY_H */
