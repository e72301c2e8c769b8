/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  pgbackup.on_failure_command.
 *
 * src/server/schedule/failure.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FAILURE_H
#define PGB_FAILURE_H

#include "server/shmem.h"

/*
 * Runs the command, if there is one, and waits for it a minute at most.  Its
 * failure is logged.  Call in a process that is connected to the database.
 *
 * Placeholders: %d database, %s schedule, %b backup, %r number of the run, %m
 * message, %% a percent sign.  What they stand for is quoted for the shell, for
 * it can be what an unprivileged user has chosen.
 */
extern void pgb_run_failure_command(const char *schedule, int64 run_id,
									const PgbJobResult *result);

/* Says what is wrong with a command: a text that is constant, or NULL. */
extern const char *pgb_failure_command_error(const char *command);

#endif							/* PGB_FAILURE_H */
