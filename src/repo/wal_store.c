/*-------------------------------------------------------------------------
 *
 * wal_store.c
 *	  Writing to the archive.
 *
 * src/repo/wal_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#include <unistd.h>


/* ---- temporary names ---- */

/*
 * An object is written under a name of the archive's folder, beside those of timelines,
 * and locked meanwhile: one whose lock can be had is what a dead process has left.
 */
#define TEMPORARY_MARK	".tmp."

static char *
temporary_name(const PgbRepository *repository, const PgbWalName *name)
{
	return psprintf("%s/%s%s%d.%llx", pgb_wal_folder(repository->system_identifier), name->text,
					TEMPORARY_MARK, (int) getpid(), (unsigned long long) pgb_now());
}

static void
remove_leftovers(PgbRepository *repository)
{
	PgbStore   *store = repository->store;
	char	   *folder = pgb_wal_folder(repository->system_identifier);

	for (char **name = store->ops->list(store, folder); *name != NULL; name++)
	{
		char	   *object = psprintf("%s/%s", folder, *name);
		struct PgbLock *lock;

		if (strstr(*name, TEMPORARY_MARK) == NULL)
			continue;
		lock = store->ops->lock(store, object, false);
		if (lock == NULL)
			continue;
		store->ops->remove(store, object);
		store->ops->unlock(lock);
	}
}

static void
prepare_folder(PgbRepository *repository, uint32 timeline)
{
	PgbStore   *store = repository->store;

	if (repository->wal_timeline == timeline)
		return;
	store->ops->make_folder(store, pgb_wal_timeline_folder(repository->system_identifier, timeline));
	if (repository->wal_timeline == 0)
		remove_leftovers(repository);
	repository->wal_timeline = timeline;
}

/* ---- what is to be stored ---- */

/* A file on its way into the archive. */
typedef struct Source
{
	PgbWalFile *file;
	const PgbWalItem *item;
	const PgbWalName *name;
	const char *path;
	PgbWalTrailer trailer;
	char	   *temporary;		/* the name of what is written; NULL before, and once it is gone */
	struct PgbLock *lock;		/* of that */
	PgbObject  *object;			/* the same, until it is published; NULL: it is not to be */
	bool		stored;			/* it was published */
} Source;

static void
check_segment(const PgbRepository *repository, Source *source)
{
	PgbWalFacts *facts = &source->trailer.facts;
	char		header[PGB_WAL_HEADER_SIZE];
	bool		foreign = false;
	char	   *error;

	if (pgb_wal_file_read(source->file, header, sizeof(header)) < sizeof(header))
		error = "It is too short.";
	else
		error = pgb_wal_header_error(header, source->name, repository->system_identifier,
									 &facts->segment_size, &foreign);
	if (error == NULL && pgb_wal_file_size(source->file) != facts->segment_size)
		error = psprintf("It is %llu bytes long, but should be %u.",
						 (unsigned long long) pgb_wal_file_size(source->file),
						 facts->segment_size);
	if (foreign)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("WAL file \"%s\" is of another cluster", source->path),
				 errdetail("%s", error),
				 errhint("It is not archived. Find out how it came there, and move it away.")));
	if (error != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("WAL file \"%s\" is not the segment that its name says", source->path),
				 errdetail("%s", error),
				 errhint("Find out what has changed it; it is not archived.")));

	pgb_wal_file_rewind(source->file);
}

static void
check_text(Source *source)
{
	uint64		size = pgb_wal_file_size(source->file);

	if (size == 0 || size > PGB_WAL_TEXT_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("WAL file \"%s\" has an unexpected length of %llu bytes", source->path,
						(unsigned long long) size)));
	source->trailer.facts.segment_size = (uint32) size;
}

static void
open_source(const PgbRepository *repository, Source *source)
{
	PgbWalFacts *facts = &source->trailer.facts;

	source->file = pgb_wal_file_open(source->path);
	if (pgb_wal_is_segment(source->name))
		check_segment(repository, source);
	else
		check_text(source);
	facts->system_identifier = repository->system_identifier;
	facts->timeline = source->name->timeline;
	facts->raw_crc = 0;
}

/* ---- writing ---- */

static void
write_object(PgbObject *object, Source *source, PgbWalPages *pages)
{
	StringInfoData trailer;
	const PgbWalItem *item = source->item;
	uint64		length;

	pgb_wal_pages_begin(pages, source->file, source->path, object, &source->trailer);
	if (item->look != NULL)
		item->look(item->arg, pages, &source->trailer.facts);
	length = pgb_wal_pages_end(pages);
	pgb_wal_file_check_name(source->file);

	initStringInfo(&trailer);
	pgb_wal_trailer_append(&trailer, source->name, &source->trailer);
	object->store->ops->write_at(object, length, trailer.data, trailer.len);
	source->trailer.facts.stored_bytes = length + trailer.len;
	pfree(trailer.data);
}

