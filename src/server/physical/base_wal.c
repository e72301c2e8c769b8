/*-------------------------------------------------------------------------
 *
 * base_wal.c
 *	  The WAL that a base backup needs: held back, and stored in the repository.
 *
 * src/server/physical/base_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogarchive.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/pgarch.h"
#include "replication/slot.h"
#include "server/compat.h"
#include "server/guc.h"
#include "server/physical/base_wal.h"
#include "server/worker_session.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* How often the archive is looked at. */
#define NAP_MS				200

/* A history has a line for each timeline. */
#define HISTORY_LIMIT		(1024 * 1024)

/* Does the archiver store into our repository? */
static bool
archive_is_ours(void)
{
	return XLogArchivingActive() && strcmp(XLogArchiveLibrary, "pgbackup") == 0;
}

/* ---- before ---- */

void
pgb_base_wal_check(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a base backup cannot be made on a standby"),
				 errhint("Make it on the primary.  A logical backup can be made here.")));
	if (!XLogIsNeeded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a base backup needs more WAL than this server writes"),
				 errdetail("wal_level is \"minimal\"."),
				 errhint("Set wal_level = 'replica' and restart the server.")));
	if (!archive_is_ours() && max_replication_slots == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a base backup needs a replication slot"),
				 errdetail("It holds back the WAL that the backup needs, and max_replication_slots is 0."),
				 errhint("Raise max_replication_slots, or archive with archive_library = 'pgbackup'.")));
}

void
pgb_base_wal_hold(PgbBaseWal *wal, const char *backup_id)
{
	Oid			types[] = {NAMEOID};
	Datum		values[1];
	NameData	name;
	MemoryContext context = CurrentMemoryContext;
	char	   *text;

	if (archive_is_ours())
		return;

	/* names of slots have no capitals, and no dashes */
	text = psprintf("pgbackup_%s", backup_id);
	for (char *c = text; *c != '\0'; c++)
		*c = *c == '-' ? '_' : pg_tolower((unsigned char) *c);
	namestrcpy(&name, text);
	values[0] = NameGetDatum(&name);

	wal->has_slot = true;
	pgb_worker_begin();
	SPI_execute_with_args("SELECT pg_catalog.pg_create_physical_replication_slot($1, true, true)",
						  1, types, values, NULL, false, 0);
	pgb_worker_commit();
	MemoryContextSwitchTo(context);
}

void
pgb_base_wal_release(PgbBaseWal *wal)
{
	if (!wal->has_slot)
		return;
	wal->has_slot = false;
	if (MyReplicationSlot != NULL)
		ReplicationSlotRelease();
	pgb_drop_temporary_slots();
}

/* ---- the archiver ---- */

typedef struct ArchiverState
{
	PgStat_Counter archived;
	PgStat_Counter failed;
	char		last_failed[MAX_XFN_CHARS + 1];
} ArchiverState;

static ArchiverState
look_at_archiver(void)
{
	PgStat_ArchiverStats *stats;
	ArchiverState state;

	pgstat_clear_snapshot();
	stats = pgstat_fetch_stat_archiver();
	memset(&state, 0, sizeof(state));
	state.archived = stats->archived_count;
	state.failed = stats->failed_count;
	strlcpy(state.last_failed, stats->last_failed_wal, sizeof(state.last_failed));
	return state;
}

static void
raise_stuck(const ArchiverState *before, const ArchiverState *now)
{
	bool		fails = now->failed > before->failed;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the WAL archive does not take the WAL that this backup needs"),
			 fails ? errdetail("The archiver has failed with \"%s\", and stored nothing for %d seconds.",
							   now->last_failed, pgb_guc_archive_timeout) :
			 errdetail("The archiver has stored nothing for %d seconds.", pgb_guc_archive_timeout),
			 errhint("The server's log tells why.  pgbackup.archive_timeout says how long a backup waits.")));
}

/* As long as it stores anything, it comes to ours. */
static void
wait_for_archiver(const char *last_segment)
{
	ArchiverState before = look_at_archiver();
	TimestampTz since = GetCurrentTimestamp();

	while (XLogArchiveIsBusy(last_segment))
	{
		ArchiverState now = look_at_archiver();

		if (now.archived > before.archived)
		{
			before = now;
			since = GetCurrentTimestamp();
		}
		if (TimestampDifferenceExceeds(since, GetCurrentTimestamp(), pgb_guc_archive_timeout * 1000))
			raise_stuck(&before, &now);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- storing ---- */

/* Stores a file of pg_wal unless the repository has it. */
static void
bring_file(PgbBaseWal *wal, const PgbWalName *name)
{
	char	   *path = psprintf(XLOGDIR "/%s", name->text);
	struct stat st;

	if (pgb_wal_exists(wal->repository, name))
		return;
	if (stat(path, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("WAL file \"%s\", which this backup needs, is not there: %m", name->text),
				 archive_is_ours() ?
				 errhint("It is in another archive, if archive_library was set just now.  Make the backup again.") :
				 errhint("The server has removed it before its time.  Raise max_slot_wal_keep_size.")));
	pgb_job_set_path(wal->job, name->text);
	(void) pgb_wal_store(wal->repository, name, path, wal->level, NULL);
}

static void
bring_history(PgbBaseWal *wal, uint32 timeline)
{
	PgbWalName	name;
	char		text[MAXFNAMELEN];

	if (timeline <= 1)
		return;
	TLHistoryFileName(text, timeline);
	if (!pgb_wal_name_parse(text, wal_segment_size, &name))
		elog(ERROR, "unexpected name of a history file: \"%s\"", text);
	bring_file(wal, &name);
}

void
pgb_base_wal_store(PgbBaseWal *wal, uint32 timeline, uint64 start_lsn, uint64 stop_lsn)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup WAL",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgbStore   *store = wal->repository->store;
	XLogSegNo	first;
	XLogSegNo	last;
	PgbWalName	name;

	XLByteToSeg(start_lsn, first, wal_segment_size);
	XLByteToPrevSeg(stop_lsn, last, wal_segment_size);
	if (archive_is_ours())
	{
		pgb_wal_segment_name(&name, timeline, last, wal_segment_size);
		pgb_job_set_path(wal->job, name.text);
		wait_for_archiver(name.text);
	}

	/* the first to store anything here may be this backup */
	store->ops->make_folder(store, pgb_wal_folder(wal->repository->system_identifier));
	bring_history(wal, timeline);
	for (XLogSegNo number = first; number <= last; number++)
	{
		CHECK_FOR_INTERRUPTS();
		pgb_wal_segment_name(&name, timeline, number, wal_segment_size);
		bring_file(wal, &name);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

char *
pgb_base_wal_history(uint32 timeline)
{
	char		path[MAXPGPATH];
	StringInfoData text;
	char		buffer[4096];
	FILE	   *file;
	size_t		got;

	if (timeline <= 1)
		return NULL;
	TLHistoryFilePath(path, timeline);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path),
				 errdetail("It is the history of the server's timeline, without which no backup can be restored.")));
	initStringInfo(&text);
	while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0 && text.len < HISTORY_LIMIT)
		appendBinaryStringInfo(&text, buffer, (int) got);
	if (ferror(file))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", path)));
	FreeFile(file);
	return text.data;
}
