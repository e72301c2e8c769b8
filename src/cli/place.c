/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Places: paths, the program itself, the directory beside a data directory.
 *
 * src/cli/place.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

char *
cli_absolute_path(const char *path)
{
	char	   *absolute;

	/* as of a variable of the shell that is not set: it must not mean the current directory */
	if (path[0] == '\0')
		cli_usage_error("the name of a directory must not be empty");
	absolute = make_absolute_path(path);
	if (absolute == NULL)		/* it has said why */
		exit(1);
	return absolute;
}

static const char *program = NULL;

void
cli_set_program(const char *argv0)
{
	program = argv0;
}

const char *
cli_program_path(void)
{
	char	   *path = palloc(MAXPGPATH);

	if (find_my_exec(program, path) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not find out where program \"%s\" is", program),
				 errhint("Call it with its whole path.")));
	return path;
}

#define DEFAULT_SUFFIX	"-pgbackup"

char *
cli_beside_data_directory(const char *data_directory)
{
	return psprintf("%s" DEFAULT_SUFFIX, cli_absolute_path(data_directory));
}

bool
cli_is_beside_data_directory(const char *repository)
{
	size_t		length = strlen(repository);

	return length > strlen(DEFAULT_SUFFIX) &&
		strcmp(repository + length - strlen(DEFAULT_SUFFIX), DEFAULT_SUFFIX) == 0;
}
