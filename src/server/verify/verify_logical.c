/*-------------------------------------------------------------------------
 *
 * verify_logical.c
 *	  A logical backup restored into a temporary database, and compared with it.
 *
 * It is a restore as any other, which is not finished: the database never gets a name of its own,
 * and goes with the roles that were made for it.  What a crash leaves goes as other leftovers of restores do.
 *
 * src/server/verify/verify_logical.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "server/restore/restore.h"
#include "server/verify/verify.h"
#include "server/verify/verify_rows.h"

/* Of each kind of finding so many are named. */
#define NAMED		20

/* ---- the restore ---- */

static PgbRestore *
restore_backup(PgbTrial *trial)
{
	PgbVerification *v = trial->verification;
	PgbRestore *restore = pgb_restore_create(v->job, NULL);

	v->restore = restore;
	restore->request.backup = v->manifest->id;
	restore->request.new_database = psprintf("pgbackup_verify_%d", MyProcPid);
	restore->request.jobs = v->request->jobs;
	restore->request.is_trial = true;
	pgb_restore_build(restore);
	return restore;
}

/* What the restore says of itself: what the backup has not got, and what could not be made here. */
static void
take_remarks(PgbTrial *trial, const PgbRestore *restore)
{
	char	   *remark = pstrdup(restore->remarks.data);

	while (*remark != '\0')
	{
		char	   *end = strchr(remark, '\n');

		if (end != NULL)
			*end = '\0';
		pgb_trial_unchecked(trial, "%s", remark);
		if (end == NULL)
			break;
		remark = end + 1;
	}
}

/* ---- the comparison ---- */

static bool
is_objects(const PgbTocEntry *entry)
{
	return strcmp(entry->desc, PGB_DESC_LARGE_OBJECTS) == 0;
}

static bool
is_item(const PgbTocEntry *entry)
{
	return entry->file_name != NULL &&
		(strcmp(entry->desc, PGB_DESC_TABLE_DATA) == 0 || is_objects(entry));
}

static int
count_items(const PgbToc *toc)
{
	int			count = 0;

	for (int i = 0; i < toc->count; i++)
		count += is_item(&toc->entries[i]) ? 1 : 0;
	return count;
}

static void
fill_items(const PgbRestore *restore, PgbRowsShared *shared)
{
	for (int i = 0; i < restore->toc->count; i++)
	{
		const PgbTocEntry *entry = &restore->toc->entries[i];
		PgbRowsItem *item = &shared->items[shared->count];

		if (!is_item(entry))
			continue;
		shared->count++;
		item->dump_id = entry->dump_id;
		item->is_objects = is_objects(entry);
		pg_atomic_init_u32(&item->is_taken, 0);
		pg_atomic_init_u32(&item->how, PGB_ROWS_UNTOUCHED);
		pg_atomic_init_u64(&item->own_rows, 0);
		pg_atomic_init_u64(&item->rows, 0);
		pg_atomic_init_u64(&item->digest, 0);
		pg_atomic_init_u64(&item->found_rows, 0);
		pg_atomic_init_u64(&item->found_digest, 0);
		pg_atomic_init_u32(&item->different, InvalidOid);
	}
}

/* The job is in another database, so that it cannot do this by itself. */
static PgbRowsShared *
run_workers(PgbTrial *trial, const PgbRestore *restore, int count)
{
	PgbVerification *v = trial->verification;
	PgbCrewPlan plan = {
		.member = "data worker",
		.work = "verification",
		.function = "pgb_verify_rows_main",
		.database = restore->database,
		.shared_size = add_size(offsetof(PgbRowsShared, items),
								mul_size(count, sizeof(PgbRowsItem))),
	};
	PgbRowsShared *shared;

	v->crew = pgb_crew_create(&plan);
	shared = pgb_crew_shared(v->crew);
	shared->job = v->job;
	shared->encoding = restore->encoding;
	strlcpy(shared->backup, v->manifest->id, PGB_ID_SIZE);
	fill_items(restore, shared);
	pgb_job_begin_phase(v->job, PGB_PHASE_COMPARING, count, v->manifest->raw_bytes);
	while (pgb_crew_start(v->crew, Min(v->request->jobs, count)) == 0)
		pgb_restore_nap(PGINVALID_SOCKET);
	pgb_crew_wait(v->crew);
	return shared;
}

/* ---- what it says ---- */

typedef struct Totals
{
	uint64		tables;			/* that are the same */
	uint64		rows;
	uint64		objects;
	int			of_extensions;
	int			of_other_columns;
	int			different;
} Totals;

