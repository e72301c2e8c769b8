/*-------------------------------------------------------------------------
 *
 * wal_pages.c
 *	  A file on its way into the archive: read once, for who looks at its pages and for who
 *	  compresses them.
 *
 * Who looks asks for one page after the other.  A frame that all asked for has been passed is compressed
 * and written; what nobody has asked for is, at the end.
 *
 * src/repo/wal_pages.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#include "io/digest.h"

struct PgbWalPages
{
	PgbFrameEncoder *encoder;
	char	   *buffer;			/* of PGB_WAL_FRAME_BYTES: what comes next */
	char	   *page;			/* of XLOG_BLCKSZ: one that was passed */
	MemoryContext context;		/* of what outlives who looks */
	PgbWalFile *file;
	const char *path;
	PgbObject  *object;
	PgbWalTrailer *trailer;
	uint64		begin;			/* of the buffer in the file; all before it is written */
	size_t		length;			/* of what is in the buffer */
	uint64		stored;			/* bytes of the object */
	bool		is_moving;		/* an ERROR is one of reading on and writing */
};

PgbWalPages *
pgb_wal_pages_create(int level)
{
	PgbWalPages *pages = palloc0(sizeof(PgbWalPages));

	pages->encoder = pgb_frame_encoder_create(level);
	pages->buffer = palloc(PGB_WAL_FRAME_BYTES);
	pages->page = palloc(XLOG_BLCKSZ);
	pages->context = CurrentMemoryContext;
	return pages;
}

static uint64
size_of(const PgbWalPages *pages)
{
	return pages->trailer->facts.segment_size;
}

static void
fill_buffer(PgbWalPages *pages)
{
	CHECK_FOR_INTERRUPTS();
	pages->length = pgb_wal_file_read(pages->file, pages->buffer,
									  Min(size_of(pages) - pages->begin, PGB_WAL_FRAME_BYTES));
	if (pages->length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("WAL file \"%s\" has become shorter", pages->path)));
}

static void
write_buffer(PgbWalPages *pages)
{
	PgbWalTrailer *trailer = pages->trailer;
	PgbFrame	frame;
	const char *stored;

	trailer->facts.raw_crc = pgb_crc32c_extend(trailer->facts.raw_crc, pages->buffer, pages->length);
	stored = pgb_frame_encoder_whole(pages->encoder, pages->buffer, pages->length, &frame);
	pages->object->store->ops->write_at(pages->object, pages->stored, stored, frame.stored_bytes);
	pages->stored += frame.stored_bytes;
	pgb_frames_add(&trailer->frames, &frame);
	trailer->crc = pgb_crc32c_combine(trailer->crc, frame.crc, frame.stored_bytes);
	pages->begin += pages->length;
	pages->length = 0;
}

/* Returns false at the end of the file. */
static bool
move_on(PgbWalPages *pages)
{
	if (pages->length > 0)
		write_buffer(pages);
	if (pages->begin == size_of(pages))
		return false;
	fill_buffer(pages);
	return true;
}

void
pgb_wal_pages_begin(PgbWalPages *pages, PgbWalFile *file, const char *path, PgbObject *object,
					PgbWalTrailer *trailer)
{
	pages->file = file;
	pages->path = path;
	pages->object = object;
	pages->trailer = trailer;
	pages->begin = pages->stored = 0;
	pages->length = 0;
}

uint64
pgb_wal_pages_end(PgbWalPages *pages)
{
	while (move_on(pages))
		;
	return pages->stored;
}

/* ---- who looks ---- */

static void
move_to(PgbWalPages *pages, uint64 end)
{
	MemoryContext caller = MemoryContextSwitchTo(pages->context);

	pages->is_moving = true;
	while (end > pages->begin + pages->length && move_on(pages))
		;
	pages->is_moving = false;
	MemoryContextSwitchTo(caller);
}

const char *
pgb_wal_page(PgbWalPages *pages, uint64 offset)
{
	uint64		end = offset + XLOG_BLCKSZ;

	move_to(pages, Min(end, size_of(pages)));
	if (end > size_of(pages))
		return NULL;
	if (offset >= pages->begin)
		return pages->buffer + (offset - pages->begin);
	if (pgb_wal_file_read_at(pages->file, offset, pages->page, XLOG_BLCKSZ) < XLOG_BLCKSZ)
		return NULL;
	return pages->page;
}

bool
pgb_wal_pages_failed(const PgbWalPages *pages)
{
	return pages->is_moving;
}
