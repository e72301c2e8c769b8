/*-------------------------------------------------------------------------
 *
 * wal.h
 *	  The WAL archive of a cluster in the repository.
 *
 *	  <cluster>/wal/<timeline>/<name>.zst     a segment, also a .partial one, a .history or
 *	                                          .backup file
 *
 * An object is a concatenation of zstd frames, then one skippable frame, the
 * trailer, which says what is in it (PgbWalFacts) and how to check it: see wal_object.h.
 * Stock zstd reads it: it passes over the trailer.  An object that is there is complete:
 * it gets its name by a rename that replaces nothing, once it is durable.
 *
 * Before 0.6, .history and .backup files were stored as they are, under their own names and with
 * no checksum.  They are read as well.
 *
 * src/repo/wal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WAL_H
#define PGB_WAL_H

#include "repo/repository.h"

/* The length of a segment's name */
#define PGB_WAL_NAME_LENGTH		24

/* and of every name in the archive, with a zero byte: a .backup file's is the longest */
#define PGB_WAL_NAME_SIZE		64

typedef enum PgbWalKind
{
	PGB_WAL_SEGMENT,			/* 000000010000000A000000FE */
	PGB_WAL_PARTIAL,			/* ... .partial: the last one of a timeline that was left */
	PGB_WAL_HISTORY,			/* 00000002.history */
	PGB_WAL_BACKUP_LABEL		/* 000000010000000A000000FE.00000028.backup */
} PgbWalKind;

typedef struct PgbWalName
{
	PgbWalKind	kind;
	uint32		timeline;
	uint64		number;			/* of the segment: its start divided by the segment size */
	char		text[PGB_WAL_NAME_SIZE];
} PgbWalName;

/*
 * Is it the name of a file that PostgreSQL archives?  segment_size is in bytes (a power
 * of two from 1 MB to 1 GB), or 0 when it is not known: then number is left 0, and
 * everything below that takes a name works all the same.
 */
extern bool pgb_wal_name_parse(const char *text, uint32 segment_size, PgbWalName *name);

/* The name of the segment of this number. */
extern void pgb_wal_segment_name(PgbWalName *name, uint32 timeline, uint64 number,
								 uint32 segment_size);

/* Its name in the store, palloc'd. */
extern char *pgb_wal_object_name(const PgbRepository *repository, const PgbWalName *name);

/* A named restore point (pg_create_restore_point) that lies in a segment. */
typedef struct PgbRestorePoint
{
	char		name[64];		/* MAXFNAMELEN of PostgreSQL, zero-terminated; bytes in the encoding
								 * of the database in which it was made */
	uint64		lsn;			/* the end of its record */
	int64		at;				/* microseconds since 2000-01-01 UTC */
} PgbRestorePoint;

/* No more of them are recorded in one segment: it counts as not scanned then. */
#define PGB_WAL_MAX_POINTS		4096

/*
 * What a segment holds: the records that end in it.  Moments are those of commit and
 * abort records, and 0 when there are none, or when nobody has looked (scanned is false).
 */
typedef struct PgbWalFacts
{
	uint64		system_identifier;
	uint32		timeline;
	uint32		segment_size;	/* bytes; of a .history or .backup file its length */
	uint64		stored_bytes;	/* of the whole object */
	uint32		raw_crc;		/* CRC-32C of the segment */
	bool		scanned;
	int64		first_commit;
	int64		last_commit;
	int			npoints;
	PgbRestorePoint *points;	/* in the order of the WAL */
} PgbWalFacts;

/* ---- writing ---- */

typedef enum PgbWalStored
{
	PGB_WAL_STORED,				/* it is there now, and durable */
	PGB_WAL_WAS_THERE			/* with the same content, and is durable */
} PgbWalStored;

/*
 * Stores a file of pg_wal.  Checks that a segment is whole and of this cluster (its first
 * page's header: system identifier, segment size, address, timeline):
 * ERRCODE_DATA_CORRUPTED or ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE otherwise.  An
 * object of that name with other content raises ERRCODE_DUPLICATE_FILE, and nothing is
 * overwritten.  level is that of pgb_frame_encoder_create().  facts are what a scan has
 * found (the rest of it is filled in here), NULL if nobody has looked.
 *
 * The first time for a repository that is open, removes what dead processes have left.
 */
