/*-------------------------------------------------------------------------
 *
 * sandbox_scope.c
 *	  Which files of a backup a sandbox gets, and which relations are denied to its replay.
 *
 * Denied is only what a map names as another relation.  A file that no map knows may be the
 * one that is wanted: of a rewrite that had begun before the backup, say.
 *
 *	- Catalogs are those whose OID is below 16384, whatever the number of their file.
 *	- The wanted relations have a TOAST table, which a rewrite may exchange for another.
 *	- All sequences are taken: they are small, and those of a table belong to it.
 *	- Indexes are not: nobody reads the sandbox through them.
 *	- A file that any map has ever named as one of these is not denied, even if another
 *	  map names it as another relation's.
 *
 * src/server/recovery/sandbox_scope.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_tablespace_d.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "server/encoding.h"
#include "server/recovery/sandbox_work.h"
#include "server/worker_session.h"
#include "utils/hsearch.h"

typedef struct Relations
{
	size_t		count;
	size_t		allocated;
	PgbDenied  *relations;
} Relations;

typedef struct Collection
{
	const PgbSandboxRequest *request;
	HTAB	   *wanted;			/* OIDs */
	Relations	kept;			/* under every number that they ever had */
	Relations	others;
	List	   *names;
} Collection;

/* ---- numbers of files ---- */

static void
add_relation(Relations *to, Oid tablespace, Oid database, Oid file_number)
{
	PgbDenied  *added;

	if (to->count == to->allocated)
	{
		to->allocated = Max(1024, to->allocated * 2);
		if (to->relations == NULL)
			to->relations = palloc_extended(to->allocated * sizeof(PgbDenied), MCXT_ALLOC_HUGE);
		else
			to->relations = repalloc_huge(to->relations, to->allocated * sizeof(PgbDenied));
	}
	added = &to->relations[to->count++];
	added->tablespace = tablespace;
	added->database = database;
	added->file_number = file_number;
}

/* What is in the others, and not kept: sorted, each once. */
static PgbInstructions *
subtract(Collection *collection)
{
	PgbInstructions *result = palloc0(sizeof(PgbInstructions));
	Relations  *kept = &collection->kept;
	Relations  *others = &collection->others;
	Relations	denied = {0};
	size_t		k = 0;

	pgb_instructions_sort(kept->relations, kept->count);
	pgb_instructions_sort(others->relations, others->count);
	for (size_t i = 0; i < others->count; i++)
	{
		const PgbDenied *other = &others->relations[i];

		if (i > 0 && pgb_instructions_compare(other - 1, other) == 0)
			continue;
		while (k < kept->count && pgb_instructions_compare(&kept->relations[k], other) < 0)
			k++;
		if (k == kept->count || pgb_instructions_compare(&kept->relations[k], other) != 0)
			add_relation(&denied, other->tablespace, other->database, other->file_number);
	}
	if (denied.count > PG_UINT32_MAX)
		elog(ERROR, "too many relations");
	result->ndenied = (uint32) denied.count;
	result->denied = denied.relations;
	return result;
}

/* ---- what a map says ---- */

static bool
has_oid(HTAB *oids, Oid oid)
{
	return OidIsValid(oid) && hash_search(oids, &oid, HASH_FIND, NULL) != NULL;
}

static HTAB *
make_oids(const char *name)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid),
	.hcxt = CurrentMemoryContext};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_large_object(Oid oid)
{
	return oid == LargeObjectRelationId || oid == LargeObjectLOidPNIndexId;
}

/* The TOAST tables that the wanted relations have in this map. */
static HTAB *
find_toast(const Collection *collection, const PgbMappedDatabase *database)
{
	HTAB	   *toast = make_oids("pgbackup TOAST tables");

	for (int i = 0; i < database->count; i++)
	{
		const PgbMappedRelation *relation = &database->relations[i];

		if (OidIsValid(relation->toast) && has_oid(collection->wanted, relation->oid))
			(void) hash_search(toast, &relation->toast, HASH_ENTER, NULL);
	}
	return toast;
}

static bool
is_kept(const Collection *collection, HTAB *toast, const PgbMappedRelation *relation)
{
	if (is_large_object(relation->oid))
		return collection->request->with_large_objects;
	if (relation->oid < FirstNormalObjectId)
		return true;
	if (relation->kind == RELKIND_INDEX)
		return has_oid(toast, relation->table);
	return relation->kind == RELKIND_SEQUENCE || has_oid(toast, relation->oid) ||
		has_oid(collection->wanted, relation->oid);
}

static void
collect(Collection *collection, const PgbMappedDatabase *database)
{
	HTAB	   *toast = find_toast(collection, database);

	for (int i = 0; i < database->count; i++)
	{
		const PgbMappedRelation *relation = &database->relations[i];
		Oid			tablespace = relation->tablespace;

		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(relation->file_number) || relation->is_shared)
			continue;
		if (!OidIsValid(tablespace))
			tablespace = database->tablespace;
		add_relation(is_kept(collection, toast, relation) ? &collection->kept : &collection->others,
					 tablespace, database->oid, relation->file_number);
	}
	hash_destroy(toast);
}

