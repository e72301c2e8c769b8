/*-------------------------------------------------------------------------
 *
 * restore.h
 *	  A whole logical backup restored into a new database.
 *
 *	  restore_call.c       pgbackup_restore_database: what is asked for
 *	  restore.c            the job, from the archive to the finished database
 *	  restore_archive.c    the archive: may it be restored here, and what pg_restore reads of it
 *	  restore_roles.c      the roles that are missing
 *	  restore_database.c   the database: created, and finished
 *	  restore_incomplete.c how one that is not complete can be told, and how it goes
 *	  restore_program.c    pg_restore, for all that is not rows
 *	  restore_load.c       the rows, as the job sees them: what there is to load, and by whom
 *	  restore_worker.c     a data worker: loads rows, analyzes
 *	  restore_objects.c    large objects
 *	  restore_statement.c  statements of the archive as parse trees
 *
 * src/server/restore/restore.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RESTORE_H
#define PGB_RESTORE_H

#include "nodes/parsenodes.h"
#include "repo/repository.h"
#include "repo/toc.h"
#include "server/crew.h"
#include "server/shmem.h"
#include "server/subprocess.h"

typedef struct PgbRestoreRequest
{
	char	   *backup;			/* an id, or "latest" */
	char	   *new_database;
	int			jobs;
	bool		keep_partial;	/* a failed restore leaves what there is */
	bool		is_trial;		/* it is never finished: nobody may log in as the roles that it makes */
} PgbRestoreRequest;

typedef struct PgbRestore
{
	MemoryContext context;		/* of all this */
	PgbJobRef	job;
	char	   *request_json;
	PgbRestoreRequest request;

	PgbRepository *repository;
	PgbManifest *manifest;
	PgbToc	   *toc;
	char	   *toc_data;		/* as it is stored */
	size_t		toc_length;
	int			encoding;		/* of the archive's texts */
	char	   *missing_tablespaces;	/* that it names, for people; NULL: none */

	char	   *working_name;	/* of the database until it is complete */
	Oid			database;		/* InvalidOid: none has been made */
	List	   *made_roles;		/* names, of roles that were missing */
	char	   *folder;			/* what pg_restore reads, or NULL */
	PgbSubprocess *program;		/* pg_restore, or NULL */
	PgbCrew    *crew;		/* or NULL */

	uint64		rows;			/* loaded */
	bool		complete;		/* it has its own name */
	StringInfoData remarks;		/* lines: what who asked should know */
} PgbRestore;

/* ---- restore.c: the functions of the task PGB_TASK_RESTORE_DATABASE, see task.h ---- */

extern void *pgb_restore_create(PgbJobRef job, char *request);
extern void pgb_restore_run(void *state);
extern void pgb_restore_cleanup(void *state);
extern void pgb_restore_report(void *state, PgbJobResult *result);

/*
 * All of a restore but its end, by restore->request: the database has all that it is to have, but
 * still its working name.  pgb_restore_cleanup() drops it.
 */
extern void pgb_restore_build(PgbRestore *restore);

/* Each step of a restore is a transaction of its own, with a snapshot. */
extern void pgb_restore_begin(PgbRestore *restore);
extern void pgb_restore_commit(PgbRestore *restore);

/* A line for who asked, and for the log; what is not to be overlooked. */
extern void pgb_restore_remark(PgbRestore *restore, const char *format,...)
			pg_attribute_printf(2, 3);

/* Sleeps until something happens, or some time; with interrupts. */
extern void pgb_restore_nap(pgsocket socket);

/* ---- restore_call.c ---- */

/* Within a transaction. */
extern void pgb_restore_read_request(const char *json, PgbRestoreRequest *request);

/* Raises ERRCODE_DUPLICATE_DATABASE with a hint. */
extern void pgb_restore_check_name(const char *new_database);

/* ---- restore_archive.c: both within a transaction ---- */

/*
 * Reads manifest and table of contents.  Raises ERRCODE_FEATURE_NOT_SUPPORTED for a backup
 * that this server cannot make a database of, ERRCODE_DISK_FULL when it cannot fit,
 * and what pgb_catalog_get() raises; always with a hint.
 */
extern void pgb_restore_open_archive(PgbRestore *restore);

/* A text of the archive in this database's encoding; NULL stays NULL. */
extern char *pgb_restore_text(const PgbRestore *restore, const char *text);

/* Makes the folder that pg_restore reads, which has the table of contents alone; and removes it. */
extern void pgb_restore_make_folder(PgbRestore *restore);
extern void pgb_restore_remove_folder(PgbRestore *restore);

/*
 * In that folder, a list (as of pg_restore -L) of the entries of section data which are not
 * the rows of a table or the content of large objects.  NULL: there are none.
 */
extern char *pgb_restore_list_values(PgbRestore *restore);

/* ---- restore_roles.c ---- */

/*
 * Makes the roles of the backup's globals that are missing, with their attributes, settings,
 * comments, and the memberships and privileges that these roles have.  Roles that exist
 * are left as they are, and tablespaces are not made.
 */
extern void pgb_restore_create_roles(PgbRestore *restore);

/* After a failure; drops those that were made.  Raises nothing. */
extern void pgb_restore_drop_roles(PgbRestore *restore);

