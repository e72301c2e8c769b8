/*-------------------------------------------------------------------------
 *
 * reach_windows.c
 *	  The windows of a timeline: every moment on it that can be recovered.
 *
 * src/repo/reach_windows.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/reach.h"

/* The timeline itself begins here; what is before it belongs to its ancestors. */
static uint64
timeline_begin(const PgbPath *path)
{
	return path->history->spans[path->history->count - 1].begin;
}

static uint32
timeline_of(const PgbPath *path)
{
	return path->history->spans[path->history->count - 1].timeline;
}

/*
 * The backup that ends first of those that lie in a stretch of WAL; NULL: none.  One
 * that lies in another is not the first of this.
 */
static const PgbReachBackup *
first_backup(const PgbPath *path, const PgbReachBackup *backups, int nbackups,
			 uint64 begin, uint64 end)
{
	const PgbReachBackup *first = NULL;

	for (int i = 0; i < nbackups; i++)
	{
		const PgbReachBackup *backup = &backups[i];

		if (backup->start_lsn < begin || backup->stop_lsn > end ||
			!pgb_reach_is_on_path(path, backup))
			continue;
		if (first == NULL || backup->stop_lsn < first->stop_lsn)
			first = backup;
	}
	return first;
}

/* The moment at which a backup ends, or of the last commit that is surely before the fork. */
static int64
from_time(const PgbPath *path, const PgbReachBackup *backup, const PgbFactsSource *source)
{
	uint64		fork = timeline_begin(path);
	int64		last;

	if (fork <= backup->stop_lsn)
		return backup->end_time;
	last = pgb_reach_last_commit(path, backup->stop_lsn, fork - fork % path->segment_size, source);
	return Max(backup->end_time, last);
}

static void
fill_window(PgbWindow *window, const PgbPath *path, const PgbReachBackup *backup, uint64 end,
			const PgbFactsSource *source)
{
	memset(window, 0, sizeof(PgbWindow));
	window->timeline = timeline_of(path);
	window->segment_size = path->segment_size;
	strlcpy(window->backup, backup->id, PGB_ID_SIZE);
	window->from_lsn = Max(backup->stop_lsn, timeline_begin(path));
	window->to_lsn = end;
	window->from_time = from_time(path, backup, source);
	window->to_time = Max(window->from_time,
						  pgb_reach_last_commit(path, window->from_lsn, end, source));
	if (end < pgb_path_last(path))
		window->next_gap = end / path->segment_size;
}

PgbWindow *
pgb_reach_windows(const PgbPath *path, const PgbReachBackup *backups, int nbackups,
				  const PgbFactsSource *source, int *count)
{
	PgbWindow  *windows = palloc(Max(path->npieces, 1) * sizeof(PgbWindow));

	*count = 0;
	for (int i = 0; i < path->npieces;)
	{
		uint64		begin = path->pieces[i].first * path->segment_size;
		uint64		end = pgb_path_end(path, begin);
		const PgbReachBackup *backup = first_backup(path, backups, nbackups, begin, end);

		/* before the fork, the window is one of the parent's */
		if (backup != NULL && end > timeline_begin(path))
			fill_window(&windows[(*count)++], path, backup, end, source);
		while (i < path->npieces && path->pieces[i].end <= end)
			i++;
	}
	return windows;
}
