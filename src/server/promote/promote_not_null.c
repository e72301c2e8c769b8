/*-------------------------------------------------------------------------
 *
 * promote_not_null.c
 *	  The names of NOT NULL constraints, which they have since PostgreSQL 18.
 *
 * One that has no name in the archive had that which PostgreSQL makes of the names of table
 * and column.  When it was staged, the table had another name.
 *
 * src/server/promote/promote_not_null.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "commands/defrem.h"
#include "server/compat.h"
#include "server/promote/promote_entry.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

char *
pgb_promote_constrained_column(Relation catalog, HeapTuple tuple)
{
	bool		isnull;
	Datum		keys = heap_getattr(tuple, Anum_pg_constraint_conkey, RelationGetDescr(catalog), &isnull);
	ArrayType  *array;

	if (isnull)
		return "";
	array = DatumGetArrayTypeP(keys);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1)
		return "";
	return get_attname(((Form_pg_constraint) GETSTRUCT(tuple))->conrelid,
					   ((int16 *) ARR_DATA_PTR(array))[0], false);
}

/* Has the column a NOT NULL without a name? */
static bool
is_unnamed(const CreateStmt *create, const char *column)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, create->tableElts)
	{
		const ColumnDef *definition = lfirst(lc);

		if (!IsA(definition, ColumnDef) || strcmp(definition->colname, column) != 0)
			continue;
		foreach(lc2, definition->constraints)
			if (lfirst_node(Constraint, lc2)->contype == CONSTR_NOTNULL &&
				lfirst_node(Constraint, lc2)->conname == NULL)
				return true;
	}
	return false;
}

static void
rename_constraint(Relation catalog, HeapTuple tuple, const CreateStmt *create)
{
	Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);
	char	   *column = pgb_promote_constrained_column(catalog, tuple);
	char	   *name = makeObjectName(create->relation->relname, column, "not_null");

	if (is_unnamed(create, column) && strcmp(NameStr(constraint->conname), name) != 0 &&
		!OidIsValid(get_relation_constraint_oid(constraint->conrelid, name, true)))
		RenameConstraintById(constraint->oid, name);
}

void
pgb_promote_name_not_null(const CreateStmt *create, Oid relation)
{
	Relation	catalog = table_open(ConstraintRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (((Form_pg_constraint) GETSTRUCT(tuple))->contype == CONSTRAINT_NOTNULL)
			rename_constraint(catalog, tuple, create);
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
	CommandCounterIncrement();
}
