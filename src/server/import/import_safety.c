/*-------------------------------------------------------------------------
 *
 * import_safety.c
 *	  May parallel workers parse the rows of a table?
 *
 * Only if all that runs in them is marked parallel safe: the input functions of
 * the columns' types, and the partition constraint.  Domains with constraints and
 * generated columns are left to COPY.
 *
 * src/server/import/import_safety.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "server/compat.h"
#include "server/import/import.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

static bool input_is_safe(Oid type);

static bool
columns_are_safe(TupleDesc desc)
{
	for (int n = 0; n < desc->natts; n++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, n);

		if (!attribute->attisdropped && !input_is_safe(attribute->atttypid))
			return false;
	}
	return true;
}

static bool
row_type_is_safe(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_noerror(type, -1, true);
	bool		safe;

	if (desc == NULL)
		return false;
	safe = columns_are_safe(desc);
	ReleaseTupleDesc(desc);
	return safe;
}

/* The type's own input function, and those that it calls. */
static bool
input_is_safe(Oid type)
{
	Oid			function;
	Oid			parameter;
	Oid			element;

	check_stack_depth();

	getTypeInputInfo(type, &function, &parameter);
	if (func_parallel(function) != PROPARALLEL_SAFE)
		return false;

	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return !DomainHasConstraints(type) && input_is_safe(getBaseType(type));
		case TYPTYPE_COMPOSITE:
			return row_type_is_safe(type);
		case TYPTYPE_RANGE:
			return input_is_safe(get_range_subtype(type));
		case TYPTYPE_MULTIRANGE:
			return input_is_safe(get_multirange_range(type));
		case TYPTYPE_BASE:
			element = get_element_type(type);
			return !OidIsValid(element) || input_is_safe(element);
		case TYPTYPE_ENUM:
			return true;
		default:
			return false;
	}
}

static bool
partition_constraint_is_safe(Relation relation)
{
	Query	   *query;
	ListCell   *lc;

	if (!relation->rd_rel->relispartition)
		return true;

	query = makeNode(Query);
	query->commandType = CMD_SELECT;
	foreach(lc, RelationGetPartitionQual(relation))
		query->targetList = lappend(query->targetList,
									makeTargetEntry(lfirst(lc), 1, NULL, false));
	return max_parallel_hazard(query) == PROPARALLEL_SAFE;
}

static bool
has_expressions(TupleDesc desc)
{
	return desc->constr != NULL &&
		(desc->constr->num_check > 0 || pgb_has_generated(desc->constr));
}

bool
pgb_import_parallel_safe(Relation relation)
{
	/* the leader inserts finished tuples of the heap's own form */
	return relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_tableam == GetHeapamTableAmRoutine() &&
		relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP &&
		!has_expressions(RelationGetDescr(relation)) &&
		columns_are_safe(RelationGetDescr(relation)) &&
		partition_constraint_is_safe(relation);
}
