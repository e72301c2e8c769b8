/*-------------------------------------------------------------------------
 *
 * stage_role.c
 *	  Who may stage a table, who owns it, and the schema it goes to.
 *
 * A definition in an archive can name functions that anybody has written: in
 * CHECK constraints, domains, index expressions.  They run with the rights of the
 * table's owner, who has them run on every day of the table's life, and never with
 * those of the caller or of a superuser.  If the owner is gone, a superuser stages the table
 * in his own name, and such functions do not run.
 *
 * src/server/stage/stage_role.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/compat.h"
#include "server/stage/stage.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

void
pgb_stage_authorize(PgbStage *stage)
{
	const PgbTocEntry *entry = stage->root->entry;
	const char *owner = entry->owner != NULL ? entry->owner : "";

	stage->owner = get_role_oid(owner, true);

	if (!OidIsValid(stage->owner))
	{
		if (!superuser())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to stage table \"%s\"", pgb_stage_old_name(entry)),
					 errdetail("It belonged to role \"%s\", which does not exist.", owner),
					 errhint("Create the role, or let a superuser stage the table.")));
		stage->owner = GetUserId();
		stage->owner_is_gone = true;
		pgb_stage_note(stage, NOTICE, "role \"%s\", which owned table \"%s\", does not exist: "
					   "the staged table belongs to \"%s\"",
					   owner, pgb_stage_old_name(entry), GetUserNameFromId(stage->owner, false));
	}
	else if (!has_privs_of_role(GetUserId(), stage->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to stage table \"%s\"", pgb_stage_old_name(entry)),
				 errdetail("It belonged to role \"%s\" when the backup was made.", owner),
				 errhint("Only members of that role and superusers may stage it.")));
}

char *
pgb_stage_gone_owner_advice(const PgbTocEntry *table)
{
	return psprintf("Role \"%s\", which owned table \"%s\", does not exist, and code of users runs in the name of no superuser: create the role first, and stage the table again.",
					table->owner != NULL ? table->owner : "", pgb_stage_old_name(table));
}

static void
create_recovery_schema(void)
{
	Oid			schema = NamespaceCreate(PGB_RECOVERY_SCHEMA, BOOTSTRAP_SUPERUSERID, false);

	CommandCounterIncrement();
	CreateComments(schema, NamespaceRelationId, 0, "tables that pgbackup has staged");
	CommandCounterIncrement();
}

static void
grant_recovery_schema(Oid role)
{
	GrantStmt  *grant = makeNode(GrantStmt);
	RoleSpec   *grantee = makeNode(RoleSpec);
	AccessPriv *usage = makeNode(AccessPriv);
	AccessPriv *create = makeNode(AccessPriv);

	grantee->roletype = ROLESPEC_CSTRING;
	grantee->rolename = GetUserNameFromId(role, false);
	grantee->location = -1;
	usage->priv_name = pstrdup("usage");
	create->priv_name = pstrdup("create");

	grant->is_grant = true;
	grant->targtype = ACL_TARGET_OBJECT;
	grant->objtype = OBJECT_SCHEMA;
	grant->objects = list_make1(makeString(pstrdup(PGB_RECOVERY_SCHEMA)));
	grant->privileges = list_make2(usage, create);
	grant->grantees = list_make1(grantee);

	ExecuteGrantStmt(grant);
	CommandCounterIncrement();
}

static bool
may_create_in(Oid schema, Oid role)
{
	return pgb_object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK &&
		pgb_object_aclcheck(NamespaceRelationId, schema, role, ACL_CREATE) == ACLCHECK_OK;
}

static Oid
owner_of_schema(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Whoever may make schemas may make one of that name first, and then drop what others have in it. */
static void
check_recovery_schema(Oid schema)
{
	Oid			owner = owner_of_schema(schema);

	if (owner != BOOTSTRAP_SUPERUSERID && !superuser_arg(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot stage into schema \"%s\"", PGB_RECOVERY_SCHEMA),
				 errdetail("It belongs to role \"%s\", who may drop all that others have in it; the one that pgbackup makes belongs to a superuser.",
						   GetUserNameFromId(owner, false)),
				 errhint("Rename or drop it, and pgbackup makes its own.")));
}

/*
 * The recovery schema is ours, whoever asks for it first: whoever may stage a table may do so
 * there, whatever else they may do in this database.
 */
