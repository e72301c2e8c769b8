/*-------------------------------------------------------------------------
 *
 * test_file_list.c
 *	  The files of a base backup, and the map of its relations: written, read, damaged.
 *
 * test/unit/repo/test_file_list.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include "io/digest.h"
#include "repo/file_list.h"
#include "repo/relation_map.h"

#define PACK_BYTES	(3 * PGB_FRAME_TARGET)
#define ODD_NAME	"base/a b\n\"c\"\\%\xFF\x01"

static char *directory;
static PgbRepository *repository;
static char *content;			/* of the pack */

/* ---- a base backup ---- */

static PgbBase *
make_base(void)
{
	PgbBase    *base = palloc0(sizeof(PgbBase));

	base->block_size = 8192;
	base->segment_size = 16 * 1024 * 1024;
	base->checksums = true;
	base->damaged_pages = 3;
	base->file_count = 4;
	base->file_bytes = 12345;
	base->backup_label = pstrdup("START WAL LOCATION: 0/2000028\nLABEL: 100%\n");
	base->tablespace_map = pstrdup("16400 /mnt/\xE9t\xE9\n");
	base->ntablespaces = 2;
	base->tablespaces = palloc0(2 * sizeof(PgbTablespace));
	base->tablespaces[0].oid = 16400;
	base->tablespaces[0].path = pstrdup("/mnt/\xE9t\xE9");
	base->tablespaces[0].size = 8192;
	base->tablespaces[1].oid = 16401;
	return base;
}

static PgbFile
make_file(const char *path, uint64 offset, uint64 length)
{
	PgbFile		file = {PGB_FILE_REGULAR};

	file.path = pstrdup(path);
	file.mode = 0600;
	file.modified_at = INT64CONST(824830200123456);
	file.size = length;
	file.crc = pgb_crc32c(content + offset, length);
	file.nextents = length > 0;
	file.extents = palloc0(sizeof(PgbExtent));
	file.extents[0].pack = 1;
	file.extents[0].pack_offset = offset;
	file.extents[0].length = length;
	return file;
}

static PgbFile
make_directory(const char *path)
{
	PgbFile		file = {PGB_FILE_DIRECTORY};

	file.path = pstrdup(path);
	file.mode = 0700;
	return file;
}

static PgbFileList *
make_list(void)
{
	PgbFileList *list = palloc0(sizeof(PgbFileList));
	PgbFile    *files = palloc0(16 * sizeof(PgbFile));
	PgbFile		large = make_file("base/1/2", 0, 0);

	/* in two extents, the later part of the pack first */
	large.size = 2 * PGB_FRAME_TARGET;
	large.nextents = 2;
	large.extents = palloc0(2 * sizeof(PgbExtent));
	large.extents[0].pack = large.extents[1].pack = 1;
	large.extents[0].pack_offset = 2 * PGB_FRAME_TARGET;
	large.extents[0].length = large.extents[1].length = PGB_FRAME_TARGET;
	large.crc = pgb_crc32c_extend(pgb_crc32c(content + 2 * PGB_FRAME_TARGET, PGB_FRAME_TARGET),
								  content, PGB_FRAME_TARGET);

	files[list->count] = make_directory("pg_tblspc/16400");
	files[list->count].type = PGB_FILE_TABLESPACE;
	files[list->count++].target = pstrdup("/mnt/\xE9t\xE9");
	files[list->count++] = large;
	files[list->count++] = make_file(ODD_NAME, 100, 10);
	files[list->count++] = make_file("PG_VERSION", PGB_FRAME_TARGET - 1, 3);
	files[list->count++] = make_file("base/empty", 0, 0);
	files[list->count++] = make_directory("base/1");
	files[list->count++] = make_directory("base");
	files[list->count++] = make_directory("pg_tblspc");
	list->files = files;
	return list;
}

static void
write_map(PgbBackupWriter *writer, PgbStoredFile *file)
{
	PgbSink    *sink = pgb_relation_map_begin(writer, 1, file);
	StringInfoData lines;
	PgbMappedDatabase first = {.oid = 5, .name = "postgres", .tablespace = 1663, .is_complete = true};
	PgbMappedDatabase second = {.oid = 16384, .name = "gr\xC3\xB6\xC3\x9F""e", .tablespace = 16400};
	PgbMappedDatabase third = {.oid = 16385, .name = "shop", .tablespace = 1663, .is_complete = true};
	PgbMappedRelation table = {.oid = 1259, .file_number = 1259, .kind = 'r', .persistence = 'p',
	.schema_name = "pg_catalog", .name = "pg_class"};
	PgbMappedRelation index = {.oid = 2671, .file_number = 2671, .tablespace = 1664, .kind = 'i',
		.persistence = 'p', .is_shared = true, .schema_name = "pg_catalog",
	.name = "pg_database_datname_index", .table = 1262, .toast = 7, .parent = 8};

	initStringInfo(&lines);
	pgb_mapped_database_line(&lines, &first);
	pgb_mapped_relation_line(&lines, &table);
	pgb_mapped_relation_line(&lines, &index);
	pgb_mapped_database_line(&lines, &second);
	pgb_mapped_database_line(&lines, &third);
	pgb_mapped_relation_line(&lines, &table);
	pgb_sink_write(sink, lines.data, lines.len);
	pgb_sink_finish(sink);
}

