/*-------------------------------------------------------------------------
 *
 * stage_tables.c
 *	  pgbackup_restore_tables: several tables of one backup, or of one moment.
 *
 * Each is staged as pgbackup_restore_table() does it.  What they have in common is the backup,
 * also if a newer one comes into being meanwhile, or the recovery.
 *
 * src/server/stage/stage_tables.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "server/arguments.h"
#include "server/recovery/recover.h"
#include "server/stage/stage.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(pgbackup_restore_tables);

/* in the order of the SQL function's arguments */
enum
{
	ARG_RELATIONS,
	ARG_BACKUP,
	ARG_AT,
	ARG_AT_LSN,
	ARG_INTO_SCHEMA,
	ARG_WITH_INDEXES
};

static List *
relations_argument(FunctionCallInfo fcinfo)
{
	List	   *relations = pgb_list_argument(fcinfo, ARG_RELATIONS, "relations");

	if (relations == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must name at least one table", "relations")));
	return relations;
}

static void
read_request(FunctionCallInfo fcinfo, PgbStageRequest *request)
{
	request->backup = pgb_text_argument(fcinfo, ARG_BACKUP, "backup");
	request->schema = pgb_text_argument(fcinfo, ARG_INTO_SCHEMA, "into_schema");
	request->with_indexes = PG_ARGISNULL(ARG_WITH_INDEXES) || PG_GETARG_BOOL(ARG_WITH_INDEXES);
	request->has_target = pgb_recover_target_argument(fcinfo, ARG_AT, ARG_AT_LSN, &request->target);
}

static void
put_row(ReturnSetInfo *rsinfo, const PgbStage *stage)
{
	Datum		values[PGB_STAGE_COLUMNS];
	bool		nulls[PGB_STAGE_COLUMNS] = {false};

	pgb_stage_result(stage, values);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* In a memory context of its own, which the first one keeps: with it, its backup is not removed. */
static void
stage_table(ReturnSetInfo *rsinfo, PgbStageRequest *request, PgbRecovered *recovered,
			char *relation, bool is_first)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup staging",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgbStage   *stage = palloc0(sizeof(PgbStage));

	stage->context = context;
	stage->request = *request;
	stage->request.relation = relation;
	stage->recovered = recovered;
	pgb_stage_table_of_request(stage);
	CommandCounterIncrement();
	put_row(rsinfo, stage);

	MemoryContextSwitchTo(old);
	if (is_first && !request->has_target)
		request->backup = pstrdup(stage->backup);
	if (!is_first)
		MemoryContextDelete(context);
}

Datum
pgbackup_restore_tables(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller_context = CurrentMemoryContext;
	MemoryContext context;
	PgbStageRequest request = {0};
	PgbRecovered *recovered = NULL;
	List	   *relations;
	ListCell   *lc;

	PreventCommandIfReadOnly("pgbackup_restore_tables()");
	PreventCommandIfParallelMode("pgbackup_restore_tables()");
	InitMaterializedSRF(fcinfo, 0);

	/* files of the repository are closed with it, also after an error */
	context = AllocSetContextCreate(caller_context, "pgbackup staging of tables",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	relations = relations_argument(fcinfo);
	read_request(fcinfo, &request);
	if (request.has_target)
		recovered = pgb_stage_recover(&request, relations);
	foreach(lc, relations)
		stage_table(rsinfo, &request, recovered, lfirst(lc), lc == list_head(relations));

	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(context);
	PG_RETURN_NULL();
}