static void
collect_name(Collection *collection, const char *name)
{
	if (name != NULL && !list_member(collection->names, makeString(unconstify(char *, name))))
		collection->names = lappend(collection->names, makeString(pstrdup(name)));
}

/* ---- the maps ---- */

/* Conversions are in the catalogs; a job is in no transaction here. */
static char *
text_of_map(const char *utf8)
{
	MemoryContext context = CurrentMemoryContext;
	bool		is_job = !IsTransactionState();
	char	   *text;

	if (is_job)
		StartTransactionCommand();
	MemoryContextSwitchTo(context);
	text = pgb_from_utf8(utf8);
	if (is_job)
		CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return text;
}

/* Of a backup, if the database is in it. */
static void
collect_backup(Collection *collection, PgbRepository *repository, const PgbManifest *backup)
{
	PgbRelationMap *map = pgb_relation_map_read(repository, backup, collection->request->database);

	if (map->count == 0)
		return;
	collect(collection, &map->databases[0]);
	collect_name(collection, text_of_map(map->databases[0].name));
}

/*
 * Relations that were made after the backup are in the maps of later ones, and need not be
 * replayed.  A map that cannot be read only costs time.
 */
static void
collect_later_backups(Collection *collection, PgbRepository *repository)
{
	MemoryContext context = CurrentMemoryContext;
	int			count;
	PgbCatalogEntry *entries = pgb_catalog_list_base(repository, &count);
	PgbTimelineHistory *history = pgb_timeline_read(repository, collection->request->route->timeline);

	for (int i = 0; i < count; i++)
	{
		const PgbManifest *manifest = entries[i].manifest;

		/* on another timeline the same numbers are those of other files */
		if (manifest == NULL || manifest->start_lsn <= collection->request->route->backup->start_lsn ||
			!pgb_timeline_includes(history, manifest->timeline, manifest->stop_lsn))
			continue;
		PG_TRY();
		{
			collect_backup(collection, repository, manifest);
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
				PG_RE_THROW();
			FlushErrorState();
			pgb_worker_log(error, "reading the map of a later backup");
		}
		PG_END_TRY();
	}
}

static const char *const current_query =
	"SELECT c.oid, pg_catalog.pg_relation_filenode(c.oid), c.reltablespace, c.relkind,"
	" c.reltoastrelid, i.indrelid"
	" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
	" WHERE NOT c.relisshared AND c.relpersistence <> 't'";

static Oid
oid_column(int row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

static char
char_column(int row, int column)
{
	bool		isnull;

	return DatumGetChar(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column,
									  &isnull));
}

/* The catalogs of this database, as they are now. */
static void
collect_current(Collection *collection, MemoryContext context)
{
	PgbMappedDatabase database = {.oid = MyDatabaseId, .tablespace = MyDatabaseTableSpace};

	SPI_execute(current_query, true, 0);
	database.count = (int) SPI_processed;
	database.relations = palloc_extended(Max(database.count, 1) * sizeof(PgbMappedRelation),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < database.count; i++)
	{
		PgbMappedRelation *relation = &database.relations[i];

		relation->oid = oid_column(i, 1);
		relation->file_number = oid_column(i, 2);
		relation->tablespace = oid_column(i, 3);
		relation->kind = char_column(i, 4);
		relation->toast = oid_column(i, 5);
		relation->table = oid_column(i, 6);
	}
	MemoryContextSwitchTo(context);
	collect(collection, &database);
}

/* In a transaction of the caller, or in one of its own. */
static void
collect_server(Collection *collection)
{
	MemoryContext context = CurrentMemoryContext;
	bool		is_job = !IsTransactionState();
	char	   *name;

	if (is_job)
		pgb_worker_begin();
	else
		SPI_connect();
	if (collection->request->database == MyDatabaseId)
		collect_current(collection, context);
	name = get_database_name(collection->request->database);
	MemoryContextSwitchTo(context);
	collect_name(collection, name);
	if (is_job)
		pgb_worker_commit();
	else
		SPI_finish();
	MemoryContextSwitchTo(context);
}

/* ---- the databases ---- */

static void
want_database(PgbInstructions *instructions, Oid database)
{
	if (instructions->ndatabases == lengthof(instructions->databases))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("database %u was made of more than %d others since the backup",
						instructions->databases[0], instructions->ndatabases - 1),
				 errhint("Take a moment after the next base backup.")));
	instructions->databases[instructions->ndatabases++] = database;
}