static void
take_objects(PgbTrial *trial, PgbRowsItem *item, Totals *totals)
{
	Oid			different = pg_atomic_read_u32(&item->different);

	totals->objects += pg_atomic_read_u64(&item->own_rows);
	if (OidIsValid(different))
		pgb_trial_problem(trial, psprintf("large object %u", different), PGB_FOUND_DAMAGED,
						  "The restored one is not as it is in the backup.");
}

static void
take_difference(PgbTrial *trial, const PgbTable *table, PgbRowsItem *item, Totals *totals)
{
	uint64		rows = pg_atomic_read_u64(&item->rows);
	uint64		found = pg_atomic_read_u64(&item->found_rows);
	char	   *name = pgb_trial_from_utf8(psprintf("%s.%s", table->schema_name, table->table_name));

	if (++totals->different > NAMED)
		return;
	if (rows != found)
		pgb_trial_problem(trial, name, PGB_FOUND_DAMAGED,
						  "The backup has %llu rows of this table, and %llu are in the restored one.",
						  (unsigned long long) rows, (unsigned long long) found);
	else
		pgb_trial_problem(trial, name, PGB_FOUND_DAMAGED,
						  "The rows of the restored table are not those of the backup.");
}

static void
take_table(PgbTrial *trial, PgbRowsItem *item, Totals *totals)
{
	const PgbManifest *manifest = trial->verification->manifest;
	const PgbTable *table = pgb_manifest_table_by_dump_id(manifest, item->dump_id);
	char	   *digest = NULL;

	switch ((PgbRowsHow) pg_atomic_read_u32(&item->how))
	{
		case PGB_ROWS_COMPARED:
			if (pg_atomic_read_u64(&item->rows) != pg_atomic_read_u64(&item->found_rows) ||
				pg_atomic_read_u64(&item->digest) != pg_atomic_read_u64(&item->found_digest))
			{
				take_difference(trial, table, item, totals);
				return;
			}
			digest = psprintf("%016llx", (unsigned long long) pg_atomic_read_u64(&item->digest));
			break;
		case PGB_ROWS_ROUTED:
			break;
		case PGB_ROWS_OF_EXTENSION:
			totals->of_extensions++;
			break;
		case PGB_ROWS_OTHER_COLUMNS:
			totals->of_other_columns++;
			break;
		case PGB_ROWS_UNTOUCHED:
			elog(ERROR, "entry %d of the backup was not compared", item->dump_id);
	}
	totals->tables++;
	totals->rows += pg_atomic_read_u64(&item->own_rows);
	pgb_trial_table(trial, manifest->database, table->schema_name, table->table_name,
					pg_atomic_read_u64(&item->own_rows), digest);
}

static void
take_result(PgbTrial *trial, PgbRowsShared *shared)
{
	Totals		totals = {0};

	for (int i = 0; i < shared->count; i++)
	{
		if (shared->items[i].is_objects)
			take_objects(trial, &shared->items[i], &totals);
		else
			take_table(trial, &shared->items[i], &totals);
	}
	if (totals.different > NAMED)
		pgb_trial_problem(trial, "tables", PGB_FOUND_DAMAGED, "All in all %d tables differ from the backup.",
						  totals.different);
	pgb_trial_checked(trial, "The rows of %llu tables (%llu) are in number and content those of the backup.",
					  (unsigned long long) totals.tables, (unsigned long long) totals.rows);
	if (totals.objects > 0)
		pgb_trial_checked(trial, "So are %llu large objects.", (unsigned long long) totals.objects);
	if (totals.of_extensions > 0)
		pgb_trial_unchecked(trial, "The rows of %d tables of extensions, which have rows of their own, were loaded and not compared.",
							totals.of_extensions);
	if (totals.of_other_columns > 0)
		pgb_trial_unchecked(trial, "The rows of %d partitioned tables, whose partitions have their columns in different orders, were loaded and not compared.",
							totals.of_other_columns);
}

void
pgb_verify_logical(PgbTrial *trial)
{
	PgbVerification *v = trial->verification;
	instr_time	start;
	instr_time	end;
	PgbRestore *restore;
	int			count;

	INSTR_TIME_SET_CURRENT(start);
	restore = restore_backup(trial);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	trial->proof.recovery_time = INSTR_TIME_GET_MICROSEC(end);
	trial->proof.databases = 1;

	pgb_trial_checked(trial, "All definitions were restored without an error, with indexes and constraints built on the restored rows.");
	take_remarks(trial, restore);
	count = count_items(restore->toc);
	if (count > 0)
		take_result(trial, run_workers(trial, restore, count));
	pgb_crew_stop(v->crew);
	v->crew = NULL;
	pgb_trial_unchecked(trial, "Values of sequences and contents of materialized views were restored and not compared.");
	pgb_trial_unchecked(trial, "Settings, privileges and comment of the database itself, and logins, passwords and memberships of roles, were not restored.");
}
