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

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
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

/*
 * Quoted text within quotes is not quoted any more, and would be a way for
 * whoever names a schedule to become the server's user.
 */
const char *
pgb_failure_command_error(const char *command)
{
	char		quote = '\0';

	for (const char *p = command; *p != '\0'; p++)
	{
		if (*p == '%')
		{
			p++;
			if (*p == '\0' || strchr("dsbrm%", *p) == NULL)
				return "The placeholders are %d, %s, %b, %r and %m; %% is a percent sign.";
			if (*p != '%' && quote != '\0')
				return "Placeholders must not stand within quotes or after a backslash: what they stand for is quoted already.";
		}
		else if (*p == '\\' && quote != '\'')
		{
			if (p[1] == '%' && p[2] != '%')
				return "Placeholders must not stand within quotes or after a backslash: what they stand for is quoted already.";
			if (p[1] != '\0' && p[1] != '%')
				p++;
		}
		else if (quote == '\0' && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == quote)
			quote = '\0';
	}
	return NULL;
}

static char *
database_name(void)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *name;

	StartTransactionCommand();
	name = get_database_name(MyDatabaseId);
	if (name != NULL)
		name = MemoryContextStrdup(context, name);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return name;
}

static char *
fill_in(const char *pattern, const char *database, const char *schedule, int64 run_id,
		const PgbJobResult *result)
{
	StringInfoData command;

	initStringInfo(&command);
	for (const char *p = pattern; *p != '\0'; p++)
	{
		if (*p != '%')
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
			default:			/* a percent sign: nothing else is accepted */
				appendStringInfoChar(&command, '%');
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
pgb_run_failure_command(const char *schedule, int64 run_id, const PgbJobResult *result)
{
	char	   *argv[] = {"/bin/sh", "-c", NULL, NULL};
	PgbSubprocess *process;

	if (pgb_guc_on_failure_command[0] == '\0')
		return;
	argv[2] = fill_in(pgb_guc_on_failure_command, database_name(), schedule, run_id, result);
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
