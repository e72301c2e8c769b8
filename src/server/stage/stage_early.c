/*-------------------------------------------------------------------------
 *
 * stage_early.c
 *	  Who may stage a table as it was at a moment, as far as that is known before the recovery.
 *
 * Whose table it was then only the recovery finds out, and that decides.  But where the live catalogs
 * and the recorded drops know tables of this name, and all of them are others', nobody waits
 * minutes to be told.
 *
 * src/server/stage/stage_early.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/own_tables.h"
#include "server/recovery/recover.h"
#include "server/stage/stage.h"
#include "utils/acl.h"
#include "utils/builtins.h"

static const char *const drop_tables[] = {"pgbackup_drop_events", "pgbackup_dropped_objects"};

static const char *const live_query =
	"SELECT pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
	" WHERE c.relkind IN ('r', 'p') AND c.relname OPERATOR(pg_catalog.=) $1::pg_catalog.name"
	" AND ($2 IS NULL OR n.nspname OPERATOR(pg_catalog.=) $2::pg_catalog.name)";

/* Before version 0.6.0 of the extension there is no owner_name. */
static const char *const dropped_query =
	"SELECT pg_catalog.to_jsonb(o) OPERATOR(pg_catalog.->>) 'owner_name' FROM %s.pgbackup_dropped_objects o"
	" WHERE o.object_type = 'table' AND o.sub = 0 AND o.object_name = $1"
	" AND ($2 IS NULL OR o.schema_name = $2)";

/* A role that does not exist, or of which nothing was recorded, says nothing. */
static bool
may_be_callers(const char *owner, Oid caller)
{
	Oid			role = owner == NULL ? InvalidOid : get_role_oid(owner, true);

	return !OidIsValid(role) || has_privs_of_role(caller, role);
}

/* Returns false when one of them may be the caller's; adds how many there are, and the owner of one. */
static bool
all_are_others(const char *query, const PgbRecoverName *name, Oid caller, char **owner,
			   MemoryContext context)
{
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[2] = {CStringGetTextDatum(name->name)};
	char		nulls[] = {' ', name->schema == NULL ? 'n' : ' ', '\0'};

	if (name->schema != NULL)
		values[1] = CStringGetTextDatum(name->schema);
	if (SPI_execute_with_args(query, lengthof(types), types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the table");
	for (uint64 n = 0; n < SPI_processed; n++)
	{
		char	   *found = SPI_getvalue(SPI_tuptable->vals[n], SPI_tuptable->tupdesc, 1);

		if (may_be_callers(found, caller))
			return false;
		*owner = MemoryContextStrdup(context, found);
	}
	return true;
}

void
pgb_stage_authorize_early(const char *relation)
{
	MemoryContext context = CurrentMemoryContext;
	PgbRecoverName *name = pgb_recover_name(relation);
	Oid			caller = GetUserId();
	char	   *owner = NULL;
	bool		refused;
	PgbOwnTables own;

	if (superuser_arg(caller))
		return;
	pgb_own_tables_open(&own, drop_tables, lengthof(drop_tables));
	refused = all_are_others(live_query, name, caller, &owner, context) &&
		(own.schema == NULL ||
		 all_are_others(psprintf(dropped_query, own.schema), name, caller, &owner, context)) &&
		owner != NULL;
	pgb_own_tables_close(&own);
	MemoryContextSwitchTo(context);
	if (refused)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to stage table \"%s\"", relation),
				 errdetail("All tables of this name that are known here belong or belonged to others, one of them to role \"%s\".",
						   owner),
				 errhint("Only members of that role and superusers may stage it.  If it was yours at that moment, and is not now, a superuser can stage it.")));
}
