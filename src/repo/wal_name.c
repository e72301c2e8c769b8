/*-------------------------------------------------------------------------
 *
 * wal_name.c
 *	  The names of files that PostgreSQL archives: nothing else is ever made a path.
 *
 * src/repo/wal_name.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#define TIMELINE_DIGITS		8
#define OFFSET_DIGITS		8
#define PARTIAL_SUFFIX		".partial"
#define HISTORY_SUFFIX		".history"
#define BACKUP_SUFFIX		".backup"

/* PostgreSQL counts segments in units of 4 GB: the middle and the last part of a name. */
#define UNIT_SIZE			UINT64CONST(0x100000000)

/* Exactly so many digits as PostgreSQL writes them, in upper case. */
static bool
read_hex(const char **text, int digits, uint32 *value)
{
	*value = 0;
	for (int i = 0; i < digits; i++)
	{
		char		c = (*text)[i];

		if (c >= '0' && c <= '9')
			*value = *value * 16 + (c - '0');
		else if (c >= 'A' && c <= 'F')
			*value = *value * 16 + (c - 'A' + 10);
		else
			return false;
	}
	*text += digits;
	return true;
}

static bool
is_segment_size(uint32 size)
{
	return size >= 1024 * 1024 && size <= 1024 * 1024 * 1024 && (size & (size - 1)) == 0;
}

/* What follows the name of a segment. */
static bool
read_rest(const char *rest, PgbWalKind *kind)
{
	uint32		offset;

	if (*rest == '\0')
		*kind = PGB_WAL_SEGMENT;
	else if (strcmp(rest, PARTIAL_SUFFIX) == 0)
		*kind = PGB_WAL_PARTIAL;
	else
	{
		*kind = PGB_WAL_BACKUP_LABEL;
		if (*rest++ != '.' || !read_hex(&rest, OFFSET_DIGITS, &offset))
			return false;
		return strcmp(rest, BACKUP_SUFFIX) == 0;
	}
	return true;
}

bool
pgb_wal_name_parse(const char *text, uint32 segment_size, PgbWalName *name)
{
	const char *rest = text;
	uint32		unit;
	uint32		part;

	memset(name, 0, sizeof(PgbWalName));
	if (strlen(text) >= PGB_WAL_NAME_SIZE ||
		!read_hex(&rest, TIMELINE_DIGITS, &name->timeline) || name->timeline == 0)
		return false;
	strlcpy(name->text, text, sizeof(name->text));

	if (strcmp(rest, HISTORY_SUFFIX) == 0)
	{
		name->kind = PGB_WAL_HISTORY;
		return true;
	}

	if (!read_hex(&rest, 8, &unit) || !read_hex(&rest, 8, &part) ||
		!read_rest(rest, &name->kind))
		return false;
	if (segment_size == 0)
		return true;
	if (!is_segment_size(segment_size) || part >= UNIT_SIZE / segment_size)
		return false;
	name->number = unit * (UNIT_SIZE / segment_size) + part;
	return true;
}

void
pgb_wal_segment_name(PgbWalName *name, uint32 timeline, uint64 number, uint32 segment_size)
{
	uint64		units = UNIT_SIZE / segment_size;

	memset(name, 0, sizeof(PgbWalName));
	name->kind = PGB_WAL_SEGMENT;
	name->timeline = timeline;
	name->number = number;
	snprintf(name->text, sizeof(name->text), "%08X%08X%08X", timeline,
			 (uint32) (number / units), (uint32) (number % units));
}

bool
pgb_wal_is_segment(const PgbWalName *name)
{
	return name->kind == PGB_WAL_SEGMENT || name->kind == PGB_WAL_PARTIAL;
}

char *
pgb_wal_object_name(const PgbRepository *repository, const PgbWalName *name)
{
	return psprintf("%s/%s%s",
					pgb_wal_timeline_folder(repository->system_identifier, name->timeline),
					name->text, PGB_COMPRESSED_SUFFIX);
}

char *
pgb_wal_plain_name(const PgbRepository *repository, const PgbWalName *name)
{
	return psprintf("%s/%s",
					pgb_wal_timeline_folder(repository->system_identifier, name->timeline), name->text);
}
