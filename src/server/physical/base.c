/*-------------------------------------------------------------------------
 *
 * base.c
 *	  A base backup, from the checkpoint to the manifest.
 *
 * No transaction is open while files are copied, and hence no snapshot: VACUUM goes on
 * everywhere however long it takes.
 *
 * src/server/physical/base.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "repo/file_list.h"
#include "server/begin.h"
#include "server/compat.h"
#include "server/guc.h"
#include "server/physical/base.h"
#include "server/physical/base_wal.h"
#include "server/physical/copy.h"
#include "server/physical/damage.h"
#include "server/physical/relation_names.h"
#include "server/physical/walk.h"
#include "server/place.h"
#include "server/worker_session.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#define NAP_MS		200

typedef struct PgbBaseBackup
{
	MemoryContext context;		/* of all this */
	PgbJobRef	job;
	char	   *request;		/* what was asked for, as JSON ... */
	PgbRunOptions *options;		/* ... and as it is used */
	PgbRepository *repository;
	PgbBackupWriter *writer;
	PgbManifest *manifest;

	PgbBaseWal	wal;
	PgbServerBackup server;		/* what the server knows of the backup */
	StringInfoData tablespace_map;
	PgbWalk    *walk;
	PgbCopy    *copy;
	PgbCopied  *copied;
	PgbRelationNames *names;
} PgbBaseBackup;

/* ---- the beginning ---- */

void *
pgb_base_create(PgbJobRef job, char *request)
{
	PgbBaseBackup *base = palloc0(sizeof(PgbBaseBackup));

	base->context = CurrentMemoryContext;
	base->job = job;
	base->request = request;
	return base;
}

static void
open_backup(PgbBaseBackup *base)
{
	base->repository = pgb_server_repository(true);
	base->writer = pgb_job_begin_backup(base->job, base->repository, PGB_FULL);
}

/* Text becomes UTF-8 in a transaction: conversions are in the catalogs. */
static void
begin_manifest(PgbBaseBackup *base)
{
	pgb_worker_begin();
	MemoryContextSwitchTo(base->context);
	base->options = pgb_options_from_json(base->request);
	base->manifest = pgb_job_begin_manifest(base->writer, base->options, base->request);
	pgb_worker_commit();
	MemoryContextSwitchTo(base->context);
}

static void
hold_wal(PgbBaseBackup *base)
{
	base->wal.job = base->job;
	base->wal.repository = base->repository;
	base->wal.level = base->options->level;
	pgb_base_wal_hold(&base->wal, base->writer->id);
}

/* ---- backup mode ---- */

static void
start_backup_mode(PgbBaseBackup *base)
{
	pgb_job_set_phase(base->job, PGB_PHASE_CHECKPOINT);
	initStringInfo(&base->tablespace_map);
	register_persistent_abort_backup_handler();
	pgb_server_backup_start(&base->server, psprintf("pgbackup %s", base->writer->id),
							pgb_guc_checkpoint == PGB_CHECKPOINT_FAST, &base->tablespace_map);
	base->manifest->start_lsn = base->server.startpoint;
	base->manifest->timeline = base->server.starttli;
}

static void
stop_backup_mode(PgbBaseBackup *base)
{
	PgbManifest *m = base->manifest;

	pgb_job_set_phase(base->job, PGB_PHASE_WAL);
	pgb_server_backup_stop(&base->server);
	m->stop_lsn = base->server.stoppoint;
	m->as_of = GetCurrentTimestamp();
	if (base->server.stoptli != base->server.starttli)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the timeline of the server has changed during the backup")));
	pgb_base_wal_store(&base->wal, m->timeline, m->start_lsn, m->stop_lsn);
	pgb_base_wal_release(&base->wal);
}

/* ---- files ---- */

static void
walk(PgbBaseBackup *base)
{
	uint64		objects = 0;

	base->walk = pgb_walk(base->repository->store->location);
	for (int i = 0; i < base->walk->count; i++)
		objects += base->walk->files[i].file.type == PGB_FILE_REGULAR;
	pgb_job_set_totals(base->job, objects, base->walk->bytes);
}

