/*-------------------------------------------------------------------------
 *
 * sandbox.h
 *	  A sandbox: a private, throw-away server that replays WAL to a target.
 *
 * It lies in a scratch directory (recover.h; mode 0700), with a configuration that inherits nothing, a socket in that directory, and no network.
 * From a base backup only what is needed is laid down, and the redo filter (src/sandbox) skips
 * what concerns other relations; in a whole one, only tablespaces (for what it would lead to).  Where it cannot
 * be loaded everything is laid down and replayed, if the WAL does no harm.  It is driven by the process that has made it, and goes
 * with it: stopped and removed at the end of the process; what a crash leaves goes with the
 * scratch directory at the next start.
 *
 *	  sandbox.c            the order of things: room, lay down, start, wait, remove
 *	  sandbox_filter.c     with the redo filter, or without it
 *	  sandbox_scan.c       what there is in the WAL
 *	  sandbox_scope.c      which files are laid down, and which relations are denied
 *	  sandbox_tables.c     how large the wanted tables are
 *	  sandbox_lay.c        a crew lays them down
 *	  sandbox_settings.c   its configuration
 *	  sandbox_server.c     the postmaster: start, progress, promotion, stop
 *	  sandbox_log.c        what it says meanwhile
 *	  sandbox_session.c    first steps in it
 *	  sandbox_room.c       disk
 *
 * src/server/recovery/sandbox.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SERVER_SANDBOX_H
#define PGB_SERVER_SANDBOX_H

#include "nodes/pg_list.h"
#include "repo/relation_map.h"
#include "repo/window.h"
#include "server/shmem.h"
#include "server/subprocess.h"

typedef struct PgbSandboxRequest
{
	PgbRoute   *route;			/* the backup, the WAL, where it ends */
	PgbTarget	target;
	bool		is_whole;		/* all relations of all databases are wanted, and of the following none counts */
	Oid			database;		/* whose relations are wanted, as it is called in the backup or later */
	List	   *wanted;			/* OIDs of the tables (with their partitions and parents as need be); their
								 * TOAST and owned sequences are found by the map.  NIL: only catalogs */
	bool		with_large_objects;
	uint64		beside_bytes;	/* that the caller will need in the same file system while it is there */
	int			jobs;
	const char *directory;		/* absolute; its parent exists, it does not */
	PgbJobRef	job;			/* whose progress is shown; serial 0: none */
} PgbSandboxRequest;

typedef struct PgbSandbox
{
	PgbSandboxRequest request;
	char	   *conninfo;		/* for pgb_program_start_at(): add dbname with pgb_conninfo_add().  Its sessions
								 * are a superuser's, with settings that keep code of users out: names
								 * are looked up in pg_catalog alone */
	char	   *database_name;	/* of the database at the target; in a whole one, of some database */

	/* what it cost, known once it is ready */
	uint64		restored_bytes;
	uint64		wal_bytes;		/* replayed */
	uint64		disk_bytes;		/* at most at the same time */
	int64		reached_time;	/* of the last transaction that was replayed; 0: none */
	uint64		reached_lsn;
	bool		without_filter;	/* it was replayed without the redo filter */
	struct PgbSandboxState *state;
} PgbSandbox;

/* What it would take: also for pgbackup_plan_restore(). */
typedef struct PgbSandboxEstimate
{
	uint64		restore_bytes;	/* to be laid down */
	uint64		wal_bytes;		/* to be fetched and replayed, uncompressed */
	uint64		disk_bytes;		/* at most at the same time, with what the caller needs */
	int64		duration;		/* microseconds, about */
	uint64		free_bytes;		/* in the scratch directory's file system */
} PgbSandboxEstimate;

/* In a transaction or out of one.  The parent of request->directory must be there. */
extern PgbSandboxEstimate pgb_sandbox_estimate(const PgbSandboxRequest *request);

/* What the wanted tables, with TOAST, take in the backup; those that are younger take nothing there. */
extern uint64 pgb_sandbox_table_bytes(const PgbSandboxRequest *request);

/*
 * Makes a sandbox and waits until it has reached its target, has been promoted, and lets us
 * connect.  Raises ERRCODE_DISK_FULL with a hint when there is no room for it, ERRCODE_DATA_CORRUPTED for
 * damaged backups and WAL, and with the sandbox's own words what goes wrong in it.  Then nothing is left of
 * it.  Allocated in the current memory context; when that goes, or this process ends, the
 * sandbox is removed.
 *
 * Files of indexes are not there, but for those of catalogs and TOAST: COPY and pg_dump do not need them, other
 * queries of a table may ("set enable_indexscan = off" does not help).  Prepared transactions are
 * rolled back.
 */
extern PgbSandbox *pgb_sandbox_make(const PgbSandboxRequest *request);

/*
 * For who works with it: sleeps a moment, with interrupts, or until a client (or NULL) has something to say.  Raises
 * what the sandbox has ended with, and ERRCODE_DISK_FULL when its file system becomes full.
 */
extern void pgb_sandbox_attend(PgbSandbox *sandbox, PgbSubprocess *client);

/*
 * A client has failed: raises, as above, what has befallen the sandbox, if that may be why.  Takes half a
 * second if nothing has.
 */
extern void pgb_sandbox_blame(PgbSandbox *sandbox);

/* Stops and removes it.  Raises nothing; more than once or NULL is fine. */
extern void pgb_sandbox_remove(PgbSandbox *sandbox);

#endif							/* PGB_SERVER_SANDBOX_H */
