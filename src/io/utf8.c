/*-------------------------------------------------------------------------
 *
 * utf8.c
 *	  Text that may not be what it should be.
 *
 * src/io/utf8.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/utf8.h"

#include "mb/pg_wchar.h"

int
pgb_utf8_length(const char *text)
{
	int			length = pg_encoding_mblen(PG_UTF8, text);

	return strnlen(text, length) == length &&
		pg_utf8_islegal((const unsigned char *) text, length) ? length : 0;
}
