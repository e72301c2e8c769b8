/*-------------------------------------------------------------------------
 *
 * export.c
 *	  A logical backup, from the snapshot to the manifest.
 *
 * The backup is a directory archive of pg_dump.  pg_dump writes it, under our
 * snapshot, into a folder in it; the rows of ordinary tables are written by
 * data workers instead (see dump_session.c and worker.c), and what pg_dump
 * wrote itself (large objects, tables read by queries) is compressed at the
 * end.
 *
 * src/server/logical/export.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "commands/dbcommands.h"
#include "io/digest.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "server/begin.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/logical/dump.h"
#include "server/logical/dump_session.h"
#include "server/logical/dumped.h"
#include "server/logical/export.h"
#include "server/logical/plan.h"
#include "server/logical/worker.h"
#include "server/place.h"
#include "server/program.h"
#include "server/replay_time.h"
#include "server/settings.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* The folder inside the backup's own into which pg_dump writes. */
#define DUMP_FOLDER			"dump"
#define GLOBALS_FILE		"globals.sql"

/* No table of contents is as long as that. */
#define MAX_TOC_BYTES		(1024 * 1024 * 1024 - 1)

#define NAP_MS				200

/* What the data workers have told of a table. */
typedef struct Exported
{
	BlockNumber nblocks;
	int			count;
	int			allocated;
	struct PlacedFrame
	{
		uint64		offset;
		PgbFrame	frame;
	}		   *frames;
} Exported;

typedef struct PgbExport
{
	MemoryContext context;		/* of all this */
	PgbJobRef	job;
	char	   *request;		/* what was asked for, as JSON ... */
	PgbRunOptions *options;		/* ... and as it is used */
	PgbRepository *repository;
	PgbBackupWriter *writer;
	PgbManifest *manifest;

	PgbSubprocess *dump;
	PgbSubprocess *globals;
	bool		dump_checked;	/* has ended well */
	bool		globals_checked;
	char	   *dump_folder;	/* in the store */

	char	   *toc_data;
	size_t		toc_length;
	PgbToc	   *toc;
	PgbPlan    *plan;
	Exported   *exported;		/* for each table of the plan */
} PgbExport;

/* ---- the beginning ---- */

void *
pgb_export_create(PgbJobRef job, char *request)
{
	PgbExport  *export = palloc0(sizeof(PgbExport));

	export->context = CurrentMemoryContext;
	export->job = job;
	export->request = request;
	return export;
}

/* What rows look like must not depend on anybody's settings; nor may the job be timed out. */
static void
pin_settings(void)
{
	static const PgbSetting settings[] = {
		{"search_path", ""},
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"timezone", "UTC"},
		{"extra_float_digits", "3"},
		{"bytea_output", "hex"},
		{"row_security", "off"},
		{"default_transaction_deferrable", "off"},
	};

	pgb_settings_pin(settings, lengthof(settings));

	/* pgbackup.jobs says how many workers a backup may have */
	SetConfigOption("max_parallel_workers", GetConfigOption("max_worker_processes", false, false),
					PGC_SUSET, PGC_S_SESSION);
}

static void
open_backup(PgbExport *export)
{
	export->repository = pgb_server_repository(true);
	export->writer = pgb_job_begin_backup(export->job, export->repository, PGB_LOGICAL);
	export->dump_folder = pgb_backup_writer_name(export->writer, DUMP_FOLDER);
}

static void
begin_manifest(PgbExport *export)
{
	PgbManifest *m = pgb_job_begin_manifest(export->writer, export->options, export->request);

	m->database = pgb_to_utf8(get_database_name(MyDatabaseId));
	m->encoding = pstrdup(GetDatabaseEncodingName());
	export->manifest = m;
}

static void
begin_transaction(PgbExport *export)
{
	StartTransactionCommand();
	XactIsoLevel = XACT_REPEATABLE_READ;
	XactReadOnly = true;
	MemoryContextSwitchTo(export->context);
}

static void
end_transaction(PgbExport *export)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(export->context);
}

