/*-------------------------------------------------------------------------
 *
 * restore.c
 *	  A whole logical backup restored into a new database.
 *
 * pg_restore of the server's version makes all that is not rows; it reads nothing
 * but the table of contents.  The rows are loaded by data workers, which are
 * connected to the new database: the frames of one large table are shared by
 * all of them.
 *
 * The database has a name of its own until it is complete; then it is given its
 * settings and its real name in one transaction, whose commit makes all before it
 * durable.  So a database that has the name it was asked for is complete.
 *
 * src/server/restore/restore.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/restore/restore.h"
#include "server/settings.h"
#include "storage/latch.h"
#include "utils/snapmgr.h"

#define NAP_MS				200

/* ---- what the steps have in common ---- */

void
pgb_restore_begin(PgbRestore *restore)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(restore->context);
}

void
pgb_restore_commit(PgbRestore *restore)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(restore->context);
}

void
pgb_restore_remark(PgbRestore *restore, const char *format,...)
{
	StringInfo	remarks = &restore->remarks;
	int			start;

	if (remarks->len > 0)
		appendStringInfoChar(remarks, '\n');
	start = remarks->len;
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(remarks, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(remarks, needed);
	}
	ereport(LOG,
			(errmsg_internal("restoring database \"%s\": %s", restore->request.new_database,
							 remarks->data + start)));
}

void
pgb_restore_nap(pgsocket socket)
{
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
							 (socket != PGINVALID_SOCKET ? WL_SOCKET_READABLE : 0),
							 socket, NAP_MS, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* ---- the task ---- */

void *
pgb_restore_create(PgbJobRef job, char *request)
{
	PgbRestore *restore = palloc0(sizeof(PgbRestore));

	restore->context = CurrentMemoryContext;
	restore->job = job;
	restore->request_json = request;
	initStringInfo(&restore->remarks);
	return restore;
}

/* The job runs as long as it takes, and reads SQL as pg_dump has written it. */
static void
pin_settings(void)
{
	static const PgbSetting settings[] = {
		{"standard_conforming_strings", "on"},
	};

	pgb_settings_pin(settings, lengthof(settings));
}

/* From here on it can be seen, and cancelled, by the name of the database. */
static void
introduce(PgbRestore *restore)
{
	pgb_job_set_totals(restore->job, (uint64) restore->manifest->ntables,
					   restore->manifest->raw_bytes);
	pgb_job_set_restored(restore->job, restore->manifest->id,
						 restore->request.is_trial ? "" :
						 pgb_to_utf8(restore->request.new_database));
	pgstat_report_activity(STATE_RUNNING, psprintf("restoring database \"%s\" from backup %s",
												   restore->request.new_database,
												   restore->manifest->id));
}

static void
read_request(PgbRestore *restore)
{
	pgb_restore_begin(restore);
	pgb_restore_read_request(restore->request_json, &restore->request);
	pgb_restore_commit(restore);
}

static void
prepare(PgbRestore *restore)
{
	pgb_restore_begin(restore);
	pgb_restore_check_name(restore->request.new_database);
	pgb_restore_open_archive(restore);
	introduce(restore);
	pgb_restore_commit(restore);
}

/* All that comes before the rows; large objects, still empty, and the values of sequences. */
static void
restore_schema(PgbRestore *restore)
{
	char	   *values;

	pgb_job_set_phase(restore->job, PGB_PHASE_RESTORING_SCHEMA);
	pgb_restore_make_folder(restore);
	pgb_restore_section(restore, "pre-data", 1, NULL);
	values = pgb_restore_list_values(restore);
	if (values != NULL)
		pgb_restore_section(restore, "data", 1, values);
}

/* All that is built on the rows. */
static void
restore_rest(PgbRestore *restore)
{
	pgb_job_set_phase(restore->job, PGB_PHASE_INDEXING);
	pgb_restore_section(restore, "post-data", restore->request.jobs, NULL);
	pgb_restore_remove_folder(restore);
}

void
pgb_restore_build(PgbRestore *restore)
{
	pin_settings();
	prepare(restore);

	pgb_job_set_phase(restore->job, PGB_PHASE_CREATING);
	pgb_incomplete_drop_leftovers();
	pgb_restore_create_roles(restore);
	pgb_restore_create_database(restore);

	restore_schema(restore);
	pgb_restore_load(restore);
	restore_rest(restore);

	pgb_job_set_phase(restore->job, PGB_PHASE_ANALYZING);
	pgb_restore_analyze(restore);
}

static void
restore_database(PgbRestore *restore)
{
	read_request(restore);
	pgb_restore_build(restore);
	pgb_job_set_phase(restore->job, PGB_PHASE_FINISHING);
	pgb_restore_finish_database(restore);
}

/* Who wants to keep what there is must learn where it is. */
static void
add_hint_of_kept(PgbRestore *restore, ErrorData *error)
{
	char	   *kept = psprintf("The incomplete database is kept as \"%s\"; drop it when you have seen enough.",
								restore->working_name);

	error->hint = error->hint == NULL ? kept : psprintf("%s %s", error->hint, kept);
}

void
pgb_restore_run(void *state)
{
	PgbRestore *restore = state;

	PG_TRY();
	{
		restore_database(restore);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (!restore->request.keep_partial || !OidIsValid(restore->database))
			PG_RE_THROW();
		MemoryContextSwitchTo(restore->context);
		error = CopyErrorData();
		FlushErrorState();
		add_hint_of_kept(restore, error);
		ReThrowError(error);
	}
	PG_END_TRY();
}

void
pgb_restore_cleanup(void *state)
{
	PgbRestore *restore = state;

	pgb_subprocess_stop(restore->program);
	restore->program = NULL;
	pgb_crew_stop(restore->crew);
	restore->crew = NULL;
	pgb_restore_remove_folder(restore);
	pgb_incomplete_abandon(restore);
	pgb_restore_drop_roles(restore);
}

void
pgb_restore_report(void *state, PgbJobResult *result)
{
	PgbRestore *restore = state;

	snprintf(result->message, sizeof(result->message),
			 "database \"%s\" is restored from backup \"%s\" (tables: %d, rows: " UINT64_FORMAT ")",
			 restore->request.new_database, restore->manifest->id, restore->manifest->ntables,
			 restore->rows);
	strlcpy(result->detail, restore->remarks.data,
			pg_mbcliplen(restore->remarks.data, restore->remarks.len,
						 sizeof(result->detail) - 1) + 1);
}
