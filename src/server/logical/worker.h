/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Data workers of an export, and the leader's side of them.
 *
 * src/server/logical/worker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WORKER_H
#define PGB_WORKER_H

#include "io/frame.h"
#include "server/logical/plan.h"
#include "server/shmem.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"

/* What a data worker tells its leader. */
typedef enum PgbExportEvent
{
	PGB_EXPORT_FRAME,			/* a frame was written */
	PGB_EXPORT_BLOCKS			/* some blocks of a table are done */
} PgbExportEvent;

typedef struct PgbExportMessage
{
	PgbExportEvent event;
	int			table;			/* number in the plan */
	uint64		offset;			/* of the frame in its file */
	PgbFrame	frame;
	BlockNumber nblocks;
} PgbExportMessage;

/* Where an export's files go. */
typedef struct PgbExportTarget
{
	const char *repository;		/* the store's location */
	const char *folder;			/* of the backup, in the store */
	int			level;
	PgbJobRef	job;			/* for progress */
} PgbExportTarget;

/*
 * The leader is called for each message, and again and again while it has none
 * (to look after other things); it says where else to wake it up.
 */
typedef struct PgbExportLeader
{
	void		(*message) (void *arg, const PgbExportMessage *message);
	void		(*attend) (void *arg);
	pgsocket	(*wake_on) (void *arg);
	void	   *arg;
} PgbExportLeader;

/*
 * Exports all tables of the plan under the active snapshot, whose files exist and are
 * empty; returns when every message has been delivered.  Starts up to jobs data workers;
 * with none to be had, this process does the work.  Raises what a worker raises.
 */
extern void pgb_export_tables(const PgbPlan *plan, const PgbExportTarget *target, int jobs,
							  const PgbExportLeader *leader);

extern PGDLLEXPORT void pgb_export_worker_main(dsm_segment *seg, shm_toc *toc);

#endif							/* PGB_WORKER_H */
