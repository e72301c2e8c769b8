/*-------------------------------------------------------------------------
 *
 * undrop_object.c
 *	  Objects that are no tables, made again: by the statements of the table of contents, with
 *	  the owner and the grants that it names.
 *
 * They are made as their owner.  What he may not (to make a schema, or a function in C), a
 * superuser does for him: the statements define something and run no code of any user, and
 * nothing that is no definition is run.
 *
 * src/server/undrop/undrop_object.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "server/stage/stage_entry.h"
#include "server/undrop/undrop.h"
#include "tcop/utility.h"
#include "utils/acl.h"

/* ---- statements ---- */

static void
check_definition(PgbUndrop *undrop, const PgbTocEntry *entry, Node *statement)
{
	if (GetCommandLogLevel(statement) != LOGSTMT_DDL || IsA(statement, SelectStmt))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s cannot be brought back", pgb_undrop_title(entry)),
				 errdetail("It is not made by a definition."),
				 errhint("%s", pgb_undrop_way_out(undrop))));
}

void
pgb_undrop_run(PgbUndrop *undrop, const PgbTocEntry *entry, List *statements, Oid role,
			   bool *as_caller)
{
	char	   *source = pgb_stage_text(undrop->definitions, entry->defn);
	PgbPiece   *piece = pgb_piece(NULL, statements, source != NULL ? source : pstrdup(""));
	ErrorData  *error;
	ListCell   *lc;

	foreach(lc, statements)
		check_definition(undrop, entry, lfirst(lc));

	if (as_caller != NULL)
		*as_caller = false;
	error = pgb_promote_try_as(role, PGB_AS_ROLE, piece);
	if (as_caller != NULL && error != NULL && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE &&
		role != undrop->caller && superuser_arg(undrop->caller))
	{
		*as_caller = true;
		error = pgb_promote_try_lent(undrop->caller, piece);
	}
	if (error != NULL)
		pgb_undrop_raise(undrop, entry, error);
}

/* ---- owners ---- */

void
pgb_undrop_check_role(const PgbUndrop *undrop, const PgbTocEntry *entry, Oid role)
{
	if (!has_privs_of_role(undrop->caller, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to bring back %s", pgb_undrop_title(entry)),
				 errdetail("It belongs to role \"%s\".", GetUserNameFromId(role, false)),
				 errhint("Only members of that role and superusers may do that.")));
}

Oid
pgb_undrop_owner(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	Oid			owner;

	/* casts and extensions have none here */
	if (entry->owner == NULL || entry->owner[0] == '\0')
		return undrop->caller;

	owner = get_role_oid(entry->owner, true);
	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s cannot be brought back", pgb_undrop_title(entry)),
				 errdetail("It belonged to role \"%s\", which does not exist.", entry->owner),
				 errhint("Create the role, and try again: what works with the rights of its owner must not have those of another.")));
	pgb_undrop_check_role(undrop, entry, owner);
	return owner;
}

static RoleSpec *
role_spec(Oid role)
{
	RoleSpec   *spec = makeNode(RoleSpec);

	spec->roletype = ROLESPEC_CSTRING;
	spec->rolename = GetUserNameFromId(role, false);
	spec->location = -1;
	return spec;
}

/* The DROP command names the object as the server wants it named. */
static DropStmt *
drop_statement(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	Node	   *statement;

	if (entry->drop_stmt == NULL || entry->drop_stmt[0] == '\0')
		return NULL;
	statement = linitial(pgb_stage_parse(undrop->definitions, entry->drop_stmt));
	if (!IsA(statement, DropStmt) || list_length(((DropStmt *) statement)->objects) != 1)
		return NULL;
	return (DropStmt *) statement;
}

static bool
is_relation(ObjectType type)
{
	return type == OBJECT_VIEW || type == OBJECT_MATVIEW || type == OBJECT_SEQUENCE ||
		type == OBJECT_FOREIGN_TABLE || type == OBJECT_TABLE;
}

static Node *
owner_of_relation(const DropStmt *drop, Oid owner)
{
	AlterTableStmt *alter = makeNode(AlterTableStmt);
	AlterTableCmd *command = pgb_alter_command(AT_ChangeOwner, NULL, NULL);

	command->newowner = role_spec(owner);
	alter->relation = makeRangeVarFromNameList(castNode(List, linitial(drop->objects)));
	alter->cmds = list_make1(command);
	alter->objtype = drop->removeType;
	return (Node *) alter;
}

static Node *
owner_of_object(const DropStmt *drop, Oid owner)
{
	AlterOwnerStmt *alter = makeNode(AlterOwnerStmt);
	Node	   *object = linitial(drop->objects);

	alter->objectType = drop->removeType;
	alter->object = IsA(object, TypeName) ? (Node *) ((TypeName *) object)->names : object;
	alter->newowner = role_spec(owner);
	return (Node *) alter;
}

