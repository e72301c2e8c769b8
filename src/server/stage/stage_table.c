/*-------------------------------------------------------------------------
 *
 * stage_table.c
 *	  Tables created as the archive defines them.
 *
 * Defaults and CHECK constraints are taken out of CREATE TABLE and added one by
 * one, so that one which fails does not keep the table from coming back.
 *
 * A table that inherits is created below its parents, which come without rows
 * and are dropped at the end: so it is PostgreSQL that merges their columns,
 * constraints and generation expressions.
 *
 * src/server/stage/stage_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "server/stage/stage_entry.h"
#include "utils/lsyscache.h"

/* The table access method of an entry, if it is there. */
static char *
usable_access_method(PgbStage *stage, const PgbTocEntry *entry)
{
	if (entry->table_am == NULL || entry->table_am[0] == '\0')
		return NULL;
	if (OidIsValid(get_table_am_oid(entry->table_am, true)))
		return entry->table_am;

	pgb_stage_note(stage, NOTICE,
				   "table access method \"%s\" does not exist: table \"%s\" is staged as heap",
				   entry->table_am, pgb_stage_old_name(entry));
	return NULL;
}

/* Takes the CHECK constraints out of a CREATE TABLE. */
static List *
take_checks(CreateStmt *create)
{
	List	   *checks = NIL;
	ListCell   *lc;

	foreach(lc, create->tableElts)
	{
		Constraint *constraint = lfirst(lc);

		if (IsA(constraint, Constraint) && constraint->contype == CONSTR_CHECK)
		{
			checks = lappend(checks, constraint);
			create->tableElts = foreach_delete_current(create->tableElts, lc);
		}
	}
	return checks;
}

static void
keep_checks(const PgbStage *stage, PgbStagedTable *table, List *checks)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);

	table->checks = copyObject(checks);
	MemoryContextSwitchTo(old);
}

/* Takes the constraint of one type out of a column, or gives NULL. */
static Constraint *
take_column_constraint(ColumnDef *column, ConstrType type)
{
	ListCell   *lc;

	foreach(lc, column->constraints)
	{
		Constraint *constraint = lfirst_node(Constraint, lc);

		if (constraint->contype == type)
		{
			column->constraints = list_delete_cell(column->constraints, lc);
			return constraint;
		}
	}
	return NULL;
}

/* Takes the defaults out of a CREATE TABLE. */
static List *
take_defaults(const PgbStage *stage, const PgbStagedTable *table, CreateStmt *create, char *source)
{
	List	   *pieces = NIL;
	ListCell   *lc;

	foreach(lc, create->tableElts)
	{
		ColumnDef  *column = lfirst(lc);
		Constraint *value;

		if (IsA(column, ColumnDef) &&
			(value = take_column_constraint(column, CONSTR_DEFAULT)) != NULL)
			pieces = lappend(pieces, pgb_default_piece(stage, table, column->colname,
													   value->raw_expr, source));
	}
	return pieces;
}

/*
 * Makes generated columns ordinary ones.  The archive has no values for them, so
 * they may be null.  Returns their names, or NULL when there are none.
 */
static char *
strip_generated(CreateStmt *create)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, create->tableElts)
	{
		ColumnDef  *column = lfirst(lc);

		if (IsA(column, ColumnDef) &&
			take_column_constraint(column, CONSTR_GENERATED) != NULL)
		{
			(void) take_column_constraint(column, CONSTR_NOTNULL);
			appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", column->colname);
		}
	}
	return names.len > 0 ? names.data : NULL;
}

static void
rewrite_create(PgbStage *stage, const PgbStagedTable *table, CreateStmt *create)
{
	ListCell   *lc;
	ListCell   *lc2;

	create->relation->catalogname = NULL;
	create->relation->schemaname = stage->schema;
	create->relation->relname = table->name;

	foreach(lc, create->inhRelations)
		(void) pgb_rewrite_relation(stage, lfirst_node(RangeVar, lc), NULL);

	foreach(lc, create->tableElts)
	{
		ColumnDef  *column = lfirst(lc);

		if (IsA(column, ColumnDef))
			foreach(lc2, column->constraints)
				pgb_rewrite_constraint(stage, table, lfirst_node(Constraint, lc2));
	}

	if (create->partspec != NULL)
		foreach(lc, create->partspec->partParams)
			pgb_rewrite_expression(stage, table, lfirst_node(PartitionElem, lc)->expr);

	create->tablespacename = pgb_usable_tablespace(stage, table->entry,
												   psprintf("table \"%s\"", table->name));
	if (create->partspec == NULL)
		create->accessMethod = usable_access_method(stage, table->entry);
}

/*
 * When the expression of a generated column fails (its function is gone), the rest
 * of the table comes back without it.
 */
