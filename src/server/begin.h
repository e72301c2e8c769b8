/*-------------------------------------------------------------------------
 *
 * begin.h
 *	  How every job begins that makes a backup.
 *
 * src/server/begin.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_BEGIN_H
#define PGB_BEGIN_H

#include "repo/repository.h"
#include "server/options.h"
#include "server/shmem.h"

/*
 * Makes the folder of the job's backup, whose id is from then on that of the job.  Raises as
 * pgb_backup_begin().
 */
extern PgbBackupWriter *pgb_job_begin_backup(PgbJobRef job, PgbRepository *repository,
											 PgbKind kind);

/*
 * A manifest with what is known from the beginning; request is the JSON of the options.  Call
 * within a transaction.
 */
extern PgbManifest *pgb_job_begin_manifest(const PgbBackupWriter *writer,
										   const PgbRunOptions *options, char *request);

#endif							/* PGB_BEGIN_H */
