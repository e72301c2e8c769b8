/*-------------------------------------------------------------------------
 *
 * verify_job.c
 *	  The job that verifies backups.
 *
 * It fails when a backup has a problem, or could not be proven though that was asked for.  Who waits
 * for it gets its findings all the same.
 *
 * src/server/verify/verify_job.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/recovery/recover_work.h"
#include "server/verify/verify.h"
#include "utils/guc.h"

typedef struct Job
{
	MemoryContext context;
	char	   *request_json;
	PgbVerification verification;
	PgbScratch *caller;			/* the directory of who waits, or NULL */
} Job;

/* The job runs as long as it takes. */
static void
pin_settings(void)
{
	static const char *const settings[] = {"lock_timeout", "statement_timeout", "transaction_timeout"};

	for (int i = 0; i < lengthof(settings); i++)
	{
		/* not every version has them all */
		if (GetConfigOption(settings[i], true, false) != NULL)
			SetConfigOption(settings[i], "0", PGC_SUSET, PGC_S_SESSION);
	}
}

static void
begin(Job *job)
{
	StartTransactionCommand();
	MemoryContextSwitchTo(job->context);
}

static void
commit(Job *job)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(job->context);
}

static void
read_request(Job *job)
{
	PgbVerification *v = &job->verification;

	begin(job);
	v->request = pgb_verify_request_from_json(job->request_json);
	v->database = pgb_to_utf8(get_database_name(MyDatabaseId));
	commit(job);
	v->findings = pgb_findings_create();
	v->repository = pgb_server_repository(false);
	if (v->request->scratch != NULL)
		job->caller = pgb_scratch_join(v->request->scratch);
}

static void
hand_over_findings(Job *job)
{
	if (job->caller == NULL)
		return;
	begin(job);
	pgb_findings_store(job->verification.findings, pgb_scratch_path(job->caller, ""));
	commit(job);
}

static void
check_result(const PgbVerification *v)
{
	const PgbFinding *first = pgb_findings_first_problem(v->findings);

	if (first != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the verification has found problems: %d", v->findings->problems),
				 errdetail_internal("%s: %s: %s", first->object, first->status, first->detail),
				 errhint("Make a new backup.  SELECT * FROM pgbackup_verify(...) shows all that is found.")));
	if (v->request->depth == PGB_DEPTH_RESTORE && v->proven < v->backups)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("backups that cannot be proven by a restore: %d of %d",
						v->backups - v->proven, v->backups),
				 errhint("SELECT * FROM pgbackup_verify(...) tells why.")));
}

void *
pgb_verify_job_create(PgbJobRef ref, char *request)
{
	Job		   *job = palloc0(sizeof(Job));

	job->context = CurrentMemoryContext;
	job->request_json = request;
	job->verification.job = ref;
	return job;
}

void
pgb_verify_job_run(void *state)
{
	Job		   *job = state;

	pin_settings();
	read_request(job);
	pgb_verify(&job->verification);
	hand_over_findings(job);
	check_result(&job->verification);
	pgb_verify_job_cleanup(job);
}

void
pgb_verify_job_cleanup(void *state)
{
	Job		   *job = state;

	pgb_verify_cleanup(&job->verification);
	pgb_scratch_release(job->caller);
	job->caller = NULL;
}

void
pgb_verify_job_report(void *state, PgbJobResult *result)
{
	const PgbVerification *v = &((Job *) state)->verification;

	snprintf(result->message, sizeof(result->message),
			 v->request->depth == PGB_DEPTH_RESTORE ?
			 "backups that were restored and are proven: %d" :
			 "backups that were verified: %d", v->backups);
}
