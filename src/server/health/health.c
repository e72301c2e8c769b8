/*-------------------------------------------------------------------------
 *
 * health.c
 *	  pgbackup_check and pgbackup_status: is all well with the backups of this server?
 *
 * A new check is a function and a line in the table.
 *
 * src/server/health/health.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "fmgr.h"
#include "funcapi.h"
#include "server/attempt.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/health/health.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pgbackup_check);
PG_FUNCTION_INFO_V1(pgbackup_status);

/* ---- findings ---- */

void
pgb_health_report(PgbHealth *health, PgbCheckStatus status, const char *detail, const char *hint)
{
	PgbFinding *finding = palloc(sizeof(PgbFinding));

	finding->name = health->name;
	finding->status = status;
	finding->detail = pstrdup(detail);
	finding->hint = hint != NULL ? pstrdup(hint) : NULL;
	health->findings = lappend(health->findings, finding);
}

/* ---- the repository's own ---- */

/* It comes from a check of the repository, in a context that goes with that check. */
static void
keep_finding(void *arg, const char *name, PgbCheckStatus status, const char *detail,
			 const char *hint)
{
	PgbHealth  *health = arg;
	const char *caller_name = health->name;
	MemoryContext own = MemoryContextSwitchTo(GetMemoryChunkContext(health));

	health->name = name;
	pgb_health_report(health, status, pgb_from_utf8(detail), hint);
	health->name = caller_name;
	MemoryContextSwitchTo(own);
}

static void
check_repository(PgbHealth *health)
{
	health->repository.repository = pgb_server_repository(false);
	health->repository.report = keep_finding;
	health->repository.arg = health;
	pgb_check(&health->repository);
}

/* ---- all of them ---- */

/* Those of the repository come first to be run, for others use what they have read. */
static const struct
{
	const char *name;
	void		(*run) (PgbHealth *health);
}			checks[] = {
	{"repository", check_repository},
	{"preload", pgb_health_preload},
	{"workers", pgb_health_workers},
	{"programs", pgb_health_programs},
	{"connection", pgb_health_connection},
	{"data_checksums", pgb_health_data_checksums},
	{"file_system", pgb_health_file_system},
	{"clusters", pgb_health_clusters},
	{"archive", pgb_health_archive},
	{"retention", pgb_health_retention},
	{"schedules", pgb_health_schedules},
	{"runs", pgb_health_runs},
	{"scratch", pgb_health_scratch},
};

typedef struct Call
{
	PgbHealth  *health;
	int			number;
} Call;

static void
run_check(void *arg)
{
	Call	   *call = arg;

	checks[call->number].run(call->health);
}

static List *
run_checks(void)
{
	PgbHealth  *health = palloc0(sizeof(PgbHealth));

	for (int i = 0; i < lengthof(checks); i++)
	{
		Call		call = {health, i};
		ErrorData  *error;

		CHECK_FOR_INTERRUPTS();
		health->name = checks[i].name;
		error = pgb_attempt(run_check, &call);
		if (error == NULL)
			continue;
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		pgb_health_report(health, PGB_CHECK_FAIL,
						  error->detail == NULL ? error->message :
						  psprintf("%s: %s", error->message, error->detail),
						  error->hint);
	}
	return health->findings;
}

/* ---- as SQL sees them ---- */

Datum
pgbackup_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, run_checks())
	{
		PgbFinding *finding = lfirst(cell);
		Datum		values[4];
		bool		nulls[4] = {0};

		values[0] = CStringGetTextDatum(finding->name);
		values[1] = CStringGetTextDatum(pgb_check_status_name(finding->status));
		values[2] = CStringGetTextDatum(finding->detail);
		nulls[3] = (finding->hint == NULL);
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(finding->hint);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

/* Monitoring wants one line. */
static char *
one_line(char *text)
{
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c == '\n' || *c == '\r' || *c == '\t')
			*c = ' ';
	}
	return text;
}

/* The first of the worst, and how many more are no better than it should be. */
static char *
summary(List *findings, PgbCheckStatus worst)
{
	StringInfoData text;
	int			nothers = 0;
	ListCell   *cell;

	if (worst == PGB_CHECK_OK)
		return psprintf("%d findings, all of them ok", list_length(findings));

	initStringInfo(&text);
	foreach(cell, findings)
	{
		PgbFinding *finding = lfirst(cell);

		if (finding->status == worst && text.len == 0)
			appendStringInfo(&text, "%s: %s", finding->name, finding->detail);
		else if (finding->status != PGB_CHECK_OK)
			nothers++;
	}
	if (nothers > 0)
		appendStringInfo(&text, " (and %d more)", nothers);
	return one_line(text.data);
}

Datum
pgbackup_status(PG_FUNCTION_ARGS)
{
	static const char *const words[] = {
		[PGB_CHECK_OK] = "OK",
		[PGB_CHECK_WARN] = "WARN",
		[PGB_CHECK_FAIL] = "CRIT",
	};
	List	   *findings = run_checks();
	PgbCheckStatus worst = PGB_CHECK_OK;
	TupleDesc	desc;
	ListCell   *cell;
	Datum		values[2];
	bool		nulls[2] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	foreach(cell, findings)
		worst = Max(worst, ((PgbFinding *) lfirst(cell))->status);
	values[0] = CStringGetTextDatum(words[worst]);
	values[1] = CStringGetTextDatum(summary(findings, worst));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
