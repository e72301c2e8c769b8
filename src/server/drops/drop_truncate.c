/*-------------------------------------------------------------------------
 *
 * drop_truncate.c
 *	  TRUNCATE, which no event trigger sees.
 *
 * The server calls a hook for each table before it truncates it, also for those that
 * CASCADE adds.  They are remembered, and recorded when the statement is done.
 *
 * For the tables that the statement names the hook comes before their lock, and whether they have rows
 * is not known before that: another one may be truncating them.  So we lock them first.
 *
 * src/server/drops/drop_truncate.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "server/drops/drops.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/relcache.h"

static object_access_hook_type previous_access_hook = NULL;
static ProcessUtility_hook_type previous_utility_hook = NULL;

/* Of the TRUNCATE that is being executed */
static bool in_truncate = false;
static List *truncated = NIL;

/* ---- the lock ---- */

/* Nobody gets a lock by us that TRUNCATE would not have given him. */
static bool
may_truncate(Oid relid)
{
	bool		is_missing = false;

	return relid >= FirstNormalObjectId &&
		pg_class_aclcheck_ext(relid, GetUserId(), ACL_TRUNCATE, &is_missing) == ACLCHECK_OK &&
		!is_missing;
}

/* While we wait, the name may become that of another table: as TRUNCATE does, we look again. */
static void
lock_named(const RangeVar *name)
{
	Oid			locked = InvalidOid;
	Oid			relid;

	while ((relid = RangeVarGetRelid(name, NoLock, true)) != locked)
	{
		if (OidIsValid(locked))
			UnlockRelationOid(locked, AccessExclusiveLock);
		if (!may_truncate(relid))
			return;
		LockRelationOid(relid, AccessExclusiveLock);
		locked = relid;
	}
}

/* What TRUNCATE is going to refuse is not locked. */
static void
lock_tables(const TruncateStmt *statement)
{
	ListCell   *cell;

	if (XactReadOnly)
		return;
	foreach(cell, statement->relations)
		lock_named(lfirst(cell));
}

/* ---- what is remembered ---- */

/* Not what has no rows, cannot be brought back, or is not locked: that is not what is truncated. */
static bool
is_worth_recording(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		is_worth;

	if (rel == NULL)
		return false;
	is_worth = CheckRelationLockedByMe(rel, AccessExclusiveLock, true) &&
		rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		RelationGetNumberOfBlocks(rel) > 0;
	RelationClose(rel);
	return is_worth;
}

static void
on_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (previous_access_hook)
		previous_access_hook(access, class, object, sub, arg);
	if (access == OAT_TRUNCATE && in_truncate && class == RelationRelationId &&
		is_worth_recording(object))
		truncated = list_append_unique_oid(truncated, object);
}

/* ---- the statement ---- */

static void
pass_on(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
		ProcessUtilityContext context, ParamListInfo params,
		QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	if (previous_utility_hook)
		previous_utility_hook(pstmt, query_string, read_only_tree, context, params, query_env,
							  dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, query_env,
								dest, completion);
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	/* a trigger of the table may truncate others */
	bool		outer = in_truncate;
	List	   *outer_list = truncated;
	List	   *done = NIL;

	if (!IsA(pstmt->utilityStmt, TruncateStmt))
	{
		pass_on(pstmt, query_string, read_only_tree, context, params, query_env, dest, completion);
		return;
	}

	lock_tables((TruncateStmt *) pstmt->utilityStmt);
	in_truncate = true;
	truncated = NIL;
	PG_TRY();
	{
		pass_on(pstmt, query_string, read_only_tree, context, params, query_env, dest, completion);
		done = truncated;
	}
	PG_FINALLY();
	{
		in_truncate = outer;
		truncated = outer_list;
	}
	PG_END_TRY();
	if (done != NIL)
		pgb_record_truncated(done);
}

void
pgb_truncate_install(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = on_access;
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
