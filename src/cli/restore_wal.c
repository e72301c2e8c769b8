/*-------------------------------------------------------------------------
 *
 * restore_wal.c
 *	  The WAL that was written while the backup was made.
 *
 * With it the restored directory is complete in itself, and pg_verifybackup can check
 * it.  All that follows is fetched by restore_command.
 *
 * src/cli/restore_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/restore.h"

#include <sys/stat.h>

#include "repo/datadir_file.h"

#define PRIVATE_FILE	(S_IRUSR | S_IWUSR)

static uint64
first_number(const Restore *restore)
{
	return restore->backup->start_lsn / restore->backup->base->segment_size;
}

int
restore_wal_count(const Restore *restore)
{
	const PgbManifest *backup = restore->backup;

	/* The end is that of the last record: at the beginning of a segment, it is not of it. */
	return (int) ((backup->stop_lsn - 1) / backup->base->segment_size - first_number(restore) + 1);
}

/* The archiver must not take it for a file that is still to be archived. */
static void
mark_archived(const Restore *restore, const char *name)
{
	char	   *path = psprintf("%s/pg_wal/archive_status/%s.done", restore->options.directory, name);

	pgb_target_write(path, PRIVATE_FILE, "", 0, true);
}

typedef struct Fetch
{
	const Restore *restore;
	PgbCounter *next;
} Fetch;

static void
fetch(void *arg)
{
	const Fetch *f = arg;
	const Restore *restore = f->restore;
	int			count = restore_wal_count(restore);
	uint64		i;

	while ((i = pgb_counter_add(f->next, 1)) < count)
	{
		PgbWalName	name;

		cli_team_check();
		pgb_wal_segment_name(&name, restore->backup->timeline, first_number(restore) + i,
							 restore->backup->base->segment_size);
		if (!pgb_wal_fetch(restore->repository, &name,
						   psprintf("%s/pg_wal/%s", restore->options.directory, name.text)))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("WAL segment \"%s\", which backup \"%s\" needs, is not in the archive",
							name.text, restore->backup->id),
					 errhint(PGB_HINT_DAMAGED)));
		mark_archived(restore, name.text);
	}
}

static void
write_history(const Restore *restore)
{
	const char *history = restore->backup->base->history;
	char	   *name = psprintf("%08X.history", restore->backup->timeline);

	if (history == NULL)
		return;
	pgb_target_write(psprintf("%s/pg_wal/%s", restore->options.directory, name), PRIVATE_FILE,
					 history, strlen(history), true);
	mark_archived(restore, name);
}

bool
restore_fetch_wal(const Restore *restore)
{
	Fetch		f = {restore, cli_shared_memory(sizeof(PgbCounter))};
	CliTeam		team = {Min(restore->options.jobs, restore_wal_count(restore)), fetch, NULL, &f};

	write_history(restore);
	return cli_team_run(&team);
}
