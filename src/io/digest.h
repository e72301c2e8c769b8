/*-------------------------------------------------------------------------
 *
 * digest.h
 *	  Checksums of what is stored: CRC-32C and SHA-256.
 *
 * src/io/digest.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DIGEST_H
#define PGB_DIGEST_H

/* The finished CRC-32C (Castagnoli) of some bytes; that of none is 0. */
extern uint32 pgb_crc32c(const void *data, size_t length);

/* The CRC-32C of the bytes of crc followed by those of more. */
extern uint32 pgb_crc32c_extend(uint32 crc, const void *more, size_t length);

/*
 * The CRC-32C of A followed by B, from crc(A), crc(B) and the length of B.
 * It lets frames that were written in any order give the checksum of the file.
 */
extern uint32 pgb_crc32c_combine(uint32 crc_a, uint32 crc_b, uint64 length_b);

#define PGB_SHA256_HEX_LENGTH	64

/* SHA-256 in lower-case hexadecimal, palloc'd. */
extern char *pgb_sha256_hex(const void *data, size_t length);

#endif							/* PGB_DIGEST_H */
