/*-------------------------------------------------------------------------
 *
 * promote_entry.h
 *	  The entries of an archive that belong to a table that is put back, one
 *	  handler for each kind, and what the handlers share.
 *
 *	  promote_entry.c     the table of handlers
 *	  promote_table.c     TABLE, DEFAULT, CHECK CONSTRAINT
 *	  promote_index.c     CONSTRAINT, INDEX
 *	  promote_tree.c      TABLE, TABLE ATTACH, INDEX ATTACH: its place among others
 *	  promote_local.c     which columns and constraints are only inherited
 *	  promote_object.c    STATISTICS, TRIGGER, RULE, POLICY, ROW SECURITY, PUBLICATION TABLE
 *	  promote_comment.c   COMMENT, SECURITY LABEL
 *	  promote_grant.c     ACL
 *	  promote_foreign.c   FK CONSTRAINT
 *
 * A handler is called for entries that depend on one of ours.  That can be one of
 * another table, that only refers to ours.
 *
 * src/server/promote/promote_entry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PROMOTE_ENTRY_H
#define PGB_PROMOTE_ENTRY_H

#include "server/promote/promote.h"
#include "server/stage/stage_entry.h"

typedef void (*PgbPromoteHandler) (PgbPromote *promote, PgbTocEntry *entry);

extern void pgb_promote_table_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_default_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_check_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_constraint_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_index_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_attach_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_inherit_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_index_attach_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_statistics_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_trigger_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_rule_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_policy_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_row_security_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_publication_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_settings_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_comment_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_label_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_grant_entry(PgbPromote *promote, PgbTocEntry *entry);
extern void pgb_promote_foreign_key_entry(PgbPromote *promote, PgbTocEntry *entry);

/* ---- promote_entry.c ---- */

/* Does the entry depend on a partitioned table above the root? */
extern bool pgb_promote_is_of_ancestor(const PgbPromote *promote, const PgbTocEntry *entry);

/* ---- promote_table.c ---- */

/* Is there such a column, without a default? */
extern bool pgb_promote_lacks_default(Oid relation, const char *column);

/*
 * Those of the statements, without the first, that set something of this relation, or of one of
 * our tables and indexes; each as a piece.  The relation may be NULL.
 */
extern List *pgb_promote_settings(const PgbPromote *promote, const PgbTocEntry *entry,
								  const RangeVar *relation, List *statements);

/* Runs them as the owner of a table; one that fails is warned of. */
extern void pgb_promote_add_settings(PgbPromote *promote, Oid owner, List *pieces);

/* Moves a relation to the tablespace of its entry, if it is elsewhere. */
extern void pgb_promote_set_tablespace(PgbPromote *promote, const PgbTocEntry *entry,
									   Oid relation, char *name);

/* ---- promote_local.c ---- */

/*
 * After a table has got back its parents: what its own definition does not have
 * is inherited, and no more its own.
 */
extern void pgb_promote_forget_local(const PgbPromote *promote, const PgbTocEntry *entry,
									 const CreateStmt *create, Oid relation);

/* ---- promote_move.c ---- */

/* ALTER TABLE ... OWNER TO */
extern PgbPiece *pgb_promote_owner_piece(const PgbStagedTable *table, Oid owner);

/* ---- promote_grant.c ---- */

/* All grants are those of the defaults again. */
extern void pgb_promote_reset_grants(const PgbPromote *promote);

#endif							/* PGB_PROMOTE_ENTRY_H */
