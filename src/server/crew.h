/*-------------------------------------------------------------------------
 *
 * crew.h
 *	  A crew: plain background workers that do parts of a job.
 *
 * Unlike PostgreSQL's parallel workers they need no transaction of the leader (no
 * snapshot holds back VACUUM while a base backup runs), and connect to any
 * database, or to none.
 *
 * A member runs one function of this library.  Its end is one of three: it returned, it
 * raised an error (which the leader raises again), or it vanished (killed: the leader raises
 * that).  Members end with their leader, however it ends.
 *
 * src/server/crew.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CREW_H
#define PGB_CREW_H

#include "storage/dsm.h"

typedef struct PgbCrew PgbCrew;

/*
 * What a member runs: shared is the common memory, number its own from 0.  It has a
 * memory context that is deleted afterwards, and interrupts.
 */
typedef void (*PgbCrewFunction) (void *shared, int number);

/*
 * Makes a crew with shared_size bytes of zeroed common memory (at pgb_crew_shared(), 64-bit aligned).
 * name is shown in pg_stat_activity; function is the name of an exported PgbCrewFunction of this
 * library; database InvalidOid for none.  Allocated in the current memory context,
 * which must live until pgb_crew_stop().
 */
extern PgbCrew *pgb_crew_create(const char *name, const char *function, Oid database,
								Size shared_size);
extern void *pgb_crew_shared(PgbCrew *crew);

/* Starts up to so many members; returns how many, which may be none: then the caller works alone. */
extern int	pgb_crew_start(PgbCrew *crew, int members);

/* Have all ended?  Raises the error of the first that failed. */
extern bool pgb_crew_ended(PgbCrew *crew);

/* Waits until then, with interrupts. */
extern void pgb_crew_wait(PgbCrew *crew);

/*
 * Ends them, waits until they are gone, frees the memory.  Raises nothing; more than once or NULL
 * is fine.
 */
extern void pgb_crew_stop(PgbCrew *crew);

extern PGDLLEXPORT void pgb_crew_member_main(Datum arg);

#endif							/* PGB_CREW_H */
