/*-------------------------------------------------------------------------
 *
 * verify_call.c
 *	  pgbackup_verify.
 *
 * What is only read is read by the backend itself, also where there is no launcher.  A restore is a
 * job's: it runs programs, makes a database, and goes on without this session's transaction.
 *
 * src/server/verify/verify_call.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "server/arguments.h"
#include "server/attempt.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/recovery/recover_work.h"
#include "server/verify/verify.h"
#include "server/wait.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pgbackup_verify);

static PgbFindings *
verify_here(PgbVerifyRequest *request)
{
	PgbVerification v = {.request = request};

	v.repository = pgb_server_repository(false);
	v.database = pgb_to_utf8(get_database_name(MyDatabaseId));
	v.findings = pgb_findings_create();
	pgb_verify(&v);
	return v.findings;
}

static void
run_job(void *arg)
{
	(void) pgb_run_job(PGB_TASK_VERIFY, pgb_verify_request_to_json(arg), true);
}

/* The job fails when it has found something; what it has found is then what is wanted. */
static PgbFindings *
verify_by_job(PgbVerifyRequest *request)
{
	PgbFindings *findings = pgb_findings_create();
	PgbScratch *scratch = pgb_scratch_make();
	ErrorData  *error;

	request->scratch = scratch->name;
	error = pgb_attempt(run_job, request);
	if (error != NULL && error->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
		error->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
		ReThrowError(error);
	if (!pgb_findings_load(findings, pgb_scratch_path(scratch, "")) && error != NULL)
		ReThrowError(error);
	pgb_scratch_release(scratch);
	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg_internal("%s", error->message),
				 error->hint == NULL ? 0 : errhint("The rows with another status than \"%s\" tell what.",
												   PGB_FOUND_OK)));
	return findings;
}

static void
warn_of_problems(const PgbFindings *findings)
{
	if (findings->problems > 0)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the verification has found problems: %d", findings->problems),
				 errhint("The rows with another status than \"%s\" tell what.", PGB_FOUND_OK)));
}

Datum
pgbackup_verify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	PgbVerifyRequest request = {0};
	PgbFindings *findings;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	request.backup = pgb_text_argument(fcinfo, 0, "backup");
	request.depth = pgb_depth_of_text(pgb_text_argument(fcinfo, 1, "depth"));
	request.jobs = pgb_guc_jobs;
	pgb_verify_check_request(&request);
	if (request.depth == PGB_DEPTH_RESTORE)
	{
		pgb_shmem_require();
		PreventCommandDuringRecovery("pgbackup_verify() with depth => 'restore'");
		findings = verify_by_job(&request);
	}
	else
	{
		findings = verify_here(&request);
		warn_of_problems(findings);
	}
	foreach(lc, findings->list)
	{
		const PgbFinding *finding = lfirst(lc);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = CStringGetTextDatum(finding->object);
		values[1] = CStringGetTextDatum(finding->status);
		values[2] = CStringGetTextDatum(finding->detail);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}
