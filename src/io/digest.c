/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  SHA-256.
 *
 * src/io/digest.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/digest.h"

char *
pgb_sha256_hex(const void *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	uint8		digest[PGB_SHA256_LENGTH];
	char	   *hex = palloc(PGB_SHA256_HEX_LENGTH + 1);

	pgb_sha256(data, length, digest);
	for (int i = 0; i < PGB_SHA256_LENGTH; i++)
	{
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[PGB_SHA256_HEX_LENGTH] = '\0';
	return hex;
}
