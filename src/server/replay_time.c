/*-------------------------------------------------------------------------
 *
 * replay_time.c
 *	  What time it is in what a standby has replayed.
 *
 * src/server/replay_time.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "server/replay_time.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

static TimestampTz
checkpoint_time(void)
{
	ControlFileData *control;
	bool		is_right;

	/* should this raise, the end of the transaction releases the lock */
	LWLockAcquire(ControlFileLock, LW_SHARED);
	control = get_controlfile(DataDir, &is_right);
	LWLockRelease(ControlFileLock);
	if (!is_right)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the checksum of \"%s\" is wrong", "global/pg_control"),
				 errhint("The server's storage should be checked.")));
	return time_t_to_timestamptz(control->checkPointCopy.time);
}

TimestampTz
pgb_replay_time(void)
{
	TimestampTz latest = GetLatestXTime();

	return latest != 0 ? latest : checkpoint_time();
}
