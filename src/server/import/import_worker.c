/*-------------------------------------------------------------------------
 *
 * import_worker.c
 *	  A worker of a parallel import: from the frames of the backup to finished
 *	  tuples in its queue.
 *
 * src/server/import/import_worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "access/xlog.h"
#include "executor/executor.h"
#include "nodes/nodes.h"
#include "server/compat.h"
#include "server/import/import.h"
#include "storage/shm_mq.h"
#include "utils/rel.h"

typedef struct Worker
{
	PgbImportShared *shared;
	shm_mq_handle *queue;
	PgbImport	import;
	PgbImportSource *source;
	Relation	relation;
	PgbImportFields *fields;

	EState	   *estate;
	ResultRelInfo *result;		/* for the checks of a row */
	TupleTableSlot *slot;		/* the row */
	List	   *compressible;	/* numbers of columns */
	MemoryContext row_context;	/* reset after each row */
	StringInfoData batch;
	int			batch_rows;
	bool		detached;		/* the leader wants no more */
} Worker;

/* ---- batches ---- */

static void
send_batch(Worker *worker)
{
	if (worker->batch.len > 0 && !worker->detached)
		worker->detached = shm_mq_send(worker->queue, worker->batch.len, worker->batch.data,
									   false, true) == SHM_MQ_DETACHED;
	worker->batch_rows = 0;
	resetStringInfo(&worker->batch);

	/* one huge row must not hold its memory to the end */
	if (worker->batch.maxlen > 4 * PGB_IMPORT_BATCH_BYTES)
	{
		worker->batch.data = repalloc(worker->batch.data, PGB_IMPORT_BATCH_BYTES);
		worker->batch.maxlen = PGB_IMPORT_BATCH_BYTES;
	}
}

/* Room for a tuple at the end of the batch, after its length. */
static void
append_tuple(Worker *worker, HeapTuple tuple)
{
	Size		size = PGB_IMPORT_TUPLE_HEADER + MAXALIGN(tuple->t_len);
	char	   *place;

	if (worker->batch_rows == PGB_IMPORT_BATCH_ROWS ||
		worker->batch.len + size > PGB_IMPORT_BATCH_BYTES)
		send_batch(worker);

	/* a tuple that is larger than a batch is one by itself */
	enlargeStringInfo(&worker->batch, (int) size);
	place = worker->batch.data + worker->batch.len;
	*(uint32 *) place = tuple->t_len;
	memcpy(place + PGB_IMPORT_TUPLE_HEADER, tuple->t_data, tuple->t_len);
	worker->batch.len += (int) size;
	worker->batch_rows++;
}

/* ---- rows ---- */

/*
 * The column of the largest value that the toaster would look at next, or -1.  Columns of
 * storage EXTENDED are EXTERNAL now: see compressible_columns() in import_parallel.c.
 */
static int
largest_value(Worker *worker, const bool *done)
{
	TupleDesc	desc = RelationGetDescr(worker->relation);
	const Datum *values = worker->slot->tts_values;
	int			largest = -1;
	Size		largest_size = MAXALIGN(TOAST_POINTER_SIZE);

	for (int n = 0; n < desc->natts; n++)
	{
		if (done[n] || worker->slot->tts_isnull[n] ||
			TupleDescAttr(desc, n)->attlen != -1 ||
			TupleDescAttr(desc, n)->attstorage != TYPSTORAGE_EXTERNAL ||
			VARATT_IS_EXTERNAL(DatumGetPointer(values[n])) ||
			VARATT_IS_COMPRESSED(DatumGetPointer(values[n])))
			continue;
		if (VARSIZE_ANY(DatumGetPointer(values[n])) > largest_size)
		{
			largest = n;
			largest_size = VARSIZE_ANY(DatumGetPointer(values[n]));
		}
	}
	return largest;
}

static void
compress_value(Worker *worker, int n)
{
	Datum	   *value = &worker->slot->tts_values[n];
	Datum		compressed;

	if (!list_member_int(worker->compressible, n + 1))
		return;
	compressed = toast_compress_datum(*value,
									  TupleDescAttr(RelationGetDescr(worker->relation), n)->attcompression);
	if (DatumGetPointer(compressed) != NULL)
		*value = compressed;
}

/*
 * Compresses values until the tuple is small enough, in the order in which
 * PostgreSQL's toaster does it.  Compression is most of the work for long values,
 * and the leader is but one.
 */
static HeapTuple
compress_tuple(Worker *worker, HeapTuple tuple)
{
	TupleDesc	desc = RelationGetDescr(worker->relation);
	Datum	   *values = worker->slot->tts_values;
	bool	   *nulls = worker->slot->tts_isnull;
	bool	   *done = palloc0(desc->natts * sizeof(bool));
	bool	   *absent = palloc(desc->natts * sizeof(bool));
	Size		limit = RelationGetToastTupleTarget(worker->relation, TOAST_TUPLE_TARGET) -
		tuple->t_data->t_hoff;
	Size		out_of_line = 0;
	int			n;

	memcpy(absent, nulls, desc->natts * sizeof(bool));
	while (heap_compute_data_size(desc, values, absent) + out_of_line > limit &&
		   (n = largest_value(worker, done)) >= 0)
	{
		compress_value(worker, n);
		done[n] = true;

		/* what is still too large alone will go out of line at once */
		if (VARSIZE_ANY(DatumGetPointer(values[n])) > limit)
		{
			absent[n] = true;
			out_of_line += TOAST_POINTER_SIZE;
		}
	}
	return heap_form_tuple(desc, values, nulls);
}

