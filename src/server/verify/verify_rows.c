/*-------------------------------------------------------------------------
 *
 * verify_rows.c
 *	  The rows of a backup against those of the tables that were restored from it: a worker.
 *
 * It is a member of a crew, connected to the restored database.  Each takes a table, sums up
 * what the backup has of it and what the table has, and leaves both to the leader.
 *
 * The rows of a partition may have been loaded by way of its partitioned table, and be in another
 * one now: those that were loaded so are added up and compared with all of the partitioned table.
 *
 * src/server/verify/verify_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "pgstat.h"
#include "server/guc.h"
#include "server/logical/rowtext.h"
#include "server/restore/restore.h"
#include "server/verify/verify_rows.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define HASH_SEED		UINT64CONST(0x70676261636B7570)
#define CHUNK_SIZE		(256 * 1024)

typedef struct Worker
{
	MemoryContext context;		/* as long as the worker */
	PgbRowsShared *shared;
	PgbRepository *repository;
	PgbManifest *manifest;
	PgbToc	   *toc;
} Worker;

/* Of rows in any order. */
typedef struct Sum
{
	uint64		rows;
	uint64		digest;
} Sum;

/* Without its newline. */
static void
add_row(Sum *sum, const char *row, size_t length)
{
	sum->rows++;
	sum->digest += hash_bytes_extended((const unsigned char *) row, (int) length, HASH_SEED);
}

/* ---- what the backup has ---- */

typedef struct Reader
{
	Sum		   *sum;
	StringInfoData line;		/* the beginning of one that is not complete */
	bool		has_ended;		/* the terminator was there; what follows it is no row */
} Reader;

static void
take_line(Reader *reader, const char *line, size_t length)
{
	if (length == 2 && line[0] == '\\' && line[1] == '.')
		reader->has_ended = true;
	else if (!reader->has_ended)
		add_row(reader->sum, line, length);
}

static void
take_text(Reader *reader, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end)
	{
		const char *newline = memchr(text, '\n', end - text);
		size_t		part = (newline == NULL ? end : newline) - text;

		if (newline == NULL || reader->line.len > 0)
			appendBinaryStringInfo(&reader->line, text, (int) part);
		if (newline == NULL)
			return;
		if (reader->line.len > 0)
			take_line(reader, reader->line.data, reader->line.len);
		else
			take_line(reader, text, part);
		resetStringInfo(&reader->line);
		text = newline + 1;
	}
}

static void
read_frame(Worker *worker, Reader *reader, PgbFrameDecoder *decoder, char *chunk)
{
	size_t		got;

	while ((got = pgb_frame_decoder_read(decoder, chunk, CHUNK_SIZE)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		take_text(reader, chunk, got);
		pgb_job_add_bytes(worker->shared->job, got);
	}
}

static Sum
read_backup(Worker *worker, const PgbTable *table)
{
	const PgbStoredFile *file = pgb_manifest_file(worker->manifest, table->file);
	PgbObject  *object = pgb_backup_open_file(worker->repository, worker->manifest, file);
	PgbFrameDecoder *decoder = pgb_frame_decoder_create();
	char	   *chunk = palloc(CHUNK_SIZE);
	Sum			sum = {0};
	Reader		reader = {&sum};

	initStringInfo(&reader.line);
	for (uint32 i = 0; i < file->frames.count; i++)
	{
		const PgbFrame *frame = &file->frames.frames[i];
		char	   *stored = pgb_backup_read_frame(object, file, i);

		pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, file->name);
		read_frame(worker, &reader, decoder, chunk);
		pfree(stored);
	}
	object->store->ops->close(object);
	return sum;
}

/* ---- what the table has ---- */

/* The columns of the COPY, in its order. */
static PgbRowText *
create_rowtext(Relation relation, List *columns)
{
	AttrNumber *numbers;
	int			count = 0;
	ListCell   *lc;

	if (columns == NIL)
		return pgb_rowtext_create(RelationGetDescr(relation));
	numbers = palloc(list_length(columns) * sizeof(AttrNumber));
	foreach(lc, columns)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(relation), strVal(lfirst(lc)));

		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("the restored table \"%s\" has no column \"%s\"",
							RelationGetRelationName(relation), strVal(lfirst(lc)))));
		numbers[count++] = number;
	}
	return pgb_rowtext_create_for(RelationGetDescr(relation), count, numbers);
}

static void
read_table(Oid relid, List *columns, Sum *sum)
{
	Relation	relation = table_open(relid, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(relation, NULL);
	PgbRowText *rowtext = create_rowtext(relation, columns);
	TableScanDesc scan = table_beginscan_strat(relation, GetActiveSnapshot(), 0, NULL, true, false);
	StringInfoData row;

	initStringInfo(&row);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		resetStringInfo(&row);
		pgb_rowtext_append(rowtext, slot, &row);
		add_row(sum, row.data, row.len - 1);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(relation, NoLock);
	pfree(row.data);
}

/* A partitioned table has the rows of its partitions. */
static Sum
read_tables(Oid relid, List *columns)
{
	Sum			sum = {0};
	ListCell   *lc;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
	{
		read_table(relid, columns, &sum);
		return sum;
	}
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			read_table(lfirst_oid(lc), columns, &sum);
	}
	return sum;
}

/* ---- one item ---- */

static CopyStmt *
copy_of(Worker *worker, const PgbRowsItem *item)
{
	const PgbTocEntry *entry = pgb_toc_by_dump_id(worker->toc, item->dump_id);

	if (entry == NULL)
		elog(ERROR, "backup \"%s\" has changed", worker->manifest->id);
	return pgb_restore_parse_copy(worker->manifest, entry, worker->shared->encoding);
}

