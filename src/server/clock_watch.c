/*-------------------------------------------------------------------------
 *
 * clock_watch.c
 *	  Notices that somebody has set the clock.
 *
 * A sleep until a moment is a sleep of some length, which is wrong once the
 * clock was set.  Linux tells: a timer to a moment far away, with
 * TFD_TIMER_CANCEL_ON_SET, becomes readable then (timerfd_create(2)).
 *
 * src/server/clock_watch.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>
#ifdef __linux__
#include <sys/timerfd.h>
#endif

#include "server/clock_watch.h"

static pgsocket watch = PGINVALID_SOCKET;

#ifdef __linux__

static void
arm(void)
{
	struct itimerspec never;

	memset(&never, 0, sizeof(never));
	never.it_value.tv_sec = PG_INT32_MAX;
	if (timerfd_settime(watch, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) != 0)
	{
		close(watch);
		watch = PGINVALID_SOCKET;
	}
}

pgsocket
pgb_clock_watch(void)
{
	static bool tried = false;

	if (!tried)
	{
		tried = true;
		watch = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
		if (watch != PGINVALID_SOCKET)
			arm();
	}
	return watch;
}

void
pgb_clock_watch_again(void)
{
	uint64		expirations;

	/* it fails with ECANCELED, which is the news */
	if (watch == PGINVALID_SOCKET ||
		read(watch, &expirations, sizeof(expirations)) >= 0 || errno != ECANCELED)
		return;
	arm();
}

#else

pgsocket
pgb_clock_watch(void)
{
	return watch;
}

void
pgb_clock_watch_again(void)
{
}

#endif
