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

/* The functions of the task PGB_TASK_LOGICAL: see task.h. */
extern void *pgb_export_create(PgbJobRef job, char *request);
extern void pgb_export_run(void *state);
extern void pgb_export_cleanup(void *state);

#endif							/* PGB_EXPORT_H */
