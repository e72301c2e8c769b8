/*-------------------------------------------------------------------------
 *
 * sandbox_scan.c
 *	  What a sandbox must know of the WAL before it replays it.
 *
 * The WAL is read once more than usual, so this is done only where it must be: for a
 * replay without the redo filter, and for a database that is younger than the backup.
 *
 * src/server/recovery/sandbox_scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/rmgr.h"
#include "access/xact.h"
#include "commands/dbcommands_xlog.h"
#include "commands/tablespace.h"
#include "server/recovery/sandbox_work.h"
#include "server/wal_records.h"

/* ---- records ---- */

/* One that is in the data directory has no place of its own, and does no harm. */
static void
note_tablespace(PgbSandboxScan *scan, XLogReaderState *reader)
{
	const xl_tblspc_create_rec *record = (const xl_tblspc_create_rec *) XLogRecGetData(reader);
	int			length = (int) XLogRecGetDataLen(reader) - (int) offsetof(xl_tblspc_create_rec, ts_path);

	if ((XLogRecGetInfo(reader) & ~XLR_INFO_MASK) != XLOG_TBLSPC_CREATE ||
		scan->tablespace != NULL || (length > 0 && record->ts_path[0] == '\0'))
		return;
	scan->tablespace = length <= 0 ? pstrdup("") : pnstrdup(record->ts_path, length);
	scan->tablespace_lsn = reader->ReadRecPtr;
}

static void
note_database(PgbSandboxScan *scan, XLogReaderState *reader)
{
	const xl_dbase_create_file_copy_rec *record =
		(const xl_dbase_create_file_copy_rec *) XLogRecGetData(reader);
	PgbCopiedDatabase *copied;

	if ((XLogRecGetInfo(reader) & ~XLR_INFO_MASK) != XLOG_DBASE_CREATE_FILE_COPY ||
		XLogRecGetDataLen(reader) < sizeof(*record))
		return;
	copied = palloc(sizeof(PgbCopiedDatabase));
	copied->database = record->db_id;
	copied->source = record->src_db_id;
	scan->copied = lappend(scan->copied, copied);
}

static bool
note_record(XLogReaderState *reader, void *arg)
{
	PgbSandboxScan *scan = arg;

	switch (XLogRecGetRmid(reader))
	{
		case RM_TBLSPC_ID:
			note_tablespace(scan, reader);
			break;
		case RM_DBASE_ID:
			note_database(scan, reader);
			break;
		case RM_XACT_ID:
			if (scan->prepared == 0 &&
				(XLogRecGetInfo(reader) & XLOG_XACT_OPMASK) == XLOG_XACT_PREPARE)
				scan->prepared = reader->ReadRecPtr;
			break;
		default:
			break;
	}
	return true;
}

PgbSandboxScan *
pgb_sandbox_scan(PgbRepository *repository, const PgbRoute *route)
{
	PgbSandboxScan *scan = palloc0(sizeof(PgbSandboxScan));
	PgbWalRecords *records = pgb_wal_records_open(repository, route->segments, route->nsegments);

	Assert(route->nsegments > 0);
	(void) pgb_wal_records_read(records, 0, note_record, scan);
	if (!records->at_end)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("WAL segment \"%s\" cannot be read to its end",
						route->segments[Max(records->current, 0)].text),
				 errhint("pgbackup_recovery_window() shows from which moments to which there is WAL without a gap.")));
	pgb_wal_records_close(records);
	return scan;
}

/* ---- what they say ---- */

List *
pgb_sandbox_sources(const PgbSandboxScan *scan, Oid database)
{
	List	   *sources = list_make1_oid(database);
	int			before;

	do
	{
		ListCell   *cell;

		before = list_length(sources);
		foreach(cell, scan->copied)
		{
			const PgbCopiedDatabase *copied = lfirst(cell);

			if (list_member_oid(sources, copied->database))
				sources = list_append_unique_oid(sources, copied->source);
		}
	} while (list_length(sources) > before);
	return sources;
}
