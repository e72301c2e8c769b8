/*-------------------------------------------------------------------------
 *
 * diff_table.c
 *	  A table that is to be compared, and the columns that it shares with the other.
 *
 * src/server/compare/diff_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/relation.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "server/compare/diff.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

/* ---- one table ---- */

/* As the executor asks later; here before the lock is taken. */
static void
check_rights(Oid oid)
{
	if (pg_class_aclcheck(oid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(oid, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(oid)),
					   get_rel_name(oid));
}

static void
check_kind(const PgbDiffTable *table)
{
	switch (table->relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" has no rows that can be compared", table->name),
					 errhint("Name a table, a view or a foreign table.")));
	}
}

/* Rows that nobody has seen would count as rows that are not there. */
static void
check_row_security(const PgbDiffTable *table)
{
	if (check_enable_rls(RelationGetRelid(table->relation), InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot compare all rows of table \"%s\"", table->name),
				 errdetail("Row-level security may hide some of them from role \"%s\".",
						   GetUserNameFromId(GetUserId(), false)),
				 errhint("Let a superuser or a role with BYPASSRLS compare the tables.")));
}

/* A backup of a parent holds its own rows, and so does the staged table. */
static void
note_children(const PgbDiffTable *table)
{
	if (table->relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		find_inheritance_children(RelationGetRelid(table->relation), NoLock) != NIL)
		ereport(NOTICE,
				(errmsg("rows of tables that inherit from \"%s\" are not compared", table->name),
				 errhint("Compare each of these tables by itself.")));
}

static void
prepare_to_jsonb(PgbDiffColumn *column)
{
	Const	   *argument = makeNullConst(column->type, column->typmod, column->collation);

	fmgr_info(F_TO_JSONB, &column->to_jsonb);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
					   &column->to_jsonb);
}

/*
 * A json can have numbers and escapes that a jsonb cannot, and a type of the
 * user's can be made of json, or have a cast of the user's to it.
 */
static bool
may_be_no_jsonb(Oid base_type)
{
	return base_type == JSONOID || base_type == JSONARRAYOID || base_type == RECORDOID ||
		base_type >= FirstNormalObjectId;
}

static void
describe_column(PgbDiffColumn *column, Form_pg_attribute attribute)
{
	Oid			output;
	bool		is_varlena;

	column->attnum = attribute->attnum;
	column->name = pstrdup(NameStr(attribute->attname));
	column->type = attribute->atttypid;
	column->typmod = attribute->atttypmod;
	column->collation = attribute->attcollation;
	column->not_null = attribute->attnotnull;
	column->length = attribute->attlen;
	column->by_value = attribute->attbyval;
	column->base_type = getBaseType(column->type);
	column->as_text = pgb_diff_has_user_cast(column->type);
	column->doubtful = may_be_no_jsonb(column->base_type);
	getTypeOutputInfo(column->type, &output, &is_varlena);
	fmgr_info(output, &column->output);
	prepare_to_jsonb(column);
}

static void
describe_columns(PgbDiffTable *table)
{
	TupleDesc	desc = RelationGetDescr(table->relation);

	table->columns = palloc0(sizeof(PgbDiffColumn) * Max(desc->natts, 1));
	for (int n = 0; n < desc->natts; n++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, n);

		if (!attribute->attisdropped)
			describe_column(&table->columns[table->column_count++], attribute);
	}
}

PgbDiffTable *
pgb_diff_open_table(Oid oid)
{
	PgbDiffTable *table = palloc0(sizeof(PgbDiffTable));

	check_rights(oid);
	table->relation = relation_open(oid, AccessShareLock);
	table->name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table->relation)),
											 RelationGetRelationName(table->relation));
	check_kind(table);
	check_row_security(table);
	note_children(table);
	describe_columns(table);
	return table;
}

void
pgb_diff_close_table(PgbDiffTable *table)
{
	relation_close(table->relation, NoLock);
}

/* ---- the columns of both ---- */

PgbDiffColumn *
pgb_diff_column(const PgbDiff *diff, PgbDiffSide side, int pair)
{
	return &diff->tables[side]->columns[diff->pairs[pair].column[side]];
}

static int
find_column(const PgbDiffTable *table, const char *name)
{
	for (int n = 0; n < table->column_count; n++)
	{
		if (strcmp(table->columns[n].name, name) == 0)
			return n;
	}
	return -1;
}

static void
find_pairs(PgbDiff *diff)
{
	const PgbDiffTable *staged = diff->tables[PGB_STAGED];

	diff->pairs = palloc(sizeof(PgbDiffPair) * Max(staged->column_count, 1));
	for (int n = 0; n < staged->column_count; n++)
	{
		int			other = find_column(diff->tables[PGB_LIVE], staged->columns[n].name);

		if (other >= 0)
		{
			PgbDiffPair *pair = &diff->pairs[diff->pair_count++];

			pair->column[PGB_STAGED] = n;
			pair->column[PGB_LIVE] = other;
		}
	}
}

static void
append_item(StringInfo list, const char *item)
{
	if (list->len > 0)
		appendStringInfoString(list, ", ");
	appendStringInfoString(list, item);
}

/* The columns of one table that the other has not. */
static void
append_lacking(StringInfo detail, const PgbDiffTable *table, const PgbDiffTable *other)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int n = 0; n < table->column_count; n++)
	{
		if (find_column(other, table->columns[n].name) < 0)
			append_item(&names, quote_identifier(table->columns[n].name));
	}
	if (names.len > 0)
		appendStringInfo(detail, "%sOnly in %s: %s.", detail->len > 0 ? "\n" : "",
						 table->name, names.data);
}

static void
append_other_types(StringInfo detail, const PgbDiff *diff)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int n = 0; n < diff->pair_count; n++)
	{
		const PgbDiffColumn *staged = pgb_diff_column(diff, PGB_STAGED, n);
		const PgbDiffColumn *live = pgb_diff_column(diff, PGB_LIVE, n);

		if (staged->type != live->type || staged->typmod != live->typmod)
			append_item(&names, psprintf("%s (staged: %s, live: %s)", quote_identifier(staged->name),
										 format_type_with_typemod(staged->type, staged->typmod),
										 format_type_with_typemod(live->type, live->typmod)));
	}
	if (names.len > 0)
		appendStringInfo(detail, "%sOf different types: %s.", detail->len > 0 ? "\n" : "",
						 names.data);
}

void
pgb_diff_pair_columns(PgbDiff *diff)
{
	const PgbDiffTable *staged = diff->tables[PGB_STAGED];
	const PgbDiffTable *live = diff->tables[PGB_LIVE];
	StringInfoData detail;

	find_pairs(diff);
	if (diff->pair_count == 0 && (staged->column_count > 0 || live->column_count > 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("tables \"%s\" and \"%s\" have no column in common",
						staged->name, live->name),
				 errhint("Columns are paired by their names.")));

	initStringInfo(&detail);
	append_lacking(&detail, staged, live);
	append_lacking(&detail, live, staged);
	append_other_types(&detail, diff);
	if (detail.len > 0)
		ereport(WARNING,
				(errmsg("tables \"%s\" and \"%s\" have different columns",
						staged->name, live->name),
				 errdetail_internal("%s", detail.data),
				 errhint("The columns that both have are compared, "
						 "those of different types as text.")));
}