static void
finish_row(Worker *worker)
{
	TupleDesc	desc = RelationGetDescr(worker->relation);
	TupleTableSlot *slot = worker->slot;
	HeapTuple	tuple;

	ExecStoreVirtualTuple(slot);
	if (desc->constr != NULL)
		ExecConstraints(worker->result, slot, worker->estate);
	if (worker->relation->rd_rel->relispartition)
	{
		ResetPerTupleExprContext(worker->estate);
		(void) ExecPartitionCheck(worker->result, slot, worker->estate, true);
	}

	tuple = heap_form_tuple(desc, slot->tts_values, slot->tts_isnull);
	if (tuple->t_len > TOAST_TUPLE_THRESHOLD && worker->compressible != NIL)
		tuple = compress_tuple(worker, tuple);
	append_tuple(worker, tuple);
}

static bool
next_row(Worker *worker, CopyFromState copy)
{
	char	  **texts;
	int			count;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(worker->row_context);
	ExecClearTuple(worker->slot);
	if (worker->detached || !NextCopyFromRawFields(copy, &texts, &count))
		return false;
	pgb_import_fields_parse(worker->fields, texts, count,
							worker->slot->tts_values, worker->slot->tts_isnull);
	return true;
}

static void
parse_frame(Worker *worker, uint32 frame)
{
	CopyFromState copy = pgb_import_frame_begin(worker->source, frame, NULL, worker->relation);
	ErrorContextCallback callback;
	MemoryContext old = MemoryContextSwitchTo(worker->row_context);
	uint64		rows = 0;

	callback.callback = CopyFromErrorCallback;
	callback.arg = copy;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	while (next_row(worker, copy))
	{
		finish_row(worker);
		rows++;
	}

	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
	if (!worker->detached)
		pgb_import_frame_end(worker->source, copy, rows);
}

static void
parse_frames(Worker *worker)
{
	const PgbFrameList *frames = pgb_import_source_frames(worker->source);
	uint32		frame;

	while (!worker->detached &&
		   (frame = pg_atomic_fetch_add_u32(&worker->shared->next_frame, 1)) < frames->count)
	{
		/* the end of the data stands in a frame without rows */
		if (frames->frames[frame].rows > 0)
			parse_frame(worker, frame);
	}
	send_batch(worker);
}

/* ---- the process ---- */

static void
attach_queue(Worker *worker, dsm_segment *seg, shm_toc *toc)
{
	char	   *space = shm_toc_lookup(toc, PGB_IMPORT_KEY_QUEUES, false);
	shm_mq	   *queue = (shm_mq *) (space + (Size) ParallelWorkerNumber * PGB_IMPORT_QUEUE_SIZE);

	shm_mq_set_sender(queue, MyProc);
	worker->queue = shm_mq_attach(queue, seg, NULL);
}

static void
open_source(Worker *worker, shm_toc *toc)
{
	PgbImport  *import = &worker->import;

	import->repository = pgb_repository_open(worker->shared->repository, worker->shared->system_identifier, false);
	import->manifest = pgb_catalog_get(import->repository, worker->shared->backup, PGB_LOGICAL, NULL);
	import->table = pgb_manifest_table_by_dump_id(import->manifest, worker->shared->dump_id);
	if (import->table == NULL)
		elog(ERROR, "backup \"%s\" has changed", worker->shared->backup);
	import->encoding = worker->shared->encoding;
	import->target = worker->shared->target;
	import->columns = stringToNode(shm_toc_lookup(toc, PGB_IMPORT_KEY_COLUMNS, false));

	worker->source = pgb_import_source_open(import);
	(void) pgb_import_source_select(worker->source);
}

static void
open_target(Worker *worker, shm_toc *toc)
{
	worker->relation = table_open(worker->import.target, AccessShareLock);
	worker->fields = pgb_import_fields_create(worker->relation, worker->import.columns);
	worker->estate = CreateExecutorState();
	worker->result = makeNode(ResultRelInfo);
	InitResultRelInfo(worker->result, worker->relation, 0, NULL, 0);
	worker->slot = MakeSingleTupleTableSlot(RelationGetDescr(worker->relation), &TTSOpsVirtual);

	/* a first block that is kept, lest memory go to and fro with each row */
	worker->row_context = GenerationContextCreate(CurrentMemoryContext, "pgbackup row",
												  0, 1024 * 1024, 8 * 1024 * 1024);
	worker->compressible = stringToNode(shm_toc_lookup(toc, PGB_IMPORT_KEY_COMPRESS, false));
	initStringInfo(&worker->batch);
	enlargeStringInfo(&worker->batch, PGB_IMPORT_BATCH_BYTES);
}

void
pgb_import_worker_main(dsm_segment *seg, shm_toc *toc)
{
	Worker	   *worker = palloc0(sizeof(Worker));

	worker->shared = shm_toc_lookup(toc, PGB_IMPORT_KEY_SHARED, false);
	attach_queue(worker, seg, toc);
	open_source(worker, toc);
	open_target(worker, toc);

	parse_frames(worker);

	ExecDropSingleTupleTableSlot(worker->slot);
	FreeExecutorState(worker->estate);
	table_close(worker->relation, AccessShareLock);
	pgb_import_source_close(worker->source);
	shm_mq_detach(worker->queue);
}
