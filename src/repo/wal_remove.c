/*-------------------------------------------------------------------------
 *
 * wal_remove.c
 *	  WAL that no backup needs any more.
 *
 * Places in the WAL mean the same on all timelines: a timeline goes on counting where
 * it forks off.  So one place says for all of them what is too old.
 *
 * src/repo/wal_remove.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal.h"

/* Its name without what we have added to it; false: it is none of ours. */
static bool
parse_object(const char *object, uint32 segment_size, PgbWalName *name)
{
	char		text[PGB_WAL_NAME_SIZE];
	size_t		length = strlen(object);
	size_t		suffix = strlen(PGB_COMPRESSED_SUFFIX);

	if (length > suffix && strcmp(object + length - suffix, PGB_COMPRESSED_SUFFIX) == 0)
		length -= suffix;
	if (length >= sizeof(text))
		return false;
	memcpy(text, object, length);
	text[length] = '\0';
	return pgb_wal_name_parse(text, segment_size, name);
}

/* One object is removed at a time, in order: what is left after a crash has no new gap. */
static void
remove_from_timeline(PgbRepository *repository, uint32 timeline, uint64 number,
					 uint32 segment_size, bool dry_run, PgbWalAmount *amount)
{
	PgbStore   *store = repository->store;
	char	   *folder = pgb_wal_timeline_folder(repository->system_identifier, timeline);
	char	  **objects = store->ops->list(store, folder);

	for (; *objects != NULL; objects++)
	{
		char	   *object = psprintf("%s/%s", folder, *objects);
		PgbWalName	name;
		PgbStat		stat;

		CHECK_FOR_INTERRUPTS();
		if (parse_object(*objects, segment_size, &name) && name.timeline == timeline &&
			name.kind != PGB_WAL_HISTORY && name.number < number &&
			store->ops->stat(store, object, &stat))
		{
			amount->segments += (name.kind == PGB_WAL_SEGMENT);
			amount->bytes += stat.size;
			if (!dry_run)
				store->ops->discard(store, object);
		}
		pfree(object);
	}
}

PgbWalAmount
pgb_wal_remove_before(PgbRepository *repository, uint64 number, uint32 segment_size, bool dry_run)
{
	PgbWalAmount amount = {0, 0};

	for (uint32 *timeline = pgb_wal_timelines(repository); *timeline != 0; timeline++)
		remove_from_timeline(repository, *timeline, number, segment_size, dry_run, &amount);
	return amount;
}
