/*-------------------------------------------------------------------------
 *
 * program.c
 *	  The client programs of the server's version, called by a job: which one,
 *	  how it connects, and what its words mean.
 *
 * src/server/program.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/logical/dump_session.h"
#include "server/program.h"
#include "utils/guc.h"
#include "utils/varlena.h"

extern char **environ;

/* ---- the connection ---- */

/* key='value', quoted as libpq's connection strings want it */
void
pgb_conninfo_add(StringInfo buf, const char *keyword, const char *value)
{
	appendStringInfo(buf, " %s='", keyword);
	for (; *value; value++)
	{
		if (*value == '\'' || *value == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, *value);
	}
	appendStringInfoChar(buf, '\'');
}

static char *
own_host(void)
{
	const char *setting = GetConfigOption("unix_socket_directories", false, false);
	List	   *directories;

	if (setting != NULL && SplitDirectoriesString(pstrdup(setting), ',', &directories) &&
		directories != NIL)
		return (char *) linitial(directories);
	return "localhost";
}

/*
 * Of a keyword that comes twice libpq takes the last: first what is usual, then
 * the setting, then what must be as we say.
 */
static char *
connection_string(const char *database, const char *options)
{
	StringInfoData buf;

	initStringInfo(&buf);
	pgb_conninfo_add(&buf, "host", own_host());
	pgb_conninfo_add(&buf, "port", psprintf("%d", PostPortNumber));
	pgb_conninfo_add(&buf, "user", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false));
	appendStringInfo(&buf, " %s", pgb_guc_conninfo);
	pgb_conninfo_add(&buf, "dbname", database);
	pgb_conninfo_add(&buf, "fallback_application_name", "pgbackup");
	pgb_conninfo_add(&buf, "options", options);
	return buf.data;
}

/* Ours, without what would change where libpq connects, or the language of its words. */
static char **
child_environment(void)
{
	char	  **environment;
	int			count = 0;

	while (environ[count] != NULL)
		count++;
	environment = palloc((count + 2) * sizeof(char *));
	count = 0;
	for (char **e = environ; *e != NULL; e++)
	{
		if ((strncmp(*e, "PG", 2) == 0 &&
			 strncmp(*e, "PGPASSFILE=", 11) != 0 &&
			 strncmp(*e, "PGSSL", 5) != 0) ||
			strncmp(*e, "LC_ALL=", 7) == 0 ||
			strncmp(*e, "LC_MESSAGES=", 12) == 0 ||
			strncmp(*e, "LANGUAGE=", 9) == 0)
			continue;
		environment[count++] = *e;
	}
	environment[count++] = "LC_MESSAGES=C";
	environment[count] = NULL;
	return environment;
}

/* ---- the program ---- */

char *
pgb_program_beside_server(const char *name)
{
	char		directory[MAXPGPATH];

	strlcpy(directory, my_exec_path, sizeof(directory));
	get_parent_directory(directory);
	return psprintf("%s/%s", directory, name);
}

static char *
program_path(const char *name)
{
	if (pgb_guc_bin_directory[0] != '\0')
		return psprintf("%s/%s", pgb_guc_bin_directory, name);
	return pgb_program_beside_server(name);
}

PgbProgram *
pgb_program_create(const char *name)
{
	PgbProgram *program = palloc0(sizeof(PgbProgram));

	program->name = name;
	pgb_program_add(program, program_path(name));
	return program;
}

void
pgb_program_add(PgbProgram *program, char *argument)
{
	if (program->count + 1 >= program->allocated)
	{
		program->allocated = Max(32, program->allocated * 2);
		if (program->arguments == NULL)
			program->arguments = palloc(program->allocated * sizeof(char *));
		else
			program->arguments = repalloc(program->arguments,
										  program->allocated * sizeof(char *));
	}
	program->arguments[program->count++] = argument;
	program->arguments[program->count] = NULL;
}

void
pgb_program_add_each(PgbProgram *program, const char *option, List *values)
{
	ListCell   *cell;

	foreach(cell, values)
		pgb_program_add(program, psprintf("%s=%s", option, (char *) lfirst(cell)));
}

