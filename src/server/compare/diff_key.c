/*-------------------------------------------------------------------------
 *
 * diff_key.c
 *	  What tells the rows of two tables apart, and the order that it gives them.
 *
 * The key is ordered by the operators and the collation of the index that
 * makes it a key, so that both tables can be read by their indexes.  Whatever
 * has no such order, or not the same one in both tables, is ordered as text.
 *
 * Each operator, type and collation is named with its schema, and the argument is cast
 * to the very type of the operator: of that name and type there is only one, and nobody
 * can put a function of their own in its place.
 *
 * src/server/compare/diff_key.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "server/compare/diff.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* How the index of a key orders one of its columns. */
typedef struct KeyOrder
{
	Oid			family;
	Oid			type;			/* of its operators, maybe polymorphic */
	Oid			collation;
} KeyOrder;

/* ---- finding a key ---- */

static int
pair_of_attribute(const PgbDiff *diff, PgbDiffSide side, AttrNumber attnum)
{
	for (int n = 0; n < diff->pair_count; n++)
	{
		if (pgb_diff_column(diff, side, n)->attnum == attnum)
			return n;
	}
	return -1;
}

/* Takes the columns of the index as the key, if they are columns of both tables. */
static bool
take_index_columns(PgbDiff *diff, PgbDiffSide side, Relation index, KeyOrder *orders)
{
	int			count = IndexRelationGetNumberOfKeyAttributes(index);

	for (int n = 0; n < count; n++)
	{
		int			pair = pair_of_attribute(diff, side, index->rd_index->indkey.values[n]);

		/* neither an expression, nor what can be null and then is not unique */
		if (pair < 0 || !pgb_diff_column(diff, side, pair)->not_null)
			return false;
		diff->key[n] = pair;
		orders[n].family = index->rd_opfamily[n];
		orders[n].type = index->rd_opcintype[n];
		orders[n].collation = index->rd_indcollation[n];
	}
	diff->key_count = count;
	return true;
}

static bool
makes_rows_unique(Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisunique &&
		index->rd_index->indisvalid && RelationGetIndexPredicate(index) == NIL;
}

static bool
take_index(PgbDiff *diff, PgbDiffSide side, Oid oid, bool primary, KeyOrder *orders)
{
	Relation	index = index_open(oid, AccessShareLock);
	bool		taken = index->rd_index->indisprimary == primary && makes_rows_unique(index) &&
		take_index_columns(diff, side, index, orders);

	index_close(index, NoLock);
	return taken;
}

static bool
take_index_of(PgbDiff *diff, PgbDiffSide side, bool primary, KeyOrder *orders)
{
	List	   *indexes = RelationGetIndexList(diff->tables[side]->relation);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		if (take_index(diff, side, lfirst_oid(lc), primary, orders))
			return true;
	}
	return false;
}

static void
find_key(PgbDiff *diff, KeyOrder *orders)
{
	if (take_index_of(diff, PGB_LIVE, true, orders) ||
		take_index_of(diff, PGB_STAGED, true, orders) ||
		take_index_of(diff, PGB_LIVE, false, orders) ||
		take_index_of(diff, PGB_STAGED, false, orders))
		return;

	ereport(NOTICE,
			(errmsg("tables \"%s\" and \"%s\" have no key: whole rows are compared",
					diff->tables[PGB_STAGED]->name, diff->tables[PGB_LIVE]->name),
			 errdetail("A changed row counts as one that is only in the one table and one that is only in the other."),
			 errhint("If some columns tell the rows apart, name them in argument \"key\".")));
}

static int
pair_of_name(const PgbDiff *diff, const char *name)
{
	for (int n = 0; n < diff->pair_count; n++)
	{
		if (strcmp(pgb_diff_column(diff, PGB_LIVE, n)->name, name) == 0)
			return n;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of the key is not a column of both tables", name),
			 errdetail("The tables are \"%s\" and \"%s\".",
					   diff->tables[PGB_STAGED]->name, diff->tables[PGB_LIVE]->name)));
}

static void
take_names(PgbDiff *diff, List *names, KeyOrder *orders)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		int			pair = pair_of_name(diff, strVal(lfirst(lc)));
		const PgbDiffColumn *live = pgb_diff_column(diff, PGB_LIVE, pair);
		const TypeCacheEntry *type = lookup_type_cache(live->base_type, TYPECACHE_BTREE_OPFAMILY);

		for (int n = 0; n < diff->key_count; n++)
		{
			if (diff->key[n] == pair)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" stands twice in the key", live->name)));
		}
		orders[diff->key_count].family = type->btree_opf;
		orders[diff->key_count].type = type->btree_opintype;
		orders[diff->key_count].collation = live->collation;
		diff->key[diff->key_count++] = pair;
	}
}

/* ---- the order of a key ---- */

/* The type with which the operators of a family can compare a column, if they can. */
static Oid
type_in_family(const KeyOrder *order, const PgbDiffColumn *column)
{
	if (!OidIsValid(order->family))
		return InvalidOid;
	if (IsBinaryCoercible(column->base_type, order->type))
		return order->type;
	if (OidIsValid(get_opfamily_member(order->family, column->base_type, column->base_type,
									   BTLessStrategyNumber)))
		return column->base_type;
	return InvalidOid;
}

static bool
is_of_many_types(Oid type)
{
	return IsPolymorphicType(type) || type == RECORDOID;
}

static char *
quoted_type(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY);
}

static char *
quoted_collation(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(oid));
	Form_pg_collation collation;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", oid);
	collation = (Form_pg_collation) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(collation->collnamespace),
									  NameStr(collation->collname));
	ReleaseSysCache(tuple);
	return name;
}

