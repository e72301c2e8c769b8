/*-------------------------------------------------------------------------
 *
 * drop_record.c
 *	  The rows that tell of what was dropped or truncated.
 *
 * src/server/drops/drop_record.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/attempt.h"
#include "server/drops/drops.h"
#include "server/guc.h"
#include "server/own_tables.h"
#include "server/stage/stage.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/xid8.h"

static const char *const tables[] = {"pgbackup_drop_events", "pgbackup_dropped_objects"};

/*
 * What was named, and what went with it by CASCADE; not what is only a part of something
 * else that went (its indexes, its row type, its constraints), nor what is a copy in the recovery
 * schema.
 */
#define WORTH_RECORDING \
	"NOT d.is_temporary AND (d.original OR d.normal)" \
	" AND NOT (d.object_type IN ('default value', 'table constraint', 'trigger', 'rule', 'policy')" \
	" AND d.address_names[1:2] IN (SELECT r.address_names FROM pg_catalog.pg_event_trigger_dropped_objects() r" \
	" WHERE r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND r.objsubid = 0))" \
	" AND '" PGB_RECOVERY_SCHEMA "' NOT IN (coalesce(d.schema_name, ''), d.object_identity)"

/* Only what has rows is a loss that we can do something about. */
#define HAS_ROWS \
	"d.object_type IN ('table', 'table column', 'materialized view', 'sequence')"

static void
execute(const char *sql, int count, Oid *types, Datum *values)
{
	int			rc = SPI_execute_with_args(sql, count, types, values, NULL, false, 0);

	if (rc < 0)
		elog(ERROR, "could not record a drop: %s", SPI_result_code_string(rc));
}

/* Events of long ago; those that another session is about to remove are left to it. */
static void
prune(const PgbOwnTables *own)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(pgb_guc_history_days)};

	if (pgb_guc_history_days < 0 || IsolationUsesXactSnapshot())
		return;
	execute(psprintf("DELETE FROM %s.pgbackup_drop_events WHERE drop_id IN ("
					 "SELECT drop_id FROM %s.pgbackup_drop_events"
					 " WHERE dropped_at < pg_catalog.now() - pg_catalog.make_interval(days => $1)"
					 " FOR UPDATE SKIP LOCKED)", own->schema, own->schema),
			lengthof(types), types, values);
}

