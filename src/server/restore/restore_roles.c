/*-------------------------------------------------------------------------
 *
 * restore_roles.c
 *	  The roles that are missing, from the backup's globals.
 *
 * The globals are what pg_dumpall has written.  They are parsed, never run as they
 * are: a role that exists is not altered, neither in its attributes and password
 * nor in its memberships.  A role that is made gets what the backup says of it,
 * including its memberships in roles that exist.  Nobody who exists becomes a
 * member of anything.
 *
 * Tablespaces are places on a disk, which this server may not have: they are
 * not made.
 *
 * src/server/restore/restore_roles.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "commands/tablespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "server/restore/restore.h"
#include "server/worker_session.h"
#include "utils/acl.h"

/* psql's commands at the beginning and at the end of what newer minor versions write. */
#define RESTRICT			"\n\\restrict "
#define UNRESTRICT			"\n\\unrestrict "

#define CLIENT_ENCODING		"\nSET client_encoding = '"

/* ---- the text ---- */

static void
blank_line(char *line)
{
	for (line++; *line != '\0' && *line != '\n'; line++)
		*line = ' ';
}

/* The first of the one and the last of the other: those in between are in somebody's comment. */
static void
blank_commands(char *text)
{
	char	   *first = strstr(text, RESTRICT);
	char	   *last = NULL;

	if (first == NULL)
		return;
	for (char *next = first; (next = strstr(next, UNRESTRICT)) != NULL; next++)
		last = next;
	blank_line(first);
	if (last != NULL)
		blank_line(last);
}

/* That of the database to which pg_dumpall was connected; it says so itself. */
static int
globals_encoding(const PgbRestore *restore, const char *text)
{
	const char *start = strstr(text, CLIENT_ENCODING);
	const char *end;
	int			encoding = -1;

	if (start != NULL)
	{
		start += strlen(CLIENT_ENCODING);
		end = strchr(start, '\'');
		if (end != NULL)
			encoding = pg_char_to_encoding(pnstrdup(start, end - start));
	}
	return encoding < 0 ? restore->encoding : encoding;
}

static List *
read_globals(const PgbRestore *restore)
{
	size_t		length;
	char	   *text;

	if (pgb_manifest_file(restore->manifest, PGB_GLOBALS_NAME) == NULL)
		return NIL;
	text = pgb_backup_read_file(restore->repository, restore->manifest, PGB_GLOBALS_NAME,
								MaxAllocSize - 1, &length);
	blank_commands(text);
	text = pg_any_to_server(text, (int) length, globals_encoding(restore, text));
	return pgb_restore_parse(text);
}

/* ---- which roles ---- */

static bool
is_made(const PgbRestore *restore, const char *name)
{
	ListCell   *lc;

	foreach(lc, restore->made_roles)
	{
		if (name != NULL && strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

static bool
is_made_spec(const PgbRestore *restore, const RoleSpec *role)
{
	return role != NULL && role->roletype == ROLESPEC_CSTRING && is_made(restore, role->rolename);
}

/* A role that somebody has dropped must not let anybody in again, not for minutes either. */
static void
shut_out(AlterRoleStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->options)
	{
		const DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "canlogin") == 0 || strcmp(option->defname, "password") == 0)
			alter->options = foreach_delete_current(alter->options, lc);
	}
}

/* Leaves only those that were made. */
static List *
made_among(const PgbRestore *restore, List *roles)
{
	List	   *made = NIL;
	ListCell   *lc;

	foreach(lc, roles)
	{
		if (is_made_spec(restore, lfirst_node(RoleSpec, lc)))
			made = lappend(made, lfirst(lc));
	}
	return made;
}

/* ---- what becomes of a statement ---- */

static void
run(PgbRestore *restore, Node *statement, const char *what, const char *role)
{
	ErrorData  *error = pgb_restore_try(list_make1(statement));

	if (error != NULL)
		pgb_restore_remark(restore, "%s of role \"%s\" was not restored: %s", what, role, error->message);
}

static void
create_role(PgbRestore *restore, CreateRoleStmt *create)
{
	ErrorData  *error;

	if (OidIsValid(get_role_oid(create->role, true)))
		return;
	error = pgb_restore_try(list_make1(create));
	if (error != NULL)
		pgb_restore_remark(restore, "Role \"%s\" was not created: %s", create->role, error->message);
	else
	{
		restore->made_roles = lappend(restore->made_roles, pstrdup(create->role));
		if (restore->request.is_trial)
			pgb_incomplete_mark_role(create->role);
	}
}

/* GRANT role TO role: for the members that were made; nobody else becomes one. */
static void
grant_membership(PgbRestore *restore, GrantRoleStmt *grant)
{
	ListCell   *lc;

	if (!grant->is_grant)
		return;
	foreach(lc, grant->grantee_roles)
	{
		RoleSpec   *member = lfirst_node(RoleSpec, lc);
		AccessPriv *group = linitial_node(AccessPriv, grant->granted_roles);

		if (!is_made_spec(restore, member) && is_made(restore, group->priv_name) &&
			member->roletype == ROLESPEC_CSTRING)
			pgb_restore_remark(restore, "Role \"%s\", which existed, was not made a member of the new role \"%s\".",
							   member->rolename, group->priv_name);
	}
	grant->grantee_roles = made_among(restore, grant->grantee_roles);
	if (grant->grantee_roles != NIL)
		run(restore, (Node *) grant, "A membership",
			linitial_node(RoleSpec, grant->grantee_roles)->rolename);
}