/* ---- restore_database.c ---- */

/*
 * Creates the database as the archive describes it, under its working name and marked as
 * incomplete; only superusers can connect to it.
 */
extern void pgb_restore_create_database(PgbRestore *restore);

/* Gives it the settings of the archive and its name, in one transaction. */
extern void pgb_restore_finish_database(PgbRestore *restore);

/* ---- restore_incomplete.c ---- */

/* What a database is called until it is complete, palloc'd. */
extern char *pgb_incomplete_name(const char *name);

/* Within the transaction that creates the database, or that completes it. */
extern void pgb_incomplete_mark(const PgbRestore *restore);
extern void pgb_incomplete_unmark(const PgbRestore *restore);

/* Within the transaction that makes a role for a trial: it goes with that, however that ends. */
extern void pgb_incomplete_mark_role(const char *name);

/*
 * Drops what restores that a crash has ended have left, and roles of trials: in a worker, and
 * not in a transaction.  What cannot be dropped is named in the log.
 */
extern void pgb_incomplete_drop_leftovers(void);

/*
 * Is it a role that was made for a trial, and has nobody given it anything since?  Within a transaction with
 * a snapshot.
 */
extern bool pgb_incomplete_role_is_ours(const char *name);

/* After a failure: drops the database, or marks it as kept.  Raises nothing. */
extern void pgb_incomplete_abandon(PgbRestore *restore);

/* ---- restore_program.c ---- */

/*
 * pg_restore of one section: "pre-data", "data" or "post-data".  list is a file for -L, or
 * NULL.  Raises what pgb_program_check() raises.
 */
extern void pgb_restore_section(PgbRestore *restore, const char *section, int jobs,
								const char *list);

/* ---- restore_load.c ---- */

typedef enum PgbRestoreWork
{
	PGB_RESTORE_LOAD,			/* frames and large objects */
	PGB_RESTORE_ANALYZE			/* every table */
} PgbRestoreWork;

/*
 * Has data workers do the work; returns when it is done.  Raises the error of the first that
 * fails, ERRCODE_DATA_CORRUPTED when a table has not got the rows that the manifest says.
 */
extern void pgb_restore_load(PgbRestore *restore);
extern void pgb_restore_analyze(PgbRestore *restore);

/* One thing to load: a table, or the large objects of a BLOBS entry. */
typedef struct PgbRestoreItem
{
	int			dump_id;
	int			place;			/* of its entry in the archive */
	bool		in_chain;		/* loaded after those of the chain before it */
	uint32		units;			/* frames of the table; 0: large objects, not counted yet */
	pg_atomic_uint32 next_unit; /* that nobody has taken yet */
	pg_atomic_uint32 units_done;
	pg_atomic_uint64 rows;
} PgbRestoreItem;

/* The common memory of the data workers, see crew.h. */
typedef struct PgbRestoreShared
{
	PgbRestoreWork work;
	PgbJobRef	job;
	int			encoding;
	uint64		system_identifier;	/* of the cluster whose backup it is */
	char		backup[PGB_ID_SIZE];

	pg_atomic_uint32 next_table;	/* to analyze */
	pg_atomic_uint32 not_analyzed;	/* the log says why */
	pg_atomic_uint32 disabled_schedules;

	pg_atomic_uint32 chain_taken;	/* a worker loads the items of the chain */
	int			count;
	PgbRestoreItem items[FLEXIBLE_ARRAY_MEMBER];
} PgbRestoreShared;

/* ---- restore_worker.c ---- */

/* A PgbCrewFunction of which shared is a PgbRestoreShared. */
extern PGDLLEXPORT void pgb_restore_worker_main(void *shared, int number);

/* ---- restore_objects.c ---- */

#define PGB_DESC_TABLE_DATA		"TABLE DATA"
#define PGB_DESC_LARGE_OBJECTS	"BLOBS"

/*
 * Writes the large objects of an entry, of which others may take some as well; each batch of
 * them in a transaction.
 */
extern void pgb_restore_objects(PgbRepository *repository, const PgbManifest *manifest,
								const PgbTocEntry *entry, PgbRestoreShared *shared,
								PgbRestoreItem *item);

/*
 * Are the large objects of an entry as they are in the backup?  Returns how many there are, and in
 * *different the first that is not (or InvalidOid).  Within a transaction.
 */
extern uint32 pgb_restore_compare_objects(PgbRepository *repository, const PgbManifest *manifest,
										  const PgbTocEntry *entry, Oid *different);

/* ---- restore_statement.c: within a transaction ---- */

/* The COPY with which an entry's rows are loaded, from its text in this encoding. */
extern CopyStmt *pgb_restore_parse_copy(const PgbManifest *manifest, const PgbTocEntry *entry,
										int encoding);

/* The statements of a text, which is in this database's encoding; RawStmts. */
extern List *pgb_restore_parse(const char *text);

/* Runs a statement as it would be at the top level of a session, or within a transaction block. */
extern void pgb_restore_execute(Node *statement, bool top_level);

/* Runs statements in a subtransaction; returns the error if that fails, or NULL. */
extern ErrorData *pgb_restore_try(List *statements);

#endif							/* PGB_RESTORE_H */