static char *
quoted_operator(Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
	Form_pg_operator operator;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", oid);
	operator = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(operator->oprnamespace)),
					NameStr(operator->oprname));
	ReleaseSysCache(tuple);
	return name;
}

static char *
order_by(const KeyOrder *order, Oid type, const PgbDiffColumn *column)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, quote_identifier(column->name));
	if (type != column->type && !is_of_many_types(type))
		appendStringInfo(&sql, "::%s", quoted_type(type));
	if (OidIsValid(order->collation) && order->collation != column->collation)
		appendStringInfo(&sql, " COLLATE %s", quoted_collation(order->collation));
	appendStringInfo(&sql, " USING %s NULLS LAST",
					 quoted_operator(get_opfamily_member(order->family, type, type,
														 BTLessStrategyNumber)));
	return sql.data;
}

static bool
find_compare(PgbDiffOrder *result, const KeyOrder *order, const Oid *types,
			 PgbDiffSide one, PgbDiffSide other)
{
	Oid			function = get_opfamily_proc(order->family, types[one], types[other], BTORDER_PROC);

	if (!OidIsValid(function))
		return false;
	fmgr_info(function, &result->compare[one][other]);
	return true;
}

/* Orders by a column of the key as its index does; false if that is not possible in both. */
static bool
order_by_column(PgbDiff *diff, int pair, const KeyOrder *order, PgbDiffOrder *result)
{
	Oid			types[PGB_SIDES];

	for (PgbDiffSide side = PGB_STAGED; side <= PGB_LIVE; side++)
	{
		const PgbDiffColumn *column = pgb_diff_column(diff, side, pair);

		types[side] = type_in_family(order, column);
		if (!OidIsValid(types[side]))
			return false;
		result->sql[side] = order_by(order, types[side], column);
		result->column[side] = diff->pairs[pair].column[side];
		result->by_value[side] = column->by_value;
		result->length[side] = column->length;
	}

	/* operators of many types compare values of one type at a time */
	if (is_of_many_types(types[PGB_STAGED]) &&
		pgb_diff_column(diff, PGB_STAGED, pair)->base_type != pgb_diff_column(diff, PGB_LIVE, pair)->base_type)
		return false;

	result->collation = order->collation;
	return find_compare(result, order, types, PGB_STAGED, PGB_STAGED) &&
		find_compare(result, order, types, PGB_LIVE, PGB_LIVE) &&
		find_compare(result, order, types, PGB_STAGED, PGB_LIVE);
}

static bool
order_by_columns(PgbDiff *diff, const KeyOrder *orders)
{
	for (int n = 0; n < diff->key_count; n++)
	{
		if (!order_by_column(diff, diff->key[n], &orders[n], &diff->order[n]))
			return false;
	}
	diff->order_count = diff->key_count;
	return true;
}

/* ---- the order of text ---- */

/*
 * The text of a row is that of its values, and tells null from empty: it is the same for two rows
 * if and only if the text of each value is.
 */
static char *
row_text(const PgbDiff *diff, PgbDiffSide side)
{
	bool		whole = (diff->key_count == 0);
	int			count = whole ? diff->pair_count : diff->key_count;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "ROW(");
	for (int n = 0; n < count; n++)
		appendStringInfo(&sql, "%s%s", n > 0 ? ", " : "",
						 quote_identifier(pgb_diff_column(diff, side, whole ? n : diff->key[n])->name));
	appendStringInfoString(&sql, ")::pg_catalog.text COLLATE pg_catalog.\"C\"");
	return sql.data;
}

static void
order_by_text(PgbDiff *diff)
{
	PgbDiffOrder *result = &diff->order[0];

	diff->order_count = 1;
	result->collation = C_COLLATION_OID;
	for (PgbDiffSide side = PGB_STAGED; side <= PGB_LIVE; side++)
	{
		diff->order_text[side] = row_text(diff, side);
		result->column[side] = diff->tables[side]->column_count;
		result->sql[side] = psprintf("%d USING OPERATOR(pg_catalog.<)", result->column[side] + 1);
		result->by_value[side] = false;
		result->length[side] = -1;
		for (PgbDiffSide other = side; other <= PGB_LIVE; other++)
			fmgr_info(F_BTTEXTCMP, &result->compare[side][other]);
	}
}

/* ---- what the header promises ---- */

void
pgb_diff_choose_key(PgbDiff *diff, bool automatic, List *names)
{
	KeyOrder	orders[MaxTupleAttributeNumber];

	diff->key = palloc(sizeof(int) * MaxTupleAttributeNumber);
	if (automatic)
		find_key(diff, orders);
	else
		take_names(diff, names, orders);

	diff->order = palloc0(sizeof(PgbDiffOrder) * Max(diff->key_count, 1));
	if (diff->key_count == 0 || !order_by_columns(diff, orders))
		order_by_text(diff);
}

int
pgb_diff_compare_keys(PgbDiff *diff, PgbDiffSide one, const NullableDatum *one_key,
					  PgbDiffSide other, const NullableDatum *other_key)
{
	Assert(one <= other);

	for (int n = 0; n < diff->order_count; n++)
	{
		PgbDiffOrder *order = &diff->order[n];
		int			result;

		if (one_key[n].isnull || other_key[n].isnull)
			result = (int) one_key[n].isnull - (int) other_key[n].isnull;
		else
			result = DatumGetInt32(FunctionCall2Coll(&order->compare[one][other], order->collation,
													 one_key[n].value, other_key[n].value));
		if (result != 0)
			return result;
	}
	return 0;
}
