/*-------------------------------------------------------------------------
 *
 * manifest_write.c
 *	  A manifest becomes JSON: a line for each table and each file, for diff
 *	  and grep, and for the person who opens it in an editor.
 *
 * src/repo/manifest_write.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/manifest.h"

#include "io/digest.h"
#include "io/json.h"
#include "repo/manifest_text.h"

/* ---- order ---- */

static int
compare_tables(const void *a, const void *b)
{
	const PgbTable *left = a;
	const PgbTable *right = b;
	int			order = strcmp(left->schema_name, right->schema_name);

	if (order == 0)
		order = strcmp(left->table_name, right->table_name);
	if (order == 0)
		order = left->dump_id < right->dump_id ? -1 : left->dump_id > right->dump_id;
	return order;
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const PgbStoredFile *) a)->name, ((const PgbStoredFile *) b)->name);
}

static void
sort(PgbManifest *manifest)
{
	if (manifest->ntables > 1)
		qsort(manifest->tables, manifest->ntables, sizeof(PgbTable), compare_tables);
	if (manifest->nfiles > 1)
		qsort(manifest->files, manifest->nfiles, sizeof(PgbStoredFile), compare_files);
}

/* ---- parts ---- */

static void
write_time(PgbJsonWriter *w, const char *name, int64 moment)
{
	pgb_json_string(w, name, pgb_time_to_text(moment));
}

static void
write_rows(PgbJsonWriter *w, const char *name, uint64 rows)
{
	if (rows == PGB_ROWS_UNKNOWN)
		pgb_json_null(w, name);
	else
		pgb_json_uint64(w, name, rows);
}

/* It is text in memory, but part of the document on disk. */
static void
write_options(PgbJsonWriter *w, const char *options)
{
	if (options == NULL)
		pgb_json_null(w, "options");
	else
		pgb_json_value(w, "options",
					   pgb_json_parse(options, strlen(options), "options of the run"));
}

static void
write_header(PgbJsonWriter *w, const PgbManifest *m)
{
	pgb_json_uint64(w, MANIFEST_FORMAT_MEMBER, PGB_MANIFEST_FORMAT);
	pgb_json_string(w, "id", m->id);
	pgb_json_string(w, "kind", pgb_kind_name(m->kind));
	/* Text: many readers of JSON have no integers of 64 bits. */
	pgb_json_string(w, "system_identifier", psprintf(UINT64_FORMAT, m->system_identifier));
	pgb_json_string(w, "database", m->database);
	pgb_json_string(w, "encoding", m->encoding);
	pgb_json_string(w, "label", m->label);
	pgb_json_string(w, "parent", m->parent);
	pgb_json_string(w, "server_version", m->server_version);
	pgb_json_uint64(w, "server_version_num", m->server_version_num);
	pgb_json_string(w, "pgbackup_version", m->pgbackup_version);
	write_time(w, "started_at", m->started_at);
	write_time(w, "as_of", m->as_of);
	write_time(w, "finished_at", m->finished_at);
	pgb_json_string(w, "start_lsn", pgb_lsn_to_text(m->start_lsn));
	pgb_json_string(w, "stop_lsn", pgb_lsn_to_text(m->stop_lsn));
	pgb_json_uint64(w, "timeline", m->timeline);
	pgb_json_int64(w, "compression_level", m->compression_level);
	write_options(w, m->options);
}

/* For people and scripts; a reader of ours adds up by itself. */
static void
write_totals(PgbJsonWriter *w, const PgbManifest *m)
{
	pgb_json_inline_object(w, "totals");
	pgb_json_uint64(w, "tables", m->ntables);
	pgb_json_uint64(w, "files", m->nfiles);
	pgb_json_uint64(w, "raw_bytes", m->raw_bytes);
	pgb_json_uint64(w, "stored_bytes", m->stored_bytes);
	pgb_json_end_inline_object(w);
}

static void
write_table(PgbJsonWriter *w, const PgbTable *table)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_uint64(w, "dump_id", table->dump_id);
	pgb_json_uint64(w, "oid", table->oid);
	pgb_json_string(w, "schema", table->schema_name);
	pgb_json_string(w, "name", table->table_name);
	write_rows(w, "rows", table->row_count);
	pgb_json_uint64(w, "raw_bytes", table->raw_bytes);
	pgb_json_uint64(w, "stored_bytes", table->stored_bytes);
	pgb_json_string(w, "file", table->file);
	pgb_json_end_inline_object(w);
}

