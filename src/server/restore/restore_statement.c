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
#include "mb/pg_wchar.h"
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

/* From the archive's "COPY public.t (a, b) FROM stdin;" */
CopyStmt *
pgb_restore_parse_copy(const PgbManifest *manifest, const PgbTocEntry *entry, int encoding)
{
	List	   *statements = NIL;

	if (entry->copy_stmt != NULL)
		statements = pgb_restore_parse(pg_any_to_server(entry->copy_stmt, strlen(entry->copy_stmt),
														encoding));
	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, CopyStmt))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("entry %d of backup \"%s\" does not say which table its rows are of",
						entry->dump_id, manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	return (CopyStmt *) linitial_node(RawStmt, statements)->stmt;
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
