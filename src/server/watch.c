/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  Something with the rights of a superuser, in which no code of any other user runs.
 *
 * A definition runs code when it is read: a constant of an array, a composite or a range of a domain is
 * checked by the domain's CHECK, wherever it stands, and be it in a view; a plan of a table evaluates
 * constants of its indexes.  So while the watch is on, no function is called with the rights of a superuser but
 * those that belong to superusers and change nothing; nor by those: to_json() calls a user's cast,
 * table_to_xml() reads a view.
 * What runs as somebody else meanwhile (an index's expression, as the owner of its table) is not our matter.
 *
 * The functions of event triggers are called, for only superusers make those; what they call is theirs
 * to know.
 *
 * src/server/watch.c
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
#include "server/watch.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static object_access_hook_type previous_access_hook = NULL;
static needs_fmgr_hook_type previous_needs_hook = NULL;
static fmgr_hook_type previous_call_hook = NULL;

typedef struct Watch
{
	const char *advice;			/* for whom something is refused; NULL: nothing is watched */
	const FmgrInfo *trigger;	/* an event trigger's function that is at work meanwhile */
} Watch;

static Watch watch = {NULL, NULL};

pg_noreturn static void refuse(Oid function, const char *advice);

static void
refuse(Oid function, const char *advice)
{
	char	   *name = get_func_name(function);

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function \"%s\" must not run with the rights of a superuser", name != NULL ? name : "?"),
			 errdetail_internal("%s", advice)));
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

bool
pgb_watch_is_harmless(Oid function)
{
	return belongs_to_superuser(function) && func_volatile(function) != PROVOLATILE_VOLATILE;
}

/* Does a superuser's right reach whatever is called just now? */
static bool
is_watched(void)
{
	return watch.advice != NULL && watch.trigger == NULL && superuser();
}

/* ---- what an expression calls, when that is made ready ---- */

static void
on_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_access_hook)
		previous_access_hook(access, class, object, sub, arg);
	if (access == OAT_FUNCTION_EXECUTE && is_watched() && !pgb_watch_is_harmless(object))
		refuse(object, watch.advice);
}

/* ---- calls of all that is not built in, whoever calls ---- */

static bool
is_event_trigger(Oid function)
{
	return get_func_rettype(function) == EVENT_TRIGGEROID;
}

/*
 * Not those of superusers: a function in SQL that is hooked is not inlined, and of what is built in some must
 * be, lest they make an expression that is immutable ('A' || id) one that is not.
 */
static bool
on_needs(Oid function)
{
	if (watch.advice != NULL && (!belongs_to_superuser(function) || is_event_trigger(function)))
		return true;
	return previous_needs_hook && previous_needs_hook(function);
}

/* A superuser's may be volatile here: the server itself calls the validators of languages and foreign data wrappers. */
static void
on_call(FmgrHookEventType event, FmgrInfo *function, Datum *arg)
{
	bool		is_start = (event == FHET_START);

	if (is_start && is_watched() && !is_event_trigger(function->fn_oid) && !belongs_to_superuser(function->fn_oid))
		refuse(function->fn_oid, watch.advice);
	if (previous_call_hook)
		previous_call_hook(event, function, arg);
	if (is_start && is_watched() && is_event_trigger(function->fn_oid))
		watch.trigger = function;
	else if (!is_start && function == watch.trigger)
		watch.trigger = NULL;
}

void
pgb_watch_install(void)
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
refuse_canonical(const char *advice)
{
	Relation	rel = table_open(RangeRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	Oid			found = InvalidOid;
	HeapTuple	tuple;

	while (!OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			canonical = ((Form_pg_range) GETSTRUCT(tuple))->rngcanonical;

		if (OidIsValid(canonical) && !pgb_watch_is_harmless(canonical))
			found = canonical;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (OidIsValid(found))
		refuse(found, advice);
}

/* What a worker of a parallel command calls is called in another process, where nobody watches. */
static void
set_not_parallel(void)
{
	static const char *const settings[] = {"max_parallel_workers_per_gather", "max_parallel_maintenance_workers"};

	for (int n = 0; n < lengthof(settings); n++)
		(void) set_config_option(settings[n], "0", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

bool
pgb_watch_is_on(void)
{
	return watch.advice != NULL;
}

void
pgb_watch(const char *advice, void (*function) (void *arg), void *arg)
{
	Watch		outer = watch;
	int			settings;

	refuse_canonical(advice);
	settings = NewGUCNestLevel();
	set_not_parallel();
	PG_TRY();
	{
		watch.advice = advice;
		watch.trigger = NULL;
		function(arg);
	}
	PG_FINALLY();
	{
		watch = outer;
	}
	PG_END_TRY();
	AtEOXact_GUC(false, settings);
}
