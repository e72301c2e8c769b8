/*-------------------------------------------------------------------------
 *
 * databases.c
 *	  The launcher's list of databases, and the passes over them.
 *
 * Of each database that has the extension it knows the next due moment, which a
 * pass has reported.  A database that has not changed, and where nothing is due,
 * is left alone.
 *
 * src/server/schedule/databases.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "postmaster/bgworker.h"
#include "server/board.h"
#include "server/schedule/databases.h"
#include "server/schedule/pass.h"
#include "tcop/utility.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* On a standby nothing runs; whether it still is one is looked at so often. */
#define RECOVERY_CHECK		(INT64CONST(5) * 1000000)

/* A pass that could not be started, or ended without a report, is tried again. */
#define AGAIN_AFTER			(INT64CONST(30) * 1000000)

typedef struct Database
{
	Oid			oid;			/* hash key */
	TimestampTz next;			/* when a pass is due; DT_NOBEGIN: now */
	bool		in_pass;
	bool		changed_meanwhile;	/* in the pass: it is due again */
	bool		seen;			/* in pg_database */
} Database;

typedef struct Pass
{
	BackgroundWorkerHandle *handle; /* NULL: none */
	Oid			database;
} Pass;

static HTAB *databases = NULL;
static Pass passes[PGB_MAX_PASSES];
static ProcessUtility_hook_type previous_hook = NULL;

/* ---- the list ---- */

static Database *
find_database(Oid oid, bool create)
{
	Database   *database;
	bool		found;

	database = hash_search(databases, &oid, create ? HASH_ENTER : HASH_FIND, &found);
	if (database != NULL && !found)
	{
		database->next = DT_NOBEGIN;
		database->in_pass = false;
		database->changed_meanwhile = false;
		database->seen = true;
	}
	return database;
}

static void
make_due(Oid oid)
{
	Database   *database = find_database(oid, true);

	database->next = DT_NOBEGIN;
	database->changed_meanwhile = database->in_pass;
}

static void
forget_unseen(void)
{
	HASH_SEQ_STATUS scan;
	Database   *database;

	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
	{
		if (!database->seen && !database->in_pass)
			hash_search(databases, &database->oid, HASH_REMOVE, NULL);
	}
}

/* Reads pg_database; what is new, or all of them, becomes due. */
static void
read_databases(bool all_due)
{
	HASH_SEQ_STATUS seq;
	Database   *database;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	hash_seq_init(&seq, databases);
	while ((database = hash_seq_search(&seq)) != NULL)
		database->seen = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		/* nobody can connect to one that is being dropped */
		if (!form->datallowconn || form->datconnlimit < -1)
			continue;
		database = find_database(form->oid, true);
		database->seen = true;
		if (all_due)
			make_due(form->oid);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	forget_unseen();
}

static void
create_list(void)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Database);
	databases = hash_create("pgbackup databases", 64, &control, HASH_ELEM | HASH_BLOBS);
	read_databases(true);
}

static void
take_changes(void)
{
	Oid			changed[PGB_MAX_CHANGES];
	bool		all,
				added;
	int			count = pgb_board_take_changes(changed, &all, &added);

	for (int i = 0; i < count; i++)
		make_due(changed[i]);
	if (all || added)
		read_databases(all);
}

/* ---- passes ---- */

static void
end_pass(int number)
{
	Pass	   *pass = &passes[number];
	Database   *database = find_database(pass->database, false);
	TimestampTz next;

	pfree(pass->handle);
	pass->handle = NULL;
	if (database == NULL)
		return;
	database->in_pass = false;
	if (!pgb_board_pass_result(number, &next))
		database->next = GetCurrentTimestamp() + AGAIN_AFTER;
	else if (!database->changed_meanwhile)
		database->next = next;
	database->changed_meanwhile = false;
}

static int
free_pass(void)
{
	int			number = -1;

	for (int i = 0; i < PGB_MAX_PASSES; i++)
	{
		pid_t		pid;

		if (passes[i].handle != NULL && GetBackgroundWorkerPid(passes[i].handle, &pid) == BGWH_STOPPED)
			end_pass(i);
		if (passes[i].handle == NULL)
			number = i;
	}
	return number;
}

static bool
start_pass(int number, Database *database)
{
	BackgroundWorker worker;

	pgb_board_open_pass(number, database->oid);
	pgb_pass_describe_worker(&worker, number, database->oid);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &passes[number].handle))
		return false;
	passes[number].database = database->oid;
	database->in_pass = true;
	database->changed_meanwhile = false;
	return true;
}

/* The database whose pass is due first, of those that are in none. */
static Database *
next_due(void)
{
	HASH_SEQ_STATUS scan;
	Database   *database;
	Database   *first = NULL;

	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
	{
		if (!database->in_pass && (first == NULL || database->next < first->next))
			first = database;
	}
	return first;
}

/* Is it still there?  It may have been dropped since we heard of it. */
static bool
still_exists(Oid oid)
{
	Database   *database;

	read_databases(false);
	database = find_database(oid, false);
	return database != NULL && database->seen;
}

TimestampTz
pgb_databases_attend(void)
{
	static bool complained = false;
	int			number;

	if (RecoveryInProgress())
		return GetCurrentTimestamp() + RECOVERY_CHECK;
	if (databases == NULL)
		create_list();
	take_changes();

	while ((number = free_pass()) >= 0)
	{
		Database   *database = next_due();
		Oid			oid;

		if (database == NULL || database->next > GetCurrentTimestamp())
			return database != NULL ? database->next : DT_NOEND;
		oid = database->oid;
		if (!still_exists(oid))
			continue;
		database = find_database(oid, false);
		if (!start_pass(number, database))
		{
			if (!complained)
				ereport(LOG,
						(errmsg("no background worker is free for the schedules of backups"),
						 errhint("Raise max_worker_processes.")));
			complained = true;
			return GetCurrentTimestamp() + USECS_PER_SEC;
		}
		complained = false;
	}

	/* the end of a pass wakes us */
	return DT_NOEND;
}

/* ---- new databases ---- */

/* One made from a template can bring schedules with it. */
static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	bool		creates = IsA(pstmt->utilityStmt, CreatedbStmt);

	if (previous_hook)
		previous_hook(pstmt, query_string, read_only_tree, context, params, query_env,
					  dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, query_env,
								dest, completion);
	if (creates)
		pgb_board_mark_new_databases();
}

void
pgb_databases_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
