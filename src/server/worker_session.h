/*-------------------------------------------------------------------------
 *
 * worker_session.h
 *	  The session of a background worker that runs SQL as the superuser.
 *
 * src/server/worker_session.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WORKER_SESSION_H
#define PGB_WORKER_SESSION_H

/*
 * Connects to a database, and undoes what its owner may have set for all of its sessions.
 * Statements name everything outside of pg_catalog with its schema.
 */
extern void pgb_worker_connect(Oid database);

/*
 * A short transaction, connected to SPI.  It waits for no lock longer than some
 * seconds: ERRCODE_LOCK_NOT_AVAILABLE.
 */
extern void pgb_worker_begin(void);
extern void pgb_worker_commit(void);

/*
 * In a PG_CATCH: rolls back, and forgets the error.  A copy of it is returned, in the context
 * to which it switches.
 */
extern ErrorData *pgb_worker_recover(MemoryContext context);

/* Logs an error that ends nothing, and what it befell. */
extern void pgb_worker_log(const ErrorData *error, const char *context);

#endif							/* PGB_WORKER_SESSION_H */