/* Takes the snapshot that all of the backup sees; returns its name. */
static char *
take_snapshot(PgbExport *export)
{
	PgbManifest *m = export->manifest;
	char	   *name;

	if (RecoveryInProgress())
	{
		m->start_lsn = GetXLogReplayRecPtr(&m->timeline);
		m->as_of = pgb_replay_time();
	}
	else
	{
		m->start_lsn = GetXLogInsertRecPtr();
		m->timeline = GetWALInsertionTimeLine();
		m->as_of = GetCurrentTimestamp();
	}
	m->stop_lsn = m->start_lsn;
	PushActiveSnapshot(GetTransactionSnapshot());
	name = MemoryContextStrdup(export->context, ExportSnapshot(GetActiveSnapshot()));
	return name;
}

/* ---- pg_dump ---- */

/* Raises as soon as one of the programs has failed. */
static void
attend_programs(void *arg)
{
	PgbExport  *export = arg;

	if (export->dump != NULL && !export->dump_checked && pgb_subprocess_ended(export->dump))
	{
		pgb_job_dump_ended(export->job);
		pgb_program_check(export->dump, "pg_dump");
		export->dump_checked = true;
	}
	if (export->globals != NULL && !export->globals_checked &&
		pgb_subprocess_ended(export->globals))
	{
		pgb_program_check(export->globals, "pg_dumpall");
		export->globals_checked = true;
	}
}

static pgsocket
program_socket(void *arg)
{
	PgbExport  *export = arg;

	if (export->dump != NULL && !export->dump_checked &&
		pgb_subprocess_socket(export->dump) != PGINVALID_SOCKET)
		return pgb_subprocess_socket(export->dump);
	if (export->globals != NULL && !export->globals_checked)
		return pgb_subprocess_socket(export->globals);
	return PGINVALID_SOCKET;
}

static void
nap(PgbExport *export)
{
	pgsocket	socket = program_socket(export);

	/* a program that has closed its standard error ends soon: no event tells when */
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
							 (socket != PGINVALID_SOCKET ? WL_SOCKET_READABLE : 0),
							 socket, socket != PGINVALID_SOCKET ? NAP_MS : 5,
							 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
start_dump(PgbExport *export, const char *snapshot)
{
	PgbStore   *store = export->repository->store;
	char	   *path = store->ops->local_path(store, export->dump_folder);

	pgb_job_set_phase(export->job, PGB_PHASE_DUMPING_SCHEMA);
	BecomeLockGroupLeader();	/* of pg_dump's session and the data workers */
	export->dump = pgb_dump_start(export->job, export->options, snapshot, path);
}

/* Until pg_dump waits for our locks, or has ended without asking for any rows. */
static void
wait_for_toc(PgbExport *export)
{
	for (;;)
	{
		attend_programs(export);
		if (export->dump_checked ||
			pgb_job_dump_state(export->job) == PGB_DUMP_WAITS)
			break;
		nap(export);
	}
	if (pgb_job_dump_state(export->job) == PGB_DUMP_ABSENT)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_EXCEPTION),
				 errmsg("pg_dump has connected to another server"),
				 errhint("Check pgbackup.conninfo: it must lead to this very server.")));
}

static void
read_toc(PgbExport *export)
{
	char	   *name = psprintf("%s/%s", export->dump_folder, PGB_TOC_NAME);
	int			major;

	export->toc_data = pgb_store_read_all(export->repository->store, name, MAX_TOC_BYTES,
										  &export->toc_length);
	export->toc = pgb_toc_parse(export->toc_data, export->toc_length, PGB_TOC_NAME);

	major = export->toc->dump_version ? atoi(export->toc->dump_version) : 0;
	if (major != PG_VERSION_NUM / 10000)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pg_dump is of version %s, and the server of version %s",
						export->toc->dump_version ? export->toc->dump_version : "unknown",
						PG_VERSION),
				 errhint("Set pgbackup.bin_directory to the client programs of the server's version.")));
}

