/*-------------------------------------------------------------------------
 *
 * window.h
 *	  What can be recovered: from when to when, and by which backup.
 *
 * A base backup can be recovered from the end of the backup on, as far as the WAL
 * from its start follows without a gap, on its own timeline and those that
 * fork off from it after that.
 *
 * src/repo/window.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WINDOW_H
#define PGB_WINDOW_H

#include "repo/timeline.h"
#include "repo/wal.h"

/* A stretch of moments that can be reached: on one timeline, without a gap. */
typedef struct PgbWindow
{
	uint32		timeline;
	char		backup[PGB_ID_SIZE];	/* the oldest base backup that leads into it */
	uint64		from_lsn;		/* the end of that backup, or the fork */
	uint64		to_lsn;			/* the end of the last segment */
	int64		from_time;		/* microseconds since 2000-01-01 UTC */
	int64		to_time;		/* the last commit that is archived, or from_time */
	uint64		next_gap;		/* number of the first missing segment after which there
								 * are others; 0: none */
	uint32		segment_size;	/* bytes */
} PgbWindow;

/* All of them, by timeline and then by LSN. */
extern PgbWindow *pgb_windows(PgbRepository *repository, int *count);

/* The name of the last segment in it, and of the first missing one, if there is a gap; else NULL. */
extern char *pgb_window_last_segment(const PgbWindow *window);
extern char *pgb_window_missing_segment(const PgbWindow *window);

/* "2026-02-19T15:30:00.123456Z (0/3000100) to ... on timeline 1", palloc'd. */
extern char *pgb_window_describe(const PgbWindow *window);

typedef enum PgbTargetKind
{
	PGB_TARGET_LATEST,			/* the end of the archive */
	PGB_TARGET_TIME,
	PGB_TARGET_LSN,
	PGB_TARGET_XID,
	PGB_TARGET_NAME,
	PGB_TARGET_IMMEDIATE		/* as soon as the backup is consistent */
} PgbTargetKind;

typedef struct PgbTarget
{
	PgbTargetKind kind;
	int64		time;
	uint64		lsn;
	uint64		xid;
	const char *name;
	uint32		timeline;		/* 0: the latest one (recovery_target_timeline = latest) */
	bool		inclusive;		/* as recovery_target_inclusive */
} PgbTarget;

/* How a target is reached. */
typedef struct PgbRoute
{
	PgbManifest *backup;		/* where recovery begins */
	uint32		timeline;		/* where it ends: the target's, or the latest */
	uint64		first_segment;	/* number, on the timeline of the backup */
	uint64		end_lsn;		/* WAL before this must be there: up to the target's LSN, the end of the
								 * first segment that is known to hold a commit after the target
								 * time...; the end of the archive for PGB_TARGET_LATEST and PGB_TARGET_XID */
	int			nsegments;		/* to be replayed */
	PgbWalName *segments;		/* in order, each on the timeline that recovery takes it from */
} PgbRoute;

/*
 * Finds the newest base backup that ends before the target (or the one that is named by its
 * id: backup is NULL or PGB_LATEST otherwise), and the WAL from it to the target.
 *
 * A target that cannot be reached raises ERRCODE_INVALID_PARAMETER_VALUE (before the first
 * backup, after the last WAL, unknown restore point or timeline, in a gap), with the windows
 * in the detail and a hint.  So does a restore point whose name several have, unless the backup
 * is named: recovery from that stops at the first one that it meets.  A backup that is not there
 * raises as pgb_catalog_get() does; one that cannot be read, and may be meant, ERRCODE_IO_ERROR.  Never falls back to another target.
 *
 * What cannot be known beforehand is left to PostgreSQL, which then ends recovery with an error: whether
 * there is a transaction of PGB_TARGET_XID, and what is in segments that nobody has looked into.
 * For PGB_TARGET_XID the oldest backup is taken from which WAL leads to the end of the archive.
 */
extern PgbRoute *pgb_route_find(PgbRepository *repository, const PgbTarget *target,
								const char *backup);

#endif							/* PGB_WINDOW_H */
