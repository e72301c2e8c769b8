/*-------------------------------------------------------------------------
 *
 * import_parallel.c
 *	  The leader of a parallel import: it inserts what workers have parsed.
 *
 * A worker of PostgreSQL's parallel query sees the table that this transaction has
 * just created, but may not write to it.  So the workers do everything up to the
 * finished tuple, and the tuples come to this process in batches, each of which is
 * inserted as it lies in the message, without a copy.
 *
 * src/server/import/import_parallel.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/heapam.h"
#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/tablecmds.h"
#include "executor/tuptable.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "server/compat.h"
#include "server/import/import.h"
#include "storage/latch.h"
#include "storage/shm_mq.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

/* What the insertion of a batch needs. */
typedef struct Inserter
{
	Relation	relation;
	CommandId	command;
	BulkInsertState bulk;
	MemoryContext batch_context;	/* reset after each batch */
	uint64		rows;

	int			nslots;			/* that are made; as many as were ever needed */
	TupleTableSlot *slots[PGB_IMPORT_BATCH_ROWS];
	HeapTupleData tuples[PGB_IMPORT_BATCH_ROWS];
} Inserter;

/* Workers, and the ends of their queues that are still open. */
typedef struct Workers
{
	ParallelContext *pcxt;
	int			count;
	shm_mq_handle **queues;
	int			next;			/* number of the queue to look at next */
} Workers;

/* ---- insertion ---- */

/* The table is new: nobody else looks for space in it. */
#define INSERT_OPTIONS	TABLE_INSERT_SKIP_FSM

static Inserter *
inserter_create(Relation relation)
{
	Inserter   *inserter = palloc0(sizeof(Inserter));

	inserter->relation = relation;
	inserter->command = GetCurrentCommandId(true);
	inserter->bulk = GetBulkInsertState();

	/* a first block that is kept, lest memory go to and fro with each batch */
	inserter->batch_context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup batch",
													0, 1024 * 1024, 8 * 1024 * 1024);
	return inserter;
}

static void
inserter_finish(Inserter *inserter)
{
	for (int n = 0; n < inserter->nslots; n++)
		ExecDropSingleTupleTableSlot(inserter->slots[n]);
	FreeBulkInsertState(inserter->bulk);
	table_finish_bulk_insert(inserter->relation, INSERT_OPTIONS);
	MemoryContextDelete(inserter->batch_context);
}

static TupleTableSlot *
inserter_slot(Inserter *inserter, int number)
{
	if (number == inserter->nslots)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(inserter));

		inserter->slots[inserter->nslots++] =
			MakeSingleTupleTableSlot(RelationGetDescr(inserter->relation), &TTSOpsHeapTuple);
		MemoryContextSwitchTo(old);
	}
	return inserter->slots[number];
}

static void
insert_batch(Inserter *inserter, char *batch, Size length)
{
	MemoryContext old = MemoryContextSwitchTo(inserter->batch_context);
	char	   *end = batch + length;
	int			count = 0;

	while (batch < end)
	{
		HeapTuple	tuple = &inserter->tuples[count];

		Assert(count < PGB_IMPORT_BATCH_ROWS);
		tuple->t_len = *(uint32 *) batch;
		tuple->t_data = (HeapTupleHeader) (batch + PGB_IMPORT_TUPLE_HEADER);
		tuple->t_tableOid = RelationGetRelid(inserter->relation);
		ItemPointerSetInvalid(&tuple->t_self);
		batch += PGB_IMPORT_TUPLE_HEADER + MAXALIGN(tuple->t_len);

		ExecStoreHeapTuple(tuple, inserter_slot(inserter, count), false);
		count++;
	}

	table_multi_insert(inserter->relation, inserter->slots, count, inserter->command,
					   INSERT_OPTIONS, inserter->bulk);
	inserter->rows += count;

	for (int n = 0; n < count; n++)
		ExecClearTuple(inserter->slots[n]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(inserter->batch_context);
}

/* ---- compression ---- */

/*
 * Workers compress long values, and PostgreSQL's toaster, which runs when the leader
 * inserts, must not compress the short ones beside them.  Storage EXTERNAL says
 * just that.  So columns of storage EXTENDED are EXTERNAL while rows are
 * loaded, and the workers know which ones they may compress.
 */
static List *
compressible_columns(Relation relation)
{
	TupleDesc	desc = RelationGetDescr(relation);
	List	   *numbers = NIL;

	if (!OidIsValid(relation->rd_rel->reltoastrelid))
		return NIL;
	for (int n = 0; n < desc->natts; n++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, n);

		if (!attribute->attisdropped && attribute->attstorage == TYPSTORAGE_EXTENDED)
			numbers = lappend_int(numbers, attribute->attnum);
	}
	return numbers;
}

static void
set_storage(Relation relation, List *columns, const char *storage)
{
	List	   *commands = NIL;
	ListCell   *lc;

	if (columns == NIL)
		return;
	foreach(lc, columns)
	{
		AlterTableCmd *command = makeNode(AlterTableCmd);
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), lfirst_int(lc) - 1);

		command->subtype = AT_SetStorage;
		command->name = pstrdup(NameStr(attribute->attname));
		command->def = (Node *) makeString(pstrdup(storage));
		commands = lappend(commands, command);
	}
	AlterTableInternal(RelationGetRelid(relation), commands, false);
	CommandCounterIncrement();
}

/* ---- workers ---- */

