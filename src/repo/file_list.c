/*-------------------------------------------------------------------------
 *
 * file_list.c
 *	  The files of a base backup, and where their bytes are.
 *
 * src/repo/file_list.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/file_list.h"

#include "io/json.h"
#include "repo/lines.h"

#define FORMAT			1
#define FORMAT_MEMBER	"pgbackup_files"

/* Lines are collected up to this many bytes before they are written. */
#define BATCH_BYTES		65536

#define MODE_BITS		07777

char *
pgb_pack_name(uint16 number)
{
	return psprintf("pack-%04u" PGB_COMPRESSED_SUFFIX, number);
}

static int
compare_files(const void *a, const void *b)
{
	return strcmp(((const PgbFile *) a)->path, ((const PgbFile *) b)->path);
}

static int
compare_path(const void *path, const void *file)
{
	return strcmp(path, ((const PgbFile *) file)->path);
}

PgbFile *
pgb_file_list_find(const PgbFileList *list, const char *path)
{
	if (list->count == 0)
		return NULL;
	return bsearch(path, list->files, list->count, sizeof(PgbFile), compare_path);
}

/* ---- writing ---- */

static const char *const type_names[] = {
	[PGB_FILE_REGULAR] = "file",
	[PGB_FILE_DIRECTORY] = "directory",
	[PGB_FILE_TABLESPACE] = "tablespace",
};

static void
write_bytes(PgbJsonWriter *w, const char *name, const char *bytes)
{
	char	   *text = pgb_bytes_to_text(bytes);

	pgb_json_string(w, name, text);
	pfree(text);
}

static void
write_content(PgbJsonWriter *w, const PgbFile *file)
{
	char	   *modified_at = pgb_time_to_text(file->modified_at);
	char	   *crc = pgb_crc_to_text(file->crc);

	pgb_json_string(w, "modified_at", modified_at);
	pgb_json_uint64(w, "size", file->size);
	pgb_json_string(w, "crc32c", crc);
	pgb_json_inline_array(w, "extents");
	for (int i = 0; i < file->nextents; i++)
	{
		pgb_json_inline_array(w, NULL);
		pgb_json_uint64(w, NULL, file->extents[i].pack);
		pgb_json_uint64(w, NULL, file->extents[i].pack_offset);
		pgb_json_uint64(w, NULL, file->extents[i].length);
		pgb_json_end_inline_array(w);
	}
	pgb_json_end_inline_array(w);
	pfree(modified_at);
	pfree(crc);
}

static void
write_line(StringInfo out, const PgbFile *file)
{
	PgbJsonWriter w;
	char		mode[16];

	snprintf(mode, sizeof(mode), "%04o", file->mode & MODE_BITS);
	pgb_json_begin(&w, out, false);
	pgb_json_object(&w, NULL);
	write_bytes(&w, "path", file->path);
	if (file->type != PGB_FILE_REGULAR)
		pgb_json_string(&w, "type", type_names[file->type]);
	pgb_json_string(&w, "mode", mode);
	if (file->type == PGB_FILE_REGULAR)
		write_content(&w, file);
	if (file->type == PGB_FILE_TABLESPACE)
		write_bytes(&w, "target", file->target);
	pgb_json_end_object(&w);
	appendStringInfoChar(out, '\n');
}

void
pgb_file_list_write(PgbBackupWriter *writer, PgbFileList *list, int level, PgbStoredFile *file)
{
	PgbSink    *sink = pgb_backup_sink_create(writer, PGB_FILE_LIST_NAME, level,
											  PGB_FRAME_BYTES, file);
	StringInfoData batch;

	if (list->count > 1)
		qsort(list->files, list->count, sizeof(PgbFile), compare_files);

	initStringInfo(&batch);
	appendStringInfo(&batch, "{\"" FORMAT_MEMBER "\":%d,\"count\":%d}\n", FORMAT, list->count);
	for (int i = 0; i < list->count; i++)
	{
		write_line(&batch, &list->files[i]);
		if (batch.len >= BATCH_BYTES)
		{
			CHECK_FOR_INTERRUPTS();
			pgb_sink_write(sink, batch.data, batch.len);
			resetStringInfo(&batch);
		}
	}
	pgb_sink_write(sink, batch.data, batch.len);
	pgb_sink_finish(sink);
	pfree(batch.data);
}

