/*-------------------------------------------------------------------------
 *
 * port.h
 *	  What every file of the shared layers includes first.
 *
 * The layers port, io, store and repo are compiled twice: into the server's
 * library, and with -DFRONTEND into the pgbackup program.  They use palloc,
 * StringInfo, ereport and PG_TRY in both; what differs between the two worlds
 * is here and in port/, and nowhere else.
 *
 * src/port/port.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PORT_H
#define PGB_PORT_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/palloc.h"
#endif

#include "lib/stringinfo.h"
#include "utils/elog.h"

/* Version 18 writes it before the declaration, and has no other. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn		pg_attribute_noreturn()
#endif

#ifdef FRONTEND
/* A program has no interrupts: a signal ends it. */
#define CHECK_FOR_INTERRUPTS()	((void) 0)
#define HOLD_INTERRUPTS()		((void) 0)
#define RESUME_INTERRUPTS()		((void) 0)

#ifndef ERRCODE_DATA_CORRUPTED
#include "utils/errcodes.h"
#endif

/*
 * A program has no memory contexts either: what it allocates stays until it
 * exits.  These let the shared layers say where memory belongs all the same.
 */
typedef struct MemoryContextData *MemoryContext;

#define ALLOCSET_DEFAULT_SIZES					0
#define ALLOCSET_SMALL_SIZES					0
#define CurrentMemoryContext					((MemoryContext) NULL)
#define AllocSetContextCreate(parent, name, sizes)	((MemoryContext) NULL)
#define MemoryContextDelete(context)			((void) (context))
#define MemoryContextReset(context)				((void) (context))
#define repalloc_huge(pointer, size)			repalloc(pointer, size)

static inline MemoryContext
MemoryContextSwitchTo(MemoryContext context)
{
	return context;
}

/* Print the error that PG_CATCH has caught, as the program prints all. */
extern void pgb_print_error(void);
extern void pgb_set_progname(const char *name);
#endif

/* What can be done about damaged data, a full disk, and so on: the hints of such errors. */
#ifdef FRONTEND
#define PGB_HINT_DAMAGED		"Use another backup; pgbackup list shows them."
#define PGB_HINT_FULL			"Free space there, or choose a directory with more of it."
#define PGB_HINT_DENIED			"Be an operating system user who may do that: the repository belongs to the server's."
#define PGB_HINT_NO_REPOSITORY	"Name the directory that the server has as pgbackup.repository. Is its file system mounted?"
#else
#define PGB_HINT_DAMAGED		"Use another backup; pgbackup_list() shows them."
#define PGB_HINT_FULL			"Free space in the repository, or point pgbackup.repository to a larger place."
#define PGB_HINT_DENIED			"The operating system user of the server must be able to read and write the repository."
#define PGB_HINT_NO_REPOSITORY	"The first backup makes it."
#endif

/*
 * Something that is not memory (a descriptor, a zstd context), to be released
 * when an ERROR throws its owner away.
 *
 * The owner embeds a PgbResource and is itself allocated in the memory context
 * that is current in pgb_resource_keep(); release(arg) runs when that context
 * is reset or deleted.  Hence the owner is never given to pfree(), and release()
 * must do nothing the second time.  In the program nothing is registered: it
 * exits.
 */
typedef struct PgbResource
{
#ifndef FRONTEND
	MemoryContextCallback callback;
#else
	int			unused;
#endif
} PgbResource;

extern void pgb_resource_keep(PgbResource *resource,
							  void (*release) (void *arg), void *arg);

/*
 * open(2) with close-on-exec, counted against the server's limit of open files.
 * Returns -1 and sets errno; raises nothing.  Close with pgb_close().
 */
extern int	pgb_open(const char *path, int flags, mode_t mode);
extern int	pgb_close(int fd);

/* Ask the kernel to begin writing back a range; only a hint, never fails. */
extern void pgb_writeback(int fd, off_t offset, off_t length);

/*
 * Write all of it, whatever the kernel takes at once.  Returns false and sets errno when that
 * is not possible; a file that takes nothing has no room.
 */
extern bool pgb_write_at(int fd, const void *data, size_t length, uint64 offset);

/* Make an open file or directory durable; as fsync(2). */
extern int	pgb_fsync(int fd);

/* Is this what errno says of a disk that is full, or of a quota that is used up? */
extern bool pgb_is_full(int error);

/* Within an ereport(): as errcode_for_file_access(), for this errno. */
extern int	pgb_errcode_for_file(int error);

/*
 * The names in a directory, without "." and "..", in no order: a palloc'd
 * array ended by NULL.  Returns NULL and sets errno when it cannot be read.
 */
extern char **pgb_read_directory(const char *path);

/* The room on a path's file system, in bytes.  Returns false and sets errno; raises nothing. */
extern bool pgb_disk_room(const char *path, uint64 *free, uint64 *total);

/*
 * Now, as microseconds since the PostgreSQL epoch (2000-01-01 00:00:00 UTC):
 * the value of a TimestampTz in both worlds.
 */
extern int64 pgb_now(void);

#define PGB_SHA256_LENGTH	32

/* SHA-256, whoever computes it on this build of PostgreSQL. */
extern void pgb_sha256(const void *data, size_t length, uint8 digest[PGB_SHA256_LENGTH]);

#endif							/* PGB_PORT_H */
