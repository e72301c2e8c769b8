/*-------------------------------------------------------------------------
 *
 * content.c
 *	  The content of stored files, frame by frame, checked.
 *
 * src/cli/content.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/archive.h"

#define BUFFER_SIZE		(256 * 1024)

static uint64
count_lines(const char *data, size_t length)
{
	const char *end = data + length;
	uint64		count = 0;

	while ((data = memchr(data, '\n', end - data)) != NULL)
	{
		data++;
		count++;
	}
	return count;
}

static bool
is_last(const PgbStoredFile *file, uint32 number)
{
	return number == file->frames.count - 1;
}

pg_noreturn static void damaged(const PgbStoredFile *file, uint32 number, const char *detail);

static void
damaged(const PgbStoredFile *file, uint32 number, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("frame %u of \"%s\" is damaged", number, file->name),
			 errdetail("%s", detail),
			 errhint(PGB_HINT_DAMAGED)));
}

static void
check_lines(const PgbStoredFile *file, uint32 number, uint64 lines)
{
	const PgbFrame *frame = &file->frames.frames[number];

	if (lines != frame->rows)
		damaged(file, number, psprintf("It has %llu rows, but should have %llu.",
									   (unsigned long long) lines,
									   (unsigned long long) frame->rows));
}

/* The last frame of a table has the terminator, and no rows. */
static void
check_terminator(const PgbStoredFile *file, uint32 number, const char *content)
{
	const PgbFrame *frame = &file->frames.frames[number];

	if (frame->rows != 0 || frame->raw_bytes != strlen(PGB_COPY_TERMINATOR) ||
		memcmp(content, PGB_COPY_TERMINATOR, frame->raw_bytes) != 0)
		damaged(file, number, "It is not the end of a table's rows.");
}

void
cli_read_frame(PgbObject *object, const PgbStoredFile *file, uint32 number,
			   bool is_table, CliConsumer consumer, void *arg)
{
	static PgbFrameDecoder *decoder = NULL;
	static char buffer[BUFFER_SIZE];
	const PgbFrame *frame = &file->frames.frames[number];
	char	   *stored = pgb_backup_read_frame(object, file, number);
	uint64		lines = 0;
	size_t		length;

	if (decoder == NULL)
		decoder = pgb_frame_decoder_create();
	pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, file->name);
	while ((length = pgb_frame_decoder_read(decoder, buffer, BUFFER_SIZE)) > 0)
	{
		lines += count_lines(buffer, length);
		consumer(arg, buffer, length);
	}
	pfree(stored);
	if (!is_table)
		return;
	if (is_last(file, number))
		check_terminator(file, number, buffer);
	else
		check_lines(file, number, lines);
}

void
cli_check_rows(const CliArchive *archive, const PgbTable *table)
{
	const PgbStoredFile *file = cli_archive_file(archive, table->file);
	uint64		rows = 0;

	for (uint32 i = 0; i < file->frames.count; i++)
		rows += file->frames.frames[i].rows;
	if (table->row_count != PGB_ROWS_UNKNOWN && table->row_count != rows)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of backup \"%s\" is damaged", file->name,
						archive->manifest->id),
				 errdetail("Its frames have %llu rows, but table %s should have %llu.",
						   (unsigned long long) rows,
						   cli_qualified_name(table->schema_name, table->table_name),
						   (unsigned long long) table->row_count),
				 errhint(PGB_HINT_DAMAGED)));
}
