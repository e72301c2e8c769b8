/*-------------------------------------------------------------------------
 *
 * sandbox_tables.c
 *	  How large the wanted tables are in the backup.
 *
 * src/server/recovery/sandbox_tables.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "server/guc.h"
#include "server/recovery/sandbox_work.h"

static bool
is_wanted(const PgbSandboxRequest *request, const PgbMappedRelation *relation)
{
	return !relation->is_shared && OidIsValid(relation->file_number) &&
		list_member_oid(request->wanted, relation->oid);
}

static void
add(PgbInstructions *tables, const PgbMappedDatabase *database, const PgbMappedRelation *relation)
{
	PgbDenied  *file = &tables->denied[tables->ndenied++];

	file->tablespace = OidIsValid(relation->tablespace) ? relation->tablespace : database->tablespace;
	file->database = database->oid;
	file->file_number = relation->file_number;
}

static const PgbMappedRelation *
find_toast(const PgbMappedDatabase *database, Oid toast)
{
	for (int i = 0; i < database->count; i++)
	{
		if (database->relations[i].oid == toast)
			return OidIsValid(database->relations[i].file_number) ? &database->relations[i] : NULL;
	}
	return NULL;
}

/* Instructions that deny the tables and nothing else: what they deny is what is looked for. */
static PgbInstructions
instructions_of(const PgbSandboxRequest *request, const PgbMappedDatabase *database)
{
	PgbInstructions tables = {.ndatabases = 1, .databases = {database->oid}};

	tables.denied = palloc(sizeof(PgbDenied) * 2 * (list_length(request->wanted) + 1));
	for (int i = 0; i < database->count; i++)
	{
		const PgbMappedRelation *relation = &database->relations[i];
		const PgbMappedRelation *toast;

		CHECK_FOR_INTERRUPTS();
		if (!is_wanted(request, relation))
			continue;
		add(&tables, database, relation);
		toast = OidIsValid(relation->toast) ? find_toast(database, relation->toast) : NULL;
		if (toast != NULL)
			add(&tables, database, toast);
	}
	pgb_instructions_sort(tables.denied, tables.ndenied);
	return tables;
}

uint64
pgb_sandbox_table_bytes(const PgbSandboxRequest *request)
{
	PgbRepository *repository = pgb_server_repository(false);
	const PgbManifest *backup = request->route->backup;
	PgbRelationMap *map = pgb_relation_map_read(repository, backup, request->database);
	PgbInstructions tables;
	PgbInstructions database;
	PgbFileList *files;
	uint64		bytes = 0;

	if (map->count == 0)
		return 0;
	files = pgb_file_list_read(repository, backup);
	tables = instructions_of(request, &map->databases[0]);
	database = tables;
	database.ndenied = 0;
	for (int i = 0; i < files->count; i++)
	{
		const PgbFile *file = &files->files[i];

		CHECK_FOR_INTERRUPTS();
		if (!pgb_sandbox_wants(file, &tables) && pgb_sandbox_wants(file, &database))
			bytes += file->size;
	}
	return bytes;
}