/* Privileges on settings and tablespaces. */
static void
grant_privileges(PgbRestore *restore, GrantStmt *grant)
{
	if (!grant->is_grant ||
		(grant->objtype != OBJECT_PARAMETER_ACL && grant->objtype != OBJECT_TABLESPACE))
		return;
	grant->grantees = made_among(restore, grant->grantees);
	if (grant->grantees != NIL)
		run(restore, (Node *) grant, "A privilege",
			linitial_node(RoleSpec, grant->grantees)->rolename);
}

/* Of a trial the roles are there to own what they own, and go without leaving anything. */
static void
run_statement_of_trial(PgbRestore *restore, Node *statement)
{
	if (IsA(statement, CreateRoleStmt))
		create_role(restore, (CreateRoleStmt *) statement);
	else if (IsA(statement, AlterRoleStmt) &&
			 is_made_spec(restore, ((AlterRoleStmt *) statement)->role))
	{
		shut_out((AlterRoleStmt *) statement);
		run(restore, statement, "An attribute", ((AlterRoleStmt *) statement)->role->rolename);
	}
}

/* What is of no known kind, or is of an existing role, does not happen. */
static void
run_statement(PgbRestore *restore, Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreateRoleStmt:
			create_role(restore, (CreateRoleStmt *) statement);
			break;
		case T_AlterRoleStmt:
			if (is_made_spec(restore, ((AlterRoleStmt *) statement)->role))
				run(restore, statement, "An attribute", ((AlterRoleStmt *) statement)->role->rolename);
			break;
		case T_AlterRoleSetStmt:
			if (((AlterRoleSetStmt *) statement)->database == NULL &&
				is_made_spec(restore, ((AlterRoleSetStmt *) statement)->role))
				run(restore, statement, "A setting", ((AlterRoleSetStmt *) statement)->role->rolename);
			break;
		case T_CommentStmt:
			if (((CommentStmt *) statement)->objtype == OBJECT_ROLE &&
				is_made(restore, strVal(((CommentStmt *) statement)->object)))
				run(restore, statement, "The comment", strVal(((CommentStmt *) statement)->object));
			break;
		case T_SecLabelStmt:
			if (((SecLabelStmt *) statement)->objtype == OBJECT_ROLE &&
				is_made(restore, strVal(((SecLabelStmt *) statement)->object)))
				run(restore, statement, "A security label", strVal(((SecLabelStmt *) statement)->object));
			break;
		case T_GrantRoleStmt:
			grant_membership(restore, (GrantRoleStmt *) statement);
			break;
		case T_GrantStmt:
			grant_privileges(restore, (GrantStmt *) statement);
			break;
		default:
			break;
	}
}

static void
remark_made(PgbRestore *restore)
{
	StringInfoData names;
	ListCell   *lc;

	if (restore->made_roles == NIL || restore->request.is_trial)
		return;
	initStringInfo(&names);
	foreach(lc, restore->made_roles)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", (char *) lfirst(lc));
	pgb_restore_remark(restore, "Roles that were missing and have been created: %s.", names.data);
}

void
pgb_restore_create_roles(PgbRestore *restore)
{
	ListCell   *lc;

	pgb_restore_begin(restore);
	foreach(lc, read_globals(restore))
	{
		CHECK_FOR_INTERRUPTS();
		if (restore->request.is_trial)
			run_statement_of_trial(restore, lfirst_node(RawStmt, lc)->stmt);
		else
			run_statement(restore, lfirst_node(RawStmt, lc)->stmt);
	}
	pgb_restore_commit(restore);
	remark_made(restore);
}

/* One that somebody uses meanwhile stays. */
void
pgb_restore_drop_roles(PgbRestore *restore)
{
	if (restore->complete || restore->request.keep_partial || restore->made_roles == NIL)
		return;
	PG_TRY();
	{
		ListCell   *lc;

		pgb_restore_begin(restore);
		foreach(lc, restore->made_roles)
		{
			DropRoleStmt *drop = makeNode(DropRoleStmt);
			RoleSpec   *role = makeNode(RoleSpec);
			ErrorData  *error;

			/* a membership is no reason for DROP ROLE to refuse */
			if (restore->request.is_trial && !pgb_incomplete_role_is_ours(lfirst(lc)))
			{
				ereport(LOG,
						(errmsg("kept role \"%s\", which was made for the verification of a backup, and which somebody uses",
								(char *) lfirst(lc))));
				continue;
			}
			role->roletype = ROLESPEC_CSTRING;
			role->rolename = lfirst(lc);
			drop->roles = list_make1(role);
			drop->missing_ok = true;
			error = pgb_restore_try(list_make1(drop));
			if (error != NULL)
				pgb_worker_log(error, "dropping a role that a failed restore has made");
		}
		pgb_restore_commit(restore);
	}
	PG_CATCH();
	{
		pgb_worker_log(pgb_worker_recover(restore->context),
					   "dropping the roles that a failed restore has made");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(restore->context);
	restore->made_roles = NIL;
}
