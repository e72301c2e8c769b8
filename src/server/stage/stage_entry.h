/*-------------------------------------------------------------------------
 *
 * stage_entry.h
 *	  The entries of an archive that define a table, one handler for each kind,
 *	  and what the handlers share.
 *
 *	  stage_entry.c       the table of handlers
 *	  stage_table.c       TABLE, TABLE ATTACH; the parents by inheritance
 *	  stage_sequence.c    SEQUENCE, SEQUENCE OWNED BY, SEQUENCE SET, DEFAULT
 *	  stage_rows.c        TABLE DATA
 *	  stage_check.c       CHECK CONSTRAINT
 *	  stage_index.c       CONSTRAINT, INDEX, INDEX ATTACH
 *	  stage_comment.c     COMMENT
 *	  stage_alter.c       ALTER TABLE, read and built
 *
 * A handler is called for entries that depend on one of ours.  That can be one
 * of another table, that only refers to ours: it then does nothing.
 *
 * src/server/stage/stage_entry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_STAGE_ENTRY_H
#define PGB_STAGE_ENTRY_H

#include "server/stage/stage.h"

typedef void (*PgbEntryHandler) (PgbStage *stage, PgbTocEntry *entry);

extern void pgb_stage_table_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_attach_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_sequence_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_sequence_owner_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_sequence_value_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_default_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_data_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_check_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_constraint_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_index_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_index_attach_entry(PgbStage *stage, PgbTocEntry *entry);
extern void pgb_stage_comment_entry(PgbStage *stage, PgbTocEntry *entry);

/* ---- stage_alter.c ---- */

/* The one command of an ALTER TABLE or ALTER INDEX if it is of this type, or NULL. */
extern AlterTableCmd *pgb_only_command(Node *statement, AlterTableType subtype);

/* ALTER TABLE of a staged table; without its children it is ALTER TABLE ONLY. */
extern AlterTableStmt *pgb_alter_table(const PgbStage *stage, const PgbStagedTable *table,
									   bool with_children, List *commands);
extern AlterTableCmd *pgb_alter_command(AlterTableType subtype, char *name, Node *def);

/*
 * The ALTER statements that follow the first one of a definition, as far as they
 * come along: settings of the table, or of the index that is called by this name.
 */
extern List *pgb_further_settings(PgbStage *stage, List *statements, const char *index_name);

/*
 * The tablespace of an entry if it is there and the owner may use it; NULL, with
 * a note that calls it "what", if not.
 */
extern char *pgb_usable_tablespace(PgbStage *stage, const PgbTocEntry *entry, const char *what);

/* ---- stage_sequence.c ---- */

/* SET DEFAULT of one column; takes the expression as it stands in the archive. */
extern PgbPiece *pgb_default_piece(const PgbStage *stage, const PgbStagedTable *table,
								   char *column, Node *expression, char *source);

#endif							/* PGB_STAGE_ENTRY_H */
