/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Values as a manifest has them: times, LSNs, checksums, bytes.
 *
 * src/repo/text.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/manifest.h"

#include <time.h>

#include "datatype/timestamp.h"

#define POSTGRES_EPOCH	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)

pg_noreturn static void malformed(const char *text, const char *kind, const char *what);

static void
malformed(const char *text, const char *kind, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read \"%s\"", what),
			 errdetail("\"%s\" is not a %s.", text, kind)));
}

/* ---- times: ISO 8601, in UTC, with microseconds ---- */

char *
pgb_time_to_text(int64 moment)
{
	int64		micros = moment % USECS_PER_SEC;
	time_t		seconds;
	struct tm	tm;
	char		text[64];

	if (micros < 0)
		micros += USECS_PER_SEC;
	seconds = (moment - micros) / USECS_PER_SEC + POSTGRES_EPOCH;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return psprintf("%s.%06dZ", text, (int) micros);
}

int64
pgb_time_from_text(const char *text, const char *what)
{
	struct tm	tm = {0};
	int			micros = 0;
	int			length = 0;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n",
			   &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
			   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micros, &length) == 7 &&
		tm.tm_year >= 1900 && tm.tm_year <= 9999 && length == strlen(text))
	{
		int64		moment;

		tm.tm_year -= 1900;
		tm.tm_mon -= 1;
		moment = ((int64) timegm(&tm) - POSTGRES_EPOCH) * USECS_PER_SEC + micros;

		/* What is written otherwise, or is no date, does not come back. */
		if (strcmp(pgb_time_to_text(moment), text) == 0)
			return moment;
	}

	malformed(text, "time", what);
}

/* ---- LSNs and checksums: hexadecimal ---- */

/* Up to 8 hexadecimal digits; returns what follows them, or NULL. */
static const char *
read_hex(const char *text, uint32 *value)
{
	const char *digit = text;

	*value = 0;
	while (isxdigit((unsigned char) *digit) && digit - text < 8)
	{
		char		c = pg_tolower((unsigned char) *digit++);

		*value = *value << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return digit > text ? digit : NULL;
}

char *
pgb_lsn_to_text(uint64 lsn)
{
	return psprintf("%X/%X", (uint32) (lsn >> 32), (uint32) lsn);
}

uint64
pgb_lsn_from_text(const char *text, const char *what)
{
	uint32		high;
	uint32		low;
	const char *end = read_hex(text, &high);

	if (end == NULL || *end != '/' ||
		(end = read_hex(end + 1, &low)) == NULL || *end != '\0')
		malformed(text, "LSN", what);
	return (uint64) high << 32 | low;
}

char *
pgb_crc_to_text(uint32 crc)
{
	return psprintf("%08x", crc);
}

uint32
pgb_crc_from_text(const char *text, const char *what)
{
	uint32		crc;
	const char *end = read_hex(text, &crc);

	if (end != text + 8 || *end != '\0')
		malformed(text, "CRC-32C", what);
	return crc;
}

/* ---- bytes ---- */

static bool
stands_for_itself(unsigned char byte)
{
	return byte == '\t' || byte == '\n' || (byte >= ' ' && byte < 0x7F && byte != '%');
}

char *
pgb_bytes_to_text(const char *bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	char	   *text = palloc(3 * strlen(bytes) + 1);
	char	   *end = text;

	for (const unsigned char *byte = (const unsigned char *) bytes; *byte != '\0'; byte++)
	{
		if (stands_for_itself(*byte))
			*end++ = (char) *byte;
		else
		{
			*end++ = '%';
			*end++ = digits[*byte >> 4];
			*end++ = digits[*byte & 15];
		}
	}
	*end = '\0';
	return text;
}

/* -1 for what is no digit as we write it */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *
pgb_bytes_from_text(const char *text, const char *what)
{
	char	   *bytes = palloc(strlen(text) + 1);
	char	   *end = bytes;

	for (const char *c = text; *c != '\0'; c++)
	{
		unsigned char byte = (unsigned char) *c;

		if (byte == '%')
		{
			int			high = hex_digit(c[1]);
			int			low = high < 0 ? -1 : hex_digit(c[2]);

			byte = low < 0 ? '\0' : (unsigned char) (high << 4 | low);
			if (byte == '\0' || stands_for_itself(byte))
				malformed(text, "name", what);
			c += 2;
		}
		else if (!stands_for_itself(byte))
			malformed(text, "name", what);
		*end++ = (char) byte;
	}
	*end = '\0';
	return bytes;
}
