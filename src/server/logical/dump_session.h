/*-------------------------------------------------------------------------
 *
 * dump_session.h
 *	  Our part in the session that serves pg_dump.
 *
 * src/server/logical/dump_session.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DUMP_SESSION_H
#define PGB_DUMP_SESSION_H

#include "server/shmem.h"
#include "utils/relcache.h"

/* Called by _PG_init while shared_preload_libraries are loaded. */
extern void pgb_dump_session_install(void);

/* The value of pgbackup.export_job for the session that serves a job, palloc'd. */
extern char *pgb_dump_session_token(PgbJobRef job);

/*
 * Do data workers read this table?  Then the session answers pg_dump's COPY of
 * it with no rows.  The one rule for both sides; what it does not take, pg_dump
 * writes itself.
 */
extern bool pgb_export_takes(Relation rel);

#endif							/* PGB_DUMP_SESSION_H */
