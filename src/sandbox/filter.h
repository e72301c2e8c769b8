/*-------------------------------------------------------------------------
 *
 * filter.h
 *	  Which WAL records a sandbox replays.
 *
 * src/sandbox/filter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FILTER_H
#define PGB_FILTER_H

#include "sandbox/instructions.h"

/*
 * Puts the filter before the redo function of every resource manager.  The postmaster calls
 * it; the startup process inherits the table.  The instructions must live on.
 */
extern void pgb_filter_install(const PgbInstructions *instructions);

#endif							/* PGB_FILTER_H */
