/*-------------------------------------------------------------------------
 *
 * fuzz_backup.c
 *	  The objects of a backup.
 *
 * test/fuzz/fuzz_backup.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "io/digest.h"
#include "io/json.h"
#include "repo/file_list.h"
#include "repo/manifest_text.h"
#include "repo/relation_map.h"
#include "repo/toc_select.h"
#include "repo/verify.h"

#define BACKUP			"20260219-153000F"
#define PACK_FRAME		65536
#define PACK_FRAMES		4

/* ---- small objects ---- */

void
fuzz_repository_format(const char *data, size_t length)
{
	PgbRepository *repository = fuzz_repository();

	fuzz_add_object(repository, PGB_FORMAT_NAME, data, length);
	(void) pgb_json_need_uint64(pgb_json_parse(data, length, PGB_FORMAT_NAME),
								"pgbackup_repository", PGB_FORMAT_NAME);
}

/* Whatever its pin says, a backup that has one is pinned. */
void
fuzz_pin(const char *data, size_t length)
{
	PgbRepository *repository = fuzz_repository();

	fuzz_add_object(repository, pgb_backup_object(FUZZ_CLUSTER, BACKUP, PGB_PIN_NAME), data, length);
	fuzz_check(pgb_backup_pinned_until(repository, BACKUP) != 0);
}

/* ---- frames ---- */

/* Three bytes say how long the content should be; the rest is the frame. */
void
fuzz_frame(const char *data, size_t length)
{
	PgbFrameDecoder *decoder;
	PgbFrame	frame = {0};
	char		buffer[5000];
	uint64		total = 0;
	size_t		got;

	if (length < 3)
		return;
	frame.raw_bytes = (uint8) data[0] | (uint8) data[1] << 8 | (uint8) data[2] << 16;
	frame.stored_bytes = length - 3;
	frame.crc = pgb_crc32c(data + 3, length - 3);
	decoder = pgb_frame_decoder_create();
	pgb_frame_decoder_begin(decoder, data + 3, length - 3, &frame, "input");
	while ((got = pgb_frame_decoder_read(decoder, buffer, sizeof(buffer))) > 0)
	{
		fuzz_check(got <= sizeof(buffer));
		total += got;
	}
	fuzz_check(total == frame.raw_bytes);
}

/* ---- a base backup in memory ---- */

#define BLOCK_LIMIT		(128 * 1024)

/* A number of so many bytes, the least one first. */
static void
append_number(StringInfo out, uint64 number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		appendStringInfoCharMacro(out, (char) (number >> (8 * i)));
}

/*
 * A zstd frame that compresses nothing (RFC 8878): made in no time, and the same whatever the
 * version of the library.  content is NULL for zeros.
 */
static void
append_frame(StringInfo out, const char *content, size_t length)
{
	append_number(out, 0xFD2FB528, 4);
	append_number(out, 0xE0, 1);	/* the content's size follows, in eight bytes */
	append_number(out, length, 8);
	do
	{
		size_t		block = Min(length, BLOCK_LIMIT);

		length -= block;
		append_number(out, block << 3 | (content == NULL ? 2 : 0) | (length == 0 ? 1 : 0), 3);
		if (content == NULL)
			appendStringInfoChar(out, '\0');
		else
		{
			appendBinaryStringInfo(out, content, (int) block);
			content += block;
		}
	} while (length > 0);
}

/* An object of frames, each with this content. */
static PgbStoredFile
add_frames(PgbRepository *repository, char *name, const char *content, size_t length, int count)
{
	PgbStoredFile file = {.name = name};
	StringInfoData stored;

	initStringInfo(&stored);
	pgb_frames_init(&file.frames);
	for (int i = 0; i < count; i++)
	{
		PgbFrame	frame = {.raw_bytes = length};
		int			begin = stored.len;

		append_frame(&stored, content, length);
		frame.stored_bytes = stored.len - begin;
		frame.crc = pgb_crc32c(stored.data + begin, frame.stored_bytes);
		pgb_frames_add(&file.frames, &frame);
		file.raw_bytes += length;
	}
	file.stored_bytes = stored.len;
	file.crc = pgb_crc32c(stored.data, stored.len);
	fuzz_add_object(repository, pgb_backup_object(FUZZ_CLUSTER, BACKUP, name), stored.data, stored.len);
	return file;
}

/* With these lists; a list that is NULL is not there. */
static PgbManifest *
make_backup(PgbRepository *repository, const char *files, size_t files_length,
			const char *relations, size_t relations_length)
{
	PgbManifest *manifest = palloc0(sizeof(PgbManifest));

	strlcpy(manifest->id, BACKUP, PGB_ID_SIZE);
	manifest->kind = PGB_FULL;
	manifest->system_identifier = FUZZ_CLUSTER;
	manifest->files = palloc(3 * sizeof(PgbStoredFile));

	/* in the order of their names */
	if (files != NULL)
		manifest->files[manifest->nfiles++] =
			add_frames(repository, PGB_FILE_LIST_NAME, files, files_length, 1);
	manifest->files[manifest->nfiles++] =
		add_frames(repository, pgb_pack_name(1), NULL, PACK_FRAME, PACK_FRAMES);
	if (relations != NULL)
		manifest->files[manifest->nfiles++] =
			add_frames(repository, PGB_RELATION_MAP_NAME, relations, relations_length, 1);
	return manifest;
}

