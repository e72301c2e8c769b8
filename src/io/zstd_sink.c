/*-------------------------------------------------------------------------
 *
 * zstd_sink.c
 *	  A stream of bytes becomes frames.
 *
 * src/io/zstd_sink.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/sink.h"

/* The line that ends COPY data.  No row is written like this. */
#define END_LINE		"\\.\n"
#define END_LINE_LENGTH	3

typedef struct ZstdSink
{
	PgbSink		base;
	PgbFrameRule rule;
	PgbFrameEncoder *encoder;
	PgbFrameList *frames;
	uint64		rows;			/* complete lines in the open frame */

	/*
	 * At the beginning of a line, what could yet become END_LINE is held back:
	 * so many bytes of it have been seen.  -1 within a line.
	 */
	int			held;
	bool		after_rows;		/* END_LINE has been seen */
} ZstdSink;

static void
end_frame(ZstdSink *sink)
{
	PgbFrame	frame;
	const char *stored = pgb_frame_encoder_end(sink->encoder, &frame);

	frame.rows = sink->rows;
	sink->rows = 0;
	pgb_sink_write(sink->base.next, stored, frame.stored_bytes);
	pgb_frames_add(sink->frames, &frame);
}

static bool
frame_is_full(const ZstdSink *sink)
{
	return pgb_frame_encoder_raw(sink->encoder) >= PGB_FRAME_TARGET;
}

/* ---- PGB_FRAME_BYTES, and whatever follows the rows ---- */

static void
write_bytes(ZstdSink *sink, const char *data, size_t length)
{
	while (length > 0)
	{
		uint64		room = PGB_FRAME_TARGET - pgb_frame_encoder_raw(sink->encoder);
		size_t		piece = Min(length, room);

		pgb_frame_encoder_append(sink->encoder, data, piece);
		if (frame_is_full(sink))
			end_frame(sink);
		data += piece;
		length -= piece;
	}
}

/* ---- PGB_FRAME_LINES ---- */

/* What was held back is the beginning of a row after all. */
static void
release_held(ZstdSink *sink)
{
	if (sink->held > 0)
		pgb_frame_encoder_append(sink->encoder, END_LINE, sink->held);
	sink->held = -1;
}

static void
end_rows(ZstdSink *sink)
{
	if (pgb_frame_encoder_raw(sink->encoder) > 0)
		end_frame(sink);
	sink->held = -1;
	sink->after_rows = true;
	write_bytes(sink, END_LINE, END_LINE_LENGTH);
}

/* At the beginning of a line: how many bytes belong to END_LINE? */
static size_t
match_end_line(ZstdSink *sink, const char *data, size_t length)
{
	size_t		used = 0;

	while (used < length && sink->held < END_LINE_LENGTH &&
		   data[used] == END_LINE[sink->held])
	{
		used++;
		sink->held++;
	}

	if (sink->held == END_LINE_LENGTH)
		end_rows(sink);
	else if (used < length)
		release_held(sink);
	return used;
}

/*
 * Passes on whole lines, as many as there are and the frame takes, and then
 * the beginning of the next if it cannot be END_LINE.  Returns how many bytes
 * that were.
 */
static size_t
write_lines(ZstdSink *sink, const char *data, size_t length)
{
	uint64		room = PGB_FRAME_TARGET - Min(PGB_FRAME_TARGET, pgb_frame_encoder_raw(sink->encoder));
	const char *end = data + length;
	const char *line = data;
	const char *newline;

	Assert(sink->held == -1);
	while ((newline = memchr(line, '\n', end - line)) != NULL)
	{
		line = newline + 1;
		sink->rows++;
		sink->held = 0;
		if (line == end || *line == END_LINE[0] || (uint64) (line - data) >= room)
			break;
		sink->held = -1;
	}
	if (sink->held == -1)
		line = end;

	pgb_frame_encoder_append(sink->encoder, data, line - data);
	if (sink->held == 0 && frame_is_full(sink))
		end_frame(sink);
	return line - data;
}

static void
zstd_sink_write(PgbSink *base, const void *bytes, size_t length)
{
	ZstdSink   *sink = (ZstdSink *) base;
	const char *data = bytes;

	while (length > 0 && sink->rule == PGB_FRAME_LINES && !sink->after_rows)
	{
		size_t		used;

		if (sink->held >= 0)
			used = match_end_line(sink, data, length);
		else
			used = write_lines(sink, data, length);
		data += used;
		length -= used;
	}
	write_bytes(sink, data, length);
}

static void
zstd_sink_finish(PgbSink *base)
{
	ZstdSink   *sink = (ZstdSink *) base;
	StringInfoData table;

	release_held(sink);
	if (pgb_frame_encoder_raw(sink->encoder) > 0 || sink->frames->count == 0)
		end_frame(sink);

	initStringInfo(&table);
	pgb_seek_table_append(&table, sink->frames);
	pgb_sink_write(base->next, table.data, table.len);
	pfree(table.data);

	pgb_sink_finish(base->next);
}

static const PgbSinkOps zstd_sink_ops = {
	.write = zstd_sink_write,
	.finish = zstd_sink_finish,
};

PgbSink *
pgb_zstd_sink_create(PgbSink *next, int level, PgbFrameRule rule, PgbFrameList *frames)
{
	ZstdSink   *sink = palloc0(sizeof(ZstdSink));

	sink->base.ops = &zstd_sink_ops;
	sink->base.next = next;
	sink->rule = rule;
	sink->encoder = pgb_frame_encoder_create(level);
	sink->frames = frames;
	return &sink->base;
}
