/*-------------------------------------------------------------------------
 *
 * base_wal.h
 *	  The WAL that a base backup needs: held back, and stored in the repository.
 *
 * Where the server archives through pgbackup, the backup waits for its archiver.  Where it does
 * not, a temporary replication slot holds the WAL back, and the backup brings it along.
 *
 * src/server/physical/base_wal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_BASE_WAL_H
#define PGB_BASE_WAL_H

#include "repo/wal.h"
#include "server/shmem.h"

typedef struct PgbBaseWal
{
	PgbJobRef	job;
	PgbRepository *repository;
	int			level;
	bool		has_slot;
} PgbBaseWal;

/*
 * Can this server make a base backup?  Raises ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE or
 * ERRCODE_FEATURE_NOT_SUPPORTED with a hint if not.
 */
extern void pgb_base_wal_check(void);

/* Before the start of the backup, and not in a transaction: nothing is removed from now on. */
extern void pgb_base_wal_hold(PgbBaseWal *wal, const char *backup_id);

/*
 * After its end: when this returns, the repository has all WAL from start to stop, and the timeline's
 * history.  Raises when that cannot be: a segment is gone, or the archive takes nothing for
 * pgbackup.archive_timeout.
 */
extern void pgb_base_wal_store(PgbBaseWal *wal, uint32 timeline, uint64 start_lsn,
							   uint64 stop_lsn);

/* The content of the history file of a timeline, or NULL for the first. */
extern char *pgb_base_wal_history(uint32 timeline);

/* Nothing is held back any more.  Raises nothing; more than once is fine. */
extern void pgb_base_wal_release(PgbBaseWal *wal);

#endif							/* PGB_BASE_WAL_H */
