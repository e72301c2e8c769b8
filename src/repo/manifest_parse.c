/*-------------------------------------------------------------------------
 *
 * manifest_parse.c
 *	  JSON becomes a manifest, if it is whole and makes sense.
 *
 * src/repo/manifest_parse.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/manifest.h"

#include "io/json.h"
#include "repo/manifest_text.h"

/* ---- checked values ---- */

pg_noreturn static void damaged(const char *what, const char *detail);

static void
damaged(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("\"%s\" is damaged", what),
			 errdetail("%s", detail),
			 errhint(PGB_HINT_DAMAGED)));
}

static uint64
need_number(const PgbJson *json, const char *name, uint64 max, const char *what)
{
	uint64		value = pgb_json_need_uint64(json, name, what);

	if (value > max)
		damaged(what, psprintf("The value of \"%s\" is out of range.", name));
	return value;
}

static int64
need_time(const PgbJson *json, const char *name, const char *what)
{
	return pgb_time_from_text(pgb_json_need_string(json, name, what), what);
}

static uint64
need_lsn(const PgbJson *json, const char *name, const char *what)
{
	return pgb_lsn_from_text(pgb_json_need_string(json, name, what), what);
}

static char *
copy_string(const char *text)
{
	return text == NULL ? NULL : pstrdup(text);
}

static char *
get_string(const PgbJson *json, const char *name, const char *what)
{
	return copy_string(pgb_json_get_string(json, name, what));
}

static char *
need_string(const PgbJson *json, const char *name, const char *what)
{
	return copy_string(pgb_json_need_string(json, name, what));
}

/* Sums must not wrap around, or small parts could claim any whole. */
static void
add(uint64 *sum, uint64 more, const char *what)
{
	if (more > PG_UINT64_MAX - *sum)
		damaged(what, "Its lengths add up to more than there can be.");
	*sum += more;
}

static PgbJson *
need_array(const PgbJson *json, const char *name, const char *what)
{
	PgbJson    *array = pgb_json_get_array(json, name, what);

	if (array == NULL)
		damaged(what, psprintf("\"%s\" is missing.", name));
	return array;
}

/* ---- the header ---- */

static PgbKind
kind_from_name(const char *name, const char *what)
{
	static const PgbKind kinds[] = {PGB_LOGICAL, PGB_FULL, PGB_INCREMENTAL};

	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(name, pgb_kind_name(kinds[i])) == 0)
			return kinds[i];
	}
	damaged(what, psprintf("\"%s\" is not a kind of backup.", name));
}

static void
parse_identity(PgbManifest *m, const PgbJson *json, const char *what)
{
	const char *id = pgb_json_need_string(json, "id", what);
	const char *cluster = pgb_json_need_string(json, "system_identifier", what);

	m->kind = kind_from_name(pgb_json_need_string(json, "kind", what), what);
	if (!pgb_id_is_valid(id) || pgb_id_kind(id) != m->kind)
		damaged(what, psprintf("\"%s\" is not the id of a %s backup.", id, pgb_kind_name(m->kind)));
	strlcpy(m->id, id, PGB_ID_SIZE);

	if (!pgb_cluster_from_folder(cluster, &m->system_identifier))
		damaged(what, psprintf("\"%s\" is not a system identifier.", cluster));

	m->parent = get_string(json, "parent", what);
	if (m->parent != NULL && !pgb_id_is_valid(m->parent))
		damaged(what, psprintf("\"%s\" is not the id of a backup.", m->parent));
}

static char *
parse_options(const PgbJson *json, const char *what)
{
	const PgbJson *options = pgb_json_get_object(json, "options", what);
	StringInfoData text;
	PgbJsonWriter w;

	if (options == NULL)
		return NULL;
	initStringInfo(&text);
	pgb_json_begin(&w, &text, false);
	pgb_json_value(&w, NULL, options);
	return text.data;
}

static int
parse_level(const PgbJson *json, const char *what)
{
	int64		level = pgb_json_need_int64(json, "compression_level", what);

	if (level < -100 || level > 100)
		damaged(what, "The value of \"compression_level\" is out of range.");
	return (int) level;
}

