/*-------------------------------------------------------------------------
 *
 * restore_database.c
 *	  The new database: created, finished, dropped.
 *
 * Until it is complete it is called <name>_pgbackup_incomplete, says in its comment
 * what it is, and admits superusers only.  The job holds a lock which tells others
 * that it is alive: what has the marks but not the lock was left by a crash, and the
 * next restore drops it.
 *
 * src/server/restore/restore_database.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/comment.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/encoding.h"
#include "server/restore/restore.h"
#include "server/worker_session.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#define SUFFIX				"_pgbackup_incomplete"
#define MARK				"pgbackup: incomplete restore"

/* An incomplete database whose drop is cancelled is dropped again, so often. */
#define DROP_ATTEMPTS		5

/* The lock of a live restore: a part of the database's own lock that nothing else uses. */
#define LOCK_PART			1

/* ---- the lock and the name ---- */

static void
set_lock_tag(LOCKTAG *tag, Oid database)
{
	SET_LOCKTAG_OBJECT(*tag, InvalidOid, DatabaseRelationId, database, LOCK_PART);
}

/* For as long as this process lives, or until unlock; false: another one has it. */
static bool
lock_restore(Oid database)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, database);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

static void
unlock_restore(Oid database)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, database);
	LockRelease(&tag, ExclusiveLock, true);
}

static char *
working_name(const char *name)
{
	int			length = pg_mbcliplen(name, strlen(name), NAMEDATALEN - (int) sizeof(SUFFIX));

	return psprintf("%.*s%s", length, name, SUFFIX);
}

/* ---- dropped ---- */

static void
drop_database(const char *name)
{
	DropdbStmt *drop = makeNode(DropdbStmt);

	drop->dbname = unconstify(char *, name);
	drop->missing_ok = true;
	drop->options = list_make1(makeDefElem("force", NULL, -1));
	pgb_restore_execute((Node *) drop, true);
}

/* The databases that have all marks; some may be those of restores that are alive. */
static List *
marked_databases(List **names)
{
	static const char *const query =
		"SELECT oid, datname FROM pg_catalog.pg_database"
		" WHERE pg_catalog.right(datname::pg_catalog.text, pg_catalog.length('" SUFFIX "'))"
		" OPERATOR(pg_catalog.=) '" SUFFIX "'"
		" AND datconnlimit OPERATOR(pg_catalog.=) 0"
		" AND pg_catalog.starts_with(pg_catalog.shobj_description(oid, 'pg_database'), '" MARK "')";
	MemoryContext context = CurrentMemoryContext;
	List	   *oids = NIL;

	*names = NIL;
	SPI_connect();
	if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for databases of earlier restores");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		HeapTuple	row = SPI_tuptable->vals[i];
		Datum		oid = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull);
		char	   *name = SPI_getvalue(row, SPI_tuptable->tupdesc, 2);
		MemoryContext old = MemoryContextSwitchTo(context);

		oids = lappend_oid(oids, DatumGetObjectId(oid));
		*names = lappend(*names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return oids;
}

/* One that cannot be dropped is in nobody's way. */
static void
drop_leftover(Oid oid, const char *name)
{
	MemoryContext context = CurrentMemoryContext;

	if (!lock_restore(oid))
		return;
	PG_TRY();
	{
		StartTransactionCommand();
		drop_database(name);
		CommitTransactionCommand();
		ereport(LOG,
				(errmsg("dropped database \"%s\", which an earlier restore has left", name)));
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(context);

		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		pgb_worker_log(error, "dropping the database of an earlier restore");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	unlock_restore(oid);
}

void
pgb_restore_drop_leftovers(PgbRestore *restore)
{
	List	   *oids;
	List	   *names;
	ListCell   *lc;
	ListCell   *lc2;

	pgb_restore_begin(restore);
	oids = marked_databases(&names);
	pgb_restore_commit(restore);
	forboth(lc, oids, lc2, names)
		drop_leftover(lfirst_oid(lc), lfirst(lc2));
}

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

	restore->working_name = working_name(restore->request.new_database);

	pgb_restore_begin(restore);
	pgb_restore_check_name(restore->request.new_database);
	create = (CreatedbStmt *) only_statement(restore, entry, T_CreatedbStmt);
	create->dbname = restore->working_name;
	adapt_options(restore, create);
	add_owner(restore, create, pgb_restore_text(restore, entry->owner));
	create->options = lappend(create->options,
							  makeDefElem("connection_limit", (Node *) makeInteger(0), -1));
	run_create(restore, create);

	/* nobody else sees the database before it is locked */
	restore->database = get_database_oid(restore->working_name, false);
	(void) lock_restore(restore->database);
	CreateSharedComments(restore->database, DatabaseRelationId,
						 psprintf(MARK " of backup %s as database \"%s\"",
								  restore->manifest->id, restore->request.new_database));
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

	CreateSharedComments(restore->database, DatabaseRelationId, NULL);
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
	unlock_restore(restore->database);
}

/* ---- abandoned ---- */

static void
keep_database(PgbRestore *restore)
{
	CreateSharedComments(restore->database, DatabaseRelationId,
						 psprintf("pgbackup: kept, a restore of backup %s as database \"%s\" that failed",
								  restore->manifest->id, restore->request.new_database));
}

/* Returns false if it was cancelled. */
static bool
try_to_abandon(PgbRestore *restore)
{
	volatile bool cancelled = false;

	PG_TRY();
	{
		StartTransactionCommand();
		if (restore->request.keep_partial)
			keep_database(restore);
		else
			drop_database(restore->working_name);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(restore->context);

		/* the next restore drops it; the message says why this one could not */
		cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;
		pgb_worker_log(error, "dropping an incomplete database");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(restore->context);
	return !cancelled;
}

/*
 * DROP DATABASE waits until every process, this one included, has taken note: that is
 * an interrupt.  Who cancels twice must not get a database for it.
 */
void
pgb_restore_abandon_database(PgbRestore *restore)
{
	uint32		holdoff = InterruptHoldoffCount;

	if (restore->complete || !OidIsValid(restore->database))
		return;
	InterruptHoldoffCount = 0;
	for (int i = 0; i < DROP_ATTEMPTS; i++)
	{
		if (try_to_abandon(restore))
			break;
	}
	InterruptHoldoffCount = holdoff;
	restore->database = InvalidOid;
}
