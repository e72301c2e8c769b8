/*-------------------------------------------------------------------------
 *
 * drop_owner.c
 *	  Whose the relations were that a transaction drops.
 *
 * When the event trigger is called they are gone from the catalogs.  The server calls a hook
 * for each object before that.
 *
 * src/server/drops/drop_owner.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "server/drops/drops.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

static object_access_hook_type previous_access_hook = NULL;

/* Of this transaction, in its memory, since the last time it was asked; of the same length. */
static List *dropped = NIL;
static List *owners = NIL;
static bool is_watching = false;

static void
forget(void *arg)
{
	dropped = NIL;
	owners = NIL;
	is_watching = false;
}

static void
remember(Oid relation, const char *owner)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	if (!is_watching)
	{
		MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

		callback->func = forget;
		MemoryContextRegisterResetCallback(TopTransactionContext, callback);
		is_watching = true;
	}
	dropped = lappend_oid(dropped, relation);
	owners = lappend(owners, pstrdup(owner));
	MemoryContextSwitchTo(old);
}

/* Indexes and TOAST tables belong to who owns their table, and are not recorded. */
static bool
is_worth_remembering(Form_pg_class relation)
{
	return relation->relpersistence != RELPERSISTENCE_TEMP &&
		relation->relkind != RELKIND_INDEX && relation->relkind != RELKIND_PARTITIONED_INDEX &&
		relation->relkind != RELKIND_TOASTVALUE;
}

static void
on_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	HeapTuple	tuple;
	char	   *owner;

	if (previous_access_hook)
		previous_access_hook(access, class, object, sub, arg);
	if (access != OAT_DROP || class != RelationRelationId || sub != 0 ||
		(((ObjectAccessDrop *) arg)->dropflags & PERFORM_DELETION_INTERNAL) != 0)
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(object));
	if (!HeapTupleIsValid(tuple))
		return;
	owner = is_worth_remembering((Form_pg_class) GETSTRUCT(tuple)) ?
		GetUserNameFromId(((Form_pg_class) GETSTRUCT(tuple))->relowner, true) : NULL;
	if (owner != NULL)
		remember(object, owner);
	ReleaseSysCache(tuple);
}

void
pgb_take_dropped_owners(List **relations, List **names)
{
	*relations = dropped;
	*names = owners;
	dropped = NIL;
	owners = NIL;
}

void
pgb_owners_install(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = on_access;
}