static void
read_files(PgbRepository *repository, const PgbManifest *manifest)
{
	PgbFileList *list = pgb_file_list_read(repository, manifest);

	for (int i = 0; i < list->count && i < 20; i++)
	{
		const PgbFile *file = &list->files[i];

		fuzz_check(pgb_file_list_find(list, file->path) == file);
		fuzz_check(file->path[0] != '/' && file->path[0] != '\0');
		if (file->type == PGB_FILE_REGULAR)
			(void) pgb_file_read(repository, manifest, file, 0, Min(file->size, 100000));
	}
}

void
fuzz_file_list(const char *data, size_t length)
{
	PgbRepository *repository = fuzz_repository();

	read_files(repository, make_backup(repository, data, length, NULL, 0));
}

void
fuzz_relation_map(const char *data, size_t length)
{
	PgbRepository *repository = fuzz_repository();
	PgbManifest *manifest = make_backup(repository, NULL, 0, data, length);
	PgbRelationMap *all = pgb_relation_map_read(repository, manifest, InvalidOid);

	for (int i = 0; i < all->count; i++)
	{
		PgbRelationMap *one = pgb_relation_map_read(repository, manifest, all->databases[i].oid);

		fuzz_check(one->count == 1 && one->databases[0].count == all->databases[i].count);
		if (i == 3)
			break;
	}
}

/* ---- manifests ---- */

static const char default_files[] =
	"{\"pgbackup_files\":1,\"count\":2}\n"
	"{\"path\":\"base\",\"type\":\"directory\",\"mode\":\"0700\"}\n"
	"{\"path\":\"base/1\",\"mode\":\"0600\",\"modified_at\":\"2026-02-19T15:30:00.000000Z\","
	"\"size\":70000,\"crc32c\":\"0badcafe\",\"extents\":[[1,65000,70000]]}\n";

static const char default_relations[] = "{\"pgbackup_relations\":1}\n{\"database\":5}\n";

static void
ignore_problem(void *arg, const char *object, const char *detail, bool missing)
{
	fuzz_check(object[0] != '\0' && detail[0] != '\0');
}

/* Each segment that is not there is a problem of its own, and a manifest can ask for very many. */
static bool
wal_is_short(const PgbManifest *manifest)
{
	return manifest->base == NULL || manifest->stop_lsn - manifest->start_lsn < 100 * 1024 * 1024;
}

/* The bytes are the document without its end; the checksum is made to be right. */
void
fuzz_manifest(const char *data, size_t length)
{
	PgbRepository *repository = fuzz_repository();
	char	   *sealed = psprintf("%s%s", fuzz_text(data, length), pgb_manifest_tail(data, length));
	PgbManifest *manifest = pgb_manifest_parse(sealed, strlen(sealed), "input");
	PgbManifest *again;
	StringInfoData written;
	StringInfoData rewritten;
	PgbVerify	verify = {.contents = true, .problem = ignore_problem};

	initStringInfo(&written);
	pgb_manifest_write(manifest, &written);
	again = pgb_manifest_parse(written.data, written.len, "output");
	initStringInfo(&rewritten);
	pgb_manifest_write(again, &rewritten);
	fuzz_check(strcmp(written.data, rewritten.data) == 0);

	/* The seed describes these objects. */
	(void) make_backup(repository, default_files, strlen(default_files),
					   default_relations, strlen(default_relations));
	strlcpy(manifest->id, BACKUP, PGB_ID_SIZE);
	repository->system_identifier = manifest->system_identifier = FUZZ_CLUSTER;
	if (wal_is_short(manifest))
		pgb_verify_backup(repository, manifest, &verify);
	if (pgb_manifest_file(manifest, PGB_FILE_LIST_NAME) != NULL)
		read_files(repository, manifest);
}

/* ---- pg_dump's table of contents ---- */

/* Some of its entries, and all: what is written can be read. */
static void
write_selected(const PgbToc *toc, const char *data, const bool *keep)
{
	size_t		length;
	char	   *written = pgb_toc_write(toc, data, keep, &length);
	PgbToc	   *again = pgb_toc_parse(written, length, "output");
	int			count = 0;

	for (int i = 0; i < toc->count; i++)
		count += keep[i];
	fuzz_check(again->count == count);
}

void
fuzz_toc(const char *data, size_t length)
{
	PgbToc	   *toc = pgb_toc_parse(data, length, "input");
	PgbTocSelection *selection = pgb_toc_select_begin(toc);

	for (int i = 0; i < toc->count && i < 1000; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];

		fuzz_check(pgb_toc_by_dump_id(toc, entry->dump_id) != NULL);
		(void) pgb_toc_relation_of(toc, entry);
		if (i % 3 == 0 && pgb_toc_is_relation(entry))
			pgb_toc_select(selection, entry);
	}
	pgb_toc_select_belongings(selection);
	pgb_toc_select_needed(selection);
	for (int i = 0; i < toc->count && i < 1000; i++)
	{
		(void) pgb_toc_is_left_out(selection, &toc->entries[i]);
		(void) pgb_toc_missing_relation(selection, &toc->entries[i]);
	}
	write_selected(toc, data, selection->keep);
}
