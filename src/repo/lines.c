/*-------------------------------------------------------------------------
 *
 * lines.c
 *	  A long object of a backup that is read line by line.
 *
 * src/repo/lines.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/lines.h"

#define CHUNK_SIZE	65536

struct PgbLines
{
	const PgbManifest *manifest;
	const PgbStoredFile *file;
	PgbObject  *object;
	PgbFrameDecoder *decoder;
	uint32		next_frame;
	char	   *stored;			/* of the frame that is being read */
	size_t		used;			/* bytes of the chunk that are read ... */
	size_t		filled;			/* ... of those that are there */
	StringInfoData line;
	char		chunk[CHUNK_SIZE];
};

void
pgb_lines_damaged(const PgbLines *lines, const char *fmt,...)
{
	StringInfoData detail;
	int			missing;

	initStringInfo(&detail);
	do
	{
		va_list		args;

		va_start(args, fmt);
		missing = appendStringInfoVA(&detail, fmt, args);
		va_end(args);
		enlargeStringInfo(&detail, missing);
	} while (missing > 0);
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read \"%s\" of backup \"%s\"", lines->file->name, lines->manifest->id),
			 errdetail("%s", detail.data),
			 errhint(PGB_HINT_DAMAGED)));
}

void
pgb_lines_check_format(const PgbLines *lines, uint64 format, uint64 newest)
{
	if (format == 0)
		pgb_lines_damaged(lines, "There is no format 0.");
	if (format > newest)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" of backup \"%s\" has format %llu, which this version of pgbackup does not know",
						lines->file->name, lines->manifest->id, (unsigned long long) format),
				 errhint("Use a newer version of pgbackup.")));
}

PgbLines *
pgb_lines_open(PgbRepository *repository, const PgbManifest *manifest, const char *name)
{
	PgbLines   *lines = palloc0(sizeof(PgbLines));

	lines->manifest = manifest;
	lines->file = pgb_manifest_file(manifest, name);
	if (lines->file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no file \"%s\"", manifest->id, name),
				 errhint(PGB_HINT_DAMAGED)));
	lines->object = pgb_backup_open_file(repository, manifest, lines->file);
	lines->decoder = pgb_frame_decoder_create();
	initStringInfo(&lines->line);
	return lines;
}

/* Begins the next frame; false when there is none. */
static bool
open_frame(PgbLines *lines)
{
	const PgbFrame *frame;

	CHECK_FOR_INTERRUPTS();
	if (lines->stored != NULL)
		pfree(lines->stored);
	lines->stored = NULL;
	if (lines->next_frame == lines->file->frames.count)
		return false;
	frame = &lines->file->frames.frames[lines->next_frame];
	lines->stored = pgb_backup_read_frame(lines->object, lines->file, lines->next_frame++);
	pgb_frame_decoder_begin(lines->decoder, lines->stored, frame->stored_bytes, frame,
							lines->object->name);
	return true;
}

static bool
fill_chunk(PgbLines *lines)
{
	lines->used = 0;
	for (;;)
	{
		lines->filled = lines->stored == NULL ? 0 :
			pgb_frame_decoder_read(lines->decoder, lines->chunk, CHUNK_SIZE);
		if (lines->filled > 0)
			return true;
		if (!open_frame(lines))
			return false;
	}
}

char *
pgb_lines_next(PgbLines *lines)
{
	StringInfo	line = &lines->line;

	resetStringInfo(line);
	for (;;)
	{
		const char *begin;
		const char *newline;
		size_t		length;

		if (lines->used == lines->filled && !fill_chunk(lines))
		{
			if (line->len > 0)
				pgb_lines_damaged(lines, "Its last line is not complete.");
			return NULL;
		}

		begin = lines->chunk + lines->used;
		newline = memchr(begin, '\n', lines->filled - lines->used);
		length = newline != NULL ? newline - begin : lines->filled - lines->used;
		if (line->len + length > PGB_LINE_LIMIT)
			pgb_lines_damaged(lines, "One of its lines is longer than any that is written.");
		appendBinaryStringInfo(line, begin, (int) length);
		lines->used += length;
		if (newline != NULL)
		{
			lines->used++;
			return line->data;
		}
	}
}

void
pgb_lines_close(PgbLines *lines)
{
	lines->object->store->ops->close(lines->object);
	if (lines->stored != NULL)
		pfree(lines->stored);
	lines->stored = NULL;
	pfree(lines->line.data);
}
