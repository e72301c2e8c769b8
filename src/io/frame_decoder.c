/*-------------------------------------------------------------------------
 *
 * frame_decoder.c
 *	  Reads frames, and believes nothing of them that it has not checked.
 *
 * src/io/frame_decoder.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/frame.h"

#include <zstd.h>

#include "io/digest.h"

struct PgbFrameDecoder
{
	PgbResource resource;
	ZSTD_DCtx  *zstd;
	PgbFrame	frame;			/* what it must be */
	char	   *object;
	const char *hint;			/* of errors about damage */
	ZSTD_inBuffer input;
	uint64		raw_bytes;		/* content read so far */
	bool		at_end;
};

static void
release_decoder(void *arg)
{
	PgbFrameDecoder *decoder = arg;

	ZSTD_freeDCtx(decoder->zstd);
	decoder->zstd = NULL;
}

void
pgb_frame_decoder_end(PgbFrameDecoder *decoder)
{
	release_decoder(decoder);
}

PgbFrameDecoder *
pgb_frame_decoder_create(void)
{
	PgbFrameDecoder *decoder = palloc0(sizeof(PgbFrameDecoder));

	decoder->at_end = true;
	decoder->hint = PGB_HINT_DAMAGED;
	pgb_resource_keep(&decoder->resource, release_decoder, decoder);
	decoder->zstd = ZSTD_createDCtx();
	if (decoder->zstd == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while creating a zstd decompression context.")));
	return decoder;
}

pg_noreturn static void damaged(const PgbFrameDecoder *decoder, const char *detail);

static void
damaged(const PgbFrameDecoder *decoder, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read the frame at byte %llu of \"%s\"",
					(unsigned long long) decoder->frame.offset, decoder->object),
			 errdetail("%s", detail),
			 errhint("%s", decoder->hint)));
}

void
pgb_frame_decoder_set_hint(PgbFrameDecoder *decoder, const char *hint)
{
	decoder->hint = hint;
}

void
pgb_frame_decoder_begin(PgbFrameDecoder *decoder, const char *data, size_t length,
						const PgbFrame *frame, const char *object)
{
	uint32		crc;

	if (decoder->object != NULL)
		pfree(decoder->object);
	decoder->object = NULL;
	decoder->object = pstrdup(object);
	decoder->frame = *frame;
	decoder->input.src = data;
	decoder->input.size = length;
	decoder->input.pos = 0;
	decoder->raw_bytes = 0;
	decoder->at_end = false;
	ZSTD_DCtx_reset(decoder->zstd, ZSTD_reset_session_only);

	if (length != frame->stored_bytes)
		damaged(decoder, psprintf("It is %llu bytes long, but should be %llu.",
								  (unsigned long long) length,
								  (unsigned long long) frame->stored_bytes));
	crc = pgb_crc32c(data, length);
	if (crc != frame->crc)
		damaged(decoder, psprintf("Its CRC-32C is %08x, but should be %08x.",
								  crc, frame->crc));
}

/* What must hold when zstd says that the frame is complete. */
static void
check_end(const PgbFrameDecoder *decoder)
{
	if (decoder->input.pos != decoder->input.size)
		damaged(decoder, psprintf("%llu bytes follow its end.",
								  (unsigned long long) (decoder->input.size - decoder->input.pos)));
	if (decoder->raw_bytes != decoder->frame.raw_bytes)
		damaged(decoder, psprintf("Its content is %llu bytes long, but should be %llu.",
								  (unsigned long long) decoder->raw_bytes,
								  (unsigned long long) decoder->frame.raw_bytes));
}

size_t
pgb_frame_decoder_read(PgbFrameDecoder *decoder, char *buffer, size_t size)
{
	ZSTD_outBuffer output = {buffer, size, 0};

	/*
	 * zstd may consume input without giving output; 0 is for the end alone.
	 */
	while (!decoder->at_end && output.pos == 0 && size > 0)
	{
		size_t		result = ZSTD_decompressStream(decoder->zstd, &output, &decoder->input);

		if (ZSTD_isError(result))
			damaged(decoder, psprintf("zstd says: %s.", ZSTD_getErrorName(result)));

		decoder->raw_bytes += output.pos;
		if (decoder->raw_bytes > decoder->frame.raw_bytes)
			damaged(decoder, psprintf("Its content is longer than the %llu bytes that it should be.",
									  (unsigned long long) decoder->frame.raw_bytes));
		if (result == 0)
		{
			check_end(decoder);
			decoder->at_end = true;
		}
		else if (output.pos == 0 && decoder->input.pos == decoder->input.size)
			damaged(decoder, "It ends too early.");
	}
	return output.pos;
}
