/*-------------------------------------------------------------------------
 *
 * stage.h
 *	  Staging: one table of a logical backup brought back beside the live ones.
 *
 * Everything happens in the caller's backend and transaction: the staged table
 * is there when the function returns, and gone with the transaction if it is
 * rolled back.
 *
 *	  stage.c          the SQL function, and the order of things
 *	  stage_tables.c   several tables at once
 *	  stage_find.c     which table of the archive is meant
 *	  stage_plan.c     which tables make it up: partitions, parents
 *	  stage_early.c    who may, as far as it is known before a recovery
 *	  stage_role.c     who may, who owns it, and the schema it goes to
 *	  stage_archive.c  the archive's texts and statements
 *	  stage_entry.h    the archive's entries, one handler for each kind
 *	  stage_rewrite.c  parse trees moved from the old names to the new ones
 *	  stage_names.c    the new names
 *	  stage_run.c      statements run, and what may fail alone
 *	  stage_notes.c    what the caller is told at the end
 *	  stage_record.h   where staged tables come from, for those who put them back
 *	  import.h         the rows
 *
 * src/server/stage/stage.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_STAGE_H
#define PGB_STAGE_H

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "repo/repository.h"
#include "repo/toc.h"
#include "repo/window.h"
#include "utils/hsearch.h"

#define PGB_RECOVERY_SCHEMA		"pgbackup_recovery"

/* What the caller asked for. */
typedef struct PgbStageRequest
{
	char	   *relation;		/* as it was written */
	Oid			oid;			/* with a moment: the table by its OID; the name is for people */
	char	   *backup;			/* an id, or "latest" */
	bool		has_target;		/* as it was at a moment: recovered from a base backup */
	PgbTarget	target;
	char	   *schema;			/* where to */
	char	   *as_name;		/* or NULL */
	bool		with_indexes;
	bool		for_promotion;	/* put back at once: any name will do, and what is left out comes
								 * then */
} PgbStageRequest;

typedef enum PgbStagedRole
{
	PGB_STAGED_ROOT,			/* the table that was asked for */
	PGB_STAGED_PARTITION,		/* of the root, at any depth */

	/*
	 * A parent by inheritance: created without rows, so that PostgreSQL itself
	 * merges what the root inherits, and dropped at the end.
	 */
	PGB_STAGED_SCAFFOLD
} PgbStagedRole;

typedef struct PgbStagedTable
{
	PgbTocEntry *entry;			/* its definition */
	PgbStagedRole role;
	bool		partitioned;	/* has no rows of its own */
	List	   *parents;		/* RangeVars: what it inherits from */
	char	   *name;			/* in the new schema, once it is created */
	Oid			oid;
	List	   *checks;			/* Constraints that wait for the rows */
	PgbTocEntry *data;			/* its TABLE DATA, or NULL */
} PgbStagedTable;

typedef struct PgbStage
{
	PgbStageRequest request;

	/* where it comes from */
	PgbRepository *repository;
	PgbManifest *manifest;		/* NULL when the rows do not matter: see pgb_stage_open_toc() */
	const char *backup;			/* the id that people know: of a recovery, the base backup's */
	struct PgbRecovered *recovered; /* or NULL */
	PgbToc	   *toc;			/* names in the server's encoding, see
								 * pgb_stage_text() for the rest */
	int			encoding;		/* of the archive's text */

	/* where it goes */
	Oid			owner;
	bool		owner_is_gone;	/* "owner" is the superuser who stages it */
	char	   *schema;
	Oid			schema_oid;

	List	   *tables;			/* of PgbStagedTable, in the archive's order */
	PgbStagedTable *root;
	HTAB	   *relations;		/* the archive's, by name: stage_find.c */
	HTAB	   *entries;		/* of the archive that are ours: stage_plan.c */
	HTAB	   *names;			/* old names to new ones: stage_names.c */
	MemoryContext context;		/* of all that lasts; an entry of the archive is
								 * handled in one that does not */
	List	   *comments;		/* PgbPieces, for the end */
	List	   *left_out;		/* Strings: parts of tables that do not come along */
	List	   *missing;		/* char *: partitions without their rows, and why */
	List	   *notes;			/* for the caller: stage_notes.c */
	uint64		row_count;
} PgbStage;

/* ---- stage.c ---- */

/* All of it, for a stage that has its context and its request; raises what goes wrong. */
extern void pgb_stage_table_of_request(PgbStage *stage);

/* The row that tells of a staged table. */
#define PGB_STAGE_COLUMNS	5
extern void pgb_stage_result(const PgbStage *stage, Datum *values);

/* ---- stage_archive.c ---- */

/*
 * Finds the backup, or recovers the moment that was asked for (unless that has been done:
 * stage->recovered), and reads its table of contents.
 */
extern void pgb_stage_open_archive(PgbStage *stage);

/* Tables by their names, or the one of wanted->oid, as they were at the moment of the request. */
extern struct PgbRecovered *pgb_stage_recover(const PgbStageRequest *wanted, List *relations);

