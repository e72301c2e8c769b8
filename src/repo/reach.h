/*-------------------------------------------------------------------------
 *
 * reach.h
 *	  The decision what can be recovered, as pure functions of what is there.
 *
 * PostgreSQL reads WAL along the history of a timeline, and takes each segment from the newest
 * timeline that has one.  Here that way is a list of pieces; what can be reached
 * by which backup follows from it and from what segments hold.
 *
 * src/repo/reach.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_REACH_H
#define PGB_REACH_H

#include "repo/window.h"

/* ---- the way along a timeline's history ---- */

/* What the archive has of a timeline. */
typedef struct PgbTimelineWal
{
	uint32		timeline;
	int			nruns;
	PgbWalRun  *runs;			/* as pgb_wal_runs() gives them */
} PgbTimelineWal;

/* Consecutive segments of one timeline. */
typedef struct PgbPathPiece
{
	uint32		timeline;
	uint64		first;			/* numbers of segments */
	uint64		last;
	uint64		end;			/* LSN: the end of the last segment; before it, where a timeline forks
								 * off whose first segment is not there */
} PgbPathPiece;

typedef struct PgbPath
{
	const PgbTimelineHistory *history;
	const PgbTimelineWal *wal;	/* as it was given */
	int			nwal;
	uint32		segment_size;	/* bytes */
	int			npieces;
	PgbPathPiece   *pieces;			/* ascending; no segment is in two of them */
} PgbPath;

/*
 * wal has each timeline of the history at most once, in any order, and may have others.
 * History and wal must stay where they are.
 */
extern PgbPath *pgb_path_make(const PgbTimelineHistory *history, const PgbTimelineWal *wal,
							  int nwal, uint32 segment_size);

/* The timeline to take a segment from; 0: it is missing. */
extern uint32 pgb_path_timeline(const PgbPath *path, uint64 number);

/* Where the WAL from an LSN on stops to be whole; that LSN or less when nothing of it is there. */
extern uint64 pgb_path_end(const PgbPath *path, uint64 lsn);

/* Where the last piece ends; 0 if there is none. */
extern uint64 pgb_path_last(const PgbPath *path);

/*
 * Would PostgreSQL go on from this end of the WAL with a segment of a parent, past the fork?  It
 * does so without a word where the first segment of a child is missing and the parent has one.
 */
extern bool pgb_path_misleads(const PgbPath *path, uint64 end);

/* ---- what can be reached on it ---- */

/* What matters of a base backup. */
typedef struct PgbReachBackup
{
	const char *id;
	uint32		timeline;
	uint64		start_lsn;
	uint64		stop_lsn;
	int64		end_time;		/* microseconds since 2000-01-01 UTC */
} PgbReachBackup;

/* Gives what a segment holds; it is asked only for those that are on the path. */
typedef struct PgbFactsSource
{
	const PgbWalFacts *(*facts) (void *arg, uint32 timeline, uint64 number);
	void	   *arg;
} PgbFactsSource;

/* Does recovery from this backup follow the path, as far as it goes? */
extern bool pgb_reach_is_on_path(const PgbPath *path, const PgbReachBackup *backup);

typedef enum PgbVerdict
{
	PGB_REACHED,
	PGB_NO_BACKUP,				/* there is none on the path */
	PGB_OFF_PATH,				/* the backup that was named is not on the path */
	PGB_TOO_EARLY,				/* no backup, or not the one named, ends before the target */
	PGB_TOO_LATE,				/* WAL up to the target is not there */
	PGB_BROKEN,					/* WAL is missing between the backup and the target */
	PGB_NO_POINT,				/* no restore point of this name */
	PGB_AMBIGUOUS				/* several of them, and no backup is named */
} PgbVerdict;

typedef struct PgbReach
{
	PgbVerdict	verdict;
	int			backup;			/* index of the one to begin with, or that comes nearest; -1: none */
	uint64		end_lsn;		/* REACHED: as PgbRoute has it */
	uint64		missing;		/* BROKEN: number of the first missing segment */
	PgbRestorePoint first;		/* AMBIGUOUS: two of them */
	PgbRestorePoint second;
} PgbReach;

/*
 * Backups are in any order; wanted is the index of the one that was named, or -1.
 * target->timeline is not looked at: the path has it.
 */
extern PgbReach pgb_reach(const PgbPath *path, const PgbReachBackup *backups, int nbackups,
						  int wanted, const PgbTarget *target, const PgbFactsSource *source);

/*
 * The stretches of the path's last timeline that backups lead into, ascending.
 */
extern PgbWindow *pgb_reach_windows(const PgbPath *path, const PgbReachBackup *backups,
									int nbackups, const PgbFactsSource *source, int *count);

/*
 * The last moment of commits in the segments from one LSN to another, looked for from the
 * end; 0 if there are none, or nobody has looked.
 */
extern int64 pgb_reach_last_commit(const PgbPath *path, uint64 from, uint64 to,
								   const PgbFactsSource *source);

#endif							/* PGB_REACH_H */
