/*-------------------------------------------------------------------------
 *
 * show.c
 *	  pgbackup show: one backup, with what is in it.
 *
 * src/cli/show.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include "repo/proof.h"

static bool with_files = false;

/* ---- for people ---- */

void
cli_print_fact(const char *name, const char *value)
{
	if (value != NULL)
		printf("%-15s %s\n", name, cli_printable(value));
}

static void
print_header(const PgbManifest *m)
{
	cli_print_fact("Backup:", m->id);
	cli_print_fact("Kind:", pgb_kind_name(m->kind));
	cli_print_fact("Cluster:", psprintf(UINT64_FORMAT, m->system_identifier));
	cli_print_fact("Database:", m->database);
	cli_print_fact("Encoding:", m->encoding);
	cli_print_fact("Label:", m->label);
	cli_print_fact("Parent:", m->parent);
	cli_print_fact("As of:", psprintf("%s, LSN %s, timeline %u", cli_time(m->as_of),
									  pgb_lsn_to_text(m->base != NULL ? m->stop_lsn : m->start_lsn),
									  m->timeline));
	cli_print_fact("Started:", cli_time(m->started_at));
	cli_print_fact("Finished:", psprintf("%s, after %s", cli_time(m->finished_at),
										 cli_duration(m->finished_at - m->started_at)));
	cli_print_fact("Server:", psprintf("PostgreSQL %s", m->server_version));
	cli_print_fact("Made by:", psprintf("pgbackup %s", m->pgbackup_version));
	cli_print_fact("Options:", m->options);
	cli_print_fact("Content:", cli_size(m->raw_bytes));
	cli_print_fact("Stored:", psprintf("%s, zstd level %d", cli_size(m->stored_bytes),
									   m->compression_level));
}

static void
print_tables(const PgbManifest *m)
{
	static const char *const titles[] = {"SCHEMA", "TABLE", ">ROWS", ">CONTENT", ">STORED"};
	CliTable	table;

	if (m->ntables == 0)
		return;
	cli_table_init(&table, lengthof(titles), titles);
	for (int i = 0; i < m->ntables; i++)
	{
		const PgbTable *t = &m->tables[i];

		cli_table_add(&table, t->schema_name, t->table_name, cli_number(t->row_count),
					  cli_size(t->raw_bytes), cli_size(t->stored_bytes));
	}
	printf("\n");
	cli_table_print(&table);
}

static void
print_files(const PgbManifest *m)
{
	static const char *const titles[] = {"FILE", ">FRAMES", ">CONTENT", ">STORED", "CRC-32C"};
	CliTable	table;

	cli_table_init(&table, lengthof(titles), titles);
	for (int i = 0; i < m->nfiles; i++)
	{
		const PgbStoredFile *f = &m->files[i];

		cli_table_add(&table, f->name, cli_number(f->frames.count), cli_size(f->raw_bytes),
					  cli_size(f->stored_bytes), pgb_crc_to_text(f->crc));
	}
	printf("\n");
	cli_table_print(&table);
}

static void
show_as_text(PgbRepository *repository, const PgbManifest *manifest)
{
	char	   *damage;
	const PgbProof *proof = pgb_proof_read(repository, manifest->id, &damage);

	print_header(manifest);
	cli_print_proof(proof, damage);
	if (manifest->base != NULL)
		cli_print_base(manifest);
	print_tables(manifest);
	print_files(manifest);
	if (manifest->base != NULL && with_files)
		cli_print_base_files(repository, manifest);
}

/* ---- for programs ---- */

static void
describe_table(PgbJsonWriter *w, const PgbTable *table)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_string(w, "schema", table->schema_name);
	pgb_json_string(w, "name", table->table_name);
	if (table->row_count == PGB_ROWS_UNKNOWN)
		pgb_json_null(w, "rows");
	else
		pgb_json_uint64(w, "rows", table->row_count);
	pgb_json_uint64(w, "raw_bytes", table->raw_bytes);
	pgb_json_uint64(w, "stored_bytes", table->stored_bytes);
	pgb_json_string(w, "file", table->file);
	pgb_json_end_inline_object(w);
}

static void
describe_file(PgbJsonWriter *w, const PgbStoredFile *file)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_string(w, "name", file->name);
	pgb_json_uint64(w, "frames", file->frames.count);
	pgb_json_uint64(w, "raw_bytes", file->raw_bytes);
	pgb_json_uint64(w, "stored_bytes", file->stored_bytes);
	pgb_json_string(w, "crc32c", pgb_crc_to_text(file->crc));
	pgb_json_end_inline_object(w);
}

static void
show_as_json(const CliOptions *options, PgbRepository *repository, const PgbManifest *m)
{
	PgbJsonWriter *w = cli_json_begin(options);
	char	   *damage;
	const PgbProof *proof = pgb_proof_read(repository, m->id, &damage);

	cli_describe(w, m->system_identifier, m, proof == NULL ? 0 : proof->proven_at);
	cli_describe_proof(w, proof, damage);
	if (m->options == NULL)
		pgb_json_null(w, "options");
	else
		pgb_json_value(w, "options", pgb_json_parse(m->options, strlen(m->options), "options"));

	pgb_json_array(w, "tables");
	for (int i = 0; i < m->ntables; i++)
		describe_table(w, &m->tables[i]);
	pgb_json_end_array(w);
	pgb_json_array(w, "files");
	for (int i = 0; i < m->nfiles; i++)
		describe_file(w, &m->files[i]);
	pgb_json_end_array(w);
	if (m->base != NULL)
		cli_describe_base(w, m);
	if (m->base != NULL && with_files)
		cli_describe_base_files(w, repository, m);

	cli_json_end(w);
}

/* ---- the command ---- */

static int
run(const CliOptions *options)
{
	const char *backup = options->args[0];
	PgbRepository *repository = cli_choose(options, backup);
	PgbManifest *manifest = pgb_catalog_get(repository, backup, PGB_ANY_KIND, NULL);

	if (options->json)
		show_as_json(options, repository, manifest);
	else
		show_as_text(repository, manifest);
	return 0;
}

static const CliOption own_options[] = {
	{"files", NULL, "list all files of a base backup, too"},
	{NULL}
};

static void
accept_option(const char *name, const char *value)
{
	with_files = true;
}

const CliCommand cli_show = {
	.name = "show",
	.arguments = " BACKUP",
	.description = "show one backup, an id or \"latest\", and what it holds",
	.nargs = 1,
	.options = own_options,
	.accept = accept_option,
	.writes_json = true,
	.run = run,
};
