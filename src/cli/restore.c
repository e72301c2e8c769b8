/*-------------------------------------------------------------------------
 *
 * restore.c
 *	  pgbackup restore: a cluster from a base backup, to be recovered to a target.
 *
 * Everything that can be known to fail is found out before anything is touched.  After
 * that, the mark (RESTORE_MARK) is in the directory and pg_control is not: whatever happens
 * in between, no server starts there, and --delta can go on.
 *
 * src/cli/restore.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/restore.h"

#include <sys/stat.h>
#include <unistd.h>

#include "repo/datadir_file.h"

/* ---- what is restored ---- */

static PgbRepository *
choose_repository(const CliOptions *options)
{
	PgbRepository **repositories = cli_open(options);
	StringInfoData others;

	if (repositories[0] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no backup in \"%s\"", options->repository)));
	if (repositories[1] == NULL)
		return repositories[0];

	initStringInfo(&others);
	for (; *repositories != NULL; repositories++)
		appendStringInfo(&others, "%s" UINT64_FORMAT, others.len > 0 ? ", " : "",
						 (*repositories)->system_identifier);
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("repository \"%s\" holds several clusters", options->repository),
			 errdetail("The clusters are: %s.", others.data),
			 errhint("Choose one with --cluster.")));
	return NULL;				/* not reached */
}

static void
find(Restore *restore, const CliOptions *options)
{
	restore->options = *restore_options();
	restore->repository = choose_repository(options);
	restore->route = pgb_route_find(restore->repository, &restore->options.target,
									restore->options.backup);
	/* From here on nobody removes it, until the last of our processes has ended. */
	restore->backup = pgb_catalog_get(restore->repository, restore->route->backup->id,
									  PGB_ANY_KIND, NULL);
	restore->list = pgb_file_list_read(restore->repository, restore->backup);
	for (int i = 0; i < restore->list->count; i++)
		restore->total_bytes += restore->list->files[i].size;
}

/* ---- files ---- */

/* What the workers have in common. */
typedef struct Laying
{
	const PgbDataDir *plan;
	PgbDataDirShared *shared;
	CliProgress progress;
} Laying;

static bool
is_wanted(const PgbFile *file, void *arg)
{
	const Restore *restore = arg;

	if (restore_leaves_out(file))
		return false;
	return restore->kept == NULL || !restore->kept[file - restore->list->files];
}

static void
lay(void *arg)
{
	const Laying *laying = arg;
	PgbDataDirWorker *worker = pgb_datadir_worker_create(laying->plan, laying->shared);

	while (pgb_datadir_work(worker))
		cli_team_check();
}

static void
watch(void *arg)
{
	Laying	   *laying = arg;

	cli_progress_show(&laying->progress, pgb_counter_read(&laying->shared->bytes_done));
}

static bool
lay_down(const Restore *restore, const PgbDataDir *plan)
{
	Laying		laying = {plan, cli_shared_memory(pgb_datadir_shared_size(plan))};
	CliTeam		team = {restore->options.jobs, lay, watch, &laying};
	bool		done;

	pgb_datadir_begin(plan);
	cli_progress_begin(&laying.progress, "restoring", plan->bytes, restore->options.quiet);
	done = cli_team_run(&team);
	cli_progress_end(&laying.progress);
	if (done)
		pgb_datadir_complete(plan, laying.shared);
	return done;
}

/* ---- the end ---- */

/* PostgreSQL takes it from the data directory whether a group may read it. */
static void
open_to_group(const Restore *restore)
{
	const PgbFile *control = pgb_file_list_find(restore->list, PGB_CONTROL_PATH);
	mode_t		mode = S_IRWXU;

	if (control != NULL && (control->mode & S_IRGRP) != 0)
		mode |= S_IRGRP | S_IXGRP;
	if (chmod(restore->options.directory, mode) != 0)
		pgb_target_report("set the permissions of", restore->options.directory);
}

static void
remove_mark(const Restore *restore)
{
	char	   *mark = psprintf("%s/%s", restore->options.directory, RESTORE_MARK);

	if (unlink(mark) != 0)
		pgb_target_report("remove", mark);
	pgb_target_sync(restore->options.directory);
}

/* Returns false when a process of a team has failed, and said why. */
static bool
perform(Restore *restore)
{
	PgbDataDir *plan;

	if (restore->is_occupied && !restore_delta(restore))
		return false;

	restore->layout.wants = is_wanted;
	restore->layout.wants_arg = restore;
	plan = pgb_datadir_plan(restore->repository, restore->backup, restore->list,
							&restore->layout);
	if (!lay_down(restore, plan) || !restore_fetch_wal(restore))
		return false;
	restore_write_settings(restore);
	restore_write_manifest(restore);
	open_to_group(restore);
	restore_check_kept(restore);
	cli_check_stop();
	pgb_datadir_seal(plan);
	remove_mark(restore);
	return true;
}

