/*-------------------------------------------------------------------------
 *
 * sandbox_settings.c
 *	  The configuration of a sandbox.
 *
 * Nothing of the live server's is inherited but where its libraries are, and what kind of shared memory
 * this machine has: neither its extensions nor its network, archiving, subscriptions.
 *
 *	- The redo filter is preloaded: without its guard replay could follow tablespaces into the
 *	  live server's directories.  A server that cannot load it does not start.  Without it (sandbox_filter.c) the
 *	  server gets no WAL but that of which it is known that it does no harm.
 *	- Without hot_standby only max_prepared_transactions must be as large as in the live server, and
 *	  what holds replication origins: a subscriber's are in its checkpoints and in its WAL.
 *	- A small max_wal_size bounds the disk where there are checkpoints in the WAL; see pgb_sandbox_trim_wal().
 *	- Nothing is durable, for nothing of it survives us.
 *
 * src/server/recovery/sandbox_settings.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>
#include <unistd.h>

#include "catalog/pg_control.h"
#include "miscadmin.h"
#include "repo/datadir_file.h"
#include "repo/settings_text.h"
#include "sandbox/sandbox.h"
#include "server/guc.h"
#include "server/program.h"
#include "server/recovery/sandbox_work.h"
#include "utils/guc.h"

#define PRIVATE_FILE		(S_IRUSR | S_IWUSR)
#define MEGABYTE			(1024 * 1024)

/* WAL that is replayed and not yet removed */
#define MAX_WAL_BYTES		((uint64) 64 * MEGABYTE)
#define MAX_WAL_SEGMENTS	4

/* Prepared transactions that may be there at the same time; each takes some kB. */
#define MAX_PREPARED		1000

/* Replication origins that may be there at the same time; each takes some hundred bytes. */
#define MAX_ORIGINS			1000

/* Connections besides those of who copies out */
#define OWN_CONNECTIONS		10

/* ---- what is installed ---- */

static char *
restore_program(void)
{
	char	   *path;

	if (pgb_guc_bin_directory[0] != '\0')
	{
		path = psprintf("%s/pgbackup", pgb_guc_bin_directory);
		if (access(path, X_OK) == 0)
			return path;
	}
	return pgb_program_beside_server("pgbackup");
}

/* The directories of dynamic_library_path, with $libdir as it is. */
bool
pgb_sandbox_has_library(const char *name)
{
	const char *path = GetConfigOption("dynamic_library_path", false, false);

	while (*path != '\0')
	{
		int			length = strcspn(path, ":");
		bool		in_libdir = strncmp(path, "$libdir", 7) == 0 && length >= 7;
		char	   *file = psprintf("%s%.*s/%s" DLSUFFIX, in_libdir ? pkglib_path : "",
									in_libdir ? length - 7 : length, in_libdir ? path + 7 : path, name);
		bool		is_there = access(file, R_OK) == 0;

		pfree(file);
		if (is_there)
			return true;
		path += length + (path[length] == ':' ? 1 : 0);
	}
	return false;
}

char *
pgb_sandbox_program(void)
{
	return pstrdup(my_exec_path);
}

void
pgb_sandbox_check_installed(void)
{
	if (access(restore_program(), X_OK) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("program \"%s\" cannot be executed: %m", restore_program()),
				 errdetail("It fetches the WAL that is to be replayed."),
				 errhint("Install all files of this version of pgbackup; \"make install\" does so.")));
}

/* ---- postgresql.conf ---- */

static char *
restore_command(const PgbSandboxState *state)
{
	const PgbRoute *route = state->sandbox->request.route;
	StringInfoData command;

	initStringInfo(&command);
	pgb_append_command_word(&command, restore_program());
	appendStringInfo(&command, " wal-get --ahead=%d ", SANDBOX_AHEAD);
	if (!state->with_filter)
		appendStringInfo(&command, "--last=%s ", route->segments[route->nsegments - 1].text);
	pgb_append_command_word(&command, psprintf("--repository=%s", state->repository->store->location));
	appendStringInfo(&command, " --system=" UINT64_FORMAT " %%f \"%%p\"",
					 state->repository->system_identifier);
	return command.data;
}

static void
set_target(StringInfo out, const PgbSandboxRequest *request)
{
	pgb_append_target(out, &request->target, request->route->timeline, "promote");
	pgb_append_setting(out, "hot_standby", "off");
	pgb_append_setting(out, "recovery_prefetch", "off");
}

static uint64
max_wal_bytes(const PgbSandboxRequest *request)
{
	return Max(MAX_WAL_BYTES,
			   MAX_WAL_SEGMENTS * (uint64) request->route->backup->base->segment_size);
}

uint64
pgb_sandbox_wal_kept(const PgbSandboxRequest *request)
{
	uint64		segment_size = request->route->backup->base->segment_size;

	return max_wal_bytes(request) + (SANDBOX_AHEAD + 2) * segment_size;
}

/* Nothing of it is to be kept, and nothing but replay is to go on. */
static void
set_storage(StringInfo out, const PgbSandboxRequest *request)
{
	uint64		max_bytes = max_wal_bytes(request);

	pgb_append_setting(out, "fsync", "off");
	pgb_append_setting(out, "full_page_writes", "off");
	pgb_append_setting(out, "synchronous_commit", "off");
	pgb_append_setting(out, "max_wal_size", psprintf("%dMB", (int) (max_bytes / MEGABYTE)));
	pgb_append_setting(out, "min_wal_size", psprintf("%dMB", (int) (max_bytes / 2 / MEGABYTE)));
	pgb_append_setting(out, "wal_recycle", "off");
	pgb_append_setting(out, "wal_init_zero", "off");
	pgb_append_setting(out, "allow_in_place_tablespaces", "on");
}

