/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The rows of pgbackup_runs.
 *
 * All functions run in a transaction of their own, in a background worker that
 * is connected to the database; they do nothing in a database whose extension
 * has no history, or on a standby.
 *
 * src/server/schedule/history.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_HISTORY_H
#define PGB_HISTORY_H

#include "repo/manifest.h"
#include "server/shmem.h"

/*
 * The schema of the extension, quoted, if this database has schedules and a history that can
 * be written; else NULL.  Call while connected to SPI.  Palloc'd.
 */
extern char *pgb_history_schema(void);

/* A run begins: makes its row, or completes that which its schedule has made. */
extern void pgb_history_begin(PgbJobRef job);

/* The run has its id. */
extern void pgb_history_end(PgbJobRef job, const PgbJobResult *result);

#endif							/* PGB_HISTORY_H */
