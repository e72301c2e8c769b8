/*-------------------------------------------------------------------------
 *
 * health_program.c
 *	  Health: the programs that backups and restores call, and how they connect.
 *
 * src/server/health/health_program.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "server/encoding.h"
#include "server/health/health.h"
#include "server/program.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* Seconds for an answer */
#define PATIENCE	10

/* Milliseconds from one look to the next: while it may say something, and once it has closed its output */
#define NAP_MS		1000
#define END_NAP_MS	1

/* ---- asking ---- */

static void
wait_for_end(PgbSubprocess *process, const char *name)
{
	TimestampTz begin = GetCurrentTimestamp();

	while (!pgb_subprocess_ended(process))
	{
		pgsocket	socket = pgb_subprocess_socket(process);
		bool		speaks = socket != PGINVALID_SOCKET;

		CHECK_FOR_INTERRUPTS();
		if (TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), PATIENCE * 1000))
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("%s did not answer within %d seconds", name, PATIENCE),
					 errhint("Look what keeps it from connecting: pgbackup.conninfo, or the load of the machine.")));
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
								 (speaks ? WL_SOCKET_READABLE : 0),
								 socket, speaks ? NAP_MS : END_NAP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/* What it says.  Raises as pgb_program_check() if that is of a failure. */
static char *
ask(PgbProgram *program, const char *database)
{
	PgbSubprocess *process = pgb_program_ask(program, database, PGB_SESSION_SETTINGS);
	char	   *answer = NULL;

	PG_TRY();
	{
		wait_for_end(process, program->name);
		if (!pgb_subprocess_succeeded(process))
			pgb_program_check(process, program->name);
		answer = pstrdup(pgb_subprocess_words(process));
	}
	PG_FINALLY();
	{
		pgb_subprocess_stop(process);
	}
	PG_END_TRY();
	return answer;
}

/* ---- the programs ---- */

/* "pg_dump (PostgreSQL) 15.18 (Debian ...)" */
static int
major_of(const char *answer)
{
	const char *number = strstr(answer, "(PostgreSQL) ");

	return number == NULL ? 0 : atoi(number + strlen("(PostgreSQL) "));
}

void
pgb_health_programs(PgbHealth *health)
{
	static const char *const names[] = {"pg_dump", "pg_dumpall", "pg_restore", "psql"};
	bool		all_right = true;

	for (int i = 0; i < lengthof(names); i++)
	{
		PgbProgram *program = pgb_program_create(names[i]);
		char	   *answer;

		pgb_program_add(program, "--version");
		answer = ask(program, NULL);
		if (major_of(answer) == PG_MAJORVERSION_NUM)
			continue;
		all_right = false;
		pgb_health_report(health, PGB_CHECK_FAIL,
						  psprintf("\"%s\" is of another version than the server, which is %s: it says \"%s\".",
								   program->arguments[0], PG_VERSION, pgb_valid_text(answer)),
						  "Set pgbackup.bin_directory to where the client programs of the server's version are.");
	}
	if (access(pgb_program_beside_server("pgbackup"), X_OK) != 0)
	{
		all_right = false;
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("There is no program \"%s\": tables cannot be recovered to a moment.",
								   pgb_program_beside_server("pgbackup")),
						  "Install pgbackup with the pg_config of this server.");
	}
	if (all_right)
		pgb_health_report(health, PGB_CHECK_OK,
						  psprintf("The client programs are of version %d.", PG_MAJORVERSION_NUM), NULL);
}

/* ---- the connection ---- */

/* Who answers is this very server if it was started when we were. */
static char *
question(void)
{
	return psprintf("SELECT CASE WHEN pg_catalog.pg_postmaster_start_time() <> '%s'::pg_catalog.timestamptz"
					" THEN 'other' WHEN NOT rolsuper THEN 'plain' ELSE 'right' END"
					" FROM pg_catalog.pg_roles WHERE rolname = current_user",
					pgb_time_to_text(PgStartTime));
}

void
pgb_health_connection(PgbHealth *health)
{
	PgbProgram *program = pgb_program_create("psql");
	char	   *answer;

	pgb_program_add(program, "--no-psqlrc");
	pgb_program_add(program, "--quiet");
	pgb_program_add(program, "--no-align");
	pgb_program_add(program, "--tuples-only");
	pgb_program_add(program, psprintf("--command=%s", question()));
	answer = ask(program, get_database_name(MyDatabaseId));

	if (strcmp(answer, "right") == 0)
		pgb_health_report(health, PGB_CHECK_OK, "pg_dump can connect to this server as a superuser.", NULL);
	else if (strcmp(answer, "plain") == 0)
		pgb_health_report(health, PGB_CHECK_FAIL, "pg_dump connects as a role that is not a superuser.",
						  "Set the user in pgbackup.conninfo to a superuser.");
	else if (strcmp(answer, "other") == 0)
		pgb_health_report(health, PGB_CHECK_FAIL, "pg_dump connects to another server.",
						  "Check pgbackup.conninfo: it must lead to this very server.");
	else
		pgb_health_report(health, PGB_CHECK_WARN,
						  psprintf("psql was connected, but said something else: \"%s\".", pgb_valid_text(answer)),
						  NULL);
}
