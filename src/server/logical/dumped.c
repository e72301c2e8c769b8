/*-------------------------------------------------------------------------
 *
 * dumped.c
 *	  What pg_dump has written itself, taken into a backup.
 *
 * src/server/logical/dumped.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/encoding.h"
#include "server/logical/dumped.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "storage/shmem.h"

#define COPY_CHUNK		(256 * 1024)

/* The sink has described the file in a context of its own: the manifest needs it for longer. */
static void
keep_description(PgbStoredFile *file)
{
	PgbFrameList *frames = &file->frames;
	Size		size = mul_size(frames->count, sizeof(PgbFrame));

	file->name = pstrdup(file->name);
	frames->frames = memcpy(palloc(size), frames->frames, size);
	frames->allocated = frames->count;
}

void
pgb_dumped_compress(PgbBackupWriter *writer, PgbStore *store, const char *from, const char *to,
					int level, PgbFrameRule rule, PgbStoredFile *file)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup compression",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	PgbSink    *sink;
	PgbObject  *object;
	PgbStat		stat;
	char	   *buffer;

	old = MemoryContextSwitchTo(context);
	buffer = palloc(COPY_CHUNK);
	if (!store->ops->stat(store, from, &stat))
		elog(ERROR, "file \"%s\" of the dump has vanished", from);
	sink = pgb_backup_sink_create(writer, to, level, rule, file);
	object = store->ops->open(store, from);
	for (uint64 offset = 0; offset < stat.size; offset += COPY_CHUNK)
	{
		size_t		length = Min(COPY_CHUNK, stat.size - offset);

		CHECK_FOR_INTERRUPTS();
		if (!PostmasterIsAlive())
			proc_exit(1);
		store->ops->read_at(object, offset, buffer, length);
		pgb_sink_write(sink, buffer, length);
	}
	pgb_sink_finish(sink);
	store->ops->close(object);
	MemoryContextSwitchTo(old);
	keep_description(file);
	MemoryContextDelete(context);
	store->ops->remove(store, from);
}

void
pgb_dumped_note_table(PgbManifest *manifest, const PgbTocEntry *entry, const PgbStoredFile *file)
{
	PgbTable   *table = &manifest->tables[manifest->ntables++];

	table->dump_id = entry->dump_id;
	table->oid = entry->oid;
	table->schema_name = pgb_to_utf8(entry->schema_name);
	table->table_name = pgb_to_utf8(entry->tag);
	for (uint32 i = 0; i < file->frames.count; i++)
		table->row_count += file->frames.frames[i].rows;
	table->raw_bytes = file->raw_bytes - strlen(PGB_COPY_TERMINATOR);
	table->stored_bytes = file->stored_bytes;
	table->file = file->name;
}
