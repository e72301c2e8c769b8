/*-------------------------------------------------------------------------
 *
 * restore_objects.c
 *	  Large objects.
 *
 * pg_restore has made them, with their owners and privileges, and they are empty.
 * An entry names a list, whose lines are the number of an object and the file
 * that has its content.
 *
 * src/server/restore/restore_objects.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "libpq/libpq-fs.h"
#include "server/restore/restore.h"
#include "storage/large_object.h"
#include "utils/snapmgr.h"

/* Objects that are written in one transaction. */
#define BATCH				100

/* Bytes that are written at once: whole rows of pg_largeobject. */
#define CHUNK				(32 * LOBLKSIZE)

typedef struct ListedObject
{
	Oid			oid;
	char	   *file;			/* as it is stored */
} ListedObject;

pg_noreturn static void
damaged_list(const PgbManifest *manifest, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("file \"%s\" of backup \"%s\" is no list of large objects", name, manifest->id),
			 errhint(PGB_HINT_DAMAGED)));
}

/* "16400 blob_16400.dat" */
static void
parse_line(const PgbManifest *manifest, const char *name, const char *line, size_t length,
		   ListedObject *object)
{
	char	   *copy = pnstrdup(line, length);
	char	   *end;
	unsigned long oid = strtoul(copy, &end, 10);

	if (end == copy || *end != ' ' || oid == 0 || oid > PG_UINT32_MAX)
		damaged_list(manifest, name);
	object->oid = (Oid) oid;
	object->file = psprintf("%s" PGB_COMPRESSED_SUFFIX, end + 1);
}

static ListedObject *
read_list(PgbRepository *repository, const PgbManifest *manifest, const char *name, uint32 *count)
{
	size_t		length;
	char	   *text = pgb_backup_read_file(repository, manifest, name, MaxAllocHugeSize, &length);
	ListedObject *objects;
	uint32		allocated = 0;

	for (size_t i = 0; i < length; i++)
		allocated += (text[i] == '\n');
	objects = palloc_extended(mul_size(Max(allocated, 1), sizeof(ListedObject)), MCXT_ALLOC_HUGE);

	*count = 0;
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
	{
		CHECK_FOR_INTERRUPTS();
		if (*count == allocated)
			damaged_list(manifest, name);
		parse_line(manifest, name, line, end - line, &objects[(*count)++]);
	}
	pfree(text);
	return objects;
}

/* ---- one object ---- */

static void
write_frame(LargeObjectDesc *target, PgbFrameDecoder *decoder, char *buffer)
{
	for (;;)
	{
		size_t		filled = 0;
		size_t		got;

		CHECK_FOR_INTERRUPTS();
		while (filled < CHUNK &&
			   (got = pgb_frame_decoder_read(decoder, buffer + filled, CHUNK - filled)) > 0)
			filled += got;
		if (filled == 0)
			break;
		if (inv_write(target, buffer, (int) filled) != (int) filled)
			elog(ERROR, "could not write large object %u", target->id);
	}
}

static void
write_object(PgbRepository *repository, const PgbManifest *manifest, const ListedObject *listed,
			 PgbRestoreShared *shared, char *buffer)
{
	const PgbStoredFile *file = pgb_manifest_file(manifest, listed->file);
	PgbObject  *object;
	PgbFrameDecoder *decoder;
	LargeObjectDesc *target;

	if (file == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" does not describe file \"%s\"", manifest->id, listed->file),
				 errhint(PGB_HINT_DAMAGED)));

	object = pgb_backup_open_file(repository, manifest, file);
	decoder = pgb_frame_decoder_create();
	target = inv_open(listed->oid, INV_WRITE, CurrentMemoryContext);
	for (uint32 number = 0; number < file->frames.count; number++)
	{
		const PgbFrame *frame = &file->frames.frames[number];
		char	   *stored = pgb_backup_read_frame(object, file, number);

		pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, file->name);
		write_frame(target, decoder, buffer);
		pfree(stored);
		pgb_job_add_bytes(shared->job, frame->raw_bytes);
	}
	inv_close(target);
	object->store->ops->close(object);
}

