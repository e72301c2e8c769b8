/*-------------------------------------------------------------------------
 *
 * sandbox.c
 *	  A sandbox: a private, throw-away server that replays WAL to a target.
 *
 * src/server/recovery/sandbox.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "server/guc.h"
#include "server/recovery/sandbox_work.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* What is written of new and grown relations: a part of the WAL, and something for the rest. */
#define GROWTH_PART			16
#define GROWTH_BYTES		((uint64) 4 * 1024 * 1024)

/* Bytes in a second: measured on a small machine. */
#define LAY_DOWN_RATE		((uint64) 100 * 1024 * 1024)
#define REPLAY_RATE			((uint64) 300 * 1024 * 1024)
#define START_DURATION		(1 * USECS_PER_SEC)

/* So often a sandbox is looked at when one of its clients has failed. */
#define BLAME_NAPS			10

/* Those of this process: they go with it. */
static PgbSandboxState *sandboxes = NULL;
static bool exit_is_registered = false;

/* ---- the estimate ---- */

/* Without the filter all that is new is written, and not only what is wanted. */
static uint64
growth(const PgbInstructions *scope, uint64 wal_bytes)
{
	return (scope->everything ? wal_bytes : wal_bytes / GROWTH_PART) + GROWTH_BYTES;
}

static PgbSandboxEstimate
estimate(const PgbSandboxRequest *request, const PgbFileList *files, PgbInstructions *scope)
{
	PgbSandboxEstimate result = {0};
	uint64		kept = pgb_sandbox_wal_kept(request);
	char		parent[MAXPGPATH];

	result.restore_bytes = pgb_sandbox_lay_size(files, scope);
	result.wal_bytes = (uint64) request->route->nsegments * request->route->backup->base->segment_size;
	result.disk_bytes = result.restore_bytes + Min(kept, result.wal_bytes) +
		growth(scope, result.wal_bytes) + request->beside_bytes;
	result.duration = START_DURATION +
		result.restore_bytes * USECS_PER_SEC / LAY_DOWN_RATE +
		result.wal_bytes * USECS_PER_SEC / REPLAY_RATE;
	strlcpy(parent, request->directory, sizeof(parent));
	get_parent_directory(parent);
	result.free_bytes = pgb_sandbox_free_bytes(parent);
	return result;
}

PgbSandboxEstimate
pgb_sandbox_estimate(const PgbSandboxRequest *request)
{
	PgbRepository *repository = pgb_server_repository(false);
	List	   *names;
	PgbInstructions *scope = pgb_sandbox_scope(repository, request, pgb_sandbox_has_filter(), NULL, &names);

	return estimate(request, pgb_file_list_read(repository, request->route->backup), scope);
}

/* ---- the end ---- */

static void
forget(PgbSandboxState *state)
{
	for (PgbSandboxState **s = &sandboxes; *s != NULL; s = &(*s)->next)
	{
		if (*s == state)
		{
			*s = state->next;
			return;
		}
	}
}

/* Raises nothing; the second time it finds nothing to do. */
static void
destroy(void *arg)
{
	PgbSandboxState *state = arg;

	forget(state);
	HOLD_INTERRUPTS();
	pgb_crew_stop(state->crew);
	state->crew = NULL;
	pgb_subprocess_stop(state->client);
	state->client = NULL;
	pgb_sandbox_server_stop(state);
	if (state->directory != NULL)
		pgb_sandbox_erase(state->directory);
	state->directory = NULL;
	RESUME_INTERRUPTS();
}

static void
destroy_all(int code, Datum arg)
{
	while (sandboxes != NULL)
		destroy(sandboxes);
}

void
pgb_sandbox_remove(PgbSandbox *sandbox)
{
	if (sandbox != NULL)
		destroy(sandbox->state);
}

void
pgb_sandbox_attend(PgbSandbox *sandbox, PgbSubprocess *client)
{
	pgb_sandbox_nap(sandbox->state, client);
}

