/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Is a backup as it was written?
 *
 * Every check raises what it finds; a problem ends that check, and the next one begins.
 *
 * src/repo/verify.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/verify.h"

#include "io/digest.h"
#include "repo/datadir.h"
#include "repo/relation_map.h"
#include "repo/toc.h"
#include "repo/wal.h"

#define READ_SIZE	(1024 * 1024)

/* What a check looks at; which members count depends on the check. */
typedef struct Check
{
	PgbRepository *repository;
	const PgbManifest *manifest;
	PgbVerify  *verify;
	const PgbStoredFile *file;
	const PgbTable *table;
	uint64		rows;			/* found in the frames of the file */
	PgbFileList *list;
	PgbDataDir *plan;
	PgbDataDirShared *shared;
	PgbDataDirWorker *worker;
	bool		has_more;
	PgbWalName	wal_file;
} Check;

/* ---- problems ---- */

/* Is this error about the backup, and not about us? */
static bool
is_problem(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED ||
		sqlerrcode == ERRCODE_UNDEFINED_FILE ||
		sqlerrcode == ERRCODE_UNDEFINED_OBJECT ||
		sqlerrcode == ERRCODE_WRONG_OBJECT_TYPE ||
		sqlerrcode == ERRCODE_IO_ERROR ||
		sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

static void
report(PgbVerify *verify, const char *object, const char *detail, bool missing)
{
	verify->problems++;
	verify->problem(verify->arg, object, detail, missing);
}

static void
advance(const Check *check, uint64 bytes)
{
	if (check->verify->advance != NULL)
		check->verify->advance(check->verify->arg, bytes);
}

/*
 * Makes one check; returns false when it found a problem.  As in catalog.c, checks take nothing but memory
 * and descriptors, so that no subtransaction is needed.
 */
static bool
attempt(Check *check, const char *object, void (*function) (Check *check))
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool passed = false;

	PG_TRY();
	{
		function(check);
		passed = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		if (!is_problem(geterrcode()))
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		report(check->verify, object, error->detail == NULL ? error->message :
			   psprintf("%s: %s", error->message, error->detail),
			   error->sqlerrcode == ERRCODE_UNDEFINED_FILE);
		FreeErrorData(error);
	}
	PG_END_TRY();
	return passed;
}

/* The same, and all that it has allocated and opened goes. */
static bool
attempt_alone(Check *check, const char *object, void (*function) (Check *check))
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "pgbackup verify",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(own);
	bool		passed = attempt(check, object, function);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(own);
	return passed;
}

/* ---- stored objects ---- */

/* What is missing is told from what is damaged. */
static void
check_there(Check *check)
{
	PgbStore   *store = check->repository->store;
	PgbStat		stat;

	if (!store->ops->stat(store, pgb_backup_object(check->repository->system_identifier,
												   check->manifest->id, check->file->name), &stat))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("file \"%s\" of backup \"%s\" is missing", check->file->name,
						check->manifest->id)));
}

static void
check_stored(Check *check)
{
	const PgbStoredFile *file = check->file;
	PgbObject  *object = pgb_backup_open_file(check->repository, check->manifest, file);
	char	   *buffer = palloc(READ_SIZE);
	uint32		crc = 0;

	for (uint64 offset = 0; offset < file->stored_bytes;)
	{
		size_t		length = Min(READ_SIZE, file->stored_bytes - offset);

		CHECK_FOR_INTERRUPTS();
		object->store->ops->read_at(object, offset, buffer, length);
		crc = pgb_crc32c_extend(crc, buffer, length);
		offset += length;
		advance(check, length);
	}
	object->store->ops->close(object);
	pfree(buffer);
	if (crc != file->crc)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("its CRC-32C is %08x, but should be %08x", crc, file->crc)));
}

/* ---- contents of a logical backup ---- */

static uint64
count_lines(const char *data, size_t length)
{
	const char *end = data + length;
	uint64		lines = 0;

	while (data < end && (data = memchr(data, '\n', end - data)) != NULL)
	{
		lines++;
		data++;
	}
	return lines;
}

