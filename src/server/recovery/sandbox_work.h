/*-------------------------------------------------------------------------
 *
 * sandbox_work.h
 *	  What the parts of a sandbox know of each other; for sandbox*.c alone.
 *
 * src/server/recovery/sandbox_work.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SANDBOX_WORK_H
#define PGB_SANDBOX_WORK_H

#include "repo/datadir.h"
#include "sandbox/instructions.h"
#include "server/crew.h"
#include "server/recovery/sandbox.h"
#include "server/subprocess.h"

/* Its files, beside those of a data directory */
#define SANDBOX_LOG			"pgbackup.log"
#define SANDBOX_SQL			"pgbackup.sql"
#define SANDBOX_ANSWER		"pgbackup.answer"

/* The number in the name of its socket: it listens nowhere else. */
#define SANDBOX_PORT		5432

/* Segments that are fetched before it asks for them. */
#define SANDBOX_AHEAD		8

/* What it has said so far. */
typedef struct PgbSandboxLog
{
	char	   *path;
	uint64		read_to;
	StringInfoData line;		/* that is not complete yet */
	StringInfoData last;		/* the last lines, for who asks why it has failed */

	/* of what it says, what matters */
	int			segments;		/* that it was given */
	char		segment[PGB_WAL_NAME_LENGTH + 1];	/* the last of them */
	uint64		prepared;		/* LSN of the first prepared transaction; 0: none */
	uint64		redo_end;
	char	   *last_commit;	/* as text, or NULL */
	bool		is_target_missed;
	bool		is_full;		/* the disk */
	bool		is_refused;		/* by the redo filter */
} PgbSandboxLog;

/* A database that was made by copying the files of another one, or that was moved (from itself). */
typedef struct PgbCopiedDatabase
{
	Oid			database;
	Oid			source;
} PgbCopiedDatabase;

/* What there is in the WAL of a route. */
typedef struct PgbSandboxScan
{
	List	   *copied;			/* of PgbCopiedDatabase */
	char	   *tablespace;		/* the place of the first tablespace that is made elsewhere, or NULL */
	uint64		tablespace_lsn;
	uint64		prepared;		/* LSN of the first prepared transaction; 0: none */
} PgbSandboxScan;

typedef struct PgbSandboxState
{
	PgbSandbox *sandbox;
	PgbResource resource;
	PgbRepository *repository;
	bool		with_filter;	/* false: without, as sandbox_filter.c says */
	PgbSandboxScan *scan;		/* NULL: there was nothing to look for */
	const PgbFileList *files;
	PgbInstructions *scope;
	char	   *directory;
	char	   *socket_directory;	/* as clients write it; known once it is started */
	PgbCrew    *crew;			/* that lays it down, or NULL */
	PgbSubprocess *server;		/* or NULL */
	PgbSubprocess *client;		/* psql, or NULL */
	PgbSandboxLog *log;
	uint64		reserve;		/* bytes that stay free in its file system */
	TimestampTz measured_at;	/* its size */
	struct PgbSandboxState *next;	/* of this process */
} PgbSandboxState;

/* ---- sandbox_filter.c ---- */

/* Is there a redo filter to be loaded, and may it be?  It may refuse when it is. */
extern bool pgb_sandbox_has_filter(void);

/* Says in the log that there is none, and why. */
extern void pgb_sandbox_tell_unfiltered(const char *why);

/*
 * Raises ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE when the replay of this WAL without the filter would
 * lead into the directories of the live server.
 */
extern void pgb_sandbox_check_unfiltered(const PgbSandboxScan *scan);

/* ---- sandbox_scan.c ---- */

/* Reads the WAL of a route; raises ERRCODE_DATA_CORRUPTED when it cannot be read to its end. */
extern PgbSandboxScan *pgb_sandbox_scan(PgbRepository *repository, const PgbRoute *route);

/* A database, and those whose files it was made of: OIDs. */
extern List *pgb_sandbox_sources(const PgbSandboxScan *scan, Oid database);

/* ---- sandbox_scope.c ---- */

