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

#include "io/digest.h"

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

typedef struct Source
{
	PgbWalFile *file;
	const PgbWalName *name;
	const char *path;
	int			level;
	PgbWalTrailer trailer;
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
				 errhint("Find out how it came there; it is not archived.")));
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
write_frames(PgbObject *object, Source *source, uint64 *offset)
{
	PgbWalTrailer *trailer = &source->trailer;
	PgbFrameEncoder *encoder = pgb_frame_encoder_create(source->level);
	uint64		left = trailer->facts.segment_size;
	char	   *buffer = palloc(PGB_WAL_FRAME_BYTES);

	while (left > 0)
	{
		size_t		length = pgb_wal_file_read(source->file, buffer, Min(left, PGB_WAL_FRAME_BYTES));
		PgbFrame	frame;
		const char *stored;

		CHECK_FOR_INTERRUPTS();
		if (length == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("WAL file \"%s\" has become shorter", source->path)));
		trailer->facts.raw_crc = pgb_crc32c_extend(trailer->facts.raw_crc, buffer, length);
		stored = pgb_frame_encoder_whole(encoder, buffer, length, &frame);

		object->store->ops->write_at(object, *offset, stored, frame.stored_bytes);
		*offset += frame.stored_bytes;
		pgb_frames_add(&trailer->frames, &frame);
		trailer->crc = pgb_crc32c_combine(trailer->crc, frame.crc, frame.stored_bytes);
		left -= length;
	}
	pfree(buffer);
}

static void
write_object(PgbObject *object, Source *source)
{
	StringInfoData trailer;
	uint64		offset = 0;

	write_frames(object, source, &offset);
	initStringInfo(&trailer);
	pgb_wal_trailer_append(&trailer, source->name, &source->trailer);
	object->store->ops->write_at(object, offset, trailer.data, trailer.len);
	source->trailer.facts.stored_bytes = offset + trailer.len;
	pfree(trailer.data);
}

/* Returns false when there is an object of that name by now. */
static bool
store_new(PgbRepository *repository, Source *source, const char *object_name)
{
	PgbStore   *store = repository->store;
	char	   *temporary = temporary_name(repository, source->name);
	struct PgbLock *lock = store->ops->lock(store, temporary, true);
	volatile bool stored = false;

	PG_TRY();
	{
		PgbObject  *object = store->ops->attach(store, temporary);

		write_object(object, source);
		stored = store->ops->publish(object, object_name);
		if (!stored)
			store->ops->remove(store, temporary);
	}
	PG_CATCH();
	{
		store->ops->discard(store, temporary);
		PG_RE_THROW();
	}
	PG_END_TRY();

	store->ops->unlock(lock);
	return stored;
}

/* Raises ERRCODE_DUPLICATE_FILE unless what is stored already is the same. */
static void
compare(PgbRepository *repository, Source *source, const char *object_name)
{
	PgbSink    *sink = pgb_wal_compare_sink(source->file,
											psprintf("%s/%s", repository->store->location, object_name));
	PgbWalObject *object = pgb_wal_object_open(repository, source->name);

	pgb_wal_object_read(repository, object, source->name, sink);
	pgb_wal_object_close(object);
	if (object->trailer != NULL)
		source->trailer.facts = object->trailer->facts;
}

PgbWalStored
pgb_wal_store(PgbRepository *repository, const PgbWalName *name, const char *path,
			  int level, PgbWalFacts *facts)
{
	PgbStore   *store = repository->store;
	PgbWalStored result = PGB_WAL_STORED;
	Source		source = {.name = name, .path = path, .level = level};
	char	   *there;

	if (facts != NULL)
		source.trailer.facts = *facts;
	open_source(repository, &source);
	prepare_folder(repository, name->timeline);

	there = pgb_wal_object_find(repository, name);
	if (there == NULL && !store_new(repository, &source, pgb_wal_object_name(repository, name)))
		there = pgb_wal_object_name(repository, name);
	if (there != NULL)
	{
		compare(repository, &source, there);
		store->ops->sync(store, there);
		result = PGB_WAL_WAS_THERE;
	}
	pgb_wal_file_close(source.file);
	if (facts != NULL)
		*facts = source.trailer.facts;
	return result;
}
