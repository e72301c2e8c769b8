/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  Crashes and errors at system calls that a test chooses, for a server that is started with this
 *	  library in LD_PRELOAD.
 *
 * TEST_FAULTS names a file that all processes map: see struct Faults, which PgBackupFaults.pm
 * writes.  Calls on files below the prefix are counted; the one of the number "at" is
 * what it happens to.  What goes past the C library's functions (what stdio writes by itself) is not seen.
 *
 * test/lib/faults.c
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum Mode
{
	MODE_OFF,
	MODE_COUNT,					/* and do nothing else */
	MODE_KILL_BEFORE,			/* the call is not made any more */
	MODE_KILL_AFTER,			/* it is made */
	MODE_FAIL,					/* this one fails */
	MODE_FAIL_ON				/* this one, and all that follow */
};

enum Operation
{
	OP_FSYNC = 1 << 0,
	OP_SYNCFS = 1 << 1,
	OP_RENAME = 1 << 2,
	OP_LINK = 1 << 3,
	OP_UNLINK = 1 << 4,			/* and rmdir */
	OP_MKDIR = 1 << 5,
	OP_CREATE = 1 << 6,
	OP_WRITE = 1 << 7,
	OP_READ = 1 << 8
};

typedef struct Faults
{
	int32_t		mode;
	int32_t		operations;		/* that count */
	int32_t		at;				/* from 1 */
	int32_t		error;			/* errno of those that fail */
	int32_t		count;			/* calls so far */
	int32_t		fired;			/* times that it has happened */
	int32_t		parent;			/* of the first process that it has happened to */
	char		what[600];		/* the first call that it has happened to */
	char		prefix[512];
} Faults;

static volatile Faults *faults = NULL;

__attribute__((constructor)) static void
open_faults(void)
{
	const char *path = getenv("TEST_FAULTS");
	int			fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void	   *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(Faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		faults = map;
}

/* ---- what is to happen ---- */

typedef struct Call
{
	const char *name;
	enum Operation operation;
	char		path[512];
} Call;

static int
is_meant(const Call *call)
{
	const char *prefix = (const char *) faults->prefix;

	return strncmp(call->path, prefix, strlen(prefix)) == 0;
}

static void
note(const Call *call)
{
	if (__atomic_fetch_add((int32_t *) &faults->fired, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	faults->parent = getppid();
	snprintf((char *) faults->what, sizeof(faults->what), "%s %s", call->name, call->path);
}

/* Returns an errno with which the call fails; *after gets whether to die after it. */
static int
before(const Call *call, int *after)
{
	int			mode;
	int			number;

	*after = 0;
	mode = faults->mode;
	if (mode == MODE_OFF || (faults->operations & call->operation) == 0 || !is_meant(call))
		return 0;
	number = __atomic_add_fetch((int32_t *) &faults->count, 1, __ATOMIC_SEQ_CST);
	if (mode == MODE_COUNT || number < faults->at || (number > faults->at && mode != MODE_FAIL_ON))
		return 0;
	note(call);
	if (mode == MODE_KILL_BEFORE)
		kill(getpid(), SIGKILL);
	*after = (mode == MODE_KILL_AFTER);
	return *after ? 0 : faults->error;
}

static int
before_path(const char *name, enum Operation operation, const char *path, int *after)
{
	Call		call = {name, operation, ""};

	*after = 0;
	if (faults == NULL || faults->mode == MODE_OFF)
		return 0;
	snprintf(call.path, sizeof(call.path), "%s", path);
	return before(&call, after);
}

static int
before_fd(const char *name, enum Operation operation, int fd, int *after)
{
	Call		call = {name, operation, ""};
	char		link[64];
	ssize_t		length;

	*after = 0;
	if (faults == NULL || faults->mode == MODE_OFF || (faults->operations & operation) == 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, call.path, sizeof(call.path) - 1);
	if (length < 0)
		return 0;
	call.path[length] = '\0';
	return before(&call, after);
}

/* ---- the calls ---- */

/*
 * They are made by syscall(2): dlsym(3) takes locks, and before 16 the postmaster forks in signal
 * handlers.
 */
#define AROUND(type, check, call) \
	do { \
		int			after; \
		int			error = (check); \
		type		result; \
		if (error != 0) \
		{ \
			errno = error; \
			return -1; \
		} \
		result = (call); \
		if (after) \
			kill(getpid(), SIGKILL); \
		return result; \
	} while (0)

#define ON_FD(type, operation, fd, ...) \
	AROUND(type, before_fd(__func__, operation, fd, &after), syscall(__VA_ARGS__))

#define ON_PATH(operation, path, ...) \
	AROUND(int, before_path(__func__, operation, path, &after), (int) syscall(__VA_ARGS__))

int
fsync(int fd)
{
	ON_FD(int, OP_FSYNC, fd, SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	ON_FD(int, OP_FSYNC, fd, SYS_fdatasync, fd);
}

int
syncfs(int fd)
{
	ON_FD(int, OP_SYNCFS, fd, SYS_syncfs, fd);
}

ssize_t
write(int fd, const void *data, size_t length)
{
	ON_FD(ssize_t, OP_WRITE, fd, SYS_write, fd, data, length);
}

ssize_t
pwrite(int fd, const void *data, size_t length, off_t offset)
{
	ON_FD(ssize_t, OP_WRITE, fd, SYS_pwrite64, fd, data, length, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
	ON_FD(ssize_t, OP_WRITE, fd, SYS_pwrite64, fd, data, length, offset);
}

ssize_t
read(int fd, void *data, size_t length)
{
	ON_FD(ssize_t, OP_READ, fd, SYS_read, fd, data, length);
}

ssize_t
pread(int fd, void *data, size_t length, off_t offset)
{
	ON_FD(ssize_t, OP_READ, fd, SYS_pread64, fd, data, length, offset);
}

ssize_t
pread64(int fd, void *data, size_t length, off64_t offset)
{
	ON_FD(ssize_t, OP_READ, fd, SYS_pread64, fd, data, length, offset);
}

int
rename(const char *from, const char *to)
{
	ON_PATH(OP_RENAME, to, SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned int flags)
{
	ON_PATH(OP_RENAME, to, SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int
link(const char *from, const char *to)
{
	ON_PATH(OP_LINK, to, SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink(const char *path)
{
	ON_PATH(OP_UNLINK, path, SYS_unlinkat, AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	ON_PATH(OP_UNLINK, path, SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdir(const char *path, mode_t mode)
{
	ON_PATH(OP_MKDIR, path, SYS_mkdirat, AT_FDCWD, path, mode);
}

/* Of all that opens files, what makes them. */
static int
open_file(const char *path, int flags, mode_t mode)
{
	if ((flags & O_CREAT) == 0)
		return (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	AROUND(int, before_path("create", OP_CREATE, path, &after),
		   (int) syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

static mode_t
mode_of(int flags, va_list args)
{
	return (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
}

int
open(const char *path, int flags,...)
{
	va_list		args;
	mode_t		mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return open_file(path, flags, mode);
}

int
open64(const char *path, int flags,...)
{
	va_list		args;
	mode_t		mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return open_file(path, flags, mode);
}
