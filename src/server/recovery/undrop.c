/*-------------------------------------------------------------------------
 *
 * undrop.c
 *	  pgbackup_undrop: a table that was dropped or truncated, as it was before that.
 *
 * What pgbackup_drops has recorded says which OID, and of which place in the WAL: by then
 * the transaction had not committed, so a recovery that stops there has the table.
 * A dropped one is staged and put back, a truncated one only staged, for it is there.  All of it
 * belongs to the caller's transaction.
 *
 * src/server/recovery/undrop.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "server/arguments.h"
#include "server/own_tables.h"
#include "server/promote/promote.h"
#include "server/recovery/undrop.h"
#include "server/stage/stage.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_undrop);

/* in the order of the SQL function's arguments */
enum
{
	ARG_RELATION,
	ARG_BEFORE,
	ARG_CASCADE
};

static const char *const drop_tables[] = {"pgbackup_drop_events", "pgbackup_dropped_objects"};

/*
 * Of a name without a schema, the first schema of the search path counts in which a table of
 * this name was dropped, then any other.
 */
static const char *const drop_query =
	"WITH found AS ("
	"SELECT o.oid, e.lsn, e.command = 'TRUNCATE TABLE' AS truncated, o.object_identity, o.schema_name,"
	" pg_catalog.array_position($4, o.schema_name::text) AS place, e.dropped_at, e.drop_id"
	" FROM %s.pgbackup_dropped_objects o JOIN %s.pgbackup_drop_events e USING (drop_id)"
	" WHERE o.object_type = 'table' AND o.sub = 0 AND o.object_name = $1"
	" AND ($2 IS NULL OR o.schema_name = $2) AND ($3 IS NULL OR e.dropped_at < $3))"
	" SELECT oid, lsn, truncated, object_identity,"
	" place IS NULL AND (SELECT pg_catalog.count(DISTINCT schema_name) FROM found) > 1"
	" FROM found ORDER BY place NULLS LAST, dropped_at DESC, drop_id DESC LIMIT 1";

typedef struct Drop
{
	Oid			oid;
	XLogRecPtr	lsn;
	bool		truncated;
	char	   *identity;		/* schema and name at that time, quoted where needed */
	bool		ambiguous;		/* others of this name were dropped in other schemas */
} Drop;

/* ---- which drop ---- */

static Datum
search_path_array(void)
{
	List	   *schemas = pgb_recover_search_path();
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(schemas) + 1));
	int			count = 0;
	ListCell   *lc;

	foreach(lc, schemas)
		elements[count++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
drop_column(int number)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);
}

static Drop *
read_drop(MemoryContext context)
{
	Drop	   *drop = MemoryContextAlloc(context, sizeof(Drop));

	drop->oid = DatumGetObjectId(drop_column(1));
	drop->lsn = DatumGetLSN(drop_column(2));
	drop->truncated = DatumGetBool(drop_column(3));
	drop->identity = MemoryContextStrdup(context, TextDatumGetCString(drop_column(4)));
	drop->ambiguous = DatumGetBool(drop_column(5));
	return drop;
}

/* NULL if none is recorded. */
static Drop *
look_up_drop(FunctionCallInfo fcinfo, const char *relation)
{
	MemoryContext context = CurrentMemoryContext;
	PgbRecoverName *name = pgb_recover_name(relation);
	Oid			types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID};
	Datum		values[4] = {0};
	char		nulls[4] = {' ', ' ', ' ', ' '};
	Drop	   *drop = NULL;
	PgbOwnTables own;

	values[0] = CStringGetTextDatum(name->name);
	if (name->schema != NULL)
		values[1] = CStringGetTextDatum(name->schema);
	else
		nulls[1] = 'n';
	if (!PG_ARGISNULL(ARG_BEFORE))
		values[2] = PG_GETARG_DATUM(ARG_BEFORE);
	else
		nulls[2] = 'n';
	values[3] = search_path_array();

	pgb_own_tables_open(&own, drop_tables, lengthof(drop_tables));
	if (own.schema != NULL)
	{
		if (SPI_execute_with_args(psprintf(drop_query, own.schema, own.schema), lengthof(types),
								  types, values, nulls, false, 1) != SPI_OK_SELECT)
			elog(ERROR, "could not look for a drop");
		if (SPI_processed > 0)
			drop = read_drop(context);
	}
	pgb_own_tables_close(&own);
	return drop;
}

static Drop *
find_drop(FunctionCallInfo fcinfo, const char *relation)
{
	Drop	   *drop = look_up_drop(fcinfo, relation);

	if (drop == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("no drop of table \"%s\" is recorded%s", relation,
						PG_ARGISNULL(ARG_BEFORE) ? "" : " before that moment"),
				 errdetail("pgbackup_drops has what was dropped since the extension was created, and what was truncated while pgbackup was in shared_preload_libraries."),
				 errhint("If you know a moment at which the table existed: SELECT * FROM pgbackup_restore_table(%s, at => '...'), and then pgbackup_promote_table().",
						 quote_literal_cstr(relation))));
	if (drop->ambiguous)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tables \"%s\" of more than one schema were dropped", relation),
				 errhint("Give the name with its schema; pgbackup_drops lists them.")));
	return drop;
}

/* ---- back to what it was ---- */

static Oid
stage_dropped(const Drop *drop)
{
	PgbStage   *stage = palloc0(sizeof(PgbStage));

	stage->context = CurrentMemoryContext;
	stage->request.relation = drop->identity;
	stage->request.oid = drop->oid;
	stage->request.backup = PGB_LATEST;
	stage->request.has_target = true;
	stage->request.target = pgb_recover_target_lsn(drop->lsn);
	stage->request.schema = PGB_RECOVERY_SCHEMA;
	stage->request.with_indexes = true;
	stage->request.for_promotion = !drop->truncated;
	pgb_stage_table_of_request(stage);
	CommandCounterIncrement();
	return stage->root->oid;
}

static Oid
undrop(FunctionCallInfo fcinfo)
{
	Drop	   *drop = find_drop(fcinfo, pgb_text_argument(fcinfo, ARG_RELATION, "relation"));
	Oid			staged = stage_dropped(drop);

	if (drop->truncated)
		pgb_undrop_say_how_to_merge(staged, drop->oid, drop->identity);
	else
		pgb_promote(staged);
	return staged;
}

Datum
pgbackup_undrop(PG_FUNCTION_ARGS)
{
	MemoryContext caller_context = CurrentMemoryContext;
	MemoryContext context;
	Oid			relation;

	PreventCommandIfReadOnly("pgbackup_undrop()");
	PreventCommandIfParallelMode("pgbackup_undrop()");
	if (!PG_ARGISNULL(ARG_CASCADE) && PG_GETARG_BOOL(ARG_CASCADE))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pgbackup_undrop() cannot bring back what went along with a table"),
				 errhint("Leave out \"cascade\": a NOTICE names the views and functions that are missing, to be created again.")));

	/* files of the repository are closed with it, also after an error */
	context = AllocSetContextCreate(caller_context, "pgbackup undrop", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	relation = undrop(fcinfo);
	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(context);
	PG_RETURN_OID(relation);
}
