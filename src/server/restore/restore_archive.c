/*-------------------------------------------------------------------------
 *
 * restore_archive.c
 *	  The archive: may it be restored here, and what pg_restore reads of it.
 *
 * pg_restore gets a folder of its own, with the bytes of the table of contents whose
 * checksum has been verified, wherever the repository is.  The folder is one of the
 * server's temporary ones: should the server crash, it removes it when it starts.
 *
 * src/server/restore/restore_archive.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_tablespace.h"
#include "commands/dbcommands.h"
#include "commands/tablespace.h"
#include "common/file_utils.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/options.h"
#include "server/restore/restore.h"
#include "storage/fd.h"

/* of an entry, as pg_dump numbers them */
#define SECTION_NONE		1
#define SECTION_DATA		3

#define VALUES_LIST			"values.list"

char *
pgb_restore_text(const PgbRestore *restore, const char *text)
{
	char	   *converted;

	if (text == NULL)
		return NULL;
	converted = pg_any_to_server(text, strlen(text), restore->encoding);
	return converted == text ? pstrdup(text) : converted;
}

/* ---- may it be restored? ---- */

static void
check_version(const PgbManifest *manifest)
{
	int			major = manifest->server_version_num / 10000;

	if (major > PG_VERSION_NUM / 10000)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("backup \"%s\" is of a newer server than this one", manifest->id),
				 errdetail("It was made by version %s, and this server is of version %s.",
						   manifest->server_version, PG_VERSION),
				 errhint("Restore it on a server of version %d or later.", major)));
}

static int
archive_encoding(const PgbManifest *manifest)
{
	int			encoding = manifest->encoding == NULL ? -1 : pg_char_to_encoding(manifest->encoding);

	if (encoding < 0 || !PG_VALID_BE_ENCODING(encoding))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no known encoding: \"%s\"", manifest->id,
						manifest->encoding == NULL ? "" : manifest->encoding),
				 errhint(PGB_HINT_DAMAGED)));
	return encoding;
}

/* What the backup was told to leave out, the database has not got. */
static void
check_contents(PgbRestore *restore)
{
	const PgbManifest *manifest = restore->manifest;
	PgbRunOptions *options;

	if (manifest->options == NULL)
		return;
	options = pgb_options_from_json(manifest->options);
	if (options->content == PGB_CONTENT_DATA)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("backup \"%s\" has rows, but no definitions of tables", manifest->id),
				 errdetail("It was made with content => 'data'."),
				 errhint("Restore a backup with content => 'all', or use pg_restore with a database that has the tables.")));
	if (options->content == PGB_CONTENT_SCHEMA)
		pgb_restore_remark(restore, "The backup has no rows: it was made with content => 'schema'.");
	if (options->schemas != NIL || options->tables != NIL ||
		options->exclude_schemas != NIL || options->exclude_tables != NIL)
		pgb_restore_remark(restore, "The backup has only a part of database \"%s\": it was made for certain schemas or tables.",
						   pgb_from_utf8(manifest->database));
	if (options->exclude_table_data != NIL)
		pgb_restore_remark(restore, "The backup was made without the rows of certain tables.");
}

/*
 * Nobody knows how large the database will be; but hardly smaller than the compressed
 * backup.
 */
static void
check_room(const PgbManifest *manifest)
{
	uint64		room;
	uint64		total;

	if (pgb_disk_room(DataDir, &room, &total) && room < manifest->stored_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_DISK_FULL),
				 errmsg("there is no room for the database of backup \"%s\"", manifest->id),
				 errdetail("The backup has %llu bytes, and %llu are free in the file system of the data directory.",
						   (unsigned long long) manifest->stored_bytes, (unsigned long long) room),
				 errhint("Free space, or restore it on another server.")));
}

