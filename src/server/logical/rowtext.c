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
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "server/compat.h"
#include "pgtime.h"
#include "server/logical/rowtext.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* What is kept of the room that one value needed, for the next. */
#define MAX_SCRATCH			(1024 * 1024)

typedef struct Column Column;

/* Appends the text of a value that is not null, escaped. */
typedef void (*Formatter) (Column *column, Datum value, StringInfo out);

struct Column
{
	int			index;			/* in the slot's arrays */
	Formatter	format;
	FmgrInfo	output;			/* for format_any */
	StringInfoData scratch;		/* for format_jsonb */
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

/* A byte in each of a word. */
#define EACH_BYTE(b)		(UINT64CONST(0x0101010101010101) * (b))

/*
 * May one of these eight bytes need an escape?  It says so of a backslash, and
 * of any control character up to \r; see "Bit Twiddling Hacks" (S. E. Anderson)
 * on "a zero byte in a word" and "a byte less than n".
 */
static inline bool
may_need_escape(const char *text)
{
	uint64		word,
				backslash,
				found;

	memcpy(&word, text, sizeof(word));
	backslash = word ^ EACH_BYTE('\\');
	found = (word - EACH_BYTE('\r' + 1)) & ~word;
	found |= (backslash - EACH_BYTE(1)) & ~backslash;
	return (found & EACH_BYTE(0x80)) != 0;
}

static void
append_escaped(StringInfo out, const char *text, size_t length)
{
	const char *end = text + length;
	const char *run = text;		/* what has not been copied yet */
	const char *p = text;

	/* server encodings are such that no byte of a longer character is ASCII */
	while (p < end)
	{
		char		escape;

		while (end - p >= (ptrdiff_t) sizeof(uint64) && !may_need_escape(p))
			p += sizeof(uint64);
		if (p == end)
			break;
		escape = escape_of[(unsigned char) *p];
		if (unlikely(escape != 0))
		{
			appendBinaryStringInfo(out, run, (int) (p - run));
			appendStringInfoCharMacro(out, '\\');
			appendStringInfoCharMacro(out, escape);
			run = p + 1;
		}
		p++;
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

/* Where a formatter that needs it collects text; kept from row to row. */
static void
init_scratch(Column *column)
{
	MemoryContext old = MemoryContextSwitchTo(column->output.fn_mcxt);

	initStringInfo(&column->scratch);
	MemoryContextSwitchTo(old);
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

/*
 * In UTC, which the job has pinned: so the zone needs no look-up.  In
 * both types a moment that cannot be shown raises as the output function does.
 */
static void
format_moment(Timestamp moment, bool print_zone, StringInfo out)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *text = reserve(out, MAXDATELEN + 1);

	if (TIMESTAMP_NOT_FINITE(moment))
		EncodeSpecialTimestamp(moment, text);
	else
	{
		if (timestamp2tm(moment, NULL, &tm, &fsec, NULL, NULL) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("timestamp out of range")));
		tm.tm_isdst = 0;		/* known, or the zone would be left out */
		EncodeDateTime(&tm, fsec, print_zone, 0, NULL, USE_ISO_DATES, text);
	}
	written(out, (int) strlen(text));
}

static void
format_timestamp(Column *column, Datum value, StringInfo out)
{
	format_moment(DatumGetTimestamp(value), false, out);
}

static void
format_timestamptz(Column *column, Datum value, StringInfo out)
{
	format_moment(DatumGetTimestampTz(value), true, out);
}

/* the shortest digits that give the value back, which extra_float_digits > 0 asks for */
static void
format_float4(Column *column, Datum value, StringInfo out)
{
	written(out, float_to_shortest_decimal_buf(DatumGetFloat4(value),
											   reserve(out, FLOAT_SHORTEST_DECIMAL_LEN)));
}

static void
format_float8(Column *column, Datum value, StringInfo out)
{
	written(out, double_to_shortest_decimal_buf(DatumGetFloat8(value),
												reserve(out, DOUBLE_SHORTEST_DECIMAL_LEN)));
}

static void
format_jsonb(Column *column, Datum value, StringInfo out)
{
	Jsonb	   *json = DatumGetJsonbP(value);

	resetStringInfo(&column->scratch);
	(void) JsonbToCString(&column->scratch, &json->root, VARSIZE(json));
	append_escaped(out, column->scratch.data, column->scratch.len);

	/* one huge value must not hold its room for ever */
	if (column->scratch.maxlen > MAX_SCRATCH)
	{
		pfree(column->scratch.data);
		column->scratch.data = NULL;
		init_scratch(column);
	}
}

/* ---- numeric ---- */

/*
 * A numeric as it is stored: see the comment on NumericChoice in PostgreSQL's
 * src/backend/utils/adt/numeric.c.  Digits are to the base 10000, the first of
 * them worth 10000^weight.
 */
#define NUMERIC_HEADER_MASK		0xC000
#define NUMERIC_IS_NEGATIVE		0x4000
#define NUMERIC_IS_SHORT		0x8000
#define NUMERIC_IS_SPECIAL		0xC000
#define NUMERIC_LONG_DSCALE		0x3FFF
#define NUMERIC_SHORT_NEGATIVE	0x2000
#define NUMERIC_SHORT_DSCALE(h)	(((h) & 0x1F80) >> 7)
#define NUMERIC_SHORT_WEIGHT(h)	(((h) & 0x0040) ? (int) ((h) & 0x003F) - 64 : (int) ((h) & 0x003F))
#define DIGITS_PER_NUMERIC_DIGIT	4

typedef struct StoredNumeric
{
	bool		negative;
	int			weight;
	int			dscale;			/* decimal digits after the point */
	int			ndigits;
	const char *digits;			/* of int16, not aligned */
} StoredNumeric;

/* False for NaN and the infinities. */
static bool
read_numeric(const char *data, size_t length, StoredNumeric *numeric)
{
	uint16		header;

	memcpy(&header, data, sizeof(header));
	if ((header & NUMERIC_HEADER_MASK) == NUMERIC_IS_SPECIAL)
		return false;
	data += sizeof(header);
	length -= sizeof(header);
	if ((header & NUMERIC_HEADER_MASK) == NUMERIC_IS_SHORT)
	{
		numeric->negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
		numeric->dscale = NUMERIC_SHORT_DSCALE(header);
		numeric->weight = NUMERIC_SHORT_WEIGHT(header);
	}
	else
	{
		int16		weight;

		memcpy(&weight, data, sizeof(weight));
		data += sizeof(weight);
		length -= sizeof(weight);
		numeric->negative = (header & NUMERIC_HEADER_MASK) == NUMERIC_IS_NEGATIVE;
		numeric->dscale = header & NUMERIC_LONG_DSCALE;
		numeric->weight = weight;
	}
	numeric->ndigits = (int) (length / sizeof(int16));
	numeric->digits = data;
	return true;
}

static inline int
numeric_digit(const StoredNumeric *numeric, int index)
{
	int16		digit;

	if (index < 0 || index >= numeric->ndigits)
		return 0;
	memcpy(&digit, numeric->digits + (size_t) index * sizeof(int16), sizeof(digit));
	return digit;
}

static inline void
four_digits(char *to, int value)
{
	to[0] = (char) ('0' + value / 1000);
	to[1] = (char) ('0' + value / 100 % 10);
	to[2] = (char) ('0' + value / 10 % 10);
	to[3] = (char) ('0' + value % 10);
}

static void
format_numeric(Column *column, Datum value, StringInfo out)
{
	struct varlena *stored = PG_DETOAST_DATUM_PACKED(value);
	StoredNumeric numeric;
	char	   *text,
			   *p;

	if (!read_numeric(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored), &numeric))
	{
		format_any(column, value, out);
		return;
	}

	/* sign, digits before the point, the point, digits after it and the rest of their group */
	text = p = reserve(out, (Max(numeric.weight, 0) + 1) * DIGITS_PER_NUMERIC_DIGIT +
					   numeric.dscale + DIGITS_PER_NUMERIC_DIGIT + 2);
	if (numeric.negative)
		*p++ = '-';
	if (numeric.weight < 0)
		*p++ = '0';
	else
	{
		/* the first group has no zeros before it */
		p += pg_ltoa(numeric_digit(&numeric, 0), p);
		for (int i = 1; i <= numeric.weight; i++)
		{
			four_digits(p, numeric_digit(&numeric, i));
			p += DIGITS_PER_NUMERIC_DIGIT;
		}
	}
	if (numeric.dscale > 0)
	{
		*p++ = '.';
		for (int i = 0; i < numeric.dscale; i += DIGITS_PER_NUMERIC_DIGIT)
			four_digits(p + i, numeric_digit(&numeric,
											 numeric.weight + 1 + i / DIGITS_PER_NUMERIC_DIGIT));
		p += numeric.dscale;
	}
	written(out, (int) (p - text));
}

/* ---- others ---- */

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

/* Is the session's time zone, as the job pins it, UTC? */
static bool
zone_is_utc(void)
{
	long		offset;

	return pg_get_timezone_offset(session_timezone, &offset) && offset == 0;
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
		case TIMESTAMPOID:
			return format_timestamp;
		case TIMESTAMPTZOID:
			return zone_is_utc() ? format_timestamptz : format_any;
		case FLOAT4OID:
			return format_float4;
		case FLOAT8OID:
			return format_float8;
		case NUMERICOID:
			return format_numeric;
		case JSONBOID:
			return format_jsonb;
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
pgb_rowtext_create_for(TupleDesc desc, int count, const AttrNumber *columns)
{
	PgbRowText *rowtext = palloc0(sizeof(PgbRowText));

	rowtext->columns = palloc0(Max(1, count) * sizeof(Column));
	rowtext->row_context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup row",
												 ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, columns[i] - 1);
		Column	   *column = &rowtext->columns[rowtext->ncolumns++];
		Oid			output;
		bool		is_varlena;

		column->index = columns[i] - 1;
		column->format = choose_formatter(attribute->atttypid);
		getTypeOutputInfo(attribute->atttypid, &output, &is_varlena);
		fmgr_info(output, &column->output);
		init_scratch(column);
	}
	return rowtext;
}

PgbRowText *
pgb_rowtext_create(TupleDesc desc)
{
	AttrNumber *columns = palloc(Max(1, desc->natts) * sizeof(AttrNumber));
	int			count = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		if (pgb_rowtext_has_column(TupleDescAttr(desc, i)))
			columns[count++] = i + 1;
	}
	return pgb_rowtext_create_for(desc, count, columns);
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
