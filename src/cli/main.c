/*-------------------------------------------------------------------------
 *
 * main.c
 *	  The pgbackup program: what can be done without a server.
 *
 * src/cli/main.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include <unistd.h>

#include "getopt_long.h"

#define PROGNAME	"pgbackup"
#define MAX_JOBS	1000

static const CliCommand *const commands[] = {
	&cli_list, &cli_show, &cli_extract, &cli_cat,
};

/* ---- help ---- */

static void
print_help(void)
{
	printf("%s reads the repository of the PostgreSQL extension pgbackup, with the server up or down.\n\n",
		   PROGNAME);
	printf("Usage:\n");
	for (int i = 0; i < lengthof(commands); i++)
		printf("  %s %s%s [OPTION]...\n", PROGNAME, commands[i]->name, commands[i]->arguments);
	printf("\nCommands:\n");
	for (int i = 0; i < lengthof(commands); i++)
		printf("  %-8s %s\n", commands[i]->name, commands[i]->description);
	printf("\nWhere the repository is (by default, beside the data directory that PGDATA names):\n");
	printf("  --repository=DIR             the repository itself\n");
	printf("  -D, --pgdata=DIR             the data directory that has it beside it, as DIR-pgbackup\n");
	printf("  --cluster=SYSTEM_IDENTIFIER  look only at this cluster's backups\n");
	printf("\nOptions of extract and cat:\n");
	printf("  -t, --table=NAME             only this table: a name as in SQL; extract takes several, and patterns\n");
	printf("                               with * and ?, and what belongs to the tables comes along\n");
	printf("  --to=DIR                     an empty directory, or one that does not exist yet\n");
	printf("  -j, --jobs=NUMBER            so many processes at once (default: 1)\n");
	printf("  --with-dependencies          with --table, also what the tables need: schemas, types, functions\n");
	printf("\nOther options:\n");
	printf("  --output=text|json           for people (the default) or for programs\n");
	printf("  -V, --version                show the version, then exit\n");
	printf("  -?, --help                   show this help, then exit\n");
	printf("\nExit status: 0 if all went well, 1 after an error, 2 for a wrong command line.\n");
}

void
cli_usage_error(const char *fmt,...)
{
	va_list		args;

	fprintf(stderr, "%s: error: ", PROGNAME);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n%s: hint: Try \"%s --help\".\n", PROGNAME, PROGNAME);
	exit(EXIT_USAGE);
}

/* ---- the command line ---- */

static uint64
parse_cluster(const char *text)
{
	uint64		cluster;

	if (!pgb_cluster_from_folder(text, &cluster))
		cli_usage_error("\"%s\" is not a system identifier", text);
	return cluster;
}

static bool
parse_output(const char *text)
{
	if (strcmp(text, "json") == 0)
		return true;
	if (strcmp(text, "text") != 0)
		cli_usage_error("\"%s\" is not an output format: text or json", text);
	return false;
}

static int
parse_jobs(const char *text)
{
	char	   *end;
	long		jobs = strtol(text, &end, 10);

	if (*end != '\0' || jobs < 1 || jobs > MAX_JOBS)
		cli_usage_error("\"%s\" is not a number of jobs: 1 to %d", text, MAX_JOBS);
	return (int) jobs;
}

static void
add_table(CliOptions *options, const char *name)
{
	size_t		size = (options->ntables + 1) * sizeof(char *);

	options->tables = options->tables == NULL ? palloc(size) : repalloc(options->tables, size);
	options->tables[options->ntables++] = name;
}

/* Remembers an option that not all commands have. */
static void
note_given(CliOptions *options, char name)
{
	if (strchr(options->given, name) == NULL)
		options->given[strlen(options->given)] = name;
}

