/*-------------------------------------------------------------------------
 *
 * recover.c
 *	  Tables as they were at a moment, as a logical backup of their own: the job.
 *
 * src/server/recovery/recover.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "repo/datadir_file.h"
#include "server/compat.h"
#include "server/guc.h"
#include "server/program.h"
#include "server/recovery/recover_work.h"

/* Which tables are wanted is guessed once, and then known: names change no more after that. */
#define MAX_SANDBOXES	3

void
pgb_recover_wait(PgbRecover *recover, PgbSubprocess *program, const char *name)
{
	recover->program = program;
	while (!pgb_subprocess_ended(program))
		pgb_sandbox_attend(recover->sandbox, program);
	recover->program = NULL;
	if (!pgb_subprocess_succeeded(program))
		pgb_sandbox_blame(recover->sandbox);
	pgb_program_check(program, name);
}

/* ---- the steps ---- */

static void
read_request(PgbRecover *recover)
{
	char	   *json;
	size_t		length;

	recover->scratch = pgb_scratch_join(recover->scratch_name);
	json = pgb_target_read(pgb_scratch_path(recover->scratch, RECOVER_REQUEST), MaxAllocSize - 1,
						   &length);
	if (json == NULL)
		elog(ERROR, "the scratch directory has no request");

	StartTransactionCommand();
	MemoryContextSwitchTo(recover->context);
	recover->request = pgb_recover_request_from_json(json, length);
	CommitTransactionCommand();
	MemoryContextSwitchTo(recover->context);
}

static void
find_route(PgbRecover *recover)
{
	pgb_job_set_phase(recover->job, PGB_PHASE_WAL);
	recover->repository = pgb_server_repository(false);
	recover->route = pgb_recover_route(recover->repository, recover->request);

	/* nobody removes it meanwhile */
	(void) pgb_catalog_get(recover->repository, recover->route->backup->id, PGB_ANY_KIND, NULL);
	pgb_job_set_restored(recover->job, recover->route->backup->id, "");
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("recovering from backup %s", recover->route->backup->id));
}

static void
make_sandbox(PgbRecover *recover)
{
	PgbSandboxRequest request = {0};

	request.route = recover->route;
	request.target = recover->request->target;
	request.database = MyDatabaseId;
	request.wanted = recover->wanted;
	request.jobs = recover->request->jobs;
	request.directory = pgb_scratch_path(recover->scratch, "sandbox");
	request.job = recover->job;
	request.beside_bytes = pgb_recover_dump_bytes(pgb_sandbox_table_bytes(&request));
	recover->sandbox = pgb_sandbox_make(&request);
	MemoryContextSwitchTo(recover->context);
	if (recover->sandbox->without_filter)
		pgb_target_write(pgb_scratch_path(recover->scratch, RECOVER_UNFILTERED), S_IRUSR | S_IWUSR, "", 0, true);
}

/* Adds what was not wanted yet; true if that changes anything. */
static bool
want_tables(PgbRecover *recover)
{
	int			before = list_length(recover->wanted);
	ListCell   *lc;

	foreach(lc, recover->tables)
	{
		const PgbRecoverTable *table = lfirst(lc);

		if (table->with_rows)
			recover->wanted = list_append_unique_oid(recover->wanted, table->oid);
	}
	return list_length(recover->wanted) > before;
}

/* A sandbox that has the tables, with their rows. */
static void
recover_tables(PgbRecover *recover)
{
	recover->wanted = pgb_recover_candidates(recover->repository, recover->route, recover->request);
	for (int i = 0; i < MAX_SANDBOXES; i++)
	{
		make_sandbox(recover);
		recover->tables = pgb_recover_find_tables(recover);
		if (!want_tables(recover))
			return;
		pgb_sandbox_remove(recover->sandbox);
		recover->sandbox = NULL;
	}
	elog(ERROR, "the catalogs of one moment have changed");
}

/* ---- the task ---- */

void *
pgb_recover_create(PgbJobRef job, char *request)
{
	PgbRecover *recover = palloc0(sizeof(PgbRecover));

	recover->context = CurrentMemoryContext;
	recover->job = job;
	recover->scratch_name = request;
	return recover;
}

void
pgb_recover_run(void *state)
{
	PgbRecover *recover = state;

	read_request(recover);
	find_route(recover);
	recover_tables(recover);
	pgb_recover_dump(recover);
	pgb_recover_cleanup(recover);
}

void
pgb_recover_cleanup(void *state)
{
	PgbRecover *recover = state;

	pgb_subprocess_stop(recover->program);
	recover->program = NULL;
	pgb_sandbox_remove(recover->sandbox);
	recover->sandbox = NULL;
	if (recover->writer != NULL)
		pgb_backup_abort(recover->writer);
	recover->writer = NULL;
	pgb_scratch_release(recover->scratch);
	recover->scratch = NULL;
}
