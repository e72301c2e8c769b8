/*-------------------------------------------------------------------------
 *
 * spool_helper.c
 *	  Segments that are fetched before recovery asks for them: the side that fetches.
 *
 * Several helpers run at a time, and all do the same: each takes the next segment that
 * nobody has fetched or fetches.
 *
 * src/cli/spool_helper.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/spool.h"

#include <sys/wait.h>
#include <unistd.h>

/* While nothing is to be fetched, the state is looked at so often (in ms). */
#define NAP				5

/* Who asks for nothing so long (in ms) asks for nothing any more. */
#define IDLE_LIMIT		5000

/* So many segments must fit in the file system beside those that are there. */
#define ROOM			4

typedef struct Helper
{
	Spool	   *spool;
	int			number;
	int			ahead;			/* so many segments are fetched before they are asked for */
	PgbWalName	asked;			/* the last that was delivered */
	uint32		segment_size;
	uint64		end;			/* there is none of this number, or it cannot be fetched; 0: unknown */
	int			idle;			/* ms */
} Helper;

/* ---- what recovery does ---- */

/* False when the spool is gone. */
static bool
look_at_state(Helper *helper)
{
	PgbWalName	asked;

	if (!spool_read_state(helper->spool, &asked, &helper->segment_size))
		return false;
	if (strcmp(asked.text, helper->asked.text) != 0)
	{
		helper->asked = asked;
		helper->end = 0;
		helper->idle = 0;
	}
	return true;
}

static bool
is_ahead(const Helper *helper, const char *name)
{
	char		segment[PGB_WAL_NAME_LENGTH + 1];
	PgbWalName	parsed;

	/* a name, or one with .tmp and more after it */
	strlcpy(segment, name, sizeof(segment));
	return pgb_wal_name_parse(segment, helper->segment_size, &parsed) &&
		parsed.timeline == helper->asked.timeline && parsed.number > helper->asked.number &&
		parsed.number <= helper->asked.number + helper->ahead;
}

/* Removes what recovery will not ask for: it has gone on, or to another timeline. */
static void
drop_others(const Helper *helper)
{
	char	  **names = pgb_read_directory(helper->spool->folder);
	size_t		state_length = strlen("state");

	for (; names != NULL && *names != NULL; names++)
	{
		if (strlen(*names) > state_length && !is_ahead(helper, *names))
			(void) unlink(spool_path(helper->spool, *names));
	}
}

/* ---- fetching ---- */

static bool
has_room(const Helper *helper)
{
	uint64		free;
	uint64		total;

	return pgb_disk_room(helper->spool->folder, &free, &total) &&
		free >= (uint64) ROOM * helper->segment_size;
}

/*
 * In a process of its own: memory that a program allocates stays until it exits, and an error is the
 * end of it.
 */
static bool
fetch(const Helper *helper, const PgbWalName *name)
{
	pid_t		pid = fork();
	int			status;

	if (pid == 0)
		_exit(pgb_wal_fetch(helper->spool->repository, name,
							spool_path(helper->spool, name->text)) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool
is_spooled(const Helper *helper, const PgbWalName *name)
{
	return access(spool_path(helper->spool, name->text), F_OK) == 0;
}

/* Fetches the next one.  False when there is none to be fetched now. */
static bool
fetch_next(Helper *helper)
{
	for (int i = 1; i <= helper->ahead; i++)
	{
		uint64		number = helper->asked.number + i;
		PgbWalName	name;
		bool		fetched = true;

		if (number == helper->end)
			return false;
		pgb_wal_segment_name(&name, helper->asked.timeline, number, helper->segment_size);
		if (is_spooled(helper, &name) ||
			!spool_lock(helper->spool, spool_segment_place(number)))
			continue;

		/* another may have just done it */
		if (!is_spooled(helper, &name))
			fetched = has_room(helper) && fetch(helper, &name);
		spool_unlock(helper->spool, spool_segment_place(number));
		if (!fetched)
			helper->end = number;
		return fetched;
	}
	return false;
}

/* ---- the helper ---- */

void
spool_help(Spool *spool, int number, int ahead)
{
	Helper		helper = {0};

	helper.spool = spool;
	helper.number = number;
	helper.ahead = ahead;
	if (!spool_lock(spool, spool_helper_place(number)))
		_exit(0);
	while (look_at_state(&helper) && helper.idle < IDLE_LIMIT)
	{
		if (number == 0 && helper.idle == 0)
			drop_others(&helper);
		if (!fetch_next(&helper))
		{
			pg_usleep(NAP * 1000L);
			helper.idle += NAP;
		}
	}
	_exit(0);
}
