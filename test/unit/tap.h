/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  Assertions that print TAP, for programs of one file.
 *
 * test/unit/tap.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TAP_H
#define TAP_H

#include "port/port.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int	tap_count = 0;
static int	tap_failures = 0;

/* ---- assertions ---- */

static inline bool
tap_result(bool passed, const char *file, int line, const char *name)
{
	printf("%sok %d - %s\n", passed ? "" : "not ", ++tap_count, name);
	if (!passed)
	{
		printf("#   failed at %s line %d\n", file, line);
		tap_failures++;
	}
	fflush(stdout);
	return passed;
}

static inline void
tap_is_uint(uint64 got, uint64 wanted, const char *file, int line, const char *name)
{
	if (!tap_result(got == wanted, file, line, name))
		printf("#   got " UINT64_FORMAT ", wanted " UINT64_FORMAT "\n", got, wanted);
}

static inline void
tap_is_str(const char *got, const char *wanted, const char *file, int line, const char *name)
{
	bool		same = got == NULL || wanted == NULL ? got == wanted : strcmp(got, wanted) == 0;

	if (!tap_result(same, file, line, name))
		printf("#   got    %s\n#   wanted %s\n", got ? got : "NULL", wanted ? wanted : "NULL");
}

#define ok(condition, name)			tap_result(condition, __FILE__, __LINE__, name)
#define is_uint(got, wanted, name)	tap_is_uint(got, wanted, __FILE__, __LINE__, name)
#define is_str(got, wanted, name)	tap_is_str(got, wanted, __FILE__, __LINE__, name)
#define skip(name, reason)			printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason)

/* Ends main(). */
static inline int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures > 0 ? 1 : 0;
}

/* ---- errors ---- */

static ErrorData *tap_error = NULL; /* that the last statement raised, or NULL */

/* Runs a statement, and leaves what it raised in tap_error. */
#define try(...) \
	do { \
		tap_error = NULL; \
		PG_TRY(); \
		{ \
			__VA_ARGS__; \
		} \
		PG_CATCH(); \
		{ \
			tap_error = CopyErrorData(); \
			FlushErrorState(); \
		} \
		PG_END_TRY(); \
	} while (0)

static inline void
tap_raised(int code, const char *file, int line, const char *name)
{
	if (tap_result(tap_error != NULL && tap_error->sqlerrcode == code, file, line, name))
		return;
	if (tap_error == NULL)
		printf("#   nothing was raised\n");
	else
		printf("#   raised %s: %s\n", tap_error->message, tap_error->detail ? tap_error->detail : "");
}

/* The statement raises an error of this code. */
#define raises(code, name, ...) \
	do { \
		try(__VA_ARGS__); \
		tap_raised(code, __FILE__, __LINE__, name); \
	} while (0)

/* ---- helpers ---- */

/* A new directory; tap_remove() removes it. */
static inline char *
tap_directory(void)
{
	const char *parent = getenv("TMPDIR");
	char	   *path = psprintf("%s/pgbackup-unit-XXXXXX", parent ? parent : "/tmp");

	if (mkdtemp(path) == NULL)
	{
		perror(path);
		exit(1);
	}
	return path;
}

static inline void
tap_remove(const char *path)
{
	if (system(psprintf("rm -rf '%s'", path)) != 0)
		printf("# could not remove %s\n", path);
}

/* Runs a function in a process of its own, and gives its status as wait() does. */
static inline int
tap_fork(void (*function) (void *arg), void *arg)
{
	pid_t		pid;
	int			status = -1;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
	{
		function(arg);
		fflush(NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		perror("fork");
	return status;
}

static inline char *
tap_read_file(const char *path, size_t *length)
{
	FILE	   *file = fopen(path, "rb");
	char	   *data;
	long		size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
	{
		perror(path);
		exit(1);
	}
	rewind(file);
	data = palloc(size + 1);
	*length = fread(data, 1, size, file);
	fclose(file);
	return data;
}

static inline void
tap_write_file(const char *path, const char *data, size_t length)
{
	FILE	   *file = fopen(path, "wb");

	if (file == NULL || fwrite(data, 1, length, file) != length || fclose(file) != 0)
	{
		perror(path);
		exit(1);
	}
}

/* The same numbers in each run. */
static inline uint32
tap_random(void)
{
	static uint64 state = UINT64CONST(0x9E3779B97F4A7C15);

	state = state * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (uint32) (state >> 32);
}

#endif							/* TAP_H */
