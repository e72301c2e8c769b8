/*-------------------------------------------------------------------------
 *
 * test_frame.c
 *	  Frames: written, read, damaged.
 *
 * test/unit/io/test_frame.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <zstd.h>

#include "io/digest.h"
#include "io/frame.h"

static char *
make_text(size_t length)
{
	char	   *text = palloc(length + 1);

	for (size_t i = 0; i < length; i++)
		text[i] = i % 37 == 36 ? '\n' : 'a' + tap_random() % 16;
	text[length] = '\0';
	return text;
}

/* Encodes in pieces; the stored bytes are a copy. */
static char *
encode(const char *data, size_t length, size_t piece, int level, PgbFrame *frame)
{
	PgbFrameEncoder *encoder = pgb_frame_encoder_create(level);
	const char *stored;
	char	   *copy;

	for (size_t done = 0; done < length; done += piece)
		pgb_frame_encoder_append(encoder, data + done, Min(piece, length - done));
	stored = pgb_frame_encoder_end(encoder, frame);
	copy = palloc(frame->stored_bytes);
	memcpy(copy, stored, frame->stored_bytes);
	return copy;
}

/* Decodes into buffer, by pieces; returns the length. */
static size_t
decode(const char *stored, const PgbFrame *frame, char *buffer, size_t size, size_t piece)
{
	PgbFrameDecoder *decoder = pgb_frame_decoder_create();
	size_t		used = 0;
	size_t		got;

	pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, "17.dat.zst");
	while ((got = pgb_frame_decoder_read(decoder, buffer + used, Min(piece, size - used))) > 0)
		used += got;
	return used;
}

static void
test_round_trip(void)
{
	static const size_t lengths[] = {0, 1, 100, 65536, 3000000};
	static const int levels[] = {-7, 1, 3, 19};
	int			wrong = 0;

	for (int i = 0; i < lengthof(lengths); i++)
	{
		char	   *text = make_text(lengths[i]);
		char	   *buffer = palloc(lengths[i] + 10);

		for (int j = 0; j < lengthof(levels); j++)
		{
			PgbFrame	frame;
			char	   *stored = encode(text, lengths[i], 1 + lengths[i] / 3, levels[j], &frame);

			if (frame.raw_bytes != lengths[i] || frame.rows != 0 ||
				frame.crc != pgb_crc32c(stored, frame.stored_bytes))
				wrong++;
			if (decode(stored, &frame, buffer, lengths[i] + 10, 1000) != lengths[i] ||
				memcmp(buffer, text, lengths[i]) != 0)
				wrong++;
			/* stock zstd takes it as well */
			if (ZSTD_decompress(buffer, lengths[i] + 10, stored, frame.stored_bytes) != lengths[i])
				wrong++;
		}
	}
	is_uint(wrong, 0, "frames of all lengths and levels come back");
}

static void
test_reuse(void)
{
	PgbFrameEncoder *encoder = pgb_frame_encoder_create(1);
	PgbFrame	first;
	PgbFrame	second;
	const char *stored;
	uint32		crc;

	is_uint(pgb_frame_encoder_raw(encoder), 0, "no frame is open");
	pgb_frame_encoder_append(encoder, "hello", 5);
	is_uint(pgb_frame_encoder_raw(encoder), 5, "five bytes are in the open frame");
	stored = pgb_frame_encoder_end(encoder, &first);
	crc = pgb_crc32c(stored, first.stored_bytes);
	is_uint(pgb_frame_encoder_raw(encoder), 0, "it is closed");
	pgb_frame_encoder_append(encoder, "hello", 5);
	pgb_frame_encoder_end(encoder, &second);
	ok(second.crc == crc && second.stored_bytes == first.stored_bytes,
	   "the next frame does not depend on the one before");

	raises(ERRCODE_INVALID_PARAMETER_VALUE, "level 20 is refused", pgb_frame_encoder_create(20));
	raises(ERRCODE_INVALID_PARAMETER_VALUE, "level -8 is refused", pgb_frame_encoder_create(-8));
}

