/*-------------------------------------------------------------------------
 *
 * verify_database.c
 *	  One database of a sandbox: what is in it, and how it is checked.
 *
 *	- Every table is read from its beginning to its end, with what is in its TOAST table, and its
 *	  rows are made text: what cannot be read says so.
 *	- amcheck, where it can be had, looks at heaps and compares B-trees with their tables.
 *
 * The sandbox is thrown away, so that things may be changed in it: amcheck is installed, what
 * was prepared is rolled back.  Its event triggers are disabled before that: they are code of users.
 *
 * src/server/verify/verify_database.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "server/verify/verify_database.h"
#include "server/verify/verify_script.h"

/* Of a database so many problems are named. */
#define NAMED		20

/* Kinds of statements */
#define KIND_SETUP	'S'
#define KIND_READ	'C'			/* all rows are read */
#define KIND_HEAP	'H'			/* the heap is checked: a row for each finding */
#define KIND_INDEX	'I'			/* the index is compared with its table */

/* Rows of statements' own */
#define ROW_AMCHECK		'A'
#define ROW_RELATION	'L'
#define ROW_HEAP		'H'

typedef struct Relation
{
	Oid			oid;
	char		kind;			/* as in pg_class */
	bool		is_known;		/* a heap or a B-tree, for amcheck */
	uint64		size;			/* bytes */
	char	   *schema_name;	/* any bytes */
	char	   *name;
} Relation;

typedef struct Database
{
	PgbTrial   *trial;
	const PgbVerifyDatabase *which;
	PgbVerifyTotals *totals;
	bool		has_amcheck;	/* in pg_catalog */
	int			count;
	int			allocated;
	Relation   *relations;
	uint64		bytes_done;
	int			problems;
	int			unchecked;		/* relations */
	MemoryContext context;
} Database;

/* ---- names ---- */

static char *
quote(const char *name)
{
	StringInfoData quoted;

	initStringInfo(&quoted);
	appendStringInfoChar(&quoted, '"');
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			appendStringInfoChar(&quoted, '"');
		appendStringInfoChar(&quoted, *name);
	}
	appendStringInfoChar(&quoted, '"');
	return quoted.data;
}

/* Within a transaction. */
static char *
to_utf8(const Database *database, char *name)
{
	return (char *) pg_do_encoding_conversion((unsigned char *) name, (int) strlen(name),
											  database->which->encoding, PG_UTF8);
}

/* ---- problems ---- */

static void
report(Database *database, const char *object, const char *status, const char *detail)
{
	char	   *place = object == NULL ? psprintf("database %s", database->which->name) :
		psprintf("database %s/%s", database->which->name, object);

	if (++database->problems <= NAMED)
		pgb_trial_problem(database->trial, place, status, "%s", detail);
}

static void
report_relation(Database *database, const Relation *relation, const char *detail)
{
	report(database, psprintf("%s.%s", relation->schema_name, relation->name), PGB_FOUND_DAMAGED,
		   detail);
}

/* ---- what is in it ---- */

/* "16400 r 1 8192 7075626c6963 6e756d62657273" */
static void
take_relation(Database *database, const char *text)
{
	Relation   *relation;
	unsigned long long size;
	int			is_known;
	char		schema_name[2 * NAMEDATALEN + 1];
	char		name[2 * NAMEDATALEN + 1];

	StaticAssertStmt(NAMEDATALEN == 64, "names fit into what is scanned");
	if (database->count == database->allocated)
	{
		database->allocated = Max(1024, database->allocated * 2);
		database->relations = database->relations == NULL ?
			palloc_extended(database->allocated * sizeof(Relation), MCXT_ALLOC_HUGE) :
			repalloc_huge(database->relations, database->allocated * sizeof(Relation));
	}
	relation = &database->relations[database->count];
	if (sscanf(text, "%u %c %d %llu %128s %128s", &relation->oid, &relation->kind, &is_known, &size,
			   schema_name, name) != 6)
		elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", text);
	relation->is_known = is_known != 0;
	relation->size = size;
	relation->schema_name = pgb_script_decode(schema_name);
	relation->name = pgb_script_decode(name);
	database->count++;
}

static void
take_setup(void *arg, char letter, int number, char *text)
{
	Database   *database = arg;
	MemoryContext old = MemoryContextSwitchTo(database->context);

	if (letter == ROW_AMCHECK)
		database->has_amcheck = true;
	else if (letter == ROW_RELATION)
		take_relation(database, text);
	else if (letter == PGB_SCRIPT_ERROR)
	{
		PgbScriptResult result;

		pgb_script_parse(letter, text, &result);
		report(database, NULL, PGB_FOUND_DAMAGED,
			   psprintf("Its catalogs cannot be read: %s", result.message));
	}
	MemoryContextSwitchTo(old);
}

