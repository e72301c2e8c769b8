/*-------------------------------------------------------------------------
 *
 * timeline.h
 *	  The history of a timeline: where its WAL comes from.
 *
 * The format of .history files is that of PostgreSQL's
 * src/backend/access/transam/timeline.c.
 *
 * src/repo/timeline.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_TIMELINE_H
#define PGB_TIMELINE_H

#include "repo/repository.h"

/* A stretch of WAL on one timeline. */
typedef struct PgbTimelineSpan
{
	uint32		timeline;
	uint64		begin;			/* LSN; 0 for the first one */
	uint64		end;			/* LSN where the next one forks off; PG_UINT64_MAX for the last */
} PgbTimelineSpan;

typedef struct PgbTimelineHistory
{
	int			count;
	PgbTimelineSpan *spans;		/* oldest first; the last is the timeline itself */
} PgbTimelineHistory;

/* Raises ERRCODE_DATA_CORRUPTED, with "what" in it. */
extern PgbTimelineHistory *pgb_timeline_parse(uint32 timeline, const char *text, size_t length,
											  const char *what);

/*
 * Reads it from the archive; timeline 1, and one whose history file is not there while
 * its WAL is, has no parents.  Raises ERRCODE_UNDEFINED_OBJECT with a hint that names the
 * timelines which exist when there is neither.
 */
extern PgbTimelineHistory *pgb_timeline_read(PgbRepository *repository, uint32 timeline);

/* Does an LSN on one timeline lie on the way to the end of the other's history? */
extern bool pgb_timeline_includes(const PgbTimelineHistory *history, uint32 timeline, uint64 lsn);

/* The newest timeline, of which the archive has a history file or WAL; 0: none. */
extern uint32 pgb_timeline_newest(PgbRepository *repository);

#endif							/* PGB_TIMELINE_H */
