/*-------------------------------------------------------------------------
 *
 * relation_names.c
 *	  The map of relations is read from the catalogs of all databases.
 *
 * src/server/physical/relation_names.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "server/crew.h"
#include "server/encoding.h"
#include "server/physical/relation_names.h"
#include "server/worker_session.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows that are fetched, and bytes that are written at once. */
#define FETCH_ROWS			1000
#define COPY_BYTES			65536

/* How long a worker is waited for when all are taken. */
#define WORKER_PATIENCE_MS	10000

/* Temporary tables are not in a backup; views and types have no files. */
static const char query[] =
"SELECT c.oid, pg_catalog.pg_relation_filenode(c.oid), c.reltablespace, c.relkind,"
" c.relpersistence, c.relisshared, coalesce(n.nspname, ''), c.relname, c.reltoastrelid,"
" coalesce(i.indrelid, s.refobjid), h.inhparent"
" FROM pg_catalog.pg_class c"
" LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
" LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
" LEFT JOIN (SELECT d.objid, min(d.refobjid) AS refobjid FROM pg_catalog.pg_depend d"
" WHERE d.classid = 1259 AND d.refclassid = 1259 AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0"
" GROUP BY d.objid) s ON s.objid = c.oid AND c.relkind = 'S'"
" LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid AND h.inhseqno = 1"
" WHERE c.relkind IN ('r', 'i', 'S', 't', 'm', 'p', 'I') AND c.relpersistence <> 't'"
" ORDER BY c.oid";

typedef struct MapShared
{
	char		repository[MAXPGPATH];
	char		object[MAXPGPATH];	/* in the store */
} MapShared;

typedef struct Database
{
	PgbMappedDatabase database;
	bool		can_connect;
} Database;

struct PgbRelationNames
{
	MemoryContext context;		/* of all this */
	PgbBackupWriter *writer;
	PgbStoredFile file;
	PgbSink    *sink;
	int			count;
	Database   *databases;		/* by oid */
	int			next;			/* that is being read, or comes next */
	PgbCrew    *crew;			/* that reads it, or NULL */
	TimestampTz waits_since;	/* for a worker; 0 when not */
};

/* ---- the worker ---- */

static Oid
oid_column(HeapTuple row, TupleDesc desc, int number)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, number, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

static char
char_column(HeapTuple row, TupleDesc desc, int number)
{
	bool		isnull;

	return DatumGetChar(SPI_getbinval(row, desc, number, &isnull));
}

static void
append_relation(StringInfo out, HeapTuple row, TupleDesc desc)
{
	PgbMappedRelation relation = {0};
	bool		isnull;

	relation.oid = oid_column(row, desc, 1);
	relation.file_number = oid_column(row, desc, 2);
	relation.tablespace = oid_column(row, desc, 3);
	relation.kind = char_column(row, desc, 4);
	relation.persistence = char_column(row, desc, 5);
	relation.is_shared = DatumGetBool(SPI_getbinval(row, desc, 6, &isnull));
	relation.schema_name = pgb_to_utf8(SPI_getvalue(row, desc, 7));
	relation.name = pgb_to_utf8(SPI_getvalue(row, desc, 8));
	relation.toast = oid_column(row, desc, 9);
	relation.table = oid_column(row, desc, 10);
	relation.parent = oid_column(row, desc, 11);
	pgb_mapped_relation_line(out, &relation);
}

static void
append_rows(StringInfo out)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup relations",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	for (uint64 i = 0; i < SPI_processed; i++)
		append_relation(out, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

static void
write_relations(PgbStore *store, PgbObject *object)
{
	Portal		portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, true, 0);
	StringInfoData lines;
	uint64		written = 0;

	initStringInfo(&lines);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		append_rows(&lines);
		SPI_freetuptable(SPI_tuptable);
		store->ops->write_at(object, written, lines.data, lines.len);
		written += lines.len;
		resetStringInfo(&lines);
	}
	SPI_cursor_close(portal);
	pfree(lines.data);
}

void
pgb_relation_names_main(void *memory, int number)
{
	MapShared  *shared = memory;
	PgbStore   *store;
	PgbObject  *object;

	pgstat_report_activity(STATE_RUNNING, "pgbackup: reading names of relations");
	store = pgb_store_open(shared->repository, false);
	object = store->ops->create(store, shared->object);
	pgb_worker_begin();
	write_relations(store, object);
	pgb_worker_commit();
	store->ops->close(object);
}

/* ---- the leader ---- */

static void
read_databases(PgbRelationNames *names)
{
	MemoryContext old;

	pgb_worker_begin();
	SPI_execute("SELECT oid, datname, dattablespace, datallowconn AND datconnlimit <> -2"
				" FROM pg_catalog.pg_database ORDER BY oid", true, 0);
	old = MemoryContextSwitchTo(names->context);
	names->count = (int) SPI_processed;
	names->databases = palloc0((names->count + 1) * sizeof(Database));
	for (int i = 0; i < names->count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		Database   *database = &names->databases[i];
		bool		isnull;

		database->database.oid = oid_column(row, desc, 1);
		database->database.name = pstrdup(pgb_to_utf8(SPI_getvalue(row, desc, 2)));
		database->database.tablespace = oid_column(row, desc, 3);
		database->can_connect = DatumGetBool(SPI_getbinval(row, desc, 4, &isnull));
	}
	MemoryContextSwitchTo(old);
	pgb_worker_commit();
	MemoryContextSwitchTo(names->context);
}