static void
set_memory(StringInfo out, const PgbSandboxRequest *request)
{
	pgb_append_setting(out, "shared_buffers", "64MB");
	pgb_append_setting(out, "huge_pages", "off");
	pgb_append_setting(out, "dynamic_shared_memory_type",
			 GetConfigOption("dynamic_shared_memory_type", false, false));
	pgb_append_setting(out, "shared_memory_type", GetConfigOption("shared_memory_type", false, false));
	pgb_append_setting(out, "max_connections", psprintf("%d", request->jobs + OWN_CONNECTIONS));
	pgb_append_setting(out, "jit", "off");
}

static void
set_silence(StringInfo out)
{
	pgb_append_setting(out, "listen_addresses", "");
	pgb_append_setting(out, "archive_mode", "off");
	pgb_append_setting(out, "autovacuum", "off");
	pgb_append_setting(out, "max_wal_senders", "0");
	pgb_append_setting(out, "max_logical_replication_workers", "0");
	pgb_append_setting(out, "max_parallel_workers", "0");
	pgb_append_setting(out, "restart_after_crash", "off");
	pgb_append_setting(out, "ssl", "off");

	/* code of users, which would run as a superuser; not every version has it */
	if (GetConfigOption("event_triggers", true, false) != NULL)
		pgb_append_setting(out, "event_triggers", "off");
}

static void
set_log(StringInfo out)
{
	pgb_append_setting(out, "log_destination", "stderr");
	pgb_append_setting(out, "logging_collector", "off");
	pgb_append_setting(out, "log_line_prefix", "");
	pgb_append_setting(out, "log_checkpoints", "off");
	pgb_append_setting(out, "lc_messages", "C");
	pgb_append_setting(out, "timezone", "UTC");
	pgb_append_setting(out, "log_timezone", "UTC");
}

/* As many as the live server had, or more: it may have been raised since the backup. */
static int
max_prepared(const PgbSandboxState *state)
{
	PgbDataDir	plan = {.repository = state->repository,
	.manifest = state->sandbox->request.route->backup, .list = state->files};
	const PgbFile *file;
	char	   *content = pgb_datadir_read_control(&plan, &file);
	ControlFileData control;

	if (file->size < sizeof(control))
		return MAX_PREPARED;
	memcpy(&control, content, sizeof(control));
	return Max(MAX_PREPARED, Min(control.max_prepared_xacts, MAX_PREPARED * 64) * 2);
}

/* As many as the live server has, or more.  Since 18 they have a setting of their own. */
static void
set_origins(StringInfo out)
{
	const char *name = "max_active_replication_origins";
	const char *value = GetConfigOption(name, true, false);

	if (value == NULL)
	{
		name = "max_replication_slots";
		value = GetConfigOption(name, false, false);
	}
	pgb_append_setting(out, name, psprintf("%d", Max(atoi(value), MAX_ORIGINS)));
}

static char *
configuration(const PgbSandboxState *state)
{
	const PgbSandboxRequest *request = &state->sandbox->request;
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "# A sandbox of pgbackup, to be thrown away\n");
	pgb_append_setting(&out, "shared_preload_libraries", state->with_filter ? PGB_SANDBOX_LIBRARY : "");
	pgb_append_setting(&out, "dynamic_library_path", GetConfigOption("dynamic_library_path", false, false));
	pgb_append_setting(&out, "port", psprintf("%d", SANDBOX_PORT));
	/* its data directory: however long the path is, a name in the current directory is short */
	pgb_append_setting(&out, "unix_socket_directories", ".");
	pgb_append_setting(&out, "unix_socket_permissions", "0700");
	pgb_append_setting(&out, "max_prepared_transactions", psprintf("%d", max_prepared(state)));
	set_origins(&out);
	pgb_append_setting(&out, "restore_command", restore_command(state));
	set_target(&out, request);
	set_storage(&out, request);
	set_memory(&out, request);
	set_silence(&out);
	set_log(&out);
	return out.data;
}

/* ---- the files ---- */

static void
write_file(const PgbSandboxState *state, const char *name, const char *text)
{
	char	   *path = psprintf("%s/%s", state->directory, name);

	pgb_target_write(path, PRIVATE_FILE, text, strlen(text), true);
	pfree(path);
}

static void
write_instructions(const PgbSandboxState *state)
{
	StringInfoData instructions;

	initStringInfo(&instructions);
	pgb_instructions_write(&instructions, state->scope);
	write_file(state, PGB_SANDBOX_FILE, instructions.data);
	pfree(instructions.data);
}

void
pgb_sandbox_configure(const PgbSandboxState *state)
{
	if (state->with_filter)
		write_instructions(state);
	write_file(state, "postgresql.conf", configuration(state));
	write_file(state, "postgresql.auto.conf", "");
	write_file(state, "pg_hba.conf", "local all all trust\n");
	write_file(state, "pg_ident.conf", "");
	write_file(state, "recovery.signal", "");
}
