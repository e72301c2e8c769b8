/*-------------------------------------------------------------------------
 *
 * diff.h
 *	  Comparing a staged table with the live one.
 *
 * Both tables are read at once, each in the order of the same key, and merged: a row
 * at a time, in memory that does not grow with the tables.  Without a key the
 * order is that of whole rows as text, and equal rows are counted.
 *
 *	  diff.c        the SQL functions, and the order of things
 *	  diff_table.c  a table: what may be compared, and its columns
 *	  diff_cast.c   types of which to_jsonb() would run a user's code
 *	  diff_key.c    what tells rows apart, and how it is ordered
 *	  diff_read.c   the rows of a table, in that order
 *	  diff_merge.c  the merge
 *	  diff_row.c    two rows that have the same key
 *	  diff_json.c   rows as they are shown
 *
 * Two values are the same when their text is the same, for text is what a backup holds:
 * 1.0 and 1.00 differ, and so do 0 and -0, or "a" and "A" in a column of
 * type citext.  A type needs no operators for that.
 *
 * src/server/compare/diff.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DIFF_H
#define PGB_DIFF_H

#include "executor/execdesc.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

/* What is there for each of the two tables is an array with these subscripts. */
typedef enum PgbDiffSide
{
	PGB_STAGED,
	PGB_LIVE
} PgbDiffSide;

#define PGB_SIDES	2

typedef struct PgbDiffColumn
{
	AttrNumber	attnum;
	char	   *name;
	Oid			type;
	int32		typmod;
	Oid			collation;
	bool		not_null;
	int16		length;
	bool		by_value;
	Oid			base_type;		/* below its domains */
	FmgrInfo	output;
	FmgrInfo	to_jsonb;
	bool		as_text;		/* to_jsonb() would run a user's code */
	bool		doubtful;		/* jsonb may not be able to hold some values */
	bool		told;			/* that it was not */
} PgbDiffColumn;

typedef struct PgbDiffTable
{
	Relation	relation;
	char	   *name;			/* schema.name, quoted where needed: for SQL and messages */
	PgbDiffColumn *columns;
	int			column_count;

	/* the rows: diff_read.c */
	QueryDesc  *query;
	TupleTableSlot *ahead;		/* the last that was read; NULL at the end */
	TupleTableSlot *row;		/* the one to compare; NULL at the end */
	int64		copies;			/* of it: 1 if there is a key */
	int64		row_count;		/* read so far */
	NullableDatum *key;			/* what "row" is ordered by, points into it */
	NullableDatum *last_key;	/* that of the row before */
	MemoryContext last_key_context;
	TupleTableSlot *kept;		/* "row" when "ahead" has gone on */
} PgbDiffTable;

/* A column that both tables have: its number in each. */
typedef struct PgbDiffPair
{
	int			column[PGB_SIDES];
} PgbDiffPair;

/* One of the values by which the rows of both tables are ordered. */
typedef struct PgbDiffOrder
{
	char	   *sql[PGB_SIDES]; /* an element of ORDER BY */
	int			column[PGB_SIDES];	/* of what the query returns */
	bool		by_value[PGB_SIDES];
	int16		length[PGB_SIDES];
	Oid			collation;
	FmgrInfo	compare[PGB_SIDES][PGB_SIDES];	/* [LIVE][STAGED] is not set */
} PgbDiffOrder;

typedef struct PgbDiffCounts
{
	int64		equal;
	int64		only[PGB_SIDES];
	int64		changed;
} PgbDiffCounts;

typedef struct PgbDiff
{
	PgbDiffTable *tables[PGB_SIDES];
	PgbDiffPair *pairs;			/* in the order of the staged table */
	int			pair_count;

	/* diff_key.c */
	int		   *key;			/* pairs; none when whole rows are compared */
	int			key_count;
	PgbDiffOrder *order;
	int			order_count;
	char	   *order_text[PGB_SIDES];	/* an expression that is returned after the
										 * columns, or NULL */

	PgbDiffCounts counts;
	struct ReturnSetInfo *result;	/* where differences go; NULL: only count them */
	MemoryContext row_context;	/* for what lasts until the next row */
} PgbDiff;

/* ---- diff_table.c ---- */

/*
 * Opens a table and locks it until the end of the transaction.  Raises when it is not one that
 * can be read, when the caller may not, or when row-level security would hide rows.
 */
extern PgbDiffTable *pgb_diff_open_table(Oid oid);
extern void pgb_diff_close_table(PgbDiffTable *table);

/* Finds the pairs, and tells the caller what differs between the columns. */
extern void pgb_diff_pair_columns(PgbDiff *diff);

extern PgbDiffColumn *pgb_diff_column(const PgbDiff *diff, PgbDiffSide side, int pair);

/* ---- diff_cast.c ---- */

/* Would to_jsonb() of a value of this type run code of a user: its cast to json, or one in it? */
extern bool pgb_diff_has_user_cast(Oid type);

/* ---- diff_key.c ---- */

/*
 * Takes the columns of these names (Strings) as the key, whole rows if there are none, or
 * finds a key by itself if "automatic".
 */
extern void pgb_diff_choose_key(PgbDiff *diff, bool automatic, List *names);

/* Compares two keys by the order of the rows: less than, equal to, or greater than 0. */
extern int	pgb_diff_compare_keys(PgbDiff *diff, PgbDiffSide one, const NullableDatum *one_key,
								  PgbDiffSide other, const NullableDatum *other_key);

/* ---- diff_read.c ---- */

/* Begins to read, under the active snapshot. */
extern void pgb_diff_begin_reading(PgbDiff *diff, PgbDiffSide side);

/*
 * Goes on to the next row, or without a key to the next kind of row; false at the end.  Raises
 * when several rows have the same key, or when they come in a wrong order.
 */
extern bool pgb_diff_next(PgbDiff *diff, PgbDiffSide side);

extern void pgb_diff_end_reading(PgbDiffTable *table);

/* ---- diff_merge.c ---- */

/* Compares all rows: fills diff->counts and diff->result. */
extern void pgb_diff_merge(PgbDiff *diff);

/* ---- diff_row.c ---- */

/* Which pairs of the two current rows differ; returns how many. */
extern int	pgb_diff_changed_pairs(PgbDiff *diff, bool *changed);

/* ---- diff_json.c ---- */

/*
 * The current row of a table as an object of all its columns.  Where "as_text" (of pairs; may
 * be NULL) is set, a value is shown as text.
 */
extern Datum pgb_diff_row_as_jsonb(PgbDiff *diff, PgbDiffSide side, const bool *as_text);

/* The key of that row; there must be one. */
extern Datum pgb_diff_key_as_jsonb(PgbDiff *diff, PgbDiffSide side);

/* The same for messages: (a, b)=(1, 2). */
extern char *pgb_diff_key_as_text(PgbDiff *diff, PgbDiffSide side);

/* Does a pair of values, both of them not null, look the same as jsonb? */
extern bool pgb_diff_looks_same(PgbDiff *diff, int pair);

#endif							/* PGB_DIFF_H */
