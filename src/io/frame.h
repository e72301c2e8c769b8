/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  Frames: independent zstd frames, the unit in which stored files are
 *	  written, checked and read in parallel.
 *
 * A stored file is a concatenation of frames, each of which can be decompressed
 * by itself (RFC 8878) and carries zstd's content checksum, and ends with
 * zstd's seekable-format table: a skippable frame that stock zstd passes over.
 * A frame of table data holds whole rows.
 *
 * src/io/frame.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FRAME_H
#define PGB_FRAME_H

/*
 * Bytes of content after which a writer ends a frame.  A frame is kept in
 * memory (compressed) while it is made, and is what a reader loads at once.
 */
#define PGB_FRAME_TARGET	(8 * 1024 * 1024)

typedef struct PgbFrame
{
	uint64		stored_bytes;	/* length in the file */
	uint64		raw_bytes;		/* length of the content */
	uint64		rows;			/* lines of COPY text in it; 0 when it is no
								 * table data */
	uint32		crc;			/* CRC-32C of the stored bytes */
	uint64		offset;			/* in the file; set by pgb_frames_add() */
} PgbFrame;

/* The frames of one file, in the order in which they lie in it. */
typedef struct PgbFrameList
{
	PgbFrame   *frames;
	uint32		count;
	uint32		allocated;
} PgbFrameList;

extern void pgb_frames_init(PgbFrameList *list);

/* Frames follow each other without a gap, from the beginning of the file. */
extern void pgb_frames_add(PgbFrameList *list, const PgbFrame *frame);

/* ---- writing ---- */

typedef struct PgbFrameEncoder PgbFrameEncoder;

/*
 * level: zstd's compression level, from -7 to 19 (checked).  The encoder lives
 * in the current memory context, which also releases its zstd context.
 */
extern PgbFrameEncoder *pgb_frame_encoder_create(int level);

/* Adds content to the open frame, or opens one. */
extern void pgb_frame_encoder_append(PgbFrameEncoder *encoder,
									 const void *data, size_t length);

/* Bytes of content in the open frame; 0 when none is open. */
extern uint64 pgb_frame_encoder_raw(const PgbFrameEncoder *encoder);

/*
 * Ends the open frame (an empty one if none is open) and describes it in
 * *frame (rows is left 0).  Returns its frame->stored_bytes bytes, which belong
 * to the encoder and are valid until its next append.
 */
extern const char *pgb_frame_encoder_end(PgbFrameEncoder *encoder, PgbFrame *frame);

/*
 * The same for content that is there as a whole: it is not copied.  No frame may be open.
 */
extern const char *pgb_frame_encoder_whole(PgbFrameEncoder *encoder, const void *data,
										   size_t length, PgbFrame *frame);

/*
 * Appends the seek table of the frames: "Zstandard Seekable Format" 0.1.0
 * (contrib/seekable_format in the zstd source), without checksums of its own.
 */
extern void pgb_seek_table_append(StringInfo out, const PgbFrameList *frames);

/* ---- reading ---- */

typedef struct PgbFrameDecoder PgbFrameDecoder;

extern PgbFrameDecoder *pgb_frame_decoder_create(void);

/* What errors about damage tell to do, if not PGB_HINT_DAMAGED; a literal. */
extern void pgb_frame_decoder_set_hint(PgbFrameDecoder *decoder, const char *hint);

/*
 * Begins a frame whose stored bytes are at data (they must stay there until the
 * frame is read).  Checks length and CRC against *frame, and raises
 * ERRCODE_DATA_CORRUPTED if they differ; "object" names the file in errors.
 */
extern void pgb_frame_decoder_begin(PgbFrameDecoder *decoder,
									const char *data, size_t length,
									const PgbFrame *frame, const char *object);

/*
 * Up to size bytes of content; 0 at the end of the frame.  Raises
 * ERRCODE_DATA_CORRUPTED when the frame is damaged or its content is not as
 * long as the frame says.
 */
extern size_t pgb_frame_decoder_read(PgbFrameDecoder *decoder, char *buffer, size_t size);

/*
 * Gives back what is not memory of a context, which otherwise stays until the context goes: in the program that is
 * its end.
 */
extern void pgb_frame_decoder_end(PgbFrameDecoder *decoder);

#endif							/* PGB_FRAME_H */