static void
add_connection(PgbProgram *program, const char *conninfo)
{
	pgb_program_add(program, "--no-password");
	pgb_program_add(program, psprintf("--dbname=%s", conninfo));
}

PgbSubprocess *
pgb_program_ask(PgbProgram *program, const char *database, const char *options)
{
	if (database != NULL)
		add_connection(program, connection_string(database, options));
	return pgb_subprocess_ask(program->arguments, child_environment());
}

PgbSubprocess *
pgb_program_start_at(PgbProgram *program, const char *conninfo)
{
	add_connection(program, conninfo);
	return pgb_subprocess_start(program->arguments, child_environment());
}

PgbSubprocess *
pgb_program_start(PgbProgram *program, const char *database, const char *options)
{
	return pgb_program_start_at(program, connection_string(database, options));
}

/* ---- its words ---- */

/* What helps depends on what went wrong, which only its words tell. */
static const char *
hint_for(const char *words)
{
	if (strstr(words, "could not execute it") != NULL)
		return "Install the client programs of this server's version, or set pgbackup.bin_directory to where they are.";
	if (strstr(words, "pg_hba.conf") != NULL || strstr(words, "authentication failed") != NULL ||
		strstr(words, "no password supplied") != NULL)
		return "Let the server's own operating system user connect as a superuser through the local socket in pg_hba.conf, or set pgbackup.conninfo.";
	if (strstr(words, "too many clients") != NULL || strstr(words, "too many connections") != NULL ||
		strstr(words, "connection slots are reserved") != NULL)
		return "A backup needs two connections, and a restore as many as it has jobs: raise max_connections, or wait until other sessions have ended.";
	if (strstr(words, "connection option") != NULL || strstr(words, "connection info string") != NULL)
		return "Check pgbackup.conninfo: it holds keywords and values as libpq knows them, such as \"host=/tmp port=5432\".";
	/* a snapshot that another server does not know, as 15 says it and as later versions do */
	if (strstr(words, "invalid snapshot identifier") != NULL ||
		strstr(words, "ERROR:  snapshot \"") != NULL || strstr(words, PGB_JOB_IS_GONE) != NULL)
		return "Check pgbackup.conninfo: it must lead to this very server.";
	if (strstr(words, "connection to server") != NULL)
		return "Set pgbackup.conninfo so that pg_dump can connect to this server as a superuser.";
	if (strstr(words, "no matching") != NULL || strstr(words, "improper ") != NULL ||
		strstr(words, "cross-database references") != NULL)
		return "Check the patterns; they are those of psql's \\d commands, and unquoted names are folded to lower case.";
	if ((strstr(words, "LOCK TABLE") != NULL && strstr(words, "does not exist") != NULL) ||
		strstr(words, "could not open relation with OID") != NULL ||
		strstr(words, "cache lookup failed") != NULL)
		return "Run the backup again: what it needs was dropped or renamed while it began.";
	if (strstr(words, "is not available") != NULL || strstr(words, "extension control file") != NULL)
		return "Install the files of the extension on this server.";
	if (strncmp(words, "pg_restore", 10) == 0 && strstr(words, "does not exist") != NULL)
		return "The backup has only a part of its database, without what this needs: use another backup, or pg_restore.";
	if (strstr(words, "No space left") != NULL)
		return "Free space in the repository, or point pgbackup.repository to a larger place.";
	return NULL;
}

void
pgb_program_check(PgbSubprocess *process, const char *name)
{
	char	   *words = pgb_valid_text(pgb_subprocess_words(process));
	const char *hint;

	if (pgb_subprocess_succeeded(process))
	{
		if (words[0] != '\0')
			ereport(LOG,
					(errmsg("%s succeeded with remarks", name),
					 errdetail_internal("%s", words)));
		return;
	}

	/* who cancels us sends the signal to all of our process group */
	CHECK_FOR_INTERRUPTS();
	hint = hint_for(words);
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("%s failed: %s", name, pgb_subprocess_end_text(process)),
			 words[0] != '\0' ? errdetail_internal("%s", words) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
}