static void
test_damage(void)
{
	const char *text = "a row\tof a table\nand another\n";
	char		buffer[100];
	PgbFrame	frame;
	char	   *stored = encode(text, strlen(text), 1000, 1, &frame);
	int			undetected = 0;
	int			accepted = 0;
	PgbFrame	wrong;

	for (size_t bit = 0; bit < frame.stored_bytes * 8; bit++)
	{
		stored[bit / 8] ^= 1 << (bit % 8);

		try(decode(stored, &frame, buffer, sizeof(buffer), 100));
		if (tap_error == NULL || tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
			undetected++;

		/* And behind our CRC: what is read is an error, or right all the same. */
		wrong = frame;
		wrong.crc = pgb_crc32c(stored, frame.stored_bytes);
		memset(buffer, 0, sizeof(buffer));
		try(decode(stored, &wrong, buffer, sizeof(buffer), 100));
		if (tap_error == NULL && memcmp(buffer, text, strlen(text)) != 0)
			accepted++;

		stored[bit / 8] ^= 1 << (bit % 8);
	}
	is_uint(undetected, 0, "each flipped bit is detected");
	is_uint(accepted, 0, "no flipped bit changes the content, even if the CRC agrees");

	raises(ERRCODE_DATA_CORRUPTED, "a shorter content is detected",
		   wrong = frame; wrong.raw_bytes++; decode(stored, &wrong, buffer, sizeof(buffer), 100));
	raises(ERRCODE_DATA_CORRUPTED, "a longer content is detected",
		   wrong = frame; wrong.raw_bytes--; decode(stored, &wrong, buffer, sizeof(buffer), 100));
	raises(ERRCODE_DATA_CORRUPTED, "a truncated frame is detected",
		   wrong = frame; wrong.stored_bytes -= 3; wrong.crc = pgb_crc32c(stored, wrong.stored_bytes);
		   decode(stored, &wrong, buffer, sizeof(buffer), 100));
	ok(strstr(tap_error->message, "17.dat.zst") != NULL, "the message names the file");
	ok(tap_error->hint != NULL, "there is a hint");
}

static void
test_trailing(void)
{
	char		buffer[100];
	PgbFrame	frame;
	char	   *stored = encode("abc", 3, 3, 1, &frame);
	char	   *twice = palloc(frame.stored_bytes * 2);
	PgbFrame	wrong = frame;

	memcpy(twice, stored, frame.stored_bytes);
	memcpy(twice + frame.stored_bytes, stored, frame.stored_bytes);
	wrong.stored_bytes *= 2;
	wrong.crc = pgb_crc32c(twice, wrong.stored_bytes);
	raises(ERRCODE_DATA_CORRUPTED, "a frame that follows within the frame is detected",
		   decode(twice, &wrong, buffer, sizeof(buffer), 100));
	wrong.raw_bytes *= 2;
	raises(ERRCODE_DATA_CORRUPTED, "even if the lengths agree",
		   decode(twice, &wrong, buffer, sizeof(buffer), 100));
}

static void
test_seek_table(void)
{
	static const unsigned char wanted[] = {
		0x5E, 0x2A, 0x4D, 0x18, 25, 0, 0, 0,
		0x10, 0, 0, 0, 0x00, 0x01, 0, 0,
		0x20, 0, 0, 0, 0x02, 0x03, 0x01, 0,
		2, 0, 0, 0, 0, 0xB1, 0xEA, 0x92, 0x8F,
	};
	PgbFrameList list;
	PgbFrame	first = {.stored_bytes = 0x10, .raw_bytes = 0x100};
	PgbFrame	second = {.stored_bytes = 0x20, .raw_bytes = 0x10302};
	PgbFrame	giant = {.stored_bytes = 0x30, .raw_bytes = UINT64CONST(0x100000000)};
	StringInfoData out;

	pgb_frames_init(&list);
	pgb_frames_add(&list, &first);
	pgb_frames_add(&list, &second);
	is_uint(list.frames[0].offset, 0, "the first frame is at 0");
	is_uint(list.frames[1].offset, 0x10, "the second follows it");

	initStringInfo(&out);
	pgb_seek_table_append(&out, &list);
	is_uint(out.len, sizeof(wanted), "the seek table is as long as it must be");
	ok(memcmp(out.data, wanted, sizeof(wanted)) == 0, "and has every byte as the format says");

	resetStringInfo(&out);
	pgb_frames_add(&list, &giant);
	pgb_seek_table_append(&out, &list);
	is_uint(out.len, 0, "there is none when a length does not fit");
}

int
main(void)
{
	test_round_trip();
	test_reuse();
	test_damage();
	test_trailing();
	test_seek_table();
	return done_testing();
}
