/*-------------------------------------------------------------------------
 *
 * undrop_drop.c
 *	  The drop that is to be undone, as it was recorded.
 *
 * src/server/undrop/undrop_drop.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/own_tables.h"
#include "server/undrop/undrop.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

static const char *const drop_tables[] = {"pgbackup_drop_events", "pgbackup_dropped_objects"};

/*
 * Of a name without a schema, the first schema of the search path counts in which a table of
 * this name was dropped, then any other.
 */
static const char *const drop_query =
	"WITH found AS ("
	"SELECT o.oid, e.lsn, e.command = 'TRUNCATE TABLE' AS truncated, o.object_identity, o.schema_name,"
	" o.object_name, e.transaction,"
	" pg_catalog.array_position($4, o.schema_name::text) AS place, e.dropped_at, e.drop_id"
	" FROM %s.pgbackup_dropped_objects o JOIN %s.pgbackup_drop_events e USING (drop_id)"
	" WHERE o.object_type = 'table' AND o.sub = 0 AND o.object_name = $1"
	" AND ($2 IS NULL OR o.schema_name = $2) AND ($3 IS NULL OR e.dropped_at < $3))"
	" SELECT oid, lsn, truncated, object_identity,"
	" place IS NULL AND (SELECT pg_catalog.count(DISTINCT schema_name) FROM found) > 1, drop_id,"
	" schema_name, object_name, transaction"
	" FROM found ORDER BY place NULLS LAST, dropped_at DESC, drop_id DESC LIMIT 1";

/*
 * DROP OWNED names nothing, whatever PostgreSQL thinks.  Before version 0.6.0 of the extension
 * there is no owner_name.
 */
static const char *const objects_query =
	"SELECT o.class, o.oid, o.sub, o.object_type, o.object_identity, o.by_cascade OR e.command = 'DROP OWNED',"
	" pg_catalog.to_jsonb(o) OPERATOR(pg_catalog.->>) 'owner_name'"
	" FROM %s.pgbackup_dropped_objects o JOIN %s.pgbackup_drop_events e USING (drop_id)"
	" WHERE o.drop_id = $1 ORDER BY o.number";

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
column(uint64 row, int number)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &isnull);
}

/* In a context that outlives SPI's; or NULL. */
static char *
text_column(uint64 row, int number, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static PgbDrop *
read_drop(MemoryContext context)
{
	PgbDrop    *drop = MemoryContextAllocZero(context, sizeof(PgbDrop));

	drop->oid = DatumGetObjectId(column(0, 1));
	drop->lsn = DatumGetLSN(column(0, 2));
	drop->truncated = DatumGetBool(column(0, 3));
	drop->identity = text_column(0, 4, context);
	drop->ambiguous = DatumGetBool(column(0, 5));
	drop->id = DatumGetInt64(column(0, 6));
	drop->schema = text_column(0, 7, context);
	drop->name = text_column(0, 8, context);
	drop->transaction = XidFromFullTransactionId(DatumGetFullTransactionId(column(0, 9)));
	return drop;
}

static void
read_objects(const PgbOwnTables *own, PgbDrop *drop, MemoryContext context)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(drop->id)};
	MemoryContext old;

	if (SPI_execute_with_args(psprintf(objects_query, own->schema, own->schema), lengthof(types), types, values,
							  NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read a drop");

	old = MemoryContextSwitchTo(context);
	for (uint64 n = 0; n < SPI_processed; n++)
	{
		PgbDropped *object = palloc0(sizeof(PgbDropped));

		object->class = DatumGetObjectId(column(n, 1));
		object->oid = DatumGetObjectId(column(n, 2));
		object->sub = DatumGetInt32(column(n, 3));
		object->type = text_column(n, 4, context);
		object->identity = text_column(n, 5, context);
		object->by_cascade = DatumGetBool(column(n, 6));
		object->owner = text_column(n, 7, context);
		drop->objects = lappend(drop->objects, object);
	}
	MemoryContextSwitchTo(old);
}

/* NULL if none is recorded. */
static PgbDrop *
look_up(const char *relation, const TimestampTz *before)
{
	MemoryContext context = CurrentMemoryContext;
	PgbRecoverName *name = pgb_recover_name(relation);
	Oid			types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID};
	Datum		values[4] = {0};
	char		nulls[4] = {' ', ' ', ' ', ' '};
	PgbDrop    *drop = NULL;
	PgbOwnTables own;

	values[0] = CStringGetTextDatum(name->name);
	if (name->schema != NULL)
		values[1] = CStringGetTextDatum(name->schema);
	else
		nulls[1] = 'n';
	if (before != NULL)
		values[2] = TimestampTzGetDatum(*before);
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
		{
			drop = read_drop(context);
			read_objects(&own, drop, context);
		}
	}
	pgb_own_tables_close(&own);
	return drop;
}