static void
add_setup(PgbScript *script, bool with_shared)
{
	pgb_script_add_each(script,
						"SELECT pg_catalog.format('ALTER EVENT TRIGGER %I DISABLE', evtname) FROM pg_catalog.pg_event_trigger");
	pgb_script_add_each(script,
						"SELECT pg_catalog.format('ROLLBACK PREPARED %L', gid) FROM pg_catalog.pg_prepared_xacts"
						" WHERE database = pg_catalog.current_database()");
	pgb_script_add_each(script,
						"SELECT 'CREATE EXTENSION amcheck SCHEMA pg_catalog' FROM pg_catalog.pg_available_extensions"
						" WHERE name = 'amcheck' AND installed_version IS NULL");
	/* elsewhere users may have made functions of the same names, which fit the arguments better */
	pgb_script_add_each(script,
						"SELECT 'ALTER EXTENSION amcheck SET SCHEMA pg_catalog' FROM pg_catalog.pg_extension"
						" WHERE extname = 'amcheck' AND extnamespace <> 'pg_catalog'::pg_catalog.regnamespace");
	pgb_script_add(script, 0, KIND_SETUP,
				   psprintf("SELECT '%s %c 0 there' FROM pg_catalog.pg_extension"
							" WHERE extname = 'amcheck' AND extnamespace = 'pg_catalog'::pg_catalog.regnamespace",
							script->token, ROW_AMCHECK));
	pgb_script_add(script, 0, KIND_SETUP,
				   psprintf("SELECT pg_catalog.concat_ws(' ', '%s', '%c', 0, c.oid, c.relkind,"
							" CASE WHEN c.relkind = 'i' THEN c.relam = 403 ELSE c.relam = 2 END::int,"
							" coalesce(pg_catalog.pg_relation_size(c.oid), 0),"
							" pg_catalog.encode(pg_catalog.textsend(n.nspname::text), 'hex'),"
							" pg_catalog.encode(pg_catalog.textsend(c.relname::text), 'hex'))"
							" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
							" LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
							" WHERE c.relkind IN ('r', 'm', 't', 'S', 'i') AND c.relpersistence <> 't'"
							" AND c.relispopulated%s"
							" AND (i.indexrelid IS NULL OR i.indisvalid AND i.indisready AND i.indislive)"
							" ORDER BY pg_catalog.pg_relation_size(c.oid) DESC",
							script->token, ROW_RELATION,
							with_shared ? "" : " AND NOT c.relisshared"));
}

/* False if nobody can connect to it. */
static bool
look_into(Database *database)
{
	PgbScript  *script = pgb_script_create(database->trial->verification, "setup", take_setup, database);
	char	   *failure;

	add_setup(script, database->which->with_shared);
	pgb_script_start(script, database->which->name);
	failure = pgb_scripts_wait(list_make1(script));
	if (failure != NULL)
		report(database, NULL, PGB_FOUND_FAILED, failure);
	return failure == NULL;
}

/* ---- how it is checked ---- */

static void
add_reading(PgbScript *script, int number, const Relation *relation)
{
	char	   *name = psprintf("%s.%s", quote(relation->schema_name), quote(relation->name));

	if (relation->kind == RELKIND_RELATION)
		pgb_script_add(script, number, KIND_READ, psprintf("COPY %s TO '/dev/null'", name));
	else
		pgb_script_add(script, number, KIND_READ,
					   psprintf("COPY (SELECT * FROM %s) TO '/dev/null'", name));
}

/* It stops after the first page that is not right. */
static void
add_heap(PgbScript *script, int number, const Relation *relation)
{
	pgb_script_add(script, number, KIND_HEAP,
				   psprintf("SELECT '%s %c %d block ' || coalesce(blkno::text, '?') || ': ' || msg"
							" FROM pg_catalog.verify_heapam(%u, true, true)",
							script->token, ROW_HEAP, number, relation->oid));
}

static void
add_index(PgbScript *script, int number, const Relation *relation)
{
	pgb_script_add(script, number, KIND_INDEX,
				   psprintf("SELECT FROM pg_catalog.bt_index_check(%u, true)", relation->oid));
}

static void
add_relation(PgbScript *script, Database *database, int number)
{
	const Relation *relation = &database->relations[number];
	bool		has_amcheck = database->has_amcheck && relation->is_known;

	switch (relation->kind)
	{
		case RELKIND_INDEX:
			if (has_amcheck)
				add_index(script, number, relation);
			else
				database->totals->other_indexes++;
			break;
		case RELKIND_TOASTVALUE:
			if (has_amcheck)
				add_heap(script, number, relation);
			else
				add_reading(script, number, relation);
			break;
		default:
			if (has_amcheck && relation->kind != RELKIND_SEQUENCE)
				add_heap(script, number, relation);
			add_reading(script, number, relation);
			break;
	}
}

static void
take_read(Database *database, const Relation *relation, uint64 rows)
{
	MemoryContext old;

	if (relation->kind != RELKIND_RELATION && relation->kind != RELKIND_MATVIEW)
		return;
	database->totals->tables++;
	if (relation->oid < FirstNormalObjectId)
		return;
	old = MemoryContextSwitchTo(database->context);
	pgb_trial_table(database->trial, database->which->name, relation->schema_name, relation->name,
					rows, NULL);
	MemoryContextSwitchTo(old);
}

