/*-------------------------------------------------------------------------
 *
 * recover_call.c
 *	  The backend that asks for a recovery: request and result.
 *
 * src/server/recovery/recover_call.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "repo/datadir_file.h"
#include "sandbox/sandbox.h"
#include "server/recovery/recover_work.h"
#include "server/wait.h"

/* In a file, for it may name more tables than shared memory has room for. */
static void
write_request(const PgbScratch *scratch, const PgbRecoverRequest *request)
{
	char	   *json = pgb_recover_request_to_json(request);

	pgb_target_write(pgb_scratch_path(scratch, RECOVER_REQUEST), S_IRUSR | S_IWUSR, json,
					 strlen(json), false);
}

static void
tell_unfiltered(const PgbScratch *scratch)
{
	if (access(pgb_scratch_path(scratch, RECOVER_UNFILTERED), F_OK) == 0)
		ereport(NOTICE,
				(errmsg("WAL was replayed without the redo filter"),
				 errdetail("Library \"%s\" is not there, refuses to be loaded, or is switched off.  The whole base backup was laid down, and all WAL was replayed.",
						   PGB_SANDBOX_LIBRARY),
				 errhint("Install all files of this version of pgbackup, for this very version of the server; the server's log says more.")));
}

PgbRecovered *
pgb_recover(const PgbRecoverRequest *request)
{
	PgbRecovered *recovered = palloc0(sizeof(PgbRecovered));

	pgb_shmem_require();
	pgb_recover_check_past(&request->target);
	recovered->scratch = pgb_scratch_make();
	write_request(recovered->scratch, request);
	recovered->backup = pgb_run_job(PGB_TASK_RECOVER, recovered->scratch->name, true);
	tell_unfiltered(recovered->scratch);
	recovered->repository = pgb_repository_open(pgb_scratch_path(recovered->scratch, "repository"),
												GetSystemIdentifier(), false);
	recovered->manifest = pgb_catalog_get(recovered->repository, PGB_LATEST, PGB_LOGICAL, NULL);
	recovered->schema_toc = pgb_backup_read_file(recovered->repository, recovered->manifest,
												 RECOVER_SCHEMA_TOC, MaxAllocSize - 1,
												 &recovered->schema_toc_length);
	return recovered;
}

void
pgb_recovered_release(PgbRecovered *recovered)
{
	if (recovered != NULL)
		pgb_scratch_release(recovered->scratch);
}
