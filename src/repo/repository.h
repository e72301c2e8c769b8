/*-------------------------------------------------------------------------
 *
 * repository.h
 *	  A repository: a store whose format is known, and the backups of one
 *	  cluster in it.
 *
 * src/repo/repository.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_REPOSITORY_H
#define PGB_REPOSITORY_H

#include "repo/manifest.h"
#include "store/store.h"

typedef struct PgbRepository
{
	PgbStore   *store;
	uint64		system_identifier;
	uint32		wal_timeline;	/* whose folder is known to be there: see wal_store.c */
} PgbRepository;

/*
 * Opens the repository at location for one cluster.  With create, makes what is
 * missing (an existing folder must be empty or a repository already); without,
 * an absent one raises ERRCODE_UNDEFINED_FILE.  One of a newer format raises
 * ERRCODE_FEATURE_NOT_SUPPORTED with a hint.
 */
extern PgbRepository *pgb_repository_open(const char *location, uint64 system_identifier,
										  bool create);

/* The same without a cluster: the store, once its format is known. */
extern PgbStore *pgb_repository_open_store(const char *location, bool create);

/*
 * The clusters that have a folder in the repository, ended by 0, palloc'd: for
 * the program, and for messages.
 */
extern uint64 *pgb_repository_clusters(PgbStore *store);

/* ---- catalog: the backups that exist ---- */

/* One of a listing.  A damaged one is listed too, with why. */
typedef struct PgbCatalogEntry
{
	char		id[PGB_ID_SIZE];
	PgbManifest *manifest;		/* NULL when it is damaged, or newer */
	char	   *damage;			/* what is wrong with it, or NULL */
	bool		is_newer;		/* its format is one that only a newer version knows; damage says so */
	bool		is_unread;		/* it could not be read, and may be good; damage says so */
	int64		proven_at;		/* microseconds since 2000-01-01 UTC; 0: never */
} PgbCatalogEntry;

/*
 * Raises ERRCODE_IO_ERROR if it could not be read: who takes the latest of several must not pass over
 * one that may be good.
 */
extern void pgb_catalog_check_read(const PgbCatalogEntry *entry);

/* One word for it: "complete", "damaged", or "newer". */
extern const char *pgb_catalog_status(const PgbCatalogEntry *entry);

/*
 * Every backup of the cluster, oldest first.  Folders without a manifest are
 * running or dead and not listed.
 */
extern PgbCatalogEntry *pgb_catalog_list(PgbRepository *repository, int *count);

/* The same, only of base backups: full and incremental ones. */
extern PgbCatalogEntry *pgb_catalog_list_base(PgbRepository *repository, int *count);

/* Only the ids of all backups of the cluster, oldest first, ended by NULL. */
extern char **pgb_catalog_ids(PgbRepository *repository);

/*
 * What lies among the backups, has a manifest, and is none that this version knows: of another
 * kind, or renamed.  Names, ended by NULL.
 */
extern char **pgb_catalog_strangers(PgbRepository *repository);

#define PGB_LATEST		"latest"

/*
 * The manifest of one backup, which nobody removes for as long as the current memory context
 * (in the program: the process) lives: an id, or "latest" for the newest undamaged one of
 * the kind (and of the database, if it is not NULL).  One that cannot be read for an error of the
 * device is not passed over, but raises ERRCODE_IO_ERROR.  Raises
 * ERRCODE_UNDEFINED_OBJECT with a hint when there is none, and names the other
 * clusters if the repository has only theirs; ERRCODE_WRONG_OBJECT_TYPE when
 * the id is of another kind; ERRCODE_DATA_CORRUPTED when it is damaged.
 */
extern PgbManifest *pgb_catalog_get(PgbRepository *repository, const char *backup,
									PgbKind kind, const char *database);

/*
 * From here on nobody removes it, until the lock is given to unlock of the store, or its memory goes.
 * NULL if it is not there (any more).
 */
extern struct PgbLock *pgb_catalog_hold(PgbRepository *repository, const char *id);

/* ---- keeping and removing ---- */

#define PGB_PINNED_FOREVER	PG_INT64_MAX

