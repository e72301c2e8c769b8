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

#include "access/xlog.h"
#include "repo/datadir_file.h"
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

PgbRecovered *
pgb_recover(const PgbRecoverRequest *request)
{
	PgbRecovered *recovered = palloc0(sizeof(PgbRecovered));

	pgb_shmem_require();
	pgb_recover_check_past(&request->target);
	recovered->scratch = pgb_scratch_make();
	write_request(recovered->scratch, request);
	recovered->backup = pgb_run_job(PGB_TASK_RECOVER, recovered->scratch->name, true);
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