/* With our locks held, pg_dump may go on. */
static void
plan_and_release_dump(PgbExport *export)
{
	read_toc(export);
	export->plan = pgb_plan_create(export->toc);
	export->exported = palloc0(Max(1, export->plan->count) * sizeof(Exported));
	pgb_job_set_totals(export->job, export->plan->count, export->plan->weight);
	pgb_job_release_dump(export->job);
}

static void
start_globals(PgbExport *export)
{
	PgbStore   *store = export->repository->store;
	char	   *name = psprintf("%s/%s", export->dump_folder, GLOBALS_FILE);

	export->globals = pgb_dump_globals_start(store->ops->local_path(store, name));
}

static void
wait_for_programs(PgbExport *export)
{
	for (;;)
	{
		attend_programs(export);
		if (export->dump_checked && export->globals_checked)
			break;
		nap(export);
	}
}

/*
 * The session of pg_dump has left out the rows of exactly those tables that
 * were exported: nothing is missing, nothing comes twice.
 */
static void
check_agreement(PgbExport *export)
{
	uint64		count,
				digest;

	pgb_job_dump_emptied(export->job, &count, &digest);
	if (count != export->plan->count || digest != export->plan->digest)
		elog(ERROR, "pg_dump has left " UINT64_FORMAT " tables to the backup, but %d were exported",
			 count, export->plan->count);
}

/* ---- the tables ---- */

static void
note_message(void *arg, const PgbExportMessage *message)
{
	PgbExport  *export = arg;
	Exported   *exported = &export->exported[message->table];

	Assert(message->table >= 0 && message->table < export->plan->count);
	if (message->event == PGB_EXPORT_BLOCKS)
	{
		exported->nblocks += message->nblocks;
		if (exported->nblocks == export->plan->tables[message->table].nblocks)
			pgb_job_add_object(export->job);
		return;
	}

	if (exported->count == exported->allocated)
	{
		Size		size;

		exported->allocated = Max(4, exported->allocated * 2);
		size = mul_size(exported->allocated, sizeof(struct PlacedFrame));
		if (exported->frames == NULL)
			exported->frames = MemoryContextAlloc(export->context, size);
		else
			exported->frames = repalloc_huge(exported->frames, size);
	}
	exported->frames[exported->count].offset = message->offset;
	exported->frames[exported->count++].frame = message->frame;
}

static void
create_files(PgbExport *export)
{
	PgbStore   *store = export->repository->store;

	for (int i = 0; i < export->plan->count; i++)
	{
		PgbObject  *object;

		CHECK_FOR_INTERRUPTS();
		object = store->ops->create(store, pgb_backup_writer_name(export->writer,
																 export->plan->tables[i].file));
		store->ops->close(object);
	}
}

/* No worker comes to a table without blocks, nor reports it. */
static void
count_empty_tables(PgbExport *export)
{
	for (int i = 0; i < export->plan->count; i++)
	{
		if (export->plan->tables[i].nblocks == 0)
			pgb_job_add_object(export->job);
	}
}

static void
export_tables(PgbExport *export)
{
	PgbExportTarget target;
	PgbExportLeader leader;

	pgb_job_set_phase(export->job, PGB_PHASE_EXPORTING);
	create_files(export);
	count_empty_tables(export);

	target.repository = export->repository->store->location;
	target.folder = export->writer->folder;
	target.level = export->options->level;
	target.job = export->job;

	leader.message = note_message;
	leader.attend = attend_programs;
	leader.wake_on = program_socket;
	leader.arg = export;

	if (export->plan->count > 0)
		pgb_export_tables(export->plan, &target, export->options->jobs, &leader);
}

static int
compare_offset(const void *a, const void *b)
{
	uint64		oa = ((const struct PlacedFrame *) a)->offset;
	uint64		ob = ((const struct PlacedFrame *) b)->offset;

	return oa < ob ? -1 : (oa > ob ? 1 : 0);
}

