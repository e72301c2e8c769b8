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
				  NULL, NULL, NULL, NULL, NULL, NULL, pgb_catalog_status(entry), NULL, NULL);
}

/* What is wrong with the damaged ones needs more room than a column. */
static void
print_damages(const CliCluster *cluster)
{
	bool		is_first = true;

	for (int i = 0; i < cluster->count; i++)
	{
		const PgbCatalogEntry *entry = &cluster->entries[i];

		if (entry->damage == NULL)
			continue;
		printf("%s%s: %s\n", is_first ? "\n" : "", entry->id, cli_printable(entry->damage));
		is_first = false;
	}
}

static void
print_cluster(const CliCluster *cluster)
{
	CliTable	table;

	printf("Cluster " UINT64_FORMAT ":\n", cluster->id);
	if (cluster->count == 0)
	{
		printf("no backups\n");
		return;
	}

	cli_table_init(&table, lengthof(titles), titles);
	for (int i = 0; i < cluster->count; i++)
	{
		if (cluster->entries[i].manifest != NULL)
			add_complete(&table, &cluster->entries[i]);
		else
			add_damaged(&table, &cluster->entries[i]);
	}
	cli_table_print(&table);
	print_damages(cluster);
}

static void
list_as_text(const CliOptions *options, const CliCluster *clusters)
{
	printf("Repository %s\n", cli_printable(options->repository));
	for (; clusters->repository != NULL; clusters++)
	{
		printf("\n");
		print_cluster(clusters);
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
		cli_describe_damage(w, cluster, entry);
	pgb_json_end_inline_object(w);
}

static void
list_as_json(const CliOptions *options, const CliCluster *clusters)
{
	PgbJsonWriter *w = cli_json_begin(options);

	pgb_json_array(w, "backups");
	for (; clusters->repository != NULL; clusters++)
	{
		for (int i = 0; i < clusters->count; i++)
			describe_entry(w, clusters->id, &clusters->entries[i]);
	}
	pgb_json_end_array(w);
	cli_json_end(w);
}

/* ---- the command ---- */

static int
run(const CliOptions *options)
{
	CliCluster *clusters = cli_clusters(options);

	if (options->json)
		list_as_json(options, clusters);
	else
		list_as_text(options, clusters);
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
