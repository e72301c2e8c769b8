/*-------------------------------------------------------------------------
 *
 * databases.h
 *	  The launcher's list of databases, and the passes over them.
 *
 * src/server/schedule/databases.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DATABASES_H
#define PGB_DATABASES_H

#include "datatype/timestamp.h"

/*
 * Takes what the board says, and starts the passes that are due.  Returns when to
 * be called again at the latest, DT_NOEND for not before something changes.  The
 * launcher must be connected to the shared catalogs.
 */
extern TimestampTz pgb_databases_attend(void);

/* Somebody has set the clock: what was computed by the old one is void. */
extern void pgb_databases_clock_was_set(void);

/* Wakes the launcher when a database comes; by _PG_init. */
extern void pgb_databases_install(void);

#endif							/* PGB_DATABASES_H */
