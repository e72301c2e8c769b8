/*-------------------------------------------------------------------------
 *
 * check.c
 *	  pgbackup check: is all well with a repository?
 *
 * src/cli/check.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include "datatype/timestamp.h"
#include "repo/check.h"

static int64 max_age = 0;

/* ---- options ---- */

static const CliOption own_options[] = {
	{"max-age", "HOURS", "warn if the newest backup of a kind is older"},
	{NULL}
};

static void
accept(const char *name, const char *value)
{
	char	   *end;
	long		hours;

	errno = 0;
	hours = strtol(value, &end, 10);
	if (errno != 0 || *end != '\0' || end == value || hours < 1 || hours > 1000000)
		cli_usage_error("\"%s\" is not a number of hours", value);
	max_age = hours * USECS_PER_HOUR;
}

/* ---- findings ---- */

typedef struct Finding
{
	uint64		cluster;		/* 0: of the repository as a whole */
	char	   *name;
	PgbCheckStatus status;
	char	   *detail;
	char	   *hint;			/* or NULL */
	struct Finding *next;
} Finding;

typedef struct Findings
{
	uint64		cluster;		/* that is being looked at */
	PgbCheckStatus worst;
	Finding    *first;
	Finding   **end;			/* where the next one is put */
} Findings;

static void
add_finding(void *arg, const char *name, PgbCheckStatus status, const char *detail,
			const char *hint)
{
	Findings   *findings = arg;
	Finding    *finding = palloc0(sizeof(Finding));

	finding->cluster = findings->cluster;
	finding->name = pstrdup(name);
	finding->status = status;
	finding->detail = pstrdup(detail);
	finding->hint = hint != NULL ? pstrdup(hint) : NULL;
	findings->worst = Max(findings->worst, status);
	*findings->end = finding;
	findings->end = &finding->next;
}

static void
check_clusters(const CliOptions *options, Findings *findings)
{
	PgbRepository **repositories = cli_open(options);

	if (*repositories == NULL)
		add_finding(findings, "repository", PGB_CHECK_WARN,
					"The repository holds no cluster.", "The first backup makes a folder for its cluster.");
	for (; *repositories != NULL; repositories++)
	{
		PgbCheck	check = {0};

		check.repository = *repositories;
		check.max_age = max_age;
		check.report = add_finding;
		check.arg = findings;
		findings->cluster = (*repositories)->system_identifier;
		pgb_check(&check);
	}
}

/* A repository that cannot be read is a finding, and not a program that does not work. */
static void
check_all(const CliOptions *options, Findings *findings)
{
	PG_TRY();
	{
		check_clusters(options, findings);
	}
	PG_CATCH();
	{
		ErrorData  *error = CopyErrorData();

		FlushErrorState();
		add_finding(findings, "repository", PGB_CHECK_FAIL,
					error->detail == NULL ? error->message :
					psprintf("%s: %s", error->message, error->detail),
					error->hint);
	}
	PG_END_TRY();
}

/* ---- for people ---- */

static void
print_findings(const CliOptions *options, const Findings *findings)
{
	uint64		cluster = 0;

	printf("Repository %s\n", cli_printable(options->repository));
	for (const Finding *f = findings->first; f != NULL; f = f->next)
	{
		if (f->cluster != cluster)
			printf("\nCluster " UINT64_FORMAT ":\n", f->cluster);
		cluster = f->cluster;
		printf("%-4s  %-10s  %s\n", pgb_check_status_name(f->status), f->name,
			   cli_printable(f->detail));
		if (f->hint != NULL)
			printf("                  %s\n", cli_printable(f->hint));
	}
}

/* ---- for programs ---- */

static void
print_json(const CliOptions *options, const Findings *findings)
{
	PgbJsonWriter *w = cli_json_begin(options);

	pgb_json_string(w, "status", pgb_check_status_name(findings->worst));
	pgb_json_array(w, "checks");
	for (const Finding *f = findings->first; f != NULL; f = f->next)
	{
		pgb_json_inline_object(w, NULL);
		if (f->cluster != 0)
			pgb_json_string(w, "system_identifier", psprintf(UINT64_FORMAT, f->cluster));
		pgb_json_string(w, "name", f->name);
		pgb_json_string(w, "status", pgb_check_status_name(f->status));
		pgb_json_string(w, "detail", f->detail);
		pgb_json_string(w, "hint", f->hint);
		pgb_json_end_inline_object(w);
	}
	pgb_json_end_array(w);
	cli_json_end(w);
}

/* ---- the command ---- */

/* 0, 1 or 2: ok, warn or fail. */
static int
run(const CliOptions *options)
{
	Findings	findings = {0};

	findings.end = &findings.first;
	check_all(options, &findings);
	if (options->json)
		print_json(options, &findings);
	else
		print_findings(options, &findings);
	return (int) findings.worst;
}

const CliCommand cli_check = {
	.name = "check",
	.arguments = "",
	.description = "look whether all is well: exit status 0 ok, 1 warnings, 2 failures",
	.nargs = 0,
	.options = own_options,
	.accept = accept,
	.writes_json = true,
	.run = run,
};
