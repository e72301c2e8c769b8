/*-------------------------------------------------------------------------
 *
 * sandbox_session.c
 *	  First steps in a sandbox that has reached its target, by psql.
 *
 *	- Its database may have been renamed: of what it may be called, one name leads to it.
 *	- What was prepared and not committed at the target would hold its locks for ever, so it is
 *	  rolled back, which changes nothing of what is seen.
 *	- A number of a file may, after billions of others, be used again.  A wanted relation whose
 *	  file was denied would be read as empty, so that is looked at.
 *
 * src/server/recovery/sandbox_session.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <ctype.h>

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "repo/datadir_file.h"
#include "server/program.h"
#include "server/recovery/sandbox_work.h"
#include "utils/guc.h"

#define ANSWER_LIMIT	((uint64) 1024 * 1024 * 1024)

/*
 * We are a superuser there, and with that the server's user of the operating system.  Nothing that a
 * database or a role is set to may run code, as that of a user's operator in the place of the server's
 * own, or keep us from looking into it: these settings have the last word.
 */
#define SANDBOX_SESSION_SETTINGS \
	PGB_SESSION_SETTINGS " -c default_transaction_read_only=off -c search_path=" \
	" -c session_preload_libraries= -c local_preload_libraries= -c session_replication_role=replica" \
	" -c default_transaction_isolation=read\\ committed -c row_security=off -c zero_damaged_pages=off" \
	" -c ignore_checksum_failure=off -c max_parallel_workers_per_gather=0"

/* A job is in no transaction here, and a backend is. */
static char *
superuser_name(void)
{
	MemoryContext context = CurrentMemoryContext;
	bool		is_job = !IsTransactionState();
	char	   *name;

	if (is_job)
		StartTransactionCommand();
	MemoryContextSwitchTo(context);
	name = GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false);
	if (is_job)
		CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return name;
}

/* White space would end it. */
static void
add_option(StringInfo options, const char *name, const char *value)
{
	appendStringInfo(options, " -c %s=", name);
	for (; *value != '\0'; value++)
	{
		if (isspace((unsigned char) *value) || *value == '\\')
			appendStringInfoChar(options, '\\');
		appendStringInfoChar(options, *value);
	}
}

/* The text of money depends on lc_monetary; who reads it has that of the live database (stage_role.c). */
static char *
session_settings(void)
{
	const char *lc_monetary = GetConfigOptionResetString("lc_monetary");
	StringInfoData options;

	initStringInfo(&options);
	appendStringInfoString(&options, SANDBOX_SESSION_SETTINGS);
	if (lc_monetary != NULL)
		add_option(&options, "lc_monetary", lc_monetary);
	return options.data;
}

static char *
conninfo_of(const PgbSandboxState *state)
{
	StringInfoData conninfo;

	initStringInfo(&conninfo);
	pgb_conninfo_add(&conninfo, "host", state->socket_directory);
	pgb_conninfo_add(&conninfo, "port", psprintf("%d", SANDBOX_PORT));
	pgb_conninfo_add(&conninfo, "user", superuser_name());
	pgb_conninfo_add(&conninfo, "fallback_application_name", "pgbackup");
	pgb_conninfo_add(&conninfo, "options", session_settings());
	return conninfo.data + 1;
}

static char *
path_in(const PgbSandboxState *state, const char *name)
{
	return psprintf("%s/%s", state->directory, name);
}

/* Runs a script in a database of the sandbox; true if psql has succeeded. */
static bool
run_psql(PgbSandboxState *state, const char *database, const char *script)
{
	PgbProgram *program = pgb_program_create("psql");
	StringInfoData conninfo;
	bool		succeeded;

	pgb_target_write(path_in(state, SANDBOX_SQL), S_IRUSR | S_IWUSR, script, strlen(script), true);
	initStringInfo(&conninfo);
	appendStringInfoString(&conninfo, state->sandbox->conninfo);
	pgb_conninfo_add(&conninfo, "dbname", database);
	pgb_program_add(program, "--no-psqlrc");
	pgb_program_add(program, "--quiet");
	pgb_program_add(program, "--no-align");
	pgb_program_add(program, "--tuples-only");
	pgb_program_add(program, "--set=ON_ERROR_STOP=1");
	pgb_program_add(program, psprintf("--output=%s", path_in(state, SANDBOX_ANSWER)));
	pgb_program_add(program, psprintf("--file=%s", path_in(state, SANDBOX_SQL)));

	pgb_subprocess_stop(state->client);
	state->client = pgb_program_start_at(program, conninfo.data);
	while (!pgb_subprocess_ended(state->client))
		pgb_sandbox_nap(state, state->client);

	/* a cancel ends psql, too: that is no answer of the sandbox */
	CHECK_FOR_INTERRUPTS();
	succeeded = pgb_subprocess_succeeded(state->client);
	return succeeded;
}

