/*-------------------------------------------------------------------------
 *
 * promote_lend.c
 *	  A statement with the rights of a superuser, in which no code of any other user runs.
 *
 * A definition runs code when it is read: a constant of an array, a composite or a range of a domain is
 * checked by the domain's CHECK, wherever it stands, and be it in a view.  So while a superuser lends his
 * rights, no function is called with them but those that belong to superusers and change nothing.  What
 * runs as somebody else meanwhile (an index's expression, as the owner of its table) is not our matter.
 *
 * The functions of event triggers are called, for only superusers make those; what queries
 * these run is theirs to know.
 *
 * src/server/promote/promote_lend.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_range.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "server/attempt.h"
#include "server/promote/promote.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static object_access_hook_type previous_access_hook = NULL;
static ExecutorStart_hook_type previous_start_hook = NULL;
static ExecutorEnd_hook_type previous_end_hook = NULL;

static Oid	lender = InvalidOid;	/* whose rights are lent just now */
static int	queries = 0;			/* that run meanwhile, one within the other */

pg_noreturn static void refuse(Oid function);

static void
refuse(Oid function)
{
	char	   *name = get_func_name(function);

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function \"%s\" must not run with the rights of a superuser", name != NULL ? name : "?"),
			 errdetail("The owner of what is put back may not do that by himself, and a superuser lends his rights to no code of users: grant the owner what he lacks, such as CREATE on the schema.")));
}

static bool
is_harmless(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		harmless;

	if (!HeapTupleIsValid(tuple))
		return false;
	harmless = ((Form_pg_proc) GETSTRUCT(tuple))->provolatile != PROVOLATILE_VOLATILE &&
		superuser_arg(((Form_pg_proc) GETSTRUCT(tuple))->proowner);
	ReleaseSysCache(tuple);
	return harmless;
}

static void
on_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_access_hook)
		previous_access_hook(access, class, object, sub, arg);
	if (OidIsValid(lender) && access == OAT_FUNCTION_EXECUTE && queries <= 0 &&
		GetUserId() == lender && !is_harmless(object))
		refuse(object);
}

/* No expression of a definition gets here: a function that it calls would be the first. */
static void
on_start(QueryDesc *query, int flags)
{
	if (OidIsValid(lender))
		queries++;
	if (previous_start_hook)
		previous_start_hook(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
on_end(QueryDesc *query)
{
	if (previous_end_hook)
		previous_end_hook(query);
	else
		standard_ExecutorEnd(query);
	if (OidIsValid(lender))
		queries--;
}

void
pgb_promote_lend_install(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = on_access;
	previous_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = on_start;
	previous_end_hook = ExecutorEnd_hook;
	ExecutorEnd_hook = on_end;
}

/* The function that makes ranges canonical is called where no hook sees it. */
static void
refuse_canonical(void *arg)
{
	Relation	rel = table_open(RangeRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	Oid			found = InvalidOid;
	HeapTuple	tuple;

	while (!OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			canonical = ((Form_pg_range) GETSTRUCT(tuple))->rngcanonical;

		if (OidIsValid(canonical) && !is_harmless(canonical))
			found = canonical;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (OidIsValid(found))
		refuse(found);
}

ErrorData *
pgb_promote_try_lent(Oid superuser, const PgbPiece *piece)
{
	Oid			outer_lender = lender;
	int			outer_queries = queries;
	ErrorData  *error = pgb_attempt(refuse_canonical, NULL);

	if (error != NULL)
		return error;
	PG_TRY();
	{
		lender = superuser;
		queries = 0;
		error = pgb_promote_try_as(superuser, PGB_AS_ROLE, piece);
	}
	PG_FINALLY();
	{
		lender = outer_lender;
		queries = outer_queries;
	}
	PG_END_TRY();
	return error;
}