PgbRelationNames *
pgb_relation_names_start(PgbBackupWriter *writer, int level)
{
	PgbRelationNames *names = palloc0(sizeof(PgbRelationNames));

	names->context = CurrentMemoryContext;
	names->writer = writer;
	read_databases(names);
	names->sink = pgb_relation_map_begin(writer, level, &names->file);
	return names;
}

static char *
object_of(const PgbRelationNames *names)
{
	return pgb_backup_writer_name(names->writer,
								  psprintf("relations-%u.tmp",
										   names->databases[names->next].database.oid));
}

static void
write_database(PgbRelationNames *names, bool is_complete)
{
	PgbMappedDatabase *database = &names->databases[names->next].database;
	StringInfoData line;

	database->is_complete = is_complete;
	initStringInfo(&line);
	pgb_mapped_database_line(&line, database);
	pgb_sink_write(names->sink, line.data, line.len);
	pfree(line.data);
}

/* What the worker has written becomes part of the map. */
static void
take_over(PgbRelationNames *names)
{
	PgbStore   *store = names->writer->repository->store;
	MemoryContext scratch = AllocSetContextCreate(names->context, "pgbackup relations",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	char	   *name = object_of(names);
	PgbObject  *object = store->ops->open(store, name);
	uint64		size = store->ops->size(object);
	char	   *buffer = palloc(COPY_BYTES);

	for (uint64 offset = 0; offset < size; offset += COPY_BYTES)
	{
		size_t		length = Min(COPY_BYTES, size - offset);

		CHECK_FOR_INTERRUPTS();
		store->ops->read_at(object, offset, buffer, length);

		/* what the sink keeps is to live longer */
		MemoryContextSwitchTo(names->context);
		pgb_sink_write(names->sink, buffer, length);
		MemoryContextSwitchTo(scratch);
	}
	store->ops->close(object);
	store->ops->remove(store, name);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

static bool
is_dropped(Oid database)
{
	Oid			types[] = {OIDOID};
	Datum		values[] = {ObjectIdGetDatum(database)};
	MemoryContext old = CurrentMemoryContext;
	bool		exists;

	pgb_worker_begin();
	SPI_execute_with_args("SELECT FROM pg_catalog.pg_database WHERE oid = $1", 1, types, values,
						  NULL, true, 0);
	exists = SPI_processed > 0;
	pgb_worker_commit();
	MemoryContextSwitchTo(old);
	return !exists;
}

/* This database is not in the map: because it is dropped, or because of what has failed. */
static void
give_up(PgbRelationNames *names, const char *reason)
{
	Database   *database = &names->databases[names->next];

	names->writer->repository->store->ops->discard(names->writer->repository->store,
												   object_of(names));
	if (is_dropped(database->database.oid))
		return;
	write_database(names, false);
	ereport(WARNING,
			(errmsg("the relations of a database are not known to the backup"),
			 errdetail("Database %u: %s.", database->database.oid, reason),
			 errhint("The backup is complete; only single tables of this database cannot be brought back from it.")));
}

static void
next_database(PgbRelationNames *names)
{
	pgb_crew_stop(names->crew);
	names->crew = NULL;
	names->waits_since = 0;
	names->next++;
}

/* True when it has ended, well or not. */
static bool
attend_worker(PgbRelationNames *names)
{
	volatile bool ended = true;
	volatile bool failed = false;
	char	   *volatile reason = NULL;

	PG_TRY();
	{
		ended = pgb_crew_ended(names->crew);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(names->context);
		error = CopyErrorData();
		FlushErrorState();
		failed = true;
		reason = error->message;
	}
	PG_END_TRY();

	if (!ended)
		return false;
	if (failed)
		give_up(names, reason);
	else
	{
		write_database(names, true);
		take_over(names);
	}
	return true;
}

/* False when there is no worker for it now. */
static bool
start_worker(PgbRelationNames *names)
{
	Oid			database = names->databases[names->next].database.oid;
	MapShared  *shared;

	names->crew = pgb_crew_create("names", "pgb_relation_names_main", database, sizeof(MapShared));
	shared = pgb_crew_shared(names->crew);
	strlcpy(shared->repository, names->writer->repository->store->location, MAXPGPATH);
	strlcpy(shared->object, object_of(names), MAXPGPATH);
	if (pgb_crew_start(names->crew, 1) == 1)
		return true;
	pgb_crew_stop(names->crew);
	names->crew = NULL;
	return false;
}

static bool
is_out_of_patience(PgbRelationNames *names)
{
	TimestampTz now = GetCurrentTimestamp();

	if (names->waits_since == 0)
		names->waits_since = now;
	return TimestampDifferenceExceeds(names->waits_since, now, WORKER_PATIENCE_MS);
}

bool
pgb_relation_names_attend(PgbRelationNames *names)
{
	while (names->next < names->count)
	{
		if (!names->databases[names->next].can_connect)
			write_database(names, false);
		else if (names->crew != NULL)
		{
			if (!attend_worker(names))
				return false;
		}
		else if (start_worker(names))
			return false;
		else if (!is_out_of_patience(names))
			return false;
		else
			give_up(names, "no background worker was free; raise max_worker_processes");
		next_database(names);
	}
	return true;
}

void
pgb_relation_names_finish(PgbRelationNames *names, PgbStoredFile *file)
{
	pgb_sink_finish(names->sink);
	*file = names->file;
}

void
pgb_relation_names_stop(PgbRelationNames *names)
{
	if (names != NULL)
		pgb_crew_stop(names->crew);
}
