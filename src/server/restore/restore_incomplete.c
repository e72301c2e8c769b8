/*-------------------------------------------------------------------------
 *
 * restore_incomplete.c
 *	  A database that is not complete: how it can be told, and how it goes.
 *
 * It is called <name>_pgbackup_incomplete, says in its comment what it is, and admits
 * superusers only.  The job holds a lock which tells others that it is alive: what
 * has the marks but not the lock was left by a crash, and the next restore drops
 * it, or the first pass over a database after the start of the server.  The same goes for
 * roles that were made for a trial.
 *
 * src/server/restore/restore_incomplete.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/dbcommands.h"
#include "commands/seclabel.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "replication/origin.h"
#include "server/restore/restore.h"
#include "server/worker_session.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"

#define SUFFIX				"_pgbackup_incomplete"
#define MARK				"pgbackup: incomplete restore"
#define ROLE_MARK			"pgbackup: made for the verification of a backup"

/*
 * The lock of a live restore is an advisory one, which the abort of a transaction does not
 * release; of a class that SQL functions cannot ask for (theirs are 1 and 2).
 */
#define LOCK_CLASS			3

/* A drop that is cancelled is tried again, so often. */
#define DROP_ATTEMPTS		5

/* ---- how it can be told ---- */

char *
pgb_incomplete_name(const char *name)
{
	int			length = pg_mbcliplen(name, strlen(name), NAMEDATALEN - (int) sizeof(SUFFIX));

	return psprintf("%.*s%s", length, name, SUFFIX);
}

typedef enum Leftover
{
	LEFT_DATABASE,
	LEFT_ROLE
} Leftover;

static void
set_lock_tag(LOCKTAG *tag, Leftover what, Oid oid)
{
	SET_LOCKTAG_ADVISORY(*tag, oid, what, 0, LOCK_CLASS);
}

/* For as long as this process lives, or until unlock; false: another one has it. */
static bool
lock_restore(Leftover what, Oid oid)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, what, oid);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

static void
unlock_restore(Leftover what, Oid oid)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, what, oid);
	LockRelease(&tag, ExclusiveLock, true);
}

void
pgb_incomplete_mark(const PgbRestore *restore)
{
	if (!lock_restore(LEFT_DATABASE, restore->database))
		elog(ERROR, "somebody has locked database \"%s\"", restore->working_name);
	CreateSharedComments(restore->database, DatabaseRelationId,
						 psprintf(MARK " of backup %s as database \"%s\"",
								  restore->manifest->id, restore->request.new_database));
}

void
pgb_incomplete_unmark(const PgbRestore *restore)
{
	CreateSharedComments(restore->database, DatabaseRelationId, NULL);
	unlock_restore(LEFT_DATABASE, restore->database);
}

void
pgb_incomplete_mark_role(const char *name)
{
	Oid			role = get_role_oid(name, false);

	if (!lock_restore(LEFT_ROLE, role))
		elog(ERROR, "somebody has locked role \"%s\"", name);
	CreateSharedComments(role, AuthIdRelationId, ROLE_MARK);
	CommandCounterIncrement();	/* what is run next begins a subtransaction */
}

/* ---- dropped ---- */

/*
 * A database that has subscriptions cannot be dropped, and they can be dropped only
 * from within.  pg_restore has made them without a connection, so that there are
 * no slots and no workers: nothing but rows in catalogs.
 */
