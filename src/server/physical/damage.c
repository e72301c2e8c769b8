/*-------------------------------------------------------------------------
 *
 * damage.c
 *	  Damaged pages of a base backup are told of.
 *
 * src/server/physical/damage.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "repo/relation_map.h"
#include "server/encoding.h"
#include "server/physical/damage.h"
#include "server/worker_session.h"

/* The database of a file of a relation: the directory it is in, or 0 for "global". */
static Oid
database_of(const char *path)
{
	const char *name = strrchr(path, '/');
	const char *folder = name;

	while (folder > path && folder[-1] != '/')
		folder--;
	return (Oid) strtoul(folder, NULL, 10);
}


/* "table public.orders of database shop", or NULL */
static char *
describe_relation(const PgbRelationMap *map, Oid database, Oid file_number)
{
	for (int i = 0; i < map->count; i++)
	{
		const PgbMappedDatabase *from = &map->databases[i];

		for (int j = 0; j < from->count; j++)
		{
			const PgbMappedRelation *relation = &from->relations[j];

			if (relation->file_number != file_number ||
				relation->is_shared != !OidIsValid(database))
				continue;
			if (relation->is_shared)
				return psprintf("relation %s.%s", pgb_from_utf8(relation->schema_name),
								pgb_from_utf8(relation->name));
			return psprintf("relation %s.%s of database %s", pgb_from_utf8(relation->schema_name),
							pgb_from_utf8(relation->name), pgb_from_utf8(from->name));
		}
	}
	return NULL;
}

static void
tell(const PgbWalkedFile *walked, BlockNumber block, const char *relation)
{
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 relation != NULL ?
			 errmsg("block %u of %s is damaged", block, relation) :
			 errmsg("block %u of file \"%s\" is damaged", block, walked->file.path),
			 errdetail("Its checksum is wrong in file \"%s\".  The backup has the page as it is.",
					   walked->file.path),
			 errhint("Restore the page or the relation from an earlier backup.")));
}

void
pgb_report_damage(PgbRepository *repository, const PgbManifest *manifest, const PgbWalk *walk,
				  const PgbCopied *copied)
{
	MemoryContext context = CurrentMemoryContext;
	PgbRelationMap *map = NULL;
	Oid			of = InvalidOid;

	pgb_worker_begin();
	for (int i = 0; i < Min(copied->ndamaged, PGB_DAMAGED_PAGES_TOLD); i++)
	{
		const PgbDamagedPage *page = &copied->damaged[i];
		const PgbWalkedFile *walked = &walk->files[page->file];
		Oid			database = database_of(walked->file.path);

		if (map == NULL || of != database)
			map = pgb_relation_map_read(repository, manifest, database);
		of = database;
		tell(walked, page->block, describe_relation(map, database, walked->relation.number));
	}
	pgb_worker_commit();
	MemoryContextSwitchTo(context);
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("backup \"%s\" has %llu damaged pages", manifest->id,
					(unsigned long long) copied->damaged_count)));
}
