/*-------------------------------------------------------------------------
 *
 * diff_read.c
 *	  The rows of a table in the order of the key.
 *
 * A query of its own for each table, whose plan is asked for one row after another: as
 * in a merge join nothing is copied but the key, and sorts spill to disk.
 *
 * src/server/compare/diff_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "parser/analyze.h"
#include "server/compare/diff.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"

/* ---- the query ---- */

static char *
query_text(const PgbDiff *diff, PgbDiffSide side)
{
	const PgbDiffTable *table = diff->tables[side];
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int n = 0; n < table->column_count; n++)
		appendStringInfo(&sql, "%s%s", n > 0 ? ", " : "",
						 quote_identifier(table->columns[n].name));
	if (diff->order_text[side] != NULL)
		appendStringInfo(&sql, "%s%s", table->column_count > 0 ? ", " : "", diff->order_text[side]);

	/* a parent's own rows; those of its children are in other backups, see note_children() */
	appendStringInfo(&sql, " FROM %s%s ORDER BY ",
					 table->relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					 table->name);
	for (int n = 0; n < diff->order_count; n++)
		appendStringInfo(&sql, "%s%s", n > 0 ? ", " : "", diff->order[n].sql[side]);
	return sql.data;
}

/* Its name may be that of another relation, if its schema was renamed in between. */
static void
check_relation(const Query *query, const PgbDiffTable *table)
{
	if (linitial_node(RangeTblEntry, query->rtable)->relid != RelationGetRelid(table->relation))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" was moved while it was opened", table->name),
				 errhint("Try again.")));
}

/* The executor runs it in this process alone: other workers would need parallel mode. */
static PlannedStmt *
plan_query(const PgbDiffTable *table, const char *sql)
{
	RawStmt    *statement = linitial_node(RawStmt, pg_parse_query(sql));
	Query	   *query = parse_analyze_fixedparams(statement, sql, NULL, 0, NULL);

	check_relation(query, table);
	query = linitial_node(Query, pg_rewrite_query(query));
	return pg_plan_query(query, sql, 0, NULL);
}

/* ---- rows ---- */

/* The next row of the plan, which is valid until the one after it. */
static void
read_ahead(PgbDiff *diff, PgbDiffTable *table)
{
	PlanState  *plan = table->query->planstate;
	MemoryContext old = MemoryContextSwitchTo(table->query->estate->es_query_cxt);

	ResetPerTupleExprContext(table->query->estate);
	table->ahead = ExecProcNode(plan);
	MemoryContextSwitchTo(old);

	if (TupIsNull(table->ahead))
		table->ahead = NULL;
	else
		slot_getallattrs(table->ahead);
}

static void
take_key(const PgbDiff *diff, PgbDiffSide side, const TupleTableSlot *row, NullableDatum *key)
{
	for (int n = 0; n < diff->order_count; n++)
	{
		int			column = diff->order[n].column[side];

		key[n].value = row->tts_values[column];
		key[n].isnull = row->tts_isnull[column];
	}
}

static void
remember_key(const PgbDiff *diff, PgbDiffSide side)
{
	PgbDiffTable *table = diff->tables[side];
	MemoryContext old;

	MemoryContextReset(table->last_key_context);
	old = MemoryContextSwitchTo(table->last_key_context);
	for (int n = 0; n < diff->order_count; n++)
	{
		table->last_key[n].isnull = table->key[n].isnull;
		if (!table->key[n].isnull)
			table->last_key[n].value = datumCopy(table->key[n].value,
												 diff->order[n].by_value[side],
												 diff->order[n].length[side]);
	}
	MemoryContextSwitchTo(old);
}

/*
 * A merge of rows in another order would make differences where there are none.  An
 * index gives them so after a change of the system's collations.
 */
static void
wrong_order(const PgbDiffTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("rows of table \"%s\" do not come in the order of the key", table->name),
			 errdetail("An index may be damaged, or built with another version of its collation."),
			 errhint("Rebuild the indexes of the table with REINDEX, and compare again.")));
}

static void
several_rows(PgbDiff *diff, PgbDiffSide side)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("several rows of table \"%s\" have the same key", diff->tables[side]->name),
			 errdetail("The key is %s.", pgb_diff_key_as_text(diff, side)),
			 errhint("Name other columns in argument \"key\", or compare whole rows with key => '{}'.")));
}

/* ---- going on ---- */

/* With a key, a row is compared where the plan has left it. */
static bool
next_row(PgbDiff *diff, PgbDiffSide side)
{
	PgbDiffTable *table = diff->tables[side];
	bool		first = (table->row == NULL);

	if (!first)
		remember_key(diff, side);
	read_ahead(diff, table);
	table->row = table->ahead;
	if (table->row == NULL)
		return false;

	take_key(diff, side, table->row, table->key);
	table->copies = 1;
	table->row_count++;
	if (!first)
	{
		int			order = pgb_diff_compare_keys(diff, side, table->last_key, side, table->key);

		if (order > 0)
			wrong_order(table);
		if (order == 0)
			several_rows(diff, side);
	}
	return true;
}

/* Without a key, equal rows are counted, and one of them is kept. */
static bool
next_kind_of_row(PgbDiff *diff, PgbDiffSide side)
{
	PgbDiffTable *table = diff->tables[side];
	NullableDatum ahead_key[1];

	Assert(diff->order_count == 1);
	if (table->row == NULL)
		read_ahead(diff, table);
	if (table->ahead == NULL)
	{
		table->row = NULL;
		return false;
	}

	table->row = ExecCopySlot(table->kept, table->ahead);
	slot_getallattrs(table->row);
	take_key(diff, side, table->row, table->key);
	table->copies = 0;
	do
	{
		CHECK_FOR_INTERRUPTS();
		table->copies++;
		read_ahead(diff, table);
		if (table->ahead == NULL)
			break;
		take_key(diff, side, table->ahead, ahead_key);
	} while (pgb_diff_compare_keys(diff, side, table->key, side, ahead_key) == 0);
	table->row_count += table->copies;
	return true;
}

bool
pgb_diff_next(PgbDiff *diff, PgbDiffSide side)
{
	if (diff->key_count > 0)
		return next_row(diff, side);
	return next_kind_of_row(diff, side);
}

void
pgb_diff_begin_reading(PgbDiff *diff, PgbDiffSide side)
{
	PgbDiffTable *table = diff->tables[side];
	char	   *sql = query_text(diff, side);

	table->query = CreateQueryDesc(plan_query(table, sql), sql, GetActiveSnapshot(),
								   InvalidSnapshot, None_Receiver, NULL, NULL, 0);
	ExecutorStart(table->query, 0);

	table->key = palloc0(sizeof(NullableDatum) * diff->order_count);
	table->last_key = palloc0(sizeof(NullableDatum) * diff->order_count);
	table->last_key_context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup last key",
													ALLOCSET_SMALL_SIZES);
	table->kept = MakeSingleTupleTableSlot(table->query->tupDesc, &TTSOpsMinimalTuple);
}

void
pgb_diff_end_reading(PgbDiffTable *table)
{
	ExecDropSingleTupleTableSlot(table->kept);
	ExecutorFinish(table->query);
	ExecutorEnd(table->query);
	FreeQueryDesc(table->query);
}
