/*-------------------------------------------------------------------------
 *
 * manifest.h
 *	  What a backup says of itself: the JSON file that is written last.
 *
 * The last member is the SHA-256 of all bytes before its line, as in
 * PostgreSQL's backup_manifest.  Nothing read from a manifest is trusted
 * before that is checked; lengths are checked against the objects even then.
 *
 * src/repo/manifest.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_MANIFEST_H
#define PGB_MANIFEST_H

#include "io/frame.h"
#include "repo/layout.h"

#define PGB_MANIFEST_FORMAT		1

/* What is larger is no manifest; memory could not hold it anyway. */
#define PGB_MANIFEST_LIMIT		((uint64) 1024 * 1024 * 1024)

/* Rows that nobody counted. */
#define PGB_ROWS_UNKNOWN		PG_UINT64_MAX

/* A stored file of the backup. */
typedef struct PgbStoredFile
{
	char	   *name;			/* within the backup's folder */
	uint64		stored_bytes;
	uint64		raw_bytes;		/* uncompressed */
	uint32		crc;			/* CRC-32C of the whole stored file */
	PgbFrameList frames;		/* empty if it is not made of frames; does not
								 * count the seek table */
} PgbStoredFile;

/* A table with data in a logical backup. */
typedef struct PgbTable
{
	int			dump_id;		/* of its TABLE DATA entry in toc.dat */
	Oid			oid;			/* in the cluster it came from; 0 unknown */
	char	   *schema_name;
	char	   *table_name;
	uint64		row_count;		/* or PGB_ROWS_UNKNOWN */
	uint64		raw_bytes;		/* of COPY text */
	uint64		stored_bytes;
	char	   *file;			/* name of its PgbStoredFile */
} PgbTable;

/* A tablespace of a base backup that has a place of its own. */
typedef struct PgbTablespace
{
	Oid			oid;
	char	   *path;			/* where it was, any bytes; NULL: in place, in pg_tblspc */
	uint64		size;			/* bytes of its files in the backup */
} PgbTablespace;

/*
 * What only a base backup has.  Its files are listed in objects of their own: see
 * file_list.h and relation_map.h.
 */
typedef struct PgbBase
{
	uint32		block_size;		/* bytes */
	uint32		segment_size;	/* of WAL, bytes */
	bool		checksums;		/* were pages checked? */
	uint64		damaged_pages;	/* pages whose checksum is wrong */
	uint64		file_count;		/* regular files */
	uint64		file_bytes;		/* and all of their content */
	char	   *backup_label;	/* content of the file, as all three: bytes */
	char	   *tablespace_map; /* or NULL */
	char	   *history;		/* the timeline's .history file; NULL: timeline 1 */
	int			ntablespaces;
	PgbTablespace *tablespaces; /* by oid */
} PgbBase;

typedef struct PgbManifest
{
	char		id[PGB_ID_SIZE];
	PgbKind		kind;
	uint64		system_identifier;
	char	   *database;		/* of a logical backup */
	char	   *encoding;		/* of its text, as pg_encoding_to_char() says */
	char	   *label;			/* or NULL */
	char	   *parent;			/* id, or NULL */
	char	   *server_version; /* "15.20 (Debian ...)" */
	int			server_version_num;
	char	   *pgbackup_version;
	int64		started_at;		/* microseconds since 2000-01-01 UTC */
	int64		as_of;			/* the moment of the snapshot; of a base backup, of its end */
	int64		finished_at;
	uint64		start_lsn;		/* at the snapshot; of a base backup, where replay begins */
	uint64		stop_lsn;		/* of a base backup: before it nothing is consistent */
	uint32		timeline;
	int			compression_level;
	char	   *options;		/* JSON of what the run was asked for, or NULL */

	int			ntables;
	PgbTable   *tables;			/* by schema and name */
	int			nfiles;
	PgbStoredFile *files;		/* by name */
	PgbBase    *base;			/* of a full or incremental backup, else NULL */

	/* sums, filled by pgb_manifest_parse() and pgb_manifest_totals() */
	uint64		raw_bytes;
	uint64		stored_bytes;	/* without the manifest */
} PgbManifest;

extern void pgb_manifest_totals(PgbManifest *manifest);

/* Appends the JSON, with its checksum.  Fills the sums, sorts tables and files. */
extern void pgb_manifest_write(PgbManifest *manifest, StringInfo out);

/*
 * "what" names it in errors.  Raises ERRCODE_DATA_CORRUPTED for anything that
 * is not a whole, unaltered manifest, ERRCODE_FEATURE_NOT_SUPPORTED for one of
 * a newer format.
 */
extern PgbManifest *pgb_manifest_parse(const char *data, size_t length, const char *what);

/*
 * NULL when there is none.  Files are found once they are sorted, that is after
 * pgb_manifest_parse() or pgb_manifest_write().
 */
extern PgbStoredFile *pgb_manifest_file(const PgbManifest *manifest, const char *name);
extern PgbTable *pgb_manifest_table_by_dump_id(const PgbManifest *manifest, int dump_id);

/*
 * Values as the manifest has them, palloc'd, and back (raises
 * ERRCODE_DATA_CORRUPTED): "2026-02-19T15:30:00.123456Z", "16/B3748000",
 * "0badcafe".
 */
extern char *pgb_time_to_text(int64 moment);
extern int64 pgb_time_from_text(const char *text, const char *what);
extern char *pgb_lsn_to_text(uint64 lsn);
extern uint64 pgb_lsn_from_text(const char *text, const char *what);
extern char *pgb_crc_to_text(uint32 crc);
extern uint32 pgb_crc_from_text(const char *text, const char *what);

/*
 * Any bytes but zero, such as names of files, as ASCII, and back: %XX (upper case) is a byte that
 * is not ASCII, a control character other than tab and newline, or '%' itself; all else stands
 * for itself.  What is not written so is damaged.
 */
extern char *pgb_bytes_to_text(const char *bytes);
extern char *pgb_bytes_from_text(const char *text, const char *what);

#endif							/* PGB_MANIFEST_H */
