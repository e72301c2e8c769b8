/*-------------------------------------------------------------------------
 *
 * dump.c
 *	  pg_dump and pg_dumpall, run by a job.
 *
 * src/server/logical/dump.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <signal.h>
#include <unistd.h>

#include "catalog/pg_auth_members.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_parameter_acl.h"
#include "catalog/pg_shdescription.h"
#include "catalog/pg_shseclabel.h"
#include "catalog/pg_tablespace.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "postmaster/postmaster.h"
#include "server/guc.h"
#include "server/logical/dump.h"
#include "server/logical/dump_session.h"
#include "storage/lmgr.h"
#include "storage/pmsignal.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/varlena.h"

/* How long a session that has lost its pg_dump may take to notice, and then to end. */
#define SESSION_PATIENCE_MS	500
#define SESSION_END_MS		10000
#define SESSION_POLL_MS		5

/*
 * In force from the first query, before the programs make settings of their own.
 * A deferrable transaction would wait for that of who waits for the backup; and a
 * database may have been given a role for all of its sessions.
 */
#define SESSION_SETTINGS \
	"-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_deferrable=off -c role=none"

extern char **environ;

/* A growing argv or environment. */
typedef struct StringArray
{
	char	  **strings;
	int			count;
	int			allocated;
} StringArray;

static void
add(StringArray *array, char *string)
{
	if (array->count + 1 >= array->allocated)
	{
		array->allocated = Max(32, array->allocated * 2);
		if (array->strings == NULL)
			array->strings = palloc(array->allocated * sizeof(char *));
		else
			array->strings = repalloc(array->strings, array->allocated * sizeof(char *));
	}
	array->strings[array->count++] = string;
	array->strings[array->count] = NULL;
}

static void
add_each(StringArray *array, const char *option, List *values)
{
	ListCell   *cell;

	foreach(cell, values)
		add(array, psprintf("%s=%s", option, (char *) lfirst(cell)));
}

/* ---- the connection ---- */

/* key='value', quoted as libpq's connection strings want it */
static void
add_keyword(StringInfo buf, const char *keyword, const char *value)
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
connection_string(const char *options)
{
	StringInfoData buf;

	initStringInfo(&buf);
	add_keyword(&buf, "host", own_host());
	add_keyword(&buf, "port", psprintf("%d", PostPortNumber));
	add_keyword(&buf, "user", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false));
	appendStringInfo(&buf, " %s", pgb_guc_conninfo);
	add_keyword(&buf, "dbname", get_database_name(MyDatabaseId));
	add_keyword(&buf, "fallback_application_name", "pgbackup");
	add_keyword(&buf, "options", options);
	return buf.data;
}

/* Ours, without what would change where libpq connects, or the language of its words. */
static char **
child_environment(void)
{
	StringArray array = {0};

	for (char **e = environ; *e != NULL; e++)
	{
		if ((strncmp(*e, "PG", 2) == 0 &&
			 strncmp(*e, "PGPASSFILE=", 11) != 0 &&
			 strncmp(*e, "PGSSL", 5) != 0) ||
			strncmp(*e, "LC_ALL=", 7) == 0 ||
			strncmp(*e, "LC_MESSAGES=", 12) == 0 ||
			strncmp(*e, "LANGUAGE=", 9) == 0)
			continue;
		add(&array, *e);
	}
	add(&array, "LC_MESSAGES=C");
	return array.strings;
}

/* ---- the programs ---- */

static char *
program_path(const char *name)
{
	char		directory[MAXPGPATH];

	if (pgb_guc_bin_directory[0] != '\0')
		return psprintf("%s/%s", pgb_guc_bin_directory, name);
	strlcpy(directory, my_exec_path, sizeof(directory));
	get_parent_directory(directory);
	return psprintf("%s/%s", directory, name);
}

PgbSubprocess *
pgb_dump_start(PgbJobRef job, const PgbRunOptions *options, const char *snapshot,
			   const char *directory)
{
	StringArray argv = {0};
	char	   *session_options = psprintf(SESSION_SETTINGS " -c pgbackup.export_job=%s",
										   pgb_dump_session_token(job));

	add(&argv, program_path("pg_dump"));
	add(&argv, "--format=directory");
	add(&argv, "--compress=0");
	add(&argv, "--no-password");
	add(&argv, "--no-sync");	/* the job makes all durable at its end */
	add(&argv, psprintf("--file=%s", directory));
	/* that of the rows, which the workers write as they are, whatever the settings say */
	add(&argv, psprintf("--encoding=%s", GetDatabaseEncodingName()));
	add(&argv, psprintf("--snapshot=%s", snapshot));
	if (options->schemas != NIL || options->tables != NIL)
		add(&argv, "--strict-names");
	add_each(&argv, "--schema", options->schemas);
	add_each(&argv, "--table", options->tables);
	add_each(&argv, "--exclude-schema", options->exclude_schemas);
	add_each(&argv, "--exclude-table", options->exclude_tables);
	add_each(&argv, "--exclude-table-data", options->exclude_table_data);
	if (options->content == PGB_CONTENT_SCHEMA)
		add(&argv, "--schema-only");
	else if (options->content == PGB_CONTENT_DATA)
		add(&argv, "--data-only");
	add(&argv, psprintf("--dbname=%s", connection_string(session_options)));
	return pgb_subprocess_start(argv.strings, child_environment());
}

