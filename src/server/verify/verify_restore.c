/*-------------------------------------------------------------------------
 *
 * verify_restore.c
 *	  A backup is restored for real, in the way of its kind, and gets a proof.
 *
 * src/server/verify/verify_restore.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "server/encoding.h"
#include "server/verify/verify.h"
#include "server/worker_session.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* What findings are of that are of nothing smaller */
#define RESTORE		"restore"

/* ---- what is known of it ---- */

static char *format(const char *text, va_list args) pg_attribute_printf(1, 0);

static char *
format(const char *text, va_list args)
{
	StringInfoData out;

	initStringInfo(&out);
	for (;;)
	{
		va_list		copy;
		int			needed;

		va_copy(copy, args);
		needed = appendStringInfoVA(&out, text, copy);
		va_end(copy);
		if (needed == 0)
			return out.data;
		enlargeStringInfo(&out, needed);
	}
}

void
pgb_trial_checked(PgbTrial *trial, const char *text,...)
{
	va_list		args;

	va_start(args, text);
	trial->checked = lappend(trial->checked, format(text, args));
	va_end(args);
}

void
pgb_trial_unchecked(PgbTrial *trial, const char *text,...)
{
	va_list		args;

	va_start(args, text);
	trial->unchecked = lappend(trial->unchecked, format(text, args));
	va_end(args);
}

void
pgb_trial_problem(PgbTrial *trial, const char *object, const char *status, const char *text,...)
{
	char	   *sentence;
	va_list		args;

	va_start(args, text);
	sentence = format(text, args);
	va_end(args);
	pgb_findings_add(trial->verification->findings, trial->verification->manifest->id,
					 pgb_valid_text(object), status, pgb_valid_text(sentence));
}

void
pgb_trial_table(PgbTrial *trial, const char *database, const char *schema_name,
				const char *table_name, uint64 rows, const char *digest)
{
	PgbProvenTable *table = palloc0(sizeof(PgbProvenTable));

	table->database = pstrdup(database);
	table->schema_name = pstrdup(schema_name);
	table->table_name = pstrdup(table_name);
	table->row_count = rows;
	table->digest = digest == NULL ? NULL : pstrdup(digest);
	trial->tables = lappend(trial->tables, table);
	trial->proof.rows += rows;
}

/* Conversions are in the catalogs; a job is in no transaction here. */
static char *
convert(const char *text, char *(*conversion) (const char *text))
{
	MemoryContext context = CurrentMemoryContext;
	char	   *converted;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	converted = conversion(text);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return converted;
}

char *
pgb_trial_from_utf8(const char *utf8)
{
	return convert(utf8, pgb_from_utf8);
}

/* ---- what goes wrong ---- */

/* Does it say something of this server, and nothing of the backup? */
static bool
is_about_us(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:	/* something is not installed */
			return true;
		default:
			return sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE;
	}
}

/* A backup that cannot be restored by its nature is not damaged. */
static void
take_error(PgbTrial *trial, const ErrorData *error)
{
	pgb_trial_problem(trial, RESTORE,
					  error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED ?
					  PGB_FOUND_UNCHECKED : PGB_FOUND_FAILED,
					  "%s%s%s", error->message, error->detail == NULL ? "" : ": ",
					  error->detail == NULL ? "" : error->detail);
}

static bool
try_to_restore(PgbTrial *trial)
{
	PgbVerification *v = trial->verification;
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		if (v->manifest->base == NULL)
			pgb_verify_logical(trial);
		else
			pgb_verify_base(trial);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(context);

		if (is_about_us(error->sqlerrcode))
			ReThrowError(error);
		pgb_worker_log(error, psprintf("restoring backup %s to verify it", v->manifest->id));
		take_error(trial, error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return done;
}

/* ---- the proof ---- */

static char *
to_utf8(const char *text)
{
	return convert(text, pgb_to_utf8);
}

static char **
sentences_of(List *list, int *count)
{
	char	  **sentences = palloc((list_length(list) + 1) * sizeof(char *));
	ListCell   *lc;

	*count = 0;
	foreach(lc, list)
		sentences[(*count)++] = to_utf8(pgb_valid_text(lfirst(lc)));
	return sentences;
}

static void
fill_proof(PgbTrial *trial)
{
	const PgbManifest *manifest = trial->verification->manifest;
	PgbProof   *proof = &trial->proof;
	ListCell   *lc;

	strlcpy(proof->backup, manifest->id, PGB_ID_SIZE);
	proof->system_identifier = manifest->system_identifier;
	proof->proven_at = GetCurrentTimestamp();
	proof->server_version = pstrdup(GetConfigOption("server_version", false, false));
	proof->pgbackup_version = PGBACKUP_VERSION;
	proof->checked = sentences_of(trial->checked, &proof->nchecked);
	proof->unchecked = sentences_of(trial->unchecked, &proof->nunchecked);
	proof->tables = palloc_extended((list_length(trial->tables) + 1) * sizeof(PgbProvenTable),
									MCXT_ALLOC_HUGE);
	foreach(lc, trial->tables)
		proof->tables[proof->ntables++] = *(PgbProvenTable *) lfirst(lc);
}

static char *
join(List *sentences)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, sentences)
		appendStringInfo(&text, " %s", pgb_valid_text(lfirst(lc)));
	return text.data;
}

static void
report_unchecked(PgbTrial *trial)
{
	ListCell   *lc;

	foreach(lc, trial->unchecked)
		pgb_trial_problem(trial, RESTORE, PGB_FOUND_UNCHECKED, "%s", (char *) lfirst(lc));
}

/* "1.234 s" */
static char *
seconds(int64 micros)
{
	return psprintf("%lld.%03d s", (long long) (micros / USECS_PER_SEC),
					(int) (micros % USECS_PER_SEC / 1000));
}

/* What was made for it is gone before the backup is called proven. */
static void
prove(PgbTrial *trial)
{
	PgbVerification *v = trial->verification;

	pgb_verify_cleanup(v);
	CHECK_FOR_INTERRUPTS();
	fill_proof(trial);
	pgb_proof_write(v->repository, &trial->proof);
	v->proven++;
}

char *
pgb_verify_restore(PgbVerification *v)
{
	PgbTrial	trial = {.verification = v};
	int			before = v->findings->problems;
	instr_time	start;
	instr_time	end;
	bool		done;

	INSTR_TIME_SET_CURRENT(start);
	done = try_to_restore(&trial);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	trial.proof.check_time = INSTR_TIME_GET_MICROSEC(end) - trial.proof.recovery_time;
	if (done)
		report_unchecked(&trial);
	if (!done || v->findings->problems > before)
		return NULL;
	prove(&trial);
	return psprintf("It was restored in %s, and looked into for %s.%s",
					seconds(trial.proof.recovery_time), seconds(trial.proof.check_time),
					join(trial.checked));
}
