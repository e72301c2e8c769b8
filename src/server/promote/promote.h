/*-------------------------------------------------------------------------
 *
 * promote.h
 *	  Promotion: a staged table put back under its own schema and name.
 *
 * It is the second half of a staging, and opens the same archive.  Once the table
 * has its own name again, the archive's statements mean it as they are written: what
 * staging has left out is made by running them, unchanged.
 *
 *	  promote.c          the SQL function, and the order of things
 *	  promote_find.c     the staged table, and the archive that defines it
 *	  promote_move.c     schema, names, owners
 *	  promote_run.c      as whom statements run, and what the caller is told of those that fail
 *	  promote_entry.h    the archive's entries, one handler for each kind
 *	  promote_lock.c     the other tables that are touched
 *	  promote_lost.c     what a DROP ... CASCADE has taken along, and stays away
 *
 * Which failure stops it: what the database does not have any more (a role, a trigger's
 * function, a referenced table) is warned of, and all else comes back; at night the
 * table is what counts.  An error it is when the table would show rows to those who must
 * not see them (row security, a restrictive policy, a REVOKE), or when its rows
 * would be missing from a parent that is there: somebody must decide then.
 *
 * src/server/promote/promote.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PROMOTE_H
#define PGB_PROMOTE_H

#include "server/stage/stage.h"
#include "server/stage/stage_record.h"
#include "storage/lockdefs.h"

typedef struct PgbPromote
{
	PgbStage   *stage;			/* the archive, its plan, the notes */
	PgbStagedRecord *record;
	HTAB	   *parts;			/* those of the record, by name: promote_find.c */
	List	   *tables;			/* PgbStagedTables that are put back: of the plan, without
								 * scaffolds; in the archive's order */
	List	   *ancestors;		/* PgbTocEntries of the partitioned tables above the root */
	Oid			staged;			/* the root's */
	Oid			caller;
} PgbPromote;

/* ---- promote.c ---- */

/* Puts a staged table back, as pgbackup_promote_table() does. */
extern void pgb_promote(Oid staged);

/* ---- promote_find.c ---- */

/*
 * The owner of a relation; InvalidOid if there is none.
 */
extern Oid	pgb_promote_owner(Oid relation);

/* Locks the staged table, checks who may, and removes its row from the list. */
extern void pgb_promote_take(PgbPromote *promote);

/* Opens the archive, and finds in it what was staged. */
extern void pgb_promote_open_archive(PgbPromote *promote);

/* The table that is put back under this name, or NULL. */
extern PgbStagedTable *pgb_promote_table(const PgbPromote *promote, const RangeVar *name);

/* Is it the name of a table or of anything else that was staged with it? */
extern bool pgb_promote_is_part(const PgbPromote *promote, const RangeVar *name);

/* A relation that exists, ours or another; InvalidOid if not.  Needs no rights. */
extern Oid	pgb_promote_live(const RangeVar *name);

/* ---- promote_move.c ---- */

/* Refuses when the schema is missing or a name is taken. */
extern void pgb_promote_check_names(PgbPromote *promote);
extern void pgb_promote_move(PgbPromote *promote);
extern void pgb_promote_set_owners(PgbPromote *promote);

/* ---- promote_run.c ---- */

/* As whom a piece runs. */
typedef enum PgbPromoteActor
{
	PGB_AS_ROLE,

	/*
	 * The same, and once more as the caller if the role lacks a right which the caller, a
	 * superuser, has not.  For statements that run no code of any user.
	 */
	PGB_AS_ROLE_OR_CALLER,

	/*
	 * As the role, on whom FORCE ROW LEVEL SECURITY has no effect: as PostgreSQL itself
	 * reads tables to check a foreign key.
	 */
	PGB_AS_ROLE_UNFORCED
} PgbPromoteActor;

/* NULL, or the error if it concerns only the piece. */
extern ErrorData *pgb_promote_try(const PgbPromote *promote, Oid role, PgbPromoteActor actor,
								  const PgbPiece *piece);

/* The same; warns that it is not put back.  Returns whether it is. */
extern bool pgb_promote_try_or_warn(PgbPromote *promote, Oid role, PgbPromoteActor actor,
									const PgbPiece *piece);

/* The same; raises any error, with this hint unless it is NULL. */
extern void pgb_promote_run(const PgbPromote *promote, Oid role, PgbPromoteActor actor,
							const PgbPiece *piece, const char *hint);

/* A warning with the message and detail of an error. */
extern void pgb_promote_warn(PgbPromote *promote, const char *text, const ErrorData *error,
							 const char *hint);

/* That a piece is not put back, and the statements that would do it. */
extern void pgb_promote_warn_left(PgbPromote *promote, const PgbPiece *piece, const ErrorData *error);

/* A piece of one ALTER TABLE of a relation that has its own name. */
extern PgbPiece *pgb_promote_alter(char *title, char *schema, char *name, AlterTableCmd *command);

/* ---- promote_entry.h: the steps, in their order ---- */

extern void pgb_promote_complete_tables(PgbPromote *promote);
extern void pgb_promote_join_tree(PgbPromote *promote);
extern void pgb_promote_add_objects(PgbPromote *promote);
extern void pgb_promote_add_grants(PgbPromote *promote);
extern void pgb_promote_add_foreign_keys(PgbPromote *promote);
extern void pgb_promote_finish(PgbPromote *promote);

/* ---- promote_lock.c ---- */

extern void pgb_promote_lock_others(PgbPromote *promote);

/* ---- promote_lost.c ---- */

extern void pgb_promote_note_lost(PgbPromote *promote);

#endif							/* PGB_PROMOTE_H */
