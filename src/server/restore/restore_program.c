/*-------------------------------------------------------------------------
 *
 * restore_program.c
 *	  pg_restore, for all that is not rows.
 *
 * src/server/restore/restore_program.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/program.h"
#include "server/restore/restore.h"

/*
 * What the server's configuration or a role's settings say must not change what is
 * restored.  The last commit of the restore makes all those before it durable.
 */
#define RESTORE_SETTINGS \
	PGB_SESSION_SETTINGS " -c default_transaction_read_only=off" \
	" -c session_replication_role=origin -c synchronous_commit=off"

void
pgb_restore_section(PgbRestore *restore, const char *section, int jobs, const char *list)
{
	PgbProgram *program;

	pgb_restore_begin(restore);
	program = pgb_program_create("pg_restore");
	pgb_program_add(program, "--format=directory");
	pgb_program_add(program, "--exit-on-error");
	pgb_program_add(program, psprintf("--section=%s", section));
	if (jobs > 1)
		pgb_program_add(program, psprintf("--jobs=%d", jobs));
	if (list != NULL)
		pgb_program_add(program, psprintf("--use-list=%s", list));
	if (restore->missing_tablespaces != NULL)
		pgb_program_add(program, "--no-tablespaces");
	pgb_program_add(program, restore->folder);

	restore->program = pgb_program_start(program, restore->working_name, RESTORE_SETTINGS);
	pgb_restore_commit(restore);

	while (!pgb_subprocess_ended(restore->program))
		pgb_restore_nap(pgb_subprocess_socket(restore->program));
	pgb_program_check(restore->program, "pg_restore");
	restore->program = NULL;
}
