/*-------------------------------------------------------------------------
 *
 * board.c
 *	  What the launcher is told about schedules.
 *
 * Locking: everything in Board is read and written with its lock held.
 *
 * src/server/board.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "server/board.h"
#include "server/shmem.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

typedef struct Board
{
	LWLock	   *lock;			/* guards all that follows */
	bool		all_changed;	/* there were too many changes to list */
	bool		added;			/* there are new databases */
	int			nchanged;
	Oid			changed[PGB_MAX_CHANGES];
	struct
	{
		Oid			database;
		bool		reported;
		PgbPassReport report;
	}			passes[PGB_MAX_PASSES];
} Board;

static Board *board = NULL;

/* What the current transaction will have changed, once it commits. */
static bool changes_schedules = false;
static bool adds_database = false;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_board(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Board)));
	RequestNamedLWLockTranche("pgbackup board", 1);
}

static void
startup_board(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	board = ShmemInitStruct("pgbackup board", sizeof(Board), &found);
	if (!found)
	{
		memset(board, 0, sizeof(Board));
		board->lock = &GetNamedLWLockTranche("pgbackup board")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
pgb_board_install(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_board;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_board;
}

void
pgb_board_mark_changed(Oid database)
{
	bool		known = false;

	if (board == NULL)
		return;
	LWLockAcquire(board->lock, LW_EXCLUSIVE);
	for (int i = 0; i < board->nchanged && !known; i++)
		known = (board->changed[i] == database);
	if (!known && board->nchanged < PGB_MAX_CHANGES)
		board->changed[board->nchanged++] = database;
	else if (!known)
		board->all_changed = true;
	LWLockRelease(board->lock);
	pgb_launcher_wake();
}

static void
mark_new_databases(void)
{
	if (board == NULL)
		return;
	LWLockAcquire(board->lock, LW_EXCLUSIVE);
	board->added = true;
	LWLockRelease(board->lock);
	pgb_launcher_wake();
}

/* ---- at the end of a transaction ---- */

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	bool		changed = changes_schedules;
	bool		added = adds_database;

	/* who commits a prepared transaction is another session, which knows nothing of this */
	if (event == XACT_EVENT_PRE_PREPARE && changed)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed schedules of backups")));
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	changes_schedules = adds_database = false;
	if (event == XACT_EVENT_COMMIT && changed)
		pgb_board_mark_changed(MyDatabaseId);
	if (event == XACT_EVENT_COMMIT && added)
		mark_new_databases();
}

/* Before the commit the launcher would look too early. */
static void
remember_until_commit(bool *what)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_end_of_transaction, NULL);
	registered = true;
	*what = true;
}

void
pgb_board_mark_changed_at_commit(void)
{
	remember_until_commit(&changes_schedules);
}

void
pgb_board_mark_new_databases_at_commit(void)
{
	remember_until_commit(&adds_database);
}

/* ---- the launcher ---- */

int
pgb_board_take_changes(Oid *databases, bool *all, bool *added)
{
	int			count;

	LWLockAcquire(board->lock, LW_EXCLUSIVE);
	*all = board->all_changed;
	*added = board->added;
	count = board->nchanged;
	memcpy(databases, board->changed, count * sizeof(Oid));
	board->all_changed = false;
	board->added = false;
	board->nchanged = 0;
	LWLockRelease(board->lock);
	return count;
}

void
pgb_board_open_pass(int pass, Oid database)
{
	LWLockAcquire(board->lock, LW_EXCLUSIVE);
	board->passes[pass].database = database;
	board->passes[pass].reported = false;
	LWLockRelease(board->lock);
}

bool
pgb_board_pass_result(int pass, PgbPassReport *report)
{
	bool		reported;

	LWLockAcquire(board->lock, LW_SHARED);
	reported = board->passes[pass].reported;
	*report = board->passes[pass].report;
	LWLockRelease(board->lock);
	return reported;
}

/* ---- a pass ---- */

void
pgb_board_report(int pass, Oid database, const PgbPassReport *report)
{
	LWLockAcquire(board->lock, LW_EXCLUSIVE);
	if (board->passes[pass].database == database)
	{
		board->passes[pass].report = *report;
		board->passes[pass].reported = true;
	}
	LWLockRelease(board->lock);
}
