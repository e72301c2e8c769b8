/*-------------------------------------------------------------------------
 *
 * stage_record.c
 *	  Where staged tables come from.
 *
 * src/server/stage/stage_record.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/own_tables.h"
#include "server/recovery/recover.h"
#include "server/stage/stage_record.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static const char *const tables[] = {"pgbackup_staged_tables", "pgbackup_staged_parts"};

/* Of tables that were recovered: their table of contents is in no backup. */
static const char *const definitions[] = {"pgbackup_staged_definitions"};

/* The columns of relation c, as a text to be compared; NULL if it is no table. */
#define COLUMNS_OF_C \
	"CASE WHEN c.relkind IN ('r', 'p') THEN coalesce((" \
	"SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' ||" \
	" pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)" \
	" FROM pg_catalog.pg_attribute a" \
	" WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') END"

static void
execute(const char *sql, int count, Oid *types, Datum *values)
{
	int			rc = SPI_execute_with_args(sql, count, types, values, NULL, false, 0);

	if (rc < 0)
		elog(ERROR, "could not access the list of staged tables: %s", SPI_result_code_string(rc));
}

char *
pgb_stage_live_name(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		return psprintf("%u", relation);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

/* ---- written ---- */

/*
 * Rows of tables that do not exist any more.  Those that another session is about to
 * remove are left to it; a transaction that sees the past does not tidy up.
 */
static void
forget_dropped(const PgbOwnTables *own)
{
	if (IsolationUsesXactSnapshot())
		return;
	execute(psprintf("DELETE FROM %s.pgbackup_staged_tables WHERE staged IN ("
					 "SELECT t.staged FROM %s.pgbackup_staged_tables t WHERE NOT EXISTS ("
					 "SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.staged)"
					 " FOR UPDATE SKIP LOCKED)", own->schema, own->schema), 0, NULL, NULL);
}

static void
insert_table(const PgbOwnTables *own, const PgbStage *stage)
{
	Oid			types[] = {OIDOID, NAMEOID, NAMEOID, TEXTOID, TIMESTAMPTZOID, NAMEOID};
	Datum		values[6];

	values[0] = ObjectIdGetDatum(stage->root->oid);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(stage->root->entry->schema_name));
	values[2] = DirectFunctionCall1(namein, CStringGetDatum(stage->root->entry->tag));
	values[3] = CStringGetTextDatum(stage->backup);
	values[4] = TimestampTzGetDatum(stage->manifest->as_of);
	values[5] = DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(own->caller, false)));
	execute(psprintf("INSERT INTO %s.pgbackup_staged_tables"
					 " (staged, source_schema, source_name, backup, as_of, staged_at, role_name)"
					 " VALUES ($1, $2, $3, $4, $5, pg_catalog.clock_timestamp(), $6)", own->schema),
			lengthof(types), types, values);
}

static void
insert_part(const PgbOwnTables *own, Oid staged, Oid part, const PgbOldName *old)
{
	Oid			types[] = {OIDOID, OIDOID, NAMEOID, NAMEOID};
	Datum		values[] = {
		ObjectIdGetDatum(staged), ObjectIdGetDatum(part),
		NameGetDatum(&old->schema), NameGetDatum(&old->name)
	};

	execute(psprintf("INSERT INTO %s.pgbackup_staged_parts"
					 " (staged, part, source_schema, source_name, columns)"
					 " SELECT $1, c.oid, $3, $4, " COLUMNS_OF_C
					 " FROM pg_catalog.pg_class c WHERE c.oid = $2", own->schema),
			lengthof(types), types, values);
}

static void
insert_definition(const PgbOwnTables *own, const PgbStage *stage)
{
	const PgbRecovered *recovered = stage->recovered;
	Oid			types[] = {OIDOID, BYTEAOID};
	Datum		values[2];
	bytea	   *toc;

	/* who puts the table back at once has them */
	if (recovered == NULL || stage->request.for_promotion || pgb_own_schema(definitions, lengthof(definitions)) == NULL)
		return;
	toc = palloc(recovered->schema_toc_length + VARHDRSZ);
	SET_VARSIZE(toc, recovered->schema_toc_length + VARHDRSZ);
	memcpy(VARDATA(toc), recovered->schema_toc, recovered->schema_toc_length);
	values[0] = ObjectIdGetDatum(stage->root->oid);
	values[1] = PointerGetDatum(toc);
	execute(psprintf("INSERT INTO %s.pgbackup_staged_definitions (staged, toc) VALUES ($1, $2)",
					 own->schema), lengthof(types), types, values);
}

