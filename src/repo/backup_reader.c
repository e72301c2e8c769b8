/*-------------------------------------------------------------------------
 *
 * backup_reader.c
 *	  The files of a backup are read back, and checked against its manifest.
 *
 * src/repo/backup_reader.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/repository.h"

#include "io/digest.h"

#define TAIL_SIZE	(64 * 1024)

PgbObject *
pgb_backup_open_file(PgbRepository *repository, const PgbManifest *manifest,
					 const PgbStoredFile *file)
{
	PgbStore   *store = repository->store;
	char	   *name = pgb_backup_object(repository->system_identifier, manifest->id, file->name);
	PgbStat		stat;
	PgbObject  *object;
	uint64		size;

	if (!store->ops->stat(store, name, &stat))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of backup \"%s\" is missing", file->name, manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	object = store->ops->open(store, name);
	size = store->ops->size(object);
	if (size != file->stored_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of backup \"%s\" is damaged", file->name, manifest->id),
				 errdetail("It is %llu bytes long, but should be %llu.",
						   (unsigned long long) size,
						   (unsigned long long) file->stored_bytes),
				 errhint(PGB_HINT_DAMAGED)));
	return object;
}

char *
pgb_backup_read_frame(PgbObject *object, const PgbStoredFile *file, uint32 number)
{
	const PgbFrame *frame;
	char	   *data;

	Assert(number < file->frames.count);
	frame = &file->frames.frames[number];
	data = palloc_extended(frame->stored_bytes, MCXT_ALLOC_HUGE);
	object->store->ops->read_at(object, frame->offset, data, frame->stored_bytes);
	return data;
}

/* ---- whole files ---- */

static void
check_crc(uint32 crc, const PgbManifest *manifest, const PgbStoredFile *file)
{
	if (crc != file->crc)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of backup \"%s\" is damaged", file->name, manifest->id),
				 errdetail("Its CRC-32C is %08x, but should be %08x.", crc, file->crc),
				 errhint(PGB_HINT_DAMAGED)));
}

void
pgb_backup_check_crc(PgbObject *object, const PgbManifest *manifest, const PgbStoredFile *file)
{
	char	   *tail = palloc(TAIL_SIZE);
	uint64		offset = 0;
	uint32		crc = 0;

	for (uint32 i = 0; i < file->frames.count; i++)
	{
		const PgbFrame *frame = &file->frames.frames[i];

		crc = pgb_crc32c_combine(crc, frame->crc, frame->stored_bytes);
		offset += frame->stored_bytes;
	}
	while (offset < file->stored_bytes)
	{
		size_t		piece = Min(TAIL_SIZE, file->stored_bytes - offset);

		CHECK_FOR_INTERRUPTS();
		object->store->ops->read_at(object, offset, tail, piece);
		crc = pgb_crc32c_extend(crc, tail, piece);
		offset += piece;
	}
	pfree(tail);
	check_crc(crc, manifest, file);
}

static void
check_limit(const PgbManifest *manifest, const PgbStoredFile *file, uint64 limit)
{
	if (file->stored_bytes > limit || file->raw_bytes > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" of backup \"%s\" is too large to be read as a whole",
						file->name, manifest->id),
				 errdetail("It has %llu bytes, %llu decompressed; the limit is %llu.",
						   (unsigned long long) file->stored_bytes,
						   (unsigned long long) file->raw_bytes,
						   (unsigned long long) limit)));
}

static char *
read_stored(PgbRepository *repository, const PgbManifest *manifest, const PgbStoredFile *file)
{
	PgbObject  *object = pgb_backup_open_file(repository, manifest, file);
	char	   *data = palloc_extended(file->stored_bytes + 1, MCXT_ALLOC_HUGE);

	object->store->ops->read_at(object, 0, data, file->stored_bytes);
	data[file->stored_bytes] = '\0';
	object->store->ops->close(object);

	check_crc(pgb_crc32c(data, file->stored_bytes), manifest, file);
	return data;
}

/* The frames lie within the file, and their content adds up: see manifest_parse.c. */
static char *
decompress(const char *stored, const PgbStoredFile *file)
{
	char	   *content = palloc_extended(file->raw_bytes + 1, MCXT_ALLOC_HUGE);
	uint64		used = 0;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup decompression",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	PgbFrameDecoder *decoder = pgb_frame_decoder_create();

	for (uint32 i = 0; i < file->frames.count; i++)
	{
		const PgbFrame *frame = &file->frames.frames[i];
		size_t		got;

		CHECK_FOR_INTERRUPTS();
		pgb_frame_decoder_begin(decoder, stored + frame->offset, frame->stored_bytes,
								frame, file->name);
		/* One byte more than there is, to be told of the end. */
		while ((got = pgb_frame_decoder_read(decoder, content + used,
											 file->raw_bytes + 1 - used)) > 0)
			used += got;
	}
	content[used] = '\0';

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return content;
}

char *
pgb_backup_read_file(PgbRepository *repository, const PgbManifest *manifest,
					 const char *name, uint64 limit, size_t *length)
{
	const PgbStoredFile *file = pgb_manifest_file(manifest, name);
	char	   *data;

	if (file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("backup \"%s\" has no file \"%s\"", manifest->id, name)));
	check_limit(manifest, file, limit);

	data = read_stored(repository, manifest, file);
	if (file->frames.count > 0)
	{
		char	   *stored = data;

		data = decompress(stored, file);
		pfree(stored);
	}
	*length = file->raw_bytes;
	return data;
}
