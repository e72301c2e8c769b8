/*-------------------------------------------------------------------------
 *
 * promote_comment.c
 *	  Comments and security labels on a table and on all that belongs to it.
 *
 * src/server/promote/promote_comment.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "nodes/value.h"
#include "server/promote/promote_entry.h"

/*
 * The relation on which, or on a part of which, a comment is; NULL if it is of
 * another kind.
 */
static RangeVar *
commented_relation(ObjectType type, Node *object)
{
	List	   *name;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
			return makeRangeVarFromNameList(castNode(List, object));
		case OBJECT_COLUMN:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			name = castNode(List, object);
			if (list_length(name) < 2)
				return NULL;
			return makeRangeVarFromNameList(list_truncate(list_copy(name), list_length(name) - 1));
		default:
			return NULL;
	}
}

/* Who may comment on it: the owner of its relation, or of the table. */
static Oid
commenting_role(const PgbPromote *promote, ObjectType type, Node *object)
{
	RangeVar   *relation = commented_relation(type, object);
	Oid			live = pgb_promote_live(relation);

	if (OidIsValid(live))
		return pgb_promote_owner(live);
	return type == OBJECT_STATISTIC_EXT ? pgb_promote_owner(promote->staged) : InvalidOid;
}

static void
put_back(PgbPromote *promote, const PgbTocEntry *entry, const char *kind, ObjectType type,
		 Node *object, Node *statement)
{
	Oid			role = commenting_role(promote, type, object);

	if (OidIsValid(role))
		(void) pgb_promote_try_or_warn(promote, role, PGB_AS_ROLE_OR_CALLER,
									   pgb_piece(psprintf("%s on %s", kind, entry->tag),
												 list_make1(statement),
												 pgb_stage_text(promote->stage, entry->defn)));
}

void
pgb_promote_comment_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	ListCell   *lc;

	foreach(lc, pgb_stage_parse(promote->stage, entry->defn))
	{
		CommentStmt *comment = lfirst(lc);

		if (IsA(comment, CommentStmt))
			put_back(promote, entry, "comment", comment->objtype, comment->object, (Node *) comment);
	}
}

void
pgb_promote_label_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	ListCell   *lc;

	foreach(lc, pgb_stage_parse(promote->stage, entry->defn))
	{
		SecLabelStmt *label = lfirst(lc);

		if (IsA(label, SecLabelStmt))
			put_back(promote, entry, "security label", label->objtype, label->object, (Node *) label);
	}
}
