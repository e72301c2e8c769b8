/*-------------------------------------------------------------------------
 *
 * restore_database.c
 *	  The new database: created, and finished.
 *
 * src/server/restore/restore_database.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/restore/restore.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/acl.h"

/* ---- created ---- */

/* The only statement of an entry, of the type. */
static Node *
only_statement(const PgbRestore *restore, const PgbTocEntry *entry, NodeTag tag)
{
	List	   *statements = pgb_restore_parse(pgb_restore_text(restore, entry->defn));
	Node	   *statement = list_length(statements) == 1 ? linitial_node(RawStmt, statements)->stmt : NULL;

	if (statement == NULL || nodeTag(statement) != tag)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("entry \"%s\" of backup \"%s\" is not what it should be", entry->desc,
						restore->manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	return statement;
}

static const PgbTocEntry *
database_entry(const PgbRestore *restore)
{
	for (int i = 0; i < restore->toc->count; i++)
	{
		const PgbTocEntry *entry = &restore->toc->entries[i];

		if (strcmp(entry->desc, "DATABASE") == 0 && entry->defn != NULL)
			return entry;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("backup \"%s\" does not describe its database", restore->manifest->id),
			 errhint("Create a database and use pg_restore.")));
}

/* What has no place here is taken out of the options of CREATE DATABASE. */
static void
adapt_options(PgbRestore *restore, CreatedbStmt *create)
{
	ListCell   *lc;

	foreach(lc, create->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "tablespace") == 0 &&
			!OidIsValid(get_tablespace_oid(defGetString(option), true)))
		{
			pgb_restore_remark(restore, "The tablespace of the database, \"%s\", does not exist here: it is in the default one.",
							   defGetString(option));
			create->options = foreach_delete_current(create->options, lc);
		}
	}
}

static void
add_owner(PgbRestore *restore, CreatedbStmt *create, const char *owner)
{
	if (owner == NULL || owner[0] == '\0')
		return;
	if (!OidIsValid(get_role_oid(owner, true)))
	{
		pgb_restore_remark(restore, "The owner of the database, role \"%s\", does not exist and is not in the backup.",
						   owner);
		return;
	}
	create->options = lappend(create->options,
							  makeDefElem("owner", (Node *) makeString(pstrdup(owner)), -1));
}

/* An error of CREATE DATABASE tells of the server: a locale that it does not know, or room. */
static void
run_create(PgbRestore *restore, CreatedbStmt *create)
{
	PG_TRY();
	{
		pgb_restore_execute((Node *) create, true);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(restore->context);
		error = CopyErrorData();
		FlushErrorState();
		if (error->sqlerrcode == ERRCODE_DUPLICATE_DATABASE)
			error->hint = psprintf("Another restore into database \"%s\" is running, or has kept what it had made: then drop that.",
								   restore->request.new_database);
		else if (error->hint == NULL &&
				 (error->sqlerrcode == ERRCODE_WRONG_OBJECT_TYPE ||
				  error->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE ||
				  error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED))
			error->hint = pstrdup("The database of the backup has this locale or encoding: install it on this server.");
		ReThrowError(error);
	}
	PG_END_TRY();
}

void
pgb_restore_create_database(PgbRestore *restore)
{
	const PgbTocEntry *entry = database_entry(restore);
	CreatedbStmt *create;

	restore->working_name = pgb_incomplete_name(restore->request.new_database);

	pgb_restore_begin(restore);
	pgb_restore_check_name(restore->request.new_database);
	create = (CreatedbStmt *) only_statement(restore, entry, T_CreatedbStmt);
	create->dbname = restore->working_name;
	adapt_options(restore, create);
	add_owner(restore, create, pgb_restore_text(restore, entry->owner));
	create->options = lappend(create->options,
							  makeDefElem("connection_limit", (Node *) makeInteger(0), -1));
	run_create(restore, create);

	/* nobody else sees the database before it is marked */
	restore->database = get_database_oid(restore->working_name, false);
	pgb_incomplete_mark(restore);
	pgb_restore_commit(restore);
}

/* ---- finished ---- */

/* Does the entry belong to the database itself, rather than to something in it? */
static bool
is_property(const PgbTocEntry *entry)
{
	static const char prefix[] = "DATABASE ";

	if (entry->defn == NULL)
		return false;
	if (strcmp(entry->desc, "DATABASE PROPERTIES") == 0)
		return true;
	return entry->tag != NULL && strncmp(entry->tag, prefix, strlen(prefix)) == 0 &&
		(strcmp(entry->desc, "COMMENT") == 0 ||
		 strcmp(entry->desc, "SECURITY LABEL") == 0 ||
		 strcmp(entry->desc, "ACL") == 0);
}

