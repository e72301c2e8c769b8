/*-------------------------------------------------------------------------
 *
 * undrop_column.c
 *	  What tables that are there have lost of their own definition: defaults and CHECK
 *	  constraints that went along, which stand in their CREATE TABLE; and columns.
 *
 * They are recorded by what PostgreSQL calls them: "for schema.table.column", "constraint on
 * schema.table".  A column is not brought back: its rows would have to be merged with those that
 * the table has now.
 *
 * src/server/undrop/undrop_column.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "nodes/value.h"
#include "server/promote/promote_entry.h"
#include "server/undrop/undrop.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* Names that are spelled out. */
#define NAMES_MAX	10

/* A name of SQL at the start of a text; what follows it is left there. */
static char *
take_name(const char **text)
{
	const char *end = *text;
	bool		quoted = false;
	char	   *name;

	for (; *end != '\0' && (quoted || *end != ' '); end++)
		if (*end == '"')
			quoted = !quoted;
	name = pnstrdup(*text, end - *text);
	*text = end;
	return name;
}

/* The names in schema.table or schema.table.column. */
static List *
split(const char *name)
{
	return textToQualifiedNameList(cstring_to_text(name));
}

static PgbTocEntry *
find_table(const PgbUndrop *undrop, const List *names)
{
	PgbTocEntry *entry = list_length(names) < 2 ? NULL :
		pgb_stage_find_relation(undrop->definitions, strVal(linitial(names)), strVal(lsecond(names)));

	return entry != NULL && pgb_stage_is(entry, "TABLE") ? entry : NULL;
}

/* Does the table stand where it was, and did not come back only now? */
static bool
is_there(PgbUndrop *undrop, const PgbTocEntry *table)
{
	return OidIsValid(pgb_promote_live(pgb_undrop_name(table))) &&
		!pgb_undrop_is_of_tables(undrop, pgb_undrop_name(table));
}

static void
alter_table(PgbUndrop *undrop, PgbTocEntry *table, AlterTableCmd *command, bool *as_caller)
{
	PgbPiece   *piece = pgb_promote_alter(NULL, table->schema_name, table->tag, command);
	Oid			owner = pgb_promote_owner(pgb_promote_live(pgb_undrop_name(table)));

	linitial_node(AlterTableStmt, piece->statements)->relation->inh = false;
	pgb_undrop_check_role(undrop, table, owner);
	pgb_undrop_run(undrop, table, piece->statements, owner, as_caller);
}

static List *
elements_of(PgbUndrop *undrop, const PgbTocEntry *table)
{
	Node	   *create = linitial(pgb_stage_parse(undrop->definitions, table->defn));

	return IsA(create, CreateStmt) ? ((CreateStmt *) create)->tableElts : NIL;
}

/* ---- defaults ---- */

static Node *
default_of(PgbUndrop *undrop, const PgbTocEntry *table, const char *column)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, elements_of(undrop, table))
	{
		ColumnDef  *element = lfirst(lc);

		if (!IsA(element, ColumnDef) || strcmp(element->colname, column) != 0)
			continue;
		foreach(lc2, element->constraints)
			if (lfirst_node(Constraint, lc2)->contype == CONSTR_DEFAULT)
				return lfirst_node(Constraint, lc2)->raw_expr;
	}
	return NULL;
}

/* "for schema.table.column" */
static void
add_default(PgbUndrop *undrop, const PgbDropped *dropped)
{
	List	   *names = strncmp(dropped->identity, "for ", 4) == 0 ? split(dropped->identity + 4) : NIL;
	PgbTocEntry *table = find_table(undrop, names);
	Node	   *expression;
	bool		as_caller;

	if (table == NULL || list_length(names) != 3 || !is_there(undrop, table))
		return;
	expression = default_of(undrop, table, strVal(lthird(names)));
	if (expression != NULL &&
		pgb_promote_lacks_default(pgb_promote_live(pgb_undrop_name(table)), strVal(lthird(names))))
		alter_table(undrop, table, pgb_alter_command(AT_ColumnDefault, strVal(lthird(names)), expression),
					&as_caller);
}

/* ---- constraints ---- */

/* It is checked against the rows, by code of users. */
static void
add_check(PgbUndrop *undrop, PgbTocEntry *table, const char *name)
{
	ListCell   *lc;

	foreach(lc, elements_of(undrop, table))
	{
		Constraint *check = lfirst(lc);

		if (IsA(check, Constraint) && check->contype == CONSTR_CHECK && check->conname != NULL &&
			strcmp(check->conname, name) == 0 &&
			!OidIsValid(get_relation_constraint_oid(pgb_promote_live(pgb_undrop_name(table)), name, true)))
			alter_table(undrop, table, pgb_alter_command(AT_AddConstraint, NULL, (Node *) check), NULL);
	}
}

