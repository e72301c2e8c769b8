/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  pgbackup.on_failure_command.
 *
 * src/server/schedule/failure.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/compat.h"
#include "server/guc.h"
#include "server/schedule/failure.h"
#include "server/subprocess.h"
#include "storage/latch.h"

#define PATIENCE_MS			60000
#define NAP_MS				100

extern char **environ;

static void
append_quoted(StringInfo command, const char *text)
{
	appendStringInfoChar(command, '\'');
	for (; text != NULL && *text != '\0'; text++)
	{
		if (*text == '\'')
			appendStringInfoString(command, "'\\''");
		else
			appendStringInfoChar(command, *text);
	}
	appendStringInfoChar(command, '\'');
}

static char *
fill_in(const char *pattern, const char *database, const char *schedule, int64 run_id,
		const PgbJobResult *result)
{
	StringInfoData command;

	initStringInfo(&command);
	for (const char *p = pattern; *p != '\0'; p++)
	{
		if (*p != '%' || p[1] == '\0')
		{
			appendStringInfoChar(&command, *p);
			continue;
		}
		switch (*++p)
		{
			case 'd':
				append_quoted(&command, database);
				break;
			case 's':
				append_quoted(&command, schedule);
				break;
			case 'b':
				append_quoted(&command, result->backup_id);
				break;
			case 'r':
				appendStringInfo(&command, INT64_FORMAT, run_id);
				break;
			case 'm':
				append_quoted(&command, result->message);
				break;
			case '%':
				appendStringInfoChar(&command, '%');
				break;
			default:
				appendStringInfoChar(&command, '%');
				appendStringInfoChar(&command, *p);
				break;
		}
	}
	return command.data;
}

static bool
wait_for(PgbSubprocess *process)
{
	for (int waited = 0; waited < PATIENCE_MS; waited += NAP_MS)
	{
		if (pgb_subprocess_ended(process))
			return true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return false;
}

void
pgb_run_failure_command(const char *database, const char *schedule, int64 run_id,
						const PgbJobResult *result)
{
	char	   *argv[] = {"/bin/sh", "-c", NULL, NULL};
	PgbSubprocess *process;

	if (pgb_guc_on_failure_command[0] == '\0')
		return;
	argv[2] = fill_in(pgb_guc_on_failure_command, database, schedule, run_id, result);
	process = pgb_subprocess_start(argv, environ);
	PG_TRY();
	{
		if (!wait_for(process))
			ereport(LOG,
					(errmsg("pgbackup.on_failure_command took too long and was stopped"),
					 errdetail("The command was: %s", argv[2])));
		else if (!pgb_subprocess_succeeded(process))
			ereport(LOG,
					(errmsg("pgbackup.on_failure_command failed: %s",
							pgb_subprocess_end_text(process)),
					 errdetail("The command was: %s", argv[2])));
	}
	PG_FINALLY();
	{
		pgb_subprocess_stop(process);
	}
	PG_END_TRY();
}
