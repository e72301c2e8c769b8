/*-------------------------------------------------------------------------
 *
 * test_store_posix.c
 *	  The store that is a directory.
 *
 * test/unit/store/test_store_posix.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <signal.h>
#include <sys/file.h>

#include "store/store.h"

static char *directory;			/* everything is below it */
static PgbStore *store;

static char *
path_of(const char *name)
{
	return psprintf("%s/%s", store->location, name);
}

static bool
exists(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static char *
read_all(const char *name)
{
	size_t		length;

	return pgb_store_read_all(store, name, 1000000, &length);
}

static void
put(const char *name, const char *text)
{
	store->ops->put(store, name, text, strlen(text));
}

static int
count(const char *folder)
{
	int			n = 0;

	for (char **name = store->ops->list(store, folder); *name != NULL; name++)
		n++;
	return n;
}

/* ---- the place ---- */

static void
test_place(void)
{
	struct stat st;

	raises(ERRCODE_INVALID_PARAMETER_VALUE, "a relative path is refused", pgb_store_open("x", true));
	raises(ERRCODE_UNDEFINED_FILE, "a place that is not there is reported",
		   pgb_store_open(psprintf("%s/store", directory), false));
	raises(ERRCODE_UNDEFINED_FILE, "its parent is not made",
		   pgb_store_open(psprintf("%s/none/store", directory), true));

	store = pgb_store_open(psprintf("%s/store/", directory), true);
	is_str(store->location, psprintf("%s/store", directory), "a slash at the end is dropped");
	stat(store->location, &st);
	is_uint(st.st_mode & 0777, 0700, "the place is private");
	try(pgb_store_open(store->location, true));
	ok(tap_error == NULL, "making it again is no error");

	tap_write_file(psprintf("%s/file", directory), "x", 1);
	raises(ERRCODE_WRONG_OBJECT_TYPE, "a file is no place", pgb_store_open(psprintf("%s/file", directory), false));
	raises(ERRCODE_WRONG_OBJECT_TYPE, "nor can one be made of it", pgb_store_open(psprintf("%s/file", directory), true));
}

static void
test_names(void)
{
	static const char *const wrong[] = {
		"", "/", "/etc/passwd", "..", ".", "a/..", "a/../b", "a//b", "a/", "./a", "a/./b", "../store/x",
	};

	for (int i = 0; i < lengthof(wrong); i++)
	{
		raises(ERRCODE_INVALID_NAME, psprintf("no object is \"%s\"", wrong[i]), put(wrong[i], "x"));
		if (wrong[i][0] != '\0')
			raises(ERRCODE_INVALID_NAME, "nor removed", store->ops->remove(store, wrong[i]));
	}
	raises(ERRCODE_INVALID_NAME, "the place itself is not removed", store->ops->remove(store, ""));
	try(put("..a", "x"); put("a..b", "x"); put(".c", "x"));
	ok(tap_error == NULL, "dots within a name are fine");
	is_uint(count(""), 3, "they are there");
	store->ops->remove(store, "..a");
	store->ops->remove(store, "a..b");
	store->ops->remove(store, ".c");
	is_uint(count(""), 0, "and gone");
}

/* ---- objects ---- */

static void
test_put(void)
{
	struct stat st;
	PgbStat		result;

	store->ops->make_folder(store, "f");
	put("f/a", "hello");
	is_str(read_all("f/a"), "hello", "an object is put");
	put("f/a", "bye");
	is_str(read_all("f/a"), "bye", "and replaced");
	is_uint(count("f"), 1, "nothing else is left");
	stat(path_of("f/a"), &st);
	is_uint(st.st_mode & 0777, 0600, "it is private");

	ok(store->ops->stat(store, "f/a", &result) && result.size == 3 && !result.is_folder, "stat of an object");
	ok(store->ops->stat(store, "f", &result) && result.size == 0 && result.is_folder, "stat of a folder");
	ok(!store->ops->stat(store, "f/b", &result), "stat of nothing");

	/* What cannot replace its target leaves nothing behind. */
	store->ops->make_folder(store, "f/folder/x");
	raises(ERRCODE_WRONG_OBJECT_TYPE, "a folder is not replaced", put("f/folder", "x"));
	is_uint(count("f"), 2, "nothing is left of the attempt");
	raises(ERRCODE_UNDEFINED_FILE, "no folder is made by the way", put("g/a", "x"));
	store->ops->remove(store, "f");
}

/* An object that another process reads all the time is one version or the other. */
static void
replace_often(void *arg)
{
	static char text[200000];

	for (int i = 0; i < 200; i++)
	{
		memset(text, i % 2 ? 'a' : 'b', sizeof(text));
		store->ops->put(store, "atomic", text, i % 2 ? 100000 : sizeof(text));
	}
}

static void
test_put_atomic(void)
{
	int			wrong = 0;
	int			status = -1;
	pid_t		pid;

	replace_often(NULL);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
	{
		replace_often(NULL);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
	{
		char	   *text = read_all("atomic");
		size_t		length = strlen(text);

		if (length != (text[0] == 'a' ? 100000 : 200000) || text[length - 1] != text[0])
			wrong++;
		pfree(text);
	}
	is_uint(status, 0, "the writer ended well");
	ok(wrong == 0, "a reader never sees half of an object");
	store->ops->remove(store, "atomic");
}

static PgbObject *
write_small(const char *name, const char *content)
{
	PgbObject  *object = store->ops->create(store, name);

	store->ops->write_at(object, 0, content, strlen(content));
	return object;
}

static void
test_publish(void)
{
	PgbObject  *objects[3];
	char	   *names[3] = {"here/one", "here/two", "there/three"};
	bool		published[3];

	store->ops->make_folder(store, "here");
	store->ops->make_folder(store, "there");
	store->ops->put(store, "here/two", "old", 3);
	objects[0] = write_small("tmp.1", "first");
	objects[1] = write_small("tmp.2", "second");
	objects[2] = write_small("tmp.3", "third");
	store->ops->publish(objects, names, published, 3);
	ok(published[0] && !published[1] && published[2], "those are published whose names are free");
	is_str(read_all("here/one"), "first", "the first");
	is_str(read_all("there/three"), "third", "one in another folder");
	is_str(read_all("here/two"), "old", "nothing is overwritten");
	is_str(read_all("tmp.2"), "second", "and what was not published stays");
	raises(ERRCODE_UNDEFINED_FILE, "the others have gone from their old names", store->ops->open(store, "tmp.1"));
	store->ops->publish(objects, names, published, 0);
}

static void
test_objects(void)
{
	PgbObject  *object;
	PgbObject  *second;
	char		buffer[10];
	PgbStat		result;

	object = store->ops->create(store, "o");
	raises(ERRCODE_DUPLICATE_FILE, "an object is created once", store->ops->create(store, "o"));
	second = store->ops->attach(store, "o");
	store->ops->write_at(second, 5, "world", 5);
	store->ops->write_at(object, 0, "hello", 5);
	store->ops->close(object);
	store->ops->close(second);
	is_str(read_all("o"), "helloworld", "two writers fill one object");

	raises(ERRCODE_UNDEFINED_FILE, "what is not there is not opened", store->ops->open(store, "p"));
	raises(ERRCODE_UNDEFINED_FILE, "nor attached to", store->ops->attach(store, "p"));
	store->ops->make_folder(store, "folder");
	raises(ERRCODE_WRONG_OBJECT_TYPE, "a folder is no object", store->ops->open(store, "folder"));
	mkfifo(path_of("fifo"), 0600);
	raises(ERRCODE_WRONG_OBJECT_TYPE, "nor is a pipe, for which nobody waits", store->ops->open(store, "fifo"));

	object = store->ops->open(store, "o");
	store->ops->read_at(object, 2, buffer, 8);
	ok(memcmp(buffer, "lloworld", 8) == 0, "a part is read");
	raises(ERRCODE_DATA_CORRUPTED, "more than there is raises", store->ops->read_at(object, 3, buffer, 8));
	raises(ERRCODE_DATA_CORRUPTED, "so does what is beyond the end", store->ops->read_at(object, 1000, buffer, 1));
	try(store->ops->read_at(object, 1000, buffer, 0));
	ok(tap_error == NULL, "nothing can be read anywhere");
	store->ops->close(object);

	raises(ERRCODE_DATA_CORRUPTED, "a limit is kept", pgb_store_read_all(store, "o", 9, &(size_t) {0}));

	/* Large and scattered writes: what is asked of the kernel meanwhile harms nothing. */
	object = store->ops->create(store, "large");
	for (int i = 0; i < 100; i++)
	{
		static char block[100000];

		memset(block, i, sizeof(block));
		store->ops->write_at(object, (uint64) ((i * 37) % 100) * sizeof(block), block, sizeof(block));
	}
	store->ops->close(object);
	store->ops->sync_folder(store, "");
	ok(store->ops->stat(store, "large", &result) && result.size == 10000000, "10 MB were written");
	object = store->ops->open(store, "large");
	store->ops->read_at(object, 37 * 100000 + 99999, buffer, 1);
	is_uint(buffer[0], 1, "each where it belongs");
	store->ops->close(object);
	for (char **name = store->ops->list(store, ""); *name; name++)
		store->ops->remove(store, *name);
}

static void
test_sink(void)
{
	PgbSink    *sink = pgb_store_sink_create(store, "s");

	pgb_sink_write(sink, "one ", 4);
	pgb_sink_write(sink, "", 0);
	pgb_sink_write(sink, "two", 3);
	pgb_sink_finish(sink);
	is_str(read_all("s"), "one two", "a sink writes an object");
	raises(ERRCODE_DUPLICATE_FILE, "that must be new", pgb_store_sink_create(store, "s"));
	store->ops->remove(store, "s");
}

/* ---- folders ---- */

static void
test_folders(void)
{
	char	  **names;
	struct stat st;

	ok(store->ops->make_folder(store, "a/b/c"), "a folder is made with its parents");
	ok(!store->ops->make_folder(store, "a/b/c"), "but once");
	ok(store->ops->make_folder(store, "a/b/d"), "another is made beside it");
	stat(path_of("a/b"), &st);
	is_uint(st.st_mode & 0777, 0700, "folders are private");
	put("a/file", "x");
	raises(ERRCODE_DUPLICATE_FILE, "a file is not taken for a folder", store->ops->make_folder(store, "a/file"));

	put("a/b/z", "");
	put("a/b/Z", "");
	names = store->ops->list(store, "a/b");
	ok(strcmp(names[0], "Z") == 0 && strcmp(names[1], "c") == 0 && strcmp(names[2], "d") == 0 &&
	   strcmp(names[3], "z") == 0 && names[4] == NULL, "a list is sorted");
	is_uint(count("none"), 0, "an absent folder is empty");
	is_str(store->ops->local_path(store, "a/b"), path_of("a/b"), "a folder has a path");

	try(store->ops->sync_folder(store, "a"); store->ops->sync_folder(store, "none"));
	ok(tap_error == NULL, "folders are made durable");
}

static void
test_remove(void)
{
	char	   *outside = psprintf("%s/outside", directory);
	char	   *victim = psprintf("%s/victim", outside);

	mkdir(outside, 0700);
	tap_write_file(victim, "x", 1);
	ok(symlink(outside, path_of("a/b/link")) == 0, "there is a link to a directory outside");
	ok(symlink(victim, path_of("a/b/c/link")) == 0, "and one to a file");

	store->ops->remove(store, "a");
	ok(!exists("a"), "a folder goes with all in it");
	ok(access(victim, F_OK) == 0, "what its links point to stays");
	try(store->ops->remove(store, "a"); store->ops->remove(store, "none/at/all"));
	ok(tap_error == NULL, "what is absent is no error");

	store->ops->make_folder(store, "d");
	put("d/x", "x");
	store->ops->discard(store, "d");
	ok(!exists("d"), "discard removes as well");
}

/* Its warning is for people, who run no tests. */
static void
discard_quietly(void *name)
{
	if (freopen("/dev/null", "w", stderr) != NULL)
		store->ops->discard(store, name);
}

static void
test_denied(void)
{
	if (geteuid() == 0)
	{
		skip("a folder that cannot be written", "root may write everywhere");
		return;
	}
	store->ops->make_folder(store, "locked");
	put("locked/x", "x");
	chmod(path_of("locked"), 0500);
	raises(ERRCODE_INSUFFICIENT_PRIVILEGE, "a folder that cannot be written", put("locked/y", "y"));
	ok(tap_error->hint != NULL, "has a hint");
	raises(ERRCODE_INSUFFICIENT_PRIVILEGE, "nothing in it is removed", store->ops->remove(store, "locked"));
	is_uint(tap_fork(discard_quietly, "locked"), 0, "discard only warns");
	chmod(path_of("locked"), 0700);
	store->ops->remove(store, "locked");
}

/* ---- locks ---- */

/* Takes a lock and keeps it until it is killed, or ends by itself. */
static pid_t
start_holder(const char *name)
{
	int			ready[2];
	pid_t		pid;
	char		byte;

	if (pipe(ready) != 0)
		exit(1);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
	{
		if (store->ops->lock(store, name, false) != NULL && write(ready[1], "x", 1) == 1)
			sleep(60);
		_exit(0);
	}
	if (read(ready[0], &byte, 1) != 1)
		exit(1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
kill_holder(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_locks(void)
{
	struct PgbLock *lock;
	pid_t		holder = start_holder("lock");

	ok(exists("lock"), "a lock is an object");
	ok(store->ops->lock(store, "lock", false) == NULL, "what another process has is not to be had");
	kill_holder(holder);
	lock = store->ops->lock(store, "lock", false);
	ok(lock != NULL, "unless it is dead");
	ok(store->ops->lock(store, "lock", false) == NULL, "this process has it, too, but once");
	store->ops->unlock(lock);
	store->ops->unlock(lock);
	lock = store->ops->lock(store, "lock", true);
	ok(lock != NULL, "after unlock it is free");
	store->ops->unlock(lock);

	ok(store->ops->seize(store, "absent") == NULL && store->ops->share(store, "absent") == NULL,
	   "what is not there cannot be seized");
	ok(!exists("absent"), "and is not made");
	lock = store->ops->seize(store, "lock");
	ok(lock != NULL && store->ops->share(store, "lock") == NULL, "what is seized is not shared");
	store->ops->unlock(lock);
	lock = store->ops->share(store, "lock");
	ok(lock != NULL && store->ops->seize(store, "lock") == NULL, "nor the other way round");
	store->ops->unlock(lock);

	ok(store->ops->lock(store, "none/lock", false) == NULL, "there is none in an absent folder");
	raises(ERRCODE_UNDEFINED_FILE, "for which it makes no sense to wait", store->ops->lock(store, "none/lock", true));

	/* A program that is started does not inherit it. */
	lock = store->ops->lock(store, "lock", false);
	is_uint(system("sleep 2 &"), 0, "a program is started that lives longer");
	store->ops->unlock(lock);
	ok(store->ops->lock(store, "lock", false) != NULL, "it does not keep the lock");
}

static void
remove_later(void *arg)
{
	struct PgbLock *lock = arg;

	usleep(300 * 1000);
	store->ops->remove(store, "waited");
	store->ops->unlock(lock);
}

/* Who waits for a lock that is removed must not end with a lock on nothing. */
static void
test_removed_lock(void)
{
	struct PgbLock *first = store->ops->lock(store, "waited", true);
	struct PgbLock *lock;
	pid_t		pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
	{
		/* The lock is of the open file, which both have. */
		remove_later(first);
		_exit(0);
	}
	store->ops->unlock(first);
	lock = store->ops->lock(store, "waited", true);
	waitpid(pid, NULL, 0);
	ok(lock != NULL && exists("waited"), "a lock is had in a file that others find");
	ok(store->ops->lock(store, "waited", false) == NULL, "and others find it locked");
}

int
main(void)
{
	directory = tap_directory();
	test_place();
	test_names();
	test_put();
	test_put_atomic();
	test_objects();
	test_publish();
	test_sink();
	test_folders();
	test_remove();
	test_denied();
	test_locks();
	test_removed_lock();
	tap_remove(directory);
	return done_testing();
}
