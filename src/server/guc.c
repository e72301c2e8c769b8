/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  The settings, and the repository they name.
 *
 * Paths and connections are settings of the server (SIGHUP): jobs run in other
 * processes than those that ask for them, and both must see the same.
 *
 * src/server/guc.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <limits.h>

#include "access/xlog.h"
#include "server/guc.h"
#include "server/place.h"
#include "server/retention/policy.h"
#include "server/schedule/failure.h"
#include "utils/guc.h"

char	   *pgb_guc_repository = NULL;
int			pgb_guc_jobs = 2;
int			pgb_guc_compression_level = 1;
int			pgb_guc_archive_workers = 1;
char	   *pgb_guc_conninfo = NULL;
char	   *pgb_guc_bin_directory = NULL;
char	   *pgb_guc_scratch_directory = NULL;
int			pgb_guc_history_days = 90;
char	   *pgb_guc_on_failure_command = NULL;
char	   *pgb_guc_retention_logical;
char	   *pgb_guc_retention_full;
char	   *pgb_guc_export_job = NULL;
int			pgb_guc_checkpoint = PGB_CHECKPOINT_FAST;
int			pgb_guc_max_rate = 0;
int			pgb_guc_archive_timeout = 300;
int			pgb_guc_redo_filter = PGB_REDO_FILTER_AUTO;

static const struct config_enum_entry redo_filter_options[] = {
	{"auto", PGB_REDO_FILTER_AUTO, false},
	{"off", PGB_REDO_FILTER_OFF, false},
	{NULL, 0, false}
};

static const struct config_enum_entry checkpoint_options[] = {
	{"fast", PGB_CHECKPOINT_FAST, false},
	{"spread", PGB_CHECKPOINT_SPREAD, false},
	{NULL, 0, false}
};

static bool
check_absolute_path(char **newval, void **extra, GucSource source)
{
	if (**newval != '\0' && !is_absolute_path(*newval))
	{
		GUC_check_errdetail("The path must be absolute.");
		return false;
	}
	if (strlen(*newval) >= MAXPGPATH / 2)
	{
		GUC_check_errdetail("The path must be shorter than %d bytes.", MAXPGPATH / 2);
		return false;
	}
	return true;
}

static bool
check_scratch_directory(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0')
	{
		GUC_check_errdetail("The directory must be named.");
		return false;
	}
	return check_absolute_path(newval, extra, source);
}

static bool
check_repository(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0')
	{
		GUC_check_errdetail("The repository must be named.");
		return false;
	}
	return check_absolute_path(newval, extra, source);
}

/* It is extended with more keywords, which an URI does not allow. */
static bool
check_conninfo(char **newval, void **extra, GucSource source)
{
	if (strncmp(*newval, "postgresql://", 13) == 0 || strncmp(*newval, "postgres://", 11) == 0)
	{
		GUC_check_errdetail("The connection must be given as keywords and values, such as \"host=/tmp port=5432\".");
		return false;
	}
	return true;
}

static bool
check_failure_command(char **newval, void **extra, GucSource source)
{
	const char *error = pgb_failure_command_error(*newval);

	if (error != NULL)
		GUC_check_errdetail("%s", error);
	return error == NULL;
}

static bool
check_retention(char **newval, void **extra, GucSource source)
{
	PgbPolicy	policy;
	char	   *error = pgb_policy_parse(*newval, &policy);

	if (error != NULL)
		GUC_check_errdetail("%s", error);
	return error == NULL;
}

/*
 * Beside the data directory.  The setting refers to its default for as long as the
 * process lives.
 */
static char *
beside_data_directory(const char *suffix)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	char	   *path = psprintf("%s%s", DataDir, suffix);

	MemoryContextSwitchTo(old);
	return path;
}

