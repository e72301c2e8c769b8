/*-------------------------------------------------------------------------
 *
 * import_fields.c
 *	  The fields of a line of COPY text become the values of a row.
 *
 * The commonest types are parsed here when they have the one form in which
 * PostgreSQL itself writes them.  Everything else, and whatever looks odd, goes
 * through the type's input function, which also raises the errors.
 *
 * src/server/import/import_fields.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/value.h"
#include "server/import/import.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* Returns false if the text is not in the expected form. */
typedef bool (*FieldParser) (const char *text, Datum *value);

typedef struct Field
{
	int			column;			/* from 0 */
	FieldParser parse;			/* or NULL */
	FmgrInfo	input;
	Oid			parameter;
	int32		typmod;
} Field;

struct PgbImportFields
{
	Relation	relation;
	int			count;
	Field		fields[FLEXIBLE_ARRAY_MEMBER];
};

/* ---- numbers ---- */

/* Up to 18 digits: they cannot overflow. */
static bool
parse_digits(const char *text, int64 *number)
{
	const char *p = text;
	bool		negative = *p == '-';
	int64		n = 0;

	if (negative)
		p++;
	text = p;
	for (; *p >= '0' && *p <= '9'; p++)
	{
		if (p - text == 18)
			return false;
		n = n * 10 + (*p - '0');
	}
	if (p == text || *p != '\0')
		return false;
	*number = negative ? -n : n;
	return true;
}

static bool
parse_int2(const char *text, Datum *value)
{
	int64		n;

	if (!parse_digits(text, &n) || n < PG_INT16_MIN || n > PG_INT16_MAX)
		return false;
	*value = Int16GetDatum((int16) n);
	return true;
}

static bool
parse_int4(const char *text, Datum *value)
{
	int64		n;

	if (!parse_digits(text, &n) || n < PG_INT32_MIN || n > PG_INT32_MAX)
		return false;
	*value = Int32GetDatum((int32) n);
	return true;
}

static bool
parse_int8(const char *text, Datum *value)
{
	int64		n;

	if (!parse_digits(text, &n))
		return false;
	*value = Int64GetDatum(n);
	return true;
}

static bool
parse_bool(const char *text, Datum *value)
{
	if ((text[0] != 't' && text[0] != 'f') || text[1] != '\0')
		return false;
	*value = BoolGetDatum(text[0] == 't');
	return true;
}

/* ---- dates and times, in ISO form ---- */

/* So many digits, or -1; moves *text behind them. */
static int
take_digits(const char **text, int count)
{
	int			n = 0;

	for (int i = 0; i < count; i++)
	{
		char		c = (*text)[i];

		if (c < '0' || c > '9')
			return -1;
		n = n * 10 + (c - '0');
	}
	*text += count;
	return n;
}

static bool
take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* YYYY-MM-DD, as days since 2000-01-01 */
static bool
take_date(const char **text, int *days)
{
	int			year,
				month,
				day;

	if ((year = take_digits(text, 4)) < 1 || !take_char(text, '-') ||
		(month = take_digits(text, 2)) < 1 || month > MONTHS_PER_YEAR || !take_char(text, '-') ||
		(day = take_digits(text, 2)) < 1 || day > day_tab[isleap(year)][month - 1])
		return false;
	*days = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/* Digits behind the point, at most six, as microseconds. */
static bool
take_fraction(const char **text, int *microseconds)
{
	int			n = 0;
	int			digits = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++, digits++)
	{
		if (digits == 6)
			return false;
		n = n * 10 + (**text - '0');
	}
	if (digits == 0)
		return false;
	for (; digits < 6; digits++)
		n *= 10;
	*microseconds = n;
	return true;
}

/* HH:MM:SS and perhaps a fraction, as microseconds */
static bool
take_time(const char **text, int64 *time)
{
	int			hour,
				minute,
				second;
	int			fraction = 0;

	if ((hour = take_digits(text, 2)) < 0 || hour >= HOURS_PER_DAY || !take_char(text, ':') ||
		(minute = take_digits(text, 2)) < 0 || minute >= MINS_PER_HOUR || !take_char(text, ':') ||
		(second = take_digits(text, 2)) < 0 || second >= SECS_PER_MINUTE)
		return false;
	if (take_char(text, '.') && !take_fraction(text, &fraction))
		return false;
	*time = ((hour * MINS_PER_HOUR + minute) * SECS_PER_MINUTE + second) * USECS_PER_SEC + fraction;
	return true;
}

