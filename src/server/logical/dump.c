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
#include "server/logical/dump.h"
#include "server/logical/dump_session.h"
#include "server/program.h"
#include "storage/lmgr.h"
#include "storage/pmsignal.h"
#include "storage/proc.h"

/* How long a session that has lost its pg_dump may take to notice, and then to end. */
#define SESSION_PATIENCE_MS	500
#define SESSION_END_MS		10000
#define SESSION_POLL_MS		5

PgbSubprocess *
pgb_dump_start(PgbJobRef job, const PgbRunOptions *options, const char *snapshot,
			   const char *directory)
{
	PgbProgram *program = pgb_program_create("pg_dump");
	char	   *session_options = psprintf(PGB_SESSION_SETTINGS " -c pgbackup.export_job=%s",
										   pgb_dump_session_token(job));

	pgb_program_add(program, "--format=directory");
	pgb_program_add(program, "--compress=0");
	pgb_program_add(program, "--no-sync");	/* the job makes all durable at its end */
	pgb_program_add(program, psprintf("--file=%s", directory));
	/* that of the rows, which the workers write as they are, whatever the settings say */
	pgb_program_add(program, psprintf("--encoding=%s", GetDatabaseEncodingName()));
	pgb_program_add(program, psprintf("--snapshot=%s", snapshot));
	if (options->schemas != NIL || options->tables != NIL)
		pgb_program_add(program, "--strict-names");
	pgb_program_add_each(program, "--schema", options->schemas);
	pgb_program_add_each(program, "--table", options->tables);
	pgb_program_add_each(program, "--exclude-schema", options->exclude_schemas);
	pgb_program_add_each(program, "--exclude-table", options->exclude_tables);
	pgb_program_add_each(program, "--exclude-table-data", options->exclude_table_data);
	if (options->content == PGB_CONTENT_SCHEMA)
		pgb_program_add(program, "--schema-only");
	else if (options->content == PGB_CONTENT_DATA)
		pgb_program_add(program, "--data-only");
	return pgb_program_start(program, get_database_name(MyDatabaseId), session_options);
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
	PgbProgram *program = pgb_program_create("pg_dumpall");

	wait_for_shared_catalogs();
	pgb_program_add(program, "--globals-only");
	pgb_program_add(program, "--no-sync");
	pgb_program_add(program, psprintf("--file=%s", file));
	return pgb_program_start(program, get_database_name(MyDatabaseId), PGB_SESSION_SETTINGS);
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
