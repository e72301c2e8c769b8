/*-------------------------------------------------------------------------
 *
 * base.h
 *	  A base backup, from the checkpoint to the manifest.
 *
 * src/server/physical/base.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_BASE_H
#define PGB_BASE_H

#include "server/shmem.h"

/* The functions of the task PGB_TASK_FULL: see task.h. */
extern void *pgb_base_create(PgbJobRef job, char *request);
extern void pgb_base_run(void *state);
extern void pgb_base_cleanup(void *state);
extern void pgb_base_report(void *state, PgbJobResult *result);

#endif							/* PGB_BASE_H */
