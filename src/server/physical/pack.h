/*-------------------------------------------------------------------------
 *
 * pack.h
 *	  Packs are written: contents of many files, one after the other, in frames.
 *
 * Each worker writes packs of its own.  What it must tell of them, the frames, goes to
 * an array in shared memory, which the leader reads when all is done.
 *
 * src/server/physical/pack.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PACK_H
#define PGB_PACK_H

#include "repo/file_list.h"
#include "port/atomics.h"

/*
 * Content of a frame.  A page that is wanted alone costs the reading of its frame, and each frame
 * costs an entry of the manifest.
 */
#define PGB_PACK_FRAME_BYTES	(4 * 1024 * 1024)

/* A pack takes nothing new after so many bytes of content. */
#define PGB_PACK_BYTES			(UINT64CONST(64) * 1024 * 1024 * 1024)

typedef struct PgbPackFrame
{
	uint16		pack;
	PgbFrame	frame;
} PgbPackFrame;

/* Shared by all writers. */
typedef struct PgbPackIndex
{
	pg_atomic_uint32 next_pack; /* the last number that was given */
	pg_atomic_uint32 count;
	uint32		capacity;
	PgbPackFrame frames[FLEXIBLE_ARRAY_MEMBER]; /* those of one pack in their order */
} PgbPackIndex;

/* So many frames are enough for so much content of so many writers. */
extern uint32 pgb_pack_index_capacity(uint64 bytes, int writers);
extern Size pgb_pack_index_size(uint32 capacity);
extern void pgb_pack_index_init(PgbPackIndex *index, uint32 capacity);

typedef struct PgbPackWriter PgbPackWriter;

/* folder is that of the backup in the store. */
extern PgbPackWriter *pgb_pack_writer_create(PgbStore *store, const char *folder, int level,
											 PgbPackIndex *index);

/* Where what comes next will be; it will be in one pack until the next call. */
extern void pgb_pack_place(PgbPackWriter *writer, uint16 *pack, uint64 *offset);

/*
 * Room for content, of at least "least" bytes (a page, or 1) and at most a frame: write to it, and
 * say how much of it was used.
 */
extern char *pgb_pack_room(PgbPackWriter *writer, size_t least, size_t *room);
extern void pgb_pack_used(PgbPackWriter *writer, size_t length);

/* Ends the pack that is open, if any; the writer can go on with another one. */
extern void pgb_pack_finish(PgbPackWriter *writer);

/* Describes the packs of an index for the manifest; returns their number. */
extern int	pgb_pack_describe(const PgbPackIndex *index, PgbStore *store, const char *folder,
							  PgbStoredFile **files);

#endif							/* PGB_PACK_H */
