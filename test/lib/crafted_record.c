/*-------------------------------------------------------------------------
 *
 * crafted_record.c
 *	  A function that writes the record of the end of a transaction as no server does: one that
 *	  promises more than it has.
 *
 * crafted_record(kind, flags, count): kind is 0 for a commit and 32 for an abort; the first array that
 * the flags announce has the count, and nothing follows.
 *
 * test/lib/crafted_record.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/rmgr.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "fmgr.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(crafted_record);

Datum
crafted_record(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	uint32		flags = (uint32) PG_GETARG_INT32(1);
	int32		count = PG_GETARG_INT32(2);

	XLogBeginInsert();
	XLogRegisterData((char *) &now, sizeof(now));
	XLogRegisterData((char *) &flags, sizeof(flags));
	XLogRegisterData((char *) &count, sizeof(count));
	XLogInsert(RM_XACT_ID, PG_GETARG_INT32(0) | XLOG_XACT_HAS_INFO);
	PG_RETURN_VOID();
}