/* +HH or -HH, and perhaps :MM, as seconds east of Greenwich */
static bool
take_zone(const char **text, int *seconds)
{
	bool		west = **text == '-';
	int			hour;
	int			minute = 0;

	if ((!west && **text != '+') || ((*text)++, hour = take_digits(text, 2)) < 0 || hour >= 15)
		return false;
	if (take_char(text, ':') &&
		((minute = take_digits(text, 2)) < 0 || minute >= MINS_PER_HOUR))
		return false;
	*seconds = (hour * MINS_PER_HOUR + minute) * SECS_PER_MINUTE;
	if (west)
		*seconds = -*seconds;
	return true;
}

static bool
parse_date(const char *text, Datum *value)
{
	int			days;

	if (!take_date(&text, &days) || *text != '\0')
		return false;
	*value = DateADTGetDatum(days);
	return true;
}

static bool
parse_timestamp(const char *text, Datum *value)
{
	int			days;
	int64		time;

	if (!take_date(&text, &days) || !take_char(&text, ' ') || !take_time(&text, &time) ||
		*text != '\0')
		return false;
	*value = TimestampGetDatum(days * USECS_PER_DAY + time);
	return true;
}

static bool
parse_timestamptz(const char *text, Datum *value)
{
	int			days;
	int64		time;
	int			zone;

	if (!take_date(&text, &days) || !take_char(&text, ' ') || !take_time(&text, &time) ||
		!take_zone(&text, &zone) || *text != '\0')
		return false;
	*value = TimestampTzGetDatum(days * USECS_PER_DAY + time - zone * USECS_PER_SEC);
	return true;
}

/* ---- rows ---- */

static FieldParser
parser_of(Oid type, int32 typmod)
{
	/* a precision of the column is the input function's business */
	if (typmod >= 0)
		return NULL;

	switch (type)
	{
		case INT2OID:
			return parse_int2;
		case INT4OID:
			return parse_int4;
		case INT8OID:
			return parse_int8;
		case BOOLOID:
			return parse_bool;
		case DATEOID:
			return parse_date;
		case TIMESTAMPOID:
			return parse_timestamp;
		case TIMESTAMPTZOID:
			return parse_timestamptz;
		default:
			return NULL;
	}
}

static void
init_field(Field *field, Form_pg_attribute attribute)
{
	Oid			input;

	field->column = attribute->attnum - 1;
	field->typmod = attribute->atttypmod;
	field->parse = parser_of(attribute->atttypid, attribute->atttypmod);
	getTypeInputInfo(attribute->atttypid, &input, &field->parameter);
	fmgr_info(input, &field->input);
}

/* The columns of a COPY command that names none: those that it fills by itself. */
static List *
all_columns(TupleDesc desc)
{
	List	   *numbers = NIL;

	for (int n = 0; n < desc->natts; n++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, n);

		if (!attribute->attisdropped && attribute->attgenerated == '\0')
			numbers = lappend_int(numbers, attribute->attnum);
	}
	return numbers;
}

static List *
named_columns(Relation relation, List *names)
{
	List	   *numbers = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(relation), strVal(lfirst(lc)));

		if (number <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist",
							strVal(lfirst(lc)), RelationGetRelationName(relation))));
		numbers = lappend_int(numbers, number);
	}
	return numbers;
}

PgbImportFields *
pgb_import_fields_create(Relation relation, List *columns)
{
	TupleDesc	desc = RelationGetDescr(relation);
	List	   *numbers = columns == NIL ? all_columns(desc) : named_columns(relation, columns);
	PgbImportFields *fields = palloc0(offsetof(PgbImportFields, fields) +
									  list_length(numbers) * sizeof(Field));
	ListCell   *lc;

	fields->relation = relation;
	foreach(lc, numbers)
		init_field(&fields->fields[fields->count++], TupleDescAttr(desc, lfirst_int(lc) - 1));
	return fields;
}

static void
check_count(const PgbImportFields *fields, int count)
{
	if (count == fields->count)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("a line for table \"%s\" has %d columns, but should have %d",
					RelationGetRelationName(fields->relation), count, fields->count)));
}

void
pgb_import_fields_parse(PgbImportFields *fields, char **texts, int count,
						Datum *values, bool *nulls)
{
	check_count(fields, count);
	memset(nulls, true, RelationGetDescr(fields->relation)->natts * sizeof(bool));

	for (int n = 0; n < count; n++)
	{
		Field	   *field = &fields->fields[n];
		char	   *text = texts[n];
		Datum	   *value = &values[field->column];

		/* an input function that is not strict wants to see a null as well */
		if (text == NULL || field->parse == NULL || !field->parse(text, value))
			*value = InputFunctionCall(&field->input, text, field->parameter, field->typmod);
		nulls[field->column] = text == NULL;
	}
}
