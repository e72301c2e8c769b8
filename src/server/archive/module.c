/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The callbacks of the archive module: one file after the other.
 *
 * src/server/archive/module.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "server/archive/archive.h"
#include "server/compat.h"
#include "server/guc.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

/* How often one who waits for a worker looks by itself. */
#define WORKER_CHECK_MS		1000

/* ---- with workers ---- */

/*
 * Some whose turn it is not yet, while the worker that is at the one whose turn it
 * is goes on.  Returns false if there is none.
 */
static bool
work_ahead(void)
{
	PgbArchiveBatch batch;

	if (!pgb_archive_claim(NULL, &batch))
		return false;
	(void) pgb_archive_try_to_work(&batch);
	return true;
}

/* What is ready, but for the one whose turn it is: that is done, or ours. */
static void
offer_ready(const PgbWalName *turn)
{
	int			count;
	PgbWalName *names = pgb_archive_ready(&count, NULL);
	int			offered = 0;

	for (int i = 0; i < count; i++)
	{
		if (strcmp(names[i].text, turn->text) != 0)
			names[offered++] = names[i];
	}
	pgb_archive_offer(names, offered);
	pfree(names);
}

/* What the others, or we, may take together with the one whose turn it is. */
static void
offer(const PgbWalName *turn, bool is_mine)
{
	if (pgb_archive_in_trouble() || pgb_archive_must_stop())
		return;

	/* before they have nothing more to do, for this may be the last time for a while */
	if ((is_mine || pgb_guc_archive_workers > 0) &&
		pgb_archive_waiting() <= pgb_guc_archive_workers)
		offer_ready(turn);
	pgb_archive_start_workers();
}

/* Returns when the file is durable, whoever has done it. */
static void
archive_shared(const PgbWalName *name)
{
	PgbArchiveTurn turn;
	PgbArchiveBatch batch;

	pgb_archive_set_location(pgb_guc_repository);
	while ((turn = pgb_archive_turn(name)) == PGB_ARCHIVE_BUSY)
	{
		if (work_ahead())
			continue;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 WORKER_CHECK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}

	offer(name, turn == PGB_ARCHIVE_MINE);
	if (turn == PGB_ARCHIVE_MINE && pgb_archive_claim(name, &batch))
		(void) pgb_archive_work(&batch);
}

/* ---- one file ---- */

static void
archive(const char *file)
{
	PgbWalName	name;

	if (!pgb_wal_name_parse(file, wal_segment_size, &name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is not the name of a WAL file", file),
				 errhint("Find out what has made it ready for archiving.")));
	if (pgb_archive_is_shared())
		archive_shared(&name);
	else
		(void) pgb_archive_store(pgb_guc_repository, &name, 1);
}

/* Returns NULL, or the error, which belongs to the current memory context. */
static ErrorData *
try_to_archive(const char *file)
{
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		archive(file);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		AtEOXact_Files(false);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

static bool
archive_file(const char *file, const char *path)
{
	static MemoryContext context = NULL;
	static bool initialized = false;
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *error;
	PgbWalName	name;
	bool		archived;

	if (!initialized)
		pgb_archive_trouble_init();
	initialized = true;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "pgbackup archiving", ALLOCSET_DEFAULT_SIZES);
	memset(&name, 0, sizeof(name));
	strlcpy(name.text, file, sizeof(name.text));

	MemoryContextSwitchTo(context);
	while ((error = try_to_archive(file)) != NULL)
	{
		bool		again = pgb_archive_wait_after(&name, error);

		MemoryContextReset(context);
		if (!again)
			break;
	}
	archived = (error == NULL);
	if (archived)
	{
		pgb_archive_trouble_over();
		(void) pgb_wal_name_parse(file, wal_segment_size, &name);
		if (pgb_archive_is_shared())
			pgb_archive_note_success(&name);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(context);

	/*
	 * Waiting may have used up a wakeup: the archiver is to look at its signals once more
	 * before it sleeps.
	 */
	SetLatch(MyLatch);
	return archived;
}

/*
 * There always is a setting.  Whether it can be used is found out with each file: then there
 * is an error that says what is wrong with it.
 */
static bool
is_configured(void)
{
	return pgb_guc_repository != NULL && pgb_guc_repository[0] != '\0';
}

static void
shut_down(void)
{
	if (pgb_archive_is_shared())
		pgb_archive_release();
}

PGB_ARCHIVE_MODULE(is_configured, archive_file, shut_down);