/* The frames of a table in the order of its file, in which there must be no gap. */
static void
collect_frames(PgbExport *export, int number, PgbStoredFile *file, PgbTable *table)
{
	Exported   *exported = &export->exported[number];
	PgbPlanTable *planned = &export->plan->tables[number];

	if (exported->nblocks != planned->nblocks)
		elog(ERROR, "%u blocks of \"%s\" were exported instead of %u",
			 exported->nblocks, planned->entry->tag, planned->nblocks);

	if (exported->count > 0)
		qsort(exported->frames, exported->count, sizeof(struct PlacedFrame), compare_offset);
	pgb_frames_init(&file->frames);
	for (int i = 0; i < exported->count; i++)
	{
		PgbFrame   *frame = &exported->frames[i].frame;

		if (exported->frames[i].offset != file->stored_bytes)
			elog(ERROR, "frames of \"%s\" do not follow each other", planned->file);
		pgb_frames_add(&file->frames, frame);
		file->crc = pgb_crc32c_combine(file->crc, frame->crc, frame->stored_bytes);
		file->stored_bytes += frame->stored_bytes;
		file->raw_bytes += frame->raw_bytes;
		table->row_count += frame->rows;
	}
	table->raw_bytes = file->raw_bytes;
	if (exported->frames != NULL)
		pfree(exported->frames);
}

static void
write_at_end(PgbStore *store, PgbObject *object, PgbStoredFile *file,
			 const void *data, size_t length)
{
	store->ops->write_at(object, file->stored_bytes, data, length);
	file->crc = pgb_crc32c_extend(file->crc, data, length);
	file->stored_bytes += length;
}

