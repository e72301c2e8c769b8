/*-------------------------------------------------------------------------
 *
 * import.h
 *	  The rows of a backup's table loaded into a table of this database.
 *
 *	  import.c             decides how, and does it alone: COPY itself
 *	  import_parallel.c    the leader that inserts what workers have parsed
 *	  import_worker.c      a worker: from COPY text to finished tuples
 *	  import_safety.c      may workers parse the rows of this table?
 *	  import_fields.c      from the fields of a line to the values of a row
 *	  import_source.c      a frame as the input of COPY
 *
 * src/server/import/import.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_IMPORT_H
#define PGB_IMPORT_H

#include "commands/copy.h"
#include "nodes/pg_list.h"
#include "repo/repository.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"
#include "utils/relcache.h"

typedef struct PgbImport
{
	PgbRepository *repository;
	const PgbManifest *manifest;
	const PgbTable *table;		/* whose rows */
	int			encoding;		/* of its COPY text */
	Oid			target;			/* created in this transaction, without
								 * triggers, indexes and CHECK constraints */
	List	   *columns;		/* Strings: as in the text; NIL for all */
} PgbImport;

/*
 * Returns the number of rows loaded.  Raises ERRCODE_DATA_CORRUPTED when a frame is
 * damaged or does not hold the rows that the manifest says, and what COPY raises.  Settings are
 * afterwards what they were, whatever code of users has run.
 */
extern uint64 pgb_import(const PgbImport *import);

/*
 * COPY FROM one frame into a relation that this process has opened; returns the rows that were
 * inserted.  The source must be the selected one.
 */
typedef struct PgbImportSource PgbImportSource;
extern uint64 pgb_import_frame(PgbImportSource *source, uint32 frame, Relation relation);

/* ---- import_source.c ---- */

/* Opens the file of the table; lives in the current memory context. */
extern PgbImportSource *pgb_import_source_open(const PgbImport *import);
extern void pgb_import_source_close(PgbImportSource *source);
extern const PgbFrameList *pgb_import_source_frames(const PgbImportSource *source);

/*
 * COPY of one frame into the relation: then CopyFrom() or NextCopyFromRawFields().
 * pgb_import_frame_end() checks the number of rows.
 */
extern CopyFromState pgb_import_frame_begin(PgbImportSource *source, uint32 frame,
											ParseState *pstate, Relation relation);
extern void pgb_import_frame_end(PgbImportSource *source, CopyFromState copy, uint64 rows);

/*
 * COPY's callback has no argument, so the source that it reads is a global; this
 * makes it the one of a caller and returns the one before.
 */
extern PgbImportSource *pgb_import_source_select(PgbImportSource *source);

/* ---- import_fields.c ---- */

typedef struct PgbImportFields PgbImportFields;

/* For lines with these columns (NIL: all that are not generated). */
extern PgbImportFields *pgb_import_fields_create(Relation relation, List *columns);

/*
 * Fills values and nulls of all columns of the table from the texts of one line (NULL is
 * null), in the current memory context.  Raises what COPY raises.
 */
extern void pgb_import_fields_parse(PgbImportFields *fields, char **texts, int count,
									Datum *values, bool *nulls);

/* ---- import_safety.c ---- */

extern bool pgb_import_parallel_safe(Relation relation);

/* ---- import_parallel.c ---- */

/*
 * Loads with up to nworkers workers; returns false, with nothing done, when there
 * is none to be had.
 */
extern bool pgb_import_parallel(const PgbImport *import, Relation relation, int nworkers,
								uint64 *rows);

/* ---- import_worker.c ---- */

/* Workers and leader share this; see import_parallel.c for how it is filled. */
#define PGB_IMPORT_KEY_SHARED	UINT64CONST(0xB000000000000001)
#define PGB_IMPORT_KEY_COLUMNS	UINT64CONST(0xB000000000000002)
#define PGB_IMPORT_KEY_COMPRESS	UINT64CONST(0xB000000000000003)
#define PGB_IMPORT_KEY_QUEUES	UINT64CONST(0xB000000000000004)

/* bytes of a worker's queue */
#define PGB_IMPORT_QUEUE_SIZE	(512 * 1024)

typedef struct PgbImportShared
{
	pg_atomic_uint32 next_frame;	/* that nobody has taken yet */
	Oid			target;
	int			dump_id;		/* of the TABLE DATA entry */
	int			encoding;
	uint64		system_identifier;	/* of the cluster whose backup it is */
	char		backup[PGB_ID_SIZE];
	char		repository[MAXPGPATH];
} PgbImportShared;

/*
 * A message of a worker is a batch of tuples, each one aligned to MAXALIGN: its
 * length as a uint32, then, at the next MAXALIGN, its header and data.  The header
 * belongs to the receiver, who inserts the tuple as it lies there.
 */
#define PGB_IMPORT_TUPLE_HEADER	MAXALIGN(sizeof(uint32))
#define PGB_IMPORT_BATCH_ROWS	1000
#define PGB_IMPORT_BATCH_BYTES	(64 * 1024)

extern PGDLLEXPORT void pgb_import_worker_main(dsm_segment *seg, shm_toc *toc);

#endif							/* PGB_IMPORT_H */
