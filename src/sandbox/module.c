/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The library of a sandbox, and its refusal to be loaded anywhere else.
 *
 * In any other server the filter would lose data without a word.  So it insists on what
 * only a sandbox has: its instructions in the data directory, a recovery that is
 * about to begin, no archiving, no network, and no link to a tablespace.
 *
 * src/sandbox/module.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"
#include "server/compat.h"
#include "storage/fd.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

/* Millions of relations take some 40 MB; what is larger is no such file. */
#define INSTRUCTIONS_LIMIT	((off_t) 1024 * 1024 * 1024)

static PgbInstructions instructions;

void		_PG_init(void);

static void
refuse(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s works in a sandbox of pgbackup only", PGB_SANDBOX_LIBRARY),
			 errdetail("In this server %s.", why),
			 errhint("Remove it from shared_preload_libraries.")));
}

static bool
setting_is(const char *name, const char *value)
{
	const char *setting = GetConfigOption(name, true, false);

	return setting != NULL && strcmp(setting, value) == 0;
}

/* A link would lead replay to the live server's own files. */
static void
check_tablespaces(void)
{
	DIR		   *dir = AllocateDir("pg_tblspc");
	struct dirent *entry;

	while ((entry = ReadDir(dir, "pg_tblspc")) != NULL)
	{
		char		path[MAXPGPATH];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "pg_tblspc/%s", entry->d_name);
		if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
			refuse("a tablespace is not a plain directory");
	}
	FreeDir(dir);
}

static void
check_place(void)
{
	struct stat st;

	if (!process_shared_preload_libraries_in_progress)
		refuse("it was not loaded by shared_preload_libraries");
	if (stat(PGB_SANDBOX_FILE, &st) != 0)
		refuse("the data directory has no file " PGB_SANDBOX_FILE);
	if (stat(RECOVERY_SIGNAL_FILE, &st) != 0)
		refuse("no recovery is about to begin");
	if (stat(STANDBY_SIGNAL_FILE, &st) == 0)
		refuse("there is a file " STANDBY_SIGNAL_FILE);
	if (!setting_is("archive_mode", "off"))
		refuse("archive_mode is on");
	if (!setting_is("listen_addresses", ""))
		refuse("listen_addresses is not empty");
	if (!setting_is("allow_in_place_tablespaces", "on"))
		refuse("allow_in_place_tablespaces is off");
	check_tablespaces();
}

static char *
read_file(void)
{
	FILE	   *file = AllocateFile(PGB_SANDBOX_FILE, PG_BINARY_R);
	struct stat st;
	char	   *text;

	if (file == NULL || fstat(fileno(file), &st) != 0 || st.st_size > INSTRUCTIONS_LIMIT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", PGB_SANDBOX_FILE)));
	text = MemoryContextAllocHuge(TopMemoryContext, st.st_size + 1);
	if (fread(text, 1, st.st_size, file) != (size_t) st.st_size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", PGB_SANDBOX_FILE)));
	text[st.st_size] = '\0';
	FreeFile(file);
	return text;
}

static void
read_instructions(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	char	   *text = read_file();
	const char *error = pgb_instructions_parse(text, &instructions);

	if (error != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" is damaged", PGB_SANDBOX_FILE),
				 errdetail("The reason is that %s.", error)));
	pfree(text);
	MemoryContextSwitchTo(old);
}

void
_PG_init(void)
{
	check_place();
	read_instructions();
	pgb_filter_install(&instructions);
}
