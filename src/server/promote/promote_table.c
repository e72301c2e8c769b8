/*-------------------------------------------------------------------------
 *
 * promote_table.c
 *	  What the staged table lacks of its definition: defaults and CHECK constraints
 *	  that could not be staged, settings, its tablespace.
 *
 * src/server/promote/promote_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "server/promote/promote_entry.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* ---- defaults, CHECK constraints ---- */

/* false if there is no such column */
static bool
find_column(Oid relation, const char *name, bool *has_default, bool *generated)
{
	HeapTuple	tuple = SearchSysCacheAttName(relation, name);
	Form_pg_attribute form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_attribute) GETSTRUCT(tuple);
	*has_default = form->atthasdef;
	*generated = form->attgenerated != '\0';
	ReleaseSysCache(tuple);
	return true;
}

bool
pgb_promote_lacks_default(Oid relation, const char *column)
{
	bool		has_default;
	bool		generated;

	return find_column(relation, column, &has_default, &generated) && !has_default;
}

static void
add_default(PgbPromote *promote, const PgbStagedTable *table, char *column, Node *expression)
{
	PgbPiece   *piece;

	if (!pgb_promote_lacks_default(table->oid, column))
		return;
	piece = pgb_promote_alter(psprintf("default of column \"%s\" of table \"%s\"",
									   column, pgb_stage_old_name(table->entry)),
							  table->entry->schema_name, table->entry->tag,
							  pgb_alter_command(AT_ColumnDefault, column, expression));

	/* each partition has its own */
	linitial_node(AlterTableStmt, piece->statements)->relation->inh = false;
	(void) pgb_promote_try_or_warn(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER, piece);
}

static void
complete_column(PgbPromote *promote, const PgbStagedTable *table, const ColumnDef *column)
{
	ListCell   *lc;
	bool		has_default;
	bool		generated;

	foreach(lc, column->constraints)
	{
		const Constraint *constraint = lfirst_node(Constraint, lc);

		if (constraint->contype == CONSTR_DEFAULT)
			add_default(promote, table, column->colname, constraint->raw_expr);
		else if (constraint->contype == CONSTR_GENERATED &&
				 find_column(table->oid, column->colname, &has_default, &generated) && !generated)
			pgb_promote_fail(promote,
							 psprintf("column \"%s\" of table \"%s\" was generated, and is put back as an ordinary column",
									  column->colname, pgb_stage_old_name(table->entry)), NULL, NULL);
	}
}

static void
add_check(PgbPromote *promote, const PgbStagedTable *table, Constraint *check)
{
	if (check->conname == NULL ||
		OidIsValid(get_relation_constraint_oid(table->oid, check->conname, true)))
		return;
	(void) pgb_promote_try_or_warn(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE,
								   pgb_promote_alter(psprintf("check constraint \"%s\" of table \"%s\"",
															  check->conname, pgb_stage_old_name(table->entry)),
													 table->entry->schema_name, table->entry->tag,
													 pgb_alter_command(AT_AddConstraint, NULL, (Node *) check)));
}

void
pgb_promote_table_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table(promote->stage, entry->dump_id);
	CreateStmt *create;
	ListCell   *lc;

	/* a table that inherits from ours */
	if (table == NULL)
		return;

	create = linitial_node(CreateStmt, pgb_stage_parse(promote->stage, entry->defn));
	foreach(lc, create->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef))
			complete_column(promote, table, (ColumnDef *) element);
		else if (IsA(element, Constraint) && ((Constraint *) element)->contype == CONSTR_CHECK)
			add_check(promote, table, (Constraint *) element);
	}
	pgb_promote_name_not_null(create, table->oid);
	pgb_promote_set_tablespace(promote, entry, table->oid, entry->tag);
}

void
pgb_promote_default_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	Node	   *statement = linitial(pgb_stage_parse(promote->stage, entry->defn));
	AlterTableCmd *command = pgb_only_command(statement, AT_ColumnDefault);
	PgbStagedTable *table;

	if (command != NULL && command->def != NULL &&
		(table = pgb_promote_table(promote, ((AlterTableStmt *) statement)->relation)) != NULL)
		add_default(promote, table, command->name, command->def);
}

