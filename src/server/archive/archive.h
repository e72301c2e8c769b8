/*-------------------------------------------------------------------------
 *
 * archive.h
 *	  The WAL archive module: archive_library = 'pgbackup'.
 *
 *	  module.c     the callbacks: one file after the other, as the archiver wants it
 *	  trouble.c    what cannot be archived now: said once, and waited for
 *	  store.c      files go into the repository
 *	  batch.c      what a process takes at once
 *	  scan.c       what a segment holds: moments of commits, restore points
 *	  headers.c    from one record to the next
 *	  queue.c      shared memory: what is compressed ahead, by whom, and what has happened
 *	  worker.c     background workers that compress ahead
 *	  ready.c      the files that wait
 *	  view.c       pgbackup_archive
 *
 * The archiver asks for one file at a time.  With it, it takes some of those that come next, and
 * workers take others; it confirms what has been made durable, and where a worker
 * is still at the one whose turn it is, it takes the next free ones itself.  Without
 * shared_preload_libraries there are no workers and no shared memory, and it takes one after the other.
 *
 * src/server/archive/archive.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_ARCHIVE_H
#define PGB_ARCHIVE_H

#include "datatype/timestamp.h"
#include "repo/wal.h"

/* Called by _PG_init while shared_preload_libraries are loaded. */
extern void pgb_archive_install(void);

/* ---- trouble.c ---- */

/* Called in the archiver before its first file. */
extern void pgb_archive_trouble_init(void);

/* The server is stopping: nothing may be waited for any more. */
extern bool pgb_archive_must_stop(void);

/*
 * The file could not be archived, and why.  Says so, unless it has been said, and waits until it is
 * worth trying again.  Returns false when the archiver must get back to its loop instead.
 */
extern bool pgb_archive_wait_after(const PgbWalName *name, const ErrorData *error);

/* Has the last attempt failed? */
extern bool pgb_archive_in_trouble(void);

/* It has been archived; says so if there was trouble. */
extern void pgb_archive_trouble_over(void);

/* ---- store.c ---- */

/*
 * Stores files of pg_wal in the repository at location, together.  Returns how many of them, from the
 * first, are durable then; the next one could not be stored.  What is wrong with the first is
 * raised.  In a process without transactions: what an ERROR leaves is cleaned up here.
 */
extern int	pgb_archive_store(const char *location, const PgbWalName *names, int count);

/* ---- scan.c ---- */

/*
 * Fills in what the records tell, of a segment that is being stored.  Raises only what goes wrong with that: a segment
 * that cannot be understood counts as not scanned.  The repository is where to find the segment before, if
 * pg_wal has it no more.
 */
extern void pgb_archive_scan(PgbRepository *repository, const PgbWalName *name,
							 PgbWalPages *pages, PgbWalFacts *facts);

/* ---- ready.c ---- */

/*
 * The files that wait for the archiver, in its order; palloc'd, count gets their number.
 * oldest_at, if it is not NULL, gets when the first of them became ready (0: none).
 */
extern PgbWalName *pgb_archive_ready(int *count, TimestampTz *oldest_at);

/* ---- queue.c ---- */

/* Files that can be under way, or done and not confirmed, at once. */
#define PGB_ARCHIVE_QUEUE		64
#define PGB_ARCHIVE_MAX_WORKERS	8

/* What one process takes at once. */
#define PGB_ARCHIVE_BATCH		8

typedef struct PgbArchiveBatch
{
	char		location[MAXPGPATH];	/* the repository */
	int			count;
	PgbWalName	names[PGB_ARCHIVE_BATCH];
} PgbArchiveBatch;

typedef enum PgbArchiveTurn
{
	PGB_ARCHIVE_MINE,			/* store it, then confirm */
	PGB_ARCHIVE_DONE,			/* it has been made durable ahead: it is confirmed by this */
	PGB_ARCHIVE_BUSY			/* a worker is at it */
} PgbArchiveTurn;

/* Is there shared memory?  Without, none of the following may be called. */
extern bool pgb_archive_is_shared(void);

/*
 * The archiver: all that follows is about this repository.  What has been done for another is forgotten.
 */
extern void pgb_archive_set_location(const char *location);

/* The archiver has come to this file. */
extern PgbArchiveTurn pgb_archive_turn(const PgbWalName *name);

/* How many files nobody has begun.  When they are few, the archiver should offer what is ready. */
extern int	pgb_archive_waiting(void);
extern void pgb_archive_offer(const PgbWalName *names, int count);

/*
 * Takes the first of them, as many as are this process's share.  The archiver also says what it has come to
 * (PGB_ARCHIVE_MINE), which is then the first; for all others turn is NULL.  False: there is none.
 */
extern bool pgb_archive_claim(const PgbWalName *turn, PgbArchiveBatch *batch);

/*
 * So many of them, from the first, are durable.  The next one was not possible: it is left to the archiver.  The
 * others wait again.
 */
extern void pgb_archive_claim_end(const PgbArchiveBatch *batch, int done);

/* This process has nothing more to do with what it has claimed. */
extern void pgb_archive_release(void);

/* A worker comes and goes.  attach returns false if there is one of that number. */
extern bool pgb_archive_attach_worker(int number);
extern void pgb_archive_detach_worker(int number);

/* Tells workers that there is something to do. */
extern void pgb_archive_wake_workers(void);

/* What has happened, for the view. */
typedef struct PgbArchiveStatus
{
	int			archiver_pid;	/* 0: it has done nothing yet */
	char		last_name[PGB_WAL_NAME_SIZE];	/* "" : none since the server started */
	TimestampTz last_at;
	double		bytes_per_second;	/* of uncompressed WAL, over the last minutes */
	double		files_per_minute;
	uint64		files;			/* since the server started */
	uint64		files_ahead;	/* of them, before it was their turn */
	int			nworkers;
	uint64		failures;		/* attempts that have failed, since the server started */
	TimestampTz failing_since;	/* 0: it is not */
	TimestampTz failed_at;		/* the last attempt; 0: none */
	char		failed_name[PGB_WAL_NAME_SIZE];
	char		message[512];
	char		detail[512];
	char		hint[512];
} PgbArchiveStatus;

extern void pgb_archive_note_success(const PgbWalName *name);
extern void pgb_archive_note_failure(const PgbWalName *name, const ErrorData *error);
extern void pgb_archive_get_status(PgbArchiveStatus *status);

/* ---- batch.c ---- */

/*
 * Stores what has been claimed, and says so in the queue.  Returns false if one of them could not be stored;
 * the first function raises what is wrong if that is the first.
 */
extern bool pgb_archive_work(const PgbArchiveBatch *batch);
extern bool pgb_archive_try_to_work(const PgbArchiveBatch *batch);

/* ---- worker.c ---- */

/* Starts as many as there is work for and the setting allows. */
extern void pgb_archive_start_workers(void);

extern PGDLLEXPORT void pgb_archive_worker_main(Datum arg);

#endif							/* PGB_ARCHIVE_H */
