/*-------------------------------------------------------------------------
 *
 * pack.c
 *	  Packs are written: contents of many files, one after the other, in frames.
 *
 * Files are read directly into the frame's buffer, which is compressed in one go: no byte is copied in
 * between.
 *
 * src/server/physical/pack.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "io/digest.h"
#include "server/physical/pack.h"
#include "storage/shmem.h"

struct PgbPackWriter
{
	PgbStore   *store;
	char	   *folder;
	PgbPackIndex *index;
	PgbFrameEncoder *encoder;
	MemoryContext context;		/* of the writer */
	MemoryContext pack_context; /* of what belongs to the pack that is open */
	char	   *buffer;			/* PGB_PACK_FRAME_BYTES of content */
	size_t		used;
	PgbObject  *object;			/* NULL when no pack is open */
	uint16		number;
	uint64		content;		/* bytes in its frames that are written */
	uint64		stored;
	PgbFrameList frames;
};

/* ---- the index ---- */

uint32
pgb_pack_index_capacity(uint64 bytes, int writers)
{
	/* a frame may end a page early, lest that page lies in two */
	uint64		least = PGB_PACK_FRAME_BYTES - BLCKSZ;
	uint64		packs = bytes / PGB_PACK_BYTES + writers + 1;

	return (uint32) Min(bytes / least + 2 * packs + 1, PG_UINT32_MAX / 2);
}

Size
pgb_pack_index_size(uint32 capacity)
{
	return add_size(offsetof(PgbPackIndex, frames), mul_size(capacity, sizeof(PgbPackFrame)));
}

void
pgb_pack_index_init(PgbPackIndex *index, uint32 capacity)
{
	pg_atomic_init_u32(&index->next_pack, 0);
	pg_atomic_init_u32(&index->count, 0);
	index->capacity = capacity;
}

static void
note_frame(PgbPackWriter *writer, const PgbFrame *frame)
{
	uint32		number = pg_atomic_fetch_add_u32(&writer->index->count, 1);

	if (number >= writer->index->capacity)
		elog(ERROR, "there are more frames than were expected");
	writer->index->frames[number].pack = writer->number;
	writer->index->frames[number].frame = *frame;
}

/* ---- writing ---- */

PgbPackWriter *
pgb_pack_writer_create(PgbStore *store, const char *folder, int level, PgbPackIndex *index)
{
	PgbPackWriter *writer = palloc0(sizeof(PgbPackWriter));

	writer->store = store;
	writer->folder = pstrdup(folder);
	writer->index = index;
	writer->encoder = pgb_frame_encoder_create(level);
	writer->context = CurrentMemoryContext;
	writer->pack_context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup pack",
												 ALLOCSET_DEFAULT_SIZES);
	writer->buffer = palloc(PGB_PACK_FRAME_BYTES);
	return writer;
}

static void
open_pack(PgbPackWriter *writer)
{
	MemoryContext old = MemoryContextSwitchTo(writer->pack_context);
	uint32		number = pg_atomic_fetch_add_u32(&writer->index->next_pack, 1) + 1;

	if (number > PG_UINT16_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the cluster is too large for a backup")));
	writer->number = (uint16) number;
	writer->content = 0;
	writer->stored = 0;
	pgb_frames_init(&writer->frames);
	writer->object = writer->store->ops->create(writer->store,
												psprintf("%s/%s", writer->folder,
														 pgb_pack_name(writer->number)));
	MemoryContextSwitchTo(old);
}

static void
write_stored(PgbPackWriter *writer, const char *data, size_t length)
{
	writer->store->ops->write_at(writer->object, writer->stored, data, length);
	writer->stored += length;
}

static void
end_frame(PgbPackWriter *writer)
{
	MemoryContext old;
	PgbFrame	frame;
	const char *data;

	if (writer->used == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	data = pgb_frame_encoder_whole(writer->encoder, writer->buffer, writer->used, &frame);
	write_stored(writer, data, frame.stored_bytes);
	note_frame(writer, &frame);

	old = MemoryContextSwitchTo(writer->pack_context);
	pgb_frames_add(&writer->frames, &frame);
	MemoryContextSwitchTo(old);
	writer->content += writer->used;
	writer->used = 0;
}

void
pgb_pack_finish(PgbPackWriter *writer)
{
	MemoryContext old;
	StringInfoData table;

	if (writer->object == NULL)
		return;
	end_frame(writer);
	old = MemoryContextSwitchTo(writer->pack_context);
	initStringInfo(&table);
	pgb_seek_table_append(&table, &writer->frames);
	write_stored(writer, table.data, table.len);
	writer->store->ops->close(writer->object);
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->pack_context);
	writer->object = NULL;
}

void
pgb_pack_place(PgbPackWriter *writer, uint16 *pack, uint64 *offset)
{
	if (writer->object != NULL && writer->content + writer->used >= PGB_PACK_BYTES)
		pgb_pack_finish(writer);
	if (writer->object == NULL)
		open_pack(writer);
	*pack = writer->number;
	*offset = writer->content + writer->used;
}

char *
pgb_pack_room(PgbPackWriter *writer, size_t least, size_t *room)
{
	Assert(writer->object != NULL && least <= BLCKSZ);
	if (PGB_PACK_FRAME_BYTES - writer->used < least)
		end_frame(writer);
	*room = PGB_PACK_FRAME_BYTES - writer->used;
	return writer->buffer + writer->used;
}

void
pgb_pack_used(PgbPackWriter *writer, size_t length)
{
	Assert(length <= PGB_PACK_FRAME_BYTES - writer->used);
	writer->used += length;
	if (writer->used == PGB_PACK_FRAME_BYTES)
		end_frame(writer);
}

/* ---- what there is to tell of them ---- */

/*
 * The CRC of a pack is that of its frames and its seek table, which is made again: no byte of it has to
 * be read.
 */
static void
describe_tail(PgbStoredFile *file)
{
	StringInfoData table;

	initStringInfo(&table);
	pgb_seek_table_append(&table, &file->frames);
	file->crc = pgb_crc32c_extend(file->crc, table.data, table.len);
	file->stored_bytes += table.len;
	pfree(table.data);
}

int
pgb_pack_describe(const PgbPackIndex *index, PgbStore *store, const char *folder,
				  PgbStoredFile **files)
{
	int			npacks = (int) pg_atomic_read_u32((pg_atomic_uint32 *) &index->next_pack);
	uint32		count = pg_atomic_read_u32((pg_atomic_uint32 *) &index->count);

	*files = palloc0((npacks + 1) * sizeof(PgbStoredFile));
	for (int i = 0; i < npacks; i++)
	{
		(*files)[i].name = pgb_pack_name((uint16) (i + 1));
		pgb_frames_init(&(*files)[i].frames);
	}
	for (uint32 i = 0; i < count; i++)
	{
		const PgbPackFrame *from = &index->frames[i];
		PgbStoredFile *file = &(*files)[from->pack - 1];

		pgb_frames_add(&file->frames, &from->frame);
		file->crc = pgb_crc32c_combine(file->crc, from->frame.crc, from->frame.stored_bytes);
		file->stored_bytes += from->frame.stored_bytes;
		file->raw_bytes += from->frame.raw_bytes;
	}
	for (int i = 0; i < npacks; i++)
		describe_tail(&(*files)[i]);
	return npacks;
}
