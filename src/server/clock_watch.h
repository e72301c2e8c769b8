/*-------------------------------------------------------------------------
 *
 * clock_watch.h
 *	  Notices that somebody has set the clock.
 *
 * src/server/clock_watch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CLOCK_WATCH_H
#define PGB_CLOCK_WATCH_H

/*
 * A descriptor that becomes readable when the clock is set, or PGINVALID_SOCKET where
 * the system has none.  Made once for the life of the process; raises nothing.
 */
extern pgsocket pgb_clock_watch(void);

/* The descriptor was readable: watch on. */
extern void pgb_clock_watch_again(void);

#endif							/* PGB_CLOCK_WATCH_H */
