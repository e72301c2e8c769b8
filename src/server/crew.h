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

typedef struct PgbCrewPlan
{
	const char *member;			/* what a member is, for pg_stat_activity and errors: "data worker" */
	const char *work;			/* of what, for errors: "restore" */
	const char *function;		/* the name of an exported PgbCrewFunction of this library */
	Oid			database;		/* to connect to, or InvalidOid */
	Size		shared_size;	/* bytes of common memory */
} PgbCrewPlan;

/*
 * Makes a crew, with zeroed common memory (at pgb_crew_shared(), 64-bit aligned).  Allocated in
 * the current memory context, which must live until pgb_crew_stop(), as must the plan's strings.
 */
extern PgbCrew *pgb_crew_create(const PgbCrewPlan *plan);
extern void *pgb_crew_shared(PgbCrew *crew);

/*
 * Starts members until there are so many, or no more are to be had; returns how many there are.
 * With fewer, which the log tells, the work takes longer; with none it is for the caller to work
 * alone, or to try again later.
 */
extern int	pgb_crew_start(PgbCrew *crew, int members);

/* Have all ended?  Raises the first error of a member; others are in the log. */
extern bool pgb_crew_ended(PgbCrew *crew);

/* Waits until then, with interrupts. */
extern void pgb_crew_wait(PgbCrew *crew);

/*
 * Ends them, waits until they are gone, frees the memory.  Raises nothing; more than once or NULL
 * is fine.
 */
extern void pgb_crew_stop(PgbCrew *crew);

/*
 * By a member: what it is at, as a sentence for the detail of its error, where the error's context
 * follows.  NULL: nothing that needs saying.  Not copied.
 */
extern void pgb_crew_set_place(const char *place);

extern PGDLLEXPORT void pgb_crew_member_main(Datum arg);

#endif							/* PGB_CREW_H */