void
pgb_promote_check_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	Node	   *statement = linitial(pgb_stage_parse(promote->stage, entry->defn));
	AlterTableCmd *command = pgb_only_command(statement, AT_AddConstraint);
	PgbStagedTable *table;

	if (command == NULL ||
		(table = pgb_promote_table(promote, ((AlterTableStmt *) statement)->relation)) == NULL)
		return;
	if (castNode(Constraint, command->def)->contype == CONSTR_CHECK)
		add_check(promote, table, castNode(Constraint, command->def));
	pgb_stage_add_entry(promote->stage, entry, NULL);
}

/* ---- settings ---- */

static bool
is_setting(const AlterTableCmd *command)
{
	switch (command->subtype)
	{
		case AT_SetNotNull:
		case AT_SetStatistics:
		case AT_SetOptions:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_ReplicaIdentity:
		case AT_ClusterOn:
		case AT_ForceRowSecurity:
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
		case AT_DisableRule:
			return true;
		default:
			return false;
	}
}

static bool
are_settings(const PgbPromote *promote, const RangeVar *relation, Node *statement)
{
	ListCell   *lc;

	if (!IsA(statement, AlterTableStmt) ||
		(!equal(((AlterTableStmt *) statement)->relation, relation) &&
		 !pgb_promote_is_part(promote, ((AlterTableStmt *) statement)->relation)))
		return false;
	foreach(lc, ((AlterTableStmt *) statement)->cmds)
		if (!is_setting(lfirst_node(AlterTableCmd, lc)))
			return false;
	return true;
}

List *
pgb_promote_settings(const PgbPromote *promote, const PgbTocEntry *entry,
					 const RangeVar *relation, List *statements)
{
	char	   *source = pgb_stage_text(promote->stage, entry->defn);
	List	   *pieces = NIL;
	ListCell   *lc;

	for_each_from(lc, statements, 1)
		if (are_settings(promote, relation, lfirst(lc)))
			pieces = lappend(pieces, pgb_piece(psprintf("a setting of %s \"%s\"",
														pgb_stage_is(entry, "TABLE") ? "table" : "object",
														entry->tag),
											   list_make1(lfirst(lc)), source));
	return pieces;
}

static bool
forces_row_security(const PgbPiece *piece)
{
	return pgb_only_command(linitial(piece->statements), AT_ForceRowSecurity) != NULL;
}

void
pgb_promote_add_settings(PgbPromote *promote, Oid owner, List *pieces)
{
	ListCell   *lc;

	foreach(lc, pieces)
	{
		const PgbPiece *piece = lfirst(lc);

		if (forces_row_security(piece))
			pgb_promote_run(promote, owner, PGB_AS_ROLE_OR_CALLER, piece, NULL);
		else
			(void) pgb_promote_try_or_warn(promote, owner, PGB_AS_ROLE_OR_CALLER, piece);
	}
}

void
pgb_promote_settings_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table(promote->stage, entry->dump_id);

	if (table != NULL)
		pgb_promote_add_settings(promote, pgb_promote_owner(table->oid),
								 pgb_promote_settings(promote, entry, NULL,
													  pgb_stage_parse(promote->stage, entry->defn)));
}

/* ---- the tablespace ---- */

void
pgb_promote_set_tablespace(PgbPromote *promote, const PgbTocEntry *entry, Oid relation, char *name)
{
	Oid			tablespace;
	PgbPiece   *piece;

	if (entry->tablespace == NULL || entry->tablespace[0] == '\0')
		return;

	tablespace = get_tablespace_oid(entry->tablespace, true);
	if (OidIsValid(tablespace) &&
		(get_rel_tablespace(relation) == tablespace ||
		 (!OidIsValid(get_rel_tablespace(relation)) && tablespace == MyDatabaseTableSpace)))
		return;

	piece = pgb_promote_alter(psprintf("tablespace \"%s\" of \"%s\"", entry->tablespace, name),
							  entry->schema_name, name,
							  pgb_alter_command(AT_SetTableSpace, entry->tablespace, NULL));

	/* without it nothing is lost but a place */
	if (promote->strict && !OidIsValid(tablespace))
		pgb_promote_warn(promote, psprintf("%s is not put back: the tablespace does not exist", piece->title),
						 NULL, NULL);
	else
		(void) pgb_promote_try_or_warn(promote, pgb_promote_owner(relation), PGB_AS_ROLE_OR_CALLER, piece);
}