/* pg_restore can leave all tablespaces out, but not one of them. */
static void
check_tablespaces(PgbRestore *restore)
{
	List	   *missing = NIL;
	StringInfoData names;
	ListCell   *lc;

	for (int i = 0; i < restore->toc->count; i++)
	{
		char	   *name = pgb_restore_text(restore, restore->toc->entries[i].tablespace);
		bool		known = name == NULL || name[0] == '\0' ||
			OidIsValid(get_tablespace_oid(name, true));

		foreach(lc, missing)
			known = known || strcmp(lfirst(lc), name) == 0;
		if (!known)
			missing = lappend(missing, name);
		CHECK_FOR_INTERRUPTS();
	}
	if (missing == NIL)
		return;

	initStringInfo(&names);
	foreach(lc, missing)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", (char *) lfirst(lc));
	restore->missing_tablespaces = names.data;
	pgb_restore_remark(restore, "Tablespaces that do not exist here: %s. All tables and indexes are in the default tablespace of the database.",
					   names.data);
}

void
pgb_restore_open_archive(PgbRestore *restore)
{
	restore->manifest = pgb_server_backup(restore->request.backup, PGB_LOGICAL,
										  pgb_to_utf8(get_database_name(MyDatabaseId)), &restore->repository);
	check_version(restore->manifest);
	restore->encoding = archive_encoding(restore->manifest);
	check_contents(restore);
	check_room(restore->manifest);

	restore->toc_data = pgb_backup_read_file(restore->repository, restore->manifest, PGB_TOC_NAME,
											 MaxAllocSize - 1, &restore->toc_length);
	restore->toc = pgb_toc_parse(restore->toc_data, restore->toc_length,
								 psprintf("%s of backup %s", PGB_TOC_NAME, restore->manifest->id));
	check_tablespaces(restore);
}

/* ---- the folder ---- */

/* A file in the folder; returns its path. */
static char *
write_file(const PgbRestore *restore, const char *name, const void *data, size_t length)
{
	char	   *path = psprintf("%s/%s", restore->folder, name);
	FILE	   *file = AllocateFile(path, PG_BINARY_W);

	if (file == NULL || fwrite(data, 1, length, file) != length || FreeFile(file) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", path)));
	return path;
}

void
pgb_restore_make_folder(PgbRestore *restore)
{
	char		base[MAXPGPATH];
	char	   *folder;

	pgb_restore_begin(restore);
	TempTablespacePath(base, DEFAULTTABLESPACE_OID);
	folder = psprintf("%s/%s%d.pgbackup", base, PG_TEMP_FILE_PREFIX, MyProcPid);
	restore->folder = psprintf("%s/%s", DataDir, folder);
	PathNameCreateTemporaryDir(base, folder);
	write_file(restore, PGB_TOC_NAME, restore->toc_data, restore->toc_length);
	pgb_restore_commit(restore);
}

void
pgb_restore_remove_folder(PgbRestore *restore)
{
	if (restore->folder != NULL)
		PathNameDeleteTemporaryDir(restore->folder);
	restore->folder = NULL;
}

char *
pgb_restore_list_values(PgbRestore *restore)
{
	StringInfoData list;
	char	   *path = NULL;
	int			section = SECTION_NONE;

	initStringInfo(&list);
	for (int i = 0; i < restore->toc->count; i++)
	{
		const PgbTocEntry *entry = &restore->toc->entries[i];

		/* one without a section belongs to that of the entry before it */
		if (entry->section != SECTION_NONE)
			section = entry->section;
		if (section == SECTION_DATA &&
			strcmp(entry->desc, PGB_DESC_TABLE_DATA) != 0 &&
			strcmp(entry->desc, PGB_DESC_LARGE_OBJECTS) != 0)
			appendStringInfo(&list, "%d;\n", entry->dump_id);
	}
	if (list.len > 0)
	{
		pgb_restore_begin(restore);
		path = write_file(restore, VALUES_LIST, list.data, list.len);
		pgb_restore_commit(restore);
	}
	return path;
}
