/*-------------------------------------------------------------------------
 *
 * import.c
 *	  The rows of a backup's table loaded into a table of this database.
 *
 * Parsing text takes most of the time, so that workers parse the frames of a
 * large table and this process only inserts.  Where that is not safe, or not worth
 * it, each frame goes through COPY FROM as it is.
 *
 * src/server/import/import.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/table.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "server/guc.h"
#include "server/import/import.h"
#include "server/watch.h"
#include "utils/guc.h"
#include "utils/rel.h"

/* Bytes of text below which the start of workers costs more than they gain. */
#define PARALLEL_MIN_BYTES	(16 * 1024 * 1024)

uint64
pgb_import_frame(PgbImportSource *source, uint32 frame, Relation relation)
{
	ParseState *pstate = make_parsestate(NULL);
	CopyFromState copy;
	uint64		rows;

	/* CopyFrom() wants the target as its only range table entry */
	(void) addRangeTableEntryForRelation(pstate, relation, RowExclusiveLock, NULL, false, false);

	copy = pgb_import_frame_begin(source, frame, pstate, relation);
	rows = CopyFrom(copy);
	pgb_import_frame_end(source, copy, rows);
	free_parsestate(pstate);
	return rows;
}

static uint64
import_alone(const PgbImport *import, Relation relation)
{
	PgbImportSource *source = pgb_import_source_open(import);
	const PgbFrameList *frames = pgb_import_source_frames(source);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup frame",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller_context = MemoryContextSwitchTo(context);
	PgbImportSource *previous = pgb_import_source_select(source);
	uint64		volatile rows = 0;

	/*
	 * Restored also after an error: a type's input function can have called
	 * us, and go on after it has caught the error.
	 */
	PG_TRY();
	{
		for (uint32 frame = 0; frame < frames->count; frame++)
		{
			/* the end of the data stands in a frame without rows */
			if (frames->frames[frame].rows == 0)
				continue;
			CHECK_FOR_INTERRUPTS();
			rows += pgb_import_frame(source, frame, relation);
			MemoryContextReset(context);
		}
	}
	PG_FINALLY();
	{
		(void) pgb_import_source_select(previous);
	}
	PG_END_TRY();

	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(context);
	pgb_import_source_close(source);
	return rows;
}

/* How many workers are worth it; 0 for none.  In another process nobody watches. */
static int
useful_workers(const PgbImport *import, Relation relation)
{
	const PgbStoredFile *file = pgb_manifest_file(import->manifest, import->table->file);

	if (file == NULL || file->frames.count < 2 || file->raw_bytes < PARALLEL_MIN_BYTES ||
		pgb_watch_is_on() || !pgb_import_parallel_safe(relation))
		return 0;
	return Min(pgb_guc_jobs, (int) Min(file->frames.count, PG_INT16_MAX));
}

uint64
pgb_import(const PgbImport *import)
{
	Relation	relation = table_open(import->target, RowExclusiveLock);
	int			nworkers = useful_workers(import, relation);
	int			settings = NewGUCNestLevel();
	uint64		rows;

	if (nworkers == 0 || !pgb_import_parallel(import, relation, nworkers, &rows))
		rows = import_alone(import, relation);
	AtEOXact_GUC(false, settings);

	/* the lock stays until the transaction ends */
	table_close(relation, NoLock);
	return rows;
}