static void
nap(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Files are copied, and beside that the map of relations is made. */
static void
copy_files(PgbBaseBackup *base)
{
	PgbCopyTarget target;
	bool		copied = false;
	bool		named = false;

	target.store = base->repository->store;
	target.folder = base->writer->folder;
	target.level = base->options->level;
	target.job = base->job;
	target.start_lsn = base->manifest->start_lsn;
	target.checksums = DataChecksumsEnabled();
	target.max_rate = pgb_guc_max_rate;

	pgb_job_set_phase(base->job, PGB_PHASE_COPYING);
	base->names = pgb_relation_names_start(base->writer, base->options->level);
	base->copy = pgb_copy_start(base->walk, &target, base->options->jobs);
	for (;;)
	{
		copied = copied || pgb_copy_ended(base->copy);
		named = named || pgb_relation_names_attend(base->names);
		if (copied && named)
			break;
		nap();
	}
	pgb_copy_control(base->copy);
	base->copied = pgb_copy_result(base->copy);
	pgb_copy_stop(base->copy);
	base->copy = NULL;
}

/* ---- what there is to tell ---- */

/* The bytes of a tablespace's files: those below its place in pg_tblspc. */
static void
measure_tablespaces(PgbBaseBackup *base, PgbBase *facts)
{
	const PgbFileList *list = &base->copied->list;

	facts->ntablespaces = base->walk->ntablespaces;
	facts->tablespaces = base->walk->tablespaces;
	for (int i = 0; i < facts->ntablespaces; i++)
	{
		PgbTablespace *tablespace = &facts->tablespaces[i];
		char	   *place = psprintf("pg_tblspc/%u/", tablespace->oid);

		tablespace->size = 0;
		for (int j = 0; j < list->count; j++)
		{
			if (strncmp(list->files[j].path, place, strlen(place)) == 0)
				tablespace->size += list->files[j].size;
		}
	}
}

static void
describe_base(PgbBaseBackup *base)
{
	PgbBase    *facts = palloc0(sizeof(PgbBase));

	facts->block_size = BLCKSZ;
	facts->segment_size = wal_segment_size;
	facts->checksums = DataChecksumsEnabled();
	facts->damaged_pages = base->copied->damaged_count;
	facts->file_count = base->copied->file_count;
	facts->file_bytes = base->copied->file_bytes;
	facts->backup_label = pgb_server_backup_label(&base->server);
	facts->tablespace_map = base->tablespace_map.len > 0 ? base->tablespace_map.data : NULL;
	facts->history = pgb_base_wal_history(base->manifest->timeline);
	measure_tablespaces(base, facts);
	base->manifest->base = facts;
}

/* Packs, the list of files, the map of relations. */
static void
describe_objects(PgbBaseBackup *base)
{
	PgbManifest *m = base->manifest;
	PgbCopied  *copied = base->copied;

	m->files = palloc0((copied->npacks + 2) * sizeof(PgbStoredFile));
	memcpy(m->files, copied->packs, copied->npacks * sizeof(PgbStoredFile));
	m->nfiles = copied->npacks;
	pgb_file_list_write(base->writer, &copied->list, base->options->level,
						&m->files[m->nfiles++]);
	pgb_relation_names_finish(base->names, &m->files[m->nfiles++]);
	pgb_relation_names_stop(base->names);
}

static void
commit(PgbBaseBackup *base)
{
	pgb_job_set_phase(base->job, PGB_PHASE_SYNCING);
	pgb_place_remember(PGB_PLACE_BACKUPS, base->repository->store->location);
	pgb_backup_commit(base->writer, base->manifest);
}

/* The backup is there: that somebody cannot be told of damage does not undo it. */
static void
report_damage(PgbBaseBackup *base)
{
	if (base->copied->damaged_count == 0)
		return;
	PG_TRY();
	{
		pgb_report_damage(base->repository, base->manifest, base->walk, base->copied);
	}
	PG_CATCH();
	{
		pgb_worker_log(pgb_worker_recover(base->context), "reporting damaged pages");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(base->context);
}

/* ---- the whole ---- */

void
pgb_base_run(void *state)
{
	PgbBaseBackup *base = state;

	pgb_base_wal_check();
	open_backup(base);
	begin_manifest(base);
	hold_wal(base);
	start_backup_mode(base);
	walk(base);
	copy_files(base);
	stop_backup_mode(base);
	describe_base(base);
	describe_objects(base);
	commit(base);
	report_damage(base);
}

void
pgb_base_report(void *state, PgbJobResult *result)
{
	PgbBaseBackup *base = state;

	if (base->copied->damaged_count == 0)
		return;
	snprintf(result->message, sizeof(result->message),
			 "%llu damaged pages", (unsigned long long) base->copied->damaged_count);
	if (base->copied->damaged_count > PGB_DAMAGED_PAGES_TOLD)
		snprintf(result->detail, sizeof(result->detail), "The server's log names the first %d.",
				 PGB_DAMAGED_PAGES_TOLD);
	else
		strlcpy(result->detail, "The server's log names them.", sizeof(result->detail));
}

void
pgb_base_cleanup(void *state)
{
	PgbBaseBackup *base = state;

	pgb_copy_stop(base->copy);
	pgb_relation_names_stop(base->names);
	do_pg_abort_backup(0, BoolGetDatum(false));
	PG_TRY();
	{
		pgb_base_wal_release(&base->wal);
		pgb_backup_abort(base->writer);
	}
	PG_CATCH();
	{
		/* the next run removes it; the message says why this one could not */
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();
}
