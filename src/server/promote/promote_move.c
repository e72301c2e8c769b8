/*-------------------------------------------------------------------------
 *
 * promote_move.c
 *	  The staged table gets back its schema, its names and its owners.
 *
 * src/server/promote/promote_move.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/sysattr.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "server/compat.h"
#include "server/promote/promote_entry.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* ---- may it be ---- */

/* The archive's CREATE SCHEMA says who owned it. */
static char *
schema_hint(const PgbStage *stage, const char *schema)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		const PgbTocEntry *entry = &stage->toc->entries[n];

		if (pgb_stage_is(entry, "SCHEMA") && entry->tag != NULL &&
			strcmp(entry->tag, schema) == 0 && entry->owner != NULL)
			return psprintf("Create it first: CREATE SCHEMA %s AUTHORIZATION %s;",
							quote_identifier(schema), pstrdup(quote_identifier(entry->owner)));
	}
	return psprintf("Create it first: CREATE SCHEMA %s;", quote_identifier(schema));
}

/*
 * The schema is not made here: it had an owner, grants and perhaps more in it than this
 * table, and who brings it back should say so.
 */
static Oid
target_schema(const PgbPromote *promote, const char *name)
{
	Oid			schema = get_namespace_oid(name, true);

	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" does not exist", name),
				 errhint("%s", schema_hint(promote->stage, name))));
	return schema;
}

static void
check_create(const PgbPromote *promote, Oid schema, const char *name)
{
	if (pgb_object_aclcheck(NamespaceRelationId, schema, promote->caller, ACL_CREATE) != ACLCHECK_OK ||
		pgb_object_aclcheck(NamespaceRelationId, schema, promote->caller, ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema \"%s\"", name),
				 errdetail("Role \"%s\" needs USAGE and CREATE on it.",
						   GetUserNameFromId(promote->caller, false)),
				 errhint("Grant them, or let a superuser put the table back.")));
}

/* Does anything but the part itself have its name?  A row type needs it as well. */
static bool
is_taken(const PgbStagedPart *part, Oid schema, Oid *relation)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(part->name), ObjectIdGetDatum(schema));

	*relation = get_relname_relid(part->name, schema);
	if (OidIsValid(*relation))
		return *relation != part->oid;
	return part->columns != NULL && OidIsValid(type);
}

static bool
is_table(Oid relation)
{
	char		kind = get_rel_relkind(relation);

	return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

/* "(l.a, l.b) = (s.a, s.b)" for the columns of the staged table's primary key, or NULL. */
static char *
key_condition(Oid staged)
{
	Oid			constraint;
	Bitmapset  *columns = get_primary_key_attnos(staged, false, &constraint);
	StringInfoData live_side;
	StringInfoData staged_side;
	int			column = -1;

	initStringInfo(&live_side);
	initStringInfo(&staged_side);
	while ((column = bms_next_member(columns, column)) >= 0)
	{
		const char *name = quote_identifier(get_attname(staged,
														column + FirstLowInvalidHeapAttributeNumber,
														false));

		appendStringInfo(&live_side, "%sl.%s", live_side.len > 0 ? ", " : "", name);
		appendStringInfo(&staged_side, "%ss.%s", staged_side.len > 0 ? ", " : "", name);
	}
	return live_side.len == 0 ? NULL : psprintf("(%s) = (%s)", live_side.data, staged_side.data);
}

/* The way to have both: what differs, and the rows that only the staged one has. */
static void
refuse_live_table(const PgbPromote *promote, const char *live)
{
	char	   *staged = pgb_stage_live_name(promote->staged);
	char	   *condition = key_condition(promote->staged);
	StringInfoData hint;

	if (promote->strict)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("table \"%s\" exists", live),
				 errdetail("A table comes back only where its name is free."),
				 errhint("Rename or drop the other one first; or stage the table beside it, by pgbackup_restore_table() with the lsn of pgbackup_drops as at_lsn.")));

	initStringInfo(&hint);
	appendStringInfo(&hint, "To merge the two, look at what differs: SELECT * FROM pgbackup_diff_table(%s, %s);",
					 quote_literal_cstr(staged), quote_literal_cstr(live));
	if (condition != NULL)
		appendStringInfo(&hint, " and copy the rows that are missing: INSERT INTO %s SELECT s.* FROM %s s"
						 " WHERE NOT EXISTS (SELECT FROM %s l WHERE %s);", live, staged, live, condition);
	appendStringInfoString(&hint, " To have the staged table instead, rename or drop the other one first.");

	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_TABLE),
			 errmsg("table \"%s\" exists", live),
			 errdetail("A staged table is put back only where its name is free."),
			 errhint("%s", hint.data)));
}

static void
refuse_taken(List *names)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, names)
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", (char *) lfirst(lc));
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("names of the table, its partitions, indexes or sequences are taken"),
			 errdetail("They are: %s.", text.data),
			 errhint("Rename or drop what has them.")));
}

