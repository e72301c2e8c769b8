/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  A clock that a test sets, for a server that is started with this library in
 *	  LD_PRELOAD.
 *
 * TEST_CLOCK names a file with a number of microseconds, to be added to the
 * system's clock; a change counts at once in all processes.  A byte that is
 * written to the FIFO TEST_CLOCK.set is what Linux tells those who watch the clock
 * by timerfd_create(2).
 *
 * libfaketime would not do: before 16 the postmaster forks background workers
 * in signal handlers, while that library lets through the time to a system call.
 *
 * test/lib/clock.c
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MILLION		1000000

static volatile const int64_t *offset = NULL;

__attribute__((constructor)) static void
open_clock(void)
{
	const char *path = getenv("TEST_CLOCK");
	int			fd = path ? open(path, O_RDONLY) : -1;
	void	   *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		offset = map;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			rc = (int) syscall(SYS_clock_gettime, clock, now);

	if (rc == 0 && offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
	{
		int64_t		usecs = (int64_t) now->tv_sec * MILLION + now->tv_nsec / 1000 + *offset;

		now->tv_sec = usecs / MILLION;
		now->tv_nsec = usecs % MILLION * 1000;
	}
	return rc;
}

int
gettimeofday(struct timeval *now, void *zone)
{
	struct timespec ts;
	int			rc = clock_gettime(CLOCK_REALTIME, &ts);

	(void) zone;
	now->tv_sec = ts.tv_sec;
	now->tv_usec = ts.tv_nsec / 1000;
	return rc;
}

time_t
time(time_t *now)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (now != NULL)
		*now = ts.tv_sec;
	return ts.tv_sec;
}

int
timerfd_create(int clock, int flags)
{
	char		path[4096];

	(void) clock;
	(void) flags;
	snprintf(path, sizeof(path), "%s.set", getenv("TEST_CLOCK"));
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
{
	(void) fd;
	(void) flags;
	(void) new_value;
	(void) old_value;
	return 0;
}