/* Is the database in the backup, or younger? */
extern bool pgb_sandbox_is_in_backup(PgbRepository *repository, const PgbSandboxRequest *request);

/*
 * What is wanted, as the redo filter is told and as files are laid down.  Without the filter that is
 * everything.  Of a database that is younger than the backup the scan tells what it was made of; without one (NULL)
 * that is left out.  *names gets what the database was called in backups or is called now: Strings,
 * the likeliest first.
 */
extern PgbInstructions *pgb_sandbox_scope(PgbRepository *repository,
										  const PgbSandboxRequest *request, bool with_filter,
										  const PgbSandboxScan *scan, List **names);

/* Does it take this entry of the backup?  A PgbDataDirOptions.wants, whose arg are the instructions. */
extern bool pgb_sandbox_wants(const PgbFile *file, void *scope);

/* ---- sandbox_lay.c ---- */

/* How many bytes that are. */
extern uint64 pgb_sandbox_lay_size(const PgbFileList *files, PgbInstructions *scope);

/* Makes the directory and all that the backup has for it. */
extern void pgb_sandbox_lay_down(PgbSandboxState *state);

/* What a worker runs. */
extern PGDLLEXPORT void pgb_sandbox_lay_main(void *shared, int number);

/* ---- sandbox_settings.c ---- */

/*
 * Raises ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE with a hint when something is not installed that a
 * sandbox needs, with the filter or without: before anything is done.
 */
extern void pgb_sandbox_check_installed(void);

/* Is a library where the server looks for libraries? */
extern bool pgb_sandbox_has_library(const char *name);

/* The program that runs it. */
extern char *pgb_sandbox_program(void);

/* Its configuration, and the instructions of the redo filter. */
extern void pgb_sandbox_configure(const PgbSandboxState *state);

/* WAL that it keeps at the same time, at most: bytes. */
extern uint64 pgb_sandbox_wal_kept(const PgbSandboxRequest *request);

/* ---- sandbox_room.c ---- */

/* Free bytes for us in the file system of a path that exists. */
extern uint64 pgb_sandbox_free_bytes(const char *path);

/* Raises ERRCODE_DISK_FULL when there is no room for it; sets state->reserve. */
extern void pgb_sandbox_check_room(PgbSandboxState *state, uint64 needed);

/* Looks now and then at its size, and at what is left: raises ERRCODE_DISK_FULL. */
extern void pgb_sandbox_watch_room(PgbSandboxState *state, bool now);

pg_noreturn extern void pgb_sandbox_full(const PgbSandboxState *state, const char *detail);

/* Removes WAL that it has replayed and does not read again. */
extern void pgb_sandbox_trim_wal(const PgbSandboxState *state);

/* Removes a directory with all in it.  Raises nothing. */
extern void pgb_sandbox_erase(const char *path);

/* ---- sandbox_log.c ---- */

extern PgbSandboxLog *pgb_sandbox_log_open(const char *path);

/* Reads what is new. */
extern void pgb_sandbox_log_read(PgbSandboxLog *log);

/* The last lines, as text of this database's encoding. */
extern char *pgb_sandbox_log_words(const PgbSandboxLog *log);

/* ---- sandbox_server.c ---- */

extern void pgb_sandbox_server_start(PgbSandboxState *state);

/* Until it lets us connect, after its promotion. */
extern void pgb_sandbox_server_wait(PgbSandboxState *state);

/* Stops it, and waits until all of its processes are gone.  Raises nothing. */
extern void pgb_sandbox_server_stop(PgbSandboxState *state);

/* ---- sandbox_session.c ---- */

/*
 * First steps in it: finds the database by what it may be called, ends what was prepared, and
 * checks that nothing that was wanted was denied.
 */
extern void pgb_sandbox_enter(PgbSandboxState *state, List *names);

/* Raises if it has ended; sleeps a moment, with interrupts, or until a client (or NULL) has something to say. */
extern void pgb_sandbox_nap(PgbSandboxState *state, PgbSubprocess *client);

#endif							/* PGB_SANDBOX_WORK_H */