/* ---- reading ---- */

typedef struct Reader
{
	const PgbManifest *manifest;
	PgbLines   *lines;
	const char *what;			/* the list, for messages */
	PgbFileList *list;
	int			allocated;
} Reader;

static bool
path_is_valid(const char *path)
{
	for (const char *part = path;; part++)
	{
		size_t		length = strcspn(part, "/");

		if (length == 0 ||
			(length == 1 && part[0] == '.') ||
			(length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part += length;
		if (*part == '\0')
			return true;
	}
}

/* What lies above it has come before it: in the order of strcmp a path follows its beginnings. */
static void
check_parent(const Reader *reader, const PgbFile *file)
{
	char	   *parent = pstrdup(file->path);
	char	   *slash = strrchr(parent, '/');
	PgbFile    *found;

	if (slash != NULL)
	{
		*slash = '\0';
		found = pgb_file_list_find(reader->list, parent);
		if (found == NULL || found->type == PGB_FILE_REGULAR)
			pgb_lines_damaged(reader->lines, "There is no directory for \"%s\".", file->path);
	}
	pfree(parent);
}

static void
parse_path(const Reader *reader, PgbFile *file, const PgbJson *json)
{
	const PgbFileList *list = reader->list;

	file->path = pgb_bytes_from_text(pgb_json_need_string(json, "path", reader->what), reader->what);
	if (!path_is_valid(file->path))
		pgb_lines_damaged(reader->lines, "\"%s\" is not the path of a file.", file->path);
	if (list->count > 0 && strcmp(list->files[list->count - 1].path, file->path) >= 0)
		pgb_lines_damaged(reader->lines, "\"%s\" is not where it belongs.", file->path);
	check_parent(reader, file);
}

static PgbFileType
parse_type(const Reader *reader, const PgbJson *json)
{
	const char *name = pgb_json_get_string(json, "type", reader->what);

	if (name == NULL)
		return PGB_FILE_REGULAR;
	for (int i = PGB_FILE_DIRECTORY; i < lengthof(type_names); i++)
	{
		if (strcmp(name, type_names[i]) == 0)
			return (PgbFileType) i;
	}
	pgb_lines_damaged(reader->lines, "\"%s\" is not a type of file.", name);
}

static uint32
parse_mode(const Reader *reader, const PgbJson *json)
{
	const char *text = pgb_json_need_string(json, "mode", reader->what);
	uint32		mode = 0;

	if (strlen(text) != 4 || strspn(text, "01234567") != 4)
		pgb_lines_damaged(reader->lines, "\"%s\" is not a mode.", text);
	for (; *text != '\0'; text++)
		mode = mode << 3 | (uint32) (*text - '0');
	return mode;
}

static void
parse_extent(const Reader *reader, const PgbFile *file, PgbExtent *extent, const PgbJson *json)
{
	const PgbStoredFile *pack;
	char	   *name;
	uint64		number;

	if (json->type != PGB_JSON_ARRAY || json->count != 3)
		pgb_lines_damaged(reader->lines, "An extent of \"%s\" is not complete.", file->path);
	number = pgb_json_to_uint64(json->values[0], reader->what);
	extent->pack_offset = pgb_json_to_uint64(json->values[1], reader->what);
	extent->length = pgb_json_to_uint64(json->values[2], reader->what);
	if (number == 0 || number > PG_UINT16_MAX)
		pgb_lines_damaged(reader->lines, "There is no pack %llu.", (unsigned long long) number);
	extent->pack = (uint16) number;

	name = pgb_pack_name(extent->pack);
	pack = pgb_manifest_file(reader->manifest, name);
	if (pack == NULL || pack->frames.count == 0)
		pgb_lines_damaged(reader->lines, "There is no pack \"%s\".", name);
	if (extent->length == 0 || extent->length > pack->raw_bytes ||
		extent->pack_offset > pack->raw_bytes - extent->length)
		pgb_lines_damaged(reader->lines, "An extent of \"%s\" is not within \"%s\".", file->path, name);
	pfree(name);
}

static void
parse_content(const Reader *reader, PgbFile *file, const PgbJson *json)
{
	const PgbJson *extents = pgb_json_get_array(json, "extents", reader->what);
	uint64		length = 0;

	file->modified_at = pgb_time_from_text(pgb_json_need_string(json, "modified_at", reader->what),
										   reader->what);
	file->size = pgb_json_need_uint64(json, "size", reader->what);
	file->crc = pgb_crc_from_text(pgb_json_need_string(json, "crc32c", reader->what), reader->what);
	if (extents == NULL)
		pgb_lines_damaged(reader->lines, "\"%s\" has no content.", file->path);

	file->nextents = extents->count;
	file->extents = palloc_extended((size_t) Max(1, file->nextents) * sizeof(PgbExtent),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < file->nextents; i++)
	{
		parse_extent(reader, file, &file->extents[i], extents->values[i]);

		/* No extent is longer than a file can be, so the sum wraps only if it is wrong before. */
		if (file->extents[i].length > file->size - length)
			pgb_lines_damaged(reader->lines, "The extents of \"%s\" are longer than the file.", file->path);
		length += file->extents[i].length;
	}
	if (length != file->size)
		pgb_lines_damaged(reader->lines, "The extents of \"%s\" are shorter than the file.", file->path);
}

static void
parse_target(const Reader *reader, PgbFile *file, const PgbJson *json)
{
	file->target = pgb_bytes_from_text(pgb_json_need_string(json, "target", reader->what),
									   reader->what);
	if (!is_absolute_path(file->target))
		pgb_lines_damaged(reader->lines, "\"%s\" is no place for a tablespace.", file->target);
	if (strncmp(file->path, "pg_tblspc/", 10) != 0 || file->path[10] == '\0' ||
		strspn(file->path + 10, "0123456789") != strlen(file->path + 10))
		pgb_lines_damaged(reader->lines, "\"%s\" is no tablespace.", file->path);
}

static void
parse_file(const Reader *reader, PgbFile *file, const PgbJson *json)
{
	memset(file, 0, sizeof(PgbFile));
	parse_path(reader, file, json);
	file->type = parse_type(reader, json);
	file->mode = parse_mode(reader, json);
	if (file->type == PGB_FILE_REGULAR)
		parse_content(reader, file, json);
	if (file->type == PGB_FILE_TABLESPACE)
		parse_target(reader, file, json);
}

static PgbFile *
next_file(Reader *reader)
{
	PgbFileList *list = reader->list;

	if (list->count == reader->allocated)
	{
		if (list->count > PG_INT32_MAX / 2)
			pgb_lines_damaged(reader->lines, "It has more files than there can be.");
		reader->allocated = Max(256, reader->allocated * 2);
		list->files = list->files == NULL ?
			palloc(reader->allocated * sizeof(PgbFile)) :
			repalloc_huge(list->files, reader->allocated * sizeof(PgbFile));
	}
	return &list->files[list->count];
}

static PgbJson *
next_line(const Reader *reader)
{
	char	   *line = pgb_lines_next(reader->lines);

	return line == NULL ? NULL : pgb_json_parse(line, strlen(line), reader->what);
}

/* Returns how many files follow. */
static uint64
read_header(const Reader *reader)
{
	PgbJson    *json = next_line(reader);
	uint64		count;

	if (json == NULL)
		pgb_lines_damaged(reader->lines, "It has no header.");
	pgb_lines_check_format(reader->lines, pgb_json_need_uint64(json, FORMAT_MEMBER, reader->what),
						   FORMAT);
	count = pgb_json_need_uint64(json, "count", reader->what);
	pgb_json_free(json);
	return count;
}

PgbFileList *
pgb_file_list_read(PgbRepository *repository, const PgbManifest *manifest)
{
	PgbLines   *lines = pgb_lines_open(repository, manifest, PGB_FILE_LIST_NAME);
	Reader		reader = {manifest, lines, PGB_FILE_LIST_NAME};
	uint64		count;
	PgbJson    *json;

	reader.list = palloc0(sizeof(PgbFileList));
	count = read_header(&reader);
	while ((json = next_line(&reader)) != NULL)
	{
		parse_file(&reader, next_file(&reader), json);
		reader.list->count++;
		pgb_json_free(json);
	}
	if (reader.list->count != count)
		pgb_lines_damaged(lines, "It has %d files, but should have %llu.",
						  reader.list->count, (unsigned long long) count);
	pgb_lines_close(lines);
	return reader.list;
}

/* ---- content ---- */

/* The part of a frame's content from "from" to "to", written to out. */
static void
read_frame(PgbObject *object, const PgbStoredFile *pack, uint32 number, PgbFrameDecoder *decoder,
		   uint64 from, uint64 to, char *out)
{
	const PgbFrame *frame = &pack->frames.frames[number];
	char	   *stored = pgb_backup_read_frame(object, pack, number);
	char	   *content = palloc_extended(frame->raw_bytes + 1, MCXT_ALLOC_HUGE);
	uint64		used = 0;
	size_t		got;

	/* to its end, and a byte more: only then is its checksum checked */
	pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, object->name);
	while ((got = pgb_frame_decoder_read(decoder, content + used, frame->raw_bytes + 1 - used)) > 0)
		used += got;
	memcpy(out, content + from, to - from);
	pfree(content);
	pfree(stored);
}

/* A stretch of the content of a pack. */
static void
read_pack(PgbRepository *repository, const PgbManifest *manifest, uint16 number,
		  uint64 offset, uint64 length, char *out)
{
	char	   *name = pgb_pack_name(number);
	const PgbStoredFile *pack = pgb_manifest_file(manifest, name);
	PgbObject  *object = pgb_backup_open_file(repository, manifest, pack);
	PgbFrameDecoder *decoder = pgb_frame_decoder_create();
	uint64		end = offset + length;
	uint64		frame_start = 0;

	for (uint32 i = 0; i < pack->frames.count && frame_start < end; i++)
	{
		uint64		frame_end = frame_start + pack->frames.frames[i].raw_bytes;
		uint64		from = Max(offset, frame_start);
		uint64		to = Min(end, frame_end);

		CHECK_FOR_INTERRUPTS();
		if (from < to)
			read_frame(object, pack, i, decoder, from - frame_start, to - frame_start,
					   out + (from - offset));
		frame_start = frame_end;
	}
	object->store->ops->close(object);
}

char *
pgb_file_read(PgbRepository *repository, const PgbManifest *manifest, const PgbFile *file,
			  uint64 offset, size_t length)
{
	char	   *data;
	uint64		extent_start = 0;
	MemoryContext scratch;
	MemoryContext caller;

	if (offset > file->size || length > file->size - offset)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of backup \"%s\" is too short", file->path, manifest->id),
				 errdetail("It has %llu bytes; %llu bytes were expected from byte %llu.",
						   (unsigned long long) file->size, (unsigned long long) length,
						   (unsigned long long) offset)));

	data = palloc_extended(length + 1, MCXT_ALLOC_HUGE);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup file", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(scratch);
	for (int i = 0; i < file->nextents; i++)
	{
		const PgbExtent *extent = &file->extents[i];
		uint64		from = Max(offset, extent_start);
		uint64		to = Min(offset + length, extent_start + extent->length);

		if (from < to)
			read_pack(repository, manifest, extent->pack,
					  extent->pack_offset + (from - extent_start), to - from,
					  data + (from - offset));
		extent_start += extent->length;
	}
	data[length] = '\0';
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return data;
}
