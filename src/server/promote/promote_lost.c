/*-------------------------------------------------------------------------
 *
 * promote_lost.c
 *	  What depended on the table when it was backed up, and does not exist now:
 *	  views, functions and the like, that DROP ... CASCADE has taken along.
 *
 * An archive has a DROP command for each object, which names it as the server
 * wants it named.
 *
 * src/server/promote/promote_lost.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "rewrite/rewriteSupport.h"
#include "server/promote/promote_entry.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* Names that are spelled out. */
#define NAMES_MAX	20

/* Kinds of entries of which it is told; all but the last few are no part of a table. */
static const struct
{
	const char *desc;
	const char *name;
}			kinds[] =

{
	{"VIEW", "view"},
	{"MATERIALIZED VIEW", "materialized view"},
	{"FUNCTION", "function"},
	{"PROCEDURE", "procedure"},
	{"AGGREGATE", "aggregate"},
	{"TYPE", "type"},
	{"DOMAIN", "domain"},
	{"TABLE", "table"},
	{"FOREIGN TABLE", "foreign table"},
	{"SEQUENCE", "sequence"},
	{"OPERATOR", "operator"},
	{"DEFAULT", "default of"},
	{"TRIGGER", "trigger"},
	{"RULE", "rule"},
	{"POLICY", "policy"},
};

typedef struct Lost
{
	PgbPromote *promote;
	bool	   *depends;		/* for each entry of the archive: on one of ours, however far */
	StringInfoData names;
	int			count;
} Lost;

static const char *
kind_of(const PgbTocEntry *entry)
{
	for (int n = 0; n < lengthof(kinds); n++)
		if (pgb_stage_is(entry, kinds[n].desc))
			return kinds[n].name;
	return NULL;
}

/* ---- does it exist? ---- */

/*
 * A trigger, rule or policy, if its table exists: what a missing table had is not told
 * of, and what one of ours had has been told of when it failed.
 */
static bool
is_lost_of_table(const PgbPromote *promote, ObjectType type, List *name)
{
	RangeVar   *table;
	Oid			relation;
	char	   *part;

	if (list_length(name) != 3)
		return false;
	part = strVal(llast(name));
	table = makeRangeVarFromNameList(list_truncate(list_copy(name), 2));
	relation = pgb_promote_live(table);
	if (!OidIsValid(relation) || pgb_promote_table(promote, table) != NULL)
		return false;
	switch (type)
	{
		case OBJECT_TRIGGER:
			return !OidIsValid(get_trigger_oid(relation, part, true));
		case OBJECT_RULE:
			return !OidIsValid(get_rewrite_oid(relation, part, true));
		case OBJECT_POLICY:
			return !OidIsValid(get_relation_policy_oid(relation, part, true));
		default:
			return false;
	}
}

static bool
is_lost_object(const PgbPromote *promote, ObjectType type, Node *object)
{
	Relation	relation = NULL;
	ObjectAddress address;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
			return !OidIsValid(pgb_promote_live(makeRangeVarFromNameList(castNode(List, object))));
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			return is_lost_of_table(promote, type, castNode(List, object));
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_AGGREGATE:
		case OBJECT_OPERATOR:
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			address = get_object_address(type, object, &relation, AccessShareLock, true);
			return !OidIsValid(address.objectId);
		default:
			return false;
	}
}

/* ALTER TABLE ... DROP DEFAULT, of another table that exists */
static bool
is_lost_default(const PgbPromote *promote, Node *statement)
{
	AlterTableCmd *command = pgb_only_command(statement, AT_ColumnDefault);
	RangeVar   *table;

	if (command == NULL || command->name == NULL)
		return false;
	table = ((AlterTableStmt *) statement)->relation;
	return pgb_promote_table(promote, table) == NULL && OidIsValid(pgb_promote_live(table)) &&
		pgb_promote_lacks_default(pgb_promote_live(table), command->name);
}

static bool
is_lost(const PgbPromote *promote, const PgbTocEntry *entry)
{
	Node	   *statement;

	if (entry->drop_stmt == NULL || entry->drop_stmt[0] == '\0')
		return false;
	statement = linitial(pgb_stage_parse(promote->stage, entry->drop_stmt));
	if (IsA(statement, DropStmt) && list_length(((DropStmt *) statement)->objects) == 1)
		return is_lost_object(promote, ((DropStmt *) statement)->removeType,
							  linitial(((DropStmt *) statement)->objects));
	return is_lost_default(promote, statement);
}

