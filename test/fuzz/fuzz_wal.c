/*-------------------------------------------------------------------------
 *
 * fuzz_wal.c
 *	  The archive's segments.
 *
 * test/fuzz/fuzz_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "io/digest.h"
#include "repo/wal_object.h"

/* The segment that the seeds are of. */
#define SEGMENT		"00000001000000000000000B"
#define MEGABYTE	(1024 * 1024)

/* Bytes behind the JSON of a trailer: its length, its CRC, a name. */
#define CRC_FROM_END	12

static PgbWalName
segment_name(void)
{
	PgbWalName	name;

	fuzz_check(pgb_wal_name_parse(SEGMENT, MEGABYTE, &name));
	return name;
}

void
fuzz_wal_header(const char *data, size_t length)
{
	char		header[PGB_WAL_HEADER_SIZE] = {0};
	PgbWalName	name = segment_name();
	uint32		size;
	bool		foreign;
	char	   *problem;

	memcpy(header, data, Min(length, sizeof(header)));
	problem = pgb_wal_header_error(header, &name, FUZZ_CLUSTER, &size, &foreign);
	fuzz_check(problem != NULL || (size >= MEGABYTE && !foreign));
}

/* A CRC that is right, if there is a trailer. */
static char *
sealed_object(const char *data, size_t length)
{
	char	   *copy = palloc(length + 1);
	const uint8 *end;
	uint32		json_length;
	uint32		crc;

	memcpy(copy, data, length);
	if (length < PGB_WAL_TRAILER_END)
		return copy;
	end = (const uint8 *) copy + length - PGB_WAL_TRAILER_END;
	json_length = end[0] | end[1] << 8 | end[2] << 16 | (uint32) end[3] << 24;
	if (json_length > length - PGB_WAL_TRAILER_END)
		return copy;
	crc = pgb_crc32c(copy + length - PGB_WAL_TRAILER_END - json_length, json_length);
	for (int i = 0; i < 4; i++)
		copy[length - CRC_FROM_END + i] = (char) (crc >> (8 * i));
	return copy;
}

void
fuzz_wal_object(const char *data, size_t length)
{
	PgbRepository *repository = fuzz_repository();
	PgbWalName	name = segment_name();
	PgbWalFacts *facts;

	fuzz_add_object(repository, pgb_wal_object_name(repository, &name),
					sealed_object(data, length), length);
	facts = pgb_wal_facts(repository, &name);
	fuzz_check(facts->timeline == 1 && facts->segment_size > 0);
	for (int i = 0; i < facts->npoints; i++)
		fuzz_check(strnlen(facts->points[i].name, sizeof(facts->points[i].name)) < sizeof(facts->points[i].name));
	pgb_wal_verify(repository, &name, true);
}
