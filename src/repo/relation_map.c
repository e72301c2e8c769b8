/*-------------------------------------------------------------------------
 *
 * relation_map.c
 *	  Which file belongs to which relation, for every database of a base backup.
 *
 * src/repo/relation_map.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/relation_map.h"

#include "io/json.h"
#include "repo/lines.h"

#define FORMAT			1
#define FORMAT_MEMBER	"pgbackup_relations"

/* ---- writing ---- */

PgbSink *
pgb_relation_map_begin(PgbBackupWriter *writer, int level, PgbStoredFile *file)
{
	PgbSink    *sink = pgb_backup_sink_create(writer, PGB_RELATION_MAP_NAME, level,
											  PGB_FRAME_BYTES, file);
	char	   *header = psprintf("{\"" FORMAT_MEMBER "\":%d}\n", FORMAT);

	pgb_sink_write(sink, header, strlen(header));
	return sink;
}

void
pgb_mapped_database_line(StringInfo out, const PgbMappedDatabase *database)
{
	PgbJsonWriter w;

	pgb_json_begin(&w, out, false);
	pgb_json_object(&w, NULL);
	pgb_json_uint64(&w, "database", database->oid);
	pgb_json_string(&w, "name", database->name);
	pgb_json_uint64(&w, "tablespace", database->tablespace);
	pgb_json_bool(&w, "complete", database->is_complete);
	pgb_json_end_object(&w);
	appendStringInfoChar(out, '\n');
}

static void
write_oid(PgbJsonWriter *w, const char *name, Oid oid)
{
	if (OidIsValid(oid))
		pgb_json_uint64(w, name, oid);
}

static void
write_letter(PgbJsonWriter *w, const char *name, char letter)
{
	char		text[2] = {letter, '\0'};

	pgb_json_string(w, name, text);
}

void
pgb_mapped_relation_line(StringInfo out, const PgbMappedRelation *relation)
{
	PgbJsonWriter w;

	pgb_json_begin(&w, out, false);
	pgb_json_object(&w, NULL);
	pgb_json_uint64(&w, "oid", relation->oid);
	write_oid(&w, "file", relation->file_number);
	write_oid(&w, "tablespace", relation->tablespace);
	write_letter(&w, "kind", relation->kind);
	write_letter(&w, "persistence", relation->persistence);
	if (relation->is_shared)
		pgb_json_bool(&w, "shared", true);
	pgb_json_string(&w, "schema", relation->schema_name);
	pgb_json_string(&w, "name", relation->name);
	write_oid(&w, "toast", relation->toast);
	write_oid(&w, "table", relation->table);
	write_oid(&w, "parent", relation->parent);
	pgb_json_end_object(&w);
	appendStringInfoChar(out, '\n');
}

/* ---- reading ---- */

typedef struct Reader
{
	PgbLines   *lines;
	const char *what;			/* the map, for messages */
	Oid			wanted;			/* database, or InvalidOid for all */
	PgbRelationMap *map;
	int			databases_allocated;
	int			relations_allocated;
	Oid			last_database;
	bool		skips;			/* the relations that come are of none that is wanted */
} Reader;

static Oid
to_oid(const Reader *reader, const PgbJson *json)
{
	uint64		value = pgb_json_to_uint64(json, reader->what);

	if (value > PG_UINT32_MAX)
		pgb_lines_damaged(reader->lines, "%s is not an OID.", json->text);
	return (Oid) value;
}

static Oid
get_oid(const Reader *reader, const PgbJson *json, const char *name)
{
	const PgbJson *value = pgb_json_get(json, name);

	return value == NULL ? InvalidOid : to_oid(reader, value);
}

static Oid
need_oid(const Reader *reader, const PgbJson *json, const char *name)
{
	Oid			oid = get_oid(reader, json, name);

	if (!OidIsValid(oid))
		pgb_lines_damaged(reader->lines, "\"%s\" is missing.", name);
	return oid;
}

static bool
get_bool(const Reader *reader, const PgbJson *json, const char *name)
{
	const PgbJson *value = pgb_json_get(json, name);

	if (value != NULL && value->type != PGB_JSON_BOOL)
		pgb_lines_damaged(reader->lines, "The value of \"%s\" is of the wrong type.", name);
	return value != NULL && value->text[0] == 't';
}

