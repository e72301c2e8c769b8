/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Data workers of an export, and the leader's side of them.
 *
 * They are PostgreSQL's own parallel workers: the snapshot, the transaction,
 * the settings and the lock group of the leader come with them, and their
 * errors go to it.
 *
 * All workers go through the tables in the same order, the largest first, and
 * take ranges of blocks of each until there are none left, so that one huge
 * table uses them all.  Each writes the rows of its ranges into frames; a
 * finished frame gets its place at the end of the table's file, which is one
 * atomic addition, and is written there.  The order of the frames in a file
 * is thus that of their completion, which does not matter: rows have none.
 *
 * src/server/logical/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/heapam.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "pgstat.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/logical/dump_session.h"
#include "server/logical/rowtext.h"
#include "server/logical/worker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "storage/shm_mq.h"
#include "store/store.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define KEY_SHARED			UINT64CONST(1)
#define KEY_QUEUES			UINT64CONST(2)

#define QUEUE_SIZE			65536

/* Rows are collected up to this many bytes before they are compressed. */
#define BATCH_BYTES			(128 * 1024)

/* What a worker takes at once, of heap and TOAST: enough for long reads, little enough to share. */
#define MIN_RANGE_BYTES		(512 * 1024)
#define MAX_RANGE_BYTES		(32 * 1024 * 1024)

/* Each worker of a large table is to come at least so many times. */
#define RANGES_PER_WORKER	16

/* How long the leader sleeps when nothing wakes it. */
#define LEADER_NAP_MS		200

typedef struct SharedTable
{
	Oid			relid;
	BlockNumber nblocks;
	BlockNumber range;			/* blocks to take at once */
	double		weight_per_block;	/* bytes of progress */
	char		file[64];		/* name of its object */
	pg_atomic_uint64 next_block;
	pg_atomic_uint64 file_end;	/* place of the next frame */
} SharedTable;

typedef struct Shared
{
	char		repository[MAXPGPATH];
	char		folder[MAXPGPATH];
	int			level;
	PgbJobRef	job;
	int			ntables;
	SharedTable tables[FLEXIBLE_ARRAY_MEMBER];
} Shared;

/* A process that exports: a data worker, or the leader when it has none. */
typedef struct Exporter
{
	Shared	   *shared;
	PgbStore   *store;
	PgbFrameEncoder *encoder;
	StringInfoData batch;
	uint64		rows;			/* in the open frame */
	BlockNumber block;			/* of the last row whose progress was noted ... */
	OffsetNumber offset;		/* ... and its place in there */
	OffsetNumber rows_per_block;	/* what the block before has held */
	void		(*report) (struct Exporter *exporter, const PgbExportMessage *message);
	shm_mq_handle *queue;		/* of a data worker */
	const PgbExportLeader *leader;	/* of the leader itself */
} Exporter;

/* ---- exporting ---- */

/* Whoever waits for nothing must look by himself whether the server is still there. */
static void
flush_batch(Exporter *exporter)
{
	if (!PostmasterIsAlive())
		proc_exit(1);
	pgb_frame_encoder_append(exporter->encoder, exporter->batch.data, exporter->batch.len);
	resetStringInfo(&exporter->batch);
}

static void
write_frame(Exporter *exporter, int number, PgbObject *object)
{
	SharedTable *table = &exporter->shared->tables[number];
	PgbExportMessage message = {PGB_EXPORT_FRAME};
	const char *data;

	flush_batch(exporter);
	if (exporter->rows == 0)
		return;
	data = pgb_frame_encoder_end(exporter->encoder, &message.frame);
	message.frame.rows = exporter->rows;
	message.table = number;
	message.offset = pg_atomic_fetch_add_u64(&table->file_end, (int64) message.frame.stored_bytes);
	exporter->store->ops->write_at(object, message.offset, data, message.frame.stored_bytes);
	exporter->rows = 0;
	exporter->report(exporter, &message);
}

/*
 * Where a row lies, in blocks and parts of them: the rows of one block may have
 * gigabytes in the TOAST table.  Blocks are taken to hold as many rows as the one before.
 */
