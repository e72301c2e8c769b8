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
 * A strict promotion warns only of what is none of the table's own: a role, a tablespace, a
 * publication, a parent that is gone, and rows that break a foreign key now.  All else that
 * does not come back is a failure, which its caller raises.
 *
 * src/server/promote/promote.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PROMOTE_H
#define PGB_PROMOTE_H

#include "catalog/objectaddress.h"
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
	const PgbStage *definitions;	/* whose table of contents is used; NULL: that of the record */
	bool		strict;
	List	   *failures;		/* of a strict one: char *, what is not put back and why */

	/* Does this other table come back by itself, now or later?  NULL: no. */
	bool		(*comes_back) (const PgbTocEntry *table, void *arg);
	void	   *comes_back_arg;
} PgbPromote;

/* ---- promote.c ---- */

/*
 * The two halves of a promotion, for who puts back several tables: each gets its place and its
 * owner, and then all that hangs on them.  Everything is in the memory context in which it was
 * created.  The caller gets what stage->notes say: see pgb_stage_report().
 */
extern PgbPromote *pgb_promote_create(Oid staged);
extern void pgb_promote_begin(PgbPromote *promote);
extern void pgb_promote_end(PgbPromote *promote);

/* ---- promote_find.c ---- */

/* The partitioned table of which this is a partition, or NULL. */
extern PgbTocEntry *pgb_promote_parent(const PgbStage *stage, const PgbTocEntry *partition);

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
	 * The same, and if the role is a superuser, no code of users runs.  With the others that is so only
	 * if one of the tables that are put back was a user's.
	 */
	PGB_AS_ROLE_WATCHED,

	/*
	 * As the role, on whom FORCE ROW LEVEL SECURITY has no effect: as PostgreSQL itself
	 * reads tables to check a foreign key.
	 */
	PGB_AS_ROLE_UNFORCED
} PgbPromoteActor;

/*
 * NULL, or the error if it concerns only the piece; PGB_AS_ROLE_OR_CALLER and PGB_AS_ROLE_WATCHED are as
 * PGB_AS_ROLE.
 */
extern ErrorData *pgb_promote_try_as(Oid role, PgbPromoteActor actor, const PgbPiece *piece);

/*
 * As pgb_promote_try_as() does, with the rights of a superuser.  Raises ERRCODE_INSUFFICIENT_PRIVILEGE, or returns it,
 * when that would run code of other users.
 */
extern ErrorData *pgb_promote_try_lent(Oid superuser, const PgbPiece *piece);

/* NULL, or the error if it concerns only the piece. */
extern ErrorData *pgb_promote_try(const PgbPromote *promote, Oid role, PgbPromoteActor actor,
								  const PgbPiece *piece);

/*
 * May the caller act as the owner of what is not put back itself?  If not, the piece fails: false.
 */
extern bool pgb_promote_may_act_for(PgbPromote *promote, Oid owner, const PgbPiece *piece);

/* As pgb_promote_try(); that it fails is a warning, or kept (strict).  Returns whether it is put back. */
extern bool pgb_promote_try_or_warn(PgbPromote *promote, Oid role, PgbPromoteActor actor,
									const PgbPiece *piece);

/* The same; raises any error, with this hint unless it is NULL. */
extern void pgb_promote_run(const PgbPromote *promote, Oid role, PgbPromoteActor actor,
							const PgbPiece *piece, const char *hint);

/* A warning with the message and detail of an error. */
extern void pgb_promote_warn(PgbPromote *promote, const char *text, const ErrorData *error,
							 const char *hint);

/* The same of a failure, which a strict promotion keeps. */
extern void pgb_promote_fail(PgbPromote *promote, const char *text, const ErrorData *error,
							 const char *hint);

/* "The message.  Its detail" */
extern char *pgb_promote_error_text(const ErrorData *error);

/* That a piece is not put back, and the statements that would do it. */
extern void pgb_promote_fail_left(PgbPromote *promote, const PgbPiece *piece, const ErrorData *error);

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

/* ---- promote_grant.c ---- */

/* The grants on an object are those that its owner has of himself. */
extern void pgb_promote_reset_object(const ObjectAddress *address);

/*
 * "SET SESSION AUTHORIZATION role" before a grant says who has made it; InvalidOid stands for
 * the owner.  False if the role is gone, which is warned of, or if the caller must not act in
 * its name: then *failure says so.
 */
extern bool pgb_promote_read_grantor(PgbStage *stage, Oid caller, const PgbTocEntry *entry,
									 const VariableSetStmt *set, Oid *role, char **failure);

/* Is it to a role that does not exist?  That is warned of. */
extern bool pgb_promote_grantee_is_gone(PgbStage *stage, const PgbTocEntry *entry,
										const GrantStmt *grant);

/* ---- promote_lost.c ---- */

/* hint: how to get it back, or NULL for the usual one. */
extern void pgb_promote_note_lost(PgbPromote *promote, const char *hint);

#endif							/* PGB_PROMOTE_H */
