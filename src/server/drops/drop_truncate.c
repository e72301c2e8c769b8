/*-------------------------------------------------------------------------
 *
 * drop_truncate.c
 *	  TRUNCATE, which no event trigger sees.
 *
 * The server calls a hook for each table before it truncates it, also for those that
 * CASCADE adds.  They are remembered, and recorded when the statement is done.
 *
 * src/server/drops/drop_truncate.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/relation.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "server/drops/drops.h"
#include "storage/bufmgr.h"
#include "tcop/utility.h"
#include "utils/rel.h"

static object_access_hook_type previous_access_hook = NULL;
static ProcessUtility_hook_type previous_utility_hook = NULL;

/* Of the TRUNCATE that is being executed */
static bool in_truncate = false;
static List *truncated = NIL;

/* What has no rows, or cannot be brought back, is not worth a row. */
static bool
is_worth_recording(Oid relid)
{
	Relation	rel = relation_open(relid, NoLock); /* TRUNCATE has locked it */
	bool		is_worth = rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		RelationGetNumberOfBlocks(rel) > 0;

	relation_close(rel, NoLock);
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