static void
check_frame(Check *check, PgbFrameDecoder *decoder, const char *stored, const PgbFrame *frame,
			char *buffer, bool is_last)
{
	uint64		lines = 0;
	size_t		got;

	pgb_frame_decoder_begin(decoder, stored, frame->stored_bytes, frame, check->file->name);
	while ((got = pgb_frame_decoder_read(decoder, buffer, READ_SIZE)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		lines += count_lines(buffer, got);
		advance(check, got);
	}

	/* The last one of a table is the terminator, which is no row. */
	if (check->table == NULL || (is_last && frame->rows == 0))
		return;
	if (lines != frame->rows)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the frame at byte %llu holds %llu rows, but should hold %llu",
						(unsigned long long) frame->offset, (unsigned long long) lines,
						(unsigned long long) frame->rows)));
	check->rows += lines;
}

static void
check_frames(Check *check)
{
	const PgbStoredFile *file = check->file;
	PgbObject  *object = pgb_backup_open_file(check->repository, check->manifest, file);
	PgbFrameDecoder *decoder = pgb_frame_decoder_create();
	char	   *buffer = palloc(READ_SIZE);

	check->rows = 0;
	for (uint32 i = 0; i < file->frames.count; i++)
	{
		char	   *stored = pgb_backup_read_frame(object, file, i);

		check_frame(check, decoder, stored, &file->frames.frames[i], buffer,
					i == file->frames.count - 1);
		pfree(stored);
	}
	object->store->ops->close(object);
	pfree(buffer);

	if (check->table != NULL && check->table->row_count != PGB_ROWS_UNKNOWN &&
		check->table->row_count != check->rows)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("it holds %llu rows, but should hold %llu",
						(unsigned long long) check->rows,
						(unsigned long long) check->table->row_count)));
}

/* The table whose rows a file holds, if their number is known by frame. */
static const PgbTable *
table_of(const PgbManifest *manifest, const PgbStoredFile *file)
{
	for (int i = 0; i < manifest->ntables; i++)
	{
		if (manifest->tables[i].file != NULL &&
			strcmp(manifest->tables[i].file, file->name) == 0)
			return manifest->tables[i].row_count == PGB_ROWS_UNKNOWN ? NULL : &manifest->tables[i];
	}
	return NULL;
}

/* ---- contents of a base backup ---- */

static void
check_list(Check *check)
{
	PgbDataDirOptions nothing = {0};

	check->list = pgb_file_list_read(check->repository, check->manifest);
	check->plan = pgb_datadir_plan(check->repository, check->manifest, check->list, &nothing);
	check->shared = palloc_extended(pgb_datadir_shared_size(check->plan),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->worker = pgb_datadir_worker_create(check->plan, check->shared);
}

static void
check_item(Check *check)
{
	uint64		before = pgb_counter_read(&check->shared->bytes_done);

	check->has_more = true;
	check->has_more = pgb_datadir_work(check->worker);
	advance(check, pgb_counter_read(&check->shared->bytes_done) - before);
}

static void
check_long_files(Check *check)
{
	pgb_datadir_complete(check->plan, check->shared);
}

static void
check_control(Check *check)
{
	const PgbFile *file;

	pfree(pgb_datadir_read_control(check->plan, &file));
}

static void
check_base(Check *check)
{
	bool		passed = true;

	if (!attempt(check, PGB_FILE_LIST_NAME, check_list))
		return;
	do
	{
		CHECK_FOR_INTERRUPTS();
		passed &= attempt(check, "files", check_item);
	} while (check->has_more);

	/* Of what could not be read, the sums are not right either. */
	if (passed)
		attempt(check, "files", check_long_files);
	attempt(check, PGB_CONTROL_PATH, check_control);
}

/* ---- the WAL of a base backup ---- */

static void
check_segment(Check *check)
{
	check->verify->objects++;
	if (!pgb_wal_exists(check->repository, &check->wal_file))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("WAL that the backup needs is not in the archive")));
	pgb_wal_verify(check->repository, &check->wal_file, check->verify->contents);
}