/* ---- what is told ---- */

static void
add_name(Lost *lost, const char *kind, const PgbTocEntry *entry, const char *column)
{
	if (lost->count++ >= NAMES_MAX)
		return;
	appendStringInfo(&lost->names, "%s%s %s.%s", lost->names.len > 0 ? ", " : "", kind,
					 quote_identifier(entry->schema_name), entry->tag);
	if (column != NULL)
		appendStringInfo(&lost->names, ".%s", quote_identifier(column));
}

/* What a table that exists has lost: columns of the row type, defaults from the sequences. */
static void
add_columns(Lost *lost, const PgbTocEntry *entry, Oid relation)
{
	CreateStmt *create = linitial(pgb_stage_parse(lost->promote->stage, entry->defn));
	ListCell   *lc;

	if (!IsA(create, CreateStmt))
		return;
	foreach(lc, create->tableElts)
	{
		const ColumnDef *column = lfirst(lc);
		bool		has_default = false;
		ListCell   *lc2;

		if (!IsA(column, ColumnDef))
			continue;
		foreach(lc2, column->constraints)
			if (lfirst_node(Constraint, lc2)->contype == CONSTR_DEFAULT)
				has_default = true;

		if (get_attnum(relation, column->colname) == InvalidAttrNumber)
			add_name(lost, "column", entry, column->colname);
		else if (has_default && pgb_promote_lacks_default(relation, column->colname))
			add_name(lost, "default of column", entry, column->colname);
	}
}

/* ---- all of them ---- */

static bool
depends_on_ours(const Lost *lost, const PgbTocEntry *entry)
{
	const PgbStage *stage = lost->promote->stage;

	if (pgb_stage_is_ours(stage, entry))
		return true;
	for (int n = 0; n < entry->ndependencies; n++)
	{
		const PgbTocEntry *other = pgb_toc_by_dump_id(stage->toc, entry->dependencies[n]);

		if (other != NULL && lost->depends[other - stage->toc->entries])
			return true;
	}
	return false;
}

/* In the archive's order, what an entry depends on comes before it. */
static void
visit_entry(void *arg, PgbTocEntry *entry)
{
	Lost	   *lost = arg;
	const PgbStage *stage = lost->promote->stage;
	const char *kind;

	if (pgb_stage_table(stage, entry->dump_id) != NULL || !depends_on_ours(lost, entry))
		return;
	lost->depends[entry - stage->toc->entries] = true;

	kind = kind_of(entry);
	if (kind == NULL)
		return;
	if (is_lost(lost->promote, entry))
		add_name(lost, kind, entry, NULL);
	else if (pgb_stage_is(entry, "TABLE"))
		add_columns(lost, entry, get_relname_relid(entry->tag,
												   get_namespace_oid(entry->schema_name, false)));
}

/*
 * The lookups run no code, and find out nothing but whether a name of the backup, which the
 * caller may read, is in use: so they need no right on any schema.
 */
void
pgb_promote_note_lost(PgbPromote *promote, const char *hint)
{
	Lost		lost = {promote};
	int			settings = pgb_stage_set_settings(promote->stage);
	Oid			user;
	int			security_context;

	lost.depends = palloc0(sizeof(bool) * promote->stage->toc->count);
	initStringInfo(&lost.names);

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, security_context | SECURITY_LOCAL_USERID_CHANGE);
	pgb_stage_each_entry(promote->stage, visit_entry, &lost);
	SetUserIdAndSecContext(user, security_context);
	AtEOXact_GUC(false, settings);

	if (lost.count > NAMES_MAX)
		appendStringInfo(&lost.names, " and %d more", lost.count - NAMES_MAX);
	if (lost.count > 0)
	{
		pgb_stage_note(promote->stage, NOTICE, "depended on it, and does not exist: %s", lost.names.data);
		if (hint != NULL)
			pgb_stage_note_hint(promote->stage, hint);
		else if (promote->record->toc != NULL || promote->definitions != NULL)
			pgb_stage_note_hint(promote->stage,
								"Create them again; a logical backup that was made before has their definitions.");
		else
			pgb_stage_note_hint(promote->stage, psprintf("The definitions are in backup \"%s\"; pg_restore brings them back.",
														 promote->stage->backup));
	}
}
