/*-------------------------------------------------------------------------
 *
 * wal_object.h
 *	  What the object of a WAL file is made of; for wal_*.c alone.
 *
 *	  frame, frame, ...        zstd frames (io/frame.h), the file's content
 *	  trailer                  a skippable frame:
 *	      magic, length        8 bytes, as zstd wants them
 *	      JSON                 PgbWalTrailer
 *	      length of the JSON   4 bytes, little-endian, as are all these
 *	      CRC-32C of the JSON  4 bytes
 *	      "pgbwal01"           8 bytes
 *
 * src/repo/wal_object.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WAL_OBJECT_H
#define PGB_WAL_OBJECT_H

#include "io/sink.h"
#include "repo/wal.h"

#define PGB_HINT_DAMAGED_WAL \
	"Recovery cannot pass over it. Put a good copy of this file into the repository, or make a new base backup."

/* .history and .backup files are small: each fork adds some hundred bytes. */
#define PGB_WAL_TEXT_LIMIT		(16 * 1024 * 1024)

/*
 * Content of a frame, but for the last one.  A buffer of it stays in the processor's cache from reading
 * to compressing, and the other way round, and costs hardly any compression.
 */
#define PGB_WAL_FRAME_BYTES		(1024 * 1024)

/* ---- wal_trailer.c ---- */

typedef struct PgbWalTrailer
{
	PgbWalFacts facts;
	uint32		crc;			/* CRC-32C of all stored bytes before it */
	PgbFrameList frames;
} PgbWalTrailer;

/* So many bytes at the end of an object tell how long its trailer is. */
#define PGB_WAL_TRAILER_END		16

/* Appends the trailer of the object that has this name. */
extern void pgb_wal_trailer_append(StringInfo out, const PgbWalName *name,
								   const PgbWalTrailer *trailer);

/*
 * The length of the whole trailer; end is the last PGB_WAL_TRAILER_END bytes of an object
 * of this size.  Raises ERRCODE_DATA_CORRUPTED; "what" names the object.
 */
extern size_t pgb_wal_trailer_length(const char *end, uint64 object_size, const char *what);

/*
 * The trailer, from its bytes.  Raises ERRCODE_DATA_CORRUPTED when it is damaged, is that of another
 * file, or does not match the object's size.
 */
extern PgbWalTrailer *pgb_wal_trailer_parse(const char *data, size_t length,
											uint64 object_size, const PgbWalName *name,
											const char *what);

pg_noreturn extern void pgb_wal_damaged(const char *what, const char *detail);

/* ---- wal_name.c ---- */

/* Is it WAL, and not text? */
extern bool pgb_wal_is_segment(const PgbWalName *name);

/* The object of a .history or .backup file that was stored as it is. */
extern char *pgb_wal_plain_name(const PgbRepository *repository, const PgbWalName *name);

/* ---- wal_page.c ---- */

/* So many bytes of a segment hold its first page's header. */
#define PGB_WAL_HEADER_SIZE		64

/*
 * What is wrong with a segment that begins with these bytes and claims this name: a
 * sentence, or NULL.  *segment_size gets what its header says, *foreign whether it
 * is of another cluster.
 */
extern char *pgb_wal_header_error(const char *header, const PgbWalName *name,
								  uint64 system_identifier, uint32 *segment_size,
								  bool *foreign);

/* ---- wal_read.c ---- */

typedef struct PgbWalObject
{
	char	   *what;			/* names it in errors */
	PgbObject  *object;
	PgbWalTrailer *trailer;
	char	   *plain;			/* instead of these two: a text that was stored as it is ... */
	size_t		plain_length;	/* ... and its length */
} PgbWalObject;

/* The name of the object that there is of a file; NULL if there is none. */
extern char *pgb_wal_object_find(PgbRepository *repository, const PgbWalName *name);

/* Opens an object that exists; reads and checks its trailer. */
extern PgbWalObject *pgb_wal_object_open(PgbRepository *repository, const PgbWalName *name);

/*
 * Gives its whole content to a sink, checked: frames, the CRC of all, of a segment the first page's
 * header.  The sink is finished here.  Memory for one frame is needed.
 */
extern void pgb_wal_object_read(PgbRepository *repository, PgbWalObject *object,
								const PgbWalName *name, PgbSink *sink);

extern void pgb_wal_object_close(PgbWalObject *object);

/* ---- wal_file.c ---- */

/* A file outside of the repository. */
typedef struct PgbWalFile PgbWalFile;

extern PgbWalFile *pgb_wal_file_open(const char *path);
extern uint64 pgb_wal_file_size(PgbWalFile *file);

/* Up to length bytes from where the last call has ended; less only at the end of the file. */
extern size_t pgb_wal_file_read(PgbWalFile *file, void *data, size_t length);
extern void pgb_wal_file_rewind(PgbWalFile *file);

/* The same from another place; the next read begins where it did. */
extern size_t pgb_wal_file_read_at(PgbWalFile *file, uint64 offset, void *data, size_t length);

/*
 * Raises ERRCODE_UNDEFINED_FILE unless the file still has its name: the server gives a segment that it needs
 * no more another one, and writes other WAL to it.
 */
extern void pgb_wal_file_check_name(PgbWalFile *file);
extern void pgb_wal_file_close(PgbWalFile *file);

/*
 * A sink that writes a new file, which gets its name when it is finished; what an ERROR
 * has left is removed with its memory.
 */
extern PgbSink *pgb_wal_file_sink(const char *path);

/* Removes what is not finished.  Raises nothing. */
extern void pgb_wal_file_discard(PgbSink *sink);

/* A sink that raises ERRCODE_DUPLICATE_FILE when it gets other bytes than are in the file. */
extern PgbSink *pgb_wal_compare_sink(PgbWalFile *file, const char *what);

/* ---- wal_pages.c: for wal_store.c; who looks finds the rest in wal.h ---- */

/* For one file after the other.  level is that of pgb_frame_encoder_create(). */
extern PgbWalPages *pgb_wal_pages_create(int level);

/*
 * From the beginning of a file into an object: trailer has the size of the file, and gets the frames and
 * checksums.
 */
extern void pgb_wal_pages_begin(PgbWalPages *pages, PgbWalFile *file, const char *path,
								PgbObject *object, PgbWalTrailer *trailer);

/* Writes what nobody has looked at.  Returns the bytes of the object. */
extern uint64 pgb_wal_pages_end(PgbWalPages *pages);

#endif							/* PGB_WAL_OBJECT_H */
