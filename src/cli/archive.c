/*-------------------------------------------------------------------------
 *
 * archive.c
 *	  A logical backup is opened: its manifest, its table of contents, and the
 *	  relations that the two tell of.
 *
 * src/cli/archive.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/archive.h"

#include "repo/toc_select.h"

/* What is larger cannot have been written by pg_dump's server, which holds it in memory. */
#define TOC_LIMIT	((uint64) 4 * 1024 * 1024 * 1024)

const PgbStoredFile *
cli_archive_file(const CliArchive *archive, const char *name)
{
	const PgbStoredFile *file = pgb_manifest_file(archive->manifest, name);

	if (file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" does not describe file \"%s\"", archive->manifest->id, name),
				 errhint(PGB_HINT_DAMAGED)));
	return file;
}

static CliRelation *
add_relation(CliArchive *archive, const PgbTocEntry *entry)
{
	CliRelation *relation = &archive->relations[archive->nrelations++];

	relation->schema_name = entry->schema_name == NULL ? "" : entry->schema_name;
	relation->name = entry->tag == NULL ? "" : entry->tag;
	relation->entry = entry;
	relation->table = NULL;
	return relation;
}

/*
 * The rows of a table, and its names: those of the manifest are UTF-8, whatever the
 * encoding of the database.  Without a definition (of an extension, or in a backup of
 * rows alone) they are all there is.
 */
static void
add_rows(CliArchive *archive, CliRelation *const *by_place, const PgbTable *table)
{
	const PgbTocEntry *rows = pgb_toc_by_dump_id(archive->toc, table->dump_id);
	const PgbTocEntry *definition;
	CliRelation *relation = NULL;

	if (rows == NULL || table->file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the rows of table \"%s\" of backup \"%s\" are not described",
						table->table_name, archive->manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	definition = pgb_toc_relation_of(archive->toc, rows);
	if (definition != NULL)
		relation = by_place[definition - archive->toc->entries];
	if (relation == NULL)
		relation = add_relation(archive, rows);
	relation->schema_name = table->schema_name;
	relation->name = table->table_name;
	relation->table = table;
}

/* Sequences come along with their tables, and cannot be named. */
static void
find_all_relations(CliArchive *archive)
{
	const PgbToc *toc = archive->toc;
	size_t		size = ((size_t) toc->count + archive->manifest->ntables) * sizeof(CliRelation);

	CliRelation **by_place = palloc_extended((size_t) toc->count * sizeof(CliRelation *),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	archive->relations = palloc_extended(size, MCXT_ALLOC_HUGE);
	for (int i = 0; i < toc->count; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];

		if (pgb_toc_is_relation(entry) && strcmp(entry->desc, "SEQUENCE") != 0)
			by_place[i] = add_relation(archive, entry);
	}
	for (int i = 0; i < archive->manifest->ntables; i++)
		add_rows(archive, by_place, &archive->manifest->tables[i]);
	pfree(by_place);
}

CliArchive *
cli_archive_open(const CliOptions *options)
{
	CliArchive *archive = palloc0(sizeof(CliArchive));
	const char *backup = options->args[0];

	archive->repository = cli_choose(options, backup);
	archive->manifest = pgb_catalog_get(archive->repository, backup, PGB_LOGICAL, NULL);
	archive->toc_data = pgb_backup_read_file(archive->repository, archive->manifest, PGB_TOC_NAME,
											 TOC_LIMIT, &archive->toc_length);
	archive->toc = pgb_toc_parse(archive->toc_data, archive->toc_length, PGB_TOC_NAME);
	find_all_relations(archive);
	return archive;
}