/* A base backup with such a list. */
static PgbManifest *
make_backup(PgbFileList *list)
{
	PgbBackupWriter *writer = pgb_backup_begin(repository, PGB_FULL);
	PgbManifest *m = sample_header();
	PgbStoredFile file;
	PgbSink    *sink;

	m->database = m->encoding = NULL;
	m->base = make_base();
	sink = pgb_backup_sink_create(writer, pgb_pack_name(1), 1, PGB_FRAME_BYTES, &file);
	pgb_sink_write(sink, content, PACK_BYTES);
	pgb_sink_finish(sink);
	sample_add_file(m, &file);
	pgb_file_list_write(writer, list, 1, &file);
	sample_add_file(m, &file);
	write_map(writer, &file);
	sample_add_file(m, &file);
	pgb_backup_commit(writer, m);
	return pgb_catalog_get(repository, m->id, PGB_FULL, NULL);
}

/* ---- tests ---- */

static void
test_manifest(const PgbManifest *m)
{
	ok(m->base != NULL && m->base->checksums, "a base backup says what it is");
	is_uint(m->base->block_size, 8192, "its block size");
	is_uint(m->base->segment_size, 16 * 1024 * 1024, "the size of segments");
	is_uint(m->base->damaged_pages, 3, "its damaged pages");
	is_uint(m->base->file_count, 4, "its files");
	is_uint(m->base->file_bytes, 12345, "their bytes");
	is_str(m->base->backup_label, "START WAL LOCATION: 0/2000028\nLABEL: 100%\n", "the label");
	is_str(m->base->tablespace_map, "16400 /mnt/\xE9t\xE9\n", "the map, which is not UTF-8");
	is_str(m->base->history, NULL, "there is no history");
	is_uint(m->base->ntablespaces, 2, "its tablespaces");
	is_uint(m->base->tablespaces[0].oid, 16400, "the first of them");
	is_str(m->base->tablespaces[0].path, "/mnt/\xE9t\xE9", "where it was");
	is_uint(m->base->tablespaces[0].size, 8192, "how large it was");
	is_str(m->base->tablespaces[1].path, NULL, "one in place has no path");
}

static void
test_list(const PgbManifest *m)
{
	PgbFileList *list = pgb_file_list_read(repository, m);
	PgbFile    *file;

	is_uint(list->count, 8, "all files are listed");
	is_str(list->files[0].path, "PG_VERSION", "in order");
	file = pgb_file_list_find(list, ODD_NAME);
	ok(file != NULL, "an odd name is found");
	is_uint(file->mode, 0600, "the mode");
	ok(file->modified_at == INT64CONST(824830200123456), "the time");
	is_uint(file->crc, pgb_crc32c(content + 100, 10), "the checksum");
	ok(memcmp(pgb_file_read(repository, m, file, 2, 5), content + 102, 5) == 0, "a part of it");
	raises(ERRCODE_DATA_CORRUPTED, "not more than there is", pgb_file_read(repository, m, file, 6, 5));

	file = pgb_file_list_find(list, "PG_VERSION");
	ok(memcmp(pgb_file_read(repository, m, file, 0, 3), content + PGB_FRAME_TARGET - 1, 3) == 0,
	   "what lies in two frames");
	file = pgb_file_list_find(list, "base/empty");
	ok(file != NULL && file->size == 0 && file->nextents == 0, "an empty file");
	file = pgb_file_list_find(list, "base/1/2");
	is_uint(file->nextents, 2, "a file in two extents");
	is_uint(pgb_crc32c(pgb_file_read(repository, m, file, 0, file->size), file->size), file->crc,
			"has its content in their order");
	is_uint(pgb_file_list_find(list, "base/1")->type, PGB_FILE_DIRECTORY, "a directory");
	file = pgb_file_list_find(list, "pg_tblspc/16400");
	ok(file->type == PGB_FILE_TABLESPACE, "a tablespace");
	is_str(file->target, "/mnt/\xE9t\xE9", "and its place");
	ok(pgb_file_list_find(list, "base/none") == NULL, "what is not there");
}

