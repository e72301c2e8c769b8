/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  Where things are in a repository.
 *
 * src/repo/layout.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/layout.h"

#include <time.h>

#include "datatype/timestamp.h"

/* ---- ids ---- */

#define ID_FORM		"dddddddd-ddddddk"	/* d: a digit, k: a kind */

const char *
pgb_kind_name(PgbKind kind)
{
	switch (kind)
	{
		case PGB_LOGICAL:
			return "logical";
		case PGB_FULL:
			return "full";
		case PGB_INCREMENTAL:
			return "incremental";
		case PGB_ANY_KIND:
			break;
	}
	return "unknown";
}

PgbKind
pgb_id_kind(const char id[PGB_ID_SIZE])
{
	return (PgbKind) id[PGB_ID_SIZE - 2];
}

void
pgb_id_make(char id[PGB_ID_SIZE], int64 now, PgbKind kind)
{
	time_t		seconds = now / USECS_PER_SEC +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
	struct tm	tm;

	gmtime_r(&seconds, &tm);
	strftime(id, PGB_ID_SIZE, "%Y%m%d-%H%M%S", &tm);
	id[PGB_ID_SIZE - 2] = (char) kind;
	id[PGB_ID_SIZE - 1] = '\0';
}

int64
pgb_id_moment(const char *id)
{
	struct tm	tm = {0};

	/* its form has been checked; what is no date is some moment all the same */
	sscanf(id, "%4d%2d%2d-%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return ((int64) timegm(&tm) - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY) *
		USECS_PER_SEC;
}

static bool
fits(char c, char form)
{
	switch (form)
	{
		case 'd':
			return c >= '0' && c <= '9';
		case 'k':
			return c == PGB_LOGICAL || c == PGB_FULL || c == PGB_INCREMENTAL;
		default:
			return c == form;
	}
}

bool
pgb_id_is_valid(const char *id)
{
	if (strlen(id) != PGB_ID_SIZE - 1)
		return false;
	for (int i = 0; i < PGB_ID_SIZE - 1; i++)
	{
		if (!fits(id[i], ID_FORM[i]))
			return false;
	}
	return true;
}

/* ---- names ---- */

/*
 * The files of a backup lie flat in its folder, beside its lock and manifest.
 * Names that begin with a dot are nobody's.
 */
bool
pgb_file_name_is_valid(const char *name)
{
	if (name[0] == '\0' || name[0] == '.' || strlen(name) > 255)
		return false;
	for (const char *c = name; *c != '\0'; c++)
	{
		if (*c == '/' || (unsigned char) *c < ' ')
			return false;
	}
	return strcmp(name, PGB_MANIFEST_NAME) != 0 && strcmp(name, PGB_BACKUP_LOCK_NAME) != 0 &&
		strcmp(name, PGB_PIN_NAME) != 0 && strcmp(name, PGB_PROOF_NAME) != 0;
}

bool
pgb_cluster_from_folder(const char *folder, uint64 *system_identifier)
{
	uint64		value = 0;

	/* Without a leading zero, so that each cluster has one name. */
	if (folder[0] < '1' || folder[0] > '9')
		return false;
	for (const char *digit = folder; *digit != '\0'; digit++)
	{
		if (*digit < '0' || *digit > '9' || value > (PG_UINT64_MAX - (*digit - '0')) / 10)
			return false;
		value = value * 10 + (*digit - '0');
	}
	*system_identifier = value;
	return true;
}

char *
pgb_cluster_folder(uint64 system_identifier)
{
	return psprintf(UINT64_FORMAT, system_identifier);
}

char *
pgb_cluster_lock(uint64 system_identifier)
{
	return psprintf(UINT64_FORMAT "/lock", system_identifier);
}

char *
pgb_backups_folder(uint64 system_identifier)
{
	return psprintf(UINT64_FORMAT "/backups", system_identifier);
}

char *
pgb_backup_folder(uint64 system_identifier, const char *id)
{
	Assert(pgb_id_is_valid(id));
	return psprintf(UINT64_FORMAT "/backups/%s", system_identifier, id);
}

char *
pgb_backup_object(uint64 system_identifier, const char *id, const char *object)
{
	Assert(pgb_id_is_valid(id));
	return psprintf(UINT64_FORMAT "/backups/%s/%s", system_identifier, id, object);
}

char *
pgb_wal_folder(uint64 system_identifier)
{
	return psprintf(UINT64_FORMAT "/wal", system_identifier);
}

char *
pgb_wal_timeline_folder(uint64 system_identifier, uint32 timeline)
{
	return psprintf(UINT64_FORMAT "/wal/%08X", system_identifier, timeline);
}