void
pgb_stage_record(const PgbStage *stage)
{
	PgbOwnTables own;
	HASH_SEQ_STATUS scan;
	PgbNewName *name;

	pgb_own_tables_open(&own, tables, lengthof(tables));
	if (own.schema != NULL)
	{
		forget_dropped(&own);
		insert_table(&own, stage);
		insert_definition(&own, stage);

		hash_seq_init(&scan, stage->names);
		while ((name = hash_seq_search(&scan)) != NULL)
		{
			/* those that were there only for a while are dropped by now */
			Oid			part = get_relname_relid(NameStr(name->name), stage->schema_oid);

			if (OidIsValid(part))
				insert_part(&own, stage->root->oid, part, &name->old);
		}
	}
	pgb_own_tables_close(&own);
}

/* ---- read ---- */

/* A column of row n of the last result, in a context that outlives SPI's; or NULL. */
static char *
column(uint64 row, int number, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static void
refuse_unknown(const PgbOwnTables *own, Oid staged)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(staged)};
	char	   *name = pgb_stage_live_name(staged);

	execute(psprintf("SELECT staged::pg_catalog.text FROM %s.pgbackup_staged_parts WHERE part = $1",
					 own->schema), lengthof(types), types, values);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" is a part of a staged table", name),
				 errhint("Name the whole staged table: %s.",
						 SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1))));

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is not a staged table", name),
			 errdetail("It was not made by pgbackup_restore_table(), has been put back already, "
					   "or was staged before the extension was updated to 0.3.0."),
			 errhint("pgbackup_staged_tables lists the staged tables of this database.")));
}

static List *
read_parts(const PgbOwnTables *own, Oid staged, MemoryContext context)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(staged)};
	List	   *parts = NIL;
	MemoryContext old;

	execute(psprintf("SELECT p.part::pg_catalog.oid, p.source_schema, p.source_name, p.columns, "
					 COLUMNS_OF_C " FROM %s.pgbackup_staged_parts p"
					 " LEFT JOIN pg_catalog.pg_class c ON c.oid = p.part"
					 " WHERE p.staged = $1 ORDER BY p.part", own->schema),
			lengthof(types), types, values);

	old = MemoryContextSwitchTo(context);
	for (uint64 n = 0; n < SPI_processed; n++)
	{
		PgbStagedPart *part = palloc0(sizeof(PgbStagedPart));
		bool		isnull;

		part->oid = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[n], SPI_tuptable->tupdesc,
												   1, &isnull));
		part->schema = column(n, 2, context);
		part->name = column(n, 3, context);
		part->columns = column(n, 4, context);
		part->columns_now = column(n, 5, context);
		parts = lappend(parts, part);
	}
	MemoryContextSwitchTo(old);
	return parts;
}

static void
read_definition(const PgbOwnTables *own, Oid staged, PgbStagedRecord *record, MemoryContext context)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(staged)};
	bytea	   *toc;
	bool		isnull;

	if (pgb_own_schema(definitions, lengthof(definitions)) == NULL)
		return;
	execute(psprintf("SELECT toc FROM %s.pgbackup_staged_definitions WHERE staged = $1", own->schema),
			lengthof(types), types, values);
	if (SPI_processed == 0)
		return;
	toc = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	record->toc_length = VARSIZE_ANY_EXHDR(toc);
	record->toc = MemoryContextAlloc(context, record->toc_length + 1);
	memcpy(record->toc, VARDATA_ANY(toc), record->toc_length);
}

PgbStagedRecord *
pgb_stage_take_record(Oid staged)
{
	MemoryContext context = CurrentMemoryContext;
	PgbStagedRecord *record = palloc0(sizeof(PgbStagedRecord));
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(staged)};
	PgbOwnTables own;

	pgb_own_tables_open(&own, tables, lengthof(tables));
	if (own.schema == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no list of staged tables"),
				 errhint("Run ALTER EXTENSION pgbackup UPDATE.")));

	execute(psprintf("SELECT source_schema, source_name, backup"
					 " FROM %s.pgbackup_staged_tables WHERE staged = $1 FOR UPDATE", own.schema),
			lengthof(types), types, values);
	if (SPI_processed == 0)
		refuse_unknown(&own, staged);
	record->schema = column(0, 1, context);
	record->name = column(0, 2, context);
	record->backup = column(0, 3, context);
	record->parts = read_parts(&own, staged, context);
	read_definition(&own, staged, record, context);

	/* its parts by themselves: triggers of foreign keys can be off in this session */
	execute(psprintf("DELETE FROM %s.pgbackup_staged_parts WHERE staged = $1", own.schema),
			lengthof(types), types, values);
	execute(psprintf("DELETE FROM %s.pgbackup_staged_tables WHERE staged = $1", own.schema),
			lengthof(types), types, values);
	pgb_own_tables_close(&own);
	return record;
}
