/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  The time of day.
 *
 * src/port/clock.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/time.h>

#include "datatype/timestamp.h"

int64
pgb_now(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return ((int64) tv.tv_sec - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)
		* USECS_PER_SEC + tv.tv_usec;
}
