/*-------------------------------------------------------------------------
 *
 * backup_sink.c
 *	  A compressed object of a backup: what is written to it, and the entry of
 *	  the manifest that tells of it.
 *
 * src/repo/backup_sink.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/repository.h"

#include "io/digest.h"

/* Stands between compressor and store, and describes what passes. */
typedef struct DescribeSink
{
	PgbSink		base;
	PgbStoredFile *file;
} DescribeSink;

static void
describe_write(PgbSink *base, const void *data, size_t length)
{
	PgbStoredFile *file = ((DescribeSink *) base)->file;

	pgb_sink_write(base->next, data, length);
	file->crc = pgb_crc32c_extend(file->crc, data, length);
	file->stored_bytes += length;
}

static void
describe_finish(PgbSink *base)
{
	PgbStoredFile *file = ((DescribeSink *) base)->file;

	pgb_sink_finish(base->next);
	for (uint32 i = 0; i < file->frames.count; i++)
		file->raw_bytes += file->frames.frames[i].raw_bytes;
}

static const PgbSinkOps describe_sink_ops = {
	.write = describe_write,
	.finish = describe_finish,
};

PgbSink *
pgb_backup_sink_create(PgbBackupWriter *writer, const char *object, int level,
					   PgbFrameRule rule, PgbStoredFile *file)
{
	DescribeSink *describe = palloc0(sizeof(DescribeSink));

	memset(file, 0, sizeof(PgbStoredFile));
	file->name = pstrdup(object);
	pgb_frames_init(&file->frames);

	describe->base.ops = &describe_sink_ops;
	describe->base.next = pgb_store_sink_create(writer->repository->store,
												pgb_backup_writer_name(writer, object));
	describe->file = file;
	return pgb_zstd_sink_create(&describe->base, level, rule, &file->frames);
}