extern PgbWalStored pgb_wal_store(PgbRepository *repository, const PgbWalName *name,
								  const char *path, int level, PgbWalFacts *facts);

/* A file that is being stored. */
typedef struct PgbWalPages PgbWalPages;

/*
 * For who looks at it meanwhile: the page (XLOG_BLCKSZ) at this offset, which is good until the next call;
 * NULL if there is none.  One after the other they cost nothing; to step back costs a read.  Raises also what goes wrong
 * with storing, which is not to be caught: pgb_wal_pages_failed() tells.
 */
extern const char *pgb_wal_page(PgbWalPages *pages, uint64 offset);
extern bool pgb_wal_pages_failed(const PgbWalPages *pages);

typedef struct PgbWalItem
{
	const PgbWalName *name;
	const char *path;

	/*
	 * Fills in what the records tell, the members of facts from scanned on.  NULL: facts has that
	 * already.  Not called for a file that is there.
	 */
	void		(*look) (void *arg, PgbWalPages *pages, PgbWalFacts *facts);
	void	   *arg;
	PgbWalFacts facts;			/* all zero if nobody has looked or will */
	PgbWalStored result;
} PgbWalItem;

/*
 * The same for several, whose objects get their names together: they wait for the disk hardly longer
 * than one.  When this returns all of them are durable.  An ERROR is what is wrong with any of them: then none
 * is known to be durable, though some may be there, complete.
 */
extern void pgb_wal_store_all(PgbRepository *repository, PgbWalItem *items, int count, int level);

/* ---- reading ---- */

/*
 * Is it in the archive?  False means that it is proven not to be: a repository that has gone
 * meanwhile raises ERRCODE_UNDEFINED_FILE.
 */
extern bool pgb_wal_exists(PgbRepository *repository, const PgbWalName *name);

/*
 * Reads a file of the archive and writes it to path, which must not exist: complete, or
 * not at all (the name appears by rename).  Not fsynced: recovery takes it or asks again.
 * Returns false when it is proven not to be in the archive; everything else is raised
 * (ERRCODE_DATA_CORRUPTED for a damaged, swapped or foreign one).
 */
extern bool pgb_wal_fetch(PgbRepository *repository, const PgbWalName *name, const char *path);

/*
 * A .history or .backup file as text, palloc'd with a zero byte after it; NULL when it is not there.
 * Raises as pgb_wal_fetch().
 */
extern char *pgb_wal_read_text(PgbRepository *repository, const PgbWalName *name, size_t *length);

/*
 * The trailer of a segment's object alone: a few kB are read.  Raises
 * ERRCODE_DATA_CORRUPTED, also when it is that of another segment or cluster.
 */
extern PgbWalFacts *pgb_wal_facts(PgbRepository *repository, const PgbWalName *name);

/*
 * Checks one object: its trailer, and the CRCs of its frames; with contents, also that it
 * decompresses to what the trailer says, and its first page's header.  Raises
 * ERRCODE_DATA_CORRUPTED.
 */
extern void pgb_wal_verify(PgbRepository *repository, const PgbWalName *name, bool contents);

/* ---- listing ---- */

/* Timelines that have a folder in the archive, ascending, ended by 0. */
extern uint32 *pgb_wal_timelines(PgbRepository *repository);

/*
 * Runs of consecutive segments of a timeline: each run is whole, between two of them is
 * a gap.  Sorted; count gets their number.  segment_size as in pgb_wal_name_parse(); 0:
 * take it from the first object.  .partial segments do not count.
 */
typedef struct PgbWalRun
{
	uint64		first;			/* numbers of segments */
	uint64		last;
} PgbWalRun;

extern PgbWalRun *pgb_wal_runs(PgbRepository *repository, uint32 timeline,
							   uint32 segment_size, int *count);

/* ---- removal ---- */

typedef struct PgbWalAmount
{
	uint64		segments;
	uint64		bytes;			/* stored */
} PgbWalAmount;

/*
 * Removes, or with dry_run only counts, the segments of all timelines with a number below this
 * one, and the .backup and .partial files that belong to them.  .history files stay.
 */
extern PgbWalAmount pgb_wal_remove_before(PgbRepository *repository, uint64 number,
										  uint32 segment_size, bool dry_run);

#endif							/* PGB_WAL_H */
