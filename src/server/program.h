/*-------------------------------------------------------------------------
 *
 * program.h
 *	  The client programs of the server's version, called by a job: which one,
 *	  how it connects, and what its words mean.
 *
 * src/server/program.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PROGRAM_H
#define PGB_PROGRAM_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "server/subprocess.h"

/*
 * In force from the first query, before the programs make settings of their own.
 * A deferrable transaction would wait for that of who waits for the job; and a
 * database may have been given a role for all of its sessions.
 */
#define PGB_SESSION_SETTINGS \
	"-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_deferrable=off -c role=none"

/* A program with its arguments, ended by NULL. */
typedef struct PgbProgram
{
	const char *name;
	char	  **arguments;
	int			count;
	int			allocated;
} PgbProgram;

/* A program of pgbackup.bin_directory; allocated in the current memory context. */
extern PgbProgram *pgb_program_create(const char *name);

extern void pgb_program_add(PgbProgram *program, char *argument);

/* The option with each value: --schema=a --schema=b */
extern void pgb_program_add_each(PgbProgram *program, const char *option, List *values);

/* Starts it, connecting to a database, whose sessions get these options of the server. */
extern PgbSubprocess *pgb_program_start(PgbProgram *program, const char *database,
										const char *options);

/* The same with a connection of the caller's: to another server, as one of a sandbox. */
extern PgbSubprocess *pgb_program_start_at(PgbProgram *program, const char *conninfo);

/*
 * Runs it with the arguments that it has, for what it says on its standard output, which is among its words;
 * database may be NULL: then it connects to nothing.
 */
extern PgbSubprocess *pgb_program_ask(PgbProgram *program, const char *database, const char *options);

/* Appends " keyword='value'", quoted as libpq wants it. */
extern void pgb_conninfo_add(StringInfo conninfo, const char *keyword, const char *value);

/* The path of a program in the directory of the server's own, wherever the clients are. */
extern char *pgb_program_beside_server(const char *name);

/*
 * Raises ERRCODE_EXTERNAL_ROUTINE_EXCEPTION with the program's own words as the
 * detail, and a hint for the common causes, if it has ended without success.
 */
extern void pgb_program_check(PgbSubprocess *process, const char *name);

#endif							/* PGB_PROGRAM_H */
