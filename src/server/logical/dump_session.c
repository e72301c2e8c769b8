/*-------------------------------------------------------------------------
 *
 * dump_session.c
 *	  Our part in the session that serves pg_dump.
 *
 * pg_dump decides what is dumped and how, and writes the archive; but the rows
 * of ordinary tables are read by data workers.  So in its session each
 *	  COPY table TO stdout
 * is answered with no rows.  A COPY of a query (tables of extensions with a
 * condition, foreign tables) goes through, and so does that of a table with an
 * access method that is not heap.
 *
 * pg_dump holds its locks on the tables until its session ends; it must not end
 * before the job has locks of its own.  pg_dump writes toc.dat before it reads
 * any data (_CloseArchive() in src/bin/pg_dump/pg_backup_directory.c), so its
 * first COPY is the moment at which the job can read there which tables it
 * must lock, and that COPY waits until the job has done so.
 *
 * All of them are one lock group, with the job as its leader: a lock that one
 * member holds is granted to the others at once, even if somebody waits for an
 * exclusive one in between.  The session joins it with its first command, when
 * it has no locks yet.
 *
 * src/server/logical/dump_session.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "server/guc.h"
#include "server/logical/dump_session.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/rel.h"

static ProcessUtility_hook_type previous_hook = NULL;

/* The job that this session serves; serial 0: none, as in nearly every session. */
static PgbJobRef served_job;

char *
pgb_dump_session_token(PgbJobRef job)
{
	return psprintf("%d:" UINT64_FORMAT, job.slot, job.serial);
}

bool
pgb_export_takes(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_RELATION &&
		rel->rd_rel->relam == HEAP_TABLE_AM_OID;
}

static void
join_job(void)
{
	PgbJobRef	job;
	char	   *end;

	job.slot = (int) strtol(pgb_guc_export_job, &end, 10);
	job.serial = (*end == ':') ? strtoull(end + 1, NULL, 10) : 0;
	if (!pgb_shmem_ready() || job.serial == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"pgbackup.export_job\"")));

	/* a leader of parallel workers leads a lock group of its own: never here */
	SetConfigOption("max_parallel_workers_per_gather", "0", PGC_SUSET, PGC_S_SESSION);
	SetConfigOption("max_parallel_maintenance_workers", "0", PGC_SUSET, PGC_S_SESSION);
	pgb_dump_attach(job);
	served_job = job;
}

/* The statement without rows, in place of the COPY of a table. */
static PlannedStmt *
without_rows(PlannedStmt *pstmt)
{
	PlannedStmt *changed = copyObject(pstmt);
	CopyStmt   *copy = castNode(CopyStmt, changed->utilityStmt);
	List	   *parsed = raw_parser("SELECT WHERE false", RAW_PARSE_DEFAULT);

	copy->relation = NULL;
	copy->attlist = NIL;
	copy->query = linitial_node(RawStmt, parsed)->stmt;
	return changed;
}

static PlannedStmt *
answer_copy(PlannedStmt *pstmt)
{
	CopyStmt   *copy = castNode(CopyStmt, pstmt->utilityStmt);
	Relation	rel;
	Oid			relid;
	bool		taken;

	if (copy->is_from)
		return pstmt;
	pgb_dump_wait_released(served_job);
	if (copy->relation == NULL)
		return pstmt;

	rel = table_openrv(copy->relation, AccessShareLock);
	relid = RelationGetRelid(rel);
	taken = pgb_export_takes(rel);
	table_close(rel, NoLock);
	if (!taken)
		return pstmt;

	pgb_dump_emptied(served_job, relid);
	return without_rows(pstmt);
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	if (pgb_guc_export_job[0] != '\0' && served_job.serial == 0)
		join_job();
	if (served_job.serial != 0 && IsA(pstmt->utilityStmt, CopyStmt))
		pstmt = answer_copy(pstmt);

	if (previous_hook)
		previous_hook(pstmt, query_string, read_only_tree, context, params, query_env,
					  dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, query_env,
								dest, completion);
}

void
pgb_dump_session_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
