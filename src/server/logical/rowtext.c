/*-------------------------------------------------------------------------
 *
 * rowtext.c
 *	  Rows as COPY text, byte for byte what COPY table TO writes.
 *
 * Each column has a formatter.  That of any type calls its output function and
 * escapes what it gives; the commonest types have one of their own, that writes
 * the same bytes without a copy in between.  To add one: a function, and a case
 * in choose_formatter().
 *
 * src/server/logical/rowtext.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "server/compat.h"
#include "server/logical/rowtext.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

typedef struct Column Column;

/* Appends the text of a value that is not null, escaped. */
typedef void (*Formatter) (Column *column, Datum value, StringInfo out);

struct Column
{
	int			index;			/* in the slot's arrays */
	Formatter	format;
	FmgrInfo	output;			/* for format_any */
};

struct PgbRowText
{
	int			ncolumns;
	Column	   *columns;
	MemoryContext row_context;	/* what output functions leave behind */
};

/*
 * What follows the backslash for a byte that COPY escapes, and 0 for one that
 * stands for itself.
 */
static const char escape_of[256] = {
	['\b'] = 'b',
	['\f'] = 'f',
	['\n'] = 'n',
	['\r'] = 'r',
	['\t'] = 't',
	['\v'] = 'v',
	['\\'] = '\\',
};

static void
append_escaped(StringInfo out, const char *text, size_t length)
{
	const char *end = text + length;
	const char *run = text;		/* what has not been copied yet */

	/* server encodings are such that no byte of a longer character is ASCII */
	for (const char *p = text; p < end; p++)
	{
		char		escape = escape_of[(unsigned char) *p];

		if (unlikely(escape != 0))
		{
			appendBinaryStringInfo(out, run, (int) (p - run));
			appendStringInfoCharMacro(out, '\\');
			appendStringInfoCharMacro(out, escape);
			run = p + 1;
		}
	}
	appendBinaryStringInfo(out, run, (int) (end - run));
}

/* Room for some bytes that are written in place. */
static inline char *
reserve(StringInfo out, int length)
{
	enlargeStringInfo(out, length);
	return out->data + out->len;
}

static inline void
written(StringInfo out, int length)
{
	out->len += length;
}

static void
format_any(Column *column, Datum value, StringInfo out)
{
	char	   *text = OutputFunctionCall(&column->output, value);

	append_escaped(out, text, strlen(text));
}

/* text, varchar, bpchar, json: the bytes as they are */
static void
format_text(Column *column, Datum value, StringInfo out)
{
	struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

	append_escaped(out, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

static void
format_int2(Column *column, Datum value, StringInfo out)
{
	written(out, pg_itoa(DatumGetInt16(value), reserve(out, 8)));
}

static void
format_int4(Column *column, Datum value, StringInfo out)
{
	written(out, pg_ltoa(DatumGetInt32(value), reserve(out, 16)));
}

static void
format_int8(Column *column, Datum value, StringInfo out)
{
	written(out, pg_lltoa(DatumGetInt64(value), reserve(out, 32)));
}

static void
format_bool(Column *column, Datum value, StringInfo out)
{
	appendStringInfoCharMacro(out, DatumGetBool(value) ? 't' : 'f');
}

/* ISO style, which the job has pinned */
static void
format_date(Column *column, Datum value, StringInfo out)
{
	DateADT		date = DatumGetDateADT(value);
	struct pg_tm tm;
	char	   *text = reserve(out, MAXDATELEN + 1);

	if (DATE_NOT_FINITE(date))
		EncodeSpecialDate(date, text);
	else
	{
		j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
		EncodeDateOnly(&tm, USE_ISO_DATES, text);
	}
	written(out, (int) strlen(text));
}

static void
format_uuid(Column *column, Datum value, StringInfo out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = DatumGetUUIDP(value)->data;
	char	   *text = reserve(out, 2 * UUID_LEN + 4);
	char	   *p = text;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[bytes[i] >> 4];
		*p++ = digits[bytes[i] & 15];
	}
	written(out, (int) (p - text));
}

/* hex format, which is what the job has pinned; its backslash is escaped */
static void
format_bytea(Column *column, Datum value, StringInfo out)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
	size_t		length = VARSIZE_ANY_EXHDR(bytes);

	appendBinaryStringInfo(out, "\\\\x", 3);
	if (length > 0)
	{
		/* a length over what a StringInfo holds raises, as it does for COPY */
		char	   *text = reserve(out, (int) Min(length * 2, (size_t) PG_INT32_MAX));

		written(out, (int) hex_encode(VARDATA_ANY(bytes), length, text));
	}
}

static Formatter
choose_formatter(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return format_bool;
		case INT2OID:
			return format_int2;
		case INT4OID:
			return format_int4;
		case INT8OID:
			return format_int8;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			return format_text;
		case DATEOID:
			return format_date;
		case UUIDOID:
			return format_uuid;
		case BYTEAOID:
			return format_bytea;
		default:
			return format_any;
	}
}

bool
pgb_rowtext_has_column(Form_pg_attribute attribute)
{
	return !attribute->attisdropped && attribute->attgenerated == '\0';
}

PgbRowText *
pgb_rowtext_create(TupleDesc desc)
{
	PgbRowText *rowtext = palloc0(sizeof(PgbRowText));

	rowtext->columns = palloc0(Max(1, desc->natts) * sizeof(Column));
	rowtext->row_context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup row",
												 ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Column	   *column;
		Oid			output;
		bool		is_varlena;

		if (!pgb_rowtext_has_column(attribute))
			continue;
		column = &rowtext->columns[rowtext->ncolumns++];
		column->index = i;
		column->format = choose_formatter(attribute->atttypid);
		getTypeOutputInfo(attribute->atttypid, &output, &is_varlena);
		fmgr_info(output, &column->output);
	}
	return rowtext;
}

void
pgb_rowtext_append(PgbRowText *rowtext, TupleTableSlot *slot, StringInfo out)
{
	MemoryContext old = MemoryContextSwitchTo(rowtext->row_context);

	slot_getallattrs(slot);
	for (int i = 0; i < rowtext->ncolumns; i++)
	{
		Column	   *column = &rowtext->columns[i];

		if (i > 0)
			appendStringInfoCharMacro(out, '\t');
		if (slot->tts_isnull[column->index])
			appendBinaryStringInfo(out, "\\N", 2);
		else
			column->format(column, slot->tts_values[column->index], out);
	}
	appendStringInfoCharMacro(out, '\n');

	MemoryContextSwitchTo(old);
	MemoryContextReset(rowtext->row_context);
}
