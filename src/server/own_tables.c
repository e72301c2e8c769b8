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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/own_tables.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- which schema, and that it stays so ---- */

static bool
find_extension(Oid *extension, Oid *schema)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("pgbackup"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		*extension = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
		*schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* False when this version of the row is not the current one any more. */
static bool
lock_row(Relation rel, HeapTuple tuple)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(rel, &tuple->t_self, SnapshotAny, slot, GetCurrentCommandId(false),
							  LockTupleKeyShare, LockWaitBlock, TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS,
							  &failure);
	ExecDropSingleTupleTableSlot(slot);
	return result == TM_Ok;
}

/*
 * The name of a schema, which nobody else can rename from now on; NULL when there is no such
 * schema any more.  ALTER SCHEMA locks nothing but the row; so this is done as a foreign key
 * does it, and also in a transaction that is read-only.
 */
static char *
lock_schema_name(Oid schema)
{
	char	   *name = NULL;
	bool		found;
	bool		locked;

	do
	{
		Relation	rel = table_open(NamespaceRelationId, RowShareLock);
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		ScanKeyInit(&key, Anum_pg_namespace_oid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(schema));
		scan = systable_beginscan(rel, NamespaceOidIndexId, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		found = HeapTupleIsValid(tuple);
		if (found)
			name = pstrdup(NameStr(((Form_pg_namespace) GETSTRUCT(tuple))->nspname));

		/* on a standby no row can be locked */
		locked = found && (RecoveryInProgress() || lock_row(rel, tuple));
		systable_endscan(scan);
		table_close(rel, NoLock);
	} while (found && !locked);
	return found ? name : NULL;
}

/* Locked, it can neither move nor be dropped: then it is what its name means. */
static bool
lock_own_table(const char *name, Oid schema, Oid extension)
{
	Oid			table = get_relname_relid(name, schema);

	if (!OidIsValid(table))
		return false;
	LockRelationOid(table, AccessShareLock);
	return get_relname_relid(name, schema) == table &&
		get_rel_relkind(table) == RELKIND_RELATION &&
		getExtensionOfObject(RelationRelationId, table) == extension;
}

char *
pgb_own_schema(const char *const *tables, int count)
{
	Oid			extension;
	Oid			schema;
	char	   *name;

	if (!find_extension(&extension, &schema) || (name = lock_schema_name(schema)) == NULL)
		return NULL;
	for (int i = 0; i < count; i++)
	{
		if (!lock_own_table(tables[i], schema, extension))
			return NULL;
	}
	return pstrdup(quote_identifier(name));
}

/* ---- with the rights for it ---- */

static void
open_tables(PgbOwnTables *own, const char *const *tables, int count, const char *lock_timeout)
{
	GetUserIdAndSecContext(&own->caller, &own->security_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   own->security_context | SECURITY_LOCAL_USERID_CHANGE);
	own->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (lock_timeout != NULL)
		(void) set_config_option("lock_timeout", lock_timeout, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	own->schema = count == 0 ? NULL : pgb_own_schema(tables, count);
}

void
pgb_own_tables_open(PgbOwnTables *own, const char *const *tables, int count)
{
	open_tables(own, tables, count, NULL);
}

void
pgb_own_tables_open_within(PgbOwnTables *own, const char *const *tables, int count,
						   const char *lock_timeout)
{
	open_tables(own, tables, count, lock_timeout);
}

void
pgb_own_tables_close(PgbOwnTables *own)
{
	SPI_finish();
	AtEOXact_GUC(false, own->guc_level);
	SetUserIdAndSecContext(own->caller, own->security_context);
}