void
pgb_guc_define(void)
{
	DefineCustomStringVariable("pgbackup.repository",
							   "Directory of the backup repository.",
							   "Better on another machine's or at least another disk's file system than the data directory.",
							   &pgb_guc_repository,
							   beside_data_directory("-pgbackup"),
							   PGC_SIGHUP,
							   0,
							   check_repository, NULL, NULL);

	DefineCustomIntVariable("pgbackup.jobs",
							"Number of data workers of a backup, of staging, and of the restore of a database.",
							NULL,
							&pgb_guc_jobs,
							2, 1, 64,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("pgbackup.compression_level",
							"zstd compression level of backups and archived WAL.",
							NULL,
							&pgb_guc_compression_level,
							1, -7, 19,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("pgbackup.archive_workers",
							"Background workers that compress WAL ahead of the archiver, when some of it waits.",
							"0 leaves all to the archiver.",
							&pgb_guc_archive_workers,
							1, 0, 8,
							PGC_SIGHUP,
							0,
							NULL, NULL, NULL);

	DefineCustomStringVariable("pgbackup.conninfo",
							   "How the client programs connect to this server: pg_dump, pg_dumpall, pg_restore and psql.",
							   "Added to the default, which is the server's own socket and the bootstrap superuser. "
							   "The role must be a superuser.",
							   &pgb_guc_conninfo,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_conninfo, NULL, NULL);

	DefineCustomStringVariable("pgbackup.bin_directory",
							   "Directory of pg_dump, pg_dumpall, pg_restore and psql of this server's version.",
							   "Empty for the directory of the server's own program.",
							   &pgb_guc_bin_directory,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_absolute_path, NULL, NULL);

	DefineCustomStringVariable("pgbackup.scratch_directory",
							   "Directory for recoveries of single tables, and for the verification of base backups.",
							   "A recovery takes room for its tables, the catalogs of their database, and some WAL, "
							   "a verification for the whole cluster; both are removed at their ends.",
							   &pgb_guc_scratch_directory,
							   beside_data_directory("-pgbackup-scratch"),
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_scratch_directory, NULL, NULL);

	DefineCustomIntVariable("pgbackup.history_days",
							"Days for which the rows of pgbackup_runs and pgbackup_drops are kept.",
							"-1 keeps them for ever.",
							&pgb_guc_history_days,
							90, -1, 36500,
							PGC_SIGHUP,
							0,
							NULL, NULL, NULL);

	DefineCustomStringVariable("pgbackup.on_failure_command",
							   "Shell command that is run when a backup, restore, recovery or verification has failed.",
							   "%d is the database, %s the schedule, %b the backup, %r the number of the run, %m the message; "
							   "each comes quoted for the shell.",
							   &pgb_guc_on_failure_command,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_failure_command, NULL, NULL);

	DefineCustomStringVariable("pgbackup.retention_logical",
							   "How many logical backups of the same tables are kept.",
							   "Such as \"last=2 daily=7 weekly=4 monthly=12 yearly=3\"; empty: none is ever removed.",
							   &pgb_guc_retention_logical,
							   "",
							   PGC_SIGHUP,
							   0,
							   check_retention, NULL, NULL);

	DefineCustomStringVariable("pgbackup.retention_full",
							   "How many base backups are kept, and so how much WAL.",
							   "Such as \"last=2 daily=7 weekly=4 monthly=12 yearly=3\"; empty: none is ever removed.",
							   &pgb_guc_retention_full,
							   "",
							   PGC_SIGHUP,
							   0,
							   check_retention, NULL, NULL);

	DefineCustomEnumVariable("pgbackup.checkpoint",
							 "How the checkpoint goes with which a base backup begins.",
							 "fast is over soon; spread takes its time, as the server's own checkpoints do.",
							 &pgb_guc_checkpoint,
							 PGB_CHECKPOINT_FAST, checkpoint_options,
							 PGC_SIGHUP,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("pgbackup.max_rate",
							"How much a base backup reads in a second, all of its workers together.",
							"0 is no limit.",
							&pgb_guc_max_rate,
							0, 0, INT_MAX,
							PGC_SIGHUP,
							GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("pgbackup.archive_timeout",
							"How long a base backup waits for a WAL archive that takes nothing.",
							"A recovery of a table waits as long for the last WAL that it needs.",
							&pgb_guc_archive_timeout,
							300, 1, 86400,
							PGC_SIGHUP,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("pgbackup.redo_filter",
							 "Whether recoveries of single tables skip WAL of other relations.",
							 "auto does so where the filter can be loaded; off never does, for the tests.",
							 &pgb_guc_redo_filter,
							 PGB_REDO_FILTER_AUTO, redo_filter_options,
							 PGC_SIGHUP,
							 GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);

	/* how the session of pg_dump finds its job: see logical/dump_session.c */
	DefineCustomStringVariable("pgbackup.export_job",
							   "The backup job for which this session serves pg_dump.",
							   NULL,
							   &pgb_guc_export_job,
							   "",
							   PGC_SU_BACKEND,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   NULL, NULL, NULL);

	MarkGUCPrefixReserved("pgbackup");
}

PgbRepository *
pgb_server_repository(bool create)
{
	pgb_place_check(PGB_PLACE_BACKUPS, pgb_guc_repository);
	pgb_place_check(PGB_PLACE_WAL, pgb_guc_repository);
	return pgb_repository_open(pgb_guc_repository, GetSystemIdentifier(), create);
}

PgbManifest *
pgb_server_backup(const char *backup, PgbKind kind, const char *database,
				  PgbRepository **repository)
{
	const char *slash = strchr(backup, '/');
	uint64		cluster;

	/* what is no such name does not exist, as any other */
	if (slash == NULL || !pgb_cluster_from_folder(pnstrdup(backup, slash - backup), &cluster))
		cluster = GetSystemIdentifier();
	else
		backup = slash + 1;
	if (cluster != GetSystemIdentifier() && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to use the backups of another cluster")));

	*repository = pgb_repository_open(pgb_guc_repository, cluster, false);
	return pgb_catalog_get(*repository, backup, kind, database);
}
