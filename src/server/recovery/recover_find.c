/*-------------------------------------------------------------------------
 *
 * recover_find.c
 *	  Which relations a recovery is about.
 *
 * What a table was called at a moment only the catalogs of that moment know.  Before there is
 * a sandbox that has them, we guess: by its name in the backup, in the live catalogs, and among what
 * was dropped.  In the sandbox it is looked up, with its partitions and parents; whoever
 * has guessed wrong makes another sandbox.
 *
 * src/server/recovery/recover_find.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "repo/relation_map.h"
#include "server/encoding.h"
#include "server/own_tables.h"
#include "server/recovery/recover_work.h"
#include "server/stage/stage.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

static const char *const drop_tables[] = {"pgbackup_drop_events", "pgbackup_dropped_objects"};

/* ---- by the map of the backup ---- */

static bool
is_named(const PgbMappedRelation *relation, const char *schema, const char *name)
{
	return (relation->kind == RELKIND_RELATION || relation->kind == RELKIND_PARTITIONED_TABLE) &&
		strcmp(relation->name, name) == 0 &&
		(schema == NULL || strcmp(relation->schema_name, schema) == 0);
}

static List *
add_named(List *oids, const PgbMappedDatabase *database, const PgbRecoverName *wanted)
{
	char	   *schema = pgb_to_utf8(wanted->schema);
	char	   *name = pgb_to_utf8(wanted->name);

	for (int i = 0; i < database->count; i++)
	{
		if (is_named(&database->relations[i], schema, name))
			oids = list_append_unique_oid(oids, database->relations[i].oid);
	}
	return oids;
}

/* Partitions of partitions: as deep as it goes. */
static List *
add_children(List *oids, const PgbMappedDatabase *database)
{
	int			before;

	do
	{
		before = list_length(oids);
		for (int i = 0; i < database->count; i++)
		{
			const PgbMappedRelation *relation = &database->relations[i];

			CHECK_FOR_INTERRUPTS();
			if (OidIsValid(relation->parent) && list_member_oid(oids, relation->parent))
				oids = list_append_unique_oid(oids, relation->oid);
		}
	} while (list_length(oids) > before);
	return oids;
}

static List *
add_mapped(List *oids, PgbRepository *repository, const PgbRoute *route,
		   const PgbRecoverRequest *request)
{
	PgbRelationMap *map = pgb_relation_map_read(repository, route->backup, MyDatabaseId);
	ListCell   *lc;

	for (int i = 0; i < map->count; i++)
	{
		foreach(lc, request->names)
			oids = add_named(oids, &map->databases[i], lfirst(lc));
		oids = add_children(oids, &map->databases[i]);
	}
	return oids;
}

/* ---- by the live catalogs, and by what was dropped ---- */

static const char *const live_query =
	"WITH RECURSIVE tree AS ("
	"SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
	" AND (c.relname = $1 AND ($2 IS NULL OR n.nspname = $2) OR c.oid = ANY ($3))"
	" UNION SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid)"
	" SELECT oid FROM tree";

static const char *const dropped_query =
	"SELECT DISTINCT oid FROM %s.pgbackup_dropped_objects"
	" WHERE object_type = 'table' AND object_name = $1 AND ($2 IS NULL OR schema_name = $2)"
	" AND $3 IS NOT NULL";

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

/* The list is in the context of the caller. */
static List *
add_queried(List *oids, const char *query, const PgbRecoverName *name, MemoryContext context)
{
	Oid			types[] = {NAMEOID, NAMEOID, OIDARRAYOID};
	Datum		values[3];
	char		nulls[3] = {' ', ' ', ' '};
	MemoryContext old;

	nulls[0] = name == NULL ? 'n' : ' ';
	values[0] = name == NULL ? (Datum) 0 : DirectFunctionCall1(namein, CStringGetDatum(name->name));
	nulls[1] = name == NULL || name->schema == NULL ? 'n' : ' ';
	values[1] = nulls[1] == 'n' ? (Datum) 0 :
		DirectFunctionCall1(namein, CStringGetDatum(name->schema));
	values[2] = oid_array(oids);
	if (SPI_execute_with_args(query, lengthof(types), types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the table");

	old = MemoryContextSwitchTo(context);
	for (uint64 n = 0; n < SPI_processed; n++)
	{
		bool		isnull;

		oids = list_append_unique_oid(oids,
									  DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[n],
																	 SPI_tuptable->tupdesc, 1,
																	 &isnull)));
	}
	MemoryContextSwitchTo(old);
	return oids;
}

static List *
add_from_server(List *oids, const char *schema, const PgbRecoverRequest *request,
				MemoryContext context)
{
	ListCell   *lc;

	foreach(lc, request->names)
	{
		oids = add_queried(oids, live_query, lfirst(lc), context);
		if (schema != NULL)
			oids = add_queried(oids, psprintf(dropped_query, schema), lfirst(lc), context);
	}
	if (oids != NIL)
		oids = add_queried(oids, live_query, NULL, context);
	return oids;
}

List *
pgb_recover_candidates(PgbRepository *repository, const PgbRoute *route,
					   const PgbRecoverRequest *request)
{
	MemoryContext context = CurrentMemoryContext;
	bool		is_job = !IsTransactionState();
	List	   *oids;
	PgbOwnTables own;

	if (is_job)
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
	MemoryContextSwitchTo(context);
	oids = add_mapped(list_copy(request->oids), repository, route, request);
	pgb_own_tables_open(&own, drop_tables, lengthof(drop_tables));
	oids = add_from_server(oids, own.schema, request, context);
	pgb_own_tables_close(&own);
	if (is_job)
	{
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	MemoryContextSwitchTo(context);
	return oids;
}

/* ---- by the sandbox ---- */

static char *
literal(const char *text)
{
	return text == NULL ? pstrdup("NULL") : quote_literal_cstr(text);
}

/* (schema, name), ... */
static char *
list_names(const PgbRecoverRequest *request)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, request->names)
	{
		const PgbRecoverName *name = lfirst(lc);

		appendStringInfo(&list, ", (%s, %s)", literal(name->schema), literal(name->name));
	}
	return list.data;
}

