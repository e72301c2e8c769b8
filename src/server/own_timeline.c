/*-------------------------------------------------------------------------
 *
 * own_timeline.c
 *	  The timelines along which this server has come to where it is.
 *
 * src/server/own_timeline.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "repo/wal.h"
#include "server/own_timeline.h"
#include "server/physical/base_wal.h"

uint32
pgb_own_timeline(void)
{
	TimeLineID	timeline;

	if (!RecoveryInProgress())
		return GetWALInsertionTimeLine();
	(void) GetXLogReplayRecPtr(&timeline);
	return timeline;
}

PgbTimelineHistory *
pgb_own_history(void)
{
	uint32		timeline = pgb_own_timeline();
	char		path[MAXPGPATH];
	char	   *text;

	TLHistoryFilePath(path, timeline);
	if (timeline > 1 && access(path, F_OK) != 0)
		return NULL;
	text = pgb_base_wal_history(timeline);
	return pgb_timeline_parse(timeline, text != NULL ? text : "", text != NULL ? strlen(text) : 0,
							  psprintf("%08X.history", timeline));
}

static bool
is_among(uint32 timeline, const uint32 *timelines)
{
	for (; *timelines != 0; timelines++)
	{
		if (*timelines == timeline)
			return true;
	}
	return false;
}

PgbOwnWay
pgb_own_way(PgbRepository *repository)
{
	PgbOwnWay	way = {.timeline = pgb_own_timeline(), .end = PG_UINT64_MAX};
	const uint32 *archived = pgb_wal_timelines(repository);
	PgbTimelineHistory *history;

	if (repository->system_identifier != GetSystemIdentifier())
	{
		way.timeline = pgb_timeline_newest(repository);
		way.is_archived = way.timeline != 0;
		return way;
	}
	history = pgb_own_history();
	for (int i = history == NULL ? -1 : history->count - 1; i >= 0; i--)
	{
		if (!is_among(history->spans[i].timeline, archived))
			continue;
		way.timeline = history->spans[i].timeline;
		way.end = history->spans[i].end;
		way.is_archived = true;
		break;
	}
	return way;
}
