/*-------------------------------------------------------------------------
 *
 * restore_worker.c
 *	  A data worker of a restore: loads rows, analyzes.
 *
 * It is a member of a crew, connected to the new database.  All workers
 * go through the items in the same order, and take frames of each until there are
 * none left.  A frame is a transaction: nobody uses the database before it is
 * complete, and one that is not is dropped as a whole.
 *
 * src/server/restore/restore_worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/import/import.h"
#include "server/restore/restore.h"
#include "server/settings.h"
#include "server/worker_session.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define SCHEDULE_RULES		"pgbackup_schedule_rules"

typedef struct Worker
{
	MemoryContext context;		/* as long as the worker */
	PgbRestoreShared *shared;
	PgbRepository *repository;
	PgbManifest *manifest;
	PgbToc	   *toc;
} Worker;

static void
begin(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* ---- a frame ---- */

/* A table that is being loaded. */
typedef struct Load
{
	PgbImport	import;
	PgbImportSource *source;
	RangeVar   *target;			/* a table, or the root of its partitions */
	char	   *name;			/* for people */
} Load;

/*
 * Checks and generated columns may call functions of the table's owner: they run
 * as the owner, and can do no harm to a superuser.
 */
static uint64
load_as_owner(const Load *load, uint32 frame, Relation relation)
{
	Oid			user;
	int			context;
	int			settings = NewGUCNestLevel();
	uint64		rows;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(relation->rd_rel->relowner, context | SECURITY_RESTRICTED_OPERATION);
	rows = pgb_import_frame(load->source, frame, relation);
	SetUserIdAndSecContext(user, context);
	AtEOXact_GUC(false, settings);
	return rows;
}

static bool
has_schedules(Relation relation)
{
	Oid			extension;

	if (strcmp(RelationGetRelationName(relation), SCHEDULE_RULES) != 0)
		return false;
	extension = getExtensionOfObject(RelationRelationId, RelationGetRelid(relation));
	return OidIsValid(extension) && extension == get_extension_oid("pgbackup", true);
}

/*
 * A copy of a database must not begin to make backups by itself.  In the transaction that
 * loads them, or the launcher would see schedules that are due.
 */
static void
disable_schedules(Worker *worker, Relation relation)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
												   RelationGetRelationName(relation));

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute(psprintf("UPDATE %s SET enabled = false WHERE enabled", table), false, 0) !=
		SPI_OK_UPDATE)
		elog(ERROR, "could not disable the schedules of the restored database");
	pg_atomic_fetch_add_u32(&worker->shared->disabled_schedules, (int32) SPI_processed);
	SPI_finish();
	PopActiveSnapshot();
}

static uint64
load_frame(Worker *worker, const Load *load, uint32 frame)
{
	Relation	relation;
	uint64		rows;

	begin();
	relation = table_openrv(load->target, RowExclusiveLock);
	rows = load_as_owner(load, frame, relation);
	if (has_schedules(relation))
		disable_schedules(worker, relation);
	table_close(relation, NoLock);
	commit();
	return rows;
}

/* ---- a table ---- */

static void
open_load(Worker *worker, const PgbRestoreItem *item, Load *load)
{
	const PgbTocEntry *entry = pgb_toc_by_dump_id(worker->toc, item->dump_id);
	MemoryContext context = CurrentMemoryContext;
	CopyStmt   *copy;

	load->import.repository = worker->repository;
	load->import.manifest = worker->manifest;
	load->import.table = pgb_manifest_table_by_dump_id(worker->manifest, item->dump_id);
	load->import.encoding = worker->shared->encoding;
	if (load->import.table == NULL || entry == NULL)
		elog(ERROR, "backup \"%s\" has changed", worker->manifest->id);

	begin();
	MemoryContextSwitchTo(context);
	copy = pgb_restore_parse_copy(worker->manifest, entry, worker->shared->encoding);
	load->target = copy->relation;
	load->import.columns = copy->attlist;
	load->name = psprintf("%s.%s", load->target->schemaname, load->target->relname);
	commit();
	MemoryContextSwitchTo(context);
	load->source = pgb_import_source_open(&load->import);
}

static void
load_table(Worker *worker, PgbRestoreItem *item)
{
	MemoryContext context = AllocSetContextCreate(worker->context, "pgbackup table",
												  ALLOCSET_DEFAULT_SIZES);
	Load		load = {{0}};
	PgbImportSource *previous;
	const PgbFrameList *frames;
	uint32		frame;

	MemoryContextSwitchTo(context);
	open_load(worker, item, &load);
	frames = pgb_import_source_frames(load.source);
	pgb_job_set_object(worker->shared->job, load.import.table->schema_name,
					   load.import.table->table_name);
	previous = pgb_import_source_select(load.source);

	while ((frame = pg_atomic_fetch_add_u32(&item->next_unit, 1)) < item->units)
	{
		CHECK_FOR_INTERRUPTS();
		pgb_crew_set_place(psprintf("It is frame %u of %u of table %s.", frame, frames->count,
									load.name));

		/* the end of the data stands in a frame without rows */
		if (frames->frames[frame].rows > 0)
			pg_atomic_fetch_add_u64(&item->rows, (int64) load_frame(worker, &load, frame));
		MemoryContextSwitchTo(context);
		pgb_job_add_bytes(worker->shared->job, frames->frames[frame].raw_bytes);
		if (pg_atomic_add_fetch_u32(&item->units_done, 1) == item->units)
			pgb_job_add_object(worker->shared->job);
	}

	pgb_crew_set_place(NULL);
	(void) pgb_import_source_select(previous);
	pgb_import_source_close(load.source);
	MemoryContextSwitchTo(worker->context);
	MemoryContextDelete(context);
}

