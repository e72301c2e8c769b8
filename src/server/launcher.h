/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The launcher: starts a worker for each job that is requested.
 *
 * src/server/launcher.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_LAUNCHER_H
#define PGB_LAUNCHER_H

/* Called by _PG_init while shared_preload_libraries are loaded. */
extern void pgb_launcher_register(void);

extern PGDLLEXPORT void pgb_launcher_main(Datum arg);

#endif							/* PGB_LAUNCHER_H */
