/*-------------------------------------------------------------------------
 *
 * stage_check.c
 *	  CHECK constraints of staged tables.
 *
 * src/server/stage/stage_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_constraint.h"
#include "server/stage/stage_entry.h"

/* A partition has the constraints of its parent already. */
static bool
has_check(const PgbStagedTable *table, const Constraint *check)
{
	return table->role == PGB_STAGED_PARTITION && check->conname != NULL &&
		OidIsValid(get_relation_constraint_oid(table->oid, check->conname, true));
}

static PgbPiece *
check_piece(const PgbStage *stage, const PgbStagedTable *table, List *checks, const char *name)
{
	List	   *commands = NIL;
	ListCell   *lc;

	foreach(lc, checks)
		commands = lappend(commands, pgb_alter_command(AT_AddConstraint, NULL, lfirst(lc)));

	/* children inherit it, as with pg_dump's own statement */
	return pgb_piece(psprintf("check constraint \"%s\" of table \"%s\"", name, table->name),
					 list_make1(pgb_alter_table(stage, table, true, commands)),
					 pgb_stage_text(stage, table->entry->defn));
}

static void
add_checks_of(PgbStage *stage, const PgbStagedTable *table)
{
	List	   *checks = NIL;
	ListCell   *lc;

	foreach(lc, table->checks)
	{
		Constraint *check = lfirst_node(Constraint, lc);

		if (has_check(table, check))
			continue;
		pgb_rewrite_constraint(stage, table, check);
		checks = lappend(checks, check);
	}

	/* all in one pass over the table, or else one by one */
	if (checks == NIL || pgb_stage_try(check_piece(stage, table, checks, "")) == NULL)
		return;
	foreach(lc, checks)
	{
		const char *name = lfirst_node(Constraint, lc)->conname;

		(void) pgb_stage_try_or_note(stage, WARNING,
									 check_piece(stage, table, list_make1(lfirst(lc)),
												 name != NULL ? name : ""));
	}
}

void
pgb_stage_add_checks(PgbStage *stage)
{
	ListCell   *lc;

	foreach(lc, stage->tables)
		add_checks_of(stage, lfirst(lc));
}

/* One that has an entry of its own: it is NOT VALID, or its function needs the table. */
void
pgb_stage_check_entry(PgbStage *stage, PgbTocEntry *entry)
{
	Node	   *statement = linitial(pgb_stage_parse(stage, entry->defn));
	AlterTableCmd *command = pgb_only_command(statement, AT_AddConstraint);
	PgbStagedTable *table = NULL;
	Constraint *check;

	if (command == NULL ||
		!pgb_rewrite_relation(stage, ((AlterTableStmt *) statement)->relation, &table) ||
		table == NULL)
		return;

	check = castNode(Constraint, command->def);
	if (check->contype != CONSTR_CHECK || check->conname == NULL || has_check(table, check))
		return;
	pgb_rewrite_constraint(stage, table, check);

	if (pgb_stage_try_or_note(stage, WARNING,
							  pgb_piece(psprintf("check constraint \"%s\" of table \"%s\"",
												 check->conname, table->name),
										list_make1(statement), pgb_stage_text(stage, entry->defn))))
		pgb_stage_add_entry(stage, entry, NULL);
}
