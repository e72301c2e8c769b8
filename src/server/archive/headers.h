/*-------------------------------------------------------------------------
 *
 * headers.h
 *	  From one WAL record to the next, by their headers alone.
 *
 * PostgreSQL's reader puts each record together, copies it and sums it up, which takes a tenth of what
 * archiving takes, and few records say what the archive wants to know.  The others are passed here.  A
 * header tells how long its record is and where the one before began, and that of a page how
 * much of a record is still to come: where these do not fit together, or say what is out of the ordinary, the
 * reader has to find out what it is.
 *
 * The formats: access/xlogrecord.h, access/xlog_internal.h
 *
 * src/server/archive/headers.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_ARCHIVE_HEADERS_H
#define PGB_ARCHIVE_HEADERS_H

#include "access/xlogrecord.h"
#include "repo/wal.h"

typedef struct PgbHeaders
{
	PgbWalPages *pages;			/* of a segment */
	XLogRecPtr	begin;			/* of the segment */
	XLogRecPtr	end;
	XLogRecPtr	at;				/* where the next record begins */
	XLogRecPtr	before;			/* where the one before that began */
} PgbHeaders;

typedef enum PgbHeadersStep
{
	PGB_HEADERS_PASSED,			/* a record: "at" and "before" have moved on */
	PGB_HEADERS_WANTED,			/* the reader is to read the record at "at" */
	PGB_HEADERS_END,			/* what begins at "at", if anything does, ends after the segment */
	PGB_HEADERS_ODD				/* what begins at "at" is not as it should be */
} PgbHeadersStep;

/* Passes the record at "at", unless it is wanted.  Raises what reading the pages raises. */
extern PgbHeadersStep pgb_headers_step(PgbHeaders *headers, bool (*is_wanted) (const XLogRecord *record));

#endif							/* PGB_ARCHIVE_HEADERS_H */
