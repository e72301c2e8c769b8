/*-------------------------------------------------------------------------
 *
 * dump.h
 *	  pg_dump and pg_dumpall, run by a job.
 *
 * src/server/logical/dump.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DUMP_H
#define PGB_DUMP_H

#include "server/options.h"
#include "server/shmem.h"
#include "server/subprocess.h"

/*
 * Starts pg_dump of this database into the directory (which must not exist),
 * under an exported snapshot.
 */
extern PgbSubprocess *pgb_dump_start(PgbJobRef job, const PgbRunOptions *options,
									 const char *snapshot, const char *directory);

/* Starts pg_dumpall --globals-only into the file; within a transaction. */
extern PgbSubprocess *pgb_dump_globals_start(const char *file);

/*
 * Ends pg_dump, if it runs, and the session of the server that serves it, and
 * waits until both are gone.  Raises nothing; NULL is fine.
 */
extern void pgb_dump_stop(PgbSubprocess *process);

#endif							/* PGB_DUMP_H */
