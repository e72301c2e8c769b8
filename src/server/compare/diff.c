/*-------------------------------------------------------------------------
 *
 * diff.c
 *	  pgbackup_diff_table and pgbackup_diff_summary: is the staged table the live one?
 *
 * src/server/compare/diff.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "server/compare/diff.h"
#include "server/watch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(pgbackup_diff_table);
PG_FUNCTION_INFO_V1(pgbackup_diff_summary);

/* in the order of the arguments of both SQL functions */
enum
{
	ARG_STAGED,
	ARG_LIVE,
	ARG_KEY
};

/* ---- arguments ---- */

static Oid
table_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	/* no rows in answer to a null would look like no differences */
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return PG_GETARG_OID(number);
}

static List *
key_argument(FunctionCallInfo fcinfo)
{
	List	   *names = NIL;
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_KEY), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &count);
	for (int n = 0; n < count; n++)
	{
		if (nulls[n])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls", "key")));
		names = lappend(names, makeString(TextDatumGetCString(values[n])));
	}
	return names;
}

/* ---- the comparison ---- */

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Names are found in the catalog alone, rows are hidden from nobody (or there is an
 * error), and the text of a value says all of it: in other date styles the hour that
 * a change of the zone's offset repeats can be written twice in the same way.
 */
static int
begin_settings(void)
{
	int			level = NewGUCNestLevel();

	set("search_path", "pg_catalog, pg_temp");
	set("row_security", "off");
	set("DateStyle", "ISO");
	set("IntervalStyle", "postgres");
	set("extra_float_digits", "3");
	return level;
}

static void
error_context(void *arg)
{
	const PgbDiff *diff = arg;

	errcontext("comparing table \"%s\" with \"%s\"",
			   diff->tables[PGB_STAGED]->name, diff->tables[PGB_LIVE]->name);
}

static void
open_tables(PgbDiff *diff, FunctionCallInfo fcinfo)
{
	Oid			staged = table_argument(fcinfo, ARG_STAGED, "staged");
	Oid			live = table_argument(fcinfo, ARG_LIVE, "live");

	diff->tables[PGB_STAGED] = pgb_diff_open_table(staged);
	diff->tables[PGB_LIVE] = pgb_diff_open_table(live);
	if (staged == live)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" cannot be compared with itself", diff->tables[PGB_LIVE]->name),
				 errhint("Name the staged table with its schema, first, and then the live one.")));
}

/* Both tables are read under one snapshot, which sees what this command has staged. */
static void
compare_rows(PgbDiff *diff)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgb_diff_begin_reading(diff, PGB_STAGED);
	pgb_diff_begin_reading(diff, PGB_LIVE);
	pgb_diff_merge(diff);
	pgb_diff_end_reading(diff->tables[PGB_LIVE]);
	pgb_diff_end_reading(diff->tables[PGB_STAGED]);
	PopActiveSnapshot();
}

static void
compare_tables(PgbDiff *diff, FunctionCallInfo fcinfo)
{
	ErrorContextCallback callback;
	int			settings = begin_settings();

	open_tables(diff, fcinfo);

	callback.callback = error_context;
	callback.arg = diff;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	pgb_diff_pair_columns(diff);
	pgb_diff_choose_key(diff, PG_ARGISNULL(ARG_KEY),
						PG_ARGISNULL(ARG_KEY) ? NIL : key_argument(fcinfo));
	compare_rows(diff);

	error_context_stack = callback.previous;
	pgb_diff_close_table(diff->tables[PGB_LIVE]);
	pgb_diff_close_table(diff->tables[PGB_STAGED]);
	AtEOXact_GUC(false, settings);
}

typedef struct Comparison
{
	PgbDiff    *diff;
	FunctionCallInfo fcinfo;
} Comparison;

static void
run_comparison(void *arg)
{
	const Comparison *comparison = arg;

	compare_tables(comparison->diff, comparison->fcinfo);
}

/*
 * The constants of an index's expression, the expressions of a view: to read a table runs what its owner has
 * written, with the rights of who reads.
 */
static void
compare_watched(PgbDiff *diff, FunctionCallInfo fcinfo)
{
	Comparison	comparison = {diff, fcinfo};

	if (superuser())
		pgb_watch("It is needed to read one of the tables, and a comparison lends the rights of a superuser to no code of users: let the owner of the tables compare them.",
				  run_comparison, &comparison);
	else
		run_comparison(&comparison);
}

static void
compare(FunctionCallInfo fcinfo, ReturnSetInfo *result, PgbDiff *diff)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup comparison",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	diff->result = result;
	diff->row_context = AllocSetContextCreate(context, "pgbackup compared rows",
											  ALLOCSET_DEFAULT_SIZES);
	compare_watched(diff, fcinfo);
	MemoryContextSwitchTo(old);
}

/* ---- the SQL functions ---- */

Datum
pgbackup_diff_table(PG_FUNCTION_ARGS)
{
	PgbDiff		diff = {0};

	InitMaterializedSRF(fcinfo, 0);
	compare(fcinfo, (ReturnSetInfo *) fcinfo->resultinfo, &diff);
	PG_RETURN_NULL();
}

Datum
pgbackup_diff_summary(PG_FUNCTION_ARGS)
{
	PgbDiff		diff = {0};
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != lengthof(values))
		elog(ERROR, "pgbackup_diff_summary must return %d columns", (int) lengthof(values));

	compare(fcinfo, NULL, &diff);
	values[0] = Int64GetDatum(diff.tables[PGB_STAGED]->row_count);
	values[1] = Int64GetDatum(diff.tables[PGB_LIVE]->row_count);
	values[2] = Int64GetDatum(diff.counts.equal);
	values[3] = Int64GetDatum(diff.counts.only[PGB_STAGED]);
	values[4] = Int64GetDatum(diff.counts.only[PGB_LIVE]);
	values[5] = Int64GetDatum(diff.counts.changed);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