/*
 * Waits for whoever has locked what pg_dumpall reads.  Should that be the session
 * that waits for the backup, it finds itself to be what we wait for; pg_dumpall's
 * own session is nobody's that it knows.
 */
static void
wait_for_shared_catalogs(void)
{
	static const Oid catalogs[] = {
		AuthIdRelationId,
		AuthMemRelationId,
		DatabaseRelationId,
		DbRoleSettingRelationId,
		ParameterAclRelationId,
		SharedDescriptionRelationId,
		SharedSecLabelRelationId,
		TableSpaceRelationId,
	};

	for (int i = 0; i < lengthof(catalogs); i++)
	{
		LockRelationOid(catalogs[i], AccessShareLock);
		UnlockRelationOid(catalogs[i], AccessShareLock);
	}
}

PgbSubprocess *
pgb_dump_globals_start(const char *file)
{
	StringArray argv = {0};

	wait_for_shared_catalogs();
	add(&argv, program_path("pg_dumpall"));
	add(&argv, "--globals-only");
	add(&argv, "--no-password");
	add(&argv, "--no-sync");
	add(&argv, psprintf("--file=%s", file));
	add(&argv, psprintf("--dbname=%s", connection_string(SESSION_SETTINGS)));
	return pgb_subprocess_start(argv.strings, child_environment());
}

/* Its words may be anything; a message must be text of the server's encoding. */
static char *
text_of(const char *words)
{
	char	   *text = pstrdup(words);
	int			length = strlen(text);
	int			valid = 0;

	while ((valid += pg_encoding_verifymbstr(GetDatabaseEncoding(), text + valid,
											 length - valid)) < length)
		text[valid++] = '?';
	return text;
}

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
		return "A backup needs two connections: raise max_connections, or wait until other sessions have ended.";
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
	if (strstr(words, "No space left") != NULL)
		return "Free space in the repository, or point pgbackup.repository to a larger place.";
	return NULL;
}

void
pgb_dump_check(PgbSubprocess *process, const char *program)
{
	char	   *words = text_of(pgb_subprocess_words(process));
	const char *hint;

	if (pgb_subprocess_succeeded(process))
	{
		if (words[0] != '\0')
			ereport(LOG,
					(errmsg("%s succeeded with remarks", program),
					 errdetail_internal("%s", words)));
		return;
	}

	hint = hint_for(words);
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("%s failed: %s", program, pgb_subprocess_end_text(process)),
			 words[0] != '\0' ? errdetail_internal("%s", words) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* ---- the end ---- */

/*
 * Is there another member in our lock group?  Without data workers that is the
 * session of pg_dump.  A member is alive, so it may be told to end.
 */
static bool
has_session(bool tell_to_end)
{
	LWLock	   *lock = LockHashPartitionLockByProc(MyProc);
	dlist_iter	iter;
	bool		found = false;

	LWLockAcquire(lock, LW_SHARED);
	dlist_foreach(iter, &MyProc->lockGroupMembers)
	{
		PGPROC	   *member = dlist_container(PGPROC, lockGroupLink, iter.cur);

		if (member == MyProc)
			continue;
		found = true;
		if (tell_to_end)
			kill(member->pid, SIGTERM);
	}
	LWLockRelease(lock);
	return found;
}

/*
 * One that waits for a table's lock does not see that pg_dump is gone.  And a
 * leader should be the last of its lock group: the server's own leaders always
 * are, and how a member hands back the PGPROC of a leader that is just going is
 * better not relied on.
 */
static void
end_session(void)
{
	for (int waited = 0; waited < SESSION_END_MS; waited += SESSION_POLL_MS)
	{
		if (!has_session(waited == SESSION_PATIENCE_MS) || !PostmasterIsAlive())
			return;
		pg_usleep(SESSION_POLL_MS * 1000L);
	}
}

void
pgb_dump_stop(PgbSubprocess *process)
{
	pgb_subprocess_stop(process);
	end_session();
}
