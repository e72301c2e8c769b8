/*-------------------------------------------------------------------------
 *
 * wal_read.c
 *	  Reading the archive: nothing in it is believed that was not checked.
 *
 * src/repo/wal_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#include "io/digest.h"

/* So much of an object's end is read at once: it holds most trailers. */
#define TAIL_SIZE		4096

/* A frame that fits in is decompressed directly into the buffer. */
#define READ_SIZE		PGB_WAL_FRAME_BYTES

/* ---- is it there? ---- */

/*
 * An object that is not there may be one that cannot be seen: its file system is not
 * mounted any more.
 */
static void
check_repository(PgbRepository *repository)
{
	PgbStore   *store = repository->store;
	PgbStat		stat;

	if (store->ops->stat(store, PGB_FORMAT_NAME, &stat) &&
		store->ops->stat(store, pgb_wal_folder(repository->system_identifier), &stat))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("repository \"%s\" has no WAL archive of this cluster", store->location),
			 errdetail("The cluster's system identifier is %llu.",
					   (unsigned long long) repository->system_identifier),
			 errhint("If it is on a file system of its own, mount it.")));
}

char *
pgb_wal_object_find(PgbRepository *repository, const PgbWalName *name)
{
	PgbStore   *store = repository->store;
	char	   *object_name = pgb_wal_object_name(repository, name);
	PgbStat		stat;

	if (store->ops->stat(store, object_name, &stat))
		return object_name;
	if (pgb_wal_is_segment(name))
		return NULL;
	object_name = pgb_wal_plain_name(repository, name);
	return store->ops->stat(store, object_name, &stat) ? object_name : NULL;
}

bool
pgb_wal_exists(PgbRepository *repository, const PgbWalName *name)
{
	if (pgb_wal_object_find(repository, name) != NULL)
		return true;
	check_repository(repository);
	return false;
}

/* ---- an object ---- */

static PgbWalTrailer *
read_trailer(PgbStore *store, PgbObject *object, const PgbWalName *name, const char *what)
{
	uint64		size = store->ops->size(object);
	size_t		read = Min(size, TAIL_SIZE);
	char	   *tail = palloc(read);
	size_t		length;
	PgbWalTrailer *trailer;

	if (size < PGB_WAL_TRAILER_END)
		pgb_wal_damaged(what, "It is too short.");
	store->ops->read_at(object, size - read, tail, read);
	length = pgb_wal_trailer_length(tail + read - PGB_WAL_TRAILER_END, size, what);
	if (length > read)
	{
		tail = repalloc(tail, length);
		read = length;
		store->ops->read_at(object, size - read, tail, read);
	}
	trailer = pgb_wal_trailer_parse(tail + read - length, length, size, name, what);
	pfree(tail);
	return trailer;
}

/* A text that was stored as it is: that it is text is all that can be checked. */
static void
read_plain(PgbStore *store, const char *object_name, PgbWalObject *object)
{
	object->plain = pgb_store_read_all(store, object_name, PGB_WAL_TEXT_LIMIT, &object->plain_length);
	if (object->plain_length == 0)
		pgb_wal_damaged(object->what, "It is empty.");
	if (strlen(object->plain) != object->plain_length)
		pgb_wal_damaged(object->what, "It should be text, but holds zero bytes.");
}

PgbWalObject *
pgb_wal_object_open(PgbRepository *repository, const PgbWalName *name)
{
	PgbStore   *store = repository->store;
	PgbWalObject *object = palloc0(sizeof(PgbWalObject));
	char	   *object_name = pgb_wal_object_find(repository, name);

	/* gone since the caller has looked: what opens it says so */
	if (object_name == NULL)
		object_name = pgb_wal_object_name(repository, name);
	object->what = psprintf("%s/%s", store->location, object_name);
	if (strcmp(object_name, pgb_wal_object_name(repository, name)) != 0)
	{
		read_plain(store, object_name, object);
		return object;
	}
	object->object = store->ops->open(store, object_name);
	object->trailer = read_trailer(store, object->object, name, object->what);
	if (object->trailer->facts.system_identifier != repository->system_identifier)
		pgb_wal_damaged(object->what, "It is of another cluster.");
	return object;
}

void
pgb_wal_object_close(PgbWalObject *object)
{
	if (object->object != NULL)
		object->object->store->ops->close(object->object);
}

static char *
read_frame(PgbObject *object, const PgbFrame *frame)
{
	char	   *data = palloc(frame->stored_bytes + 1);

	object->store->ops->read_at(object, frame->offset, data, frame->stored_bytes);
	return data;
}

static void
check_header(const PgbRepository *repository, const PgbWalObject *object,
			 const PgbWalName *name, const char *data, size_t length)
{
	uint32		segment_size;
	bool		foreign;
	char	   *error;

	if (length < PGB_WAL_HEADER_SIZE)
		pgb_wal_damaged(object->what, "Its content is too short.");
	error = pgb_wal_header_error(data, name, repository->system_identifier,
								 &segment_size, &foreign);
	if (error != NULL)
		pgb_wal_damaged(object->what, error);
	if (segment_size != object->trailer->facts.segment_size)
		pgb_wal_damaged(object->what, "Its trailer is that of a segment of another size.");
}

