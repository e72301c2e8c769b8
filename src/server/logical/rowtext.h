/*-------------------------------------------------------------------------
 *
 * rowtext.h
 *	  Rows as COPY text, byte for byte what COPY table TO writes.
 *
 * The format is that of CopyOneRowTo() and CopyAttributeOutText() in
 * PostgreSQL's src/backend/commands/copyto.c, with the default delimiter and
 * null string, in the server's encoding.
 *
 * src/server/logical/rowtext.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_ROWTEXT_H
#define PGB_ROWTEXT_H

#include "executor/tuptable.h"

typedef struct PgbRowText PgbRowText;

/*
 * For the columns that COPY writes by itself: not dropped, not generated.
 * Depends on DateStyle, IntervalStyle, TimeZone, extra_float_digits and
 * search_path as output functions do.
 */
extern PgbRowText *pgb_rowtext_create(TupleDesc desc);

/* For some columns in some order: numbers of attributes, as COPY table (columns) TO would write them. */
extern PgbRowText *pgb_rowtext_create_for(TupleDesc desc, int count, const AttrNumber *columns);

/* Appends one row with its newline. */
extern void pgb_rowtext_append(PgbRowText *rowtext, TupleTableSlot *slot, StringInfo out);

/* Does COPY write this column by itself? */
extern bool pgb_rowtext_has_column(Form_pg_attribute attribute);

#endif							/* PGB_ROWTEXT_H */