/* ---- compared ---- */

/* Has the object these bytes next? */
static bool
has_bytes(LargeObjectDesc *target, const char *bytes, int length, char *buffer)
{
	int			got = 0;

	while (got < length)
	{
		int			more = inv_read(target, buffer + got, length - got);

		if (more <= 0)
			return false;
		got += more;
	}
	return memcmp(bytes, buffer, length) == 0;
}

static bool
has_frame(LargeObjectDesc *target, PgbFrameDecoder *decoder, char *buffer)
{
	size_t		got;

	while ((got = pgb_frame_decoder_read(decoder, buffer, CHUNK)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (!has_bytes(target, buffer, (int) got, buffer + CHUNK))
			return false;
	}
	return true;
}

/* buffer is of two chunks */
static bool
is_same(PgbRepository *repository, const PgbManifest *manifest, const ListedObject *listed,
		char *buffer)
{
	const PgbStoredFile *file = pgb_manifest_file(manifest, listed->file);
	PgbObject  *object;
	PgbFrameDecoder *decoder = pgb_frame_decoder_create();
	LargeObjectDesc *target;
	bool		same = true;

	if (file == NULL)
		damaged_list(manifest, listed->file);
	object = pgb_backup_open_file(repository, manifest, file);
	target = inv_open(listed->oid, INV_READ, CurrentMemoryContext);
	for (uint32 number = 0; same && number < file->frames.count; number++)
	{
		const PgbFrame *frame = &file->frames.frames[number];
		char	   *stored = pgb_backup_read_frame(object, file, number);

		pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, file->name);
		same = has_frame(target, decoder, buffer);
		pfree(stored);
	}
	same = same && inv_read(target, buffer, 1) == 0;
	inv_close(target);
	object->store->ops->close(object);
	return same;
}

uint32
pgb_restore_compare_objects(PgbRepository *repository, const PgbManifest *manifest,
							const PgbTocEntry *entry, Oid *different)
{
	char	   *name = psprintf("%s" PGB_COMPRESSED_SUFFIX, entry->file_name);
	uint32		count;
	ListedObject *objects = read_list(repository, manifest, name, &count);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgbackup large objects",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *buffer = palloc(2 * CHUNK);

	*different = InvalidOid;
	for (uint32 i = 0; i < count && !OidIsValid(*different); i++)
	{
		MemoryContextSwitchTo(context);
		if (!is_same(repository, manifest, &objects[i], buffer))
			*different = objects[i].oid;
		MemoryContextReset(context);
	}
	close_lo_relation(true);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	pfree(buffer);
	return count;
}

/* ---- the whole ---- */

static void
write_batch(PgbRepository *repository, const PgbManifest *manifest,
			const ListedObject *objects, uint32 count, PgbRestoreShared *shared)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "pgbackup large objects",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *buffer = palloc(CHUNK);

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	for (uint32 i = 0; i < count; i++)
	{
		MemoryContextSwitchTo(context);
		write_object(repository, manifest, &objects[i], shared, buffer);
		MemoryContextReset(context);
	}
	close_lo_relation(true);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	pfree(buffer);
}

void
pgb_restore_objects(PgbRepository *repository, const PgbManifest *manifest,
					const PgbTocEntry *entry, PgbRestoreShared *shared, PgbRestoreItem *item)
{
	char	   *name = psprintf("%s" PGB_COMPRESSED_SUFFIX, entry->file_name);
	uint32		count;
	ListedObject *objects = read_list(repository, manifest, name, &count);
	uint32		unit;

	/* every worker finds the same */
	item->units = (count + BATCH - 1) / BATCH;
	pgb_job_set_object(shared->job, "", "large objects");
	while ((unit = pg_atomic_fetch_add_u32(&item->next_unit, 1)) < item->units)
	{
		uint32		first = unit * BATCH;

		write_batch(repository, manifest, objects + first, Min(BATCH, count - first), shared);
		pg_atomic_fetch_add_u32(&item->units_done, 1);
	}
}