static void
test_map(const PgbManifest *m)
{
	PgbRelationMap *map = pgb_relation_map_read(repository, m, InvalidOid);
	PgbMappedRelation *index = &map->databases[0].relations[1];

	is_uint(map->count, 3, "the map has all databases");
	is_uint(map->databases[0].count, 2, "and their relations");
	ok(map->databases[0].is_complete && !map->databases[1].is_complete, "and what is not known");
	is_str(map->databases[1].name, "gr\xC3\xB6\xC3\x9F""e", "names");
	is_uint(map->databases[1].tablespace, 16400, "and tablespaces");
	ok(index->oid == 2671 && index->file_number == 2671 && index->tablespace == 1664 &&
	   index->kind == 'i' && index->persistence == 'p' && index->is_shared &&
	   index->table == 1262 && index->toast == 7 && index->parent == 8, "all of a relation");
	is_str(index->name, "pg_database_datname_index", "its name");

	map = pgb_relation_map_read(repository, m, 16385);
	ok(map->count == 1 && map->databases[0].oid == 16385 && map->databases[0].count == 1,
	   "one database alone");
	is_uint(pgb_relation_map_read(repository, m, 99)->count, 0, "one that is not there");
}

static void
refuses(const char *name, void (*change) (PgbFileList *list))
{
	PgbFileList *list = make_list();
	PgbManifest *m;

	change(list);
	m = make_backup(list);
	raises(ERRCODE_DATA_CORRUPTED, name, pgb_file_list_read(repository, m));
}

static void
change_up(PgbFileList *list)
{
	list->files[3].path = pstrdup("base/../x");
}

static void
change_absolute(PgbFileList *list)
{
	list->files[3].path = pstrdup("/etc/passwd");
}

static void
change_twice(PgbFileList *list)
{
	list->files[3].path = pstrdup("base/empty");
}

static void
change_orphan(PgbFileList *list)
{
	list->files[3].path = pstrdup("nowhere/file");
}

static void
change_below_file(PgbFileList *list)
{
	list->files[3].path = pstrdup("base/empty/file");
}

static void
change_extent(PgbFileList *list)
{
	list->files[3].extents[0].pack_offset = PACK_BYTES - 2;
}

static void
change_wrap(PgbFileList *list)
{
	list->files[3].extents[0].pack_offset = PG_UINT64_MAX;
}

static void
change_pack(PgbFileList *list)
{
	list->files[3].extents[0].pack = 2;
}

static void
change_size(PgbFileList *list)
{
	list->files[3].size++;
}

static void
change_target(PgbFileList *list)
{
	list->files[0].target = pstrdup("../x");
}

static void
change_tablespace(PgbFileList *list)
{
	list->files[0].path = pstrdup("base/link");
}

static void
test_damage(void)
{
	refuses("a path that leads up", change_up);
	refuses("an absolute path", change_absolute);
	refuses("a path that comes twice", change_twice);
	refuses("a file without its directory", change_orphan);
	refuses("a file below a file", change_below_file);
	refuses("an extent beyond the pack", change_extent);
	refuses("an extent that wraps around", change_wrap);
	refuses("a pack that is not there", change_pack);
	refuses("extents that are not the file", change_size);
	refuses("a tablespace that is not absolute", change_target);
	refuses("a link elsewhere", change_tablespace);
}

static void
test_bytes(void)
{
	is_str(pgb_bytes_to_text(ODD_NAME), "base/a b\n\"c\"\\%25%FF%01", "bytes become text");
	is_str(pgb_bytes_from_text("base/a b\n\"c\"\\%25%FF%01", "x"), ODD_NAME, "and come back");
	raises(ERRCODE_DATA_CORRUPTED, "half an escape", pgb_bytes_from_text("a%4", "x"));
	raises(ERRCODE_DATA_CORRUPTED, "none at all", pgb_bytes_from_text("a%", "x"));
	raises(ERRCODE_DATA_CORRUPTED, "a zero byte", pgb_bytes_from_text("a%00", "x"));
	raises(ERRCODE_DATA_CORRUPTED, "lower case", pgb_bytes_from_text("a%ff", "x"));
	raises(ERRCODE_DATA_CORRUPTED, "what needs no escape", pgb_bytes_from_text("a%41", "x"));
	raises(ERRCODE_DATA_CORRUPTED, "what needs one", pgb_bytes_from_text("a\xFF", "x"));
}

int
main(void)
{
	PgbManifest *m;

	directory = tap_directory();
	content = palloc(PACK_BYTES);
	for (int i = 0; i < PACK_BYTES; i++)
		content[i] = (char) (i / 1024 + (i % 5 == 0 ? tap_random() : 0));
	repository = pgb_repository_open(psprintf("%s/repository", directory), SAMPLE_CLUSTER, true);

	test_bytes();
	m = make_backup(make_list());
	test_manifest(m);
	test_list(m);
	test_map(m);
	test_damage();
	tap_remove(directory);
	return done_testing();
}