void
pgb_wal_object_read(PgbRepository *repository, PgbWalObject *object,
					const PgbWalName *name, PgbSink *sink)
{
	const PgbFrameList *frames;
	PgbFrameDecoder *decoder;
	char	   *buffer;
	uint32		crc = 0;
	bool		is_first = pgb_wal_is_segment(name);

	if (object->plain != NULL)
	{
		pgb_sink_write(sink, object->plain, object->plain_length);
		pgb_sink_finish(sink);
		return;
	}
	frames = &object->trailer->frames;
	decoder = pgb_frame_decoder_create();
	pgb_frame_decoder_set_hint(decoder, PGB_HINT_DAMAGED_WAL);
	buffer = palloc(READ_SIZE);
	for (uint32 i = 0; i < frames->count; i++)
	{
		const PgbFrame *frame = &frames->frames[i];
		char	   *data = read_frame(object->object, frame);
		size_t		length;

		CHECK_FOR_INTERRUPTS();
		pgb_frame_decoder_begin(decoder, data, frame->stored_bytes, frame, object->what);
		while ((length = pgb_frame_decoder_read(decoder, buffer, READ_SIZE)) > 0)
		{
			if (is_first)
				check_header(repository, object, name, buffer, length);
			is_first = false;
			crc = pgb_crc32c_extend(crc, buffer, length);
			pgb_sink_write(sink, buffer, length);
		}
		pfree(data);
	}
	if (crc != object->trailer->facts.raw_crc)
		pgb_wal_damaged(object->what, "The CRC-32C of its content is wrong.");
	pgb_sink_finish(sink);
	pgb_frame_decoder_end(decoder);
	pfree(buffer);
}

/* The CRCs of the frames alone. */
static void
check_frames(PgbWalObject *object)
{
	const PgbFrameList *frames;

	if (object->plain != NULL)
		return;
	frames = &object->trailer->frames;
	for (uint32 i = 0; i < frames->count; i++)
	{
		const PgbFrame *frame = &frames->frames[i];
		char	   *data = read_frame(object->object, frame);

		CHECK_FOR_INTERRUPTS();
		if (pgb_crc32c(data, frame->stored_bytes) != frame->crc)
			pgb_wal_damaged(object->what,
							psprintf("The CRC-32C of the frame at byte %llu is wrong.",
									 (unsigned long long) frame->offset));
		pfree(data);
	}
}

/* ---- the archive ---- */

PgbWalFacts *
pgb_wal_facts(PgbRepository *repository, const PgbWalName *name)
{
	PgbWalObject *object;

	Assert(pgb_wal_is_segment(name));
	object = pgb_wal_object_open(repository, name);
	pgb_wal_object_close(object);
	return &object->trailer->facts;
}

bool
pgb_wal_fetch(PgbRepository *repository, const PgbWalName *name, const char *path)
{
	PgbWalObject *object;
	PgbSink    *sink;

	if (!pgb_wal_exists(repository, name))
		return false;
	object = pgb_wal_object_open(repository, name);
	sink = pgb_wal_file_sink(path);
	PG_TRY();
	{
		pgb_wal_object_read(repository, object, name, sink);
	}
	PG_CATCH();
	{
		/* in the program nobody else does, and it may be in pg_wal */
		pgb_wal_file_discard(sink);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgb_wal_object_close(object);
	return true;
}

/* ---- as text ---- */

typedef struct TextSink
{
	PgbSink		base;
	StringInfoData text;
} TextSink;

static void
text_write(PgbSink *base, const void *data, size_t length)
{
	appendBinaryStringInfo(&((TextSink *) base)->text, data, (int) length);
}

/* also what has nothing to be finished */
static void
ignore_finish(PgbSink *base)
{
}

static const PgbSinkOps text_ops = {
	.write = text_write,
	.finish = ignore_finish,
};

char *
pgb_wal_read_text(PgbRepository *repository, const PgbWalName *name, size_t *length)
{
	TextSink	sink = {{&text_ops, NULL}};
	PgbWalObject *object;

	Assert(!pgb_wal_is_segment(name));
	if (pgb_wal_object_find(repository, name) == NULL)
		return NULL;
	initStringInfo(&sink.text);
	object = pgb_wal_object_open(repository, name);
	pgb_wal_object_read(repository, object, name, &sink.base);
	pgb_wal_object_close(object);
	*length = sink.text.len;
	return sink.text.data;
}

/* ---- verifying ---- */

static void
ignore_write(PgbSink *base, const void *data, size_t length)
{
}

static const PgbSinkOps ignore_ops = {
	.write = ignore_write,
	.finish = ignore_finish,
};

void
pgb_wal_verify(PgbRepository *repository, const PgbWalName *name, bool contents)
{
	PgbSink		ignore = {&ignore_ops, NULL};
	PgbWalObject *object = pgb_wal_object_open(repository, name);

	if (contents)
		pgb_wal_object_read(repository, object, name, &ignore);
	else
		check_frames(object);
	pgb_wal_object_close(object);
}
