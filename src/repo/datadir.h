/*-------------------------------------------------------------------------
 *
 * datadir.h
 *	  A base backup is laid down as a data directory.
 *
 *	plan = pgb_datadir_plan(...);			every process makes the same, or inherits it
 *	pgb_datadir_begin(plan);				one process
 *	while (pgb_datadir_work(worker))		any number of them
 *		;
 *	pgb_datadir_complete(plan, shared);		one process
 *	...										the caller adds what it likes
 *	pgb_datadir_seal(plan);					one process
 *
 * The unit of work is a frame of a pack: it is read and decompressed once, and its pieces
 * are written to their files.  Nothing can be started as a server before seal, because
 * pg_control comes last of all.  After an error the directory is worthless; to remove it, or to
 * go on with it, is the caller's.
 *
 * src/repo/datadir.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DATADIR_H
#define PGB_DATADIR_H

#include "port/counter.h"
#include "repo/file_list.h"

#define PGB_CONTROL_PATH		"global/pg_control"
#define PGB_TABLESPACES_PATH	"pg_tblspc"

/* A tablespace that gets a directory of its own, and a link to it. */
typedef struct PgbTablespacePlace
{
	Oid			oid;
	const char *path;			/* absolute; the directory exists */
} PgbTablespacePlace;

typedef struct PgbDataDirOptions
{
	const char *path;			/* the data directory: absolute; it exists.  NULL: nothing is
								 * written, contents are only checked */

	/*
	 * Which entries of the list are laid down; NULL: all.  It is asked for directories, too.
	 * pg_control is laid down in any case.  It must say the same in every process.
	 */
	bool		(*wants) (const PgbFile *file, void *arg);
	void	   *wants_arg;

	/* A tablespace that is not among these becomes a plain directory in pg_tblspc. */
	int			nplaces;
	const PgbTablespacePlace *places;

	bool		durable;		/* false: nothing is synced (a sandbox) */
} PgbDataDirOptions;

/* A stretch of a file that lies in one frame. */
typedef struct PgbPiece
{
	uint32		file;			/* its index in the list */
	uint16		pack;
	bool		is_whole;		/* it is all of the file */
	uint64		pack_offset;	/* in the uncompressed content of the pack */
	uint64		file_offset;
	uint64		length;
} PgbPiece;

/* A frame of which something is wanted. */
typedef struct PgbDataDirItem
{
	uint16		pack;
	uint32		frame;			/* number in the pack */
	uint64		raw_offset;		/* of its content in that of the pack */
	uint32		first_piece;
	uint32		npieces;
} PgbDataDirItem;

typedef struct PgbDataDir
{
	PgbRepository *repository;
	const PgbManifest *manifest;
	const PgbFileList *list;
	PgbDataDirOptions options;
	bool	   *wanted;			/* by index in the list; not pg_control */
	uint32		npieces;
	PgbPiece   *pieces;			/* in the order of the packs */
	uint32		nitems;
	PgbDataDirItem *items;
	uint64		bytes;			/* that will be written */
} PgbDataDir;

/*
 * What the processes share: pgb_datadir_shared_size() zeroed bytes, 64-bit aligned.
 */
typedef struct PgbDataDirShared
{
	PgbCounter	next_item;
	PgbCounter	bytes_done;
	uint32		piece_crcs[FLEXIBLE_ARRAY_MEMBER];
} PgbDataDirShared;

/*
 * Touches nothing.  What it is given must stay where it is.  Raises ERRCODE_DATA_CORRUPTED when the
 * list and the frames of the packs do not fit together.
 */
extern PgbDataDir *pgb_datadir_plan(PgbRepository *repository, const PgbManifest *manifest,
									const PgbFileList *list, const PgbDataDirOptions *options);

extern size_t pgb_datadir_shared_size(const PgbDataDir *plan);

/*
 * Makes directories, links of tablespaces, empty files and those that several frames
 * fill.  Directories may be there, files must not.
 */
extern void pgb_datadir_begin(const PgbDataDir *plan);

typedef struct PgbDataDirWorker PgbDataDirWorker;

/* Lives, with its descriptors and buffers (some 20 MB), in the current memory context. */
extern PgbDataDirWorker *pgb_datadir_worker_create(const PgbDataDir *plan,
												   PgbDataDirShared *shared);

/*
 * Takes the next frame and writes its pieces; false when there is none left.  Raises
 * ERRCODE_DATA_CORRUPTED for a damaged one, and names the file and the backup.
 */
extern bool pgb_datadir_work(PgbDataDirWorker *worker);

/*
 * Checks the files that several workers have written, and completes the directory: their
 * times, backup_label.
 */
extern void pgb_datadir_complete(const PgbDataDir *plan, const PgbDataDirShared *shared);

/*
 * Makes all of it durable, and then pg_control: when this returns, the directory can be started
 * as a server.
 */
extern void pgb_datadir_seal(const PgbDataDir *plan);

/* The content of pg_control, checked, palloc'd; *file becomes its entry in the list. */
extern char *pgb_datadir_read_control(const PgbDataDir *plan, const PgbFile **file);

/* The place of a tablespace: of its own, or NULL. */
extern const char *pgb_datadir_place(const PgbDataDirOptions *options, const PgbFile *tablespace);

/* The oid of the tablespace whose entry this is; 0 if it is none. */
extern Oid	pgb_datadir_tablespace(const PgbFile *file);

#endif							/* PGB_DATADIR_H */