/* Not every server archives them. */
static void
check_if_there(Check *check)
{
	if (!pgb_wal_exists(check->repository, &check->wal_file))
		return;
	check->verify->objects++;
	pgb_wal_verify(check->repository, &check->wal_file, check->verify->contents);
}

static void
check_archived(Check *check, const char *name)
{
	if (pgb_wal_name_parse(name, 0, &check->wal_file))
		attempt_alone(check, check->wal_file.text, check_if_there);
}

/* The histories of the timelines along which it can be recovered, and the backup's own file. */
static void
check_texts(Check *check)
{
	const PgbManifest *manifest = check->manifest;
	uint32		size = manifest->base->segment_size;
	PgbWalName	start;

	for (uint32 *timeline = pgb_wal_timelines(check->repository); *timeline != 0; timeline++)
	{
		if (*timeline >= manifest->timeline)
			check_archived(check, psprintf("%08X.history", *timeline));
	}
	pgb_wal_segment_name(&start, manifest->timeline, manifest->start_lsn / size, size);
	check_archived(check, psprintf("%s.%08X.backup", start.text, (uint32) (manifest->start_lsn % size)));
}

static void
check_wal(Check *check)
{
	const PgbManifest *manifest = check->manifest;
	uint32		size = manifest->base->segment_size;
	uint64		last = (manifest->stop_lsn - 1) / size;

	for (uint64 number = manifest->start_lsn / size; number <= last; number++)
	{
		CHECK_FOR_INTERRUPTS();
		pgb_wal_segment_name(&check->wal_file, manifest->timeline, number, size);
		attempt_alone(check, check->wal_file.text, check_segment);
	}
	check_texts(check);
}

/* ---- the whole archive ---- */

static void
check_timeline(Check *check, uint32 timeline)
{
	PgbStore   *store = check->repository->store;
	char	   *folder = pgb_wal_timeline_folder(check->repository->system_identifier, timeline);

	for (char **objects = store->ops->list(store, folder); *objects != NULL; objects++)
	{
		char	   *name = pstrdup(*objects);
		size_t		length = strlen(name);
		size_t		suffix = strlen(PGB_COMPRESSED_SUFFIX);
		PgbStat		stat;

		CHECK_FOR_INTERRUPTS();
		if (store->ops->stat(store, psprintf("%s/%s", folder, name), &stat))
			check->verify->bytes += stat.size;
		if (length > suffix && strcmp(name + length - suffix, PGB_COMPRESSED_SUFFIX) == 0)
			name[length - suffix] = '\0';
		check_archived(check, name);
	}
}

void
pgb_verify_archive(PgbRepository *repository, PgbVerify *verify)
{
	Check		check = {repository, NULL, verify};

	for (uint32 *timeline = pgb_wal_timelines(repository); *timeline != 0; timeline++)
		check_timeline(&check, *timeline);
}

/* ---- a backup ---- */

/* The packs are read by check_base(), file by file. */
static bool
is_pack(const PgbManifest *manifest, const PgbStoredFile *file)
{
	return manifest->base != NULL && strncmp(file->name, "pack-", strlen("pack-")) == 0;
}

static void
check_file(Check *check)
{
	const PgbStoredFile *file = check->file;

	check->verify->objects++;
	check->verify->bytes += file->stored_bytes;
	if (!attempt_alone(check, file->name, check_there) ||
		!attempt_alone(check, file->name, check_stored))
		return;
	if (!check->verify->contents || file->frames.count == 0 || is_pack(check->manifest, file))
		return;
	check->table = table_of(check->manifest, file);
	attempt_alone(check, file->name, check_frames);
}

void
pgb_verify_backup(PgbRepository *repository, const PgbManifest *manifest, PgbVerify *verify)
{
	Check		check = {repository, manifest, verify};

	for (int i = 0; i < manifest->nfiles; i++)
	{
		check.file = &manifest->files[i];
		check_file(&check);
	}
	if (manifest->base == NULL)
		return;
	if (verify->contents)
	{
		MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "pgbackup verify",
												  ALLOCSET_DEFAULT_SIZES);
		MemoryContext caller = MemoryContextSwitchTo(own);

		check_base(&check);
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(own);
	}
	check_wal(&check);
}