/* "constraint on schema.table" */
static void
add_constraint(PgbUndrop *undrop, const PgbDropped *dropped)
{
	const char *rest = dropped->identity;
	char	   *name = take_name(&rest);
	PgbTocEntry *table;

	if (strncmp(rest, " on ", 4) != 0)
		return;
	table = find_table(undrop, split(rest + 4));
	if (table != NULL && is_there(undrop, table))
		add_check(undrop, table, strVal(linitial(split(name))));
}

/* ---- what is not brought back ---- */

/* Of a domain that came back, it came with that. */
static void
fail_domain(PgbUndrop *undrop, const PgbDropped *dropped)
{
	const char *rest = dropped->identity;
	List	   *names;
	Oid			schema;

	(void) take_name(&rest);
	names = strncmp(rest, " on ", 4) == 0 ? split(rest + 4) : NIL;
	if (list_length(names) != 2)
		return;
	for (int n = 0; n < undrop->definitions->toc->count; n++)
	{
		const PgbTocEntry *entry = &undrop->definitions->toc->entries[n];

		if (pgb_stage_is(entry, "DOMAIN") && entry->tag != NULL && entry->schema_name != NULL &&
			strcmp(entry->schema_name, strVal(linitial(names))) == 0 &&
			strcmp(entry->tag, strVal(lsecond(names))) == 0 && pgb_undrop_is_made(undrop, entry))
			return;
	}
	schema = get_namespace_oid(strVal(linitial(names)), true);
	if (OidIsValid(schema) &&
		SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(strVal(lsecond(names))), ObjectIdGetDatum(schema)))
		pgb_undrop_fail(undrop, psprintf("%s %s is not put back: add it with ALTER DOMAIN.",
										 dropped->type, dropped->identity));
}

static void
fail_column(PgbUndrop *undrop, const PgbDropped *dropped)
{
	if (get_attnum(dropped->oid, "ctid") == InvalidAttrNumber)
		return;					/* its table is gone */
	pgb_undrop_fail(undrop, psprintf("column %s is not put back: its table is there, and has lost it.  "
									 "pgbackup_restore_table(%s, at_lsn => '%s') stages that table with the column.",
									 dropped->identity, quote_literal_cstr(pgb_stage_live_name(dropped->oid)),
									 pgb_lsn_to_text(undrop->drop->lsn)));
}

static void
add_inline(PgbUndrop *undrop, const PgbDropped *dropped)
{
	if (strcmp(dropped->type, "table column") == 0)
		fail_column(undrop, dropped);
	else if (strcmp(dropped->type, "domain constraint") == 0)
		fail_domain(undrop, dropped);
	else if (strcmp(dropped->type, "default value") == 0)
		add_default(undrop, dropped);
	else
		add_constraint(undrop, dropped);
}

/*
 * What pg_dump does not know of: what that transaction had made itself, and the members of an
 * extension, which come with it.
 */
static void
note_unknown(PgbUndrop *undrop, List *unknown)
{
	StringInfoData names;
	int			count = 0;
	ListCell   *lc;

	foreach(lc, undrop->drop->objects)
		if (strcmp(((PgbDropped *) lfirst(lc))->type, "extension") == 0)
			return;

	initStringInfo(&names);
	foreach(lc, unknown)
	{
		const PgbDropped *dropped = lfirst(lc);

		if (count++ < NAMES_MAX)
			appendStringInfo(&names, "%s%s %s", names.len > 0 ? ", " : "", dropped->type, dropped->identity);
	}
	if (count > NAMES_MAX)
		appendStringInfo(&names, " and %d more", count - NAMES_MAX);
	if (count > 0)
		pgb_stage_note(undrop->definitions, WARNING,
					   "went along, but did not exist before that transaction: %s", names.data);
}

static bool
is_inline(const PgbDropped *dropped)
{
	return strcmp(dropped->type, "table column") == 0 ||
		strcmp(dropped->type, "domain constraint") == 0 ||
		strcmp(dropped->type, "default value") == 0 ||
		strcmp(dropped->type, "table constraint") == 0;
}

void
pgb_undrop_add_inline(PgbUndrop *undrop)
{
	List	   *unknown = NIL;
	ListCell   *lc;

	if (!undrop->cascade)
		return;
	foreach(lc, undrop->drop->objects)
	{
		PgbDropped *dropped = lfirst(lc);

		if (!dropped->by_cascade ||
			(dropped->sub == 0 && pgb_undrop_entry(undrop, dropped->class, dropped->oid) != NULL))
			continue;
		if (is_inline(dropped))
			add_inline(undrop, dropped);
		else
			unknown = lappend(unknown, dropped);
	}
	note_unknown(undrop, unknown);
}
