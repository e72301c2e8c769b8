/*-------------------------------------------------------------------------
 *
 * test_sink.c
 *	  The chain that compresses a stream into frames.
 *
 * test/unit/io/test_sink.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <zstd.h>

#include "io/digest.h"
#include "io/sink.h"

#define END_MARK	"\\.\n\n\n"

/* The end of the chain: memory. */
typedef struct MemorySink
{
	PgbSink		base;
	StringInfoData data;
	bool		finished;
} MemorySink;

static void
memory_write(PgbSink *base, const void *data, size_t length)
{
	appendBinaryStringInfo(&((MemorySink *) base)->data, data, length);
}

static void
memory_finish(PgbSink *base)
{
	((MemorySink *) base)->finished = true;
}

static const PgbSinkOps memory_ops = {.write = memory_write, .finish = memory_finish};

static MemorySink memory;
static PgbFrameList frames;

/* Sends text through a chain, by pieces of the given length (0: random). */
static void
send(const char *text, size_t length, size_t piece, PgbFrameRule rule)
{
	PgbSink    *sink;

	memset(&memory, 0, sizeof(memory));
	memory.base.ops = &memory_ops;
	initStringInfo(&memory.data);
	pgb_frames_init(&frames);

	sink = pgb_zstd_sink_create(&memory.base, 1, rule, &frames);
	for (size_t done = 0; done < length;)
	{
		size_t		now = piece > 0 ? piece : 1 + tap_random() % 70000;

		now = Min(now, length - done);
		pgb_sink_write(sink, text + done, now);
		done += now;
	}
	pgb_sink_finish(sink);
}

/* The content of one frame, with a zero byte after it. */
static char *
content(uint32 number)
{
	const PgbFrame *frame = &frames.frames[number];
	char	   *text = palloc(frame->raw_bytes + 1);
	size_t		got = ZSTD_decompress(text, frame->raw_bytes, memory.data.data + frame->offset,
									  frame->stored_bytes);

	if (got != frame->raw_bytes)
		return pstrdup("(not decompressed)");
	text[frame->raw_bytes] = '\0';
	return text;
}

static char *
all_content(void)
{
	StringInfoData all;

	initStringInfo(&all);
	for (uint32 i = 0; i < frames.count; i++)
		appendBinaryStringInfo(&all, content(i), frames.frames[i].raw_bytes);
	return all.data;
}

static uint64
all_rows(void)
{
	uint64		rows = 0;

	for (uint32 i = 0; i < frames.count; i++)
		rows += frames.frames[i].rows;
	return rows;
}

/* All of it, as zstd -d would give it: with the seek table skipped. */
static bool
is_stock(const char *text)
{
	size_t		length = strlen(text);
	char	   *buffer = palloc(length + 1);
	size_t		done = 0;
	ZSTD_DCtx  *dctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = {memory.data.data, memory.data.len, 0};
	bool		same;

	while (in.pos < in.size)
	{
		ZSTD_outBuffer out = {buffer, length + 1, done};

		if (ZSTD_isError(ZSTD_decompressStream(dctx, &out, &in)))
			break;
		done = out.pos;
	}
	same = in.pos == in.size && done == length && memcmp(buffer, text, length) == 0;
	ZSTD_freeDCtx(dctx);
	return same;
}

static char *
make_rows(size_t length)
{
	char	   *text = palloc(length + 100);
	size_t		used = 0;

	while (used < length)
		used += sprintf(text + used, "%u\t%u\\\\.\t%x\n", tap_random(), tap_random() % 1000, tap_random());
	return text;
}

static uint64
count_lines(const char *text)
{
	uint64		lines = 0;

	while ((text = strchr(text, '\n')) != NULL)
	{
		lines++;
		text++;
	}
	return lines;
}