/* Gives the number of the new event. */
static int64
insert_event(const PgbOwnTables *own, const char *command)
{
	Oid			types[] = {TEXTOID, XID8OID, LSNOID, TEXTOID, TEXTOID};
	Datum		values[5];
	bool		isnull;

	values[0] = CStringGetTextDatum(command);
	values[1] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[2] = LSNGetDatum(GetXLogInsertRecPtr());
	values[3] = CStringGetTextDatum(GetUserNameFromId(own->caller, false));
	values[4] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	execute(psprintf("INSERT INTO %s.pgbackup_drop_events"
					 " (dropped_at, command, transaction, lsn, role_name, session_role_name)"
					 " VALUES (pg_catalog.clock_timestamp(), $1, $2, $3, $4, $5) RETURNING drop_id",
					 own->schema),
			lengthof(types), types, values);
	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* ---- what is recorded ---- */

typedef struct Drop
{
	const char *command;
	List	   *relations;		/* truncated ones; NIL: ask the event trigger */
} Drop;

static Datum
oid_array(List *oids)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(oids) + 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, oids)
		elements[count++] = ObjectIdGetDatum(lfirst_oid(cell));
	return PointerGetDatum(construct_array(elements, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

static Datum
name_array(List *names)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(names) + 1));
	int			count = 0;
	ListCell   *cell;

	foreach(cell, names)
		elements[count++] = DirectFunctionCall1(namein, CStringGetDatum(lfirst(cell)));
	return PointerGetDatum(construct_array(elements, count, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* By the names of the columns, for before 0.6.0 of the extension there is no owner_name. */
static void
insert_objects(const PgbOwnTables *own, const char *query, int count, Oid *types, Datum *values)
{
	execute(psprintf("INSERT INTO %s.pgbackup_dropped_objects SELECT r.* FROM (%s) q,"
					 " pg_catalog.jsonb_populate_record(NULL::%s.pgbackup_dropped_objects, pg_catalog.to_jsonb(q)) r",
					 own->schema, query, own->schema), count, types, values);
}

static void
record_dropped(const PgbOwnTables *own, const Drop *drop)
{
	Oid			types[] = {INT8OID, OIDARRAYOID, NAMEARRAYOID};
	Datum		values[3];
	List	   *relations;
	List	   *owners;

	pgb_take_dropped_owners(&relations, &owners);
	execute("SELECT FROM pg_catalog.pg_event_trigger_dropped_objects() d"
			" WHERE " WORTH_RECORDING " AND " HAS_ROWS " LIMIT 1", 0, NULL, NULL);
	if (SPI_processed == 0)
		return;
	values[0] = Int64GetDatum(insert_event(own, drop->command));
	values[1] = oid_array(relations);
	values[2] = name_array(owners);
	insert_objects(own,
				   "SELECT $1 AS drop_id, pg_catalog.row_number() OVER () AS number, d.classid AS class,"
				   " d.objid AS oid, d.objsubid AS sub, d.object_type, d.schema_name, d.object_name,"
				   " d.object_identity, NOT d.original AS by_cascade, w.owner AS owner_name"
				   " FROM pg_catalog.pg_event_trigger_dropped_objects() d"
				   " LEFT JOIN (SELECT DISTINCT ON (oid) oid, owner"
				   " FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) WITH ORDINALITY AS w (oid, owner, number)"
				   " ORDER BY oid, number DESC) w"
				   " ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0 AND d.objid = w.oid"
				   " WHERE " WORTH_RECORDING,
				   lengthof(types), types, values);
}

static void
record_truncated(const PgbOwnTables *own, const Drop *drop)
{
	Oid			types[] = {INT8OID, OIDARRAYOID};
	Datum		values[2];

	values[0] = Int64GetDatum(insert_event(own, drop->command));
	values[1] = oid_array(drop->relations);
	insert_objects(own,
				   "SELECT $1 AS drop_id, t.number, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS class,"
				   " c.oid, 0 AS sub, 'table' AS object_type, n.nspname AS schema_name, c.relname AS object_name,"
				   " pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS object_identity,"
				   " false AS by_cascade, pg_catalog.pg_get_userbyid(c.relowner) AS owner_name"
				   " FROM pg_catalog.unnest($2) WITH ORDINALITY AS t (oid, number)"
				   " JOIN pg_catalog.pg_class c ON c.oid = t.oid"
				   " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
				   " WHERE n.nspname <> '" PGB_RECOVERY_SCHEMA "'",
				   lengthof(types), types, values);
}

static void
write_rows(void *arg)
{
	const Drop *drop = arg;
	PgbOwnTables own;

	pgb_own_tables_open(&own, tables, lengthof(tables));
	if (own.schema != NULL)
	{
		if (drop->relations != NIL)
			record_truncated(&own, drop);
		else
			record_dropped(&own, drop);
		prune(&own);
	}
	pgb_own_tables_close(&own);
}

/* ---- with no harm to who drops ---- */

static bool
must_be_raised(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN;
}

static void
record(Drop *drop)
{
	ErrorData  *error;

	if (!OidIsValid(get_extension_oid("pgbackup", true)))
		return;

	error = pgb_attempt(write_rows, drop);
	if (error == NULL)
		return;
	if (must_be_raised(error))
		ReThrowError(error);
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("what this statement drops could not be recorded in pgbackup_drops"),
			 errdetail_internal("%s", error->message)));
}

void
pgb_record_dropped_objects(const char *command)
{
	Drop		drop = {.command = command};

	record(&drop);
}

void
pgb_record_truncated(List *relations)
{
	Drop		drop = {.command = "TRUNCATE TABLE", .relations = relations};

	record(&drop);
}
