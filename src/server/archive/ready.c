/*-------------------------------------------------------------------------
 *
 * ready.c
 *	  The files that wait for the archiver.
 *
 * src/server/archive/ready.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "server/archive/archive.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#define STATUS_FOLDER	XLOGDIR "/archive_status"
#define READY_SUFFIX	".ready"

/* The order of the archiver: histories first, then by name. */
static int
compare_names(const void *a, const void *b)
{
	const PgbWalName *left = a;
	const PgbWalName *right = b;
	bool		left_history = left->kind == PGB_WAL_HISTORY;
	bool		right_history = right->kind == PGB_WAL_HISTORY;

	if (left_history != right_history)
		return left_history ? -1 : 1;
	return strcmp(left->text, right->text);
}

static bool
parse_ready(const char *entry, PgbWalName *name)
{
	size_t		length = strlen(entry);
	size_t		suffix = strlen(READY_SUFFIX);
	char		text[PGB_WAL_NAME_SIZE];

	if (length <= suffix || length - suffix >= sizeof(text) ||
		strcmp(entry + length - suffix, READY_SUFFIX) != 0)
		return false;
	strlcpy(text, entry, length - suffix + 1);
	return pgb_wal_name_parse(text, wal_segment_size, name);
}

static TimestampTz
ready_at(const PgbWalName *name)
{
	char		path[MAXPGPATH];
	struct stat st;

	snprintf(path, sizeof(path), STATUS_FOLDER "/%s" READY_SUFFIX, name->text);
	return stat(path, &st) == 0 ? time_t_to_timestamptz(st.st_mtime) : 0;
}

PgbWalName *
pgb_archive_ready(int *count, TimestampTz *oldest_at)
{
	int			allocated = 64;
	PgbWalName *names = palloc(allocated * sizeof(PgbWalName));
	DIR		   *dir = AllocateDir(STATUS_FOLDER);
	struct dirent *entry;

	*count = 0;
	while ((entry = ReadDir(dir, STATUS_FOLDER)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (*count == allocated)
		{
			allocated *= 2;
			names = repalloc_huge(names, allocated * sizeof(PgbWalName));
		}
		if (parse_ready(entry->d_name, &names[*count]))
			(*count)++;
	}
	FreeDir(dir);
	qsort(names, *count, sizeof(PgbWalName), compare_names);

	if (oldest_at != NULL)
		*oldest_at = *count > 0 ? ready_at(&names[0]) : 0;
	return names;
}
