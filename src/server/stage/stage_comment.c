/*-------------------------------------------------------------------------
 *
 * stage_comment.c
 *	  Comments on staged tables, and on what was staged with them.
 *
 * src/server/stage/stage_comment.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_constraint.h"
#include "nodes/value.h"
#include "server/stage/stage_entry.h"

/* A constraint may have been renamed with its index. */
static bool
rewrite_constraint_comment(const PgbStage *stage, const PgbTocEntry *entry, List *name)
{
	const char *constraint = strVal(llast(name));
	PgbStagedTable *table = NULL;
	const char *new_name;

	if (list_length(name) != 3 ||
		pgb_stage_new_name(stage, strVal(linitial(name)), strVal(lsecond(name)), &table) == NULL ||
		table == NULL)
		return false;

	if (!OidIsValid(get_relation_constraint_oid(table->oid, constraint, true)) &&
		(new_name = pgb_stage_new_name(stage, entry->schema_name, constraint, NULL)) != NULL)
		llast(name) = makeString(pstrdup(new_name));
	return pgb_rewrite_name(stage, name, 1);
}

static bool
rewrite_comment(const PgbStage *stage, const PgbTocEntry *entry, CommentStmt *comment)
{
	switch (comment->objtype)
	{
		case OBJECT_TABLE:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
			return pgb_rewrite_name(stage, castNode(List, comment->object), 0);
		case OBJECT_COLUMN:
			return pgb_rewrite_name(stage, castNode(List, comment->object), 1);
		case OBJECT_TABCONSTRAINT:
			return rewrite_constraint_comment(stage, entry, castNode(List, comment->object));
		default:
			return false;
	}
}

/* For the end, when all that can have one is there. */
static void
keep_comment(PgbStage *stage, const PgbTocEntry *entry, CommentStmt *comment)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);

	stage->comments = lappend(stage->comments,
							  pgb_piece(psprintf("comment on %s", entry->tag),
										list_make1(copyObject(comment)),
										pgb_stage_text(stage, entry->defn)));
	MemoryContextSwitchTo(old);
}

void
pgb_stage_comment_entry(PgbStage *stage, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table_of(stage, entry);
	CommentStmt *comment;

	if (table != NULL && table->role == PGB_STAGED_SCAFFOLD)
		return;

	comment = linitial(pgb_stage_parse(stage, entry->defn));
	if (IsA(comment, CommentStmt) && rewrite_comment(stage, entry, comment))
		keep_comment(stage, entry, comment);
}

void
pgb_stage_add_comments(PgbStage *stage)
{
	pgb_stage_try_all(stage, NOTICE, stage->comments);
}
