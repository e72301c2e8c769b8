/*-------------------------------------------------------------------------
 *
 * find_map.c
 *	  What base backups know of relations, while the WAL is read.
 *
 * src/server/drops/find_map.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_class.h"
#include "server/drops/find.h"
#include "server/own_timeline.h"
#include "utils/memutils.h"

struct PgbFindMap
{
	PgbRepository *repository;
	PgbFindClass *class;
	PgbCatalogEntry *backups;	/* oldest first; on the way of the server, or without a manifest */
	int			nbackups;
	const PgbManifest *mapped;	/* whose map is loaded */
	PgbRelationMap *relations;	/* NULL: it could not be read */
	MemoryContext context;
};

static void
list_backups(PgbFindMap *map)
{
	PgbOwnWay	own = pgb_own_way(map->repository);
	PgbTimelineHistory *history = own.is_archived ? pgb_timeline_read(map->repository, own.timeline) : NULL;

	map->backups = pgb_catalog_list_base(map->repository, &map->nbackups);
	for (int i = 0; i < map->nbackups; i++)
	{
		PgbManifest *m = map->backups[i].manifest;

		if (m != NULL && (history == NULL || !pgb_timeline_includes(history, m->timeline, m->stop_lsn)))
			map->backups[i].manifest = NULL;
	}
}

static void
load_map(PgbFindMap *map, const PgbManifest *manifest)
{
	MemoryContext caller = CurrentMemoryContext;

	MemoryContextReset(map->context);
	map->relations = NULL;
	map->mapped = manifest;
	MemoryContextSwitchTo(map->context);
	PG_TRY();
	{
		map->relations = pgb_relation_map_read(map->repository, manifest, InvalidOid);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (code != ERRCODE_DATA_CORRUPTED && code != ERRCODE_UNDEFINED_FILE &&
			code != ERRCODE_UNDEFINED_OBJECT)
			PG_RE_THROW();
		FlushErrorState();
		ereport(WARNING,
				(errcode(code),
				 errmsg("backup \"%s\" cannot tell the names of relations", manifest->id)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
}

/* Of databases whose pg_class is not followed yet: what the WAL has said since is newer than the map. */
static void
follow_classes(PgbFindMap *map)
{
	for (int i = 0; map->relations != NULL && i < map->relations->count; i++)
	{
		const PgbMappedDatabase *database = &map->relations->databases[i];

		for (int r = 0; r < database->count; r++)
		{
			if (database->relations[r].oid == RelationRelationId)
				pgb_find_class_file(map->class, database->oid, database->relations[r].file_number, false);
		}
	}
}

/* The first backup from there on. */
static void
follow_first(PgbFindMap *map, XLogRecPtr beginning)
{
	for (int i = 0; i < map->nbackups; i++)
	{
		const PgbManifest *m = map->backups[i].manifest;

		if (m == NULL || m->start_lsn < beginning)
			continue;
		load_map(map, m);
		follow_classes(map);
		return;
	}
}

PgbFindMap *
pgb_find_map_open(PgbRepository *repository, PgbFindClass *class)
{
	PgbFindMap *map = palloc0(sizeof(PgbFindMap));

	map->repository = repository;
	map->class = class;
	map->context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup relation map",
										 ALLOCSET_DEFAULT_SIZES);
	list_backups(map);
	return map;
}

/* Transactions that commit after "since" may have begun before it, though hardly before a backup. */
XLogRecPtr
pgb_find_map_begin(PgbFindMap *map, TimestampTz since)
{
	XLogRecPtr	begin = InvalidXLogRecPtr;

	for (int i = 0; i < map->nbackups; i++)
	{
		const PgbManifest *m = map->backups[i].manifest;

		if (m != NULL && m->finished_at <= since)
			begin = m->start_lsn;
	}
	follow_first(map, begin);
	return begin;
}

void
pgb_find_map_choose(PgbFindMap *map, XLogRecPtr lsn)
{
	const PgbManifest *chosen = NULL;

	for (int i = 0; i < map->nbackups; i++)
	{
		const PgbManifest *m = map->backups[i].manifest;

		if (m != NULL && m->stop_lsn <= lsn)
			chosen = m;
	}
	if (chosen == NULL)
		map->relations = NULL;
	else if (chosen != map->mapped)
	{
		load_map(map, chosen);
		follow_classes(map);
	}
	if (chosen == NULL)
		map->mapped = NULL;
}

const PgbMappedDatabase *
pgb_find_map_database(const PgbFindMap *map, Oid oid)
{
	for (int i = 0; map->relations != NULL && i < map->relations->count; i++)
	{
		if (map->relations->databases[i].oid == oid)
			return &map->relations->databases[i];
	}
	return NULL;
}

static int
compare_oid(const void *a, const void *b)
{
	Oid			oid = *(const Oid *) a;
	const PgbMappedRelation *relation = b;

	return oid < relation->oid ? -1 : oid > relation->oid ? 1 : 0;
}

const PgbMappedRelation *
pgb_find_map_relation(const PgbFindMap *map, const PgbFindRelation *which)
{
	const PgbMappedDatabase *database = pgb_find_map_database(map, which->database);

	if (database == NULL || database->count == 0)
		return NULL;
	return bsearch(&which->oid, database->relations, database->count, sizeof(PgbMappedRelation),
				   compare_oid);
}