static void
drop_subscriptions(Oid database)
{
	Relation	rel = table_open(SubscriptionRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_subscription_subdbid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(database));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			oid = ((Form_pg_subscription) GETSTRUCT(tuple))->oid;

		CatalogTupleDelete(rel, &tuple->t_self);
		deleteSharedDependencyRecordsFor(SubscriptionRelationId, oid, 0);
		DeleteSharedComments(oid, SubscriptionRelationId);
		DeleteSharedSecurityLabel(oid, SubscriptionRelationId);
		replorigin_drop_by_name(psprintf("pg_%u", oid), true, false);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

static void
drop_database(Oid database, const char *name)
{
	DropdbStmt *drop = makeNode(DropdbStmt);

	drop_subscriptions(database);
	drop->dbname = unconstify(char *, name);
	drop->missing_ok = true;
	drop->options = list_make1(makeDefElem("force", NULL, -1));
	pgb_restore_execute((Node *) drop, true);
}

static void
drop_role(const char *name)
{
	DropRoleStmt *drop = makeNode(DropRoleStmt);
	RoleSpec   *role = makeNode(RoleSpec);

	role->roletype = ROLESPEC_CSTRING;
	role->rolename = unconstify(char *, name);
	drop->roles = list_make1(role);
	drop->missing_ok = true;
	pgb_restore_execute((Node *) drop, true);
}

/* ---- what a crash has left ---- */

/*
 * What has all marks, of which some may be those of restores that are alive.  With $1 it is one of them, or
 * nothing when that has no marks any more.  Where a DROP DATABASE was interrupted, connections are not
 * limited but impossible.
 */
static const char *const marked_databases =
	"SELECT oid, datname FROM pg_catalog.pg_database"
	" WHERE ($1 IS NULL OR oid OPERATOR(pg_catalog.=) $1)"
	" AND pg_catalog.right(datname::pg_catalog.text, pg_catalog.length('" SUFFIX "'))"
	" OPERATOR(pg_catalog.=) '" SUFFIX "'"
	" AND datconnlimit OPERATOR(pg_catalog.=) ANY ('{0,-2}'::pg_catalog.int4[])"
	" AND pg_catalog.starts_with(pg_catalog.shobj_description(oid, 'pg_database'), '" MARK "') ORDER BY oid";

/* A role that somebody has given anything to since is his: memberships, settings, a password. */
static const char *const marked_roles =
	"SELECT oid, rolname FROM pg_catalog.pg_authid r"
	" WHERE ($1 IS NULL OR oid OPERATOR(pg_catalog.=) $1)"
	" AND NOT rolcanlogin AND rolpassword IS NULL"
	" AND pg_catalog.shobj_description(oid, 'pg_authid') OPERATOR(pg_catalog.=) '" ROLE_MARK "'"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m"
	" WHERE r.oid OPERATOR(pg_catalog.=) ANY (ARRAY[m.roleid, m.member, m.grantor]))"
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s"
	" WHERE s.setrole OPERATOR(pg_catalog.=) r.oid)";

/* The marked ones, or this one if it is marked; within a transaction with SPI. */
static void
select_marked(const char *query, Oid oid)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(oid)};

	if (SPI_execute_with_args(query, lengthof(types), types, values, OidIsValid(oid) ? NULL : "n",
							  true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for what earlier restores have left");
}

static List *
find_marked(const char *query)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *oids = NIL;

	pgb_worker_begin();
	select_marked(query, InvalidOid);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		oid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(context);

		oids = lappend_oid(oids, DatumGetObjectId(oid));
		MemoryContextSwitchTo(old);
	}
	pgb_worker_commit();
	MemoryContextSwitchTo(context);
	return oids;
}

/*
 * Its name, or NULL if it is no leftover, now that we have its lock: whose restore was alive when it was
 * found may have completed it since, and somebody may have made a role his own.
 */
static char *
name_of_leftover(const char *query, Oid oid, MemoryContext context)
{
	char	   *name = NULL;

	pgb_worker_begin();
	select_marked(query, oid);
	if (SPI_processed > 0)
		name = MemoryContextStrdup(context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
	pgb_worker_commit();
	MemoryContextSwitchTo(context);
	return name;
}

static void
drop_by_name(Leftover what, Oid oid, const char *name)
{
	StartTransactionCommand();
	if (what == LEFT_DATABASE)
		drop_database(oid, name);
	else
		drop_role(name);
	CommitTransactionCommand();
	ereport(LOG,
			(errmsg("dropped %s \"%s\", which an earlier restore has left",
					what == LEFT_DATABASE ? "database" : "role", name)));
}

/* One that cannot be dropped is in nobody's way. */
static void
drop_leftover(Leftover what, const char *query, Oid oid)
{
	MemoryContext context = CurrentMemoryContext;

	if ((what == LEFT_DATABASE && oid == MyDatabaseId) || !lock_restore(what, oid))
		return;
	PG_TRY();
	{
		char	   *name = name_of_leftover(query, oid, context);

		if (name != NULL)
			drop_by_name(what, oid, name);
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(context);

		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		pgb_worker_log(error, "dropping what an earlier restore has left");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	unlock_restore(what, oid);
}

static void
drop_marked(Leftover what, const char *query)
{
	ListCell   *lc;

	foreach(lc, find_marked(query))
		drop_leftover(what, query, lfirst_oid(lc));
}

/* The roles last: the databases have what they own. */
void
pgb_incomplete_drop_leftovers(void)
{
	drop_marked(LEFT_DATABASE, marked_databases);
	drop_marked(LEFT_ROLE, marked_roles);
}

bool
pgb_incomplete_role_is_ours(const char *name)
{
	Oid			role = get_role_oid(name, true);
	bool		is_ours;

	if (!OidIsValid(role))
		return false;
	SPI_connect();
	select_marked(marked_roles, role);
	is_ours = SPI_processed > 0;
	SPI_finish();
	return is_ours;
}

/* ---- after a failure ---- */

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
			drop_database(restore->database, restore->working_name);
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
pgb_incomplete_abandon(PgbRestore *restore)
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
