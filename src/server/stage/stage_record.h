/*-------------------------------------------------------------------------
 *
 * stage_record.h
 *	  Where staged tables come from: the rows of pgbackup_staged_tables, and of
 *	  pgbackup_staged_parts for the table itself, its partitions, indexes and sequences.
 *
 * The rows are keyed by OIDs, hence they mean nothing in another database, and are no
 * part of a dump.
 *
 * src/server/stage/stage_record.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_STAGE_RECORD_H
#define PGB_STAGE_RECORD_H

#include "server/stage/stage.h"

typedef struct PgbStagedPart
{
	Oid			oid;			/* it may be gone */
	char	   *schema;			/* the original's */
	char	   *name;
	char	   *columns;		/* of a table, when it was staged; else NULL */
	char	   *columns_now;
} PgbStagedPart;

typedef struct PgbStagedRecord
{
	char	   *schema;			/* the original's */
	char	   *name;
	char	   *backup;
	char	   *toc;			/* the table of contents, if no logical backup has it; else NULL */
	size_t		toc_length;
	List	   *parts;			/* of PgbStagedPart, the table itself among them */
} PgbStagedRecord;

/*
 * Writes the rows of a table that has been staged.  In a database whose extension is
 * older than these tables it does nothing.
 */
extern void pgb_stage_record(const PgbStage *stage);

/*
 * Reads the rows of a staged table, and removes them: with the transaction.  Palloc'd.
 * Raises ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE when there are none.
 */
extern PgbStagedRecord *pgb_stage_take_record(Oid staged);

/* The present name of a relation for messages: schema.name, quoted where needed. */
extern char *pgb_stage_live_name(Oid relation);

#endif							/* PGB_STAGE_RECORD_H */
