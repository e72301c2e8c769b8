/*-------------------------------------------------------------------------
 *
 * page_check.c
 *	  Are the pages that were read what the server has written?
 *
 * src/server/physical/page_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <unistd.h>

#include "access/xlog.h"
#include "server/physical/page_check.h"
#include "storage/bufpage.h"
#include "storage/checksum.h"

/* How often a page is read again, and after what time. */
#define ATTEMPTS			5
#define PAUSE_USEC			(20 * 1000)

/* A file with more damaged pages than these is damaged, and not just being written. */
#define PATIENT_PAGES		16

/*
 * A page on disk has no LSN that the server has not reached: what claims so is garbage, and
 * must not escape for being new.
 */
static bool
is_newer_than_backup(const PgbPageChecker *checker, Page page)
{
	XLogRecPtr	lsn = PageGetLSN(page);

	return lsn >= checker->start_lsn && lsn <= GetXLogInsertRecPtr();
}

static bool
page_is_right(const PgbPageChecker *checker, char *page, BlockNumber block)
{
	if (PageIsNew((Page) page) || is_newer_than_backup(checker, (Page) page))
		return true;
	return pg_checksum_page(page, block) == ((PageHeader) page)->pd_checksum;
}

/* False if it cannot be read as a whole any more: the file has become shorter. */
static bool
read_again(const PgbPageChecker *checker, char *page, uint64 offset)
{
	char		copy[BLCKSZ];

	if (pread(checker->fd, copy, BLCKSZ, (off_t) offset) != BLCKSZ)
		return false;
	memcpy(page, copy, BLCKSZ);
	return true;
}

static void
look_again(PgbPageChecker *checker, char *page, uint64 offset, BlockNumber block)
{
	for (int i = 0; i < ATTEMPTS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (checker->damaged < PATIENT_PAGES)
			pg_usleep(PAUSE_USEC);
		if (!read_again(checker, page, offset))
			return;				/* truncated: the WAL knows */
		if (page_is_right(checker, page, block))
			return;
	}
	checker->damaged++;
	checker->report(checker->arg, block);
}

void
pgb_check_pages(PgbPageChecker *checker, char *pages, size_t length, uint64 offset)
{
	for (size_t at = 0; at + BLCKSZ <= length; at += BLCKSZ)
	{
		BlockNumber block = checker->first_block + (BlockNumber) ((offset + at) / BLCKSZ);

		if (!page_is_right(checker, pages + at, block))
			look_again(checker, pages + at, offset + at, block);
	}
}
