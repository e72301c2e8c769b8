/*-------------------------------------------------------------------------
 *
 * store_posix.h
 *	  The store that is a directory.
 *
 * src/store/store_posix.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_STORE_POSIX_H
#define PGB_STORE_POSIX_H

#include "store/store.h"

/* As pgb_store_open(). */
extern PgbStore *pgb_store_posix_open(const char *location, bool create);

#endif							/* PGB_STORE_POSIX_H */