/* Until when a backup is not to be removed: microseconds since 2000-01-01 UTC.  Durable. */
extern void pgb_backup_pin(PgbRepository *repository, const char *id, int64 until);

/* False if it was not pinned. */
extern bool pgb_backup_unpin(PgbRepository *repository, const char *id);

/* 0: it is not pinned.  A pin that cannot be read is one for ever. */
extern int64 pgb_backup_pinned_until(PgbRepository *repository, const char *id);

/* Does somebody read it, so that it cannot be removed just now? */
extern bool pgb_backup_is_used(PgbRepository *repository, const char *id);

/* Is a base backup of this cluster being made just now, by whomever?  Its manifest is still to come. */
extern bool pgb_backup_base_begun(PgbRepository *repository);

/*
 * Removes a backup: at no moment does a part of it look like the whole.  Returns false,
 * with nothing done, if somebody reads it, if it is pinned, or if it is not there.
 */
extern bool pgb_backup_remove(PgbRepository *repository, const char *id);

/* ---- writing a backup ---- */

typedef struct PgbBackupWriter
{
	PgbRepository *repository;
	char		id[PGB_ID_SIZE];
	char	   *folder;
	struct PgbLock *lock;		/* NULL once committed or aborted */
} PgbBackupWriter;

/*
 * Removes what dead runs have left, then makes the folder of a new backup and
 * locks it.  Waits (a second at most, with interrupts) for an id that is free.
 */
extern PgbBackupWriter *pgb_backup_begin(PgbRepository *repository, PgbKind kind);

/* The name in the store of an object of this backup. */
extern char *pgb_backup_writer_name(PgbBackupWriter *writer, const char *object);

/*
 * Starts a compressed object: a chain that ends in a new file entry of the
 * manifest, which is complete when the chain is finished.  *file must stay where
 * it is until then.
 */
extern PgbSink *pgb_backup_sink_create(PgbBackupWriter *writer, const char *object, int level,
									   PgbFrameRule rule, PgbStoredFile *file);

/*
 * Describes an object that is stored already as it is (toc.dat): length and
 * CRC are computed by reading it.
 */
extern void pgb_backup_describe(PgbBackupWriter *writer, const char *object, PgbStoredFile *file);

/*
 * The barrier, then the manifest: when this returns, the backup exists and is
 * durable.  Sets what the writer knows in the manifest: id, kind, cluster,
 * version of pgbackup, finished_at, the sums.
 */
extern void pgb_backup_commit(PgbBackupWriter *writer, PgbManifest *manifest);

/*
 * Removes everything; does nothing after commit, or the second time.  Raises
 * nothing: what cannot be removed is a WARNING, and left to the next run.
 */
extern void pgb_backup_abort(PgbBackupWriter *writer);

/* Removes the folders of runs that are dead; returns how many. */
extern int	pgb_backup_clean(PgbRepository *repository);

/* ---- reading a backup ---- */

/*
 * Opens a file of the backup after checking that its length is what the
 * manifest says (ERRCODE_DATA_CORRUPTED otherwise, with a hint).
 */
extern PgbObject *pgb_backup_open_file(PgbRepository *repository, const PgbManifest *manifest,
									   const PgbStoredFile *file);

/*
 * Reads the stored bytes of one frame (number from 0), palloc'd.  They are checked by
 * pgb_frame_decoder_begin().
 */
extern char *pgb_backup_read_frame(PgbObject *object, const PgbStoredFile *file, uint32 number);

/*
 * Checks the CRC of a file whose frames have been checked, each by itself, against
 * that in the manifest: reads only what follows the last frame.
 */
extern void pgb_backup_check_crc(PgbObject *object, const PgbManifest *manifest,
								 const PgbStoredFile *file);

/*
 * A whole file, its length and CRC checked, decompressed if it is made of
 * frames; palloc'd with a zero byte after it.  Larger than limit raises.
 */
extern char *pgb_backup_read_file(PgbRepository *repository, const PgbManifest *manifest,
								  const char *name, uint64 limit, size_t *length);

#endif							/* PGB_REPOSITORY_H */
