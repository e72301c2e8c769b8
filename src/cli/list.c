/*-------------------------------------------------------------------------
 *
 * list.c
 *	  pgbackup list: the backups that there are.
 *
 * src/cli/list.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

/* ---- for people ---- */

static const char *const titles[] = {
	"ID", "KIND", "DATABASE", "AS OF", ">DURATION", ">TABLES", ">CONTENT", ">STORED",
	"STATUS", "PROVEN", "LABEL",
};

static char *
status_of(const PgbManifest *m)
{
	if (m->base == NULL || m->base->damaged_pages == 0)
		return CLI_COMPLETE;
	return psprintf("%s, %s damaged pages", CLI_COMPLETE, cli_number(m->base->damaged_pages));
}

static void
add_complete(CliTable *table, const PgbCatalogEntry *entry)
{
	const PgbManifest *m = entry->manifest;

	cli_table_add(table, pstrdup(m->id), pgb_kind_name(m->kind), m->database,
				  cli_time(m->as_of), cli_duration(m->finished_at - m->started_at),
				  m->base != NULL ? NULL : psprintf("%d", m->ntables), cli_size(m->raw_bytes),
				  cli_size(m->stored_bytes), status_of(m),
				  entry->proven_at != 0 ? cli_time(entry->proven_at) : NULL, m->label);
}

static void
add_damaged(CliTable *table, const PgbCatalogEntry *entry)
{
	cli_table_add(table, pstrdup(entry->id), pgb_kind_name(pgb_id_kind(entry->id)),
				  NULL, NULL, NULL, NULL, NULL, NULL, CLI_DAMAGED, NULL, NULL);
}

/* What is wrong with the damaged ones needs more room than a column. */
static void
print_damages(const PgbCatalogEntry *entries, int count)
{
	bool		is_first = true;

	for (int i = 0; i < count; i++)
	{
		if (entries[i].damage == NULL)
			continue;
		printf("%s%s: %s\n", is_first ? "\n" : "", entries[i].id,
			   cli_printable(entries[i].damage));
		is_first = false;
	}
}

static void
print_cluster(const PgbRepository *repository, const PgbCatalogEntry *entries, int count)
{
	CliTable	table;

	printf("Cluster " UINT64_FORMAT ":\n", repository->system_identifier);
	if (count == 0)
	{
		printf("no backups\n");
		return;
	}

	cli_table_init(&table, lengthof(titles), titles);
	for (int i = 0; i < count; i++)
	{
		if (entries[i].manifest != NULL)
			add_complete(&table, &entries[i]);
		else
			add_damaged(&table, &entries[i]);
	}
	cli_table_print(&table);
	print_damages(entries, count);
}

static void
list_as_text(const CliOptions *options, PgbRepository **repositories)
{
	printf("Repository %s\n", cli_printable(options->repository));
	for (; *repositories != NULL; repositories++)
	{
		int			count;
		PgbCatalogEntry *entries = pgb_catalog_list(*repositories, &count);

		printf("\n");
		print_cluster(*repositories, entries, count);
	}
}

/* ---- for programs ---- */

static void
describe_entry(PgbJsonWriter *w, uint64 cluster, const PgbCatalogEntry *entry)
{
	pgb_json_inline_object(w, NULL);
	if (entry->manifest != NULL)
		cli_describe(w, cluster, entry->manifest, entry->proven_at);
	else
		cli_describe_damage(w, cluster, entry->id, entry->damage);
	pgb_json_end_inline_object(w);
}

static void
list_as_json(const CliOptions *options, PgbRepository **repositories)
{
	StringInfoData text;
	PgbJsonWriter w;

	initStringInfo(&text);
	pgb_json_begin(&w, &text, true);
	pgb_json_object(&w, NULL);
	pgb_json_string(&w, "repository", options->repository);
	pgb_json_array(&w, "backups");
	for (; *repositories != NULL; repositories++)
	{
		int			count;
		PgbCatalogEntry *entries = pgb_catalog_list(*repositories, &count);

		for (int i = 0; i < count; i++)
			describe_entry(&w, (*repositories)->system_identifier, &entries[i]);
	}
	pgb_json_end_array(&w);
	pgb_json_end_object(&w);
	fputs(text.data, stdout);
}

/* ---- the command ---- */

static int
run(const CliOptions *options)
{
	PgbRepository **repositories = cli_open(options);

	if (options->json)
		list_as_json(options, repositories);
	else
		list_as_text(options, repositories);
	return 0;
}

const CliCommand cli_list = {
	.name = "list",
	.arguments = "",
	.description = "show the backups that there are",
	.nargs = 0,
	.writes_json = true,
	.run = run,
};