/* The clients of a server that goes fail before it has ended itself. */
void
pgb_sandbox_blame(PgbSandbox *sandbox)
{
	pgb_sandbox_watch_room(sandbox->state, true);
	for (int i = 0; i < BLAME_NAPS; i++)
		pgb_sandbox_nap(sandbox->state, NULL);
}

/* ---- the order of things ---- */

static PgbSandboxState *
create(const PgbSandboxRequest *request)
{
	PgbSandbox *sandbox = palloc0(sizeof(PgbSandbox));
	PgbSandboxState *state = palloc0(sizeof(PgbSandboxState));

	sandbox->request = *request;
	sandbox->state = state;
	state->sandbox = sandbox;
	state->repository = pgb_server_repository(false);

	/* an error that nobody catches, or FATAL, must not leave it */
	if (!exit_is_registered)
		before_shmem_exit(destroy_all, (Datum) 0);
	exit_is_registered = true;
	state->next = sandboxes;
	sandboxes = state;
	pgb_resource_keep(&state->resource, destroy, state);
	return state;
}

static void
take_result(PgbSandboxState *state)
{
	const PgbSandboxLog *log = state->log;
	PgbSandbox *sandbox = state->sandbox;

	pgb_sandbox_watch_room(state, true);
	sandbox->wal_bytes = (uint64) log->segments * sandbox->request.route->backup->base->segment_size;
	sandbox->reached_lsn = log->redo_end;
	if (log->last_commit != NULL)
		sandbox->reached_time =
			DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
													CStringGetDatum(log->last_commit),
													ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Looks into the WAL where that must be: before anything is made. */
static void
scan_wal(PgbSandboxState *state)
{
	const PgbSandboxRequest *request = &state->sandbox->request;

	if (state->with_filter && pgb_sandbox_is_in_backup(state->repository, request))
		return;
	state->scan = pgb_sandbox_scan(state->repository, request->route);
	if (!state->with_filter)
		pgb_sandbox_check_unfiltered(state->scan);
}

static void
build(PgbSandboxState *state)
{
	const PgbSandboxRequest *request = &state->sandbox->request;
	const PgbRoute *route = request->route;
	List	   *names;

	pgb_sandbox_check_installed();
	scan_wal(state);
	state->scope = pgb_sandbox_scope(state->repository, request, state->with_filter, state->scan, &names);
	state->files = pgb_file_list_read(state->repository, route->backup);
	pgb_sandbox_check_room(state, estimate(request, state->files, state->scope).disk_bytes);

	state->directory = pstrdup(request->directory);
	pgb_sandbox_lay_down(state);
	pgb_sandbox_configure(state);
	pgb_job_begin_phase(request->job, PGB_PHASE_REPLAYING, 0,
						(uint64) route->nsegments * route->backup->base->segment_size);
	pgb_sandbox_server_start(state);
	pgb_sandbox_server_wait(state);
	pgb_sandbox_enter(state, names);
	take_result(state);
}

/* False if the filter that is there refuses to be loaded: then nothing is left. */
static bool
try_to_build(PgbSandboxState *state)
{
	MemoryContext context = CurrentMemoryContext;
	bool		is_refused = false;

	PG_TRY();
	{
		build(state);
	}
	PG_CATCH();
	{
		destroy(state);
		is_refused = state->with_filter && state->log != NULL && state->log->is_refused &&
			geterrcode() == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
		if (!is_refused)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return !is_refused;
}

PgbSandbox *
pgb_sandbox_make(const PgbSandboxRequest *request)
{
	PgbSandboxState *state = create(request);

	state->with_filter = pgb_sandbox_has_filter();
	if (!state->with_filter)
		pgb_sandbox_tell_unfiltered("There is none, or it is switched off.");
	if (!try_to_build(state))
	{
		pgb_sandbox_tell_unfiltered(pgb_sandbox_log_words(state->log));
		state = create(request);
		(void) try_to_build(state);
	}
	state->sandbox->without_filter = !state->with_filter;
	return state->sandbox;
}
