/*-------------------------------------------------------------------------
 *
 * export.h
 *	  A logical backup, from the snapshot to the manifest.
 *
 * src/server/logical/export.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_EXPORT_H
#define PGB_EXPORT_H

#include "server/options.h"
#include "server/shmem.h"

typedef struct PgbExport PgbExport;

/*
 * Allocated in the current memory context, which must live until the cleanup; so
 * must the request, which is the JSON of the options.
 */
extern PgbExport *pgb_export_create(PgbJobRef job, char *request);

/*
 * Makes the backup, in a transaction of its own; raises what goes wrong.  When
 * it returns, the backup is durable.
 */
extern void pgb_export_run(PgbExport *export);

/*
 * After any end, with the transaction gone: stops the children, and removes
 * what is not complete.  May be called more than once; raises nothing.
 */
extern void pgb_export_cleanup(PgbExport *export);

#endif							/* PGB_EXPORT_H */
