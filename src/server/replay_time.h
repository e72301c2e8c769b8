/*-------------------------------------------------------------------------
 *
 * replay_time.h
 *	  What time it is in what a standby has replayed.
 *
 * src/server/replay_time.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_REPLAY_TIME_H
#define PGB_REPLAY_TIME_H

#include "datatype/timestamp.h"

/*
 * The time of the last transaction that was replayed; as long as there is none, that of
 * the checkpoint from which the replay has come, so what is replayed is no older.  Call in a
 * transaction, in recovery.
 */
extern TimestampTz pgb_replay_time(void);

#endif							/* PGB_REPLAY_TIME_H */