static void
load_objects(Worker *worker, PgbRestoreItem *item)
{
	const PgbTocEntry *entry = pgb_toc_by_dump_id(worker->toc, item->dump_id);
	MemoryContext context = AllocSetContextCreate(worker->context, "pgbackup large objects",
												  ALLOCSET_DEFAULT_SIZES);

	if (entry == NULL || entry->file_name == NULL)
		elog(ERROR, "backup \"%s\" has changed", worker->manifest->id);
	MemoryContextSwitchTo(context);
	pgb_restore_objects(worker->repository, worker->manifest, entry, worker->shared, item);
	MemoryContextSwitchTo(worker->context);
	MemoryContextDelete(context);
}

static void
open_archive(Worker *worker)
{
	size_t		length;
	char	   *data;

	worker->repository = pgb_repository_open(pgb_guc_repository, worker->shared->system_identifier, false);
	worker->manifest = pgb_catalog_get(worker->repository, worker->shared->backup, PGB_LOGICAL, NULL);
	data = pgb_backup_read_file(worker->repository, worker->manifest, PGB_TOC_NAME,
								MaxAllocSize - 1, &length);
	worker->toc = pgb_toc_parse(data, length, PGB_TOC_NAME);
	pfree(data);
}

static void
load_items(Worker *worker)
{
	PgbRestoreShared *shared = worker->shared;

	bool		has_chain;

	open_archive(worker);
	has_chain = (pg_atomic_fetch_add_u32(&shared->chain_taken, 1) == 0);
	for (int i = 0; i < shared->count; i++)
	{
		PgbRestoreItem *item = &shared->items[i];
		const PgbTocEntry *entry = pgb_toc_by_dump_id(worker->toc, item->dump_id);

		CHECK_FOR_INTERRUPTS();
		if (item->in_chain && !has_chain)
			continue;
		if (entry != NULL && strcmp(entry->desc, PGB_DESC_LARGE_OBJECTS) == 0)
			load_objects(worker, item);
		else if (pg_atomic_read_u32(&item->next_unit) < item->units)
			load_table(worker, item);
	}
}

/* ---- ANALYZE ---- */

/* Everybody makes the same list: nobody else is here. */
static List *
tables_to_analyze(Worker *worker)
{
	List	   *tables = NIL;

	begin();
	SPI_connect();
	if (SPI_execute("SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm')"
					" AND relpersistence OPERATOR(pg_catalog.<>) 't'"
					" AND oid OPERATOR(pg_catalog.>=) 16384 ORDER BY 1", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list the tables");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		oid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old = MemoryContextSwitchTo(worker->context);

		tables = lappend_oid(tables, DatumGetObjectId(oid));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	commit();
	MemoryContextSwitchTo(worker->context);
	return tables;
}

static void
analyze_table(Worker *worker, Oid relid)
{
	char	   *schema;
	char	   *name;

	begin();
	schema = get_namespace_name(get_rel_namespace(relid));
	name = get_rel_name(relid);
	if (schema != NULL && name != NULL)
	{
		pgb_job_set_object(worker->shared->job, pgb_to_utf8(schema), pgb_to_utf8(name));
		SPI_connect();
		(void) SPI_execute(psprintf("ANALYZE %s", quote_qualified_identifier(schema, name)), false, 0);
		SPI_finish();
	}
	commit();
}

/*
 * A function in an index can fail: statistics are no reason to lose a database whose
 * rows are all there.
 */
static void
try_to_analyze(Worker *worker, Oid relid)
{
	PG_TRY();
	{
		analyze_table(worker, relid);
	}
	PG_CATCH();
	{
		ErrorData  *error = pgb_worker_recover(worker->context);

		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
			ReThrowError(error);
		pgb_worker_log(error, "analyzing a table of a restored database");
		pg_atomic_fetch_add_u32(&worker->shared->not_analyzed, 1);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(worker->context);
}

static void
analyze_tables(Worker *worker)
{
	List	   *tables = tables_to_analyze(worker);
	uint32		number;

	while ((number = pg_atomic_fetch_add_u32(&worker->shared->next_table, 1)) < list_length(tables))
	{
		CHECK_FOR_INTERRUPTS();
		try_to_analyze(worker, list_nth_oid(tables, (int) number));
	}
}

/* ---- the process ---- */

/* What is read must mean what pg_dump meant; what is committed becomes durable at the end. */
static void
pin_settings(void)
{
	static const PgbSetting settings[] = {
		{"search_path", ""},
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"xmloption", "content"},
		{"row_security", "off"},
		{"check_function_bodies", "off"},
		{"session_replication_role", "origin"},
		{"synchronous_commit", "off"},
	};

	pgb_settings_pin(settings, lengthof(settings));
}

void
pgb_restore_worker_main(void *shared, int number)
{
	Worker		worker = {.context = CurrentMemoryContext, .shared = shared};

	pin_settings();
	if (worker.shared->work == PGB_RESTORE_LOAD)
	{
		pgstat_report_activity(STATE_RUNNING, "pgbackup: loading tables");
		load_items(&worker);
	}
	else
	{
		pgstat_report_activity(STATE_RUNNING, "pgbackup: analyzing tables");
		analyze_tables(&worker);
	}
}
