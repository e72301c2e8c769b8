/*-------------------------------------------------------------------------
 *
 * pass.h
 *	  A pass over the schedules of one database.
 *
 * src/server/schedule/pass.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PASS_H
#define PGB_PASS_H

#include "datatype/timestamp.h"
#include "postmaster/bgworker.h"

/*
 * Fills in the background worker of a pass, but for whom to notify.  "since" is when
 * it was first tried to send one: see decide.h.
 */
extern void pgb_pass_describe_worker(BackgroundWorker *worker, int pass, Oid database,
									 TimestampTz since);

extern PGDLLEXPORT void pgb_pass_main(Datum arg);

#endif							/* PGB_PASS_H */
