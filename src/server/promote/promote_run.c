/*-------------------------------------------------------------------------
 *
 * promote_run.c
 *	  As whom the statements of a promotion run, and what the caller is told of
 *	  those that fail.
 *
 * What can run code that users have written (a CHECK, a cast, a partition's bounds) runs as the
 * role to which the table belongs, as it does in staging.  If that is a superuser, and another table that
 * is concerned is not his, nothing that users have written runs.  What belongs to others is
 * changed only for those who are members of their role.
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
#include "utils/acl.h"

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

/* ---- superusers ---- */

typedef struct Watched
{
	Oid			superuser;
	const char *advice;
	const PgbPiece *piece;
	ErrorData  *error;
} Watched;

static void
try_piece(void *arg)
{
	Watched    *watched = arg;

	watched->error = pgb_promote_try_as(watched->superuser, PGB_AS_ROLE, watched->piece);
}

static void
watch_piece(void *arg)
{
	Watched    *watched = arg;

	pgb_watch(watched->advice, try_piece, watched);
}

static ErrorData *
try_watched(Oid superuser, const char *advice, const PgbPiece *piece)
{
	Watched		watched = {superuser, advice, piece, NULL};
	ErrorData  *error = pgb_attempt(watch_piece, &watched);

	if (error != NULL && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
		ReThrowError(error);
	return error != NULL ? error : watched.error;
}

ErrorData *
pgb_promote_try_lent(Oid superuser, const PgbPiece *piece)
{
	return try_watched(superuser,
					   "The owner of what is put back may not do that by himself, and a superuser lends his rights to no code of users: grant the owner what he lacks, such as CREATE on the schema.",
					   piece);
}

/* A table of the promotion that did not belong to a superuser when the backup was made, or NULL. */
static const PgbStagedTable *
table_of_user(const PgbPromote *promote)
{
	ListCell   *lc;

	foreach(lc, promote->tables)
	{
		const PgbStagedTable *table = lfirst(lc);
		Oid			owner = get_role_oid(table->entry->owner != NULL ? table->entry->owner : "", true);

		if (!OidIsValid(owner) || !superuser_arg(owner))
			return table;
	}
	return NULL;
}

/* What a user has written can run in what a superuser does to his own table, if the two belong together. */
static bool
is_watched(const PgbPromote *promote, Oid role, PgbPromoteActor actor)
{
	return superuser_arg(role) && (actor == PGB_AS_ROLE_WATCHED || table_of_user(promote) != NULL);
}

static const char *
watch_advice(const PgbPromote *promote, Oid role)
{
	const PgbStagedTable *table = table_of_user(promote);

	if (table != NULL && !OidIsValid(get_role_oid(table->entry->owner != NULL ? table->entry->owner : "", true)))
		return pgb_stage_gone_owner_advice(table->entry);
	return psprintf("It would run as role \"%s\", to which one of the tables belongs, and code of users runs in the name of no superuser: look at the function before you do by yourself what needs it.",
					GetUserNameFromId(role, false));
}

/* ---- statements ---- */

ErrorData *
pgb_promote_try(const PgbPromote *promote, Oid role, PgbPromoteActor actor, const PgbPiece *piece)
{
	ErrorData  *error;

	if (is_watched(promote, role, actor))
		return try_watched(role, watch_advice(promote, role), piece);
	error = pgb_promote_try_as(role, actor, piece);
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
pgb_promote_may_act_for(PgbPromote *promote, Oid owner, const PgbPiece *piece)
{
	char	   *text = one_line(piece->source);

	if (has_privs_of_role(promote->caller, owner))
		return true;
	pgb_promote_fail(promote, psprintf("%s is not put back: you are no member of role \"%s\"",
									   piece->title, GetUserNameFromId(owner, false)), NULL,
					 text == NULL ? NULL : psprintf("Who is one may run: %s", text));
	return false;
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
	if (hint != NULL && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
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