static void
parse_options(CliOptions *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"repository", required_argument, NULL, 'r'},
		{"pgdata", required_argument, NULL, 'D'},
		{"cluster", required_argument, NULL, 'c'},
		{"output", required_argument, NULL, 'o'},
		{"table", required_argument, NULL, 't'},
		{"to", required_argument, NULL, 'T'},
		{"jobs", required_argument, NULL, 'j'},
		{"with-dependencies", no_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, '?'},
		{NULL, 0, NULL, 0}
	};
	const char *data_directory = NULL;
	int			c;

	while ((c = getopt_long(argc, argv, "D:Vt:j:", long_options, NULL)) != -1)
	{
		switch (c)
		{
			case 'r':
				options->repository = cli_absolute_path(optarg);
				break;
			case 'D':
				data_directory = optarg;
				break;
			case 'c':
				options->cluster = parse_cluster(optarg);
				break;
			case 'o':
				options->json = parse_output(optarg);
				note_given(options, 'o');
				break;
			case 't':
				add_table(options, optarg);
				note_given(options, 't');
				break;
			case 'T':
				options->to = cli_absolute_path(optarg);
				note_given(options, 'T');
				break;
			case 'j':
				options->jobs = parse_jobs(optarg);
				note_given(options, 'j');
				break;
			case 'd':
				options->with_dependencies = true;
				note_given(options, 'd');
				break;
			default:			/* getopt_long() has said what is wrong */
				fprintf(stderr, "%s: hint: Try \"%s --help\".\n", PROGNAME, PROGNAME);
				exit(EXIT_USAGE);
		}
	}
	options->nargs = argc - optind;
	options->args = argv + optind;

	if (options->repository != NULL && data_directory != NULL)
		cli_usage_error("--repository and --pgdata exclude each other");
	if (data_directory == NULL)
		data_directory = getenv("PGDATA");
	if (options->repository == NULL && data_directory != NULL && data_directory[0] != '\0')
		options->repository = cli_beside_data_directory(data_directory);
}

/* --help and --version win over everything else on the line, as usual. */
static void
answer_help_and_version(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--") == 0)
			return;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-?") == 0)
		{
			print_help();
			exit(0);
		}
		if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0)
		{
			printf("%s %s\n", PROGNAME, PGBACKUP_VERSION);
			exit(0);
		}
	}
}

static const CliCommand *
find_command(const char *name)
{
	for (int i = 0; i < lengthof(commands); i++)
	{
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	cli_usage_error("there is no command \"%s\"", name);
}

static const char *
option_name(char name)
{
	switch (name)
	{
		case 'o':
			return "--output";
		case 't':
			return "--table";
		case 'T':
			return "--to";
		case 'j':
			return "--jobs";
		default:
			return "--with-dependencies";
	}
}

static void
check_given(const CliOptions *options, const CliCommand *command)
{
	for (const char *name = options->given; *name != '\0'; name++)
	{
		if (strchr(command->options, *name) == NULL)
			cli_usage_error("pgbackup %s takes no %s", command->name, option_name(*name));
	}
}

static const CliCommand *
take_command(CliOptions *options)
{
	const CliCommand *command;

	if (options->nargs == 0)
		cli_usage_error("no command given");
	command = find_command(options->args[0]);
	options->nargs--;
	options->args++;

	if (options->nargs < command->nargs)
		cli_usage_error("usage: %s %s%s [OPTION]...", PROGNAME, command->name, command->arguments);
	if (options->nargs > command->nargs)
		cli_usage_error("too many arguments (first is \"%s\")", options->args[command->nargs]);
	check_given(options, command);
	if (options->repository == NULL)
		cli_usage_error("no repository given: use --repository or --pgdata, or set PGDATA");
	return command;
}

/* Output that is lost is an error, like any other. */
static int
finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not write to standard output: %m")));
	return 1;					/* not reached */
}

int
main(int argc, char **argv)
{
	CliOptions	options = {.jobs = 1};
	const CliCommand *command;

	pgb_set_progname(PROGNAME);
	answer_help_and_version(argc, argv);
	parse_options(&options, argc, argv);
	command = take_command(&options);
	return finish_output(command->run(&options));
}
