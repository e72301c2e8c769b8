/*-------------------------------------------------------------------------
 *
 * sink.h
 *	  Where bytes go: a chain of sinks, each of which does one thing and
 *	  passes on to the next.
 *
 * Call write any number of times, then finish once; finish passes down the
 * chain.  After an ERROR a sink is abandoned, not finished: what it held is
 * released with its memory context.
 *
 * src/io/sink.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SINK_H
#define PGB_SINK_H

#include "io/frame.h"

typedef struct PgbSink PgbSink;

typedef struct PgbSinkOps
{
	void		(*write) (PgbSink *sink, const void *data, size_t length);
	void		(*finish) (PgbSink *sink);
} PgbSinkOps;

struct PgbSink
{
	const PgbSinkOps *ops;
	PgbSink    *next;			/* NULL for the last of a chain */
};

static inline void
pgb_sink_write(PgbSink *sink, const void *data, size_t length)
{
	Assert(sink != NULL);
	sink->ops->write(sink, data, length);
}

static inline void
pgb_sink_finish(PgbSink *sink)
{
	Assert(sink != NULL);
	sink->ops->finish(sink);
}

typedef enum PgbFrameRule
{
	PGB_FRAME_BYTES,			/* a frame may end anywhere */
	PGB_FRAME_LINES				/* a frame ends after a newline; rows counts
								 * them */
} PgbFrameRule;

/*
 * Compresses into frames of about PGB_FRAME_TARGET bytes, describes each in
 * *frames, and ends with the seek table (which is no frame of the list).  With
 * PGB_FRAME_LINES the terminator of COPY data in an archive ("\\." and three
 * newlines, see repo/toc.h) becomes a last frame of its own with no rows.
 */
extern PgbSink *pgb_zstd_sink_create(PgbSink *next, int level, PgbFrameRule rule,
									 PgbFrameList *frames);

#endif							/* PGB_SINK_H */
