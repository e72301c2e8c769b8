/*-------------------------------------------------------------------------
 *
 * mixed_record.c
 *	  A function that changes two tables in one WAL record, as only extensions do.
 *
 * change_both(a regclass, b regclass) adds a million to the first column, an integer, of the first
 * row in the first page of each.
 *
 * test/lib/mixed_record.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "fmgr.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(change_both);

static void
change(Page page)
{
	for (OffsetNumber i = FirstOffsetNumber; i <= PageGetMaxOffsetNumber(page); i++)
	{
		ItemId		item = PageGetItemId(page, i);
		HeapTupleHeader row;
		int32		value;

		if (!ItemIdIsNormal(item))
			continue;
		row = (HeapTupleHeader) PageGetItem(page, item);
		memcpy(&value, (char *) row + row->t_hoff, sizeof(value));
		value += 1000000;
		memcpy((char *) row + row->t_hoff, &value, sizeof(value));
		return;
	}
	elog(ERROR, "the first page has no row");
}

Datum
change_both(PG_FUNCTION_ARGS)
{
	Relation	tables[2];
	Buffer		buffers[2];
	GenericXLogState *state;

	for (int i = 0; i < 2; i++)
	{
		tables[i] = table_open(PG_GETARG_OID(i), RowExclusiveLock);
		buffers[i] = ReadBuffer(tables[i], 0);
		LockBuffer(buffers[i], BUFFER_LOCK_EXCLUSIVE);
	}
	state = GenericXLogStart(tables[0]);
	for (int i = 0; i < 2; i++)
		change(GenericXLogRegisterBuffer(state, buffers[i], 0));
	GenericXLogFinish(state);
	for (int i = 0; i < 2; i++)
	{
		UnlockReleaseBuffer(buffers[i]);
		table_close(tables[i], NoLock);
	}
	PG_RETURN_VOID();
}
