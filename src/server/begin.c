/*-------------------------------------------------------------------------
 *
 * begin.c
 *	  How every job begins that makes a backup.
 *
 * src/server/begin.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "server/begin.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define NAP_MS		200

PgbBackupWriter *
pgb_job_begin_backup(PgbJobRef job, PgbRepository *repository, PgbKind kind)
{
	PgbBackupWriter *writer;

	for (;;)
	{
		writer = pgb_backup_begin(repository, kind);
		if (pgb_job_set_backup_id(job, writer->id))
			break;
		pgb_backup_abort(writer);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	pgstat_report_activity(STATE_RUNNING, psprintf("making backup %s", writer->id));
	return writer;
}

PgbManifest *
pgb_job_begin_manifest(const PgbBackupWriter *writer, const PgbRunOptions *options, char *request)
{
	PgbManifest *m = palloc0(sizeof(PgbManifest));

	strlcpy(m->id, writer->id, PGB_ID_SIZE);
	m->kind = pgb_id_kind(writer->id);
	m->system_identifier = GetSystemIdentifier();
	m->label = pgb_to_utf8(options->label);
	m->server_version = pstrdup(GetConfigOption("server_version", false, false));
	m->server_version_num = PG_VERSION_NUM;
	m->pgbackup_version = PGBACKUP_VERSION;
	m->started_at = GetCurrentTimestamp();
	m->compression_level = options->level;
	m->options = request;
	return m;
}
