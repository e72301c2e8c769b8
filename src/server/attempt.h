/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  Something that may fail alone.
 *
 * src/server/attempt.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_ATTEMPT_H
#define PGB_ATTEMPT_H

/*
 * Runs a function in a subtransaction.  Returns NULL, or the error that has undone it, in the
 * current memory context; which errors are the caller's to raise again is for him to
 * say: a cancel is one.  Current memory context and resource owner are as before.
 */
extern ErrorData *pgb_attempt(void (*function) (void *arg), void *arg);

#endif							/* PGB_ATTEMPT_H */
