/*-------------------------------------------------------------------------
 *
 * own_tables.c
 *	  The tables of the extension, for functions whose callers have no rights on them.
 *
 * src/server/own_tables.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/own_tables.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

static Datum
text_array(const char *const *words, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * count);

	for (int n = 0; n < count; n++)
		elements[n] = CStringGetTextDatum(words[n]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

char *
pgb_own_schema(const char *const *tables, int count)
{
	static const char *const query =
		"SELECT pg_catalog.quote_ident(n.nspname)"
		" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
		" WHERE e.extname = 'pgbackup' AND $2 = (SELECT pg_catalog.count(*)"
		" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_depend d ON d.objid = c.oid"
		" WHERE c.relnamespace = n.oid AND c.relkind = 'r' AND c.relname = ANY ($1)"
		" AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0"
		" AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
		" AND d.refobjid = e.oid AND d.deptype = 'e')";
	Oid			types[] = {TEXTARRAYOID, INT8OID};
	Datum		values[] = {text_array(tables, count), Int64GetDatum(count)};

	if (SPI_execute_with_args(query, lengthof(types), types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the extension");
	if (SPI_processed == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

void
pgb_own_tables_open(PgbOwnTables *own, const char *const *tables, int count)
{
	GetUserIdAndSecContext(&own->caller, &own->security_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   own->security_context | SECURITY_LOCAL_USERID_CHANGE);
	own->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	own->schema = pgb_own_schema(tables, count);
}

void
pgb_own_tables_close(PgbOwnTables *own)
{
	SPI_finish();
	AtEOXact_GUC(false, own->guc_level);
	SetUserIdAndSecContext(own->caller, own->security_context);
}
