/*-------------------------------------------------------------------------
 *
 * result.h
 *	  How a job, or a part of it, has ended: what one process leaves in shared memory
 *	  for another.
 *
 * src/server/result.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RESULT_H
#define PGB_RESULT_H

#include "repo/layout.h"

/*
 * Strings are cut to what there is room for, between characters.  A job that has succeeded may
 * have a message, for its row, and a detail that says what to know of the result.
 */
typedef struct PgbJobResult
{
	bool		succeeded;
	char		backup_id[PGB_ID_SIZE];
	int			sqlerrcode;
	char		message[1024];
	char		detail[4096];
	char		hint[1024];
} PgbJobResult;

/* The failure that an error is; all of *result is set. */
extern void pgb_result_of_error(PgbJobResult *result, const ErrorData *error);

/* Reports it at this level; at ERROR, does not return. */
extern void pgb_result_raise(const PgbJobResult *result, int elevel);

#endif							/* PGB_RESULT_H */
