/*-------------------------------------------------------------------------
 *
 * restore.h
 *	  pgbackup restore: what its parts share.
 *
 *	restore.c			the command: what is done in which order
 *	restore_options.c	what is asked for
 *	restore_place.c		is there a place for it, and room?
 *	restore_delta.c		what is there already, and may stay
 *	restore_settings.c	what the server is told: recovery settings, backup_manifest
 *	restore_wal.c		the WAL of the backup itself
 *
 * src/cli/restore.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RESTORE_H
#define PGB_RESTORE_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/team.h"
#include "repo/datadir.h"
#include "repo/window.h"

/*
 * The mark of a directory in which a restore was begun and has not ended.  It is there
 * before anything else is, and goes after pg_control has come.
 */
#define RESTORE_MARK		"pgbackup.restore"

typedef struct RestoreMapping
{
	const char *old_path;
	const char *new_path;
	bool		used;
} RestoreMapping;

typedef struct RestoreOptions
{
	const char *directory;		/* absolute */
	const char *backup;			/* id or NULL */
	PgbTarget	target;
	const char *target_text;	/* as it was given; NULL for the latest */
	const char *action;			/* or NULL */
	int			nmappings;
	RestoreMapping *mappings;
	int			jobs;
	bool		delta;
	bool		dry_run;
	bool		quiet;
} RestoreOptions;

typedef struct Restore
{
	RestoreOptions options;
	PgbRepository *repository;
	PgbRoute   *route;
	const PgbManifest *backup;
	PgbFileList *list;
	PgbDataDirOptions layout;
	bool		is_occupied;	/* the directory is there and not empty: with --delta only */
	bool	   *kept;			/* by index in the list, shared: the file is right as it is */
	uint64		total_bytes;	/* of all files */
	uint64		kept_bytes;
} Restore;

/* ---- restore_options.c ---- */

extern const CliOption restore_option_list[];
extern void restore_accept(const char *name, const char *value);

/* What was accepted, checked; exits with EXIT_USAGE if it makes no sense. */
extern RestoreOptions *restore_options(void);

/* "time 2026-02-19 15:30:00 UTC", "the end of the archive" and the like, palloc'd. */
extern char *restore_describe_target(const PgbTarget *target);

/* ---- restore_place.c ---- */

/* Chooses the places of the tablespaces: fills layout. */
extern void restore_choose_places(Restore *restore);

/* Raises unless all places can be used and have room.  Touches nothing. */
extern void restore_check_places(Restore *restore);

/* Makes the directories that are missing, and the mark. */
extern void restore_make_places(const Restore *restore);

/* ---- restore_delta.c ---- */

/* Finds the files that are right, and removes all that is not part of the backup. */
extern bool restore_delta(Restore *restore);

/* Raises unless the files that were to stay are still there. */
extern void restore_check_kept(const Restore *restore);

/* ---- restore_settings.c ---- */

/* Adds recovery settings to postgresql.auto.conf, and recovery.signal. */
extern void restore_write_settings(const Restore *restore);

/* Writes a standard backup_manifest. */
extern void restore_write_manifest(const Restore *restore);

/* Are these files of the backup left out, because restoring makes its own? */
extern bool restore_leaves_out(const PgbFile *file);

/* ---- restore_wal.c ---- */

/* The segments from the start to the end of the backup. */
extern int	restore_wal_count(const Restore *restore);

/* Fetches them, and the history of their timeline.  False as cli_team_run(). */
extern bool restore_fetch_wal(const Restore *restore);

#endif							/* PGB_RESTORE_H */
