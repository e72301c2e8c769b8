/*-------------------------------------------------------------------------
 *
 * frame_encoder.c
 *	  Makes frames, one after the other, in memory.
 *
 * src/io/frame_encoder.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/frame.h"

#include <zstd.h>

#include "io/digest.h"

#define MIN_LEVEL		(-7)
#define MAX_LEVEL		19

#define INITIAL_SIZE	(256 * 1024)

/* What a buffer may keep for the next frame; a giant row needs more, once. */
#define MAX_KEPT_SIZE	(2 * PGB_FRAME_TARGET)

struct PgbFrameEncoder
{
	PgbResource resource;
	ZSTD_CCtx  *zstd;
	char	   *buffer;			/* the frame so far */
	size_t		size;			/* allocated */
	size_t		used;
	uint64		raw_bytes;		/* content of the open frame */
	bool		is_open;
};

static void
release_encoder(void *arg)
{
	PgbFrameEncoder *encoder = arg;

	ZSTD_freeCCtx(encoder->zstd);
	encoder->zstd = NULL;
}

static void
check(size_t result)
{
	if (ZSTD_isError(result))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compress data: %s", ZSTD_getErrorName(result))));
}

PgbFrameEncoder *
pgb_frame_encoder_create(int level)
{
	PgbFrameEncoder *encoder;

	if (level < MIN_LEVEL || level > MAX_LEVEL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("compression level %d is out of range", level),
				 errhint("Use a level from %d to %d.", MIN_LEVEL, MAX_LEVEL)));

	encoder = palloc0(sizeof(PgbFrameEncoder));
	encoder->size = INITIAL_SIZE;
	encoder->buffer = palloc(encoder->size);

	pgb_resource_keep(&encoder->resource, release_encoder, encoder);
	encoder->zstd = ZSTD_createCCtx();
	if (encoder->zstd == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while creating a zstd compression context.")));
	check(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, level));
	check(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_checksumFlag, 1));
	return encoder;
}

/* Gives the memory of a frame of unusual size back. */
static void
shrink(PgbFrameEncoder *encoder)
{
	if (encoder->size <= MAX_KEPT_SIZE)
		return;
	encoder->buffer = repalloc_huge(encoder->buffer, INITIAL_SIZE);
	encoder->size = INITIAL_SIZE;
}

static void
open_frame(PgbFrameEncoder *encoder)
{
	if (encoder->is_open)
		return;
	shrink(encoder);
	encoder->used = 0;
	encoder->raw_bytes = 0;
	encoder->is_open = true;
	check(ZSTD_CCtx_reset(encoder->zstd, ZSTD_reset_session_only));
}

/* Compresses into the buffer, and makes room as it is needed. */
static void
compress(PgbFrameEncoder *encoder, ZSTD_inBuffer *input, ZSTD_EndDirective directive)
{
	size_t		remaining;

	do
	{
		ZSTD_outBuffer output;

		if (encoder->size - encoder->used < ZSTD_CStreamOutSize())
		{
			encoder->size *= 2;
			encoder->buffer = repalloc_huge(encoder->buffer, encoder->size);
		}

		output.dst = encoder->buffer;
		output.size = encoder->size;
		output.pos = encoder->used;
		remaining = ZSTD_compressStream2(encoder->zstd, &output, input, directive);
		check(remaining);
		encoder->used = output.pos;
	} while (directive == ZSTD_e_end ? remaining > 0 : input->pos < input->size);
}

void
pgb_frame_encoder_append(PgbFrameEncoder *encoder, const void *data, size_t length)
{
	ZSTD_inBuffer input = {data, length, 0};

	open_frame(encoder);
	compress(encoder, &input, ZSTD_e_continue);
	encoder->raw_bytes += length;
}

uint64
pgb_frame_encoder_raw(const PgbFrameEncoder *encoder)
{
	return encoder->is_open ? encoder->raw_bytes : 0;
}

/* What there is to tell of the frame in the buffer. */
static const char *
describe_frame(PgbFrameEncoder *encoder, PgbFrame *frame)
{
	encoder->is_open = false;
	memset(frame, 0, sizeof(PgbFrame));
	frame->stored_bytes = encoder->used;
	frame->raw_bytes = encoder->raw_bytes;
	frame->crc = pgb_crc32c(encoder->buffer, encoder->used);
	return encoder->buffer;
}

const char *
pgb_frame_encoder_end(PgbFrameEncoder *encoder, PgbFrame *frame)
{
	ZSTD_inBuffer nothing = {NULL, 0, 0};

	open_frame(encoder);
	compress(encoder, &nothing, ZSTD_e_end);
	return describe_frame(encoder, frame);
}

const char *
pgb_frame_encoder_whole(PgbFrameEncoder *encoder, const void *data, size_t length,
						PgbFrame *frame)
{
	size_t		bound = ZSTD_compressBound(length);
	size_t		stored;

	Assert(!encoder->is_open);
	open_frame(encoder);
	if (encoder->size < bound)
	{
		encoder->buffer = repalloc_huge(encoder->buffer, bound);
		encoder->size = bound;
	}
	stored = ZSTD_compress2(encoder->zstd, encoder->buffer, encoder->size, data, length);
	check(stored);
	encoder->used = stored;
	encoder->raw_bytes = length;
	return describe_frame(encoder, frame);
}
