/*-------------------------------------------------------------------------
 *
 * test_datadir.c
 *	  A base backup is laid down: pieces, holes, links, order, damage.
 *
 * test/unit/repo/test_datadir.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include "io/digest.h"
#include "repo/datadir.h"

#define PACK_BYTES		(20 * 1024 * 1024)
#define FRAME_BYTES		(6 * 1024 * 1024 + 12345)
#define SPARSE_FROM		(1024 * 1024)	/* zeros in the content of the pack ... */
#define SPARSE_TO		(5 * 1024 * 1024)	/* ... up to here */
#define ODD_NAME		"base/1/a b\n\"c\"\\%\xFF\x01"
#define TABLESPACE		"pg_tblspc/16400"

static char *directory;
static PgbRepository *repository;
static char *content;			/* of the pack */
static PgbManifest *manifest;
static PgbFileList list;

/* ---- a base backup ---- */

static void
make_content(void)
{
	content = palloc(PACK_BYTES);
	for (int i = 0; i < PACK_BYTES; i++)
		content[i] = (char) (tap_random() % 7 + 1);
	memset(content + SPARSE_FROM, 0, SPARSE_TO - SPARSE_FROM);
}

static PgbFile *
add_file(PgbFileType type, const char *path, uint32 mode)
{
	PgbFile    *file = &list.files[list.count++];

	memset(file, 0, sizeof(PgbFile));
	file->type = type;
	file->path = pstrdup(path);
	file->mode = mode;
	file->modified_at = INT64CONST(824830200123456);
	file->extents = palloc0(3 * sizeof(PgbExtent));
	return file;
}

/* Extents of the only pack: offset and length, three of them, those of no length left out. */
static void
fill(PgbFile *file, const uint64 places[3][2])
{
	for (int i = 0; i < 3; i++)
	{
		if (places[i][1] == 0)
			continue;
		file->extents[file->nextents].pack = 1;
		file->extents[file->nextents].pack_offset = places[i][0];
		file->extents[file->nextents++].length = places[i][1];
		file->crc = pgb_crc32c_extend(file->crc, content + places[i][0], places[i][1]);
		file->size += places[i][1];
	}
}

static void
make_list(void)
{
	static const uint64 small[3][2] = {{8192, 100}};
	static const uint64 control[3][2] = {{0, 8192}};
	static const uint64 sparse[3][2] = {{900000, SPARSE_TO - 900000}};
	static const uint64 parts[3][2] = {{19 * 1024 * 1024, 1024 * 1024}, {SPARSE_TO, 10 * 1024 * 1024}, {8292, 77}};
	static const uint64 there[3][2] = {{16 * 1024 * 1024, 50000}};

	list.files = palloc0(20 * sizeof(PgbFile));
	list.count = 0;
	add_file(PGB_FILE_DIRECTORY, "base", 0700);
	add_file(PGB_FILE_DIRECTORY, "base/1", 0750);
	fill(add_file(PGB_FILE_REGULAR, ODD_NAME, 0640), small);
	add_file(PGB_FILE_REGULAR, "base/1/empty", 0600);
	fill(add_file(PGB_FILE_REGULAR, "base/1/parts", 0600), parts);
	fill(add_file(PGB_FILE_REGULAR, "base/1/sparse", 0600), sparse);
	add_file(PGB_FILE_DIRECTORY, "global", 0700);
	fill(add_file(PGB_FILE_REGULAR, "global/pg_control", 0600), control);
	add_file(PGB_FILE_DIRECTORY, "pg_tblspc", 0700);
	add_file(PGB_FILE_TABLESPACE, TABLESPACE, 0700)->target = pstrdup("/old/place");
	fill(add_file(PGB_FILE_REGULAR, TABLESPACE "/there", 0600), there);
}

/* One pack, in frames whose ends are in the middle of files. */
static void
make_backup(void)
{
	PgbStore   *store;
	PgbBackupWriter *writer;
	PgbFrameEncoder *encoder = pgb_frame_encoder_create(1);
	PgbStoredFile *pack = palloc0(sizeof(PgbStoredFile));
	PgbStoredFile described;
	PgbObject  *object;
	uint64		stored = 0;

	repository = pgb_repository_open(psprintf("%s/repository", directory), SAMPLE_CLUSTER, true);
	store = repository->store;
	writer = pgb_backup_begin(repository, PGB_FULL);
	object = store->ops->create(store, pgb_backup_writer_name(writer, pgb_pack_name(1)));
	for (uint64 offset = 0; offset < PACK_BYTES; offset += FRAME_BYTES)
	{
		PgbFrame	frame;
		const char *data;

		pgb_frame_encoder_append(encoder, content + offset, Min(FRAME_BYTES, PACK_BYTES - offset));
		data = pgb_frame_encoder_end(encoder, &frame);
		store->ops->write_at(object, stored, data, frame.stored_bytes);
		stored += frame.stored_bytes;
		pgb_frames_add(&pack->frames, &frame);
	}
	store->ops->close(object);
	pgb_backup_describe(writer, pgb_pack_name(1), &described);
	pack->name = pgb_pack_name(1);
	pack->stored_bytes = described.stored_bytes;
	pack->crc = described.crc;
	pack->raw_bytes = PACK_BYTES;

	manifest = sample_header();
	manifest->database = manifest->encoding = NULL;
	manifest->base = palloc0(sizeof(PgbBase));
	manifest->base->block_size = 8192;
	manifest->base->segment_size = 16 * 1024 * 1024;
	manifest->base->backup_label = pstrdup("START WAL LOCATION: 0/2000028\n");
	sample_add_file(manifest, pack);
	pgb_backup_commit(writer, manifest);
}