static void
parse_header(PgbManifest *m, const PgbJson *json, const char *what)
{
	parse_identity(m, json, what);
	m->database = get_string(json, "database", what);
	m->encoding = get_string(json, "encoding", what);
	m->label = get_string(json, "label", what);
	m->server_version = need_string(json, "server_version", what);
	m->server_version_num = (int) need_number(json, "server_version_num", PG_INT32_MAX, what);
	m->pgbackup_version = need_string(json, "pgbackup_version", what);
	m->started_at = need_time(json, "started_at", what);
	m->as_of = need_time(json, "as_of", what);
	m->finished_at = need_time(json, "finished_at", what);
	m->start_lsn = need_lsn(json, "start_lsn", what);
	m->stop_lsn = need_lsn(json, "stop_lsn", what);
	m->timeline = (uint32) need_number(json, "timeline", PG_UINT32_MAX, what);
	m->compression_level = parse_level(json, what);
	m->options = parse_options(json, what);

	if (m->kind == PGB_LOGICAL && (m->database == NULL || m->encoding == NULL))
		damaged(what, "It does not say of which database it is.");
}

/* ---- files ---- */

static void
parse_frame(PgbFrame *frame, const PgbJson *json, const char *what)
{
	if (json->type != PGB_JSON_ARRAY || json->count != 4 ||
		json->values[3]->type != PGB_JSON_STRING)
		damaged(what, "The description of a frame is not complete.");

	memset(frame, 0, sizeof(PgbFrame));
	frame->stored_bytes = pgb_json_to_uint64(json->values[0], what);
	frame->raw_bytes = pgb_json_to_uint64(json->values[1], what);
	frame->rows = pgb_json_to_uint64(json->values[2], what);
	frame->crc = pgb_crc_from_text(json->values[3]->text, what);

	/* No row is shorter than its newline. */
	if (frame->stored_bytes == 0 || frame->rows > frame->raw_bytes)
		damaged(what, "The description of a frame makes no sense.");
}

static void
parse_frames(PgbStoredFile *file, const PgbJson *json, const char *what)
{
	const PgbJson *frames = pgb_json_get_array(json, "frames", what);
	uint64		stored_bytes = 0;
	uint64		raw_bytes = 0;

	pgb_frames_init(&file->frames);
	if (frames == NULL)
		return;

	for (uint32 i = 0; i < frames->count; i++)
	{
		PgbFrame	frame;

		parse_frame(&frame, frames->values[i], what);
		add(&stored_bytes, frame.stored_bytes, what);
		add(&raw_bytes, frame.raw_bytes, what);
		pgb_frames_add(&file->frames, &frame);
	}

	if (stored_bytes > file->stored_bytes)
		damaged(what, psprintf("The frames of \"%s\" are longer than the file.", file->name));
	if (frames->count > 0 && raw_bytes != file->raw_bytes)
		damaged(what, psprintf("The frames of \"%s\" do not add up to its content.", file->name));
}

static void
parse_file(PgbStoredFile *file, const PgbJson *json, const char *what)
{
	file->name = need_string(json, "name", what);
	if (!pgb_file_name_is_valid(file->name))
		damaged(what, psprintf("\"%s\" is not the name of a file of a backup.", file->name));
	file->stored_bytes = need_number(json, "stored_bytes", PG_INT64_MAX, what);
	file->raw_bytes = need_number(json, "raw_bytes", PG_INT64_MAX, what);
	file->crc = pgb_crc_from_text(pgb_json_need_string(json, "crc32c", what), what);
	parse_frames(file, json, what);
}

