/*-------------------------------------------------------------------------
 *
 * recover_dump.c
 *	  From the sandbox to a logical backup in the scratch repository.
 *
 * pg_dump writes the tables, with their rows; what it wrote becomes frames, as an export
 * has them.  A second pg_dump writes the table of contents of the whole database: from it a
 * table is put back, with what refers to it.
 *
 * src/server/recovery/recover_dump.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "io/digest.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "server/encoding.h"
#include "server/logical/dumped.h"
#include "server/program.h"
#include "server/recovery/recover_work.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define DUMP_FOLDER			"dump"
#define SCHEMA_FOLDER		"schema"
#define REPOSITORY_FOLDER	"repository"

/* It is read once, and then removed. */
#define SCRATCH_LEVEL		1

/* Rows are about as long as text as they are on pages; zstd makes a part of it. */
#define TEXT_PART			4

uint64
pgb_recover_dump_bytes(uint64 table_bytes)
{
	return table_bytes + table_bytes / TEXT_PART;
}

/* ---- pg_dump ---- */

static PgbProgram *
create_dump(const PgbRecover *recover, const char *folder)
{
	PgbProgram *program = pgb_program_create("pg_dump");

	pgb_program_add(program, "--format=directory");
	pgb_program_add(program, "--compress=0");
	pgb_program_add(program, "--no-sync");
	pgb_program_add(program, psprintf("--file=%s", pgb_scratch_path(recover->scratch, folder)));
	pgb_program_add(program, psprintf("--encoding=%s", GetDatabaseEncodingName()));
	return program;
}

static void
run_dump(PgbRecover *recover, PgbProgram *program)
{
	pgb_recover_wait(recover, pgb_program_start_at(program, pgb_recover_conninfo(recover)), "pg_dump");
}

static void
dump_tables(PgbRecover *recover)
{
	PgbProgram *program = create_dump(recover, DUMP_FOLDER);
	ListCell   *lc;

	foreach(lc, recover->tables)
	{
		const PgbRecoverTable *table = lfirst(lc);

		pgb_program_add(program, psprintf("--table=%s", table->pattern));
		if (!table->with_rows)
			pgb_program_add(program, psprintf("--exclude-table-data=%s", table->pattern));
	}
	run_dump(recover, program);
}

static void
dump_schema(PgbRecover *recover)
{
	PgbProgram *program = create_dump(recover, SCHEMA_FOLDER);

	pgb_program_add(program, "--schema-only");
	run_dump(recover, program);
}

/* ---- the backup ---- */

static char *
in_scratch(const PgbRecover *recover, const char *folder, const char *file)
{
	return psprintf("%s/%s/%s", recover->scratch->name, folder, file);
}

/* As a file of the backup, and read: the name is that in the backup. */
static char *
store_toc(PgbRecover *recover, const char *folder, const char *name, size_t *length)
{
	PgbStore   *store = recover->scratch->store;
	PgbStore   *target = recover->writer->repository->store;
	PgbStoredFile *file = &recover->manifest->files[recover->manifest->nfiles++];
	char	   *data = pgb_store_read_all(store, in_scratch(recover, folder, PGB_TOC_NAME),
										  MaxAllocSize - 1, length);

	target->ops->put(target, pgb_backup_writer_name(recover->writer, name), data, *length);
	file->name = pstrdup(name);
	file->stored_bytes = file->raw_bytes = *length;
	file->crc = pgb_crc32c(data, *length);
	pgb_frames_init(&file->frames);
	return data;
}

static void
make_room_in_manifest(PgbManifest *m, const PgbToc *toc)
{
	Size		most = toc->count + 2;

	m->files = palloc_extended(mul_size(most, sizeof(PgbStoredFile)),
							   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	m->tables = palloc_extended(mul_size(most, sizeof(PgbTable)),
								MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
store_rows(PgbRecover *recover, const PgbToc *toc)
{
	PgbManifest *m = recover->manifest;

	for (int i = 0; i < toc->count; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];
		PgbStoredFile *file;

		CHECK_FOR_INTERRUPTS();
		if (entry->file_name == NULL || strcmp(entry->desc, "TABLE DATA") != 0)
			continue;
		file = &m->files[m->nfiles++];
		pgb_dumped_compress(recover->writer, recover->scratch->store,
							in_scratch(recover, DUMP_FOLDER, entry->file_name),
							psprintf("%s" PGB_COMPRESSED_SUFFIX, entry->file_name),
							SCRATCH_LEVEL, PGB_FRAME_LINES, file);
		pgb_dumped_note_table(m, entry, file);
	}
}

/* The state of a time is that of any moment until the next commit, hence of the one asked for. */
static void
describe(const PgbRecover *recover, PgbManifest *m)
{
	const PgbTarget *target = &recover->request->target;
	const PgbSandbox *sandbox = recover->sandbox;
	const PgbManifest *base = recover->route->backup;

	strlcpy(m->id, recover->writer->id, PGB_ID_SIZE);
	m->kind = PGB_LOGICAL;
	m->system_identifier = GetSystemIdentifier();
	m->database = pgb_to_utf8(get_database_name(MyDatabaseId));
	m->encoding = pstrdup(GetDatabaseEncodingName());
	m->label = pstrdup(base->id);
	m->server_version = pstrdup(GetConfigOption("server_version", false, false));
	m->server_version_num = PG_VERSION_NUM;
	m->pgbackup_version = PGBACKUP_VERSION;
	m->started_at = GetCurrentTimestamp();
	m->compression_level = SCRATCH_LEVEL;
	m->timeline = recover->route->timeline;
	m->as_of = target->kind == PGB_TARGET_TIME ? target->time :
		sandbox->reached_time != 0 ? sandbox->reached_time : base->as_of;
	m->start_lsn = target->kind == PGB_TARGET_LSN ? target->lsn : sandbox->reached_lsn;
}

static void
write_backup(PgbRecover *recover)
{
	PgbRepository *repository = pgb_repository_open(pgb_scratch_path(recover->scratch, REPOSITORY_FOLDER),
													GetSystemIdentifier(), true);
	PgbStore   *store = recover->scratch->store;
	PgbManifest *m = palloc0(sizeof(PgbManifest));
	PgbToc	   *toc;
	char	   *data;
	size_t		length;

	recover->writer = pgb_backup_begin(repository, PGB_LOGICAL);
	recover->manifest = m;
	describe(recover, m);
	data = pgb_store_read_all(store, in_scratch(recover, DUMP_FOLDER, PGB_TOC_NAME),
							  MaxAllocSize - 1, &length);
	toc = pgb_toc_parse(data, length, "table of contents of a recovery");
	make_room_in_manifest(m, toc);
	store_rows(recover, toc);
	(void) store_toc(recover, DUMP_FOLDER, PGB_TOC_NAME, &length);
	(void) store_toc(recover, SCHEMA_FOLDER, RECOVER_SCHEMA_TOC, &length);
	pgb_backup_commit(recover->writer, m);
}

void
pgb_recover_dump(PgbRecover *recover)
{
	pgb_job_set_phase(recover->job, PGB_PHASE_DUMPING_SCHEMA);
	dump_tables(recover);
	dump_schema(recover);
	pgb_sandbox_remove(recover->sandbox);

	/* what becomes UTF-8 is converted by functions of the catalogs */
	StartTransactionCommand();
	MemoryContextSwitchTo(recover->context);
	write_backup(recover);
	CommitTransactionCommand();
	MemoryContextSwitchTo(recover->context);
}
