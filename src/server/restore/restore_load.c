/*-------------------------------------------------------------------------
 *
 * restore_load.c
 *	  The rows of a restore, as the job sees them: what there is to load, and by whom.
 *
 * The data workers are a crew, connected to another database than the job.  With
 * fewer workers than asked for it takes longer; when there is none to be had the
 * job waits for one.
 *
 * src/server/restore/restore_load.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "server/restore/restore.h"

/* ---- what there is to load ---- */

/*
 * The configuration table of an extension has come with the extension, complete with its
 * foreign keys: their rows are loaded one table after the other, in the order of the archive,
 * which pg_dump has chosen for that.  The archive does not create such a table itself.
 */
static bool
is_configuration(const PgbToc *toc, const PgbTocEntry *entry)
{
	if (strcmp(entry->desc, PGB_DESC_TABLE_DATA) != 0)
		return false;
	for (int i = 0; i < entry->ndependencies; i++)
	{
		if (pgb_toc_by_dump_id(toc, entry->dependencies[i]) != NULL)
			return false;
	}
	return true;
}

static uint32
units_of(const PgbRestore *restore, const PgbTocEntry *entry)
{
	const PgbTable *table;
	const PgbStoredFile *file;

	if (strcmp(entry->desc, PGB_DESC_LARGE_OBJECTS) == 0)
		return 0;
	table = pgb_manifest_table_by_dump_id(restore->manifest, entry->dump_id);
	file = table == NULL ? NULL : pgb_manifest_file(restore->manifest, table->file);
	if (file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the rows of table \"%s\" are not in backup \"%s\"", entry->tag,
						restore->manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	return file->frames.count;
}

static bool
is_item(const PgbTocEntry *entry)
{
	return entry->file_name != NULL &&
		(strcmp(entry->desc, PGB_DESC_TABLE_DATA) == 0 ||
		 strcmp(entry->desc, PGB_DESC_LARGE_OBJECTS) == 0);
}

static int
count_items(const PgbToc *toc)
{
	int			count = 0;

	for (int i = 0; i < toc->count; i++)
		count += is_item(&toc->entries[i]) ? 1 : 0;
	return count;
}

/* The chain first, then those with the most to do; of large objects nobody knows how many. */
static int
compare_items(const void *a, const void *b)
{
	const PgbRestoreItem *left = a;
	const PgbRestoreItem *right = b;

	if (left->in_chain != right->in_chain)
		return left->in_chain ? -1 : 1;
	if (!left->in_chain && left->units != right->units)
		return left->units > right->units ? -1 : 1;
	return left->place < right->place ? -1 : left->place > right->place;
}

static void
fill_items(const PgbRestore *restore, PgbRestoreShared *shared)
{
	for (int i = 0; i < restore->toc->count; i++)
	{
		const PgbTocEntry *entry = &restore->toc->entries[i];
		PgbRestoreItem *item = &shared->items[shared->count];

		CHECK_FOR_INTERRUPTS();
		if (!is_item(entry))
			continue;
		shared->count++;
		item->dump_id = entry->dump_id;
		item->place = i;
		item->in_chain = is_configuration(restore->toc, entry);
		item->units = units_of(restore, entry);
		pg_atomic_init_u32(&item->next_unit, 0);
		pg_atomic_init_u32(&item->units_done, 0);
		pg_atomic_init_u64(&item->rows, 0);
	}
	qsort(shared->items, shared->count, sizeof(PgbRestoreItem), compare_items);
}

/* ---- the crew ---- */

static PgbRestoreShared *
create_crew(PgbRestore *restore, PgbRestoreWork work, int items)
{
	PgbCrewPlan plan = {
		.member = "data worker",
		.work = "restore",
		.function = "pgb_restore_worker_main",
		.database = restore->database,
		.shared_size = add_size(offsetof(PgbRestoreShared, items),
								mul_size(items, sizeof(PgbRestoreItem))),
	};
	PgbRestoreShared *shared;

	restore->crew = pgb_crew_create(&plan);
	shared = pgb_crew_shared(restore->crew);
	shared->work = work;
	shared->job = restore->job;
	shared->encoding = restore->encoding;
	shared->system_identifier = restore->manifest->system_identifier;
	strlcpy(shared->backup, restore->manifest->id, PGB_ID_SIZE);
	pg_atomic_init_u32(&shared->next_table, 0);
	pg_atomic_init_u32(&shared->chain_taken, 0);
	pg_atomic_init_u32(&shared->not_analyzed, 0);
	pg_atomic_init_u32(&shared->disabled_schedules, 0);
	return shared;
}

/* Nobody can do the work of these: the job is in another database. */
static void
wait_for_worker(PgbRestore *restore, PgbPhase phase, int wanted)
{
	ereport(LOG,
			(errmsg("the restore waits for a background worker"),
			 errhint("Raise max_worker_processes.")));
	pgb_job_set_phase(restore->job, PGB_PHASE_WAITING);
	while (pgb_crew_start(restore->crew, wanted) == 0)
		pgb_restore_nap(PGINVALID_SOCKET);
	pgb_job_set_phase(restore->job, phase);
}

/* Until all workers have ended: well, or the first that did not raises. */
static void
run_workers(PgbRestore *restore, PgbPhase phase, int wanted)
{
	if (pgb_crew_start(restore->crew, wanted) == 0)
		wait_for_worker(restore, phase, wanted);
	pgb_crew_wait(restore->crew);
}

static void
dismiss_crew(PgbRestore *restore)
{
	pgb_crew_stop(restore->crew);
	restore->crew = NULL;
}

/* ---- the work ---- */

/* No more workers than there is to do. */
static int
useful_workers(const PgbRestoreShared *shared, int jobs)
{
	uint64		units = 0;

	for (int i = 0; i < shared->count; i++)
		units += shared->items[i].units == 0 ? jobs : shared->items[i].units;
	return (int) Min(units, jobs);
}

static void
check_item(PgbRestore *restore, PgbRestoreItem *item)
{
	const PgbTable *table = pgb_manifest_table_by_dump_id(restore->manifest, item->dump_id);
	uint64		rows = pg_atomic_read_u64(&item->rows);

	if (pg_atomic_read_u32(&item->units_done) != item->units)
		elog(ERROR, "entry %d of the backup was not loaded completely", item->dump_id);
	if (table == NULL)
		return;					/* large objects */
	if (table->row_count != PGB_ROWS_UNKNOWN && rows != table->row_count)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("table \"%s.%s\" has %llu rows in backup \"%s\", but %llu were loaded",
						table->schema_name, table->table_name,
						(unsigned long long) table->row_count, restore->manifest->id,
						(unsigned long long) rows),
				 errhint(PGB_HINT_DAMAGED)));
	restore->rows += rows;
}

