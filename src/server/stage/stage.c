/*-------------------------------------------------------------------------
 *
 * stage.c
 *	  pgbackup_restore_table: one table of a logical backup, or as it was at a
 *	  moment, staged beside the live ones.
 *
 * The archive's definition of the table is parsed by the server's own parser,
 * moved to its new name and schema on the parse tree, and run as the table's
 * owner; then its rows are loaded, then what is built on them.  All of it belongs
 * to the caller's transaction, so that whatever goes wrong leaves nothing behind.
 *
 * src/server/stage/stage.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "server/arguments.h"
#include "server/recovery/recover.h"
#include "server/stage/stage.h"
#include "server/stage/stage_record.h"
#include "server/watch.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_restore_table);

/* in the order of the SQL function's arguments */
enum
{
	ARG_RELATION,
	ARG_BACKUP,
	ARG_AT,
	ARG_AT_LSN,
	ARG_INTO_SCHEMA,
	ARG_AS_NAME,
	ARG_WITH_INDEXES
};

static char *
as_name_argument(FunctionCallInfo fcinfo)
{
	char	   *name;

	if (PG_ARGISNULL(ARG_AS_NAME))
		return NULL;

	name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_AS_NAME));
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("argument \"%s\" must not be empty", "as_name"),
				 errhint("Leave it out to keep the table's name.")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name \"%s\" is too long", name),
				 errdetail("A name has at most %d bytes.", NAMEDATALEN - 1)));
	return name;
}

static void
read_request(FunctionCallInfo fcinfo, PgbStageRequest *request)
{
	request->relation = pgb_text_argument(fcinfo, ARG_RELATION, "relation");
	request->backup = pgb_text_argument(fcinfo, ARG_BACKUP, "backup");
	request->schema = pgb_text_argument(fcinfo, ARG_INTO_SCHEMA, "into_schema");
	request->as_name = as_name_argument(fcinfo);
	request->with_indexes = PG_ARGISNULL(ARG_WITH_INDEXES) || PG_GETARG_BOOL(ARG_WITH_INDEXES);
	request->has_target = pgb_recover_target_argument(fcinfo, ARG_AT, ARG_AT_LSN, &request->target);
}

static void
error_context(void *arg)
{
	const PgbStage *stage = arg;

	errcontext("staging table \"%s\" from backup \"%s\"", stage->request.relation,
			   stage->backup != NULL ? stage->backup : stage->request.backup);
}

static void
stage_as_owner(void *arg)
{
	PgbStage   *stage = arg;
	PgbStageIdentity caller;

	pgb_stage_become(stage->owner, &caller);
	pgb_stage_create_tables(stage);
	pgb_stage_load_tables(stage);
	pgb_stage_add_checks(stage);
	pgb_stage_add_constraints_and_indexes(stage);
	pgb_stage_drop_scaffolds(stage);
	pgb_stage_add_comments(stage);
	pgb_stage_become_caller(&caller);
}

static void
stage_with_rights(PgbStage *stage)
{
	if (stage->owner_is_gone)
		pgb_watch(pgb_stage_gone_owner_advice(stage->root->entry), stage_as_owner, stage);
	else
		stage_as_owner(stage);
}

void
pgb_stage_table_of_request(PgbStage *stage)
{
	ErrorContextCallback callback;
	PgbTocEntry *entry;
	int			settings;

	callback.callback = error_context;
	callback.arg = stage;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	pgb_stage_open_archive(stage);

	/* what the caller has written is read with the caller's search path */
	entry = pgb_stage_find(stage);

	settings = pgb_stage_set_settings(stage);
	pgb_stage_plan(stage, entry);
	pgb_stage_authorize(stage);
	pgb_stage_open_schema(stage);
	pgb_stage_names_init(stage);
	stage_with_rights(stage);
	pgb_stage_record(stage);
	if (!stage->request.for_promotion)
		pgb_stage_note_left_out(stage);
	pgb_stage_note_publications(stage);
	AtEOXact_GUC(false, settings);

	error_context_stack = callback.previous;

	pgb_stage_report(stage);
}

void
pgb_stage_result(const PgbStage *stage, Datum *values)
{
	values[0] = ObjectIdGetDatum(stage->root->oid);
	values[1] = Int64GetDatum((int64) stage->row_count);
	values[2] = CStringGetTextDatum(stage->backup);
	values[3] = TimestampTzGetDatum(stage->manifest->as_of);
	values[4] = LSNGetDatum(stage->manifest->start_lsn);
}

static Datum
result(FunctionCallInfo fcinfo, const PgbStage *stage)
{
	TupleDesc	desc;
	Datum		values[PGB_STAGE_COLUMNS];
	bool		nulls[PGB_STAGE_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != lengthof(values))
		elog(ERROR, "pgbackup_restore_table must return %d columns", (int) lengthof(values));
	pgb_stage_result(stage, values);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
pgbackup_restore_table(PG_FUNCTION_ARGS)
{
	MemoryContext caller_context = CurrentMemoryContext;
	MemoryContext context;
	PgbStage   *stage;
	Datum		row;

	PreventCommandIfReadOnly("pgbackup_restore_table()");
	PreventCommandIfParallelMode("pgbackup_restore_table()");

	/* files of the repository are closed with it, also after an error */
	context = AllocSetContextCreate(caller_context, "pgbackup staging", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	stage = palloc0(sizeof(PgbStage));
	stage->context = context;
	read_request(fcinfo, &stage->request);
	pgb_stage_table_of_request(stage);

	MemoryContextSwitchTo(caller_context);
	row = result(fcinfo, stage);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(row);
}
