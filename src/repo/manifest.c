/*-------------------------------------------------------------------------
 *
 * manifest.c
 *	  What a backup says of itself, in memory.
 *
 * src/repo/manifest.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/manifest.h"

void
pgb_manifest_totals(PgbManifest *manifest)
{
	manifest->raw_bytes = 0;
	manifest->stored_bytes = 0;
	for (int i = 0; i < manifest->nfiles; i++)
	{
		manifest->raw_bytes += manifest->files[i].raw_bytes;
		manifest->stored_bytes += manifest->files[i].stored_bytes;
	}
}

static int
compare_file_name(const void *name, const void *file)
{
	return strcmp(name, ((const PgbStoredFile *) file)->name);
}

PgbStoredFile *
pgb_manifest_file(const PgbManifest *manifest, const char *name)
{
	if (manifest->nfiles == 0)
		return NULL;
	return bsearch(name, manifest->files, manifest->nfiles,
				   sizeof(PgbStoredFile), compare_file_name);
}

PgbTable *
pgb_manifest_table_by_dump_id(const PgbManifest *manifest, int dump_id)
{
	for (int i = 0; i < manifest->ntables; i++)
	{
		if (manifest->tables[i].dump_id == dump_id)
			return &manifest->tables[i];
	}
	return NULL;
}
