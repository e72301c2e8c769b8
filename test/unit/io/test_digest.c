/*-------------------------------------------------------------------------
 *
 * test_digest.c
 *	  Checksums.
 *
 * test/unit/io/test_digest.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "io/digest.h"

#define SIZE	100000

static void
test_known(void)
{
	/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs */
	static const char zeros[32] = {0};

	is_uint(pgb_crc32c("", 0), 0, "CRC-32C of nothing");
	is_uint(pgb_crc32c("123456789", 9), 0xE3069283, "CRC-32C of 123456789");
	is_uint(pgb_crc32c(zeros, 32), 0x8A9136AA, "CRC-32C of 32 zeros");

	/* FIPS 180-2, appendix B */
	is_str(pgb_sha256_hex("abc", 3),
		   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc");
	is_str(pgb_sha256_hex("", 0),
		   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "SHA-256 of nothing");
}

/* By the definition: bit by bit. */
static uint32
crc_by_bits(const unsigned char *data, size_t length)
{
	uint32		crc = 0xFFFFFFFF;

	for (size_t i = 0; i < length; i++)
	{
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 1) ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
	}
	return ~crc;
}

/* Lengths around those at which another way of computing is taken, and odd addresses. */
static void
test_lengths(void)
{
	unsigned char *data = palloc(SIZE);
	int			wrong = 0;

	for (int i = 0; i < SIZE; i++)
		data[i] = (unsigned char) tap_random();
	for (int i = 0; i < 300; i++)
	{
		size_t		offset = tap_random() % 9;
		size_t		length = i < 200 ? (i / 9) * 4096 + i % 9 : tap_random() % (SIZE - offset);

		length = Min(length, SIZE - offset);
		if (pgb_crc32c(data + offset, length) != crc_by_bits(data + offset, length))
			wrong++;
	}
	is_uint(wrong, 0, "300 CRCs are those of the definition");
}

static void
test_combine(void)
{
	unsigned char *data = palloc(SIZE);
	uint32		whole;
	int			wrong = 0;

	for (int i = 0; i < SIZE; i++)
		data[i] = (unsigned char) tap_random();
	whole = pgb_crc32c(data, SIZE);

	for (int i = 0; i < 2000; i++)
	{
		size_t		split = i == 0 ? 0 : i == 1 ? SIZE : tap_random() % (SIZE + 1);
		uint32		left = pgb_crc32c(data, split);
		uint32		right = pgb_crc32c(data + split, SIZE - split);

		if (pgb_crc32c_combine(left, right, SIZE - split) != whole ||
			pgb_crc32c_extend(left, data + split, SIZE - split) != whole)
			wrong++;
	}
	is_uint(wrong, 0, "2000 splits combine to the whole");
}

/* A length that no buffer has: 5 GB of zeros, against the same by halves. */
static void
test_long(void)
{
	static const char zeros[1024] = {0};
	uint32		crc = pgb_crc32c(zeros, 1024);
	uint64		length = 1024;
	uint32		direct = 0;

	while (length < UINT64CONST(4) * 1024 * 1024 * 1024)
	{
		crc = pgb_crc32c_combine(crc, crc, length);
		length *= 2;
	}
	for (int i = 0; i < 1024; i++)
	{
		uint32		mega = pgb_crc32c(zeros, 1024);

		for (uint64 have = 1024; have < 4 * 1024 * 1024; have *= 2)
			mega = pgb_crc32c_combine(mega, mega, have);
		direct = pgb_crc32c_combine(direct, mega, 4 * 1024 * 1024);
	}
	is_uint(crc, direct, "4 GB by halves are 4 GB by 4 MB");
}

int
main(void)
{
	test_known();
	test_lengths();
	test_combine();
	test_long();
	return done_testing();
}
