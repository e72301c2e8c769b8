/*-------------------------------------------------------------------------
 *
 * page_check.h
 *	  Are the pages that were read what the server has written?
 *
 * src/server/physical/page_check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PAGE_CHECK_H
#define PGB_PAGE_CHECK_H

#include "storage/block.h"

typedef struct PgbPageChecker
{
	uint64		start_lsn;		/* of the backup */
	int			fd;				/* to read a page again */
	const char *path;			/* of the file */
	BlockNumber first_block;	/* of the relation that is in the file */
	int			damaged;		/* pages found so far in this file */

	/* is told of a damaged page */
	void		(*report) (void *arg, BlockNumber block);
	void	   *arg;
} PgbPageChecker;

/*
 * Checks whole pages that were read from offset of the file.  A page whose checksum is
 * wrong is read again, into its place, several times over a while: it may just be
 * being written.  Pages that were written since the start of the backup are not
 * checked: what is torn of them comes whole from the WAL.
 */
extern void pgb_check_pages(PgbPageChecker *checker, char *pages, size_t length, uint64 offset);

#endif							/* PGB_PAGE_CHECK_H */