static void
write_temporary(PgbRepository *repository, Source *source, PgbWalPages *pages)
{
	PgbStore   *store = repository->store;
	char	   *temporary = temporary_name(repository, source->name);

	source->lock = store->ops->lock(store, temporary, true);
	source->temporary = temporary;
	source->object = store->ops->attach(store, temporary);
	write_object(source->object, source, pages);
}

/* Gives those that were written their names, unless there is an object of that name by now. */
static void
publish(PgbRepository *repository, Source *sources, int count)
{
	PgbStore   *store = repository->store;
	Source	  **written = palloc(count * sizeof(Source *));
	PgbObject **objects = palloc(count * sizeof(PgbObject *));
	char	  **names = palloc(count * sizeof(char *));
	bool	   *published = palloc(count * sizeof(bool));
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		if (sources[i].object == NULL)
			continue;
		written[n] = &sources[i];
		objects[n] = sources[i].object;
		names[n++] = pgb_wal_object_name(repository, sources[i].name);
	}
	store->ops->publish(objects, names, published, n);
	for (int i = 0; i < n; i++)
	{
		written[i]->stored = published[i];
		if (!published[i])
			store->ops->remove(store, written[i]->temporary);
		store->ops->unlock(written[i]->lock);
	}
}

static void
discard_temporaries(PgbStore *store, const Source *sources, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (sources[i].temporary != NULL)
			store->ops->discard(store, sources[i].temporary);
	}
}

/* Raises ERRCODE_DUPLICATE_FILE unless what is stored already is the same; it is durable then. */
static void
compare(PgbRepository *repository, Source *source, const char *object_name)
{
	PgbStore   *store = repository->store;
	PgbSink    *sink = pgb_wal_compare_sink(source->file,
											psprintf("%s/%s", store->location, object_name));
	PgbWalObject *object = pgb_wal_object_open(repository, source->name);

	pgb_wal_object_read(repository, object, source->name, sink);
	pgb_wal_object_close(object);
	if (object->trailer != NULL)
		source->trailer.facts = object->trailer->facts;
	store->ops->sync(store, object_name);
}

/* Checks one, and writes it, unless it is there. */
static void
begin_source(PgbRepository *repository, Source *source, PgbWalPages *pages)
{
	char	   *there;

	open_source(repository, source);
	prepare_folder(repository, source->name->timeline);
	there = pgb_wal_object_find(repository, source->name);
	if (there != NULL)
		compare(repository, source, there);
	else
		write_temporary(repository, source, pages);
}

static void
end_source(PgbRepository *repository, Source *source)
{
	/* somebody else has published one while we wrote ours */
	if (source->object != NULL && !source->stored)
		compare(repository, source, pgb_wal_object_name(repository, source->name));
	pgb_wal_file_close(source->file);
}

void
pgb_wal_store_all(PgbRepository *repository, PgbWalItem *items, int count, int level)
{
	PgbStore   *store = repository->store;
	Source	   *sources = palloc0(count * sizeof(Source));
	PgbWalPages *pages = pgb_wal_pages_create(level);

	PG_TRY();
	{
		for (int i = 0; i < count; i++)
		{
			sources[i].item = &items[i];
			sources[i].name = items[i].name;
			sources[i].path = items[i].path;
			sources[i].trailer.facts = items[i].facts;
			begin_source(repository, &sources[i], pages);
		}
		publish(repository, sources, count);
	}
	PG_CATCH();
	{
		discard_temporaries(store, sources, count);
		PG_RE_THROW();
	}
	PG_END_TRY();

	for (int i = 0; i < count; i++)
	{
		end_source(repository, &sources[i]);
		items[i].result = sources[i].stored ? PGB_WAL_STORED : PGB_WAL_WAS_THERE;
		items[i].facts = sources[i].trailer.facts;
	}
}

PgbWalStored
pgb_wal_store(PgbRepository *repository, const PgbWalName *name, const char *path,
			  int level, PgbWalFacts *facts)
{
	PgbWalItem	item = {.name = name, .path = path};

	if (facts != NULL)
		item.facts = *facts;
	pgb_wal_store_all(repository, &item, 1, level);
	if (facts != NULL)
		*facts = item.facts;
	return item.result;
}