static void
write_frame(PgbJsonWriter *w, const PgbFrame *frame)
{
	pgb_json_inline_array(w, NULL);
	pgb_json_uint64(w, NULL, frame->stored_bytes);
	pgb_json_uint64(w, NULL, frame->raw_bytes);
	pgb_json_uint64(w, NULL, frame->rows);
	pgb_json_string(w, NULL, pgb_crc_to_text(frame->crc));
	pgb_json_end_inline_array(w);
}

static void
write_file(PgbJsonWriter *w, const PgbStoredFile *file)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_string(w, "name", file->name);
	pgb_json_uint64(w, "stored_bytes", file->stored_bytes);
	pgb_json_uint64(w, "raw_bytes", file->raw_bytes);
	pgb_json_string(w, "crc32c", pgb_crc_to_text(file->crc));
	if (file->frames.count > 0)
	{
		pgb_json_inline_array(w, "frames");
		for (uint32 i = 0; i < file->frames.count; i++)
			write_frame(w, &file->frames.frames[i]);
		pgb_json_end_inline_array(w);
	}
	pgb_json_end_inline_object(w);
}

static void
write_bytes(PgbJsonWriter *w, const char *name, const char *bytes)
{
	pgb_json_string(w, name, bytes == NULL ? NULL : pgb_bytes_to_text(bytes));
}

static void
write_tablespace(PgbJsonWriter *w, const PgbTablespace *tablespace)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_uint64(w, "oid", tablespace->oid);
	write_bytes(w, "path", tablespace->path);
	pgb_json_uint64(w, "size", tablespace->size);
	pgb_json_end_inline_object(w);
}

static void
write_base(PgbJsonWriter *w, const PgbBase *base)
{
	pgb_json_object(w, "base");
	pgb_json_uint64(w, "block_size", base->block_size);
	pgb_json_uint64(w, "segment_size", base->segment_size);
	pgb_json_bool(w, "checksums", base->checksums);
	pgb_json_uint64(w, "damaged_pages", base->damaged_pages);
	pgb_json_uint64(w, "file_count", base->file_count);
	pgb_json_uint64(w, "file_bytes", base->file_bytes);
	write_bytes(w, "backup_label", base->backup_label);
	write_bytes(w, "tablespace_map", base->tablespace_map);
	write_bytes(w, "history", base->history);
	pgb_json_array(w, "tablespaces");
	for (int i = 0; i < base->ntablespaces; i++)
		write_tablespace(w, &base->tablespaces[i]);
	pgb_json_end_array(w);
	pgb_json_end_object(w);
}

static void
write_body(PgbJsonWriter *w, const PgbManifest *m)
{
	pgb_json_object(w, NULL);
	write_header(w, m);
	write_totals(w, m);
	if (m->base != NULL)
		write_base(w, m->base);

	pgb_json_array(w, "tables");
	for (int i = 0; i < m->ntables; i++)
		write_table(w, &m->tables[i]);
	pgb_json_end_array(w);

	pgb_json_array(w, "files");
	for (int i = 0; i < m->nfiles; i++)
		write_file(w, &m->files[i]);
	pgb_json_end_array(w);
}

/* ---- the whole ---- */

char *
pgb_manifest_tail(const char *data, size_t length)
{
	return psprintf("  \"sha256\": \"%s\"\n}\n", pgb_sha256_hex(data, length));
}

bool
pgb_manifest_tail_is_right(const char *data, size_t length)
{
	size_t		body = length - MANIFEST_TAIL_LENGTH;

	return length >= MANIFEST_TAIL_LENGTH &&
		memcmp(data + body, pgb_manifest_tail(data, body), MANIFEST_TAIL_LENGTH) == 0;
}

void
pgb_manifest_write(PgbManifest *manifest, StringInfo out)
{
	int			start = out->len;
	PgbJsonWriter w;

	pgb_manifest_totals(manifest);
	sort(manifest);

	pgb_json_begin(&w, out, true);
	write_body(&w, manifest);
	appendStringInfoString(out, ",\n");
	appendStringInfoString(out, pgb_manifest_tail(out->data + start, out->len - start));
}
