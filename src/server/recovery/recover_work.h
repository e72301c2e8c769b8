/*-------------------------------------------------------------------------
 *
 * recover_work.h
 *	  What the parts of a recovery know of each other; for recover*.c alone.
 *
 * src/server/recovery/recover_work.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RECOVER_WORK_H
#define PGB_RECOVER_WORK_H

#include "repo/toc.h"
#include "server/recovery/recover.h"
#include "server/recovery/sandbox.h"
#include "server/subprocess.h"

/* In the scratch repository's backup, beside what a logical backup has. */
#define RECOVER_SCHEMA_TOC		"schema.dat"

/* In the scratch directory: what is asked for, and whether it was replayed without the filter, of which the caller is told. */
#define RECOVER_REQUEST			"request.json"
#define RECOVER_UNFILTERED		"unfiltered"

/* ---- recover_scratch.c ---- */

/*
 * The scratch directory of one recovery:
 *
 *	  <pgbackup.scratch_directory>/pgbackup-<system identifier>-<pid>-<number>/
 *		  request.json	what is to be recovered
 *		  lock			shared by the backend and the job for as long as they live; whoever can
 *						lock it alone removes the directory
 *		  sandbox/		the job's; gone when it ends
 *		  unfiltered	made by the job: WAL was replayed without the redo filter
 *		  dump/			what pg_dump writes, and other files of the job
 *		  repository/	the scratch repository
 */
typedef struct PgbScratch
{
	PgbResource resource;
	PgbStore   *store;			/* pgbackup.scratch_directory */
	char	   *name;			/* of the directory in it */
	struct PgbLock *lock;		/* shared; NULL once released */
} PgbScratch;

/* Makes one, after removing what dead ones have left.  It goes with the current memory context. */
extern PgbScratch *pgb_scratch_make(void);

/* The job joins its backend.  Raises ERRCODE_UNDEFINED_FILE when that has gone. */
extern PgbScratch *pgb_scratch_join(const char *name);

/* The last one removes it.  Raises nothing; more than once or NULL is fine. */
extern void pgb_scratch_release(PgbScratch *scratch);

/* The path of something in it. */
extern char *pgb_scratch_path(const PgbScratch *scratch, const char *name);

/* ---- recover_request.c ---- */

extern char *pgb_recover_request_to_json(const PgbRecoverRequest *request);
extern PgbRecoverRequest *pgb_recover_request_from_json(const char *json, size_t length);

/* ---- the job ---- */

typedef struct PgbRecover
{
	PgbJobRef	job;
	MemoryContext context;
	char	   *scratch_name;
	PgbRecoverRequest *request;
	PgbScratch *scratch;
	PgbRepository *repository;	/* the server's */
	PgbRoute   *route;
	List	   *wanted;			/* OIDs */
	List	   *tables;			/* of PgbRecoverTable, once there is a sandbox */
	PgbSandbox *sandbox;		/* or NULL */
	PgbSubprocess *program;		/* or NULL */
	PgbBackupWriter *writer;	/* or NULL */
	PgbManifest *manifest;
} PgbRecover;

/* Waits for a client of the sandbox; raises what either of the two failed with, calling the client by this name. */
extern void pgb_recover_wait(PgbRecover *recover, PgbSubprocess *program, const char *name);

/* ---- recover_route.c ---- */

/*
 * The way to the target.  A moment in the future, or out of reach, raises.  What is
 * not archived yet is brought into the archive first: this waits for it, in the job.
 */
extern PgbRoute *pgb_recover_route(PgbRepository *repository, const PgbRecoverRequest *request);

/* Raises when it is in the future. */
extern void pgb_recover_check_past(const PgbTarget *target);

/* The same without waiting: what is not archived yet is left out. */
extern PgbRoute *pgb_recover_plan_route(PgbRepository *repository, const PgbTarget *target);

/* ---- recover_find.c ---- */

/* A table of the sandbox that belongs to what is wanted. */
typedef struct PgbRecoverTable
{
	Oid			oid;
	bool		with_rows;		/* false: only its definition, for it is a parent, or unlogged */
	char		kind;
	char		persistence;
	char	   *pattern;		/* as pg_dump wants it: "schema"."name" */
} PgbRecoverTable;

/*
 * OIDs that may be those of the tables: by what the backup, the live catalogs, and the record
 * of drops call so.  In a transaction of the caller with a snapshot, or outside of one.
 */
extern List *pgb_recover_candidates(PgbRepository *repository, const PgbRoute *route,
									const PgbRecoverRequest *request);

/* The tables themselves, by the sandbox's own catalogs; raises when there is none. */
extern List *pgb_recover_find_tables(PgbRecover *recover);

/* ---- recover_query.c ---- */

/* Lines that a query gives in the sandbox: char *, in the database's encoding. */
extern List *pgb_recover_query(PgbRecover *recover, const char *sql);

/* How to connect to the database of the sandbox. */
extern char *pgb_recover_conninfo(const PgbRecover *recover);

/* ---- recover_dump.c ---- */

/* About how much it takes to write such tables, whose files have so many bytes: as text, and compressed. */
extern uint64 pgb_recover_dump_bytes(uint64 table_bytes);

/* Writes recover->tables as a logical backup into the scratch repository. */
extern void pgb_recover_dump(PgbRecover *recover);

#endif							/* PGB_RECOVER_WORK_H */