/*
 * Of the items that are loaded into the same partitioned table, the first; same is false if their
 * rows differ in their columns.
 */
static PgbRowsItem *
first_of_target(Worker *worker, PgbRowsItem *item, const CopyStmt *copy, bool *same)
{
	PgbRowsItem *first = NULL;

	*same = true;
	for (int i = 0; i < worker->shared->count; i++)
	{
		PgbRowsItem *other = &worker->shared->items[i];
		CopyStmt   *other_copy;

		CHECK_FOR_INTERRUPTS();
		if (other->is_objects)
			continue;
		other_copy = copy_of(worker, other);
		if (!equal(other_copy->relation, copy->relation))
			continue;
		if (first == NULL)
			first = other;
		*same = *same && equal(other_copy->attlist, copy->attlist);
	}
	return first == NULL ? item : first;
}

static void
note_found(PgbRowsItem *item, const Sum *found, PgbRowsHow how)
{
	pg_atomic_write_u64(&item->found_rows, found->rows);
	pg_atomic_write_u64(&item->found_digest, found->digest);
	pg_atomic_write_u32(&item->how, how);
}

static void
compare_table(Worker *worker, PgbRowsItem *item)
{
	const PgbTable *table = pgb_manifest_table_by_dump_id(worker->manifest, item->dump_id);
	CopyStmt   *copy = copy_of(worker, item);
	PgbRowsItem *first = item;
	Oid			relid;
	bool		same = true;
	Sum			sum;
	Sum			found;

	if (table == NULL || table->file == NULL)
		elog(ERROR, "backup \"%s\" has changed", worker->manifest->id);
	pgb_job_set_object(worker->shared->job, table->schema_name, table->table_name);
	relid = RangeVarGetRelid(copy->relation, AccessShareLock, false);
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		first = first_of_target(worker, item, copy, &same);

	sum = read_backup(worker, table);
	pg_atomic_write_u64(&item->own_rows, sum.rows);
	pg_atomic_fetch_add_u64(&first->rows, (int64) sum.rows);
	pg_atomic_fetch_add_u64(&first->digest, (int64) sum.digest);
	if (first != item)
	{
		pg_atomic_write_u32(&item->how, PGB_ROWS_ROUTED);
		return;
	}
	found = read_tables(relid, copy->attlist);
	if (OidIsValid(getExtensionOfObject(RelationRelationId, relid)))
		note_found(item, &found, PGB_ROWS_OF_EXTENSION);
	else
		note_found(item, &found, same ? PGB_ROWS_COMPARED : PGB_ROWS_OTHER_COLUMNS);
}

static void
compare_objects(Worker *worker, PgbRowsItem *item)
{
	const PgbTocEntry *entry = pgb_toc_by_dump_id(worker->toc, item->dump_id);
	Oid			different;
	uint32		count;

	if (entry == NULL || entry->file_name == NULL)
		elog(ERROR, "backup \"%s\" has changed", worker->manifest->id);
	count = pgb_restore_compare_objects(worker->repository, worker->manifest, entry, &different);
	pg_atomic_write_u64(&item->own_rows, count);
	pg_atomic_write_u32(&item->different, different);
	pg_atomic_write_u32(&item->how, PGB_ROWS_COMPARED);
}

static void
compare_item(Worker *worker, PgbRowsItem *item)
{
	MemoryContext context = AllocSetContextCreate(worker->context, "pgbackup table",
												  ALLOCSET_DEFAULT_SIZES);

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(context);
	if (item->is_objects)
		compare_objects(worker, item);
	else
		compare_table(worker, item);
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgb_job_add_object(worker->shared->job);
	MemoryContextSwitchTo(worker->context);
	MemoryContextDelete(context);
}

/* ---- the process ---- */

/* As the export pins them: the text of a value is to be the same. */
static void
pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", ""},
		{"datestyle", "ISO"},
		{"intervalstyle", "postgres"},
		{"timezone", "UTC"},
		{"extra_float_digits", "3"},
		{"bytea_output", "hex"},
		{"xmloption", "content"},
		{"row_security", "off"},
		{"default_transaction_read_only", "on"},
		{"lock_timeout", "0"},
		{"statement_timeout", "0"},
		{"transaction_timeout", "0"},
	};

	for (int i = 0; i < lengthof(settings); i++)
	{
		/* not every version has them all */
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_SESSION);
	}
}

static void
open_archive(Worker *worker)
{
	size_t		length;
	char	   *data;

	worker->repository = pgb_server_repository(false);
	worker->manifest = pgb_catalog_get(worker->repository, worker->shared->backup, PGB_LOGICAL, NULL);
	data = pgb_backup_read_file(worker->repository, worker->manifest, PGB_TOC_NAME,
								MaxAllocSize - 1, &length);
	worker->toc = pgb_toc_parse(data, length, PGB_TOC_NAME);
}

void
pgb_verify_rows_main(void *shared, int number)
{
	Worker		worker = {.context = CurrentMemoryContext, .shared = shared};

	pin_settings();
	pgstat_report_activity(STATE_RUNNING, "pgbackup: comparing restored rows");
	open_archive(&worker);
	for (int i = 0; i < worker.shared->count; i++)
	{
		PgbRowsItem *item = &worker.shared->items[i];

		CHECK_FOR_INTERRUPTS();
		if (pg_atomic_fetch_add_u32(&item->is_taken, 1) == 0)
			compare_item(&worker, item);
	}
}
