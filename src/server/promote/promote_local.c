/*-------------------------------------------------------------------------
 *
 * promote_local.c
 *	  Which columns and constraints a table only inherits.
 *
 * A staged table has no parents: what it had inherited has become its own.  After
 * ALTER TABLE ... INHERIT it is both, and no command of SQL says that it is inherited only; the
 * catalogs do.
 *
 * src/server/promote/promote_local.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "nodes/value.h"
#include "server/compat.h"
#include "server/promote/promote_entry.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static bool
defines_column(const CreateStmt *create, const char *name)
{
	ListCell   *lc;

	foreach(lc, create->tableElts)
		if (IsA(lfirst(lc), ColumnDef) && strcmp(((ColumnDef *) lfirst(lc))->colname, name) == 0)
			return true;
	return false;
}

/* A constraint that is defined after CREATE TABLE has an entry of its own. */
static bool
has_entry(const PgbStage *stage, const PgbTocEntry *table, const char *constraint)
{
	char	   *tag = psprintf("%s %s", table->tag, constraint);

	for (int n = 0; n < stage->toc->count; n++)
	{
		const PgbTocEntry *entry = &stage->toc->entries[n];

		if ((pgb_stage_is(entry, "CHECK CONSTRAINT") || pgb_stage_is(entry, "CONSTRAINT")) &&
			entry->tag != NULL && strcmp(entry->tag, tag) == 0 &&
			pgb_entry_depends_on(entry, table->dump_id))
			return true;
	}
	return false;
}

static bool
defines_check(const CreateStmt *create, const char *name)
{
	ListCell   *lc;

	foreach(lc, create->tableElts)
	{
		const Constraint *constraint = lfirst(lc);

		if (IsA(constraint, Constraint) && constraint->contype == CONSTR_CHECK &&
			constraint->conname != NULL && strcmp(constraint->conname, name) == 0)
			return true;
	}
	return false;
}

static bool
is_not_null(const ColumnDef *column)
{
	ListCell   *lc;

	foreach(lc, column->constraints)
		if (lfirst_node(Constraint, lc)->contype == CONSTR_NOTNULL)
			return true;
	return false;
}

/* NOT NULL stands in the column, or by itself for one that is inherited. */
static bool
defines_not_null(const CreateStmt *create, const char *column)
{
	ListCell   *lc;

	foreach(lc, create->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef) && strcmp(((ColumnDef *) element)->colname, column) == 0 &&
			is_not_null((ColumnDef *) element))
			return true;
		if (IsA(element, Constraint) && ((Constraint *) element)->contype == CONSTR_NOTNULL &&
			((Constraint *) element)->keys != NIL &&
			strcmp(strVal(linitial(((Constraint *) element)->keys)), column) == 0)
			return true;
	}
	return false;
}

static void
forget_columns(const CreateStmt *create, Oid relation)
{
	Relation	catalog = table_open(AttributeRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, AttributeRelidNumIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute attribute = (Form_pg_attribute) GETSTRUCT(tuple);

		if (attribute->attnum <= 0 || attribute->attisdropped || !attribute->attislocal ||
			attribute->attinhcount == 0 || defines_column(create, NameStr(attribute->attname)))
			continue;
		tuple = heap_copytuple(tuple);
		((Form_pg_attribute) GETSTRUCT(tuple))->attislocal = false;
		CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	}
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
}

/* The column of a NOT NULL constraint. */
static char *
constrained_column(Relation catalog, HeapTuple tuple, Oid relation)
{
	bool		isnull;
	Datum		keys = heap_getattr(tuple, Anum_pg_constraint_conkey, RelationGetDescr(catalog), &isnull);
	ArrayType  *array;

	if (isnull)
		return "";
	array = DatumGetArrayTypeP(keys);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1)
		return "";
	return get_attname(relation, ((int16 *) ARR_DATA_PTR(array))[0], false);
}

static bool
defines_constraint(const PgbPromote *promote, const PgbTocEntry *entry, const CreateStmt *create,
				   Relation catalog, HeapTuple tuple, Oid relation)
{
	Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);

	if (has_entry(promote->stage, entry, NameStr(constraint->conname)))
		return true;
	if (constraint->contype == CONSTRAINT_CHECK)
		return defines_check(create, NameStr(constraint->conname));
	if (constraint->contype == CONSTRAINT_NOTNULL)
		return defines_not_null(create, constrained_column(catalog, tuple, relation));
	return true;
}

static void
forget_constraints(const PgbPromote *promote, const PgbTocEntry *entry, const CreateStmt *create,
				   Oid relation)
{
	Relation	catalog = table_open(ConstraintRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);

		if (!constraint->conislocal || constraint->coninhcount == 0 ||
			defines_constraint(promote, entry, create, catalog, tuple, relation))
			continue;
		tuple = heap_copytuple(tuple);
		((Form_pg_constraint) GETSTRUCT(tuple))->conislocal = false;
		CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	}
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
}

void
pgb_promote_forget_local(const PgbPromote *promote, const PgbTocEntry *entry,
						 const CreateStmt *create, Oid relation)
{
	forget_columns(create, relation);
	forget_constraints(promote, entry, create, relation);
	CommandCounterIncrement();
}