static void
test_empty(void)
{
	send("", 0, 1, PGB_FRAME_BYTES);
	is_uint(frames.count, 1, "nothing is one empty frame");
	ok(memory.finished, "finish reaches the end of the chain");
	ok(is_stock(""), "which zstd can read");

	send(END_MARK, strlen(END_MARK), 1, PGB_FRAME_LINES);
	is_uint(frames.count, 1, "a table without rows is one frame");
	is_uint(all_rows(), 0, "without rows");
	is_str(content(0), END_MARK, "the end mark");
}

static void
test_rows(void)
{
	char	   *rows = make_rows(20 * 1024 * 1024);
	char	   *text = psprintf("%s%s", rows, END_MARK);
	size_t		length = strlen(text);
	bool		whole_lines = true;

	send(text, length, 0, PGB_FRAME_LINES);
	is_uint(frames.count, 4, "20 MB are three frames and the end mark");
	is_str(content(frames.count - 1), END_MARK, "the end mark is a frame of its own");
	is_uint(frames.frames[frames.count - 1].rows, 0, "that has no rows");
	is_uint(all_rows(), count_lines(rows), "all rows are counted");
	ok(strcmp(all_content(), text) == 0, "the content is what was sent");
	ok(is_stock(text), "zstd reads the same");
	for (uint32 i = 0; i < frames.count; i++)
	{
		char	   *lines = content(i);

		if (lines[strlen(lines) - 1] != '\n' || frames.frames[i].rows !=
			(i < frames.count - 1 ? count_lines(lines) : 0))
			whole_lines = false;
	}
	ok(whole_lines, "each frame holds whole rows, and says how many");

	send(text, length, 0, PGB_FRAME_BYTES);
	is_uint(frames.frames[0].raw_bytes, PGB_FRAME_TARGET, "bytes are cut at the target");
	is_uint(all_rows(), 0, "and have no rows");
	ok(is_stock(text), "zstd reads the same");
}

/* Beginnings of lines that look like the end, and pieces of all lengths. */
static void
test_end_mark(void)
{
	static const char *const texts[] = {
		"", "a\n", "\n", "\n\n", "\\N\n", "\\.x\n", "\\\\.\n", "x\\.\n", "\\", "\\.", "a", "a\n\\", "a\n\\.",
		"\\.\\.\n", "1\t\\.\n", "\\\n",
	};
	int			wrong = 0;

	for (int i = 0; i < lengthof(texts); i++)
	{
		for (size_t piece = 1; piece <= 8; piece++)
		{
			char	   *ended = psprintf("%s%s", texts[i], END_MARK);

			send(texts[i], strlen(texts[i]), piece, PGB_FRAME_LINES);
			if (strcmp(all_content(), texts[i]) != 0 || all_rows() != count_lines(texts[i]) ||
				frames.count != 1)
				wrong++;

			/* Where the text ends in a line, the mark is a frame of its own. */
			if (texts[i][0] != '\0' && texts[i][strlen(texts[i]) - 1] != '\n')
				continue;
			send(ended, strlen(ended), piece, PGB_FRAME_LINES);
			if (strcmp(all_content(), ended) != 0 || all_rows() != count_lines(texts[i]) ||
				strcmp(content(frames.count - 1), END_MARK) != 0 ||
				frames.count != (texts[i][0] == '\0' ? 1 : 2))
				wrong++;
		}
	}
	is_uint(wrong, 0, "the end mark is found, and nothing else is taken for it");
}

static void
test_long_row(void)
{
	size_t		length = 3 * PGB_FRAME_TARGET;
	char	   *text = palloc(length + 100);

	memset(text, 'x', length);
	strcpy(text + length, "\nshort\n" END_MARK);
	send(text, strlen(text), 1024 * 1024, PGB_FRAME_LINES);
	is_uint(frames.count, 3, "a row longer than a frame makes a longer frame");
	is_uint(frames.frames[0].rows, 1, "with one row");
	ok(is_stock(text), "zstd reads the same");
}

int
main(void)
{
	test_empty();
	test_rows();
	test_end_mark();
	test_long_row();
	return done_testing();
}
