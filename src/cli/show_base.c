/*-------------------------------------------------------------------------
 *
 * show_base.c
 *	  What only a base backup has, for people and for programs.
 *
 * src/cli/show_base.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include "repo/file_list.h"

/* ---- for people ---- */

static const char *
damage_of(const PgbBase *base)
{
	if (!base->checksums)
		return "not checked: the cluster has no page checksums";
	if (base->damaged_pages == 0)
		return "checked, none is damaged";
	return psprintf("%s damaged", cli_number(base->damaged_pages));
}

void
cli_print_base(const PgbManifest *m)
{
	static const char *const titles[] = {">TABLESPACE", ">CONTENT", "PLACE"};
	const PgbBase *base = m->base;
	CliTable	table;

	cli_print_fact("WAL:", psprintf("needed from %s to %s, in segments of %s",
									pgb_lsn_to_text(m->start_lsn), pgb_lsn_to_text(m->stop_lsn),
									cli_size(base->segment_size)));
	cli_print_fact("Files:", psprintf("%s, %s", cli_number(base->file_count),
									  cli_size(base->file_bytes)));
	cli_print_fact("Pages:", damage_of(base));
	if (base->ntablespaces == 0)
		return;

	cli_table_init(&table, lengthof(titles), titles);
	for (int i = 0; i < base->ntablespaces; i++)
	{
		const PgbTablespace *tablespace = &base->tablespaces[i];

		cli_table_add(&table, psprintf("%u", tablespace->oid), cli_size(tablespace->size),
					  tablespace->path != NULL ? pgb_bytes_to_text(tablespace->path) : "in place");
	}
	printf("\n");
	cli_table_print(&table);
}

void
cli_print_base_files(PgbRepository *repository, const PgbManifest *m)
{
	PgbFileList *list = pgb_file_list_read(repository, m);

	printf("\n");
	for (int i = 0; i < list->count; i++)
	{
		const PgbFile *file = &list->files[i];
		char	   *path = cli_printable(pgb_bytes_to_text(file->path));

		if (file->type == PGB_FILE_REGULAR)
			printf("%s %12llu  %s\n", pgb_crc_to_text(file->crc), (unsigned long long) file->size, path);
		pfree(path);
	}
}

/* ---- for programs ---- */

static void
describe_tablespace(PgbJsonWriter *w, const PgbTablespace *tablespace)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_uint64(w, "oid", tablespace->oid);
	pgb_json_string(w, "path",
					tablespace->path == NULL ? NULL : pgb_bytes_to_text(tablespace->path));
	pgb_json_uint64(w, "bytes", tablespace->size);
	pgb_json_end_inline_object(w);
}

void
cli_describe_base(PgbJsonWriter *w, const PgbManifest *m)
{
	const PgbBase *base = m->base;

	pgb_json_object(w, "base");
	pgb_json_uint64(w, "block_size", base->block_size);
	pgb_json_uint64(w, "wal_segment_size", base->segment_size);
	pgb_json_bool(w, "checksums", base->checksums);
	pgb_json_uint64(w, "damaged_pages", base->damaged_pages);
	pgb_json_uint64(w, "file_count", base->file_count);
	pgb_json_uint64(w, "file_bytes", base->file_bytes);
	pgb_json_array(w, "tablespaces");
	for (int i = 0; i < base->ntablespaces; i++)
		describe_tablespace(w, &base->tablespaces[i]);
	pgb_json_end_array(w);
	pgb_json_end_object(w);
}

void
cli_describe_base_files(PgbJsonWriter *w, PgbRepository *repository, const PgbManifest *m)
{
	PgbFileList *list = pgb_file_list_read(repository, m);

	pgb_json_array(w, "contents");
	for (int i = 0; i < list->count; i++)
	{
		const PgbFile *file = &list->files[i];

		if (file->type != PGB_FILE_REGULAR)
			continue;
		pgb_json_inline_object(w, NULL);
		pgb_json_string(w, "path", pgb_bytes_to_text(file->path));
		pgb_json_uint64(w, "bytes", file->size);
		pgb_json_string(w, "crc32c", pgb_crc_to_text(file->crc));
		pgb_json_string(w, "modified_at", pgb_time_to_text(file->modified_at));
		pgb_json_end_inline_object(w);
	}
	pgb_json_end_array(w);
}