static void
parse_files(PgbManifest *m, const PgbJson *json, const char *what)
{
	const PgbJson *files = need_array(json, "files", what);
	uint64		raw_bytes = 0;
	uint64		stored_bytes = 0;

	m->nfiles = files->count;
	m->files = palloc_extended((size_t) m->nfiles * sizeof(PgbStoredFile),
							   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < m->nfiles; i++)
	{
		parse_file(&m->files[i], files->values[i], what);
		add(&raw_bytes, m->files[i].raw_bytes, what);
		add(&stored_bytes, m->files[i].stored_bytes, what);

		/* In order, so that they are found, and hence each but once. */
		if (i > 0 && strcmp(m->files[i - 1].name, m->files[i].name) >= 0)
			damaged(what, psprintf("File \"%s\" is not where it belongs.", m->files[i].name));
	}
}

/* ---- tables ---- */

static void
parse_table(PgbTable *table, const PgbManifest *m, const PgbJson *json, const char *what)
{
	table->dump_id = (int) need_number(json, "dump_id", PG_INT32_MAX, what);
	table->oid = (Oid) need_number(json, "oid", PG_UINT32_MAX, what);
	table->schema_name = need_string(json, "schema", what);
	table->table_name = need_string(json, "name", what);
	table->raw_bytes = need_number(json, "raw_bytes", PG_INT64_MAX, what);
	table->stored_bytes = need_number(json, "stored_bytes", PG_INT64_MAX, what);
	table->file = get_string(json, "file", what);

	table->row_count = PGB_ROWS_UNKNOWN;
	if (pgb_json_get(json, "rows") != NULL && pgb_json_get(json, "rows")->type != PGB_JSON_NULL)
		table->row_count = need_number(json, "rows", PG_INT64_MAX, what);

	if (table->dump_id == 0)
		damaged(what, psprintf("Table \"%s\" has no dump id.", table->table_name));
	if (table->file != NULL && pgb_manifest_file(m, table->file) == NULL)
		damaged(what, psprintf("File \"%s\" of table \"%s\" is not among the files.",
							   table->file, table->table_name));
}

static int
compare_ints(const void *a, const void *b)
{
	int			left = *(const int *) a;
	int			right = *(const int *) b;

	return left < right ? -1 : left > right;
}

static void
check_dump_ids(const PgbManifest *m, const char *what)
{
	int		   *ids = palloc_extended((size_t) m->ntables * sizeof(int), MCXT_ALLOC_HUGE);

	for (int i = 0; i < m->ntables; i++)
		ids[i] = m->tables[i].dump_id;
	qsort(ids, m->ntables, sizeof(int), compare_ints);
	for (int i = 1; i < m->ntables; i++)
	{
		if (ids[i - 1] == ids[i])
			damaged(what, psprintf("Two tables have the dump id %d.", ids[i]));
	}
	pfree(ids);
}

static void
parse_tables(PgbManifest *m, const PgbJson *json, const char *what)
{
	const PgbJson *tables = need_array(json, "tables", what);

	m->ntables = tables->count;
	m->tables = palloc_extended((size_t) m->ntables * sizeof(PgbTable),
								MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < m->ntables; i++)
		parse_table(&m->tables[i], m, tables->values[i], what);
	check_dump_ids(m, what);
}

/* ---- what only a base backup has ---- */

static char *
get_bytes(const PgbJson *json, const char *name, const char *what)
{
	const char *text = pgb_json_get_string(json, name, what);

	return text == NULL ? NULL : pgb_bytes_from_text(text, what);
}

static bool
need_bool(const PgbJson *json, const char *name, const char *what)
{
	const PgbJson *value = pgb_json_get(json, name);

	if (value == NULL || value->type != PGB_JSON_BOOL)
		damaged(what, psprintf("\"%s\" is missing.", name));
	return value->text[0] == 't';
}

static uint32
need_power_of_two(const PgbJson *json, const char *name, uint32 min, uint32 max, const char *what)
{
	uint32		value = (uint32) need_number(json, name, max, what);

	if (value < min || (value & (value - 1)) != 0)
		damaged(what, psprintf("The value of \"%s\" is out of range.", name));
	return value;
}

