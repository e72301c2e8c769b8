/*-------------------------------------------------------------------------
 *
 * filter.c
 *	  Which WAL records a sandbox replays.
 *
 * Resource managers' redo functions are replaced in RmgrTable.  What PostgreSQL does with a
 * record outside of them (advancing transaction ids, testing whether the target is
 * reached) goes on for all records.
 *
 *	- Skipped is what concerns only relations, or databases, that are not wanted.  What is
 *	  not understood is replayed: a page too many does no harm, one too few is a lie.
 *	- A record that touches several relations is skipped only if none of them is wanted.  Redo
 *	  then makes a stub of the others' files, which nobody reads.
 *	- Tablespace records are never replayed.  CREATE TABLESPACE would link the sandbox to the
 *	  directory of the live server, and write there.  Relations in a new
 *	  tablespace go to a plain directory in pg_tblspc, which redo makes by itself.
 *	- Lock records are not replayed: a table that is about to be dropped would stay
 *	  locked for whoever wants to copy it out.
 *	- Records of a resource manager that an extension of the live server has registered cannot be
 *	  replayed here.  One that touches a wanted relation ends the recovery.
 *
 * src/sandbox/filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/rmgr.h"
#include "access/xact.h"
#include "access/xlog_internal.h"
#include "access/xlogreader.h"
#include "catalog/storage_xlog.h"
#include "commands/dbcommands_xlog.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"
#include "server/compat.h"
#include "storage/standbydefs.h"
#include "utils/relmapper.h"

static const PgbInstructions *instructions;
static void (*original_redo[RM_MAX_ID + 1]) (XLogReaderState *record);
static void (*original_cleanup) (void);
static uint64 replayed = 0;
static uint64 skipped = 0;

/* ---- what a record touches ---- */

static bool
want_locator(const PgbRelFileLocator *locator)
{
	return pgb_instructions_want(instructions, pgb_locator_tablespace(locator),
								 pgb_locator_database(locator), pgb_locator_number(locator));
}

/* Has it references to blocks, all of them in relations that are not wanted? */
static bool
blocks_are_unwanted(XLogReaderState *record)
{
	bool		has_blocks = false;

	for (int i = 0; i <= XLogRecMaxBlockId(record); i++)
	{
		PgbRelFileLocator locator;

		if (!XLogRecGetBlockTagExtended(record, i, &locator, NULL, NULL, NULL))
			continue;
		if (want_locator(&locator))
			return false;
		has_blocks = true;
	}
	return has_blocks;
}

/* These name their relation in the data of the record, not as a block. */
static bool
storage_is_unwanted(XLogReaderState *record)
{
	switch (XLogRecGetInfo(record) & ~XLR_INFO_MASK)
	{
		case XLOG_SMGR_CREATE:
			return !want_locator(pgb_smgr_create_locator(XLogRecGetData(record)));
		case XLOG_SMGR_TRUNCATE:
			return !want_locator(pgb_smgr_truncate_locator(XLogRecGetData(record)));
	}
	return false;
}

/* The database that it makes or drops is the first thing in each of these records. */
static bool
database_is_unwanted(XLogReaderState *record)
{
	Oid			database;

	StaticAssertStmt(offsetof(xl_dbase_create_file_copy_rec, db_id) == 0 &&
					 offsetof(xl_dbase_create_wal_log_rec, db_id) == 0 &&
					 offsetof(xl_dbase_drop_rec, db_id) == 0,
					 "records of databases begin with the database");
	memcpy(&database, XLogRecGetData(record), sizeof(database));
	return !pgb_instructions_want_database(instructions, database);
}

static bool
map_is_unwanted(XLogReaderState *record)
{
	const xl_relmap_update *update = (const xl_relmap_update *) XLogRecGetData(record);

	return update->dbid != InvalidOid &&
		!pgb_instructions_want_database(instructions, update->dbid);
}

static bool
is_unwanted(XLogReaderState *record)
{
	switch (XLogRecGetRmid(record))
	{
		case RM_TBLSPC_ID:
			return true;
		case RM_DBASE_ID:
			return database_is_unwanted(record);
		case RM_RELMAP_ID:
			return map_is_unwanted(record);
		case RM_SMGR_ID:
			return storage_is_unwanted(record);
		case RM_STANDBY_ID:
			return (XLogRecGetInfo(record) & ~XLR_INFO_MASK) == XLOG_STANDBY_LOCK;
		default:
			return blocks_are_unwanted(record);
	}
}

/* ---- in the place of redo ---- */

/*
 * Where a prepared transaction is read from again at the end of recovery: whoever removes WAL that
 * is replayed must know.
 */
static void
tell_prepared(XLogReaderState *record)
{
	if (XLogRecGetRmid(record) == RM_XACT_ID &&
		(XLogRecGetInfo(record) & XLOG_XACT_OPMASK) == XLOG_XACT_PREPARE)
		ereport(LOG,
				(errmsg(PGB_SANDBOX_PREPARED, LSN_FORMAT_ARGS(record->ReadRecPtr))));
}

static void
redo(XLogReaderState *record)
{
	tell_prepared(record);
	if (is_unwanted(record))
		skipped++;
	else
	{
		replayed++;
		original_redo[XLogRecGetRmid(record)] (record);
	}
}

/* For a resource manager that is not there. */
static void
redo_unknown(XLogReaderState *record)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot replay a record of custom resource manager %d at %X/%X",
					XLogRecGetRmid(record), LSN_FORMAT_ARGS(record->ReadRecPtr)),
			 errdetail("An extension of the live server has written it, and it may concern the table that is asked for."),
			 errhint("Restore the whole cluster elsewhere, with that extension in shared_preload_libraries.")));
}

static void
describe_unknown(StringInfo buf, XLogReaderState *record)
{
	appendStringInfoString(buf, "of an extension that is not loaded");
}

static const char *
identify_unknown(uint8 info)
{
	return NULL;
}

/* At the end of recovery, in the process that has done it. */
static void
cleanup(void)
{
	if (original_cleanup != NULL)
		original_cleanup();
	ereport(LOG,
			(errmsg("redo filter: " UINT64_FORMAT " records replayed, " UINT64_FORMAT " skipped",
					replayed, skipped)));
}

void
pgb_filter_install(const PgbInstructions *filter_instructions)
{
	instructions = filter_instructions;
	for (int i = 0; i <= RM_MAX_ID; i++)
	{
		RmgrData   *rmgr = &RmgrTable[i];

		if (rmgr->rm_name == NULL)
		{
			if (i < RM_MIN_CUSTOM_ID)
				continue;
			rmgr->rm_name = psprintf("pgbackup sandbox stub %d", i);
			rmgr->rm_redo = redo_unknown;
			rmgr->rm_desc = describe_unknown;
			rmgr->rm_identify = identify_unknown;
		}
		original_redo[i] = rmgr->rm_redo;
		rmgr->rm_redo = redo;
	}
	original_cleanup = RmgrTable[RM_XLOG_ID].rm_cleanup;
	RmgrTable[RM_XLOG_ID].rm_cleanup = cleanup;
}
