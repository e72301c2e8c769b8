/*-------------------------------------------------------------------------
 *
 * file_name.c
 *	  What the name of a file in the data directory tells.
 *
 * src/server/physical/file_name.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "common/file_utils.h"
#include "common/relpath.h"
#include "postmaster/syslogger.h"
#include "server/physical/file_name.h"
#include "storage/fd.h"
#include "utils/guc.h"

const char *
pgb_scan_number(const char *text, uint32 *number)
{
	uint64		value = 0;
	const char *digit = text;

	while (*digit >= '0' && *digit <= '9' && digit - text < OIDCHARS)
		value = value * 10 + (uint64) (*digit++ - '0');
	if (digit == text || value == 0 || value > PG_UINT32_MAX)
		return NULL;
	*number = (uint32) value;
	return digit;
}

static const char *
scan_fork(const char *text, const char **fork)
{
	static const char *const forks[] = {"_fsm", "_vm", "_init"};

	*fork = "";
	for (int i = 0; i < lengthof(forks); i++)
	{
		if (strncmp(text, forks[i], strlen(forks[i])) == 0)
		{
			*fork = forks[i];
			return text + strlen(forks[i]);
		}
	}
	return text;
}

bool
pgb_relation_file(const char *name, PgbRelationFile *relation)
{
	uint32		number;
	const char *rest = pgb_scan_number(name, &number);
	const char *fork;

	memset(relation, 0, sizeof(*relation));
	if (rest == NULL)
		return false;
	rest = scan_fork(rest, &fork);
	if (*rest == '.')
	{
		rest = pgb_scan_number(rest + 1, &relation->segment);
		if (rest == NULL)
			return false;
	}
	if (*rest != '\0')
		return false;
	relation->is_relation = true;
	relation->number = number;
	relation->is_init = strcmp(fork, "_init") == 0;
	return true;
}

bool
pgb_is_temporary_relation(const char *name)
{
	const char *rest;
	PgbRelationFile relation;

	if (name[0] != 't')
		return false;

	/* the number of a backend may be 0 */
	rest = name + 1 + strspn(name + 1, "0123456789");
	return rest > name + 1 && *rest == '_' && pgb_relation_file(rest + 1, &relation);
}

bool
pgb_is_left_out(const char *name)
{
	static const struct
	{
		const char *name;
		bool		is_prefix;
	}			names[] =
	{
		{PG_TEMP_FILE_PREFIX, true},
		{PG_AUTOCONF_FILENAME ".tmp", false},
		{LOG_METAINFO_DATAFILE_TMP, false},
		{"pg_internal.init", true},
		{"backup_label", false},
		{"tablespace_map", false},
		{"backup_manifest", false},
		{"postmaster.pid", false},
		{"postmaster.opts", false},
		{".DS_Store", false},
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (names[i].is_prefix ?
			strncmp(name, names[i].name, strlen(names[i].name)) == 0 :
			strcmp(name, names[i].name) == 0)
			return true;
	}
	return false;
}

bool
pgb_is_emptied(const char *name)
{
	static const char *const names[] = {
		"pg_stat_tmp", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots",
		"pg_subtrans",
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}
