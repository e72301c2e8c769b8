/*-------------------------------------------------------------------------
 *
 * undrop_schema.c
 *	  A schema that is gone, made again.
 *
 * pg_dump says nothing of schema public as long as it is as initdb has made it: then it is made
 * like that.
 *
 * src/server/undrop/undrop_schema.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "server/undrop/undrop.h"
#include "utils/acl.h"

#define PUBLIC_SCHEMA	"public"

static PgbTocEntry *
find_entry(const PgbUndrop *undrop, const char *name)
{
	const PgbToc *toc = undrop->definitions->toc;

	for (int n = 0; n < toc->count; n++)
		if (pgb_stage_is(&toc->entries[n], "SCHEMA") && toc->entries[n].tag != NULL &&
			strcmp(toc->entries[n].tag, name) == 0)
			return &toc->entries[n];
	return NULL;
}

static RoleSpec *
role_spec(RoleSpecType type, char *name)
{
	RoleSpec   *role = makeNode(RoleSpec);

	role->roletype = type;
	role->rolename = name;
	role->location = -1;
	return role;
}

static Node *
create_statement(char *name, Oid owner)
{
	CreateSchemaStmt *create = makeNode(CreateSchemaStmt);

	create->schemaname = name;
	create->authrole = role_spec(ROLESPEC_CSTRING, GetUserNameFromId(owner, false));
	return (Node *) create;
}

/* What initdb grants on schema public. */
static Node *
grant_usage(char *name)
{
	GrantStmt  *grant = makeNode(GrantStmt);
	AccessPriv *usage = makeNode(AccessPriv);

	usage->priv_name = pstrdup("usage");
	grant->is_grant = true;
	grant->targtype = ACL_TARGET_OBJECT;
	grant->objtype = OBJECT_SCHEMA;
	grant->objects = list_make1(makeString(name));
	grant->privileges = list_make1(usage);
	grant->grantees = list_make1(role_spec(ROLESPEC_PUBLIC, NULL));
	return (Node *) grant;
}

/* Then what has been granted since initdb: that entry may depend on one that there is not. */
static void
make_public(PgbUndrop *undrop, const PgbTocEntry *entry, char *name, Oid owner)
{
	const PgbToc *toc = undrop->definitions->toc;
	CommentStmt *comment = makeNode(CommentStmt);
	bool		as_caller;

	comment->objtype = OBJECT_SCHEMA;
	comment->object = (Node *) makeString(name);
	comment->comment = pstrdup("standard public schema");
	pgb_undrop_run(undrop, entry, list_make3(create_statement(name, owner), grant_usage(name), comment),
				   owner, &as_caller);
	for (int n = 0; n < toc->count; n++)
		if (pgb_stage_is(&toc->entries[n], "ACL") && toc->entries[n].tag != NULL &&
			strcmp(toc->entries[n].tag, "SCHEMA " PUBLIC_SCHEMA) == 0)
			pgb_undrop_grant(undrop, &toc->entries[n], owner);
}

/* A superuser names the owner at once, so that the grants are his. */
static void
make(PgbUndrop *undrop, const PgbTocEntry *entry, char *name)
{
	bool		is_public = strcmp(name, PUBLIC_SCHEMA) == 0;
	PgbTocEntry default_entry = {.tag = name, .desc = "SCHEMA", .owner = "pg_database_owner"};
	Oid			owner;
	bool		as_caller;

	owner = pgb_undrop_owner(undrop, entry != NULL ? entry : &default_entry);
	if (is_public)
		make_public(undrop, entry != NULL ? entry : &default_entry, name, owner);
	else
		pgb_undrop_run(undrop, entry, list_make1(create_statement(name, owner)), owner, &as_caller);
	if (entry != NULL)
	{
		if (!is_public)
			pgb_undrop_set_grants(undrop, entry, owner);
		pgb_undrop_set_made(undrop, entry);
	}
}

void
pgb_undrop_need_schema(PgbUndrop *undrop, const char *name)
{
	PgbTocEntry *entry;

	if (OidIsValid(get_namespace_oid(name, true)))
		return;
	entry = find_entry(undrop, name);
	if (entry != NULL || strcmp(name, PUBLIC_SCHEMA) == 0)
		make(undrop, entry, pstrdup(name));
}
