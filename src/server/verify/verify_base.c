/*-------------------------------------------------------------------------
 *
 * verify_base.c
 *	  A base backup restored into a sandbox, with all of its databases, and looked into.
 *
 * It is recovered as far as the archive leads from it.  Where that is not known, or there is a gap, it is
 * recovered to where it is consistent, and the proof says so.
 *
 * src/server/verify/verify_base.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_database.h"
#include "mb/pg_wchar.h"
#include "portability/instr_time.h"
#include "repo/window.h"
#include "server/recovery/recover_work.h"
#include "server/verify/verify_database.h"
#include "server/verify/verify_script.h"

/* Of a database whose removal was interrupted, since 17. */
#define CONNLIMIT_INVALID	(-2)

#define ROW_DATABASE	'D'

/* ---- the way ---- */

/* NULL if there is none: *why says why.  What is read takes nothing but memory and descriptors. */
static PgbRoute *
try_route(PgbTrial *trial, const PgbTarget *target, char **why)
{
	MemoryContext context = CurrentMemoryContext;
	PgbRoute   *volatile route = NULL;

	PG_TRY();
	{
		route = pgb_route_find(trial->verification->repository, target,
							   trial->verification->manifest->id);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_INVALID_PARAMETER_VALUE)
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		*why = error->message;
	}
	PG_END_TRY();
	return route;
}

/* As far as it goes: to the end of the latest timeline, or of its own, or of the backup. */
static PgbRoute *
find_route(PgbTrial *trial, PgbTarget *target)
{
	const PgbManifest *manifest = trial->verification->manifest;
	const PgbTarget targets[] = {
		{.kind = PGB_TARGET_LATEST, .inclusive = true},
		{.kind = PGB_TARGET_LATEST, .inclusive = true, .timeline = manifest->timeline},
	};
	char	   *why = NULL;

	for (int i = 0; i < lengthof(targets); i++)
	{
		PgbRoute   *route = try_route(trial, &targets[i], &why);

		if (route == NULL)
			continue;
		if (i > 0)
			pgb_trial_unchecked(trial, "WAL of timelines other than %u was not replayed: %s.",
								manifest->timeline, why);
		*target = targets[i];
		return route;
	}
	pgb_trial_unchecked(trial, "WAL after the end of the backup was not replayed: %s.", why);
	memset(target, 0, sizeof(*target));
	target->kind = PGB_TARGET_IMMEDIATE;
	target->inclusive = true;
	return pgb_route_find(trial->verification->repository, target, manifest->id);
}

/* ---- the sandbox ---- */

static void
make_sandbox(PgbTrial *trial)
{
	PgbVerification *v = trial->verification;
	PgbSandboxRequest request = {0};

	v->scratch = pgb_scratch_make();
	request.route = find_route(trial, &request.target);
	request.is_whole = true;
	request.jobs = v->request->jobs;
	request.directory = pgb_scratch_path(v->scratch, "sandbox");
	request.job = v->job;
	v->sandbox = pgb_sandbox_make(&request);

	trial->proof.timeline = request.route->timeline;
	trial->proof.reached_lsn = v->sandbox->reached_lsn;
	trial->proof.reached_time = v->sandbox->reached_time;
	pgb_trial_checked(trial, "All files were laid down, and WAL was replayed up to %s.",
					  pgb_lsn_to_text(v->sandbox->reached_lsn));
}

/* ---- its databases ---- */

typedef struct Databases
{
	PgbTrial   *trial;
	MemoryContext context;
	List	   *list;			/* of PgbVerifyDatabase */
} Databases;

