/*-------------------------------------------------------------------------
 *
 * test_backup.c
 *	  A backup is written, listed, read; runs die; files are damaged.
 *
 * test/unit/repo/test_backup.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include <signal.h>

static char *directory;
static PgbRepository *repository;

static char *
path_of(const char *name)
{
	return psprintf("%s/%s", repository->store->location, name);
}

static char *
backup_path(const char *id, const char *file)
{
	return path_of(pgb_backup_object(repository->system_identifier, id, file));
}

static bool
exists(const char *id, const char *file)
{
	return access(backup_path(id, file), F_OK) == 0;
}

/* Changes one byte of a file. */
static void
flip(const char *path, long offset)
{
	FILE	   *file = fopen(path, "r+b");
	int			c;

	fseek(file, offset, SEEK_SET);
	c = fgetc(file);
	fseek(file, offset, SEEK_SET);
	fputc(c ^ 1, file);
	fclose(file);
}

static void
fresh_repository(void)
{
	static int	number = 0;

	repository = pgb_repository_open(psprintf("%s/repository%d", directory, ++number),
									 SAMPLE_CLUSTER, true);
}

static void
test_commit(void)
{
	PgbManifest *written;
	PgbManifest *read;
	PgbCatalogEntry *entries;
	int			count;

	fresh_repository();
	entries = pgb_catalog_list(repository, &count);
	is_uint(count, 0, "there is no backup");
	raises(ERRCODE_UNDEFINED_OBJECT, "nor a latest one",
		   pgb_catalog_get(repository, "latest", PGB_LOGICAL, NULL));

	written = sample_backup(repository, "shop");
	entries = pgb_catalog_list(repository, &count);
	is_uint(count, 1, "a backup is listed once committed");
	ok(entries[0].damage == NULL && strcmp(entries[0].id, written->id) == 0, "it is undamaged");
	ok(!exists(written->id, "lock"), "its lock is gone");

	read = pgb_catalog_get(repository, "latest", PGB_LOGICAL, "shop");
	is_str(read->id, written->id, "it is the latest");
	is_str(read->pgbackup_version, PGBACKUP_VERSION, "the manifest has our version");
	ok(llabs(read->finished_at - pgb_now()) < INT64CONST(60000000), "and when it was finished");
	is_uint(read->files[0].frames.frames[0].rows, 2, "and the rows");
	is_uint(read->files[0].raw_bytes, strlen(SAMPLE_ROWS SAMPLE_END), "and the lengths");
}

static void
test_get(void)
{
	PgbManifest *first = pgb_catalog_get(repository, "latest", PGB_ANY_KIND, NULL);
	PgbManifest *second = sample_backup(repository, "shop");
	PgbManifest *third = sample_backup(repository, "other");
	PgbRepository *stranger = pgb_repository_open(repository->store->location, 42, true);

	ok(strcmp(first->id, second->id) < 0 && strcmp(second->id, third->id) < 0,
	   "ids are never given twice, and sort by time");
	is_str(pgb_catalog_get(repository, "latest", PGB_LOGICAL, NULL)->id, third->id, "the latest of all");
	is_str(pgb_catalog_get(repository, "latest", PGB_LOGICAL, "shop")->id, second->id, "of a database");
	is_str(pgb_catalog_get(repository, first->id, PGB_LOGICAL, NULL)->id, first->id, "one by its id");

	raises(ERRCODE_UNDEFINED_OBJECT, "none of a database without backups",
		   pgb_catalog_get(repository, "latest", PGB_LOGICAL, "none"));
	raises(ERRCODE_UNDEFINED_OBJECT, "none of another kind",
		   pgb_catalog_get(repository, "latest", PGB_FULL, NULL));
	raises(ERRCODE_WRONG_OBJECT_TYPE, "nor by an id of another kind",
		   pgb_catalog_get(repository, first->id, PGB_FULL, NULL));
	raises(ERRCODE_UNDEFINED_OBJECT, "an unknown id",
		   pgb_catalog_get(repository, "19990101-000000L", PGB_LOGICAL, NULL));
	ok(tap_error->hint != NULL && tap_error->detail == NULL, "has a hint");
	raises(ERRCODE_UNDEFINED_OBJECT, "a path is no id",
		   pgb_catalog_get(repository, "../../..", PGB_LOGICAL, NULL));
	raises(ERRCODE_UNDEFINED_OBJECT, "backups of others are not ours",
		   pgb_catalog_get(stranger, first->id, PGB_LOGICAL, NULL));
	ok(tap_error->detail != NULL && strstr(tap_error->detail, "7412345678901234567") != NULL,
	   "but the detail tells of them");
}