static Oid
open_recovery_schema(Oid owner)
{
	Oid			schema = get_namespace_oid(PGB_RECOVERY_SCHEMA, true);
	Oid			user;
	int			security_context;

	if (OidIsValid(schema))
		check_recovery_schema(schema);
	if (OidIsValid(schema) && may_create_in(schema, owner))
		return schema;

	/*
	 * Of two sessions that both lack it, one waits and then finds what the
	 * other has made.  No object has this OID: the lock is on the making.
	 */
	LockDatabaseObject(NamespaceRelationId, InvalidOid, 0, ShareUpdateExclusiveLock);

	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   security_context | SECURITY_LOCAL_USERID_CHANGE);
	if (!OidIsValid(get_namespace_oid(PGB_RECOVERY_SCHEMA, true)))
		create_recovery_schema();
	schema = get_namespace_oid(PGB_RECOVERY_SCHEMA, false);
	check_recovery_schema(schema);
	if (!may_create_in(schema, owner))
		grant_recovery_schema(owner);
	SetUserIdAndSecContext(user, security_context);

	return schema;
}

static void
check_schema(Oid schema, const char *name, Oid role)
{
	if (!may_create_in(schema, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema \"%s\"", name),
				 errdetail("Role \"%s\" needs USAGE and CREATE on it.",
						   GetUserNameFromId(role, false)),
				 errhint("Grant them, or leave out into_schema to stage into schema \"%s\".",
						 PGB_RECOVERY_SCHEMA)));
}

static Oid
open_other_schema(const char *name, Oid owner)
{
	Oid			schema;

	if (IsReservedName(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("cannot stage into schema \"%s\"", name),
				 errdetail("The prefix \"pg_\" is reserved for system schemas."),
				 errhint("Name an ordinary schema, or leave out into_schema.")));

	schema = get_namespace_oid(name, true);
	if (!OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" does not exist", name),
				 errhint("Create it, or leave out into_schema to stage into schema \"%s\".",
						 PGB_RECOVERY_SCHEMA)));

	check_schema(schema, name, GetUserId());
	check_schema(schema, name, owner);
	return schema;
}

void
pgb_stage_open_schema(PgbStage *stage)
{
	stage->schema = stage->request.schema;
	if (strcmp(stage->schema, PGB_RECOVERY_SCHEMA) == 0)
		stage->schema_oid = open_recovery_schema(stage->owner);
	else
		stage->schema_oid = open_other_schema(stage->schema, stage->owner);
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * The value of standard_conforming_strings with which the archive's literals are
 * written: its STDSTRINGS entry says it in a SET command.
 */
static const char *
archive_standard_strings(const PgbStage *stage)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		const PgbTocEntry *entry = &stage->toc->entries[n];

		if (pgb_stage_is(entry, "STDSTRINGS") && entry->defn != NULL &&
			strstr(entry->defn, "'off'") != NULL)
			return "off";
	}
	return "on";
}

/* What the text of an archive means depends on these. */
int
pgb_stage_set_settings(const PgbStage *stage)
{
	const char *lc_monetary = GetConfigOptionResetString("lc_monetary");
	int			level = NewGUCNestLevel();

	set("search_path", "pg_catalog, pg_temp");
	set("standard_conforming_strings", archive_standard_strings(stage));
	set("escape_string_warning", "off");
	set("transform_null_equals", "off");
	set("array_nulls", "on");
	set("xmloption", "content");
	set("DateStyle", "ISO");
	set("IntervalStyle", "postgres");
	if (lc_monetary != NULL)
		set("lc_monetary", lc_monetary);

	/* each table says for itself where it is and how it is stored */
	set("default_tablespace", "");
	set("default_table_access_method", "heap");

	/* a function that cannot see all rows must fail */
	set("row_security", "off");

	/* the statements have nothing to say that the notes do not */
	if (client_min_messages < WARNING)
		set("client_min_messages", "warning");

	return level;
}

/* A restricted operation forbids few settings to be changed: those are undone. */
void
pgb_stage_become(Oid role, PgbStageIdentity *caller)
{
	caller->settings = NewGUCNestLevel();
	GetUserIdAndSecContext(&caller->user, &caller->security_context);
	SetUserIdAndSecContext(role,
						   caller->security_context | SECURITY_RESTRICTED_OPERATION);
}

void
pgb_stage_become_caller(const PgbStageIdentity *caller)
{
	SetUserIdAndSecContext(caller->user, caller->security_context);
	AtEOXact_GUC(false, caller->settings);
}
