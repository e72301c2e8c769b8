/*-------------------------------------------------------------------------
 *
 * crc32c.c
 *	  CRC-32C: of bytes, and of what was summed in parts.
 *
 * src/io/crc32c.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/digest.h"

#include "port/pg_crc32c.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_CRC_STREAMS
#include <nmmintrin.h>
#endif

/*
 * A CRC is the remainder of a polynomial over GF(2).  It is kept reflected: the
 * highest bit is the coefficient of x^0.
 */
#define CASTAGNOLI	0x82F63B78	/* x^32 modulo the polynomial */
#define X_TO_THE_0	0x80000000
#define X_TO_THE_8	0x00800000

/* ---- combining ---- */

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

/* x^(8 * length), by squaring: the factor that so many more bytes are. */
static uint32
factor(uint64 length)
{
	uint32		power = X_TO_THE_0;
	uint32		square = X_TO_THE_8;

	for (; length != 0; length >>= 1)
	{
		if (length & 1)
			power = multiply(power, square);
		square = multiply(square, square);
	}
	return power;
}

/*
 * To append B to A is to multiply A by its factor and to add B; what the CRC does to its
 * first and last 32 bits cancels out.  (The identity behind crc32_combine() of Mark Adler's
 * zlib.)
 */
uint32
pgb_crc32c_combine(uint32 crc_a, uint32 crc_b, uint64 length_b)
{
	return multiply(crc_a, factor(length_b)) ^ crc_b;
}

/* ---- by one stream ---- */

static uint32
sum_once(const void *data, size_t length)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, length);
	FIN_CRC32C(crc);
	return crc;
}

/* ---- by three streams ---- */

#ifdef HAVE_CRC_STREAMS

/*
 * The processor's instruction takes three cycles until its result can be used, but begins another one
 * in each.  So three parts are summed at a time, and combined.
 */
#define STREAM_BYTES	4096
#define BLOCK_BYTES		(3 * STREAM_BYTES)

static bool
has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

static inline uint64
word_at(const char *data)
{
	uint64		word;

	memcpy(&word, data, sizeof(word));
	return word;
}

/* The states are those of a CRC that is not finished: inverted. */
__attribute__((target("sse4.2")))
static uint32
sum_block(uint32 state, const char *data, uint32 stream_factor)
{
	uint64		a = state;
	uint64		b = 0xFFFFFFFF;
	uint64		c = 0xFFFFFFFF;
	uint32		crc;

	for (size_t i = 0; i < STREAM_BYTES; i += sizeof(uint64))
	{
		a = _mm_crc32_u64(a, word_at(data + i));
		b = _mm_crc32_u64(b, word_at(data + STREAM_BYTES + i));
		c = _mm_crc32_u64(c, word_at(data + 2 * STREAM_BYTES + i));
	}
	crc = multiply(~(uint32) a, stream_factor) ^ ~(uint32) b;
	return ~(multiply(crc, stream_factor) ^ ~(uint32) c);
}

/* Goes on with a whole number of blocks. */
static uint32
sum_blocks(uint32 crc, const char *data, size_t length)
{
	static uint32 stream_factor = 0;
	uint32		state = ~crc;

	if (stream_factor == 0)
		stream_factor = factor(STREAM_BYTES);
	for (; length > 0; data += BLOCK_BYTES, length -= BLOCK_BYTES)
		state = sum_block(state, data, stream_factor);
	return ~state;
}

uint32
pgb_crc32c_extend(uint32 crc, const void *more, size_t length)
{
	size_t		blocks = has_instruction() ? length - length % BLOCK_BYTES : 0;
	size_t		rest = length - blocks;

	if (blocks > 0)
		crc = sum_blocks(crc, more, blocks);
	return rest == 0 ? crc : pgb_crc32c_combine(crc, sum_once((const char *) more + blocks, rest), rest);
}

uint32
pgb_crc32c(const void *data, size_t length)
{
	return length < BLOCK_BYTES ? sum_once(data, length) : pgb_crc32c_extend(0, data, length);
}

#else

/* How PostgreSQL keeps a CRC that is not finished differs between machines, so it is combined. */
uint32
pgb_crc32c_extend(uint32 crc, const void *more, size_t length)
{
	return pgb_crc32c_combine(crc, sum_once(more, length), length);
}

uint32
pgb_crc32c(const void *data, size_t length)
{
	return sum_once(data, length);
}

#endif							/* HAVE_CRC_STREAMS */
