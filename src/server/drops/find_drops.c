/*-------------------------------------------------------------------------
 *
 * find_drops.c
 *	  pgbackup_find_drops: the tables that transactions in the archived WAL have dropped or truncated.
 *
 * A commit record lists the files that it removes, and the statistics that it drops: those
 * of the relations that are gone.  Of a rewrite it lists only the transient table's, whose
 * file was made in the same transaction and has its OID for a number.  A TRUNCATE drops no
 * statistics, but gives the table a new file where the old one was, as its row in pg_class tells
 * (find_class.c); where that cannot be followed, only files and locks do.
 *
 * src/server/drops/find_drops.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/rmgr.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/storage_xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "repo/relation_map.h"
#include "server/drops/find.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "storage/standbydefs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_find_drops);

#define FIND_COLUMNS	9

typedef struct Find
{
	ReturnSetInfo *rsinfo;
	TimestampTz since;
	TimestampTz until;
	TimestampTz last;			/* the last commit; 0: there is none */
	PgbFindMap *map;
	HTAB	   *open;
	PgbFindClass *class;
	HTAB	   *gone;			/* PgbFindRelation: files that commits have removed */
	MemoryContext work;			/* of one commit */
} Find;

/* A commit that is looked at. */
typedef struct Commit
{
	TimestampTz at;
	TransactionId xid;
	XLogRecPtr	lsn;
	xl_xact_parsed_commit parsed;
	PgbFindTransaction held;
} Commit;

static bool
is_table(char kind)
{
	return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_MATVIEW;
}

/* ---- one row ---- */

