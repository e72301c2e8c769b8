/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  Where things are in a repository: every name, in one place.
 *
 *	  pgbackup.json                        the format number
 *	  <system identifier>/lock             held while folders come and go
 *	  <system identifier>/backups/<id>/    one backup
 *	      manifest.json                    written last
 *	      lock                             held by the run that writes it
 *	      pin.json                         until when it is not to be removed
 *	      proof.json                       that it was really restored: see proof.h
 *	      toc.dat, <dump id>.dat.zst, ...  a logical backup
 *	      globals.sql.zst                  roles and tablespaces
 *	      files.zst, pack-0001.zst, ...    a base backup: see file_list.h
 *	  <system identifier>/wal/<timeline>/  its WAL archive: see wal.h
 *
 * src/repo/layout.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_LAYOUT_H
#define PGB_LAYOUT_H

#define PGB_REPOSITORY_FORMAT	1
#define PGB_FORMAT_NAME			"pgbackup.json"
#define PGB_MANIFEST_NAME		"manifest.json"
#define PGB_BACKUP_LOCK_NAME	"lock"
#define PGB_PIN_NAME			"pin.json"
#define PGB_PROOF_NAME			"proof.json"
#define PGB_TOC_NAME			"toc.dat"
#define PGB_GLOBALS_NAME		"globals.sql.zst"
#define PGB_COMPRESSED_SUFFIX	".zst"

/* YYYYMMDD-HHMMSS and a letter for the kind, and a zero byte */
#define PGB_ID_SIZE				17

typedef enum PgbKind
{
	PGB_ANY_KIND = 0,			/* only to ask for */
	PGB_LOGICAL = 'L',
	PGB_FULL = 'F',
	PGB_INCREMENTAL = 'I'
} PgbKind;

extern const char *pgb_kind_name(PgbKind kind);

/* May a file of a backup have this name? */
extern bool pgb_file_name_is_valid(const char *name);

/* The kind that an id tells. */
extern PgbKind pgb_id_kind(const char id[PGB_ID_SIZE]);

/* The id of a backup that starts at a moment (microseconds since 2000-01-01 UTC). */
extern void pgb_id_make(char id[PGB_ID_SIZE], int64 now, PgbKind kind);

/* The moment that a valid id tells, to the second. */
extern int64 pgb_id_moment(const char *id);

/* Is this the form of an id?  Anything else is never made a path. */
extern bool pgb_id_is_valid(const char *id);

/* Names in the store, palloc'd. */
extern char *pgb_cluster_folder(uint64 system_identifier);
extern char *pgb_cluster_lock(uint64 system_identifier);
extern char *pgb_backups_folder(uint64 system_identifier);
extern char *pgb_backup_folder(uint64 system_identifier, const char *id);
extern char *pgb_backup_object(uint64 system_identifier, const char *id, const char *object);

/* The archive: a timeline's folder has its number as eight hexadecimal digits. */
extern char *pgb_wal_folder(uint64 system_identifier);
extern char *pgb_wal_timeline_folder(uint64 system_identifier, uint32 timeline);

/* The cluster whose folder has this name; false if it is none. */
extern bool pgb_cluster_from_folder(const char *folder, uint64 *system_identifier);

#endif							/* PGB_LAYOUT_H */
