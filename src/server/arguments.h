/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Arguments of the SQL functions.
 *
 * All raise ERRCODE_NULL_VALUE_NOT_ALLOWED or ERRCODE_INVALID_PARAMETER_VALUE, and
 * name the argument.
 *
 * src/server/arguments.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_ARGUMENTS_H
#define PGB_ARGUMENTS_H

#include "fmgr.h"
#include "server/options.h"
#include "server/shmem.h"

/* A text that must not be null. */
extern char *pgb_text_argument(FunctionCallInfo fcinfo, int number, const char *name);

/* The texts of an array, of which none is null or empty; NIL for null. */
extern List *pgb_list_argument(FunctionCallInfo fcinfo, int number, const char *name);

/* An integer in a range; fallback for null. */
extern int	pgb_integer_argument(FunctionCallInfo fcinfo, int number, const char *name,
								 int fallback, int min, int max);

/* The task that makes backups of the kind. */
extern PgbTask pgb_kind_argument(FunctionCallInfo fcinfo, int number);

/*
 * The arguments that say what a backup is to be, label to level: the first of them is
 * number "first", and the others follow.  What a backup of the task cannot be asked for is refused.
 */
extern PgbRunOptions *pgb_options_arguments(FunctionCallInfo fcinfo, int first, PgbTask task);

#endif							/* PGB_ARGUMENTS_H */