/* An error tells what to do with what is there now. */
static void
perform_or_explain(Restore *restore)
{
	volatile bool done = false;

	PG_TRY();
	{
		done = perform(restore);
	}
	PG_CATCH();
	{
		pgb_print_error();
		FlushErrorState();
	}
	PG_END_TRY();
	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("the restore of backup \"%s\" to \"%s\" has not ended",
						restore->backup->id, restore->options.directory),
				 errdetail("No server can be started there."),
				 errhint("Run the same command with --delta to go on, or with --backup to use another backup, or remove the directory.")));
}

/* ---- what is said ---- */

static char *
shell_word(const char *word)
{
	StringInfoData out;

	if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")] == '\0')
		return pstrdup(word);
	initStringInfo(&out);
	appendStringInfoChar(&out, '\'');
	for (; *word != '\0'; word++)
	{
		if (*word == '\'')
			appendStringInfoString(&out, "'\\''");
		else
			appendStringInfoChar(&out, *word);
	}
	appendStringInfoChar(&out, '\'');
	return out.data;
}

static void
tell_plan(const Restore *restore)
{
	const PgbTarget *target = &restore->options.target;

	printf("Backup %s of cluster " UINT64_FORMAT ", %s in " UINT64_FORMAT " files, is to go to \"%s\".\n",
		   restore->backup->id, restore->repository->system_identifier,
		   cli_size(restore->total_bytes), restore->backup->base->file_count,
		   cli_printable(restore->options.directory));
	printf("Target: %s, on timeline %u.\n", cli_printable(restore_describe_target(target)),
		   restore->route->timeline);
	for (int i = 0; i < restore->layout.nplaces; i++)
		printf("Tablespace %u: \"%s\".\n", restore->layout.places[i].oid,
			   cli_printable(restore->layout.places[i].path));
	fflush(stdout);
}

static const char *
what_follows(const Restore *restore)
{
	const char *action = restore->options.action;

	if (action == NULL || strcmp(action, "promote") == 0)
		return "ends recovery, and goes on as a server of its own, on a new timeline";
	if (strcmp(action, "shutdown") == 0)
		return "shuts down";
	return "pauses, which SELECT pg_get_wal_replay_pause_state() tells: it can be read then, and SELECT pg_wal_replay_resume() ends recovery";
}

static void
tell_result(const Restore *restore, int64 began_at)
{
	int64		micros = pgb_now() - began_at;
	uint64		written = restore->total_bytes - restore->kept_bytes;

	printf("Restored %s in %s", cli_size(written), cli_duration(micros));
	if (restore->is_occupied)
		printf(", %s were right as they were", cli_size(restore->kept_bytes));
	printf(".\n");
	if (restore->backup->base->damaged_pages > 0)
		printf("The backup has " UINT64_FORMAT " pages whose checksum was wrong already when it was made.\n",
			   restore->backup->base->damaged_pages);
	if (pgb_file_list_find(restore->list, "postgresql.conf") == NULL)
		printf("The backup holds no postgresql.conf: the server kept it elsewhere, and needs it to be named with -o \"-c config_file=...\".\n");
	printf("Start the server with: pg_ctl -D %s start\n",
		   shell_word(restore->options.directory));
	printf("It replays WAL from %s on (%d segments), as far as %s, and then %s.\n",
		   pgb_lsn_to_text(restore->backup->start_lsn), restore->route->nsegments,
		   cli_printable(restore_describe_target(&restore->options.target)),
		   what_follows(restore));
}

/* ---- the command ---- */

static int
run(const CliOptions *options)
{
	Restore		restore = {0};
	int64		began_at = pgb_now();

	find(&restore, options);
	restore_choose_places(&restore);
	restore_check_places(&restore);
	if (!restore.options.quiet)
		tell_plan(&restore);
	if (restore.options.dry_run)
		return 0;

	cli_stop_by_signals();
	restore_make_places(&restore);
	perform_or_explain(&restore);
	if (!restore.options.quiet)
		tell_result(&restore, began_at);
	return 0;
}

const CliCommand cli_restore = {
	.name = "restore",
	.arguments = "",
	.description = "restore a cluster from a base backup, to be recovered to a target",
	.nargs = 0,
	.options = restore_option_list,
	.accept = restore_accept,
	.run = run,
};