/* A TRUNCATE of such a table is recorded with its partitions, which have the rows. */
#define NAME_PARTITIONS \
	"The table is there, and partitioned. If it was truncated, undo that for its partitions: each has a row of its own in pgbackup_drops."

static bool
is_live_partitioned(const char *relation)
{
	const PgbRecoverName *name = pgb_recover_name(relation);
	RangeVar   *range = makeRangeVar(name->schema, name->name, -1);
	Oid			live = name->schema != NULL ? pgb_promote_live(range) : RelnameGetRelid(name->name);

	return OidIsValid(live) && get_rel_relkind(live) == RELKIND_PARTITIONED_TABLE;
}

PgbDrop *
pgb_drop_find(const char *relation, const TimestampTz *before)
{
	PgbDrop    *drop = look_up(relation, before);

	if (drop == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("no drop of table \"%s\" is recorded%s", relation,
						before == NULL ? "" : " before that moment"),
				 errdetail("pgbackup_drops has, for pgbackup.history_days, what was dropped since the extension was created, and what was truncated while pgbackup was in shared_preload_libraries. What is no table, such as a view, comes back only with one, by cascade => true."),
				 is_live_partitioned(relation) ?
				 errhint(NAME_PARTITIONS) :
				 errhint("If you know a moment at which the table existed: SELECT * FROM pgbackup_restore_table(%s, at => '...'), and then pgbackup_promote_table().",
						 quote_literal_cstr(relation))));
	if (drop->ambiguous)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tables \"%s\" of more than one schema were dropped", relation),
				 errhint("Give the name with its schema; pgbackup_drops lists them.")));
	return drop;
}

/* ---- may its name be free? ---- */

static TransactionId
transaction_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	TransactionId transaction = InvalidTransactionId;

	if (HeapTupleIsValid(tuple))
	{
		transaction = HeapTupleHeaderGetRawXmin(tuple->t_data);
		ReleaseSysCache(tuple);
	}
	return transaction;
}

void
pgb_drop_check_name(const PgbDrop *drop)
{
	Oid			live = pgb_promote_live(makeRangeVar(drop->schema, drop->name, -1));

	/* a transaction may have renamed the one that it dropped: only the recovery knows its name before */
	if (!OidIsValid(live) || TransactionIdEquals(transaction_of(live), drop->transaction))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_TABLE),
			 errmsg("table \"%s\" exists", drop->identity),
			 errdetail("A table comes back only where its name is free. Nothing has been recovered."),
			 get_rel_relkind(live) == RELKIND_PARTITIONED_TABLE ?
			 errhint(NAME_PARTITIONS " To undo the drop of an earlier one, rename this one first.") :
			 errhint("Rename or drop the other one first; or stage the table as it was, beside it: SELECT * FROM pgbackup_restore_table(%s, at_lsn => '%s').",
					 quote_literal_cstr(drop->identity), pgb_lsn_to_text(drop->lsn))));
}

/* ---- who may ---- */

/* What was recorded is also what the recovery will find; only superusers have what nobody has. */
static void
check_owner(const PgbDropped *object)
{
	Oid			owner = object->owner == NULL ? InvalidOid : get_role_oid(object->owner, true);

	if (object->owner == NULL ||
		(OidIsValid(owner) ? has_privs_of_role(GetUserId(), owner) : superuser()))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to bring back %s \"%s\"", object->type, object->identity),
			 OidIsValid(owner) ?
			 errdetail("It belonged to role \"%s\".", object->owner) :
			 errdetail("It belonged to role \"%s\", which does not exist.", object->owner),
			 errhint("Only members of that role and superusers may do that.")));
}

void
pgb_drop_authorize(const PgbDrop *drop, bool cascade)
{
	ListCell   *lc;

	foreach(lc, drop->objects)
	{
		const PgbDropped *object = lfirst(lc);

		if (object->oid == drop->oid || (cascade && !drop->truncated && object->by_cascade))
			check_owner(object);
	}
}