static void
set_owner(PgbUndrop *undrop, const PgbTocEntry *entry, Oid owner)
{
	DropStmt   *drop = drop_statement(undrop, entry);
	Node	   *alter;
	bool		as_caller;

	if (drop == NULL || owner == undrop->caller)
		return;
	alter = is_relation(drop->removeType) ? owner_of_relation(drop, owner) : owner_of_object(drop, owner);
	pgb_undrop_run(undrop, entry, list_make1(alter), undrop->caller, &as_caller);
}

/* ---- grants ---- */

/* What default privileges have given to it just now. */
static void
reset_grants(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	DropStmt   *drop = drop_statement(undrop, entry);
	Relation	relation = NULL;
	ObjectAddress address;

	if (drop == NULL)
		return;
	address = get_object_address(drop->removeType, linitial(drop->objects), &relation,
								 AccessShareLock, true);
	if (relation != NULL)
		relation_close(relation, NoLock);
	if (OidIsValid(address.objectId))
	{
		pgb_promote_reset_object(&address);
		CommandCounterIncrement();
	}
}

void
pgb_undrop_grant(PgbUndrop *undrop, const PgbTocEntry *acl, Oid owner)
{
	Oid			grantor = InvalidOid;
	bool		may = true;
	bool		as_caller;
	ListCell   *lc;

	foreach(lc, pgb_stage_parse(undrop->definitions, acl->defn))
	{
		Node	   *statement = lfirst(lc);
		char	   *failure;

		if (IsA(statement, GrantStmt))
		{
			if (may && !pgb_promote_grantee_is_gone(undrop->definitions, acl, (GrantStmt *) statement))
				pgb_undrop_run(undrop, acl, list_make1(statement),
							   OidIsValid(grantor) ? grantor : owner, &as_caller);
		}
		else if (IsA(statement, VariableSetStmt))
		{
			may = pgb_promote_read_grantor(undrop->definitions, undrop->caller, acl,
										   (VariableSetStmt *) statement, &grantor, &failure);
			if (failure != NULL)
				pgb_undrop_fail(undrop, psprintf("%s.", failure));
		}
	}
}

void
pgb_undrop_set_grants(PgbUndrop *undrop, const PgbTocEntry *entry, Oid owner)
{
	const PgbToc *toc = undrop->definitions->toc;

	reset_grants(undrop, entry);
	for (int n = 0; n < toc->count; n++)
		if (pgb_stage_is(&toc->entries[n], "ACL") && toc->entries[n].tag != NULL &&
			pgb_entry_depends_on(&toc->entries[n], entry->dump_id))
			pgb_undrop_grant(undrop, &toc->entries[n], owner);
}

/* ---- objects ---- */

/* Where it is, and how it is stored, stands beside the statement. */
char *
pgb_undrop_tablespace(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	if (entry->tablespace == NULL || entry->tablespace[0] == '\0')
		return NULL;
	if (OidIsValid(get_tablespace_oid(entry->tablespace, true)))
		return entry->tablespace;
	pgb_stage_note(undrop->definitions, WARNING, "tablespace \"%s\" of %s does not exist: it is put back elsewhere",
				   entry->tablespace, pgb_undrop_title(entry));
	return NULL;
}

static void
place(PgbUndrop *undrop, const PgbTocEntry *entry, Node *statement)
{
	IntoClause *into;

	if (!IsA(statement, CreateTableAsStmt))
		return;
	into = ((CreateTableAsStmt *) statement)->into;
	into->tableSpaceName = pgb_undrop_tablespace(undrop, entry);
	if (entry->table_am != NULL && entry->table_am[0] != '\0')
		into->accessMethod = entry->table_am;
}

void
pgb_undrop_make_object(PgbUndrop *undrop, PgbTocEntry *entry)
{
	Oid			owner;
	List	   *statements;
	bool		as_caller;

	if (pgb_stage_is(entry, "SCHEMA"))
	{
		pgb_undrop_need_schema(undrop, entry->tag);
		return;
	}

	/* it came with its table */
	if (pgb_stage_is(entry, "SEQUENCE") && pgb_undrop_is_of_tables(undrop, pgb_undrop_name(entry)))
		return;

	owner = pgb_undrop_owner(undrop, entry);
	statements = pgb_stage_parse(undrop->definitions, entry->defn);
	place(undrop, entry, linitial(statements));
	pgb_undrop_run(undrop, entry, statements, owner, &as_caller);
	if (as_caller)
		set_owner(undrop, entry, owner);
	pgb_undrop_set_grants(undrop, entry, owner);
	pgb_undrop_set_made(undrop, entry);
}