static void
share_list(ParallelContext *pcxt, uint64 key, const char *text)
{
	Size		size = strlen(text) + 1;

	shm_toc_insert(pcxt->toc, key, memcpy(shm_toc_allocate(pcxt->toc, size), text, size));
}

static ParallelContext *
create_context(const PgbImport *import, List *compressible, int nworkers)
{
	ParallelContext *pcxt = CreateParallelContext("pgbackup", "pgb_import_worker_main", nworkers);
	char	   *columns = nodeToString(import->columns);
	char	   *compress = nodeToString(compressible);
	PgbImportShared *shared;

	shm_toc_estimate_chunk(&pcxt->estimator, sizeof(PgbImportShared));
	shm_toc_estimate_chunk(&pcxt->estimator, strlen(columns) + 1);
	shm_toc_estimate_chunk(&pcxt->estimator, strlen(compress) + 1);
	shm_toc_estimate_chunk(&pcxt->estimator,
						   mul_size(PGB_IMPORT_QUEUE_SIZE, Max(pcxt->nworkers, 1)));
	shm_toc_estimate_keys(&pcxt->estimator, 4);
	InitializeParallelDSM(pcxt);

	shared = shm_toc_allocate(pcxt->toc, sizeof(PgbImportShared));
	pg_atomic_init_u32(&shared->next_frame, 0);
	shared->target = import->target;
	shared->dump_id = import->table->dump_id;
	shared->encoding = import->encoding;
	shared->system_identifier = import->manifest->system_identifier;
	strlcpy(shared->backup, import->manifest->id, sizeof(shared->backup));
	strlcpy(shared->repository, import->repository->store->location, sizeof(shared->repository));
	shm_toc_insert(pcxt->toc, PGB_IMPORT_KEY_SHARED, shared);

	share_list(pcxt, PGB_IMPORT_KEY_COLUMNS, columns);
	share_list(pcxt, PGB_IMPORT_KEY_COMPRESS, compress);
	return pcxt;
}

/* A queue from each worker to this process, before the workers start. */
static void
create_queues(Workers *workers)
{
	ParallelContext *pcxt = workers->pcxt;
	char	   *space = shm_toc_allocate(pcxt->toc,
										 mul_size(PGB_IMPORT_QUEUE_SIZE, Max(pcxt->nworkers, 1)));

	workers->queues = palloc0(Max(pcxt->nworkers, 1) * sizeof(shm_mq_handle *));
	for (int n = 0; n < pcxt->nworkers; n++)
	{
		shm_mq	   *queue = shm_mq_create(space + (Size) n * PGB_IMPORT_QUEUE_SIZE,
										  PGB_IMPORT_QUEUE_SIZE);

		shm_mq_set_receiver(queue, MyProc);
		workers->queues[n] = shm_mq_attach(queue, pcxt->seg, NULL);
	}
	shm_toc_insert(pcxt->toc, PGB_IMPORT_KEY_QUEUES, space);
}

/* Returns false when no worker could be started. */
static bool
launch(Workers *workers)
{
	ParallelContext *pcxt = workers->pcxt;

	LaunchParallelWorkers(pcxt);
	workers->count = pcxt->nworkers_launched;
	for (int n = 0; n < workers->count; n++)
		shm_mq_set_handle(workers->queues[n], pcxt->worker[n].bgwhandle);
	return workers->count > 0;
}

/* The next batch of any worker, valid until the next call; false after the last. */
static bool
next_batch(Workers *workers, char **batch, Size *length)
{
	for (;;)
	{
		int			open = 0;

		CHECK_FOR_INTERRUPTS();
		for (int n = 0; n < workers->count; n++)
		{
			int			w = workers->next;
			void	   *data;

			workers->next = (w + 1) % workers->count;
			if (workers->queues[w] == NULL)
				continue;
			switch (shm_mq_receive(workers->queues[w], length, &data, true))
			{
				case SHM_MQ_SUCCESS:
					*batch = data;
					return true;
				case SHM_MQ_WOULD_BLOCK:
					open++;
					break;
				case SHM_MQ_DETACHED:
					shm_mq_detach(workers->queues[w]);
					workers->queues[w] = NULL;
					break;
			}
		}
		if (open == 0)
			return false;

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, WAIT_EVENT_EXECUTE_GATHER);
		ResetLatch(MyLatch);
	}
}

static uint64
insert_all(Workers *workers, Relation relation)
{
	Inserter   *inserter = inserter_create(relation);
	char	   *batch;
	Size		length;

	while (next_batch(workers, &batch, &length))
		insert_batch(inserter, batch, length);

	/* raises what a worker has raised */
	WaitForParallelWorkersToFinish(workers->pcxt);
	inserter_finish(inserter);
	return inserter->rows;
}

bool
pgb_import_parallel(const PgbImport *import, Relation relation, int nworkers, uint64 *rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup import",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *compressible = compressible_columns(relation);
	Workers		workers = {0};
	bool		launched;

	set_storage(relation, compressible, "external");

	/* neither can be assigned in parallel mode */
	(void) GetCurrentTransactionId();
	(void) GetCurrentCommandId(true);

	EnterParallelMode();
	workers.pcxt = create_context(import, compressible, nworkers);
	create_queues(&workers);
	launched = launch(&workers);
	if (launched)
		*rows = insert_all(&workers, relation);
	DestroyParallelContext(workers.pcxt);
	ExitParallelMode();

	set_storage(relation, compressible, "extended");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return launched;
}
