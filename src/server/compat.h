/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the major versions of the server (15 to 18).
 *
 * Wrappers take the form of the newest version.  Tests of PG_VERSION_NUM stand
 * here and in port/, and nowhere else.
 *
 * src/server/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_COMPAT_H
#define PGB_COMPAT_H

#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The relation's file number, which a rewrite or a TRUNCATE changes. */
#define pgb_relation_filenode(rel)	((rel)->rd_rel->relfilenode)

#endif							/* PGB_COMPAT_H */
