/*-------------------------------------------------------------------------
 *
 * target.c
 *	  The directory into which a backup is extracted.
 *
 * src/cli/target.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/target.h"

#include <sys/stat.h>
#include <unistd.h>

#include "repo/layout.h"

static void
make_directory(const char *path)
{
	int			error;

	if (mkdir(path, S_IRWXU) == 0)
		return;
	error = errno;
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not create directory \"%s\": %m", path),
			 error == ENOENT ? errhint("Make the directory above it first.") : 0));
}

/* Only a directory that is complete has the table of contents. */
static void
check_empty(PgbStore *store)
{
	char	  **names = store->ops->list(store, "");
	PgbStat		stat;

	/* The top of a file system has that. */
	if (*names != NULL && strcmp(*names, "lost+found") == 0)
		names++;
	if (*names == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("directory \"%s\" is not empty", store->location),
			 errdetail("It contains \"%s\".", *names),
			 store->ops->stat(store, PGB_TOC_NAME, &stat) ?
			 errhint("Name an empty directory, or one that does not exist yet.") :
			 errhint("Name an empty directory, or one that does not exist yet. If this is what an extract that was killed has left, remove it.")));
}

CliTarget *
cli_target_open(const char *path)
{
	CliTarget  *target = palloc0(sizeof(CliTarget));
	struct stat st;

	if (stat(path, &st) != 0)
	{
		make_directory(path);
		target->is_ours = true;
	}
	else if (!S_ISDIR(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a directory", path)));
	target->store = pgb_store_open(path, true);
	check_empty(target->store);
	return target;
}

void
cli_target_discard(CliTarget *target)
{
	PgbStore   *store = target->store;

	/* First what would make it look complete. */
	store->ops->discard(store, PGB_TOC_NAME);
	for (char **name = store->ops->list(store, ""); *name != NULL; name++)
	{
		if (strcmp(*name, "lost+found") != 0)
			store->ops->discard(store, *name);
	}
	if (target->is_ours && rmdir(store->location) != 0)
		ereport(WARNING,
				(errcode_for_file_access(),
				 errmsg("could not remove directory \"%s\": %m", store->location)));
}
