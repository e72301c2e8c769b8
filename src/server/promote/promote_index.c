/*-------------------------------------------------------------------------
 *
 * promote_index.c
 *	  Indexes, and the constraints that have one: settings of those that were staged,
 *	  and those that were not, made now.
 *
 * src/server/promote/promote_index.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_constraint.h"
#include "commands/tablespace.h"
#include "server/promote/promote_entry.h"
#include "utils/lsyscache.h"

/*
 * CREATE INDEX and its kin switch to the owner of the table by themselves before they
 * run any expression, so that a superuser may lend rights.
 */
static bool
make_index(PgbPromote *promote, PgbTocEntry *entry, const PgbStagedTable *table, Node *statement,
		   char *title)
{
	return pgb_promote_try_or_warn(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER,
								   pgb_piece(title, list_make1(statement),
											 pgb_stage_text(promote->stage, entry->defn)));
}

static void
complete(PgbPromote *promote, PgbTocEntry *entry, const PgbStagedTable *table, List *statements,
		 char *name)
{
	Oid			index = get_relname_relid(name, get_rel_namespace(table->oid));

	if (OidIsValid(index))
		pgb_promote_set_tablespace(promote, entry, index, name);
	pgb_promote_add_settings(promote, pgb_promote_owner(table->oid),
							 pgb_promote_settings(promote, entry, NULL, statements));
	pgb_stage_add_entry(promote->stage, entry, NULL);
}

/* The tablespace in which to make it; that of the database if its own does not exist. */
static char *
tablespace_of(const PgbTocEntry *entry)
{
	if (entry->tablespace == NULL || entry->tablespace[0] == '\0' ||
		!OidIsValid(get_tablespace_oid(entry->tablespace, true)))
		return NULL;
	return entry->tablespace;
}

void
pgb_promote_constraint_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(promote->stage, entry->defn);
	AlterTableStmt *alter = linitial(statements);
	AlterTableCmd *command = pgb_only_command((Node *) alter, AT_AddConstraint);
	PgbStagedTable *table;
	Constraint *constraint;

	if (command == NULL || (table = pgb_promote_table(promote, alter->relation)) == NULL)
		return;
	constraint = castNode(Constraint, command->def);
	if (constraint->conname == NULL)
		return;

	constraint->indexspace = tablespace_of(entry);
	if (OidIsValid(get_relation_constraint_oid(table->oid, constraint->conname, true)) ||
		make_index(promote, entry, table, (Node *) alter,
				   psprintf("constraint \"%s\" of table \"%s\"", constraint->conname,
							pgb_stage_old_name(table->entry))))
		complete(promote, entry, table, statements, constraint->conname);
}

void
pgb_promote_index_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(promote->stage, entry->defn);
	IndexStmt  *index = linitial(statements);
	PgbStagedTable *table;

	if (!IsA(index, IndexStmt) || index->idxname == NULL ||
		(table = pgb_promote_table(promote, index->relation)) == NULL)
		return;

	index->tableSpace = tablespace_of(entry);
	if (OidIsValid(get_relname_relid(index->idxname, get_rel_namespace(table->oid))) ||
		make_index(promote, entry, table, (Node *) index,
				   psprintf("index \"%s\" of table \"%s\"", index->idxname,
							pgb_stage_old_name(table->entry))))
		complete(promote, entry, table, statements, index->idxname);
}
