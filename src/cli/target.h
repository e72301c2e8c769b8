/*-------------------------------------------------------------------------
 *
 * target.h
 *	  The directory into which a backup is extracted.
 *
 * src/cli/target.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CLI_TARGET_H
#define PGB_CLI_TARGET_H

#include "store/store.h"

typedef struct CliTarget
{
	PgbStore   *store;			/* writes files as it does in a repository */
	bool		is_ours;		/* we have made the directory */
} CliTarget;

/* Makes the directory, or takes one that is empty; refuses anything else. */
extern CliTarget *cli_target_open(const char *path);

/* Removes all that was written to it.  Raises nothing: what stays is a WARNING. */
extern void cli_target_discard(CliTarget *target);

#endif							/* PGB_CLI_TARGET_H */