static Datum
file_numbers(const Commit *commit)
{
	int			count = commit->parsed.nrels;
	Datum	   *numbers = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		numbers[i] = ObjectIdGetDatum(pgb_locator_number(&pgb_commit_locators(&commit->parsed)[i]));
	return PointerGetDatum(construct_array(numbers, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

/* Rows of other databases are in an encoding that nobody tells. */
static bool
is_readable(Oid database, const char *name)
{
	while (database != MyDatabaseId && *name != '\0')
	{
		if (IS_HIGHBIT_SET(*name++))
			return false;
	}
	return true;
}

/*
 * Its name when the transaction began: as pg_class has said since the backup, or as the backup says.  The name of a
 * schema is looked up among the live ones; of one that is not there the relation is named alone.
 */
static char *
name_of(const Find *find, const PgbFindRelation *which, const PgbMappedRelation *relation)
{
	const PgbFindRow *row = pgb_find_class_row(find->class, which);
	const char *schema = NULL;

	if (row == NULL)
		return relation == NULL ? NULL :
			quote_qualified_identifier(pgb_from_utf8(relation->schema_name), pgb_from_utf8(relation->name));
	if (!is_readable(which->database, NameStr(row->name)))
		return NULL;
	if (row->schema == PG_PUBLIC_NAMESPACE)
		schema = "public";
	else if (which->database == MyDatabaseId)
		schema = get_namespace_name(row->schema);
	return schema == NULL ? pstrdup(quote_identifier(NameStr(row->name))) :
		quote_qualified_identifier(schema, NameStr(row->name));
}

static void
report(Find *find, const Commit *commit, const char *command, const PgbFindRelation *which,
	   const PgbMappedRelation *relation)
{
	char	   *name = name_of(find, which, relation);
	const PgbMappedDatabase *mapped = pgb_find_map_database(find->map, which->database);
	char	   *database = get_database_name(which->database);
	Datum		values[FIND_COLUMNS] = {0};
	bool		nulls[FIND_COLUMNS] = {0};

	if (database == NULL && mapped != NULL)
		database = pgb_from_utf8(mapped->name);
	values[0] = TimestampTzGetDatum(commit->at);
	values[1] = CStringGetTextDatum(command);
	values[2] = TransactionIdGetDatum(commit->xid);
	values[3] = LSNGetDatum(commit->lsn);
	if (database != NULL)
		values[4] = CStringGetTextDatum(database);
	else
		nulls[4] = true;
	values[5] = ObjectIdGetDatum(which->oid);
	values[6] = file_numbers(commit);
	if (name != NULL)
		values[7] = CStringGetTextDatum(name);
	else
		nulls[7] = true;
	if (which->database == MyDatabaseId)
		values[8] = BoolGetDatum(SearchSysCacheExists1(RELOID, ObjectIdGetDatum(which->oid)));
	else
		nulls[8] = true;
	tuplestore_putvalues(find->rsinfo->setResult, find->rsinfo->setDesc, values, nulls);
}

/* ---- drops ---- */

static bool
is_dropped(const Commit *commit, Oid oid)
{
	for (int i = 0; i < commit->parsed.nstats; i++)
	{
		if (commit->parsed.stats[i].kind == PGSTAT_KIND_RELATION &&
			pgb_dropped_stats_object(&commit->parsed.stats[i]) == oid)
			return true;
	}
	return false;
}

static bool
is_created(const Commit *commit, Oid oid)
{
	ListCell   *cell;

	foreach(cell, commit->held.created)
	{
		if (pgb_locator_number((PgbRelFileLocator *) lfirst(cell)) == oid)
			return true;
	}
	return false;
}

/* Is this the OID of a relation that the transaction has made?  A rewrite makes one, and takes its file. */
static bool
is_made(const Commit *commit, Oid database, Oid oid)
{
	ListCell   *cell;

	foreach(cell, commit->held.rows)
	{
		const PgbFindRow *row = lfirst(cell);

		if (row->is_new && row->relation.database == database && row->relation.oid == oid)
			return true;
	}
	return false;
}

/* Was a table there before the transaction?  What nobody knows may have been one. */
static bool
was_table(const Find *find, const Commit *commit, const PgbFindRelation *which,
		  const PgbMappedRelation *relation)
{
	const PgbFindRow *row = pgb_find_class_row(find->class, which);

	if (row != NULL || relation != NULL)
		return is_table(row != NULL ? row->kind : relation->kind);
	/* the record of its file may be of before the transaction had a number: its row is not */
	return commit->parsed.nrels > 0 && !is_created(commit, which->oid) &&
		!is_made(commit, which->database, which->oid);
}

static void
report_drops(Find *find, const Commit *commit)
{
	for (int i = 0; i < commit->parsed.nstats; i++)
	{
		PgbFindRelation which;
		const PgbMappedRelation *relation;

		CHECK_FOR_INTERRUPTS();
		if (commit->parsed.stats[i].kind != PGSTAT_KIND_RELATION)
			continue;
		which.database = commit->parsed.stats[i].dboid;
		which.oid = pgb_dropped_stats_object(&commit->parsed.stats[i]);
		relation = pgb_find_map_relation(find->map, &which);
		if (was_table(find, commit, &which, relation))
			report(find, commit, "DROP TABLE", &which, relation);
	}
}

/* ---- truncates ---- */

static bool
removes_file(const Commit *commit, Oid database, Oid number)
{
	for (int i = 0; i < commit->parsed.nrels; i++)
	{
		const PgbRelFileLocator *file = &pgb_commit_locators(&commit->parsed)[i];

		if (pgb_locator_database(file) == database && pgb_locator_number(file) == number)
			return true;
	}
	return false;
}

/*
 * More files go than relations, and new ones are made where old ones were, none of them that of a
 * transient table.
 */
static bool
may_truncate(const Commit *commit)
{
	bool		replaces = false;
	int			ndropped = 0;
	ListCell   *cell;

	for (int i = 0; i < commit->parsed.nstats; i++)
		ndropped += commit->parsed.stats[i].kind == PGSTAT_KIND_RELATION;
	if (commit->parsed.nrels <= ndropped)
		return false;
	foreach(cell, commit->held.created)
	{
		const PgbRelFileLocator *file = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (is_dropped(commit, pgb_locator_number(file)))
			return false;
		for (int i = 0; i < commit->parsed.nrels && !replaces; i++)
			replaces = pgb_locator_tablespace(&pgb_commit_locators(&commit->parsed)[i]) ==
				pgb_locator_tablespace(file);
	}
	return replaces;
}

/*
 * The file that the backup knows must go with this commit, or have gone before: then the
 * table has one that nobody knows, and the lock must do.
 */
static bool
loses_its_file(const Find *find, const Commit *commit, const PgbFindRelation *which,
			   const PgbMappedRelation *relation)
{
	PgbFindRelation file = {which->database, relation->file_number};

	return removes_file(commit, which->database, relation->file_number) ||
		hash_search(find->gone, &file, HASH_FIND, NULL) != NULL;
}

/* Without pg_class: what the files say. */
static bool
seems_truncated(const Find *find, const Commit *commit, const PgbFindRelation *which,
				const PgbMappedRelation *relation)
{
	return relation != NULL && relation->kind == RELKIND_RELATION && may_truncate(commit) &&
		loses_its_file(find, commit, which, relation);
}

static bool
is_truncated(const Find *find, const Commit *commit, const PgbFindRelation *which,
			 const PgbMappedRelation *relation)
{
	bool		is_certain = pgb_find_class_has(find->class, which->database);
	ListCell   *cell;

	foreach(cell, commit->held.rows)
	{
		const PgbFindRow *row = lfirst(cell);

		if (memcmp(&row->relation, which, sizeof(*which)) != 0)
			continue;
		if (row->is_uncertain)
			is_certain = false;
		else if (row->kind == RELKIND_RELATION && row->has_new_file &&
				 !is_made(commit, which->database, which->oid) &&
				 !is_made(commit, which->database, row->file_number))
			return true;
	}
	return !is_certain && seems_truncated(find, commit, which, relation);
}

static int
compare_locks(const ListCell *a, const ListCell *b)
{
	return memcmp(lfirst(a), lfirst(b), sizeof(PgbFindRelation));
}

static void
report_truncates(Find *find, Commit *commit)
{
	const PgbFindRelation *last = NULL;
	ListCell   *cell;

	list_sort(commit->held.locks, compare_locks);
	foreach(cell, commit->held.locks)
	{
		const PgbFindRelation *which = lfirst(cell);
		const PgbMappedRelation *relation = pgb_find_map_relation(find->map, which);

		CHECK_FOR_INTERRUPTS();
		if (last != NULL && memcmp(last, which, sizeof(*which)) == 0)
			continue;
		last = which;
		if (!is_dropped(commit, which->oid) && is_truncated(find, commit, which, relation))
			report(find, commit, "TRUNCATE TABLE", which, relation);
	}
}

/* ---- records ---- */

/* A commit that removes something. */
static void
note_removal(Find *find, XLogReaderState *reader, Commit *commit)
{
	commit->lsn = XLogRecPtrIsInvalid(commit->held.lsn) ? reader->ReadRecPtr : commit->held.lsn;
	if (commit->at >= find->since && commit->at <= find->until)
	{
		pgb_find_map_choose(find->map, commit->lsn);
		report_drops(find, commit);
		report_truncates(find, commit);
	}
	for (int i = 0; i < commit->parsed.nrels; i++)
	{
		const PgbRelFileLocator *file = &pgb_commit_locators(&commit->parsed)[i];
		PgbFindRelation key = {pgb_locator_database(file), pgb_locator_number(file)};

		(void) hash_search(find->gone, &key, HASH_ENTER, NULL);
	}
}

static void
note_commit(Find *find, XLogReaderState *reader)
{
	Commit	   *commit = palloc0(sizeof(Commit));

	if (!pgb_find_is_whole(reader))
		return;
	ParseCommitRecord(XLogRecGetInfo(reader), (xl_xact_commit *) XLogRecGetData(reader), &commit->parsed);
	commit->at = commit->parsed.xact_time;
	find->last = commit->at;
	commit->xid = TransactionIdIsValid(commit->parsed.twophase_xid) ? commit->parsed.twophase_xid :
		XLogRecGetXid(reader);
	pgb_find_open_take(find->open, commit->xid, &commit->held);
	for (int i = 0; i < commit->parsed.nsubxacts; i++)
		pgb_find_open_take(find->open, commit->parsed.subxacts[i], &commit->held);
	if (commit->parsed.nrels > 0 || commit->parsed.nstats > 0)
		note_removal(find, reader, commit);
	pgb_find_class_commit(find->class, commit->held.rows);
}

static void
note_abort(Find *find, XLogReaderState *reader)
{
	xl_xact_parsed_abort parsed;
	PgbFindTransaction *held = palloc0(sizeof(PgbFindTransaction));

	if (!pgb_find_is_whole(reader))
		return;
	ParseAbortRecord(XLogRecGetInfo(reader), (xl_xact_abort *) XLogRecGetData(reader), &parsed);
	pgb_find_open_take(find->open, TransactionIdIsValid(parsed.twophase_xid) ? parsed.twophase_xid :
					   XLogRecGetXid(reader), held);
	for (int i = 0; i < parsed.nsubxacts; i++)
		pgb_find_open_take(find->open, parsed.subxacts[i], held);
}

static void
note_transaction(Find *find, XLogReaderState *reader)
{
	MemoryContext caller = MemoryContextSwitchTo(find->work);

	switch (XLogRecGetInfo(reader) & XLOG_XACT_OPMASK)
	{
		case XLOG_XACT_COMMIT:
		case XLOG_XACT_COMMIT_PREPARED:
			note_commit(find, reader);
			break;
		case XLOG_XACT_ABORT:
		case XLOG_XACT_ABORT_PREPARED:
			note_abort(find, reader);
			break;
		default:
			break;
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(find->work);
}

static void
note_standby(Find *find, XLogReaderState *reader)
{
	if ((XLogRecGetInfo(reader) & ~XLR_INFO_MASK) == XLOG_STANDBY_LOCK)
	{
		const xl_standby_locks *record = (const xl_standby_locks *) XLogRecGetData(reader);

		if (XLogRecGetDataLen(reader) < offsetof(xl_standby_locks, locks) ||
			!pgb_is_in_record(reader, record->locks, record->nlocks, sizeof(xl_standby_lock)))
			return;
		for (int i = 0; i < record->nlocks; i++)
			pgb_find_open_lock(find->open, record->locks[i].xid, record->locks[i].dbOid,
							   record->locks[i].relOid, reader->ReadRecPtr);
	}
	else if ((XLogRecGetInfo(reader) & ~XLR_INFO_MASK) == XLOG_RUNNING_XACTS &&
			 XLogRecGetDataLen(reader) >= offsetof(xl_running_xacts, xids))
		pgb_find_open_prune(find->open,
							((const xl_running_xacts *) XLogRecGetData(reader))->oldestRunningXid);
}

static bool
note_record(XLogReaderState *reader, void *arg)
{
	Find	   *find = arg;

	pgb_find_class_note(find->class, reader);
	switch (XLogRecGetRmid(reader))
	{
		case RM_XACT_ID:
			note_transaction(find, reader);
			break;
		case RM_STANDBY_ID:
			note_standby(find, reader);
			break;
		case RM_SMGR_ID:
			if ((XLogRecGetInfo(reader) & ~XLR_INFO_MASK) == XLOG_SMGR_CREATE &&
				XLogRecGetDataLen(reader) >= sizeof(xl_smgr_create) &&
				TransactionIdIsValid(XLogRecGetXid(reader)))
				pgb_find_open_file(find->open, XLogRecGetXid(reader),
								   pgb_smgr_create_locator(XLogRecGetData(reader)));
			break;
		default:
			break;
	}
	return true;
}

/* After a gap nobody knows which transactions are still the same ones. */
static void
forget_open(void *arg)
{
	Find	   *find = arg;

	pgb_find_open_prune(find->open, InvalidTransactionId);
	pgb_find_class_forget(find->class);
}

/* Who has just dropped something looks for it before its segment is full. */
static void
tell_what_waits(const Find *find, XLogRecPtr archive_end)
{
	if (RecoveryInProgress() || find->until < find->last ||
		GetXLogInsertRecPtr() <= archive_end + SizeOfXLogLongPHD)
		return;
	ereport(NOTICE,
			(errmsg("the newest WAL is not archived yet: drops in it are not found"),
			 find->last == 0 ? 0 :
			 errdetail("The last commit in the archive was at %s.", timestamptz_to_str(find->last)),
			 errhint("SELECT pg_switch_wal() ends its segment; ask again when that is archived.")));
}

Datum
pgbackup_find_drops(PG_FUNCTION_ARGS)
{
	HASHCTL		control = {
		.keysize = sizeof(PgbFindRelation),
		.entrysize = sizeof(PgbFindRelation),
		.hcxt = CurrentMemoryContext
	};
	Find	   *find = palloc0(sizeof(Find));
	PgbRepository *repository = pgb_server_repository(false);

	InitMaterializedSRF(fcinfo, 0);
	find->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	find->since = PG_ARGISNULL(0) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(0);
	find->until = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	find->work = AllocSetContextCreate(CurrentMemoryContext, "pgbackup commit", ALLOCSET_DEFAULT_SIZES);
	find->open = pgb_find_open_create();
	find->class = pgb_find_class_create(find->open);
	find->gone = hash_create("pgbackup removed files", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	find->map = pgb_find_map_open(repository, find->class);
	tell_what_waits(find, pgb_find_records(repository, pgb_find_map_begin(find->map, find->since),
										   note_record, forget_open, find));
	PG_RETURN_NULL();
}