static void
run_create(PgbStage *stage, const PgbStagedTable *table, CreateStmt *create, char *source)
{
	PgbPiece   *piece = pgb_piece(NULL, list_make1(create), source);
	CreateStmt *plain = copyObject(create);
	char	   *generated = strip_generated(plain);
	ErrorData  *error;

	if (generated == NULL)
	{
		pgb_stage_run(piece);
		return;
	}

	error = pgb_stage_try(piece);
	if (error == NULL)
		return;

	pgb_stage_run(pgb_piece(NULL, list_make1(plain), source));
	pgb_stage_note(stage, WARNING,
				   "generated columns of table \"%s\" are staged as ordinary columns, and null (%s): %s",
				   table->name, generated, error->message);
}

/* What a definition needs is not there: a base backup is nothing for pg_restore. */
static char *
missing_hint(const PgbStage *stage, const PgbStagedTable *table)
{
	char	   *need = psprintf("The definition of table \"%s\" needs it.", pgb_stage_old_name(table->entry));

	if (stage->recovered == NULL)
		return psprintf("%s Bring it back first, for example with pg_restore from backup \"%s\".",
						need, stage->backup);
	if (stage->request.for_promotion)
		return psprintf("%s If it was dropped with the table, cascade => true brings back both; otherwise bring it back first.",
						need);
	return psprintf("%s Bring it back first: if it was dropped with a table, pgbackup_undrop() with cascade => true does that, and a logical backup has its definition.",
					need);
}

/* The same, and an error says what to do when a type or the like is missing. */
static void
run_create_with_hint(PgbStage *stage, const PgbStagedTable *table, CreateStmt *create, char *source)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		run_create(stage, table, create, source);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->hint != NULL ||
			(error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
			 error->sqlerrcode != ERRCODE_UNDEFINED_FUNCTION &&
			 error->sqlerrcode != ERRCODE_UNDEFINED_SCHEMA))
			PG_RE_THROW();

		FlushErrorState();
		error->hint = missing_hint(stage, table);
		ReThrowError(error);
	}
	PG_END_TRY();
}

void
pgb_stage_table_entry(PgbStage *stage, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table(stage, entry->dump_id);
	char	   *source;
	List	   *statements;
	CreateStmt *create;
	List	   *defaults;
	List	   *settings = NIL;
	ListCell   *lc;

	if (table == NULL)
		return;

	source = pgb_stage_text(stage, entry->defn);
	statements = pgb_stage_parse(stage, entry->defn);
	create = linitial_node(CreateStmt, statements);

	table->name = MemoryContextStrdup(stage->context, pgb_stage_table_name(stage, table));
	keep_checks(stage, table, take_checks(create));
	defaults = take_defaults(stage, table, create, source);
	rewrite_create(stage, table, create);
	run_create_with_hint(stage, table, create, source);

	table->oid = get_relname_relid(table->name, stage->schema_oid);
	pgb_stage_add_name(stage, entry->schema_name, entry->tag, table->name, table);

	foreach(lc, pgb_further_settings(stage, statements, NULL))
		settings = lappend(settings, pgb_piece(psprintf("a setting of table \"%s\"", table->name),
											   list_make1(lfirst(lc)), source));
	pgb_stage_try_all(stage, WARNING, settings);

	/* a table that inherits has all its defaults in its own entries */
	if (table->role != PGB_STAGED_SCAFFOLD)
		pgb_stage_try_all(stage, NOTICE, defaults);
}

void
pgb_stage_attach_entry(PgbStage *stage, PgbTocEntry *entry)
{
	Node	   *statement = linitial(pgb_stage_parse(stage, entry->defn));
	AlterTableCmd *attach = pgb_only_command(statement, AT_AttachPartition);

	/* a partition can be staged without its parent */
	if (attach != NULL &&
		pgb_rewrite_relation(stage, ((AlterTableStmt *) statement)->relation, NULL) &&
		pgb_rewrite_relation(stage, castNode(PartitionCmd, attach->def)->name, NULL))
		pgb_stage_run(pgb_piece(NULL, list_make1(statement), pgb_stage_text(stage, entry->defn)));
}

/* The root keeps what it has inherited, and forgets from where. */
static void
disinherit(PgbStage *stage, const PgbStagedTable *table)
{
	List	   *commands = NIL;
	ListCell   *lc;

	foreach(lc, table->parents)
	{
		RangeVar   *parent = lfirst_node(RangeVar, lc);

		if (pgb_rewrite_relation(stage, parent, NULL))
			commands = lappend(commands, pgb_alter_command(AT_DropInherit, NULL, (Node *) parent));
	}
	if (commands != NIL)
		pgb_stage_run(pgb_piece(NULL, list_make1(pgb_alter_table(stage, table, true, commands)), ""));
}

void
pgb_stage_drop_scaffolds(PgbStage *stage)
{
	ObjectAddresses *scaffolds = new_object_addresses();
	ListCell   *lc;

	disinherit(stage, stage->root);
	foreach(lc, stage->tables)
	{
		const PgbStagedTable *table = lfirst(lc);
		ObjectAddress address;

		if (table->role != PGB_STAGED_SCAFFOLD)
			continue;
		ObjectAddressSet(address, RelationRelationId, table->oid);
		add_exact_object_address(&address, scaffolds);
	}
	performMultipleDeletions(scaffolds, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	free_object_addresses(scaffolds);
	CommandCounterIncrement();
}
