/*-------------------------------------------------------------------------
 *
 * fuzz.h
 *	  What is read from a repository, one function for each kind of bytes.
 *
 *	  targets.c    the list of all, and how one of them is run
 *	  memory.c     palloc() that forgets nothing: what a run has allocated goes with it
 *	  store.c      a store in memory, as a parser of the repository wants it
 *	  fuzz_*.c     the targets
 *	  libfuzzer.c  "make fuzz": the target that FUZZ_TARGET names, for libFuzzer
 *	  replay.c     "make test": every file of corpus/ through its target
 *
 * An error that is raised is a good answer to bytes that make no sense.  A crash, undefined
 * behaviour, a leak of memory or descriptors, or an answer that contradicts itself is a defect.
 *
 * test/fuzz/fuzz.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "port/port.h"

#include "repo/repository.h"

typedef struct FuzzTarget
{
	const char *name;
	void		(*run) (const char *data, size_t length);
} FuzzTarget;

/* All of them, ended by one without a name. */
extern const FuzzTarget fuzz_targets[];

extern const FuzzTarget *fuzz_find_target(const char *name);

/* Runs a target with bytes; exits the process when it finds a defect. */
extern void fuzz_run(const FuzzTarget *target, const char *data, size_t length);

/* Prints the error that a run has raised. */
extern bool fuzz_shows_errors;

/* ---- for the targets ---- */

/* A defect unless the condition holds. */
#define fuzz_check(condition)	((condition) ? (void) 0 : fuzz_defect(#condition, __FILE__, __LINE__))

pg_noreturn extern void fuzz_defect(const char *what, const char *file, int line);

/* The bytes, with a zero byte after them. */
extern char *fuzz_text(const char *data, size_t length);

/* Whose repository it is: the seeds are of this cluster. */
#define FUZZ_CLUSTER	UINT64CONST(7711282229245943962)

/* An empty repository in memory, which can be read; and an object in it (the bytes are not copied). */
extern PgbRepository *fuzz_repository(void);
extern void fuzz_add_object(PgbRepository *repository, const char *name,
							const void *data, size_t length);

/* ---- memory.c ---- */

/* What is allocated or kept (pgb_resource_keep) from here on is released by the end. */
extern void fuzz_memory_begin(void);
extern void fuzz_memory_end(void);

/* ---- the targets ---- */

extern void fuzz_json(const char *data, size_t length);
extern void fuzz_values(const char *data, size_t length);
extern void fuzz_names(const char *data, size_t length);
extern void fuzz_timeline(const char *data, size_t length);
extern void fuzz_cron(const char *data, size_t length);
extern void fuzz_policy(const char *data, size_t length);
extern void fuzz_moment(const char *data, size_t length);
extern void fuzz_instructions(const char *data, size_t length);

extern void fuzz_repository_format(const char *data, size_t length);
extern void fuzz_pin(const char *data, size_t length);
extern void fuzz_manifest(const char *data, size_t length);
extern void fuzz_toc(const char *data, size_t length);
extern void fuzz_frame(const char *data, size_t length);
extern void fuzz_file_list(const char *data, size_t length);
extern void fuzz_relation_map(const char *data, size_t length);

extern void fuzz_wal_header(const char *data, size_t length);
extern void fuzz_wal_object(const char *data, size_t length);

#endif							/* FUZZ_H */