static char *
answer(const PgbSandboxState *state)
{
	size_t		length;
	char	   *text = pgb_target_read(path_in(state, SANDBOX_ANSWER), ANSWER_LIMIT, &length);

	return text == NULL ? pstrdup("") : text;
}

/* ---- the database ---- */

static bool
is_database(PgbSandboxState *state, const char *name)
{
	Oid			oid = state->sandbox->request.database;

	if (state->sandbox->request.is_whole)
		return run_psql(state, name, "SELECT 1;\n");
	return run_psql(state, name,
					psprintf("SELECT 1 FROM pg_catalog.pg_database WHERE oid = %u AND datname = pg_catalog.current_database();\n",
							 oid)) &&
		atoi(answer(state)) == 1;
}

static void
find_database(PgbSandboxState *state, List *names)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (is_database(state, strVal(lfirst(cell))))
		{
			state->sandbox->database_name = pstrdup(strVal(lfirst(cell)));
			return;
		}
	}
	if (state->sandbox->request.is_whole)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_DATABASE),
				 errmsg("no database of the sandbox lets anybody connect"),
				 state->client == NULL ? 0 :
				 errdetail_internal("%s", pgb_subprocess_words(state->client))));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_DATABASE),
			 errmsg("database %u was not there at the target, or lets nobody connect",
					state->sandbox->request.database),
			 state->client == NULL ? 0 :
			 errdetail_internal("%s", pgb_subprocess_words(state->client))));
}

/* ---- prepared transactions ---- */

static const char *const rollback_prepared =
	"SELECT pg_catalog.format('ROLLBACK PREPARED %L', gid) FROM pg_catalog.pg_prepared_xacts"
	" WHERE database = pg_catalog.current_database() \\gexec\n";

/* ---- what was denied ---- */

static char *
list_wanted(const PgbSandboxRequest *request)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, request->wanted)
		appendStringInfo(&list, "%s%u", list.len == 0 ? "" : ",", lfirst_oid(cell));
	return list.data;
}

/* Tablespace and number of each file of catalogs and wanted relations, a line for each. */
static char *
files_query(const PgbSandboxRequest *request)
{
	return psprintf("WITH wanted AS (SELECT oid, reltoastrelid FROM pg_catalog.pg_class"
					" WHERE oid = ANY ('{%s}'::pg_catalog.oid[]))\n"
					"SELECT CASE c.reltablespace WHEN 0 THEN d.dattablespace ELSE c.reltablespace END"
					" || ' ' || pg_catalog.pg_relation_filenode(c.oid)"
					" FROM pg_catalog.pg_class c, pg_catalog.pg_database d\n"
					"WHERE d.datname = pg_catalog.current_database() AND NOT c.relisshared"
					" AND pg_catalog.pg_relation_filenode(c.oid) IS NOT NULL"
					" AND (c.oid < %u AND c.oid NOT IN (2613, 2683) OR c.relkind = 'S'"
					" OR c.oid IN (SELECT oid FROM wanted UNION ALL SELECT reltoastrelid FROM wanted)"
					" OR c.oid IN (SELECT indexrelid FROM pg_catalog.pg_index"
					" WHERE indrelid IN (SELECT reltoastrelid FROM wanted)));\n",
					list_wanted(request), FirstNormalObjectId);
}

static void
check_denied(PgbSandboxState *state)
{
	char	   *line = answer(state);

	while (line != NULL && *line != '\0')
	{
		Oid			tablespace;
		Oid			file_number;

		if (sscanf(line, "%u %u", &tablespace, &file_number) != 2)
			elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", line);
		if (!pgb_instructions_want(state->scope, tablespace, state->sandbox->request.database,
								   file_number))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("file %u was taken for that of a relation that is not wanted",
							file_number),
					 errdetail("Its number was used twice."),
					 errhint("Restore the cluster elsewhere with \"pgbackup restore\", and take the table from there.")));
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
}

void
pgb_sandbox_enter(PgbSandboxState *state, List *names)
{
	state->sandbox->conninfo = conninfo_of(state);
	find_database(state, names);
	if (state->sandbox->request.is_whole)
	{
		/* who goes through its databases ends in each of them what is prepared there */
		pgb_subprocess_stop(state->client);
		state->client = NULL;
		return;
	}
	if (!run_psql(state, state->sandbox->database_name,
				  psprintf("%s%s", rollback_prepared, files_query(&state->sandbox->request))))
		pgb_program_check(state->client, "psql");
	check_denied(state);
	pgb_subprocess_stop(state->client);
	state->client = NULL;
}
