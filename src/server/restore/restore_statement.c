/*-------------------------------------------------------------------------
 *
 * restore_statement.c
 *	  Statements of the archive as parse trees.
 *
 * Roles and the database itself are not restored by running text: the text is
 * parsed, and only statements of known kinds are run, with their names replaced
 * or checked in the tree.
 *
 * src/server/restore/restore_statement.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "parser/parser.h"
#include "server/attempt.h"
#include "server/restore/restore.h"
#include "tcop/utility.h"
#include "utils/resowner.h"

/* What others see as the text of such a statement: passwords are not to be shown. */
#define STATEMENT_TEXT		"/* pgbackup: restoring a database */"

List *
pgb_restore_parse(const char *text)
{
	return raw_parser(text, RAW_PARSE_DEFAULT);
}

void
pgb_restore_execute(Node *statement, bool top_level)
{
	PlannedStmt *planned = makeNode(PlannedStmt);

	planned->commandType = CMD_UTILITY;
	planned->utilityStmt = copyObject(statement);
	planned->stmt_location = -1;
	ProcessUtility(planned, STATEMENT_TEXT, false,
				   top_level ? PROCESS_UTILITY_TOPLEVEL : PROCESS_UTILITY_QUERY,
				   NULL, NULL, None_Receiver, NULL);
	CommandCounterIncrement();
}

static void
execute_all(void *arg)
{
	ListCell   *lc;

	foreach(lc, (List *) arg)
		pgb_restore_execute(lfirst(lc), false);
}

ErrorData *
pgb_restore_try(List *statements)
{
	ErrorData  *error = pgb_attempt(execute_all, statements);

	if (error != NULL && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error;
}
