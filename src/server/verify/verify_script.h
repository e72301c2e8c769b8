/*-------------------------------------------------------------------------
 *
 * verify_script.h
 *	  SQL in a sandbox by psql, statement by statement, each of which may fail.
 *
 * Each statement has a number and a kind, by which its result is known:
 *
 *	<token> R <number> <kind> <rows>			it has succeeded
 *	<token> E <number> <kind> <SQLSTATE> <message>	it has failed
 *	<token> <letter> <number> <text>			a row that the statement has made so itself
 *	<token> end
 *
 * The token is random: what names and messages may hold cannot pass for a result.
 *
 * src/server/verify/verify_script.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_VERIFY_SCRIPT_H
#define PGB_VERIFY_SCRIPT_H

#include "server/verify/verify.h"

#define PGB_SCRIPT_ROWS		'R'
#define PGB_SCRIPT_ERROR	'E'

typedef struct PgbScript
{
	PgbVerification *verification;
	char	   *name;			/* of its files in the scratch directory */
	char	   *token;
	StringInfoData text;
	PgbSubprocess *program;		/* or NULL */
	char	   *answer;			/* path of what it writes */
	uint64		read_to;		/* of that */
	StringInfoData line;		/* that is not complete yet */
	bool		has_ended;		/* its last line was there */

	/* a line of a result; letter is R, E, or the statement's own.  Text is in the encoding of the database */
	void		(*take) (void *arg, char letter, int number, char *text);
	void	   *arg;
} PgbScript;

/* What follows the number of a line R or E. */
typedef struct PgbScriptResult
{
	char		kind;
	uint64		rows;			/* of R */
	char		sqlstate[6];	/* of E ... */
	const char *message;		/* ... in any bytes */
} PgbScriptResult;

extern void pgb_script_parse(char letter, const char *text, PgbScriptResult *result);

/* Allocated in the current memory context. */
extern PgbScript *pgb_script_create(PgbVerification *verification, const char *name,
									void (*take) (void *arg, char letter, int number, char *text),
									void *arg);

/* Without a semicolon.  number and kind come back with the result. */
extern void pgb_script_add(PgbScript *script, int number, char kind, const char *statement);

/* Each row of the query is a statement, which is run; of failures nothing is said. */
extern void pgb_script_add_each(PgbScript *script, const char *query);

/* Starts it in a database of the sandbox, whose name is in any bytes. */
extern void pgb_script_start(PgbScript *script, const char *database);

/*
 * Waits until all have ended, and has their results taken meanwhile.  Returns NULL, or what psql
 * said when it could not connect or lost the connection.  Raises when the sandbox has failed.
 */
extern char *pgb_scripts_wait(List *scripts);

/* A text that a statement gives in hexadecimal, for it may be any bytes; palloc'd. */
extern char *pgb_script_decode(const char *hex);

#endif							/* PGB_VERIFY_SCRIPT_H */