/* Ends a table's file as pg_dump ends it, and with the seek table. */
static void
write_tail(PgbExport *export, PgbStoredFile *file, const PgbFrame *terminator,
		   const char *terminator_data)
{
	PgbStore   *store = export->repository->store;
	MemoryContext context = AllocSetContextCreate(export->context, "pgbackup file",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	StringInfoData seek_table;
	PgbObject  *object;

	object = store->ops->attach(store, pgb_backup_writer_name(export->writer, file->name));
	write_at_end(store, object, file, terminator_data, terminator->stored_bytes);
	initStringInfo(&seek_table);
	pgb_seek_table_append(&seek_table, &file->frames);
	write_at_end(store, object, file, seek_table.data, seek_table.len);
	store->ops->close(object);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static void
finish_table(PgbExport *export, int number, PgbStoredFile *file, PgbTable *table,
			 const PgbFrame *terminator, const char *terminator_data)
{
	PgbPlanTable *planned = &export->plan->tables[number];

	file->name = planned->file;
	collect_frames(export, number, file, table);
	pgb_frames_add(&file->frames, terminator);
	file->raw_bytes += terminator->raw_bytes;
	write_tail(export, file, terminator, terminator_data);

	table->dump_id = planned->entry->dump_id;
	table->oid = planned->relid;
	table->schema_name = pgb_to_utf8(planned->entry->schema_name);
	table->table_name = pgb_to_utf8(planned->entry->tag);
	table->stored_bytes = file->stored_bytes;
	table->file = file->name;
}

static void
finish_tables(PgbExport *export)
{
	PgbManifest *m = export->manifest;
	PgbFrameEncoder *encoder = pgb_frame_encoder_create(export->options->level);
	PgbFrame	terminator;
	const char *data;

	pgb_frame_encoder_append(encoder, PGB_COPY_TERMINATOR, strlen(PGB_COPY_TERMINATOR));
	data = pgb_frame_encoder_end(encoder, &terminator);
	for (int i = 0; i < export->plan->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		finish_table(export, i, &m->files[m->nfiles++], &m->tables[m->ntables++],
					 &terminator, data);
	}
}

/* ---- what pg_dump has written itself ---- */

/* Compresses a file of the dump folder into the backup, and removes it. */
static void
compress_file(PgbExport *export, const char *from, const char *to, PgbFrameRule rule,
			  PgbStoredFile *file)
{
	pgb_dumped_compress(export->writer, export->repository->store,
						psprintf("%s/%s", export->dump_folder, from), to, export->options->level,
						rule, file);
}

/* The table data in the dump folder: rows where pg_dump read them, else only a terminator. */
static void
compress_tables(PgbExport *export)
{
	PgbManifest *m = export->manifest;
	PgbStore   *store = export->repository->store;

	for (int i = 0; i < export->toc->count; i++)
	{
		PgbTocEntry *entry = &export->toc->entries[i];
		PgbStoredFile *file;

		CHECK_FOR_INTERRUPTS();
		if (entry->file_name == NULL || strcmp(entry->desc, "TABLE DATA") != 0)
			continue;
		if (export->plan->taken[i])
		{
			store->ops->remove(store, psprintf("%s/%s", export->dump_folder, entry->file_name));
			continue;
		}
		file = &m->files[m->nfiles++];
		compress_file(export, entry->file_name,
					  psprintf("%s" PGB_COMPRESSED_SUFFIX, entry->file_name),
					  PGB_FRAME_LINES, file);
		pgb_dumped_note_table(m, entry, file);
	}
}

/* Large objects, and the globals. */
static void
compress_others(PgbExport *export)
{
	PgbManifest *m = export->manifest;
	PgbStore   *store = export->repository->store;
	char	  **names = store->ops->list(store, export->dump_folder);

	for (; *names != NULL; names++)
	{
		if (strcmp(*names, PGB_TOC_NAME) == 0)
			continue;
		compress_file(export, *names, psprintf("%s" PGB_COMPRESSED_SUFFIX, *names),
					  PGB_FRAME_BYTES, &m->files[m->nfiles++]);
	}
}

static void
store_toc(PgbExport *export)
{
	PgbStore   *store = export->repository->store;
	PgbStoredFile *file = &export->manifest->files[export->manifest->nfiles++];

	store->ops->put(store, pgb_backup_writer_name(export->writer, PGB_TOC_NAME),
					export->toc_data, export->toc_length);
	file->name = PGB_TOC_NAME;
	file->stored_bytes = file->raw_bytes = export->toc_length;
	file->crc = pgb_crc32c(export->toc_data, export->toc_length);
	pgb_frames_init(&file->frames);
}

/* ---- the whole ---- */

static void
make_room_in_manifest(PgbExport *export)
{
	PgbManifest *m = export->manifest;
	PgbStore   *store = export->repository->store;
	char	  **dumped = store->ops->list(store, export->dump_folder);
	Size		most = export->plan->count;

	while (*dumped++ != NULL)
		most++;
	m->files = palloc_extended(mul_size(most, sizeof(PgbStoredFile)),
							   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	m->tables = palloc_extended(mul_size(most, sizeof(PgbTable)),
								MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
pgb_export_run(void *state)
{
	PgbExport  *export = state;
	PgbStore   *store;
	char	   *snapshot;

	pin_settings();
	open_backup(export);
	store = export->repository->store;

	begin_transaction(export);
	export->options = pgb_options_from_json(export->request);
	begin_manifest(export);
	snapshot = take_snapshot(export);
	start_dump(export, snapshot);
	wait_for_toc(export);
	plan_and_release_dump(export);
	start_globals(export);
	export_tables(export);
	wait_for_programs(export);
	check_agreement(export);
	PopActiveSnapshot();
	end_transaction(export);

	/* names become UTF-8 in a transaction that has no snapshot, and holds nothing back */
	begin_transaction(export);
	make_room_in_manifest(export);
	finish_tables(export);
	pgb_job_set_phase(export->job, PGB_PHASE_COMPRESSING);
	compress_tables(export);
	compress_others(export);
	store_toc(export);
	store->ops->remove(store, export->dump_folder);
	end_transaction(export);

	pgb_job_set_phase(export->job, PGB_PHASE_SYNCING);
	pgb_place_remember(PGB_PLACE_BACKUPS, export->repository->store->location);
	pgb_backup_commit(export->writer, export->manifest);
}

void
pgb_export_cleanup(void *state)
{
	PgbExport  *export = state;
	pgb_dump_stop(export->dump);
	pgb_subprocess_stop(export->globals);
	if (export->writer != NULL)
	{
		PG_TRY();
		{
			pgb_backup_abort(export->writer);
		}
		PG_CATCH();
		{
			/* the next run removes it; the message says why this one could not */
			EmitErrorReport();
			FlushErrorState();
		}
		PG_END_TRY();
	}
}
