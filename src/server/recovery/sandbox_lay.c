/*-------------------------------------------------------------------------
 *
 * sandbox_lay.c
 *	  A sandbox's data directory is laid down from the backup, by a crew.
 *
 * What is wanted lies in shared memory, so that every member makes the same plan.
 *
 * src/server/recovery/sandbox_lay.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>

#include "pgstat.h"
#include "repo/datadir_file.h"
#include "server/guc.h"
#include "server/recovery/sandbox_work.h"
#include "storage/ipc.h"
#include "storage/latch.h"

/* How often the leader looks. */
#define NAP_MS		200

typedef struct LayShared
{
	char		backup[PGB_ID_SIZE];
	char		directory[MAXPGPATH];
	PgbInstructions scope;		/* but for denied, which is at ... */
	Size		denied;			/* offsets in the shared memory */
	Size		datadir;
} LayShared;

static PgbDenied *
shared_denied(LayShared *shared)
{
	return (PgbDenied *) ((char *) shared + shared->denied);
}

static PgbDataDirShared *
shared_datadir(LayShared *shared)
{
	return (PgbDataDirShared *) ((char *) shared + shared->datadir);
}

static PgbDataDir *
make_plan(PgbRepository *repository, const PgbManifest *backup, const PgbFileList *files,
		  const char *directory, PgbInstructions *scope)
{
	PgbDataDirOptions options = {0};

	options.path = directory;
	options.wants = pgb_sandbox_wants;
	options.wants_arg = scope;
	return pgb_datadir_plan(repository, backup, files, &options);
}

uint64
pgb_sandbox_lay_size(const PgbFileList *files, PgbInstructions *scope)
{
	uint64		bytes = 0;

	for (int i = 0; i < files->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgb_sandbox_wants(&files->files[i], scope))
			bytes += files->files[i].size;
	}
	return bytes;
}

/* ---- a member ---- */

static void
work(const PgbDataDir *plan, PgbDataDirShared *shared)
{
	PgbDataDirWorker *worker = pgb_datadir_worker_create(plan, shared);

	while (pgb_datadir_work(worker))
		CHECK_FOR_INTERRUPTS();
}

void
pgb_sandbox_lay_main(void *memory, int number)
{
	LayShared  *shared = memory;
	PgbInstructions scope = shared->scope;
	PgbRepository *repository = pgb_server_repository(false);
	PgbManifest *backup;
	PgbFileList *files;

	pgstat_report_activity(STATE_RUNNING, "pgbackup: laying down a sandbox");
	scope.denied = shared_denied(shared);
	backup = pgb_catalog_get(repository, shared->backup, PGB_FULL, NULL);
	files = pgb_file_list_read(repository, backup);
	work(make_plan(repository, backup, files, shared->directory, &scope), shared_datadir(shared));
}

/* ---- the leader ---- */

static LayShared *
create_crew(PgbSandboxState *state, const PgbDataDir *plan)
{
	PgbCrewPlan crew = {.member = "data worker", .work = "recovery", .function = "pgb_sandbox_lay_main"};
	LayShared	layout = {.scope = *state->scope};
	LayShared  *shared;
	Size		size = MAXALIGN(sizeof(LayShared));

	layout.denied = size;
	size = add_size(size, MAXALIGN(mul_size(state->scope->ndenied, sizeof(PgbDenied))));
	layout.datadir = size;
	size = add_size(size, pgb_datadir_shared_size(plan));
	strlcpy(layout.backup, plan->manifest->id, sizeof(layout.backup));
	strlcpy(layout.directory, state->directory, sizeof(layout.directory));

	crew.shared_size = size;
	state->crew = pgb_crew_create(&crew);
	shared = pgb_crew_shared(state->crew);
	*shared = layout;
	if (state->scope->ndenied > 0)
		memcpy(shared_denied(shared), state->scope->denied,
			   state->scope->ndenied * sizeof(PgbDenied));
	return shared;
}

static void
work_alone(const PgbDataDir *plan, PgbDataDirShared *shared)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup sandbox",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	work(plan, shared);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
attend(PgbSandboxState *state, PgbDataDirShared *shared)
{
	PgbJobRef	job = state->sandbox->request.job;

	for (;;)
	{
		bool		ended = pgb_crew_ended(state->crew);

		CHECK_FOR_INTERRUPTS();
		pgb_job_set_bytes(job, pgb_counter_read(&shared->bytes_done));
		if (ended)
			return;
		pgb_sandbox_watch_room(state, false);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

void
pgb_sandbox_lay_down(PgbSandboxState *state)
{
	const PgbSandboxRequest *request = &state->sandbox->request;
	PgbDataDir *plan = make_plan(state->repository, request->route->backup, state->files,
								 state->directory, state->scope);
	PgbDataDirShared *shared;
	int			jobs = Max(1, Min(request->jobs, (int) plan->nitems));

	pgb_job_begin_phase(request->job, PGB_PHASE_LAYING_DOWN, 0, plan->bytes);
	if (mkdir(state->directory, S_IRWXU) != 0)
		pgb_target_report("create", state->directory);
	pgb_datadir_begin(plan);
	shared = shared_datadir(create_crew(state, plan));
	if (pgb_crew_start(state->crew, jobs) == 0)
		work_alone(plan, shared);
	attend(state, shared);
	pgb_datadir_complete(plan, shared);
	pgb_datadir_seal(plan);
	pgb_crew_stop(state->crew);
	state->crew = NULL;
	state->sandbox->restored_bytes = plan->bytes;
}