/* Replaces the name of the database in a statement; false: it is none that belongs here. */
static bool
rename_in_statement(Node *statement, char *name)
{
	switch (nodeTag(statement))
	{
		case T_AlterDatabaseStmt:
			((AlterDatabaseStmt *) statement)->dbname = name;
			return true;
		case T_AlterDatabaseSetStmt:
			((AlterDatabaseSetStmt *) statement)->dbname = name;
			return true;
		case T_AlterRoleSetStmt:
			((AlterRoleSetStmt *) statement)->database = name;
			return true;
		case T_CommentStmt:
			if (((CommentStmt *) statement)->objtype != OBJECT_DATABASE)
				return false;
			((CommentStmt *) statement)->object = (Node *) makeString(name);
			return true;
		case T_SecLabelStmt:
			if (((SecLabelStmt *) statement)->objtype != OBJECT_DATABASE)
				return false;
			((SecLabelStmt *) statement)->object = (Node *) makeString(name);
			return true;
		case T_GrantStmt:
			if (((GrantStmt *) statement)->objtype != OBJECT_DATABASE)
				return false;
			((GrantStmt *) statement)->objects = list_make1(makeString(name));
			return true;
		case T_VariableSetStmt:
			/* around grants that somebody else has made */
			return strcmp(((VariableSetStmt *) statement)->name, "session_authorization") == 0;
		default:
			return false;
	}
}

/*
 * Runs the statements of an entry, each for itself: a setting that this server does
 * not know is no reason to lose a database.  Those of privileges belong together.
 */
static void
apply_property(PgbRestore *restore, const PgbTocEntry *entry)
{
	bool		together = strcmp(entry->desc, "ACL") == 0;
	List	   *batch = NIL;
	List	   *batches = NIL;
	ListCell   *lc;

	foreach(lc, pgb_restore_parse(pgb_restore_text(restore, entry->defn)))
	{
		Node	   *statement = lfirst_node(RawStmt, lc)->stmt;

		if (!rename_in_statement(statement, restore->request.new_database))
			pgb_restore_remark(restore, "A statement in entry \"%s\" of the backup is of no known kind, and was not run.",
							   entry->desc);
		else if (together)
			batch = lappend(batch, statement);
		else
			batches = lappend(batches, list_make1(statement));
	}
	if (batch != NIL)
		batches = lappend(batches, batch);

	foreach(lc, batches)
	{
		ErrorData  *error = pgb_restore_try(lfirst(lc));

		if (error != NULL)
			pgb_restore_remark(restore, "A part of the database's %s was not restored: %s",
							   together ? "privileges" :
							   strcmp(entry->desc, "DATABASE PROPERTIES") == 0 ? "settings" :
							   strcmp(entry->desc, "COMMENT") == 0 ? "comment" : "security label",
							   error->message);
	}
}

static void
open_to_all(const char *name)
{
	AlterDatabaseStmt *alter = makeNode(AlterDatabaseStmt);

	alter->dbname = unconstify(char *, name);
	alter->options = list_make1(makeDefElem("connection_limit", (Node *) makeInteger(-1), -1));
	pgb_restore_execute((Node *) alter, false);
}

void
pgb_restore_finish_database(PgbRestore *restore)
{
	pgb_restore_begin(restore);
	pgb_restore_check_name(restore->request.new_database);

	/* nobody can come in any more, and who looks on must go: a pass, or a monitoring superuser */
	LockSharedObject(DatabaseRelationId, restore->database, 0, AccessExclusiveLock);
	TerminateOtherDBBackends(restore->database);
	RenameDatabase(restore->working_name, restore->request.new_database);
	CommandCounterIncrement();

	pgb_incomplete_unmark(restore);
	open_to_all(restore->request.new_database);
	for (int i = 0; i < restore->toc->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_property(&restore->toc->entries[i]))
			apply_property(restore, &restore->toc->entries[i]);
	}

	/* all that was committed in a hurry becomes durable with this */
	ForceSyncCommit();
	HOLD_INTERRUPTS();
	pgb_restore_commit(restore);
	restore->complete = true;
	RESUME_INTERRUPTS();
}
