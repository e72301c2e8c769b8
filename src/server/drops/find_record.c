/*-------------------------------------------------------------------------
 *
 * find_record.c
 *	  Is the record of the end of a transaction as long as it says?
 *
 * The server's own functions, which take it apart, believe every count in it: they are for what a
 * server has written, and an archive may have been written by anybody.
 *
 * src/server/drops/find_record.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "server/drops/find.h"
#include "storage/sinval.h"

/* What is left of the data of a record. */
typedef struct Rest
{
	const char *at;
	Size		length;
} Rest;

static bool
pass(Rest *rest, Size size)
{
	if (size > rest->length)
		return false;
	rest->at += size;
	rest->length -= size;
	return true;
}

/* The flags, if there are some. */
static bool
pass_flags(Rest *rest, uint8 info, uint32 *flags)
{
	const char *at = rest->at;

	*flags = 0;
	if ((info & XLOG_XACT_HAS_INFO) == 0)
		return true;
	if (!pass(rest, sizeof(xl_xact_xinfo)))
		return false;
	memcpy(flags, at, sizeof(*flags));
	return true;
}

/* A count, and right after it so many of this size. */
static bool
pass_array(Rest *rest, Size size)
{
	const char *at = rest->at;
	int			count;

	if (!pass(rest, sizeof(count)))
		return false;
	memcpy(&count, at, sizeof(count));
	return count >= 0 && (Size) count <= rest->length / size && pass(rest, (Size) count * size);
}

static bool
pass_text(Rest *rest)
{
	return pass(rest, strnlen(rest->at, rest->length) + 1);
}

static bool
is_abort(XLogReaderState *reader)
{
	uint8		kind = XLogRecGetInfo(reader) & XLOG_XACT_OPMASK;

	return kind == XLOG_XACT_ABORT || kind == XLOG_XACT_ABORT_PREPARED;
}

bool
pgb_find_is_whole(XLogReaderState *reader)
{
	Rest		rest = {XLogRecGetData(reader), XLogRecGetDataLen(reader)};
	uint32		flags;

	StaticAssertStmt(MinSizeOfXactCommit == MinSizeOfXactAbort && MinSizeOfXactSubxacts == sizeof(int) &&
					 MinSizeOfXactStatsItems == sizeof(int) && MinSizeOfXactInvals == sizeof(int),
					 "records of transactions are not what they were");

	/* in their order; of an abort nobody looks whether it has invalidations, for it has none */
	return pass(&rest, MinSizeOfXactCommit) &&
		pass_flags(&rest, XLogRecGetInfo(reader), &flags) &&
		((flags & XACT_XINFO_HAS_DBINFO) == 0 || pass(&rest, sizeof(xl_xact_dbinfo))) &&
		((flags & XACT_XINFO_HAS_SUBXACTS) == 0 || pass_array(&rest, sizeof(TransactionId))) &&
		((flags & PGB_XACT_HAS_LOCATORS) == 0 || pass_array(&rest, sizeof(PgbRelFileLocator))) &&
		((flags & XACT_XINFO_HAS_DROPPED_STATS) == 0 || pass_array(&rest, sizeof(xl_xact_stats_item))) &&
		((flags & XACT_XINFO_HAS_INVALS) == 0 || is_abort(reader) ||
		 pass_array(&rest, sizeof(SharedInvalidationMessage))) &&
		((flags & XACT_XINFO_HAS_TWOPHASE) == 0 ||
		 (pass(&rest, sizeof(xl_xact_twophase)) &&
		  ((flags & XACT_XINFO_HAS_GID) == 0 || pass_text(&rest)))) &&
		((flags & XACT_XINFO_HAS_ORIGIN) == 0 || pass(&rest, sizeof(xl_xact_origin)));
}
