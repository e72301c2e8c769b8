/*-------------------------------------------------------------------------
 *
 * import_source.c
 *	  A frame of a backup's table as the input of COPY.
 *
 * src/server/import/import_source.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "server/import/import.h"

struct PgbImportSource
{
	MemoryContext context;		/* of what lives as long as the source */
	const PgbImport *import;
	const PgbStoredFile *file;
	PgbObject  *object;
	PgbFrameDecoder *decoder;
	List	   *options;		/* of COPY */
	uint32		frame;			/* that is being read */
	char	   *stored;			/* its bytes */
};

static PgbImportSource *selected;

static void
refuse_lost_file(const PgbImport *import)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("backup \"%s\" does not describe file \"%s\"", import->manifest->id,
					import->table->file),
			 errhint(PGB_HINT_DAMAGED)));
}

PgbImportSource *
pgb_import_source_open(const PgbImport *import)
{
	PgbImportSource *source = palloc0(sizeof(PgbImportSource));

	source->context = CurrentMemoryContext;
	source->import = import;
	source->file = pgb_manifest_file(import->manifest, import->table->file);
	if (source->file == NULL)
		refuse_lost_file(import);
	source->object = pgb_backup_open_file(import->repository, import->manifest, source->file);
	source->decoder = pgb_frame_decoder_create();
	source->options =
		list_make1(makeDefElem("encoding",
							   (Node *) makeString(pstrdup(pg_encoding_to_char(import->encoding))),
							   -1));
	return source;
}

void
pgb_import_source_close(PgbImportSource *source)
{
	source->object->store->ops->close(source->object);
}

const PgbFrameList *
pgb_import_source_frames(const PgbImportSource *source)
{
	return &source->file->frames;
}

PgbImportSource *
pgb_import_source_select(PgbImportSource *source)
{
	PgbImportSource *previous = selected;

	selected = source;
	return previous;
}

/* COPY's callback: at least minread bytes, unless the frame ends before. */
static int
read_frame(void *buffer, int minread, int maxread)
{
	int			length = 0;

	do
	{
		size_t		n = pgb_frame_decoder_read(selected->decoder, (char *) buffer + length,
											   maxread - length);

		if (n == 0)
			break;
		length += (int) n;
	} while (length < minread);

	return length;
}

CopyFromState
pgb_import_frame_begin(PgbImportSource *source, uint32 frame, ParseState *pstate,
					   Relation relation)
{
	const PgbFrame *description = &source->file->frames.frames[frame];
	MemoryContext old = MemoryContextSwitchTo(source->context);

	source->frame = frame;
	source->stored = pgb_backup_read_frame(source->object, source->file, frame);
	pgb_frame_decoder_begin(source->decoder, source->stored, description->stored_bytes,
							description, source->file->name);
	MemoryContextSwitchTo(old);
	return BeginCopyFrom(pstate, relation, NULL, NULL, false, read_frame,
						 source->import->columns, source->options);
}

void
pgb_import_frame_end(PgbImportSource *source, CopyFromState copy, uint64 rows)
{
	const PgbFrame *description = &source->file->frames.frames[source->frame];

	EndCopyFrom(copy);
	pfree(source->stored);
	if (rows != description->rows)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("frame %u of file \"%s\" of backup \"%s\" has %llu rows, but %llu were read",
						source->frame, source->file->name, source->import->manifest->id,
						(unsigned long long) description->rows, (unsigned long long) rows),
				 errhint(PGB_HINT_DAMAGED)));
}
