/*-------------------------------------------------------------------------
 *
 * watch.h
 *	  Something with the rights of a superuser, in which no code of any other user runs.
 *
 * src/server/watch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WATCH_H
#define PGB_WATCH_H

/*
 * Calls a function.  While it runs, and the current user is a superuser, no function of any other
 * user can be called, and in an expression none that is volatile: that raises ERRCODE_INSUFFICIENT_PRIVILEGE, with
 * "advice" as its detail, sentences that say why and what to do.  Parallel workers are not used.
 */
extern void pgb_watch(const char *advice, void (*function) (void *arg), void *arg);

extern bool pgb_watch_is_on(void);

/* May this function be called meanwhile?  It belongs to a superuser, and is not volatile. */
extern bool pgb_watch_is_harmless(Oid function);

/* Called by _PG_init in every process. */
extern void pgb_watch_install(void);

#endif							/* PGB_WATCH_H */
