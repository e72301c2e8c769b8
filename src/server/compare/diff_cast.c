/*-------------------------------------------------------------------------
 *
 * diff_cast.c
 *	  Types of which to_jsonb() would run a user's code.
 *
 * to_jsonb() looks for a cast to json of each type that is not built in, wherever a value has one: in an
 * array, in a composite.  Its function runs with the rights of who compares, and not of who wrote it.
 *
 * src/server/compare/diff_cast.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "server/compare/diff.h"
#include "server/watch.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static bool
has_cast(Oid type)
{
	Oid			function = InvalidOid;

	return type >= FirstNormalObjectId &&
		find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, &function) == COERCION_PATH_FUNC &&
		OidIsValid(function) && !pgb_watch_is_harmless(function);
}

static bool
has_one_in_it(Oid row_type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(row_type, -1);
	bool		found = false;

	for (int n = 0; n < desc->natts && !found; n++)
		found = !TupleDescAttr(desc, n)->attisdropped &&
			pgb_diff_has_user_cast(TupleDescAttr(desc, n)->atttypid);
	ReleaseTupleDesc(desc);
	return found;
}

bool
pgb_diff_has_user_cast(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	check_stack_depth();
	if (OidIsValid(element))
		return pgb_diff_has_user_cast(element);
	if (base == RECORDOID)
		return false;
	if (type_is_rowtype(base))
		return has_one_in_it(base);
	return has_cast(base);
}