static char
need_letter(const Reader *reader, const PgbJson *json, const char *name)
{
	const char *text = pgb_json_need_string(json, name, reader->what);

	if (strlen(text) != 1)
		pgb_lines_damaged(reader->lines, "The value of \"%s\" is no letter.", name);
	return text[0];
}

/* Room for one more in an array. */
static void *
grow(const Reader *reader, void *array, int count, int *allocated, size_t size)
{
	if (count < *allocated)
		return array;
	if (count > PG_INT32_MAX / 2)
		pgb_lines_damaged(reader->lines, "It is longer than it can be.");
	*allocated = Max(64, count * 2);
	return array == NULL ? palloc((size_t) *allocated * size) :
		repalloc_huge(array, (size_t) *allocated * size);
}

static void
parse_database(Reader *reader, const PgbJson *json)
{
	PgbRelationMap *map = reader->map;
	Oid			oid = need_oid(reader, json, "database");
	PgbMappedDatabase *database;

	if (oid <= reader->last_database)
		pgb_lines_damaged(reader->lines, "Database %u is not where it belongs.", oid);
	reader->last_database = oid;
	reader->skips = OidIsValid(reader->wanted) && oid != reader->wanted;
	if (reader->skips)
		return;

	map->databases = grow(reader, map->databases, map->count, &reader->databases_allocated,
						  sizeof(PgbMappedDatabase));
	database = &map->databases[map->count++];
	memset(database, 0, sizeof(PgbMappedDatabase));
	database->oid = oid;
	database->name = pstrdup(pgb_json_need_string(json, "name", reader->what));
	database->tablespace = need_oid(reader, json, "tablespace");
	database->is_complete = get_bool(reader, json, "complete");
	reader->relations_allocated = 0;
}

static void
parse_relation(Reader *reader, const PgbJson *json)
{
	PgbMappedDatabase *database;
	PgbMappedRelation *relation;

	if (!OidIsValid(reader->last_database))
		pgb_lines_damaged(reader->lines, "A relation belongs to no database.");
	if (reader->skips)
		return;

	database = &reader->map->databases[reader->map->count - 1];
	database->relations = grow(reader, database->relations, database->count,
							   &reader->relations_allocated, sizeof(PgbMappedRelation));
	relation = &database->relations[database->count++];
	relation->oid = need_oid(reader, json, "oid");
	relation->file_number = get_oid(reader, json, "file");
	relation->tablespace = get_oid(reader, json, "tablespace");
	relation->kind = need_letter(reader, json, "kind");
	relation->persistence = need_letter(reader, json, "persistence");
	relation->is_shared = get_bool(reader, json, "shared");
	relation->schema_name = pstrdup(pgb_json_need_string(json, "schema", reader->what));
	relation->name = pstrdup(pgb_json_need_string(json, "name", reader->what));
	relation->toast = get_oid(reader, json, "toast");
	relation->table = get_oid(reader, json, "table");
	relation->parent = get_oid(reader, json, "parent");
	if (database->count > 1 && relation->oid <= relation[-1].oid)
		pgb_lines_damaged(reader->lines, "Relation %u is not where it belongs.", relation->oid);
}

PgbRelationMap *
pgb_relation_map_read(PgbRepository *repository, const PgbManifest *manifest, Oid database)
{
	PgbLines   *lines = pgb_lines_open(repository, manifest, PGB_RELATION_MAP_NAME);
	Reader		reader = {lines, PGB_RELATION_MAP_NAME, database};
	bool		has_header = false;
	char	   *line;

	reader.map = palloc0(sizeof(PgbRelationMap));
	while ((line = pgb_lines_next(lines)) != NULL)
	{
		PgbJson    *json = pgb_json_parse(line, strlen(line), reader.what);

		if (!has_header)
			pgb_lines_check_format(lines, pgb_json_need_uint64(json, FORMAT_MEMBER, reader.what),
								   FORMAT);
		else if (pgb_json_get(json, "database") != NULL)
			parse_database(&reader, json);
		else
			parse_relation(&reader, json);
		has_header = true;
		pgb_json_free(json);
	}
	if (!has_header)
		pgb_lines_damaged(lines, "It has no header.");
	pgb_lines_close(lines);
	return reader.map;
}