/* ---- laying it down ---- */

static char *
fresh_target(void)
{
	static int	number = 0;
	char	   *path = psprintf("%s/target%d", directory, ++number);

	mkdir(path, 0700);
	return path;
}

static PgbDataDir *
plan_of(const char *path)
{
	PgbDataDirOptions options = {.path = path, .durable = true};

	return pgb_datadir_plan(repository, manifest, &list, &options);
}

/* By so many workers, which take turns. */
static PgbDataDirShared *
work(const PgbDataDir *plan, int workers)
{
	PgbDataDirShared *shared = palloc0(pgb_datadir_shared_size(plan));
	PgbDataDirWorker **team = palloc(workers * sizeof(PgbDataDirWorker *));
	bool		more = true;

	for (int i = 0; i < workers; i++)
		team[i] = pgb_datadir_worker_create(plan, shared);
	while (more)
	{
		for (int i = 0; i < workers; i++)
			more = pgb_datadir_work(team[i]);
	}
	return shared;
}

static struct stat
stat_of(const char *path, const char *name)
{
	struct stat st = {0};

	lstat(psprintf("%s/%s", path, name), &st);
	return st;
}

/* Read with other code than ours. */
static bool
is_as_backed_up(const char *path, const PgbFile *file)
{
	FILE	   *f = fopen(psprintf("%s/%s", path, file->path), "rb");
	char	   *data = palloc(file->size + 1);
	char	   *wanted = palloc(file->size + 1);
	size_t		length = 0;
	bool		same;

	if (f == NULL)
		return false;
	for (int i = 0; i < file->nextents; i++)
	{
		memcpy(wanted + length, content + file->extents[i].pack_offset, file->extents[i].length);
		length += file->extents[i].length;
	}
	same = fread(data, 1, file->size + 1, f) == file->size && memcmp(data, wanted, length) == 0;
	fclose(f);
	return same;
}

static void
check_all_files(const char *path)
{
	for (int i = 0; i < list.count; i++)
	{
		if (list.files[i].type == PGB_FILE_REGULAR)
			ok(is_as_backed_up(path, &list.files[i]), psprintf("file %d is as it was", i));
	}
}

static void
test_whole(void)
{
	char	   *path = fresh_target();
	PgbDataDir *plan = plan_of(path);
	PgbDataDirShared *shared;
	struct stat st;

	is_uint(plan->nitems, 4, "each frame is one item");
	pgb_datadir_begin(plan);
	shared = work(plan, 2);
	is_uint(pgb_counter_read(&shared->bytes_done), plan->bytes, "all bytes are counted");
	pgb_datadir_complete(plan, shared);
	ok(stat_of(path, "global/pg_control").st_mode == 0, "without a seal there is no pg_control");
	ok(stat_of(path, "backup_label").st_size > 0, "there is a backup_label");

	pgb_datadir_seal(plan);
	check_all_files(path);
	is_uint(stat_of(path, ODD_NAME).st_mode & 07777, 0640, "the mode of a file");
	is_uint(stat_of(path, "base/1").st_mode & 07777, 0750, "the mode of a directory");
	is_uint(stat_of(path, "base/1/parts").st_mtim.tv_sec, 1771515000, "the time of a long file");
	is_uint(stat_of(path, ODD_NAME).st_mtim.tv_nsec, 123456000, "the time of a short file");
	ok(S_ISDIR(stat_of(path, "pg_wal/archive_status").st_mode), "there is a place for WAL");
	ok(S_ISDIR(stat_of(path, TABLESPACE).st_mode), "a tablespace without a place is a directory");

	st = stat_of(path, "base/1/sparse");
	ok(st.st_blocks * 512 < 1024 * 1024, "zeros are a hole");
	is_uint(st.st_size, SPARSE_TO - 900000, "also at the end of a file");
}

static void
test_places(void)
{
	char	   *path = fresh_target();
	PgbTablespacePlace place = {16400, fresh_target()};
	PgbDataDirOptions options = {.path = path,.nplaces = 1,.places = &place};
	PgbDataDir *plan = pgb_datadir_plan(repository, manifest, &list, &options);

	pgb_datadir_begin(plan);
	pgb_datadir_complete(plan, work(plan, 1));
	ok(S_ISLNK(stat_of(path, TABLESPACE).st_mode), "a tablespace with a place is a link");
	is_uint(stat_of(place.path, "there").st_size, 50000, "its files are there");
}