static void
parse_tablespaces(PgbBase *base, const PgbJson *json, const char *what)
{
	const PgbJson *tablespaces = need_array(json, "tablespaces", what);

	base->ntablespaces = tablespaces->count;
	base->tablespaces = palloc_extended((size_t) base->ntablespaces * sizeof(PgbTablespace),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < base->ntablespaces; i++)
	{
		PgbTablespace *tablespace = &base->tablespaces[i];
		const PgbJson *value = tablespaces->values[i];

		tablespace->oid = (Oid) need_number(value, "oid", PG_UINT32_MAX, what);
		tablespace->path = get_bytes(value, "path", what);
		tablespace->size = need_number(value, "size", PG_INT64_MAX, what);
		if (tablespace->path != NULL && !is_absolute_path(tablespace->path))
			damaged(what, psprintf("\"%s\" is no place for a tablespace.", tablespace->path));
		if (i > 0 && tablespace->oid <= base->tablespaces[i - 1].oid)
			damaged(what, psprintf("Tablespace %u is not where it belongs.", tablespace->oid));
	}
}

static void
parse_base(PgbManifest *m, const PgbJson *manifest, const char *what)
{
	const PgbJson *json = pgb_json_get_object(manifest, "base", what);
	PgbBase    *base;

	if ((json != NULL) != (m->kind != PGB_LOGICAL))
		damaged(what, json == NULL ? "It does not say what a base backup has." :
				"A logical backup is no base backup.");
	if (json == NULL)
		return;

	base = palloc0(sizeof(PgbBase));
	base->block_size = need_power_of_two(json, "block_size", 1024, 32768, what);
	base->segment_size = need_power_of_two(json, "segment_size", 1024 * 1024,
										   1024 * 1024 * 1024, what);
	base->checksums = need_bool(json, "checksums", what);
	base->damaged_pages = need_number(json, "damaged_pages", PG_INT64_MAX, what);
	base->file_count = need_number(json, "file_count", PG_INT64_MAX, what);
	base->file_bytes = need_number(json, "file_bytes", PG_INT64_MAX, what);
	base->backup_label = get_bytes(json, "backup_label", what);
	base->tablespace_map = get_bytes(json, "tablespace_map", what);
	base->history = get_bytes(json, "history", what);
	if (base->backup_label == NULL)
		damaged(what, "\"backup_label\" is missing.");
	parse_tablespaces(base, json, what);
	/* Whoever goes over the WAL between them would go a long way. */
	if (m->start_lsn >= m->stop_lsn)
		damaged(what, "The backup ends before it begins.");
	m->base = base;
}

/* ---- the whole ---- */

static void
check_tail(const char *data, size_t length, const char *what)
{
	if (length < MANIFEST_TAIL_LENGTH)
		damaged(what, "It is too short.");
	if (!pgb_manifest_tail_is_right(data, length))
		damaged(what, "Its checksum is not that of its content.");
}

static void
check_format(const PgbJson *json, const char *what)
{
	uint64		format = pgb_json_need_uint64(json, MANIFEST_FORMAT_MEMBER, what);

	if (format == 0)
		damaged(what, "There is no format 0.");
	if (format > PGB_MANIFEST_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" has format %llu, which this version of pgbackup does not know",
						what, (unsigned long long) format),
				 errdetail("It knows formats up to %d.", PGB_MANIFEST_FORMAT),
				 errhint("Use a newer version of pgbackup.")));
}

PgbManifest *
pgb_manifest_parse(const char *data, size_t length, const char *what)
{
	PgbManifest *m = palloc0(sizeof(PgbManifest));
	MemoryContext scratch;
	MemoryContext caller;
	PgbJson    *json;

	check_tail(data, length, what);

	/* The tree is much larger than what is made of it. */
	scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup JSON", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(scratch);
	json = pgb_json_parse(data, length, what);
	MemoryContextSwitchTo(caller);

	check_format(json, what);
	parse_header(m, json, what);
	parse_files(m, json, what);
	parse_tables(m, json, what);
	parse_base(m, json, what);
	MemoryContextDelete(scratch);

	pgb_manifest_totals(m);
	return m;
}
