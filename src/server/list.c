/*-------------------------------------------------------------------------
 *
 * list.c
 *	  pgbackup_list, pgbackup_list_all and pgbackup_contents: what the repository holds.
 *
 * They read the repository itself: it is the truth, and nothing in the
 * database needs to be kept the same as it.
 *
 * src/server/list.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "repo/file_list.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/place.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_list);
PG_FUNCTION_INFO_V1(pgbackup_list_all);
PG_FUNCTION_INFO_V1(pgbackup_contents);

/* Text of a manifest is UTF-8. */
static Datum
text_datum(const char *utf8)
{
	return CStringGetTextDatum(pgb_from_utf8(utf8));
}

/* What it is called by who wants it from here. */
static const char *
name_of(const PgbRepository *repository, const PgbCatalogEntry *entry)
{
	if (repository->system_identifier == GetSystemIdentifier())
		return entry->id;
	return psprintf(UINT64_FORMAT "/%s", repository->system_identifier, entry->id);
}

static void
list_entry(ReturnSetInfo *rsinfo, const PgbRepository *repository, const PgbCatalogEntry *entry)
{
	const PgbManifest *m = entry->manifest;
	Datum		values[17] = {0};
	bool		nulls[17];
	int			i = 0;

#define COLUMN(value) (nulls[i] = false, values[i++] = (value))
#define COLUMN_OR_NULL(pointer) \
	do { \
		if ((pointer) != NULL) \
			COLUMN(text_datum(pointer)); \
		else \
			i++; \
	} while (0)

	memset(nulls, true, sizeof(nulls));
	COLUMN(CStringGetTextDatum(name_of(repository, entry)));
	if (m == NULL)
	{
		COLUMN(CStringGetTextDatum(pgb_kind_name((PgbKind) entry->id[strlen(entry->id) - 1])));
		i += 2;
		COLUMN(CStringGetTextDatum(pgb_catalog_status(entry)));
	}
	else
	{
		COLUMN(CStringGetTextDatum(pgb_kind_name(m->kind)));
		COLUMN_OR_NULL(m->database);
		COLUMN_OR_NULL(m->label);
		COLUMN(CStringGetTextDatum(pgb_catalog_status(entry)));
		COLUMN(TimestampTzGetDatum(m->started_at));
		COLUMN(TimestampTzGetDatum(m->finished_at));
		COLUMN(Int64GetDatum(m->ntables));
		COLUMN(Int64GetDatum((int64) m->raw_bytes));
		COLUMN(Int64GetDatum((int64) m->stored_bytes));
		COLUMN(LSNGetDatum(m->start_lsn));
		COLUMN(LSNGetDatum(m->stop_lsn));
		COLUMN(Int32GetDatum((int32) m->timeline));
		COLUMN_OR_NULL(m->parent);
		COLUMN_OR_NULL(m->server_version);
		if (entry->proven_at != 0)
			COLUMN(TimestampTzGetDatum(entry->proven_at));
		else
			i++;
		if (m->base != NULL)
			COLUMN(Int64GetDatum((int64) m->base->damaged_pages));
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);

#undef COLUMN
#undef COLUMN_OR_NULL
}

static void
warn_of_damage(const PgbRepository *repository, const PgbCatalogEntry *entry)
{
	const char *name = name_of(repository, entry);

	ereport(WARNING,
			(errcode(entry->is_newer ? ERRCODE_FEATURE_NOT_SUPPORTED : ERRCODE_DATA_CORRUPTED),
			 entry->is_newer ? errmsg("backup \"%s\" was made by a newer version of pgbackup", name) :
			 errmsg("backup \"%s\" is damaged", name),
			 errdetail_internal("%s", entry->damage)));
}

static void
list_backups(ReturnSetInfo *rsinfo, PgbRepository *repository)
{
	int			count;
	PgbCatalogEntry *entries = pgb_catalog_list(repository, &count);

	for (int n = 0; n < count; n++)
	{
		if (entries[n].damage != NULL)
			warn_of_damage(repository, &entries[n]);
		list_entry(rsinfo, repository, &entries[n]);
	}
}

/* Before the first backup there is no repository, and nothing to list; after it there is. */
static bool
is_there(void)
{
	pgb_place_check(PGB_PLACE_BACKUPS, pgb_guc_repository);
	return access(pgb_guc_repository, F_OK) == 0 || errno != ENOENT;
}

Datum
pgbackup_list(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	if (is_there())
		list_backups((ReturnSetInfo *) fcinfo->resultinfo, pgb_server_repository(false));
	PG_RETURN_NULL();
}

/* The same of every cluster, such as the one that was here before this one. */
Datum
pgbackup_list_all(PG_FUNCTION_ARGS)
{
	uint64	   *clusters;

	InitMaterializedSRF(fcinfo, 0);
	if (!is_there())
		PG_RETURN_NULL();
	clusters = pgb_repository_clusters(pgb_repository_open_store(pgb_guc_repository, false));
	for (; *clusters != 0; clusters++)
	{
		CHECK_FOR_INTERRUPTS();
		list_backups((ReturnSetInfo *) fcinfo->resultinfo,
					 pgb_repository_open(pgb_guc_repository, *clusters, false));
	}
	PG_RETURN_NULL();
}

/* The tables with data of a logical backup. */
static void
list_tables(ReturnSetInfo *rsinfo, const PgbManifest *m)
{
	for (int n = 0; n < m->ntables; n++)
	{
		const PgbTable *table = &m->tables[n];
		Datum		values[6] = {0};
		bool		nulls[6] = {0};

		values[0] = text_datum(table->schema_name);
		values[1] = text_datum(table->table_name);
		nulls[2] = (table->row_count == PGB_ROWS_UNKNOWN);
		values[2] = Int64GetDatum((int64) table->row_count);
		values[3] = Int64GetDatum((int64) table->raw_bytes);
		values[4] = Int64GetDatum((int64) table->stored_bytes);
		nulls[5] = true;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* The files of a base backup.  They share frames: none has a stored length of its own. */
static void
list_files(ReturnSetInfo *rsinfo, PgbRepository *repository, const PgbManifest *m)
{
	PgbFileList *list = pgb_file_list_read(repository, m);

	for (int n = 0; n < list->count; n++)
	{
		const PgbFile *file = &list->files[n];
		Datum		values[6] = {0};
		bool		nulls[6] = {true, true, true, false, true, false};

		CHECK_FOR_INTERRUPTS();
		if (file->type != PGB_FILE_REGULAR)
			continue;
		values[3] = Int64GetDatum((int64) file->size);
		values[5] = CStringGetTextDatum(pgb_bytes_to_text(file->path));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

Datum
pgbackup_contents(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *backup = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *slash = strchr(backup, '/');
	const char *id = slash != NULL ? slash + 1 : backup;
	PgbRepository *repository;
	PgbManifest *m;
	bool		is_base;

	InitMaterializedSRF(fcinfo, 0);
	is_base = pgb_id_is_valid(id) && pgb_id_kind(id) != PGB_LOGICAL;
	m = pgb_server_backup(backup, is_base ? PGB_ANY_KIND : PGB_LOGICAL,
						  is_base ? NULL : pgb_to_utf8(get_database_name(MyDatabaseId)), &repository);
	if (m->kind == PGB_LOGICAL)
		list_tables(rsinfo, m);
	else
		list_files(rsinfo, repository, m);
	PG_RETURN_NULL();
}
