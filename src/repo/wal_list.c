/*-------------------------------------------------------------------------
 *
 * wal_list.c
 *	  What the archive has: timelines, and runs of segments without a gap.
 *
 * src/repo/wal_list.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

uint32 *
pgb_wal_timelines(PgbRepository *repository)
{
	PgbStore   *store = repository->store;
	char	  **names = store->ops->list(store, pgb_wal_folder(repository->system_identifier));
	uint32	   *timelines;
	size_t		count = 0;

	while (names[count] != NULL)
		count++;
	timelines = palloc0((count + 1) * sizeof(uint32));

	/* the names are sorted, and so are fixed numbers of digits */
	count = 0;
	for (; *names != NULL; names++)
	{
		PgbWalName	history;

		if (strlen(*names) == 8 &&
			pgb_wal_name_parse(psprintf("%s.history", *names), 0, &history))
			timelines[count++] = history.timeline;
	}
	timelines[count] = 0;
	return timelines;
}

/* Is the object a segment of the timeline? */
static bool
is_segment(const char *object, uint32 timeline, uint32 segment_size, PgbWalName *name)
{
	char		text[PGB_WAL_NAME_LENGTH + 1];

	if (strlen(object) != PGB_WAL_NAME_LENGTH + strlen(PGB_COMPRESSED_SUFFIX) ||
		strcmp(object + PGB_WAL_NAME_LENGTH, PGB_COMPRESSED_SUFFIX) != 0)
		return false;
	strlcpy(text, object, sizeof(text));
	return pgb_wal_name_parse(text, segment_size, name) &&
		name->kind == PGB_WAL_SEGMENT && name->timeline == timeline;
}

/* That of the first object; 0 when there is none. */
static uint32
find_segment_size(PgbRepository *repository, uint32 timeline, char **objects)
{
	PgbWalName	name;

	for (; *objects != NULL; objects++)
	{
		if (is_segment(*objects, timeline, 0, &name))
			return pgb_wal_facts(repository, &name)->segment_size;
	}
	return 0;
}

PgbWalRun *
pgb_wal_runs(PgbRepository *repository, uint32 timeline, uint32 segment_size, int *count)
{
	PgbStore   *store = repository->store;
	char	  **objects = store->ops->list(store, pgb_wal_timeline_folder(repository->system_identifier,
																		  timeline));
	PgbWalRun  *runs = NULL;
	int			allocated = 0;

	*count = 0;
	if (segment_size == 0)
		segment_size = find_segment_size(repository, timeline, objects);
	if (segment_size == 0)
		return palloc0(sizeof(PgbWalRun));

	for (; *objects != NULL; objects++)
	{
		PgbWalName	name;

		CHECK_FOR_INTERRUPTS();
		if (!is_segment(*objects, timeline, segment_size, &name))
			continue;
		if (*count > 0 && runs[*count - 1].last + 1 == name.number)
		{
			runs[*count - 1].last++;
			continue;
		}
		if (*count == allocated)
		{
			allocated = Max(16, allocated * 2);
			if (runs == NULL)
				runs = palloc(allocated * sizeof(PgbWalRun));
			else
				runs = repalloc_huge(runs, allocated * sizeof(PgbWalRun));
		}
		runs[*count].first = runs[*count].last = name.number;
		(*count)++;
	}
	return runs != NULL ? runs : palloc0(sizeof(PgbWalRun));
}
