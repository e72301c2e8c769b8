/*-------------------------------------------------------------------------
 *
 * stage_run.c
 *	  The statements of a staged table run, and what may fail alone.
 *
 * A definition can need what the database no longer has.  The rows must come
 * back even so: a default, a constraint or an index is tried in a subtransaction
 * of its own, and left out with a note when it fails.
 *
 * src/server/stage/stage_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "parser/analyze.h"
#include "server/attempt.h"
#include "server/stage/stage.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

PgbPiece *
pgb_piece(char *title, List *statements, char *source)
{
	PgbPiece   *piece = palloc(sizeof(PgbPiece));

	piece->title = title;
	piece->statements = statements;
	piece->source = source;
	return piece;
}

/*
 * An error position counts in the archive's text, not in the caller's query.
 */
static void
move_error_position(void *arg)
{
	const char *source = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(source);
	}
}

void
pgb_stage_push_source(ErrorContextCallback *callback, char *source)
{
	callback->callback = move_error_position;
	callback->arg = source;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/* A statement whose query is analyzed before the statement is run. */
static Node *
analyze(Node *statement, const char *source)
{
	RawStmt    *raw = makeNode(RawStmt);

	raw->stmt = copyObject(statement);
	raw->stmt_location = -1;
	return parse_analyze_fixedparams(raw, source, NULL, 0, NULL)->utilityStmt;
}

/* Whatever code of users it runs: the next one finds the same settings. */
static void
run_statement(Node *statement, char *source)
{
	PlannedStmt *planned = makeNode(PlannedStmt);
	ErrorContextCallback callback;
	int			settings = NewGUCNestLevel();

	planned->commandType = CMD_UTILITY;
	planned->stmt_location = -1;

	pgb_stage_push_source(&callback, source);
	PushActiveSnapshot(GetTransactionSnapshot());
	planned->utilityStmt = IsA(statement, CreateTableAsStmt) ? analyze(statement, source) :
		copyObject(statement);
	ProcessUtility(planned, source, false, PROCESS_UTILITY_QUERY, NULL, NULL,
				   None_Receiver, NULL);
	PopActiveSnapshot();
	CommandCounterIncrement();

	error_context_stack = callback.previous;
	AtEOXact_GUC(false, settings);
}

void
pgb_stage_run(const PgbPiece *piece)
{
	ListCell   *lc;

	foreach(lc, piece->statements)
	{
		CHECK_FOR_INTERRUPTS();
		run_statement(lfirst(lc), piece->source);
	}
}

/*
 * Is it the fault of what was run, and not of the server, the session or the
 * machine?  A function can raise any code, so that only these are excepted.
 */
static bool
concerns_only_the_piece(const ErrorData *error)
{
	if (error->elevel != ERROR || error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		return false;

	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_CONFIG_FILE_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
		default:
			return true;
	}
}

static void
run_pieces(void *arg)
{
	ListCell   *lc;

	foreach(lc, (List *) arg)
		pgb_stage_run(lfirst(lc));
}

/* Runs the pieces in one subtransaction. */
static ErrorData *
try_pieces(List *pieces)
{
	ErrorData  *error = pgb_attempt(run_pieces, pieces);

	if (error != NULL && !concerns_only_the_piece(error))
		ReThrowError(error);
	return error;
}

ErrorData *
pgb_stage_try(const PgbPiece *piece)
{
	return try_pieces(list_make1(unconstify(PgbPiece *, piece)));
}

bool
pgb_stage_try_or_note(PgbStage *stage, int elevel, const PgbPiece *piece)
{
	ErrorData  *error = pgb_stage_try(piece);

	if (error == NULL)
		return true;
	pgb_stage_note(stage, elevel, "%s is not staged: %s", piece->title, error->message);
	return false;
}

void
pgb_stage_try_all(PgbStage *stage, int elevel, List *pieces)
{
	ListCell   *lc;

	if (pieces == NIL || try_pieces(pieces) == NULL)
		return;

	foreach(lc, pieces)
		(void) pgb_stage_try_or_note(stage, elevel, lfirst(lc));
}
