/*-------------------------------------------------------------------------
 *
 * promote_lend.c
 *	  A statement with the rights of a superuser, in which no code of any other user runs.
 *
 * A definition runs code when it is read: a constant of an array, a composite or a range of a domain is
 * checked by the domain's CHECK, wherever it stands, and be it in a view.  So while a superuser lends his
 * rights, no function is called with such rights but those that belong to superusers and change nothing;
 * nor by those: to_json() calls a user's cast, table_to_xml() reads a view.
 * What runs as somebody else meanwhile (an index's expression, as the owner of its table) is not our matter.
 *
 * The functions of event triggers are called, for only superusers make those; what they call is theirs
 * to know.
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
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "server/attempt.h"
#include "server/promote/promote.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static object_access_hook_type previous_access_hook = NULL;
static needs_fmgr_hook_type previous_needs_hook = NULL;
static fmgr_hook_type previous_call_hook = NULL;

static Oid	lender = InvalidOid;	/* whose rights are lent just now */
static const FmgrInfo *trigger = NULL;	/* an event trigger's function that is at work meanwhile */

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
belongs_to_superuser(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		belongs = false;

	if (HeapTupleIsValid(tuple))
	{
		belongs = superuser_arg(((Form_pg_proc) GETSTRUCT(tuple))->proowner);
		ReleaseSysCache(tuple);
	}
	return belongs;
}

static bool
is_harmless(Oid function)
{
	return belongs_to_superuser(function) && func_volatile(function) != PROVOLATILE_VOLATILE;
}

/* Does a superuser's right reach whatever is called just now? */
static bool
is_watched(void)
{
	return OidIsValid(lender) && trigger == NULL && superuser();
}

/* ---- what an expression calls, when that is made ready ---- */

static void
on_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_access_hook)
		previous_access_hook(access, class, object, sub, arg);
	if (access == OAT_FUNCTION_EXECUTE && is_watched() && !is_harmless(object))
		refuse(object);
}

/* ---- calls of all that is not built in, whoever calls ---- */

static bool
on_needs(Oid function)
{
	return OidIsValid(lender) || (previous_needs_hook && previous_needs_hook(function));
}

static bool
is_event_trigger(Oid function)
{
	return get_func_rettype(function) == EVENT_TRIGGEROID;
}

/* Volatile ones are among them: the server itself calls the validators of languages and foreign data wrappers. */
static void
on_call(FmgrHookEventType event, FmgrInfo *function, Datum *arg)
{
	bool		is_start = (event == FHET_START);

	if (is_start && is_watched() && !belongs_to_superuser(function->fn_oid))
		refuse(function->fn_oid);
	if (previous_call_hook)
		previous_call_hook(event, function, arg);
	if (is_start && is_watched() && is_event_trigger(function->fn_oid))
		trigger = function;
	else if (!is_start && function == trigger)
		trigger = NULL;
}

void
pgb_promote_lend_install(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = on_access;
	previous_needs_hook = needs_fmgr_hook;
	needs_fmgr_hook = on_needs;
	previous_call_hook = fmgr_hook;
	fmgr_hook = on_call;
}

/* The function that makes ranges canonical may have been made ready before, so that no hook sees it. */
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
	const FmgrInfo *outer_trigger = trigger;
	ErrorData  *error = pgb_attempt(refuse_canonical, NULL);

	if (error != NULL && error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
		ReThrowError(error);
	if (error != NULL)
		return error;
	PG_TRY();
	{
		lender = superuser;
		trigger = NULL;
		error = pgb_promote_try_as(superuser, PGB_AS_ROLE, piece);
	}
	PG_FINALLY();
	{
		lender = outer_lender;
		trigger = outer_trigger;
	}
	PG_END_TRY();
	return error;
}
