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
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* On a standby nothing runs; whether it still is one is looked at so often. */
#define RECOVERY_CHECK		(INT64CONST(5) * 1000000)

/* A pass that ended without a report is tried again, after a pause that grows up to the longest. */
#define FIRST_PAUSE			(INT64CONST(30) * 1000000)
#define LONGEST_PAUSE		(INT64CONST(3600) * 1000000)

/* When a pass has waited so long for a worker, the log says why. */
#define SHORTAGE			(INT64CONST(5) * 1000000)

/* No pass is so long: should one hang, others need its place. */
#define LONGEST_PASS		(INT64CONST(15) * 60 * 1000000)

typedef struct Database
{
	Oid			oid;			/* hash key */
	TimestampTz next;			/* when a pass is due; DT_NOBEGIN: now */
	TimestampTz since;			/* when one was first tried, or would have been but for other
								 * passes, for what is due; DT_NOEND: none */
	TimestampTz pause;			/* after the next pass that does not report */
	bool		in_pass;
	bool		changed_meanwhile;	/* in the pass: it is due again */
	bool		seen;			/* in pg_database */
} Database;

typedef struct Pass
{
	BackgroundWorkerHandle *handle; /* NULL: none */
	Oid			database;
	TimestampTz started_at;
} Pass;

static HTAB *databases = NULL;
static Pass passes[PGB_MAX_PASSES];
static TimestampTz busy_since = DT_NOEND;	/* no pass was free from then on */
static bool is_short_of_workers = false;	/* and has said so */
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
		database->since = DT_NOEND;
		database->pause = FIRST_PAUSE;
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

/* Nobody can connect to one that is being dropped. */
static bool
can_be_connected(Form_pg_database form)
{
	return form->datallowconn && form->datconnlimit >= -1;
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

		if (!can_be_connected(form))
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

/*
 * A pass may take long, by a command of the user for one.  What became due while none was free
 * has only waited: it was not missed.
 */
static void
count_from_its_moment(void)
{
	TimestampTz now = GetCurrentTimestamp();
	HASH_SEQ_STATUS scan;
	Database   *database;

	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
	{
		if (!database->in_pass && database->next <= now)
			database->since = Min(database->since, Max(database->next, busy_since));
	}
	busy_since = DT_NOEND;
}

static void
end_pass(int number)
{
	Pass	   *pass = &passes[number];
	Database   *database = find_database(pass->database, false);
	PgbPassReport report;

	pfree(pass->handle);
	pass->handle = NULL;
	if (database == NULL)
		return;
	database->in_pass = false;
	if (pgb_board_pass_result(number, &report))
	{
		if (!database->changed_meanwhile)
			database->next = report.next;
		if (!report.waits)
			database->since = DT_NOEND;
		if (report.next >= pass->started_at && report.next <= GetCurrentTimestamp())
			database->since = Min(database->since, report.next);	/* came while its own pass ended */
		database->pause = FIRST_PAUSE;
	}
	else
	{
		database->next = GetCurrentTimestamp() + database->pause;
		database->pause = Min(2 * database->pause, LONGEST_PAUSE);
	}
	database->changed_meanwhile = false;
}

/* Takes the reports of those that have ended.  Returns the number of a free one, or -1. */
static int
free_pass(void)
{
	int			number = -1;

	for (int i = 0; i < PGB_MAX_PASSES; i++)
	{
		Pass	   *pass = &passes[i];
		pid_t		pid;

		if (pass->handle != NULL && GetBackgroundWorkerPid(pass->handle, &pid) == BGWH_STOPPED)
			end_pass(i);
		if (pass->handle == NULL)
			number = i;
		else if (GetCurrentTimestamp() >= pass->started_at + LONGEST_PASS)
			TerminateBackgroundWorker(pass->handle);
	}
	return number;
}

/* When the first of those under way will have taken too long. */
static TimestampTz
end_of_patience(void)
{
	TimestampTz end = DT_NOEND;

	for (int i = 0; i < PGB_MAX_PASSES; i++)
	{
		if (passes[i].handle != NULL)
			end = Min(end, Max(passes[i].started_at + LONGEST_PASS,
							   GetCurrentTimestamp() + USECS_PER_SEC));
	}
	return end;
}

static bool
start_pass(int number, Database *database)
{
	BackgroundWorker worker;

	pgb_board_open_pass(number, database->oid);
	pgb_pass_describe_worker(&worker, number, database->oid, database->since);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &passes[number].handle))
		return false;
	passes[number].database = database->oid;
	passes[number].started_at = GetCurrentTimestamp();
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
	HeapTuple	tuple;
	bool		exists;

	StartTransactionCommand();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(oid));
	exists = HeapTupleIsValid(tuple) &&
		can_be_connected((Form_pg_database) GETSTRUCT(tuple));
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	CommitTransactionCommand();
	return exists;
}

/* Not of a moment's shortage, and once of each. */
static void
complain_of_shortage(TimestampTz waited)
{
	if (is_short_of_workers || waited < SHORTAGE)
		return;
	is_short_of_workers = true;
	ereport(LOG,
			(errmsg("no background worker is free for the schedules of backups"),
			 errhint("Raise max_worker_processes.")));
}

TimestampTz
pgb_databases_attend(void)
{
	int			number;

	if (RecoveryInProgress())
		return GetCurrentTimestamp() + RECOVERY_CHECK;
	if (databases == NULL)
		create_list();
	take_changes();

	while ((number = free_pass()) >= 0)
	{
		Database   *database;
		TimestampTz now = GetCurrentTimestamp();

		if (busy_since != DT_NOEND)
			count_from_its_moment();
		database = next_due();
		if (database == NULL || database->next > now)
			return Min(database != NULL ? database->next : DT_NOEND, end_of_patience());
		if (!still_exists(database->oid))
		{
			hash_search(databases, &database->oid, HASH_REMOVE, NULL);
			continue;
		}
		database->since = Min(database->since, now);
		if (!start_pass(number, database))
		{
			complain_of_shortage(now - database->since);
			return now + USECS_PER_SEC;
		}
		is_short_of_workers = false;
	}

	/* the end of a pass wakes us */
	busy_since = Min(busy_since, GetCurrentTimestamp());
	return end_of_patience();
}

void
pgb_databases_clock_was_set(void)
{
	HASH_SEQ_STATUS scan;
	Database   *database;

	if (databases == NULL)
		return;
	hash_seq_init(&scan, databases);
	while ((database = hash_seq_search(&scan)) != NULL)
	{
		database->since = DT_NOEND;
		if (database->next != DT_NOEND)
			make_due(database->oid);
	}
	if (busy_since != DT_NOEND)
		busy_since = GetCurrentTimestamp();
	for (int i = 0; i < PGB_MAX_PASSES; i++)
		passes[i].started_at = GetCurrentTimestamp();
}

/* ---- new databases ---- */

/* One made from a template can bring schedules with it, and so can one that was closed. */
static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	bool		opens = IsA(pstmt->utilityStmt, CreatedbStmt) ||
		IsA(pstmt->utilityStmt, AlterDatabaseStmt);

	if (previous_hook)
		previous_hook(pstmt, query_string, read_only_tree, context, params, query_env,
					  dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, query_env,
								dest, completion);
	if (opens)
		pgb_board_mark_new_databases_at_commit();
}

void
pgb_databases_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
