/*-------------------------------------------------------------------------
 *
 * undrop.h
 *	  What was dropped or truncated, back.
 *
 *	  undrop.c        pgbackup_undrop
 *	  undrop_merge.c  after a TRUNCATE: the statement that puts the rows back
 *
 * src/server/recovery/undrop.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_UNDROP_H
#define PGB_UNDROP_H

#include "server/recovery/recover.h"

/*
 * Tells the caller, in a NOTICE, how to bring the rows of the staged table into the one
 * that was truncated, which may be gone by now.  identity: its name then, for people.
 */
extern void pgb_undrop_say_how_to_merge(Oid staged, Oid truncated, const char *identity);

#endif							/* PGB_UNDROP_H */
