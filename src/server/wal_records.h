/*-------------------------------------------------------------------------
 *
 * wal_records.h
 *	  The records of archived segments, by PostgreSQL's own reader.
 *
 * Each segment is fetched into a file of its own, which has no name any more once it is open.
 *
 * src/server/wal_records.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_WAL_RECORDS_H
#define PGB_WAL_RECORDS_H

#include "access/xlogreader.h"
#include "repo/wal.h"

typedef struct PgbWalRecords
{
	PgbRepository *repository;
	PgbResource resource;
	const PgbWalName *segments;	/* in order; their numbers tell of gaps */
	int			count;
	int			current;		/* the one that is open, or was the last to be tried; -1: none yet */
	int			fd;				/* -1: it cannot be read, or is not there */
	bool		at_end;			/* what comes after the last one was asked for */
} PgbWalRecords;

/* Is called for each record; false ends the reading. */
typedef bool (*PgbNoteRecord) (XLogReaderState *reader, void *arg);

/* The segments must live as long.  Allocated in the current memory context, with which it is released. */
extern PgbWalRecords *pgb_wal_records_open(PgbRepository *repository, const PgbWalName *segments,
										   int count);

/* More than once is fine. */
extern void pgb_wal_records_close(PgbWalRecords *records);

/*
 * Reads from the first record of a segment on, until the WAL cannot be followed: at a gap, at damage, at
 * the end (then at_end is set).  Returns false if no more is wanted.  A damaged or missing object is no
 * error; everything else that is wrong with the repository is.
 */
extern bool pgb_wal_records_read(PgbWalRecords *records, int segment, PgbNoteRecord note, void *arg);

/* Does an array lie in the data of the record?  The archive is not trusted to hold what a server wrote. */
extern bool pgb_is_in_record(XLogReaderState *reader, const void *array, int count, Size size);

#endif							/* PGB_WAL_RECORDS_H */
