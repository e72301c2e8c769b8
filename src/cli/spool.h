/*-------------------------------------------------------------------------
 *
 * spool.h
 *	  Segments that are fetched before recovery asks for them.
 *
 * The spool is a folder in the pg_wal of the server that recovers:
 *
 *	  state                      the segment that was delivered last, and its size
 *	  000000010000000A000000FE   a segment, complete
 *
 * Helpers are processes of their own, started when a segment has been delivered.  They fetch
 * those that follow it, and end when nobody asks any more.  Nothing in the spool is
 * believed: a segment is taken from it only if it has the CRC that the repository says.
 *
 * Who fetches a segment, and which helpers there are, is told by locks on bytes of the state, which the
 * kernel releases however their owner dies.
 *
 * src/cli/spool.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SPOOL_H
#define PGB_SPOOL_H

#include "repo/wal.h"

#define SPOOL_FOLDER	"pgbackup.spool"

/* No more than that is in a spool, however large segments are. */
#define SPOOL_LIMIT		((uint64) 256 * 1024 * 1024)

typedef struct Spool
{
	PgbRepository *repository;
	char	   *folder;
	int			fd;				/* of the state; -1 until it is needed */
} Spool;

/*
 * The spool beside the path to which recovery wants a file; NULL if that is not in a
 * directory pg_wal.  Touches nothing.
 */
extern Spool *spool_find(PgbRepository *repository, const char *path);

/*
 * Moves a segment from the spool to path.  Waits while a helper fetches it, but not for
 * ever.  False if there is none, or none that is right.
 */
extern bool spool_take(Spool *spool, const PgbWalName *name, const char *path);

/* A segment was delivered at path: sees to it that those after it are fetched. */
extern void spool_delivered(Spool *spool, const PgbWalName *name, const char *path, int ahead);

/* Removes the spool; helpers end then. */
extern void spool_remove(Spool *spool);

/* ---- spool_helper.c, and what it needs ---- */

/* Fetches what comes after the state, until nobody asks any more.  Does not return. */
pg_noreturn extern void spool_help(Spool *spool, int helper, int ahead);

/* Is there the state of a spool?  The name has its number then. */
extern bool spool_read_state(Spool *spool, PgbWalName *name, uint32 *segment_size);

extern char *spool_path(const Spool *spool, const char *name);

/*
 * Locks: of a segment by who fetches it, of a helper by itself.  False when another process has it,
 * or the spool is gone.
 */
extern bool spool_lock(Spool *spool, off_t place);
extern void spool_unlock(Spool *spool, off_t place);
extern bool spool_is_locked(Spool *spool, off_t place);

extern off_t spool_segment_place(uint64 number);
extern off_t spool_helper_place(int helper);

#endif							/* PGB_SPOOL_H */
