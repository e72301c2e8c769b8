/*-------------------------------------------------------------------------
 *
 * promote_run.c
 *	  As whom the statements of a promotion run, and what the caller is told of
 *	  those that fail.
 *
 * What can run code that users have written (a CHECK, a cast, a partition's bounds) runs as the
 * role to which the table belongs, as it does in staging.
 *
 * src/server/promote/promote_run.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/attempt.h"
#include "server/promote/promote_entry.h"
#include "server/watch.h"

/* Longer statements are not shown. */
#define MAX_HINT_LENGTH		500

ErrorData *
pgb_promote_try_as(Oid role, PgbPromoteActor actor, const PgbPiece *piece)
{
	PgbStageIdentity caller;
	ErrorData  *error;

	pgb_stage_become(role, &caller);
	if (actor == PGB_AS_ROLE_UNFORCED)
		SetUserIdAndSecContext(role, caller.security_context | SECURITY_RESTRICTED_OPERATION |
							   SECURITY_NOFORCE_RLS);
	error = pgb_stage_try(piece);
	pgb_stage_become_caller(&caller);
	return error;
}

typedef struct Lent
{
	Oid			superuser;
	const PgbPiece *piece;
	ErrorData  *error;
} Lent;

static void
try_lent(void *arg)
{
	Lent	   *lent = arg;

	lent->error = pgb_promote_try_as(lent->superuser, PGB_AS_ROLE, lent->piece);
}

static void
watch_lent(void *arg)
{
	pgb_watch("The owner of what is put back may not do that by himself, and a superuser lends his rights to no code of users: grant the owner what he lacks, such as CREATE on the schema.",
			  try_lent, arg);
}

ErrorData *
pgb_promote_try_lent(Oid superuser, const PgbPiece *piece)
{
	Lent		lent = {superuser, piece, NULL};
	ErrorData  *error = pgb_attempt(watch_lent, &lent);

	if (error != NULL && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
		ReThrowError(error);
	return error != NULL ? error : lent.error;
}

ErrorData *
pgb_promote_try(const PgbPromote *promote, Oid role, PgbPromoteActor actor, const PgbPiece *piece)
{
	ErrorData  *error = pgb_promote_try_as(role, actor, piece);

	if (error != NULL && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE &&
		actor == PGB_AS_ROLE_OR_CALLER && superuser_arg(promote->caller))
		error = pgb_promote_try_lent(promote->caller, piece);
	return error;
}

char *
pgb_promote_error_text(const ErrorData *error)
{
	char	   *text = psprintf("%c%s", pg_toupper((unsigned char) error->message[0]),
								error->message + 1);

	return error->detail == NULL ? psprintf("%s.", text) : psprintf("%s.  %s", text, error->detail);
}

void
pgb_promote_warn(PgbPromote *promote, const char *text, const ErrorData *error, const char *hint)
{
	pgb_stage_note(promote->stage, WARNING, "%s", text);
	if (error != NULL)
		pgb_stage_note_detail(promote->stage, pgb_promote_error_text(error));
	pgb_stage_note_hint(promote->stage, hint);
}

void
pgb_promote_fail(PgbPromote *promote, const char *text, const ErrorData *error, const char *hint)
{
	MemoryContext old;

	if (!promote->strict)
	{
		pgb_promote_warn(promote, text, error, hint);
		return;
	}
	old = MemoryContextSwitchTo(promote->stage->context);
	promote->failures = lappend(promote->failures, error == NULL ? psprintf("%s.", text) :
								psprintf("%s: %s", text, pgb_promote_error_text(error)));
	MemoryContextSwitchTo(old);
}

/* A statement of an archive in one line, if it is not too long for a hint; else NULL. */
static char *
one_line(const char *source)
{
	char	   *text = palloc(strlen(source) + 1);
	char	   *end = text;

	for (const char *p = source; *p != '\0'; p++)
	{
		bool		space = *p == '\n' || *p == '\t' || *p == ' ';

		if (!space)
			*end++ = *p;
		else if (end > text && end[-1] != ' ')
			*end++ = ' ';
	}
	while (end > text && end[-1] == ' ')
		end--;
	*end = '\0';
	return end == text || end - text > MAX_HINT_LENGTH ? NULL : text;
}

void
pgb_promote_fail_left(PgbPromote *promote, const PgbPiece *piece, const ErrorData *error)
{
	char	   *text = one_line(piece->source);

	pgb_promote_fail(promote, psprintf("%s is not put back", piece->title), error,
					 text == NULL ? NULL : psprintf("When its cause is gone, run: %s", text));
}

bool
pgb_promote_try_or_warn(PgbPromote *promote, Oid role, PgbPromoteActor actor, const PgbPiece *piece)
{
	ErrorData  *error = pgb_promote_try(promote, role, actor, piece);

	if (error == NULL)
		return true;
	pgb_promote_fail_left(promote, piece, error);
	return false;
}

void
pgb_promote_run(const PgbPromote *promote, Oid role, PgbPromoteActor actor, const PgbPiece *piece,
				const char *hint)
{
	ErrorData  *error = pgb_promote_try(promote, role, actor, piece);

	if (error == NULL)
		return;
	if (hint != NULL)
		error->hint = pstrdup(hint);
	ReThrowError(error);
}

PgbPiece *
pgb_promote_alter(char *title, char *schema, char *name, AlterTableCmd *command)
{
	AlterTableStmt *alter = makeNode(AlterTableStmt);

	alter->relation = makeRangeVar(schema, name, -1);
	alter->cmds = list_make1(command);
	alter->objtype = OBJECT_TABLE;
	return pgb_piece(title, list_make1(alter), "");
}
