/*-------------------------------------------------------------------------
 *
 * encoding.c
 *	  Text of this database, and text that is read outside of it.
 *
 * src/server/encoding.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "server/encoding.h"

#define NO_EQUIVALENT	'?'

/* Converts one character that is not ASCII; false if it has no equivalent. */
static bool
append_converted(StringInfo out, Oid conversion, int from, int to,
				 const char *character, int length)
{
	unsigned char buffer[MAX_CONVERSION_GROWTH * MAX_MULTIBYTE_CHAR_LEN + 1];

	if (pg_do_encoding_conversion_buf(conversion, from, to,
									  (unsigned char *) unconstify(char *, character), length,
									  buffer, sizeof(buffer), true) != length)
		return false;
	appendStringInfoString(out, (char *) buffer);
	return true;
}

static char *
convert(const char *text, int from, int to)
{
	StringInfoData out;
	Oid			conversion = InvalidOid;
	int			remaining;

	if (text == NULL)
		return NULL;

	/* nobody knows what it is: it passes if it could be UTF-8 */
	if (from == PG_SQL_ASCII)
		from = PG_UTF8;
	if (to == PG_SQL_ASCII)
		to = PG_UTF8;
	if (from != to)
		conversion = FindDefaultConversionProc(from, to);

	initStringInfo(&out);
	for (remaining = (int) strlen(text); remaining > 0;)
	{
		int			length = pg_encoding_verifymbchar(from, text, remaining);
		bool		is_valid = length > 0;

		if (!is_valid)
			length = 1;
		if (is_valid && (from == to || !IS_HIGHBIT_SET(*text)))
			appendBinaryStringInfo(&out, text, length);
		else if (!is_valid || !OidIsValid(conversion) ||
				 !append_converted(&out, conversion, from, to, text, length))
			appendStringInfoChar(&out, NO_EQUIVALENT);
		text += length;
		remaining -= length;
	}
	return out.data;
}

char *
pgb_to_utf8(const char *text)
{
	return convert(text, GetDatabaseEncoding(), PG_UTF8);
}

char *
pgb_from_utf8(const char *utf8)
{
	return convert(utf8, PG_UTF8, GetDatabaseEncoding());
}

char *
pgb_valid_text(const char *bytes)
{
	char	   *text = pstrdup(bytes);
	int			length = strlen(text);
	int			valid = 0;

	while ((valid += pg_encoding_verifymbstr(GetDatabaseEncoding(), text + valid,
											 length - valid)) < length)
		text[valid++] = NO_EQUIVALENT;
	return text;
}