static bool
is_short(const PgbFile *file, void *arg)
{
	return file->type != PGB_FILE_REGULAR || file->size < 100000;
}

static void
test_some(void)
{
	char	   *path = fresh_target();
	PgbDataDirOptions options = {.path = path,.wants = is_short};
	PgbDataDir *plan = pgb_datadir_plan(repository, manifest, &list, &options);

	is_uint(plan->nitems, 2, "frames of which nothing is wanted are not read");
	pgb_datadir_begin(plan);
	pgb_datadir_complete(plan, work(plan, 1));
	pgb_datadir_seal(plan);
	ok(stat_of(path, "base/1/parts").st_mode == 0, "what is not wanted is not there");
	ok(stat_of(path, TABLESPACE "/there").st_size == 50000, "what is wanted is");
	ok(stat_of(path, "global/pg_control").st_size == 8192, "pg_control is always wanted");
}

/* ---- what must be refused ---- */

static PgbFile *
file_named(const char *path)
{
	return pgb_file_list_find(&list, path);
}

static void
test_wrong_lists(void)
{
	PgbFile    *parts = file_named("base/1/parts");
	PgbFile    *whole = file_named(ODD_NAME);
	PgbDataDir *plan;
	PgbDataDirShared *shared;

	parts->extents[2].pack_offset -= 50;
	raises(ERRCODE_DATA_CORRUPTED, "two files do not share content", plan_of(NULL));
	parts->extents[2].pack_offset += 50;

	parts->extents[0].pack_offset += 1;
	raises(ERRCODE_DATA_CORRUPTED, "no file ends after its pack", plan_of(NULL));
	parts->extents[0].pack_offset -= 1;

	parts->extents[0].pack = 2;
	raises(ERRCODE_DATA_CORRUPTED, "the pack must be there", plan_of(NULL));
	parts->extents[0].pack = 1;

	parts->size--;
	raises(ERRCODE_DATA_CORRUPTED, "extents are not longer than the file", plan_of(NULL));
	parts->size += 2;
	raises(ERRCODE_DATA_CORRUPTED, "extents are not shorter than the file", plan_of(NULL));
	parts->size--;

	whole->crc++;
	raises(ERRCODE_DATA_CORRUPTED, "a wrong sum of a short file is found",
		   work(plan_of(NULL), 1));
	whole->crc--;

	parts->crc++;
	plan = plan_of(NULL);
	shared = work(plan, 1);
	raises(ERRCODE_DATA_CORRUPTED, "a wrong sum of a long file is found",
		   pgb_datadir_complete(plan, shared));
	parts->crc--;

	plan = plan_of(NULL);
	try(pgb_datadir_complete(plan, work(plan, 1)));
	ok(tap_error == NULL, "and the right one is right, with nothing written");
}

static void
test_damage(void)
{
	char	   *path = psprintf("%s/%s", repository->store->location,
								pgb_backup_object(SAMPLE_CLUSTER, manifest->id, pgb_pack_name(1)));
	FILE	   *pack = fopen(path, "r+b");
	int			c;

	fseek(pack, manifest->files[0].frames.frames[3].offset + 1000, SEEK_SET);
	c = fgetc(pack);
	fseek(pack, -1, SEEK_CUR);
	fputc(c ^ 1, pack);
	fclose(pack);

	raises(ERRCODE_DATA_CORRUPTED, "a damaged frame is found", work(plan_of(NULL), 2));
	ok(strstr(tap_error->message, "\"base/1/parts\"") != NULL &&
	   strstr(tap_error->message, manifest->id) != NULL, "the error names the file and the backup");
	ok(strstr(tap_error->detail, "pack-0001.zst") != NULL, "and the pack");

	if (truncate(path, manifest->files[0].stored_bytes - 1) != 0)
		perror(path);
	raises(ERRCODE_DATA_CORRUPTED, "a pack that is cut is found", work(plan_of(NULL), 1));
	unlink(path);
	raises(ERRCODE_DATA_CORRUPTED, "a pack that is missing is found", work(plan_of(NULL), 1));
}

static void
test_targets(void)
{
	char	   *path = fresh_target();
	PgbDataDir *plan = plan_of(path);

	if (symlink(directory, psprintf("%s/base", path)) != 0)
		perror(path);
	raises(ERRCODE_WRONG_OBJECT_TYPE, "no link is followed", pgb_datadir_begin(plan));
}

int
main(int argc, char **argv)
{
	directory = tap_directory();
	make_content();
	make_list();
	make_backup();
	test_whole();
	test_places();
	test_some();
	test_wrong_lists();
	test_targets();
	test_damage();
	tap_remove(directory);
	return done_testing();
}