static void
take_success(Database *database, const Relation *relation, const PgbScriptResult *result)
{
	switch (result->kind)
	{
		case KIND_READ:
			take_read(database, relation, result->rows);
			break;
		case KIND_HEAP:
			database->totals->heaps++;
			break;
		case KIND_INDEX:
			database->totals->indexes++;
			database->trial->proof.indexes++;
			break;
	}
	database->bytes_done += relation->size;
	pgb_job_set_bytes(database->trial->verification->job, database->bytes_done);
}

/* Does it speak of what is stored, and not of the sandbox, or of code of users? */
static bool
is_damage(const char *sqlstate)
{
	static const char *const classes[] = {
		"XX",					/* corrupted data or index, internal error */
		"58",					/* a file that is not there, or cannot be read */
		"22",					/* a value that is none */
		"54"					/* one that is larger than any can be */
	};

	for (int i = 0; i < lengthof(classes); i++)
	{
		if (strncmp(sqlstate, classes[i], 2) == 0)
			return true;
	}
	return false;
}

/*
 * Libraries that the live server preloads are not here, and functions in an index find only what they name in
 * full: what fails for that is not damaged.
 */
static void
take_failure(Database *database, const Relation *relation, const PgbScriptResult *result)
{
	bool		is_foreign = !relation->is_known && relation->kind != RELKIND_SEQUENCE;

	if (is_damage(result->sqlstate) && !is_foreign)
		report_relation(database, relation, result->message);
	else if (++database->unchecked <= NAMED)
		pgb_trial_unchecked(database->trial, "%s.%s in database %s could not be looked at here: %s",
							relation->schema_name, relation->name, database->which->name,
							result->message);
}

static void
take_check(void *arg, char letter, int number, char *text)
{
	Database   *database = arg;
	const Relation *relation = &database->relations[number];
	PgbScriptResult result;

	if (number < 0 || number >= database->count)
		elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", text);
	if (letter == ROW_HEAP)
	{
		report_relation(database, relation, text);
		return;
	}
	pgb_script_parse(letter, text, &result);
	if (letter == PGB_SCRIPT_ERROR)
		take_failure(database, relation, &result);
	else if (letter == PGB_SCRIPT_ROWS)
		take_success(database, relation, &result);
}

/* Bytes that will be read, of heaps twice where amcheck is. */
static uint64
bytes_to_check(const Database *database)
{
	uint64		bytes = 0;

	for (int i = 0; i < database->count; i++)
		bytes += database->relations[i].size;
	return bytes * (database->has_amcheck ? 2 : 1);
}

/* The largest first, so that all scripts end at about the same time. */
static void
check_relations(Database *database)
{
	PgbVerification *v = database->trial->verification;
	int			jobs = Max(1, Min(v->request->jobs, database->count));
	List	   *scripts = NIL;
	char	   *failure;

	pgb_job_begin_phase(v->job, PGB_PHASE_CHECKING, 0, bytes_to_check(database));
	for (int i = 0; i < jobs; i++)
		scripts = lappend(scripts, pgb_script_create(v, psprintf("check%d", i), take_check, database));
	for (int i = 0; i < database->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_relation(list_nth(scripts, i % jobs), database, i);
	}
	for (int i = 0; i < jobs; i++)
		pgb_script_start(list_nth(scripts, i), database->which->name);
	failure = pgb_scripts_wait(scripts);
	if (failure != NULL)
		report(database, NULL, PGB_FOUND_FAILED, failure);
	list_free(scripts);
}

/* Those of this database were taken as they are in it; the proof is UTF-8. */
static void
convert_names(Database *database, int first)
{
	MemoryContext context = CurrentMemoryContext;
	ListCell   *lc;

	if (database->which->encoding == PG_UTF8 || database->which->encoding == PG_SQL_ASCII)
		return;
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	for_each_from(lc, database->trial->tables, first)
	{
		PgbProvenTable *table = lfirst(lc);

		table->schema_name = to_utf8(database, table->schema_name);
		table->table_name = to_utf8(database, table->table_name);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

void
pgb_verify_database(PgbTrial *trial, const PgbVerifyDatabase *which, PgbVerifyTotals *totals)
{
	Database	database = {.trial = trial, .which = which, .totals = totals,
	.context = CurrentMemoryContext};
	int			before = list_length(trial->tables);

	trial->proof.databases++;
	if (!look_into(&database))
		return;
	if (!database.has_amcheck)
		totals->without_amcheck++;
	check_relations(&database);
	if (database.problems > NAMED)
		pgb_trial_problem(trial, psprintf("database %s", which->name), PGB_FOUND_DAMAGED,
						  "All in all it has %d problems.", database.problems);
	if (database.unchecked > NAMED)
		pgb_trial_unchecked(trial, "All in all %d relations of database %s could not be looked at here.",
							database.unchecked, which->name);
	convert_names(&database, before);
}
