/*-------------------------------------------------------------------------
 *
 * headers.c
 *	  From one WAL record to the next, by their headers alone.
 *
 * src/server/archive/headers.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/rmgr.h"
#include "access/xlog_internal.h"
#include "server/archive/headers.h"

/* A record on the way. */
typedef struct Passing
{
	const PgbHeaders *headers;
	XLogRecPtr	at;
	uint32		rest;			/* of the record, from there on */
	const char *page;			/* in which that is */
	bool		is_beyond;		/* the rest lies after the segment */
} Passing;

/*
 * Goes on after the header of the page that begins where we are.  False if there is no such page, or if it
 * does not begin with the rest of the record.
 */
static bool
enter_page(Passing *passing)
{
	XLogPageHeaderData header;
	bool		is_first = passing->at == passing->headers->begin;

	passing->is_beyond = passing->at >= passing->headers->end;
	if (passing->is_beyond)
		return false;
	passing->page = pgb_wal_page(passing->headers->pages, passing->at - passing->headers->begin);
	if (passing->page == NULL)
		return false;
	memcpy(&header, passing->page, sizeof(header));
	if (header.xlp_magic != XLOG_PAGE_MAGIC || header.xlp_pageaddr != passing->at ||
		((header.xlp_info & XLP_LONG_HEADER) != 0) != is_first ||
		(header.xlp_info & XLP_FIRST_IS_OVERWRITE_CONTRECORD) != 0 ||
		((header.xlp_info & XLP_FIRST_IS_CONTRECORD) != 0) != (passing->rest > 0) ||
		header.xlp_rem_len != passing->rest)
		return false;
	passing->at += XLogPageHeaderSize(&header);
	return true;
}

/* Passes so many bytes of the record, which are copied if to is not NULL. */
static bool
pass(Passing *passing, uint32 length, char *to)
{
	while (length > 0)
	{
		uint32		offset = passing->at % XLOG_BLCKSZ;
		uint32		piece = Min(length, XLOG_BLCKSZ - offset);

		if (to != NULL)
		{
			memcpy(to, passing->page + offset, piece);
			to += piece;
		}
		passing->at += piece;
		passing->rest -= piece;
		length -= piece;
		if (passing->rest > 0 && passing->at % XLOG_BLCKSZ == 0 && !enter_page(passing))
			return false;
	}
	return true;
}

/* A record begins on its page with its length at least. */
static bool
begin(Passing *passing)
{
	uint32		offset = passing->at % XLOG_BLCKSZ;

	if (offset == 0)
	{
		if (!enter_page(passing))
			return false;
		offset = passing->at % XLOG_BLCKSZ;
	}
	else
		passing->page = pgb_wal_page(passing->headers->pages, passing->at - offset - passing->headers->begin);
	if (passing->page == NULL)
		return false;
	memcpy(&passing->rest, passing->page + offset, sizeof(passing->rest));
	return passing->rest >= SizeOfXLogRecord;
}

static PgbHeadersStep
stopped(const Passing *passing)
{
	return passing->is_beyond ? PGB_HEADERS_END : PGB_HEADERS_ODD;
}

PgbHeadersStep
pgb_headers_step(PgbHeaders *headers, bool (*is_wanted) (const XLogRecord *record))
{
	Passing		passing = {.headers = headers, .at = headers->at};
	XLogRecord	record;
	XLogRecPtr	start;

	if (!begin(&passing))
		return stopped(&passing);
	start = passing.at;
	if (!pass(&passing, SizeOfXLogRecord, (char *) &record))
		return stopped(&passing);
	if (record.xl_prev != headers->before || !RmgrIdIsValid(record.xl_rmid))
		return PGB_HEADERS_ODD;
	if (is_wanted(&record))
		return PGB_HEADERS_WANTED;
	if (!pass(&passing, passing.rest, NULL))
		return stopped(&passing);
	headers->before = start;
	headers->at = MAXALIGN64(passing.at);
	return PGB_HEADERS_PASSED;
}