static double
position_of(Exporter *exporter, ItemPointer row)
{
	BlockNumber block = ItemPointerGetBlockNumber(row);

	if (block != exporter->block)
		exporter->rows_per_block = exporter->offset;
	exporter->block = block;
	exporter->offset = ItemPointerGetOffsetNumber(row);
	return block + Min((double) exporter->offset / exporter->rows_per_block, 1);
}

/* The scan has come to a position: what lies before it is done. */
static void
note_progress(Exporter *exporter, SharedTable *table, double *noted, double position)
{
	if (position <= *noted)
		return;
	pgb_job_add_bytes(exporter->shared->job,
					  (uint64) ((position - *noted) * table->weight_per_block));
	*noted = position;
}

/* The rows of the range that the scan has been set to. */
static void
export_range(Exporter *exporter, int number, BlockNumber start, BlockNumber end,
			 TableScanDesc scan, TupleTableSlot *slot, PgbRowText *rowtext, PgbObject *object)
{
	SharedTable *table = &exporter->shared->tables[number];
	double		noted = start;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		pgb_rowtext_append(rowtext, slot, &exporter->batch);
		exporter->rows++;
		if (exporter->batch.len >= BATCH_BYTES)
		{
			flush_batch(exporter);
			if (pgb_frame_encoder_raw(exporter->encoder) >= PGB_FRAME_TARGET)
				write_frame(exporter, number, object);
			note_progress(exporter, table, &noted, position_of(exporter, &slot->tts_tid));
		}
	}
	note_progress(exporter, table, &noted, end);
}

/*
 * A row of many megabytes leaves buffers behind that are not kept for the next
 * table.  To be called in the context where the exporter lives, not in a table's.
 */
static void
renew_batch(Exporter *exporter)
{
	if (exporter->batch.maxlen <= 4 * BATCH_BYTES)
		return;
	pfree(exporter->batch.data);
	initStringInfo(&exporter->batch);
}

/* Takes ranges of a table until there are none. */
static void
export_table(Exporter *exporter, int number, BlockNumber first_block)
{
	SharedTable *table = &exporter->shared->tables[number];
	Relation	rel = table_open(table->relid, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	PgbRowText *rowtext = pgb_rowtext_create(RelationGetDescr(rel));
	PgbExportMessage done = {PGB_EXPORT_BLOCKS};
	TableScanDesc scan;
	PgbObject  *object;
	uint64		block = first_block;

	/* the session of pg_dump and the plan have looked, but under their own locks */
	if (!pgb_export_takes(rel))
		elog(ERROR, "relation \"%s\" is no ordinary table", RelationGetRelationName(rel));

	exporter->block = InvalidBlockNumber;
	exporter->offset = MaxHeapTuplesPerPage;
	pgb_job_set_object(exporter->shared->job,
					   pgb_to_utf8(get_namespace_name(RelationGetNamespace(rel))),
					   pgb_to_utf8(RelationGetRelationName(rel)));
	object = exporter->store->ops->attach(exporter->store,
										  psprintf("%s/%s", exporter->shared->folder, table->file));

	/* a ring of buffers, so that the backup does not empty the cache; and no synchronized scan */
	scan = table_beginscan_strat(rel, GetActiveSnapshot(), 0, NULL, true, false);
	do
	{
		BlockNumber nblocks = Min(table->range, table->nblocks - (BlockNumber) block);

		if (done.nblocks > 0)
			table_rescan(scan, NULL);
		heap_setscanlimits(scan, (BlockNumber) block, nblocks);
		export_range(exporter, number, (BlockNumber) block, (BlockNumber) block + nblocks,
					 scan, slot, rowtext, object);
		done.nblocks += nblocks;
		block = pg_atomic_fetch_add_u64(&table->next_block, table->range);
	} while (block < table->nblocks);

	write_frame(exporter, number, object);
	done.table = number;
	exporter->report(exporter, &done);

	exporter->store->ops->close(object);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);	/* the leader keeps its lock anyway */
}