static void
test_abort(void)
{
	PgbBackupWriter *writer;
	PgbManifest *m = sample_header();
	PgbStoredFile file;
	int			count;

	fresh_repository();
	writer = pgb_backup_begin(repository, PGB_LOGICAL);
	ok(exists(writer->id, "lock"), "a running backup has a lock");
	pgb_catalog_list(repository, &count);
	is_uint(count, 0, "and is not listed");
	repository->store->ops->put(repository->store, pgb_backup_writer_name(writer, "toc.dat"), "x", 1);
	pgb_backup_abort(writer);
	ok(!exists(writer->id, "."), "nothing is left of an aborted one");
	pgb_backup_abort(writer);
	pgb_backup_abort(NULL);
	ok(true, "it can be aborted twice, and before it was begun");

	writer = pgb_backup_begin(repository, PGB_LOGICAL);
	repository->store->ops->put(repository->store, pgb_backup_writer_name(writer, "toc.dat"), "abc", 3);
	pgb_backup_describe(writer, "toc.dat", &file);
	sample_add_file(m, &file);
	repository->store->ops->put(repository->store, pgb_backup_writer_name(writer, "toc.dat"), "ab", 2);
	raises(ERRCODE_DATA_CORRUPTED, "a file that has changed is not committed",
		   pgb_backup_commit(writer, m));
	m->files[0].stored_bytes = 2;
	m->files[0].raw_bytes = PG_UINT64_MAX;
	raises(ERRCODE_DATA_CORRUPTED, "nor is a manifest that could not be read",
		   pgb_backup_commit(writer, m));
	pgb_catalog_list(repository, &count);
	is_uint(count, 0, "nothing is listed");
	m->files[0].raw_bytes = 2;
	pgb_backup_commit(writer, m);
	pgb_backup_abort(writer);
	pgb_catalog_list(repository, &count);
	is_uint(count, 1, "abort does nothing after commit");
}

/* ---- runs that die ---- */

static int	ready[2];

/* A run that has begun, and waits for its end. */
static void
run_and_wait(void)
{
	PgbBackupWriter *writer = pgb_backup_begin(repository, PGB_LOGICAL);

	repository->store->ops->make_folder(repository->store, pgb_backup_writer_name(writer, "sub"));
	repository->store->ops->put(repository->store, pgb_backup_writer_name(writer, "sub/x"), "x", 1);
	if (write(ready[1], writer->id, PGB_ID_SIZE) == PGB_ID_SIZE)
		sleep(60);
}

static pid_t
start_run(char id[PGB_ID_SIZE])
{
	pid_t		pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
	{
		run_and_wait();
		_exit(0);
	}
	if (read(ready[0], id, PGB_ID_SIZE) != PGB_ID_SIZE)
		exit(1);
	return pid;
}