/* As pgb_stage_open_archive() with a table of contents that was kept, in the encoding of this database, without rows. */
extern void pgb_stage_open_toc(PgbStage *stage, const char *data, size_t length,
							   const char *backup);

/* The same with that of another stage, which stays open, and whose relations have been indexed. */
extern void pgb_stage_share_toc(PgbStage *stage, const PgbStage *other);

/* A text of the archive in the server's encoding; NULL stays NULL. */
extern char *pgb_stage_text(const PgbStage *stage, const char *text);

/*
 * The statements of a text of the archive, as the server's parser gives them: at
 * least one (anything else raises ERRCODE_DATA_CORRUPTED).
 */
extern List *pgb_stage_parse(const PgbStage *stage, const char *text);

/*
 * Visits the entries that have a name and a schema, in the archive's order, each in a
 * memory context of its own.
 */
typedef void (*PgbEntryVisitor) (void *arg, PgbTocEntry *entry);
extern void pgb_stage_each_entry(const PgbStage *stage, PgbEntryVisitor visit, void *arg);

/* The old name of a table for messages: schema.name, quoted where needed. */
extern char *pgb_stage_old_name(const PgbTocEntry *entry);

/* ---- stage_find.c ---- */

/* A qualified name in the archive, as a hash key. */
typedef struct PgbOldName
{
	NameData	schema;
	NameData	name;
} PgbOldName;

extern PgbOldName pgb_old_name(const char *schema, const char *name);

/*
 * The TABLE entry that the request means, by the rules of SQL names.  Raises
 * when there is none, several, or one that is not a table.
 */
extern PgbTocEntry *pgb_stage_find(PgbStage *stage);

/* Before names are looked up; pgb_stage_find() does it. */
extern void pgb_stage_index_relations(PgbStage *stage);

/* The entry that defines the table, view... of exactly this name, or NULL. */
extern PgbTocEntry *pgb_stage_find_relation(const PgbStage *stage,
											const char *schema, const char *name);

/* Is it an entry of this kind ("TABLE", "INDEX"...)? */
extern bool pgb_stage_is(const PgbTocEntry *entry, const char *desc);

/* ---- stage_plan.c ---- */

/* Fills stage->tables and stage->root; raises when the backup lacks what it takes. */
extern void pgb_stage_plan(PgbStage *stage, PgbTocEntry *entry);

/* The planned table that is defined by an entry, or NULL. */
extern PgbStagedTable *pgb_stage_table(const PgbStage *stage, int dump_id);

/* The first planned table on which an entry depends, or NULL. */
extern PgbStagedTable *pgb_stage_table_of(const PgbStage *stage, const PgbTocEntry *entry);

/*
 * An entry is ours when it depends on one that is: the tables of the plan, and
 * what has been added since.
 */
extern void pgb_stage_add_entry(PgbStage *stage, const PgbTocEntry *entry, PgbStagedTable *table);
extern bool pgb_stage_is_ours(const PgbStage *stage, const PgbTocEntry *entry);

extern bool pgb_entry_depends_on(const PgbTocEntry *entry, int dump_id);

/* Is it the name of the relation that the entry defines? */
extern bool pgb_is_entry_of(const RangeVar *relation, const PgbTocEntry *entry);

/* ---- stage_role.c ---- */

/* May the caller stage it, and who will own it? */
extern void pgb_stage_authorize(PgbStage *stage);

/* Why a superuser does not run the code of a table whose owner does not exist, and what to do: for pgb_watch(). */
extern char *pgb_stage_gone_owner_advice(const PgbTocEntry *table);

/*
 * Before a recovery: raises ERRCODE_INSUFFICIENT_PRIVILEGE if there are, and were dropped, tables of this name, and
 * all of them are others'.
 */
extern void pgb_stage_authorize_early(const char *relation);

/* Finds the schema, or makes it if it is the recovery schema. */
extern void pgb_stage_open_schema(PgbStage *stage);

/*
 * The settings that the texts of an archive expect, in a nest level of their own;
 * AtEOXact_GUC() or the end of the (sub)transaction undoes them.  With false: true keeps what
 * code of users has set meanwhile.
 */
extern int	pgb_stage_set_settings(const PgbStage *stage);

typedef struct PgbStageIdentity
{
	Oid			user;
	int			security_context;
	int			settings;		/* the nest level of what is set meanwhile */
} PgbStageIdentity;

/*
 * From here on everything runs as this role, in a security-restricted operation, until it is the
 * caller again: then settings are what they were.  The end of the (sub)transaction undoes it as well.
 */
extern void pgb_stage_become(Oid role, PgbStageIdentity *caller);
extern void pgb_stage_become_caller(const PgbStageIdentity *caller);

/* ---- stage_entry.h: the steps, in their order ---- */