static void
export_all(Exporter *exporter)
{
	MemoryContext table_context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup table",
														ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	exporter->store = pgb_store_open(exporter->shared->repository, false);
	exporter->encoder = pgb_frame_encoder_create(exporter->shared->level);
	initStringInfo(&exporter->batch);

	for (int number = 0; number < exporter->shared->ntables; number++)
	{
		SharedTable *table = &exporter->shared->tables[number];
		uint64		block;

		CHECK_FOR_INTERRUPTS();
		if (table->nblocks == 0 ||
			pg_atomic_read_u64(&table->next_block) >= table->nblocks)
			continue;
		block = pg_atomic_fetch_add_u64(&table->next_block, table->range);
		if (block >= table->nblocks)
			continue;

		old = MemoryContextSwitchTo(table_context);
		export_table(exporter, number, (BlockNumber) block);
		MemoryContextSwitchTo(old);
		MemoryContextReset(table_context);
		renew_batch(exporter);
	}
}

/* ---- a data worker ---- */

static void
report_by_queue(Exporter *exporter, const PgbExportMessage *message)
{
	if (shm_mq_send(exporter->queue, sizeof(*message), message, false, true) != SHM_MQ_SUCCESS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the leader of the backup is gone")));
}

void
pgb_export_worker_main(dsm_segment *seg, shm_toc *toc)
{
	Exporter	exporter = {0};
	shm_mq	   *queue;

	pgstat_report_activity(STATE_RUNNING, "pgbackup: exporting tables");
	exporter.shared = shm_toc_lookup(toc, KEY_SHARED, false);
	queue = (shm_mq *) ((char *) shm_toc_lookup(toc, KEY_QUEUES, false) +
						(Size) ParallelWorkerNumber * QUEUE_SIZE);
	shm_mq_set_sender(queue, MyProc);
	exporter.queue = shm_mq_attach(queue, seg, NULL);
	exporter.report = report_by_queue;

	export_all(&exporter);
	shm_mq_detach(exporter.queue);
}

/* ---- the leader ---- */

static void
report_to_leader(Exporter *exporter, const PgbExportMessage *message)
{
	exporter->leader->message(exporter->leader->arg, message);
	exporter->leader->attend(exporter->leader->arg);
}

static double
weight_per_block(const PgbPlanTable *table)
{
	return table->nblocks > 0 ? (double) table->weight / table->nblocks : 0;
}

static BlockNumber
choose_range(const PgbPlanTable *table, int jobs)
{
	double		bytes = (double) table->weight / (jobs * RANGES_PER_WORKER);
	double		per_block = Max(weight_per_block(table), BLCKSZ);

	bytes = Min(Max(bytes, MIN_RANGE_BYTES), MAX_RANGE_BYTES);
	return (BlockNumber) Max(bytes / per_block, 1);
}

/* More workers than there are ranges would find nothing to do. */
static int
count_workers(const PgbPlan *plan, int jobs)
{
	double		ranges = 0;

	for (int i = 0; i < plan->count; i++)
	{
		BlockNumber range = choose_range(&plan->tables[i], jobs);

		ranges += (double) (((uint64) plan->tables[i].nblocks + range - 1) / range);
	}
	return (int) Min(ranges, jobs);
}

static void
fill_shared(Shared *shared, const PgbPlan *plan, const PgbExportTarget *target, int jobs)
{
	strlcpy(shared->repository, target->repository, sizeof(shared->repository));
	strlcpy(shared->folder, target->folder, sizeof(shared->folder));
	shared->level = target->level;
	shared->job = target->job;
	shared->ntables = plan->count;
	for (int i = 0; i < plan->count; i++)
	{
		const PgbPlanTable *from = &plan->tables[i];
		SharedTable *to = &shared->tables[i];

		to->relid = from->relid;
		to->nblocks = from->nblocks;
		to->range = choose_range(from, jobs);
		to->weight_per_block = weight_per_block(from);
		if (strlcpy(to->file, from->file, sizeof(to->file)) >= sizeof(to->file))
			elog(ERROR, "name of a file of the archive is too long: \"%s\"", from->file);
		pg_atomic_init_u64(&to->next_block, 0);
		pg_atomic_init_u64(&to->file_end, 0);
	}
}

static shm_mq_handle **
create_queues(ParallelContext *pcxt)
{
	char	   *space = shm_toc_allocate(pcxt->toc, mul_size(QUEUE_SIZE, pcxt->nworkers));
	shm_mq_handle **queues = palloc(pcxt->nworkers * sizeof(shm_mq_handle *));

	shm_toc_insert(pcxt->toc, KEY_QUEUES, space);
	for (int i = 0; i < pcxt->nworkers; i++)
	{
		shm_mq	   *queue = shm_mq_create(space + (Size) i * QUEUE_SIZE, QUEUE_SIZE);

		shm_mq_set_receiver(queue, MyProc);
		queues[i] = shm_mq_attach(queue, pcxt->seg, NULL);
	}
	return queues;
}

/* Takes what is in a queue; false once its worker has detached. */
static bool
drain_queue(shm_mq_handle *queue, const PgbExportLeader *leader)
{
	for (;;)
	{
		Size		size;
		void	   *data;
		PgbExportMessage message;

		switch (shm_mq_receive(queue, &size, &data, true))
		{
			case SHM_MQ_WOULD_BLOCK:
				return true;
			case SHM_MQ_DETACHED:
				return false;
			case SHM_MQ_SUCCESS:
				if (size != sizeof(message))
					elog(ERROR, "unexpected message of %zu bytes from a data worker", size);
				memcpy(&message, data, sizeof(message));
				leader->message(leader->arg, &message);
				break;
		}
	}
}

/* Until all workers have detached from their queues, which is their end or an error. */
static void
follow_workers(ParallelContext *pcxt, shm_mq_handle **queues, const PgbExportLeader *leader)
{
	int			alive = pcxt->nworkers_launched;
	bool	   *ended = palloc0(pcxt->nworkers * sizeof(bool));

	while (alive > 0)
	{
		pgsocket	socket;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < pcxt->nworkers_launched; i++)
		{
			if (!ended[i] && !drain_queue(queues[i], leader))
			{
				ended[i] = true;
				alive--;
			}
		}
		leader->attend(leader->arg);
		if (alive == 0)
			break;

		socket = leader->wake_on(leader->arg);
		(void) WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH |
								 (socket != PGINVALID_SOCKET ? WL_SOCKET_READABLE : 0),
								 socket, LEADER_NAP_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

static void
export_alone(Shared *shared, const PgbExportLeader *leader)
{
	Exporter	exporter = {0};

	exporter.shared = shared;
	exporter.report = report_to_leader;
	exporter.leader = leader;
	export_all(&exporter);
}

void
pgb_export_tables(const PgbPlan *plan, const PgbExportTarget *target, int jobs,
				  const PgbExportLeader *leader)
{
	ParallelContext *pcxt;
	Shared	   *shared;
	Size		shared_size;
	shm_mq_handle **queues;

	jobs = count_workers(plan, jobs);
	if (jobs == 0)
		return;

	EnterParallelMode();
	pcxt = CreateParallelContext("pgbackup", "pgb_export_worker_main", jobs);
	shared_size = add_size(offsetof(Shared, tables), mul_size(sizeof(SharedTable), plan->count));
	shm_toc_estimate_chunk(&pcxt->estimator, shared_size);
	shm_toc_estimate_chunk(&pcxt->estimator, mul_size(QUEUE_SIZE, jobs));
	shm_toc_estimate_keys(&pcxt->estimator, 2);
	InitializeParallelDSM(pcxt);

	shared = shm_toc_allocate(pcxt->toc, shared_size);
	fill_shared(shared, plan, target, jobs);
	shm_toc_insert(pcxt->toc, KEY_SHARED, shared);
	queues = create_queues(pcxt);

	LaunchParallelWorkers(pcxt);
	if (pcxt->nworkers_launched < jobs)
		ereport(LOG,
				(errmsg("%d of %d data workers could be started for the backup",
						pcxt->nworkers_launched, jobs),
				 errhint("Raise max_worker_processes.")));

	/* so that the loss of a worker which never came up is seen */
	for (int i = 0; i < pcxt->nworkers_launched; i++)
		shm_mq_set_handle(queues[i], pcxt->worker[i].bgwhandle);

	if (pcxt->nworkers_launched > 0)
		follow_workers(pcxt, queues, leader);
	else
		export_alone(shared, leader);

	WaitForParallelWorkersToFinish(pcxt);
	DestroyParallelContext(pcxt);
	ExitParallelMode();
}