static char *
list_search_path(const PgbRecoverRequest *request)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, request->search_path)
		appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", literal(lfirst(lc)));
	return list.data;
}

static char *
list_oids(const PgbRecoverRequest *request)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, request->oids)
		appendStringInfo(&list, "%s%u", list.len == 0 ? "" : ",", lfirst_oid(lc));
	return list.data;
}

/*
 * A name without a schema is that of the first schema of the search path that has it, then of
 * any other, and last of our own; with it come partitions (with rows) and parents (without).
 * Names are given as hexadecimal bytes, for they may have newlines.
 */
static char *
tables_query(const PgbRecoverRequest *request)
{
	return psprintf(
		"WITH RECURSIVE wanted (schema, name) AS (VALUES (NULL::text, NULL::text)%s),\n"
		"named AS (SELECT c.oid, rank() OVER (PARTITION BY w.schema, w.name ORDER BY"
		" CASE WHEN n.nspname = '" PGB_RECOVERY_SCHEMA "' THEN 1000001 ELSE"
		" coalesce(array_position(ARRAY[%s]::text[], n.nspname::text), 1000000) END) AS place"
		" FROM wanted w JOIN pg_class c ON c.relname = w.name"
		" JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE (w.schema IS NULL OR n.nspname = w.schema) AND c.relpersistence <> 't'"
		" AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')"
		" AND c.relkind IN ('r', 'p', 'v', 'm', 'f')),\n"
		"root AS (SELECT oid FROM named WHERE place = 1"
		" UNION SELECT oid FROM pg_class WHERE oid = ANY ('{%s}'::oid[])),\n"
		"down AS (SELECT oid FROM root UNION SELECT i.inhrelid FROM down"
		" JOIN pg_inherits i ON i.inhparent = down.oid JOIN pg_class c ON c.oid = i.inhrelid"
		" WHERE c.relispartition),\n"
		"up AS (SELECT oid FROM down UNION SELECT i.inhparent FROM up"
		" JOIN pg_inherits i ON i.inhrelid = up.oid)\n"
		"SELECT c.oid || ' ' || (c.oid IN (SELECT oid FROM down))::int::text || c.relkind::text || c.relpersistence::text || ' ' ||"
		" encode(convert_to('\"' || replace(n.nspname, '\"', '\"\"') || '\".\"' || replace(c.relname, '\"', '\"\"')"
		" || '\"', getdatabaseencoding()), 'hex')\n"
		" FROM up JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid;\n",
		list_names(request), list_search_path(request), list_oids(request));
}

static char *
text_of_hex(const char *hex)
{
	size_t		length = strlen(hex) / 2;
	char	   *text = palloc(length + 1);

	for (size_t i = 0; i < length; i++)
	{
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", hex);
		text[i] = (char) byte;
	}
	text[length] = '\0';
	(void) pg_verifymbstr(text, length, false);
	return text;
}

static PgbRecoverTable *
read_table(const char *line)
{
	PgbRecoverTable *table = palloc0(sizeof(PgbRecoverTable));
	char		rows;
	int			at = 0;

	if (sscanf(line, "%u %c%c%c %n", &table->oid, &rows, &table->kind, &table->persistence, &at) != 4 ||
		at == 0)
		elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", line);
	table->with_rows = rows == '1';
	table->pattern = text_of_hex(line + at);
	return table;
}

pg_noreturn static void refuse_missing(const PgbRecover *recover);

static void
refuse_missing(const PgbRecover *recover)
{
	const PgbRecoverRequest *request = recover->request;
	const PgbRecoverName *name = request->names == NIL ? NULL : linitial(request->names);
	char	   *table = name == NULL ? psprintf("with OID %u", linitial_oid(request->oids)) :
		name->schema == NULL ? pstrdup(quote_identifier(name->name)) :
		quote_qualified_identifier(name->schema, name->name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("table %s did not exist at %s", table,
					request->target.kind == PGB_TARGET_TIME ?
					pgb_time_to_text(request->target.time) : pgb_lsn_to_text(request->target.lsn)),
			 name == NULL ?
			 errhint("The transaction that dropped or truncated it had made it: no other transaction has ever seen its rows.") :
			 errhint("Give the name that it had then, with its schema, or another moment; pgbackup_drops shows what was dropped.")));
}

/*
 * Of an unlogged table there are no rows.  What was asked for itself must have them; what only came
 * along, by a list of OIDs after the first, must not be in the way of the others.
 */
static void
leave_unlogged_empty(const PgbRecoverRequest *request, PgbRecoverTable *table)
{
	if (!table->with_rows || table->persistence != RELPERSISTENCE_UNLOGGED || table->kind != RELKIND_RELATION)
		return;
	if (request->oids == NIL || table->oid == linitial_oid(request->oids))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table %s was unlogged: its rows cannot be recovered", table->pattern),
				 errdetail("They are in no base backup and in no WAL."),
				 errhint("Stage the table from a logical backup.")));
	table->with_rows = false;
}

List *
pgb_recover_find_tables(PgbRecover *recover)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, pgb_recover_query(recover, tables_query(recover->request)))
	{
		PgbRecoverTable *table = read_table(lfirst(lc));

		leave_unlogged_empty(recover->request, table);
		tables = lappend(tables, table);
	}
	if (tables == NIL)
		refuse_missing(recover);
	return tables;
}
