/*-------------------------------------------------------------------------
 *
 * own_timeline.h
 *	  The timelines along which this server has come to where it is.
 *
 * The newest timeline of a repository need not be one of them: a restored copy may have archived into it,
 * and a server that was recovered to a moment of the past may have archived nothing since.
 *
 * src/server/own_timeline.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_OWN_TIMELINE_H
#define PGB_OWN_TIMELINE_H

#include "repo/timeline.h"

/* The one it is on, or replays. */
extern uint32 pgb_own_timeline(void);

/* How it has come there; NULL if the server has lost the file that tells. */
extern PgbTimelineHistory *pgb_own_history(void);

typedef struct PgbOwnWay
{
	uint32		timeline;		/* the last one of its own of which the archive has WAL */
	uint64		end;			/* the LSN at which it has left that; PG_UINT64_MAX: it is on it */
	bool		is_archived;	/* false: the archive has none of its timelines; this is the one it is on */
} PgbOwnWay;

/*
 * How far the archive has come along with the server.  In the repository of another cluster: along the newest
 * timeline.
 */
extern PgbOwnWay pgb_own_way(PgbRepository *repository);

#endif							/* PGB_OWN_TIMELINE_H */