static void
remark_schedules(PgbRestore *restore, uint32 count)
{
	if (count > 0)
		pgb_restore_remark(restore, "Schedules of backups that were enabled: %u. They are disabled in the new database; enable them there with UPDATE pgbackup_schedule_rules SET enabled = true.",
						   count);
}

void
pgb_restore_load(PgbRestore *restore)
{
	PgbRestoreShared *shared;
	int			count = count_items(restore->toc);

	pgb_job_begin_phase(restore->job, PGB_PHASE_LOADING, (uint64) restore->manifest->ntables,
						restore->manifest->raw_bytes);
	if (count == 0)
		return;
	shared = create_crew(restore, PGB_RESTORE_LOAD, count);
	fill_items(restore, shared);
	run_workers(restore, PGB_PHASE_LOADING, useful_workers(shared, restore->request.jobs));
	for (int i = 0; i < count; i++)
		check_item(restore, &shared->items[i]);
	remark_schedules(restore, pg_atomic_read_u32(&shared->disabled_schedules));
	dismiss_crew(restore);
}

void
pgb_restore_analyze(PgbRestore *restore)
{
	PgbRestoreShared *shared = create_crew(restore, PGB_RESTORE_ANALYZE, 0);
	uint32		failures;

	run_workers(restore, PGB_PHASE_ANALYZING, restore->request.jobs);
	failures = pg_atomic_read_u32(&shared->not_analyzed);
	if (failures > 0)
		pgb_restore_remark(restore, "Tables that could not be analyzed: %u. The server's log tells why.",
						   failures);
	dismiss_crew(restore);
}