/*
 * Locks the names, too: of two sessions that want one, the second waits, and then
 * finds what the first has made.
 */
void
pgb_promote_check_names(PgbPromote *promote)
{
	List	   *taken = NIL;
	ListCell   *lc;

	foreach(lc, promote->record->parts)
	{
		const PgbStagedPart *part = lfirst(lc);
		Oid			schema = target_schema(promote, part->schema);
		Oid			relation;

		if (part->columns != NULL)
			check_create(promote, schema, part->schema);
		(void) pgb_stage_lock_name(schema, part->name, true);
		if (!is_taken(part, schema, &relation))
			continue;
		if (part->oid == promote->staged && is_table(relation))
			refuse_live_table(promote, quote_qualified_identifier(part->schema, part->name));
		taken = lappend(taken, quote_qualified_identifier(part->schema, part->name));
	}
	if (taken != NIL)
		refuse_taken(taken);
}

/* ---- the move ---- */

static void
run(const PgbPromote *promote, Node *statement)
{
	PgbStageIdentity caller;

	/* neither a new name nor a new schema runs any code of a user */
	pgb_stage_become(promote->caller, &caller);
	pgb_stage_run(pgb_piece(NULL, list_make1(statement), ""));
	pgb_stage_become_caller(&caller);
}

static RangeVar *
present_name(Oid relation)
{
	return makeRangeVar(get_namespace_name(get_rel_namespace(relation)),
						get_rel_name(relation), -1);
}

static void
rename_part(const PgbPromote *promote, Oid relation, char *name)
{
	RenameStmt *rename = makeNode(RenameStmt);

	switch (get_rel_relkind(relation))
	{
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			rename->renameType = OBJECT_INDEX;
			break;
		case RELKIND_SEQUENCE:
			rename->renameType = OBJECT_SEQUENCE;
			break;
		default:
			rename->renameType = OBJECT_TABLE;
			break;
	}
	rename->relationType = OBJECT_TABLE;
	rename->relation = present_name(relation);
	rename->newname = name;
	run(promote, (Node *) rename);
}

static void
move_table(const PgbPromote *promote, const PgbStagedPart *part)
{
	AlterObjectSchemaStmt *move = makeNode(AlterObjectSchemaStmt);

	if (part->columns == NULL || get_rel_namespace(part->oid) == get_namespace_oid(part->schema, false))
		return;

	/* its indexes and the sequences that it owns go with it */
	move->objectType = OBJECT_TABLE;
	move->relation = present_name(part->oid);
	move->newschema = part->schema;
	run(promote, (Node *) move);
}

/*
 * A new name can be taken in the old schema, and the present one in the new: in between, what
 * is renamed has a name that nothing has.
 */
void
pgb_promote_move(PgbPromote *promote)
{
	List	   *renamed = NIL;
	ListCell   *lc;

	foreach(lc, promote->record->parts)
	{
		PgbStagedPart *part = lfirst(lc);
		char	   *present = get_rel_name(part->oid);

		if (present == NULL || strcmp(present, part->name) == 0)
			continue;
		rename_part(promote, part->oid, psprintf("pgbackup_promote_%u", part->oid));
		renamed = lappend(renamed, part);
	}

	foreach(lc, promote->record->parts)
		move_table(promote, lfirst(lc));

	foreach(lc, renamed)
	{
		PgbStagedPart *part = lfirst(lc);

		rename_part(promote, part->oid, part->name);
	}
}

/* ---- owners ---- */

PgbPiece *
pgb_promote_owner_piece(const PgbStagedTable *table, Oid owner)
{
	AlterTableCmd *command = pgb_alter_command(AT_ChangeOwner, NULL, NULL);
	RoleSpec   *role = makeNode(RoleSpec);

	role->roletype = ROLESPEC_CSTRING;
	role->rolename = GetUserNameFromId(owner, false);
	role->location = -1;
	command->newowner = role;
	return pgb_promote_alter(psprintf("owner \"%s\" of table \"%s\"", role->rolename,
									  pgb_stage_old_name(table->entry)),
							 table->entry->schema_name, table->entry->tag, command);
}

static void
set_owner(PgbPromote *promote, PgbStagedTable *table)
{
	const char *name = table->entry->owner != NULL ? table->entry->owner : "";
	Oid			owner = get_role_oid(name, true);
	Oid			present = pgb_promote_owner(table->oid);

	if (owner == present)
		return;
	if (!OidIsValid(owner))
		pgb_stage_note(promote->stage, WARNING,
					   "role \"%s\", which owned table \"%s\", does not exist: the table belongs to \"%s\"",
					   name, pgb_stage_old_name(table->entry), GetUserNameFromId(present, false));
	else
		(void) pgb_promote_try_or_warn(promote, promote->caller, PGB_AS_ROLE,
									   pgb_promote_owner_piece(table, owner));
}

void
pgb_promote_set_owners(PgbPromote *promote)
{
	ListCell   *lc;

	foreach(lc, promote->tables)
		set_owner(promote, lfirst(lc));
}
