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
	&cli_list, &cli_show, &cli_extract, &cli_cat, &cli_restore, &cli_verify, &cli_check, &cli_wal_get
};

/* ---- help ---- */

static void
print_options(const CliCommand *command)
{
	if (command->options == NULL || command->options->name == NULL)
		return;
	printf("\nOptions of %s:\n", command->name);
	for (const CliOption *option = command->options; option->name != NULL; option++)
	{
		char	   *letter = option->letter ? psprintf("-%c, ", option->letter) : "";
		char	   *form = psprintf("%s--%s%s%s", letter, option->name, option->value ? "=" : "",
									option->value ? option->value : "");

		printf("  %-28s %s\n", form, option->description);
	}
}

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
	printf("  --cluster=SYSTEM_IDENTIFIER  look only at this cluster's backups (also: --system)\n");
	for (int i = 0; i < lengthof(commands); i++)
		print_options(commands[i]);
	printf("\nOther options:\n");
	printf("  --output=text|json           for people (the default) or for programs\n");
	printf("  -V, --version                show the version, then exit\n");
	printf("  -?, --help                   show this help, then exit\n");
	printf("\nExit status: 0 if all went well, 1 after an error, 2 for a wrong command line; check has its own, and so has wal-get.\n");
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

static const struct option common_options[] = {
	{"repository", required_argument, NULL, 'r'},
	{"pgdata", required_argument, NULL, 'D'},
	{"cluster", required_argument, NULL, 'c'},
	{"system", required_argument, NULL, 'c'},
	{"output", required_argument, NULL, 'o'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, '?'},
};

/*
 * An option of a command, as it was given.  Which command it is follows later on the
 * line; until then options of all commands are taken.
 */
typedef struct GivenOption
{
	const char *name;
	const char *value;
} GivenOption;

#define FIRST_OF_COMMANDS	256

static GivenOption *given_options;
static int	ngiven = 0;

static bool
has_option(const struct option *options, int count, const char *name)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(options[i].name, name) == 0)
			return true;
	}
	return false;
}

/* The common ones, then those of all commands, each name once; ended by zeros. */
static struct option *
all_options(void)
{
	int			count = lengthof(common_options);
	struct option *all;

	for (int i = 0; i < lengthof(commands); i++)
	{
		for (const CliOption *o = commands[i]->options; o != NULL && o->name != NULL; o++)
			count++;
	}
	all = palloc0((count + 1) * sizeof(struct option));
	memcpy(all, common_options, sizeof(common_options));

	count = lengthof(common_options);
	for (int i = 0; i < lengthof(commands); i++)
	{
		for (const CliOption *o = commands[i]->options; o != NULL && o->name != NULL; o++)
		{
			if (has_option(all, count, o->name))
				continue;
			all[count].name = o->name;
			all[count].has_arg = o->value ? required_argument : no_argument;
			all[count].val = FIRST_OF_COMMANDS + count;
			count++;
		}
	}
	return all;
}

/* The letters of all of them, as getopt() wants them. */
static char *
all_letters(void)
{
	StringInfoData letters;

	initStringInfo(&letters);
	appendStringInfoString(&letters, "D:V");
	for (int i = 0; i < lengthof(commands); i++)
	{
		for (const CliOption *o = commands[i]->options; o != NULL && o->name != NULL; o++)
		{
			if (o->letter != 0 && strchr(letters.data, o->letter) == NULL)
				appendStringInfo(&letters, "%c%s", o->letter, o->value ? ":" : "");
		}
	}
	return letters.data;
}

/* The option of a command that this letter, or this value of all_options(), stands for; or NULL. */
static const char *
option_name(const struct option *long_options, int c)
{
	if (c >= FIRST_OF_COMMANDS)
		return long_options[c - FIRST_OF_COMMANDS].name;
	for (int i = 0; i < lengthof(commands); i++)
	{
		for (const CliOption *o = commands[i]->options; o != NULL && o->name != NULL; o++)
		{
			if (o->letter == c)
				return o->name;
		}
	}
	return NULL;
}

static bool
is_option_of(const CliCommand *command, const char *name)
{
	for (const CliOption *o = command->options; o != NULL && o->name != NULL; o++)
	{
		if (strcmp(o->name, name) == 0)
			return true;
	}
	return false;
}

/* More than there can be options. */
static size_t
count_characters(int argc, char **argv)
{
	size_t		count = 0;

	for (int i = 0; i < argc; i++)
		count += strlen(argv[i]) + 1;
	return count;
}

static void
give_options(const CliCommand *command)
{
	for (int i = 0; i < ngiven; i++)
	{
		if (!is_option_of(command, given_options[i].name))
			cli_usage_error("%s has no option --%s", command->name, given_options[i].name);
		command->accept(given_options[i].name, given_options[i].value);
	}
}

static void
parse_options(CliOptions *options, int argc, char **argv)
{
	const struct option *long_options = all_options();
	const char *letters = all_letters();
	const char *data_directory = NULL;
	int			c;

	/* a word can hold as many letters as it likes */
	given_options = palloc(sizeof(GivenOption) * count_characters(argc, argv));
	while ((c = getopt_long(argc, argv, letters, long_options, NULL)) != -1)
	{
		const char *name = option_name(long_options, c);

		if (name != NULL)
		{
			given_options[ngiven].name = name;
			given_options[ngiven++].value = optarg;
			continue;
		}
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
	if (options->nargs > command->nargs + command->more_args)
		cli_usage_error("too many arguments (first is \"%s\")",
						options->args[command->nargs + command->more_args]);
	give_options(command);
	if (options->json && !command->writes_json)
		cli_usage_error("%s does not write JSON", command->name);
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
	CliOptions	options = {0};
	const CliCommand *command;

	pgb_set_progname(PROGNAME);
	cli_set_program(argv[0]);
	answer_help_and_version(argc, argv);
	cli_wal_get_guard(argc, argv);
	parse_options(&options, argc, argv);
	command = take_command(&options);
	return finish_output(command->run(&options));
}