static void
kill_run(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_dead_runs(void)
{
	char		dead[PGB_ID_SIZE];
	char		live[PGB_ID_SIZE];
	pid_t		dead_pid;
	pid_t		live_pid;
	PgbManifest *m;
	int			count;

	fresh_repository();
	if (pipe(ready) != 0)
		exit(1);
	m = sample_backup(repository, "shop");
	dead_pid = start_run(dead);
	live_pid = start_run(live);

	is_uint(pgb_backup_clean(repository), 0, "while a run lives, nothing is removed");
	kill_run(dead_pid);
	ok(exists(dead, "sub/x"), "a killed run leaves its folder");
	pgb_catalog_list(repository, &count);
	is_uint(count, 1, "which is not listed");

	pgb_backup_abort(pgb_backup_begin(repository, PGB_LOGICAL));
	ok(!exists(dead, "."), "the next run removes it");
	ok(exists(live, "sub/x"), "and leaves the one that lives");
	ok(exists(m->id, "manifest.json") && exists(m->id, "17.dat.zst"), "and the complete one");

	kill_run(live_pid);
	mkdir(path_of("7412345678901234567/backups/20000101-000000L"), 0700);
	mkdir(path_of("7412345678901234567/backups/notes"), 0700);
	is_uint(pgb_backup_clean(repository), 2, "so do runs without a lock");
	ok(access(path_of("7412345678901234567/backups/notes"), F_OK) == 0, "what is no backup stays");
}

/* Who looks whether a backup is used has its manifest for a moment: that does not make an older one the latest. */
static void
test_used(void)
{
	char	   *manifest;
	PgbManifest *m;
	pid_t		pid;

	fresh_repository();
	sample_backup(repository, "shop");
	m = sample_backup(repository, "shop");
	ok(!pgb_backup_is_used(repository, m->id), "nobody reads it");
	ok(pgb_backup_is_used(repository, "20000101-000000L") && !exists("20000101-000000L", "."),
	   "one that is not there is not made by looking at it");
	mkdir(backup_path("20000101-000000L", ""), 0700);
	pgb_backup_is_used(repository, "20000101-000000L");
	ok(!exists("20000101-000000L", "manifest.json"), "nor is one that is half removed");

	manifest = pgb_backup_object(repository->system_identifier, m->id, PGB_MANIFEST_NAME);
	if (pipe(ready) != 0)
		exit(1);
	pid = fork();
	if (pid == 0)
	{
		if (repository->store->ops->seize(repository->store, manifest) == NULL ||
			write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(300 * 1000);
		_exit(0);
	}
	if (read(ready[0], manifest, 1) != 1)
		exit(1);
	is_str(pgb_catalog_get(repository, PGB_LATEST, PGB_LOGICAL, NULL)->id, m->id, "the latest is waited for");
	waitpid(pid, NULL, 0);
}

/* A complete backup whose lock could not be removed is complete. */
static void
test_stale_lock(void)
{
	PgbManifest *m = sample_backup(repository, "shop");

	tap_write_file(backup_path(m->id, "lock"), "", 0);
	is_uint(pgb_backup_clean(repository), 0, "a lock that was left does not make a backup dead");
	ok(exists(m->id, "17.dat.zst"), "it is there");
}

static void
begin_run(void *arg)
{
	PgbBackupWriter *writer = pgb_backup_begin(repository, PGB_LOGICAL);

	repository->store->ops->put(repository->store, pgb_backup_writer_name(writer, "toc.dat"), "x", 1);
	pgb_backup_commit(writer, sample_header());
}

static void
test_many_at_once(void)
{
	pid_t		pids[4];
	int			failed = 0;
	int			count;

	fresh_repository();
	fflush(NULL);
	for (int i = 0; i < lengthof(pids); i++)
	{
		pids[i] = fork();
		if (pids[i] == 0)
		{
			begin_run(NULL);
			_exit(0);
		}
	}
	for (int i = 0; i < lengthof(pids); i++)
	{
		int			status;

		waitpid(pids[i], &status, 0);
		if (status != 0)
			failed++;
	}
	pgb_catalog_list(repository, &count);
	ok(failed == 0 && count == lengthof(pids), "runs that begin at once have ids of their own");
}

/* ---- reading ---- */

static void
test_read(void)
{
	PgbManifest *m;
	PgbObject  *object;
	char	   *frame;
	size_t		length;

	fresh_repository();
	m = sample_backup(repository, "shop");
	m = pgb_catalog_get(repository, m->id, PGB_LOGICAL, NULL);

	is_str(pgb_backup_read_file(repository, m, "17.dat.zst", 1000, &length), SAMPLE_ROWS SAMPLE_END,
		   "a compressed file");
	is_uint(length, strlen(SAMPLE_ROWS SAMPLE_END), "and its length");
	is_str(pgb_backup_read_file(repository, m, "toc.dat", 1000, &length), "PGDMP", "a plain file");
	raises(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "a limit is kept",
		   pgb_backup_read_file(repository, m, "17.dat.zst", 20, &length));
	raises(ERRCODE_UNDEFINED_OBJECT, "a file that is not in the manifest",
		   pgb_backup_read_file(repository, m, "18.dat.zst", 1000, &length));

	object = pgb_backup_open_file(repository, m, &m->files[0]);
	frame = pgb_backup_read_frame(object, &m->files[0], 1);
	ok(frame != NULL, "a frame");
	{
		PgbFrameDecoder *decoder = pgb_frame_decoder_create();
		char		buffer[100] = {0};

		pgb_frame_decoder_begin(decoder, frame, m->files[0].frames.frames[1].stored_bytes,
								&m->files[0].frames.frames[1], "17.dat.zst");
		is_uint(pgb_frame_decoder_read(decoder, buffer, sizeof(buffer)), strlen(SAMPLE_END), "its length");
		is_str(buffer, SAMPLE_END, "its content");
		is_uint(pgb_frame_decoder_read(decoder, buffer, sizeof(buffer)), 0, "its end");
	}
	repository->store->ops->close(object);
}

static void
test_damage(void)
{
	PgbManifest *m = sample_backup(repository, "shop");
	char	   *path = backup_path(m->id, "17.dat.zst");
	PgbManifest *other;
	int			undetected = 0;
	size_t		length;
	PgbCatalogEntry *entries;
	int			count;

	for (long offset = 0; offset < (long) m->files[0].stored_bytes; offset++)
	{
		flip(path, offset);
		try(pgb_backup_read_file(repository, m, "17.dat.zst", 1000, &length));
		if (tap_error == NULL || tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
			undetected++;
		flip(path, offset);
	}
	is_uint(undetected, 0, "each damaged byte of a file is detected");

	if (truncate(path, m->files[0].stored_bytes - 1) != 0)
		exit(1);
	raises(ERRCODE_DATA_CORRUPTED, "so is a missing byte", pgb_backup_open_file(repository, m, &m->files[0]));
	ok(tap_error->hint != NULL && tap_error->detail != NULL, "with detail and hint");
	unlink(path);
	raises(ERRCODE_DATA_CORRUPTED, "and a missing file", pgb_backup_open_file(repository, m, &m->files[0]));

	/* a manifest that is damaged, and one that is elsewhere's */
	flip(backup_path(m->id, "manifest.json"), 100);
	entries = pgb_catalog_list(repository, &count);
	is_uint(count, 2, "a damaged backup is listed");
	ok(entries[0].damage == NULL && entries[1].damage != NULL, "as damaged");
	ok(entries[1].manifest == NULL && strcmp(entries[1].id, m->id) == 0, "with its id");
	printf("# damage: %s\n", entries[1].damage);
	is_str(pgb_catalog_get(repository, "latest", PGB_LOGICAL, NULL)->id, entries[0].id,
		   "the latest is the latest undamaged one");
	raises(ERRCODE_DATA_CORRUPTED, "by its id it raises", pgb_catalog_get(repository, m->id, PGB_LOGICAL, NULL));

	mkdir(path_of("7412345678901234567/backups/20010101-000000L"), 0700);
	mkdir(backup_path("20010101-000000L", "manifest.json"), 0700);
	pgb_catalog_list(repository, &count);
	is_uint(count, 3, "a manifest that is a folder is damage, too");
	rmdir(backup_path("20010101-000000L", "manifest.json"));
	rmdir(path_of("7412345678901234567/backups/20010101-000000L"));

	other = pgb_catalog_get(repository, entries[0].id, PGB_LOGICAL, NULL);
	if (rename(backup_path(other->id, ""), backup_path("20010101-000000L", "")) != 0)
		exit(1);
	raises(ERRCODE_DATA_CORRUPTED, "a backup under another id is refused",
		   pgb_catalog_get(repository, "20010101-000000L", PGB_LOGICAL, NULL));
	ok(strstr(tap_error->detail, other->id) != NULL, "the detail tells which it is");
	if (rename(backup_path("20010101-000000L", ""), backup_path(other->id, "")) != 0)
		exit(1);

	pgb_repository_open(repository->store->location, 43, true);
	if (rename(path_of("7412345678901234567/backups"), path_of("43/backups")) != 0)
	{
		/* the new cluster's own, which is empty */
		rmdir(path_of("43/backups"));
		if (rename(path_of("7412345678901234567/backups"), path_of("43/backups")) != 0)
			exit(1);
	}
	repository = pgb_repository_open(repository->store->location, 43, false);
	raises(ERRCODE_DATA_CORRUPTED, "a backup of another cluster is refused",
		   pgb_catalog_get(repository, other->id, PGB_LOGICAL, NULL));
	ok(strstr(tap_error->message, "belongs to another cluster") != NULL &&
	   strstr(tap_error->detail, "7412345678901234567") != NULL, "in clear words");
}

int
main(void)
{
	directory = tap_directory();
	test_commit();
	test_get();
	test_abort();
	test_dead_runs();
	test_stale_lock();
	test_used();
	test_many_at_once();
	test_read();
	test_damage();
	tap_remove(directory);
	return done_testing();
}
