/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  The settings, and the repository they name.
 *
 * src/server/guc.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_GUC_H
#define PGB_GUC_H

#include "repo/repository.h"

extern char *pgb_guc_repository;	/* absolute path */
extern int	pgb_guc_jobs;
extern int	pgb_guc_compression_level;
extern int	pgb_guc_archive_workers;
extern char *pgb_guc_conninfo;
extern char *pgb_guc_bin_directory;
extern char *pgb_guc_scratch_directory; /* absolute path */
extern int	pgb_guc_history_days;	/* -1: for ever */
extern char *pgb_guc_on_failure_command;
extern char *pgb_guc_retention_logical; /* as retention/policy.h says */
extern char *pgb_guc_retention_full;
extern char *pgb_guc_export_job;
extern int	pgb_guc_checkpoint;		/* PgbCheckpoint */
extern int	pgb_guc_max_rate;		/* kB/s; 0: no limit */
extern int	pgb_guc_archive_timeout;	/* seconds */
extern int	pgb_guc_redo_filter;	/* PgbRedoFilter */

typedef enum PgbCheckpoint
{
	PGB_CHECKPOINT_FAST,
	PGB_CHECKPOINT_SPREAD
} PgbCheckpoint;

typedef enum PgbRedoFilter
{
	PGB_REDO_FILTER_AUTO,
	PGB_REDO_FILTER_OFF
} PgbRedoFilter;

extern void pgb_guc_define(void);

/*
 * The repository of this cluster, as the settings say; raises as pgb_repository_open().  One that has
 * vanished (place.h) is an error also with create.
 */
extern PgbRepository *pgb_server_repository(bool create);

/*
 * The backup that somebody names, as pgb_catalog_get() does, and its repository.  One of another cluster is
 * "<system identifier>/<id>": whom it belongs to there is not known here, so that only superusers get it
 * (ERRCODE_INSUFFICIENT_PRIVILEGE).
 */
extern PgbManifest *pgb_server_backup(const char *backup, PgbKind kind, const char *database,
									  PgbRepository **repository);

#endif							/* PGB_GUC_H */
