/*-------------------------------------------------------------------------
 *
 * recover_plan.c
 *	  pgbackup_plan_restore: what a recovery of a table would take, before anything is done.
 *
 * src/server/recovery/recover_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "server/arguments.h"
#include "server/guc.h"
#include "server/recovery/recover_work.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_plan_restore);

/* in the order of the SQL function's arguments */
enum
{
	ARG_RELATION,
	ARG_AT,
	ARG_AT_LSN
};

static PgbTarget
target_argument(FunctionCallInfo fcinfo)
{
	PgbTarget	target;

	if (!pgb_recover_target_argument(fcinfo, ARG_AT, ARG_AT_LSN, &target))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one of the arguments \"%s\" and \"%s\" must be given", "at", "at_lsn"),
				 errhint("They say of which moment the table is to be.")));
	return target;
}

/* In the scratch directory, or where that would be made. */
static char *
sandbox_place(void)
{
	char		path[MAXPGPATH];

	strlcpy(path, pgb_guc_scratch_directory, sizeof(path));
	canonicalize_path(path);
	while (access(path, F_OK) != 0 && strcmp(path, "/") != 0)
		get_parent_directory(path);
	return psprintf("%s/sandbox", path);
}

static PgbSandboxEstimate
estimate(PgbRepository *repository, const PgbRecoverRequest *request, PgbRoute *route)
{
	PgbSandboxRequest sandbox = {0};

	sandbox.route = route;
	sandbox.target = request->target;
	sandbox.database = MyDatabaseId;
	sandbox.wanted = pgb_recover_candidates(repository, route, request);
	sandbox.jobs = pgb_guc_jobs;
	sandbox.directory = sandbox_place();
	if (sandbox.wanted == NIL)
		ereport(NOTICE,
				(errmsg("neither the backup nor this database knows a table of this name"),
				 errdetail("If it had the name only in between, finding it takes a second sandbox, and what its rows take is not known.")));
	sandbox.beside_bytes = pgb_recover_dump_bytes(pgb_sandbox_table_bytes(&sandbox));
	return pgb_sandbox_estimate(&sandbox);
}

static Datum
duration(int64 microseconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = microseconds;
	return IntervalPGetDatum(interval);
}

Datum
pgbackup_plan_restore(PG_FUNCTION_ARGS)
{
	MemoryContext caller_context = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller_context, "pgbackup plan",
												  ALLOCSET_DEFAULT_SIZES);
	PgbRecoverRequest request = {0};
	PgbSandboxEstimate e;
	PgbRepository *repository;
	PgbRoute   *route;
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != lengthof(values))
		elog(ERROR, "pgbackup_plan_restore must return %d columns", (int) lengthof(values));

	/* files of the repository are closed with it, also after an error */
	MemoryContextSwitchTo(context);
	request.names = list_make1(pgb_recover_name(pgb_text_argument(fcinfo, ARG_RELATION, "relation")));
	request.target = target_argument(fcinfo);
	repository = pgb_server_repository(false);
	route = pgb_recover_plan_route(repository, &request.target);
	e = estimate(repository, &request, route);
	MemoryContextSwitchTo(caller_context);

	values[0] = CStringGetTextDatum(route->backup->id);
	values[1] = TimestampTzGetDatum(route->backup->as_of);
	values[2] = Int64GetDatum((int64) e.restore_bytes);
	values[3] = Int64GetDatum((int64) e.wal_bytes);
	values[4] = Int64GetDatum((int64) e.disk_bytes);
	values[5] = Int64GetDatum((int64) e.free_bytes);
	values[6] = duration(e.duration);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
