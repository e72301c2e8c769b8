/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  CRC-32C and SHA-256.
 *
 * src/io/digest.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/digest.h"

#include "port/pg_crc32c.h"

/* ---- CRC-32C ---- */

/*
 * A CRC is the remainder of a polynomial over GF(2).  It is kept reflected: the
 * highest bit is the coefficient of x^0.
 */
#define CASTAGNOLI	0x82F63B78	/* x^32 modulo the polynomial */
#define X_TO_THE_0	0x80000000
#define X_TO_THE_8	0x00800000

uint32
pgb_crc32c(const void *data, size_t length)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, length);
	FIN_CRC32C(crc);
	return crc;
}

/* The product of two polynomials, modulo the Castagnoli polynomial. */
static uint32
multiply(uint32 a, uint32 b)
{
	uint32		product = 0;

	for (uint32 coefficient = X_TO_THE_0; coefficient != 0; coefficient >>= 1)
	{
		if (a & coefficient)
			product ^= b;
		b = (b & 1) ? (b >> 1) ^ CASTAGNOLI : b >> 1;	/* times x */
	}
	return product;
}

/*
 * To append B to A is to multiply A by x^(8 * length of B) and to add B; what
 * the CRC does to its first and last 32 bits cancels out.  (The identity behind
 * crc32_combine() of Mark Adler's zlib.)  The power is found by squaring.
 */
uint32
pgb_crc32c_combine(uint32 crc_a, uint32 crc_b, uint64 length_b)
{
	uint32		power = X_TO_THE_0;
	uint32		square = X_TO_THE_8;

	for (; length_b != 0; length_b >>= 1)
	{
		if (length_b & 1)
			power = multiply(power, square);
		square = multiply(square, square);
	}
	return multiply(crc_a, power) ^ crc_b;
}

/*
 * By combining, because how PostgreSQL keeps an unfinished CRC differs between
 * machines.
 */
uint32
pgb_crc32c_extend(uint32 crc, const void *more, size_t length)
{
	return pgb_crc32c_combine(crc, pgb_crc32c(more, length), length);
}

/* ---- SHA-256 ---- */

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
