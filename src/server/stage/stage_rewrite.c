/*-------------------------------------------------------------------------
 *
 * stage_rewrite.c
 *	  Parse trees of an archive's statements, moved from the old names to those
 *	  of the staged relations.
 *
 * Only the tree is changed, never the text: what the server's parser has taken
 * for a name is a name.
 *
 * src/server/stage/stage_rewrite.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "server/stage/stage.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

bool
pgb_rewrite_relation(const PgbStage *stage, RangeVar *relation, PgbStagedTable **table)
{
	const char *name;

	/* pg_dump qualifies all */
	if (relation == NULL || relation->schemaname == NULL)
		return false;

	name = pgb_stage_new_name(stage, relation->schemaname, relation->relname, table);
	if (name == NULL)
		return false;

	relation->catalogname = NULL;
	relation->schemaname = stage->schema;
	relation->relname = pstrdup(name);
	return true;
}

bool
pgb_rewrite_name(const PgbStage *stage, List *name, int trailing)
{
	const char *new_name;
	ListCell   *lc;

	if (list_length(name) != 2 + trailing)
		return false;
	foreach(lc, name)
		if (!IsA(lfirst(lc), String))
			return false;

	new_name = pgb_stage_new_name(stage, strVal(linitial(name)), strVal(lsecond(name)), NULL);
	if (new_name == NULL)
		return false;

	linitial(name) = makeString(stage->schema);
	lsecond(name) = makeString(pstrdup(new_name));
	return true;
}

typedef struct ExpressionContext
{
	const PgbStage *stage;
	const char *old_name;		/* of the table whose columns it names */
	const char *name;
} ExpressionContext;

/* orders.*: in an expression the table stands unqualified */
static void
rewrite_column(ExpressionContext *context, ColumnRef *column)
{
	Node	   *first = linitial(column->fields);

	if (list_length(column->fields) > 1 && IsA(first, String) &&
		strcmp(strVal(first), context->old_name) == 0)
		linitial(column->fields) = makeString(pstrdup(context->name));
}

/* 'public.orders_id_seq'::regclass */
static void
rewrite_regclass(ExpressionContext *context, TypeCast *cast)
{
	A_Const    *constant = (A_Const *) cast->arg;
	List	   *parts;
	const char *name;

	if (constant == NULL || !IsA(constant, A_Const) ||
		constant->isnull || !IsA(&constant->val, String) ||
		cast->typeName->names == NIL ||
		strcmp(strVal(llast(cast->typeName->names)), "regclass") != 0)
		return;

	if (!SplitIdentifierString(pstrdup(strVal(&constant->val)), '.', &parts) ||
		list_length(parts) != 2)
		return;

	name = pgb_stage_new_name(context->stage, linitial(parts), lsecond(parts), NULL);
	if (name != NULL)
		constant->val.sval.sval = quote_qualified_identifier(context->stage->schema, name);
}

static bool
rewrite_walker(Node *node, ExpressionContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef))
	{
		rewrite_column(context, (ColumnRef *) node);
		return false;
	}
	if (IsA(node, TypeCast))
		rewrite_regclass(context, (TypeCast *) node);
	return raw_expression_tree_walker(node, rewrite_walker, context);
}

void
pgb_rewrite_expression(const PgbStage *stage, const PgbStagedTable *table, Node *expression)
{
	ExpressionContext context;

	context.stage = stage;
	context.old_name = table->entry->tag;
	context.name = table->name;
	(void) rewrite_walker(expression, &context);
}

void
pgb_rewrite_index_elements(const PgbStage *stage, const PgbStagedTable *table, List *elements)
{
	ListCell   *lc;

	foreach(lc, elements)
		pgb_rewrite_expression(stage, table, lfirst_node(IndexElem, lc)->expr);
}

void
pgb_rewrite_constraint(const PgbStage *stage, const PgbStagedTable *table, Constraint *constraint)
{
	ListCell   *lc;

	pgb_rewrite_expression(stage, table, constraint->raw_expr);
	pgb_rewrite_expression(stage, table, constraint->where_clause);

	/* of an EXCLUDE constraint: pairs of an index element and an operator */
	foreach(lc, constraint->exclusions)
		pgb_rewrite_index_elements(stage, table, list_make1(linitial(lfirst_node(List, lc))));
}