/* "6 -1 706f737467726573": encoding, limit of connections, name */
static void
take_database(void *arg, char letter, int number, char *text)
{
	Databases  *databases = arg;
	MemoryContext old = MemoryContextSwitchTo(databases->context);
	int			encoding;
	int			limit;
	int			used = 0;

	if (letter == PGB_SCRIPT_ERROR)
	{
		PgbScriptResult result;

		pgb_script_parse(letter, text, &result);
		pgb_trial_problem(databases->trial, "pg_database", PGB_FOUND_DAMAGED, "%s", result.message);
	}
	else if (letter == ROW_DATABASE)
	{
		PgbVerifyDatabase *database = palloc0(sizeof(PgbVerifyDatabase));

		if (sscanf(text, "%d %d %n", &encoding, &limit, &used) != 2 || used == 0 ||
			!PG_VALID_BE_ENCODING(encoding))
			elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", text);
		database->name = pgb_script_decode(text + used);
		database->encoding = encoding;
		database->with_shared = databases->list == NIL;
		if (limit == CONNLIMIT_INVALID)
			pgb_trial_unchecked(databases->trial, "Database %s is what an interrupted DROP DATABASE has left.",
								database->name);
		else
			databases->list = lappend(databases->list, database);
	}
	MemoryContextSwitchTo(old);
}

/* Nobody may connect to template0, but here. */
static List *
find_databases(PgbTrial *trial)
{
	Databases	databases = {.trial = trial, .context = CurrentMemoryContext};
	PgbScript  *script = pgb_script_create(trial->verification, "databases", take_database, &databases);
	char	   *failure;

	pgb_script_add(script, 0, 'S',
				   psprintf("UPDATE pg_catalog.pg_database SET datallowconn = true"
							" WHERE NOT datallowconn AND datconnlimit <> %d", CONNLIMIT_INVALID));
	pgb_script_add(script, 0, 'S',
				   psprintf("SELECT pg_catalog.concat_ws(' ', '%s', '%c', 0, encoding, datconnlimit,"
							" pg_catalog.encode(pg_catalog.textsend(datname::text), 'hex'))"
							" FROM pg_catalog.pg_database ORDER BY datconnlimit = %d, oid",
							script->token, ROW_DATABASE, CONNLIMIT_INVALID));
	pgb_script_start(script, trial->verification->sandbox->database_name);
	failure = pgb_scripts_wait(list_make1(script));
	if (failure != NULL)
		pgb_trial_problem(trial, "pg_database", PGB_FOUND_FAILED, "%s", failure);
	return databases.list;
}

/* ---- what is said of it ---- */

static void
take_totals(PgbTrial *trial, const PgbVerifyTotals *totals)
{
	const PgbBase *base = trial->verification->manifest->base;

	pgb_trial_checked(trial, "In %llu databases the rows of %llu tables were read (%llu of them in tables that are not catalogs).",
					  (unsigned long long) trial->proof.databases, (unsigned long long) totals->tables,
					  (unsigned long long) trial->proof.rows);
	if (totals->heaps > 0)
		pgb_trial_checked(trial, "amcheck has found %llu heaps right, and %llu B-trees with all rows of their tables.",
						  (unsigned long long) totals->heaps, (unsigned long long) totals->indexes);
	if (totals->without_amcheck > 0)
		pgb_trial_unchecked(trial, "The extension amcheck is not installed on this server: heaps and indexes of %d databases were not checked by it.",
							totals->without_amcheck);
	if (totals->other_indexes > 0)
		pgb_trial_unchecked(trial, "Indexes that amcheck does not know, or cannot look at here: %llu.",
							(unsigned long long) totals->other_indexes);
	pgb_trial_unchecked(trial, "Rows were not compared with those of the server at the time of the backup: of tables, a base backup has no checksums%s.",
						base->checksums ? ", but its pages had the right ones when they were copied" :
						", and this cluster none of its pages");
	pgb_trial_unchecked(trial, "Foreign keys and CHECK constraints were not evaluated again, and links of tablespaces not made.");
}

void
pgb_verify_base(PgbTrial *trial)
{
	instr_time	start;
	instr_time	end;
	PgbVerifyTotals totals = {0};
	ListCell   *lc;

	INSTR_TIME_SET_CURRENT(start);
	make_sandbox(trial);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	trial->proof.recovery_time = INSTR_TIME_GET_MICROSEC(end);

	foreach(lc, find_databases(trial))
		pgb_verify_database(trial, lfirst(lc), &totals);
	take_totals(trial, &totals);
}