extern void pgb_stage_create_tables(PgbStage *stage);
extern void pgb_stage_load_tables(PgbStage *stage);
extern void pgb_stage_add_checks(PgbStage *stage);
extern void pgb_stage_add_constraints_and_indexes(PgbStage *stage);
extern void pgb_stage_drop_scaffolds(PgbStage *stage);
extern void pgb_stage_add_comments(PgbStage *stage);

/* ---- stage_sequence.c ---- */

/* Gives a sequence the value of a SEQUENCE SET entry. */
extern void pgb_stage_set_sequence(const PgbStage *stage, const PgbTocEntry *entry, Oid sequence);

/* ---- stage_names.c ---- */

extern void pgb_stage_names_init(PgbStage *stage);

/* What has been staged, by its old name: an entry of stage->names. */
typedef struct PgbNewName
{
	PgbOldName	old;			/* hash key */
	NameData	name;
	PgbStagedTable *table;		/* NULL for an index or a sequence */
} PgbNewName;

/*
 * Of sessions that are about to give something this name in this schema, one has it to
 * the end of its transaction; false if it is another one, and we do not wait.
 */
extern bool pgb_stage_lock_name(Oid schema, const char *name, bool wait);

/*
 * A name that no relation and no type of the schema has, and that no other session
 * is about to take: this one if possible.
 */
extern char *pgb_stage_free_name(const PgbStage *stage, const char *wanted);

/* The name of a staged table; raises when that of the root is taken. */
extern char *pgb_stage_table_name(const PgbStage *stage, const PgbStagedTable *table);

extern void pgb_stage_add_name(PgbStage *stage, const char *old_schema, const char *old_name,
							   const char *name, PgbStagedTable *table);

/* NULL when nothing of that old name has been staged; table may be NULL. */
extern const char *pgb_stage_new_name(const PgbStage *stage, const char *old_schema,
									  const char *old_name, PgbStagedTable **table);

/* ---- stage_rewrite.c ---- */

/*
 * Each changes a parse tree in place.  Those that give a boolean say whether
 * the object is one that has been staged; if not, nothing is changed.
 */
extern bool pgb_rewrite_relation(const PgbStage *stage, RangeVar *relation,
								 PgbStagedTable **table);

/* A qualified name as Strings, with trailing more parts after the relation's. */
extern bool pgb_rewrite_name(const PgbStage *stage, List *name, int trailing);

/*
 * An expression over the columns of one table: whole-row references to it,
 * and regclass constants.
 */
extern void pgb_rewrite_expression(const PgbStage *stage, const PgbStagedTable *table,
								   Node *expression);
extern void pgb_rewrite_constraint(const PgbStage *stage, const PgbStagedTable *table,
								   Constraint *constraint);
extern void pgb_rewrite_index_elements(const PgbStage *stage, const PgbStagedTable *table,
									   List *elements);

/* ---- stage_run.c ---- */

/* Something that can be staged or left out as one thing. */
typedef struct PgbPiece
{
	char	   *title;			/* for messages: index "orders_pkey" */
	List	   *statements;
	char	   *source;			/* their text, for the parser's error positions */
} PgbPiece;

extern PgbPiece *pgb_piece(char *title, List *statements, char *source);

/* In errors, a position in this text is one of an internal query. */
extern void pgb_stage_push_source(ErrorContextCallback *callback, char *source);

/* Runs the statements of a piece, each on a copy of its tree. */
extern void pgb_stage_run(const PgbPiece *piece);

/*
 * The same in a subtransaction.  Returns NULL, or the error if it concerns only
 * the piece (something it needs is missing, data violates it...).  Everything else
 * (a cancel, no memory, a full disk...) is raised.
 */
extern ErrorData *pgb_stage_try(const PgbPiece *piece);

/* Tries a piece; when it fails, makes a note of it.  Returns whether it was staged. */
extern bool pgb_stage_try_or_note(PgbStage *stage, int elevel, const PgbPiece *piece);

/* The same with many pieces that rarely fail: all in one subtransaction first. */
extern void pgb_stage_try_all(PgbStage *stage, int elevel, List *pieces);

/* ---- stage_notes.c ---- */

/* Remembers a NOTICE or WARNING for the end, when the caller's settings are back. */
extern void pgb_stage_note(PgbStage *stage, int elevel, const char *format,...) pg_attribute_printf(3, 4);

/* Adds to the last of them; NULL adds nothing. */
extern void pgb_stage_note_detail(PgbStage *stage, const char *detail);
extern void pgb_stage_note_hint(PgbStage *stage, const char *hint);

/* Names what belongs to the tables and does not come along. */
extern void pgb_stage_note_left_out(PgbStage *stage);
extern void pgb_stage_leave_out(PgbStage *stage, const char *what);

/* Warns of publications that will send the rows elsewhere. */
extern void pgb_stage_note_publications(PgbStage *stage);

/* Tells the caller. */
extern void pgb_stage_report(PgbStage *stage);

#endif							/* PGB_STAGE_H */
