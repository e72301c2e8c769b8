/*-------------------------------------------------------------------------
 *
 * stage_index.c
 *	  Indexes of staged tables, and the constraints that are made of one.
 *
 * src/server/stage/stage_index.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/stage/stage_entry.h"

/*
 * The piece of an entry: its first statement, and the settings after it.  Adds the
 * relation's new name (if it is one) when the piece is staged.
 */
static void
stage_entry(PgbStage *stage, PgbTocEntry *entry, List *statements, char *title,
			const char *old_name, const char *name)
{
	PgbPiece   *piece = pgb_piece(title,
								  lcons(linitial(statements),
										pgb_further_settings(stage, statements, name)),
								  pgb_stage_text(stage, entry->defn));

	if (!pgb_stage_try_or_note(stage, WARNING, piece))
		return;
	if (name != NULL)
		pgb_stage_add_name(stage, entry->schema_name, old_name, name, NULL);
	pgb_stage_add_entry(stage, entry, NULL);
}

static bool
has_index(const Constraint *constraint)
{
	return constraint->contype == CONSTR_PRIMARY ||
		constraint->contype == CONSTR_UNIQUE ||
		constraint->contype == CONSTR_EXCLUSION;
}

/* PRIMARY KEY, UNIQUE, EXCLUDE; NOT NULL when it is NOT VALID, which has no index */
void
pgb_stage_constraint_entry(PgbStage *stage, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(stage, entry->defn);
	AlterTableStmt *alter = linitial(statements);
	AlterTableCmd *command = pgb_only_command((Node *) alter, AT_AddConstraint);
	PgbStagedTable *table = NULL;
	Constraint *constraint;
	char	   *old_name;
	char	   *name = NULL;
	char	   *title;

	if (command == NULL || !pgb_rewrite_relation(stage, alter->relation, &table) ||
		table == NULL || table->role == PGB_STAGED_SCAFFOLD)
		return;
	constraint = castNode(Constraint, command->def);
	if (constraint->conname == NULL ||
		(!has_index(constraint) && constraint->contype != CONSTR_NOTNULL))
		return;

	pgb_rewrite_constraint(stage, table, constraint);
	old_name = constraint->conname;
	title = psprintf("constraint \"%s\" of table \"%s\"", old_name, table->name);
	if (has_index(constraint))
	{
		name = pgb_stage_free_name(stage, old_name);
		constraint->conname = name;
		constraint->indexspace = pgb_usable_tablespace(stage, entry, title);
	}
	stage_entry(stage, entry, statements, title, old_name, name);
}

void
pgb_stage_index_entry(PgbStage *stage, PgbTocEntry *entry)
{
	List	   *statements;
	IndexStmt  *index;
	PgbStagedTable *table = NULL;
	char	   *title;

	if (!stage->request.with_indexes)
		return;

	statements = pgb_stage_parse(stage, entry->defn);
	index = linitial(statements);
	if (!IsA(index, IndexStmt) || index->idxname == NULL ||
		!pgb_rewrite_relation(stage, index->relation, &table) ||
		table == NULL || table->role == PGB_STAGED_SCAFFOLD)
		return;

	title = psprintf("index \"%s\"", index->idxname);
	index->idxname = pgb_stage_free_name(stage, index->idxname);
	index->tableSpace = pgb_usable_tablespace(stage, entry, title);
	pgb_rewrite_index_elements(stage, table, index->indexParams);
	pgb_rewrite_expression(stage, table, index->whereClause);
	stage_entry(stage, entry, statements, title, entry->tag, index->idxname);
}

void
pgb_stage_index_attach_entry(PgbStage *stage, PgbTocEntry *entry)
{
	Node	   *statement = linitial(pgb_stage_parse(stage, entry->defn));
	AlterTableCmd *attach = pgb_only_command(statement, AT_AttachPartition);

	/* one of the two may not be staged */
	if (attach != NULL &&
		pgb_rewrite_relation(stage, ((AlterTableStmt *) statement)->relation, NULL) &&
		pgb_rewrite_relation(stage, castNode(PartitionCmd, attach->def)->name, NULL))
		(void) pgb_stage_try_or_note(stage, WARNING,
									 pgb_piece(psprintf("index \"%s\" as a part of its parent's",
														entry->tag),
											   list_make1(statement),
											   pgb_stage_text(stage, entry->defn)));
}
