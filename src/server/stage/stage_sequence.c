/*-------------------------------------------------------------------------
 *
 * stage_sequence.c
 *	  Sequences that a table owns, and the defaults that use them.
 *
 * A staged table never draws from the sequence of the live one.  Sequences that no
 * table owns are not staged; a default that uses one refers to the live one.
 *
 * src/server/stage/stage_sequence.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "nodes/value.h"
#include "server/stage/stage_entry.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

/* ALTER TABLE ... ADD GENERATED AS IDENTITY: one of its options names the sequence. */
static bool
rewrite_identity(PgbStage *stage, Node *statement, char *sequence)
{
	AlterTableCmd *command = pgb_only_command(statement, AT_AddIdentity);
	ListCell   *lc;

	if (command == NULL ||
		!pgb_rewrite_relation(stage, ((AlterTableStmt *) statement)->relation, NULL))
		return false;

	foreach(lc, castNode(Constraint, command->def)->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "sequence_name") == 0)
			option->arg = (Node *) list_make2(makeString(stage->schema), makeString(sequence));
	}
	return true;
}

/* Only a sequence that is owned depends on a table. */
void
pgb_stage_sequence_entry(PgbStage *stage, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table_of(stage, entry);
	Node	   *statement;
	char	   *name;

	if (table == NULL || table->role == PGB_STAGED_SCAFFOLD)
		return;

	statement = linitial(pgb_stage_parse(stage, entry->defn));
	name = pgb_stage_free_name(stage, entry->tag);
	if (IsA(statement, CreateSeqStmt))
	{
		RangeVar   *sequence = ((CreateSeqStmt *) statement)->sequence;

		sequence->schemaname = stage->schema;
		sequence->relname = name;
	}
	else if (!rewrite_identity(stage, statement, name))
		return;

	if (!pgb_stage_try_or_note(stage, WARNING,
							   pgb_piece(psprintf("sequence \"%s\"", entry->tag),
										 list_make1(statement),
										 pgb_stage_text(stage, entry->defn))))
		return;

	pgb_stage_add_name(stage, entry->schema_name, entry->tag, name, NULL);
	pgb_stage_add_entry(stage, entry, NULL);
}

void
pgb_stage_sequence_owner_entry(PgbStage *stage, PgbTocEntry *entry)
{
	AlterSeqStmt *alter = linitial(pgb_stage_parse(stage, entry->defn));
	ListCell   *lc;

	if (!IsA(alter, AlterSeqStmt) || !pgb_rewrite_relation(stage, alter->sequence, NULL))
		return;

	foreach(lc, alter->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "owned_by") == 0 &&
			!pgb_rewrite_name(stage, castNode(List, option->arg), 1))
			return;
	}
	(void) pgb_stage_try_or_note(stage, WARNING,
								 pgb_piece(psprintf("owner of sequence \"%s\"", entry->tag),
										   list_make1(alter), pgb_stage_text(stage, entry->defn)));
}

/* The value of a constant in a parse tree; false if it is none. */
static bool
constant_int64(Node *node, int64 *value)
{
	A_Const    *constant = (A_Const *) node;

	if (!IsA(node, A_Const) || constant->isnull)
		return false;
	if (IsA(&constant->val, Integer))
		*value = intVal(&constant->val);
	else if (IsA(&constant->val, Float))
		*value = pg_strtoint64(castNode(Float, &constant->val)->fval);
	else
		return false;
	return true;
}

/* true and false are casts, or constants, depending on the version */
static bool
constant_bool(Node *node, bool *value)
{
	A_Const    *constant;

	if (IsA(node, TypeCast))
		node = ((TypeCast *) node)->arg;
	constant = (A_Const *) node;
	if (!IsA(node, A_Const) || constant->isnull || !IsA(&constant->val, Boolean))
		return false;
	*value = boolVal(&constant->val);
	return true;
}

/* SELECT pg_catalog.setval('sequence', value, is_called) */
static bool
parse_setval(Node *statement, int64 *value, bool *is_called)
{
	SelectStmt *select = (SelectStmt *) statement;
	FuncCall   *call;

	if (!IsA(statement, SelectStmt) || list_length(select->targetList) != 1)
		return false;
	call = (FuncCall *) linitial_node(ResTarget, select->targetList)->val;
	return IsA(call, FuncCall) && list_length(call->args) == 3 &&
		constant_int64(lsecond(call->args), value) &&
		constant_bool(lthird(call->args), is_called);
}

void
pgb_stage_set_sequence(const PgbStage *stage, const PgbTocEntry *entry, Oid sequence)
{
	int64		value;
	bool		is_called;

	if (!parse_setval(linitial(pgb_stage_parse(stage, entry->defn)), &value, &is_called))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no readable value of sequence \"%s\"",
						stage->backup, entry->tag),
				 errhint("Stage the table from another backup.")));

	DirectFunctionCall3(setval3_oid, ObjectIdGetDatum(sequence), Int64GetDatum(value),
						BoolGetDatum(is_called));
}

void
pgb_stage_sequence_value_entry(PgbStage *stage, PgbTocEntry *entry)
{
	const char *name = pgb_stage_new_name(stage, entry->schema_name, entry->tag, NULL);

	if (name != NULL)
		pgb_stage_set_sequence(stage, entry, get_relname_relid(name, stage->schema_oid));
}

PgbPiece *
pgb_default_piece(const PgbStage *stage, const PgbStagedTable *table, char *column,
				  Node *expression, char *source)
{
	AlterTableCmd *command;

	pgb_rewrite_expression(stage, table, expression);
	command = pgb_alter_command(AT_ColumnDefault, column, expression);
	return pgb_piece(psprintf("default of column \"%s\" of table \"%s\"", column, table->name),
					 list_make1(pgb_alter_table(stage, table, false, list_make1(command))),
					 source);
}

void
pgb_stage_default_entry(PgbStage *stage, PgbTocEntry *entry)
{
	Node	   *statement = linitial(pgb_stage_parse(stage, entry->defn));
	AlterTableCmd *command = pgb_only_command(statement, AT_ColumnDefault);
	PgbStagedTable *table = NULL;

	if (command != NULL &&
		pgb_rewrite_relation(stage, ((AlterTableStmt *) statement)->relation, &table) &&
		table != NULL && table->role != PGB_STAGED_SCAFFOLD)
		(void) pgb_stage_try_or_note(stage, NOTICE,
									 pgb_default_piece(stage, table, command->name, command->def,
													   pgb_stage_text(stage, entry->defn)));
}
