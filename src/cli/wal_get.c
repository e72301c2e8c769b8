/*-------------------------------------------------------------------------
 *
 * wal_get.c
 *	  pgbackup wal-get: the restore_command.
 *
 * PostgreSQL takes an exit status from 1 to 125 as "there is no such file", and ends
 * recovery there: status 1 is given only for a file that is proven to be missing, and
 * everything else that goes wrong, be it a wrong option, gives one that stops the server.  So does
 * a missing one that pgbackup restore has seen on the way to the target: it was removed since.
 *
 * src/cli/wal_get.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include <unistd.h>

#include "cli/spool.h"

#define EXIT_MISSING		1
#define EXIT_TROUBLE		255

/* So many segments are fetched before recovery asks for them. */
#define DEFAULT_AHEAD		8
#define MAX_AHEAD			64

#define TIMELINE_DIGITS		8

/* A stretch of segments, of one timeline, that recovery cannot do without. */
typedef struct Needed
{
	const char *first;
	const char *last;
	struct Needed *next;
} Needed;

static int	ahead = DEFAULT_AHEAD;
static bool clean = false;
static const char *last = NULL;
static Needed *needed = NULL;

/* ---- the exit status ---- */

static int	verdict = EXIT_TROUBLE;

/* Whoever ends the program with whatever status: this one counts. */
static void
end_with_verdict(void)
{
	fflush(NULL);
	_exit(verdict);
}

static int
exit_with(int status)
{
	verdict = status;
	return status;
}

void
cli_wal_get_guard(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], cli_wal_get.name) == 0)
		{
			atexit(end_with_verdict);
			return;
		}
	}
}

/* ---- options ---- */

static const CliOption own_options[] = {
	{"ahead", "N", "fetch so many segments before they are asked for (default 8; 0: none)"},
	{"last", "SEGMENT", "what follows this segment is not to be had, on any timeline"},
	{"needed", "FIRST-LAST", "none of these segments of one timeline can be missing: to find one missing is an error; may be repeated"},
	{"clean", NULL, "remove what was fetched ahead: for recovery_end_command"},
	{NULL}
};

static bool
is_segment(const char *text)
{
	PgbWalName	parsed;

	return pgb_wal_name_parse(text, 0, &parsed) && parsed.kind == PGB_WAL_SEGMENT;
}

static void
accept_needed(const char *value)
{
	Needed	   *range = palloc(sizeof(Needed));
	char	   *first = pstrdup(value);
	char	   *dash = strchr(first, '-');

	if (dash != NULL)
		*dash = '\0';
	if (dash == NULL || !is_segment(first) || !is_segment(dash + 1) ||
		strncmp(first, dash + 1, TIMELINE_DIGITS) != 0)
		cli_usage_error("\"%s\" is not a range of WAL segments of one timeline", value);
	range->first = first;
	range->last = dash + 1;
	range->next = needed;
	needed = range;
}

static void
accept(const char *name, const char *value)
{
	char	   *end;

	if (strcmp(name, "clean") == 0)
	{
		clean = true;
		return;
	}
	if (strcmp(name, "last") == 0)
	{
		if (!is_segment(value))
			cli_usage_error("\"%s\" is not the name of a WAL segment", value);
		last = value;
		return;
	}
	if (strcmp(name, "needed") == 0)
	{
		accept_needed(value);
		return;
	}
	errno = 0;
	ahead = strtol(value, &end, 10);
	if (errno != 0 || *end != '\0' || end == value || ahead < 0 || ahead > MAX_AHEAD)
		cli_usage_error("\"%s\" is not a number of segments from 0 to %d", value, MAX_AHEAD);
}

/* ---- the command ---- */

/*
 * Of the one cluster that there is, if none is named.  One that the repository knows nothing of
 * proves nothing about its WAL.
 */
static PgbRepository *
open_repository(const CliOptions *options)
{
	PgbRepository **repositories = cli_open(options);

	if (repositories[0] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("repository \"%s\" holds no cluster", options->repository)));
	if (repositories[1] != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("repository \"%s\" holds several clusters", options->repository),
				 errhint("Say which with --cluster.")));
	return repositories[0];
}

/* In a name the timeline comes first, and then the place in the WAL. */
static bool
is_after_last(const PgbWalName *name)
{
	return last != NULL && name->kind == PGB_WAL_SEGMENT &&
		strcmp(name->text + TIMELINE_DIGITS, last + TIMELINE_DIGITS) > 0;
}

/* The names of a timeline's segments sort by number. */
static bool
is_needed(const PgbWalName *name)
{
	for (const Needed *range = needed; range != NULL; range = range->next)
	{
		if (name->kind == PGB_WAL_SEGMENT &&
			strcmp(name->text, range->first) >= 0 && strcmp(name->text, range->last) <= 0)
			return true;
	}
	return false;
}

/* The status for a file that is proven to be missing. */
static int
missing(const PgbWalName *name)
{
	if (is_needed(name))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("WAL segment \"%s\" is no longer in the archive", name->text),
				 errdetail("It was there when this cluster was restored, and lies on the way to the target: recovery would end too early."),
				 errhint("Bring it back into the archive, or restore again. If the server has it in pg_wal from before a restart, or recovery has ended long since, take --needed out of restore_command.")));
	return exit_with(EXIT_MISSING);
}

static int
get(const CliOptions *options, const char *file, const char *path)
{
	PgbRepository *repository = open_repository(options);
	Spool	   *spool = spool_find(repository, path);
	PgbWalName	name;

	if (!pgb_wal_name_parse(file, 0, &name))
		cli_usage_error("\"%s\" is not the name of a file that PostgreSQL archives", file);
	if (is_after_last(&name))
		return exit_with(EXIT_MISSING);
	if (name.kind != PGB_WAL_SEGMENT)
		spool = NULL;

	if (spool == NULL || !spool_take(spool, &name, path))
	{
		if (!pgb_wal_fetch(repository, &name, path))
			return missing(&name);
	}
	if (spool != NULL && ahead > 0)
		spool_delivered(spool, &name, path, ahead);
	return exit_with(0);
}

static int
run(const CliOptions *options)
{
	if (clean)
	{
		spool_remove(spool_find(NULL, "pg_wal/"));
		return exit_with(0);
	}
	if (options->nargs != 2)
		cli_usage_error("%s takes the name of a file, and the path to write it to",
						cli_wal_get.name);
	return get(options, options->args[0], options->args[1]);
}

const CliCommand cli_wal_get = {
	.name = "wal-get",
	.arguments = " FILE PATH",
	.description = "fetch a file of the WAL archive: the restore_command",
	.nargs = 0,
	.more_args = 2,
	.options = own_options,
	.accept = accept,
	.run = run,
};