/* A database made after the backup by copying files is made of its template's. */
static void
want_sources(PgbInstructions *instructions, const PgbSandboxScan *scan, Oid database)
{
	ListCell   *cell;

	foreach(cell, pgb_sandbox_sources(scan, database))
	{
		if (!pgb_instructions_want_database(instructions, lfirst_oid(cell)))
			want_database(instructions, lfirst_oid(cell));
	}
}

/* All of it.  One of its names lets us in, should others be gone by then. */
static PgbInstructions *
whole_scope(PgbRepository *repository, const PgbManifest *backup, List **names)
{
	PgbInstructions *instructions = palloc0(sizeof(PgbInstructions));
	PgbRelationMap *map = pgb_relation_map_read(repository, backup, InvalidOid);
	Collection	collection = {NULL};

	instructions->everything = true;
	collect_name(&collection, "template1");
	collect_name(&collection, "postgres");
	for (int i = 0; i < map->count; i++)
		collect_name(&collection, text_of_map(map->databases[i].name));
	*names = collection.names;
	return instructions;
}

bool
pgb_sandbox_is_in_backup(PgbRepository *repository, const PgbSandboxRequest *request)
{
	return pgb_relation_map_read(repository, request->route->backup, request->database)->count > 0;
}

PgbInstructions *
pgb_sandbox_scope(PgbRepository *repository, const PgbSandboxRequest *request, bool with_filter,
				  const PgbSandboxScan *scan, List **names)
{
	Collection	collection = {.request = request};
	PgbInstructions *instructions;
	ListCell   *cell;

	if (request->is_whole)
		return whole_scope(repository, request->route->backup, names);
	collection.wanted = make_oids("pgbackup wanted relations");
	foreach(cell, request->wanted)
	{
		Oid			oid = lfirst_oid(cell);

		(void) hash_search(collection.wanted, &oid, HASH_ENTER, NULL);
	}

	collect_backup(&collection, repository, request->route->backup);
	collect_later_backups(&collection, repository);
	collect_server(&collection);

	instructions = subtract(&collection);
	want_database(instructions, request->database);
	if (scan != NULL)
		want_sources(instructions, scan, request->database);
	instructions->everything = !with_filter;
	*names = collection.names;
	return instructions;
}

/* ---- files ---- */

/* Takes a number and what ends it from a path; false if there is none. */
static bool
take_number(const char **path, const char *ends, Oid *number)
{
	const char *digit = *path;
	uint64		value = 0;

	while (*digit >= '0' && *digit <= '9' && value <= PG_UINT32_MAX)
		value = value * 10 + (*digit++ - '0');
	if (digit == *path || value > PG_UINT32_MAX || (*digit != '\0' && strchr(ends, *digit) == NULL))
		return false;
	*number = (Oid) value;
	*path = digit + (*digit != '\0');
	return true;
}

/* In the directory of a tablespace: <database>/<file number>... */
static bool
wants_in_tablespace(const PgbInstructions *scope, Oid tablespace, const char *path)
{
	Oid			database;
	Oid			file_number;

	if (!take_number(&path, "/", &database) || !pgb_instructions_want_database(scope, database))
		return false;
	if (!take_number(&path, "_.", &file_number))
		return true;
	return pgb_instructions_want(scope, tablespace, database, file_number);
}

/* pg_tblspc/<tablespace>/<version>/... */
static bool
wants_in_tablespaces(const PgbInstructions *scope, const char *path)
{
	Oid			tablespace;

	if (!take_number(&path, "/", &tablespace))
		return false;
	path = strchr(path, '/');
	return path == NULL || wants_in_tablespace(scope, tablespace, path + 1);
}

/* What follows a directory in the path; NULL if it is not in there. */
static const char *
below(const char *path, const char *directory)
{
	size_t		length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

/* Directories of the server; a data directory may have others, and configuration. */
static bool
wants_at_top(const PgbFile *file)
{
	size_t		length = strcspn(file->path, "/");
	bool		is_directory = file->type == PGB_FILE_DIRECTORY || file->path[length] == '/';

	if (!is_directory)
		return strcmp(file->path, "PG_VERSION") == 0;
	return strcmp(file->path, "base") == 0 || (strncmp(file->path, "global", length) == 0 && length == 6) ||
		(strncmp(file->path, "pg_", 3) == 0 && !(length == 6 && strncmp(file->path, "pg_log", 6) == 0));
}

bool
pgb_sandbox_wants(const PgbFile *file, void *arg)
{
	const PgbInstructions *scope = arg;
	const char *rest;

	if ((rest = below(file->path, "base")) != NULL)
		return wants_in_tablespace(scope, DEFAULTTABLESPACE_OID, rest);
	if ((rest = below(file->path, PGB_TABLESPACES_PATH)) != NULL)
		return wants_in_tablespaces(scope, rest);
	if (below(file->path, "pg_wal") != NULL || below(file->path, "pg_replslot") != NULL)
		return false;
	return wants_at_top(file);
}
