/*-------------------------------------------------------------------------
 *
 * posix.h
 *	  What the store that is a directory is made of; for store_posix.c alone.
 *
 * src/store/posix.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_POSIX_H
#define PGB_POSIX_H

#include <sys/stat.h>

#include "store/store.h"

#define FILE_MODE		(S_IRUSR | S_IWUSR)
#define FOLDER_MODE		S_IRWXU

/* ---- posix_file.c ---- */

/*
 * Reports what failed with errno, and what can be done about it.  action is as
 * in "could not read".
 */
extern void pgb_posix_report(int elevel, const char *action, const char *path);

/* Makes one file or folder durable.  One that has vanished need not be. */
extern void pgb_posix_sync(const char *path, bool is_folder);

/*
 * As rename(2), but to a name that is free: fails with EEXIST if it is not.
 */
extern int	pgb_posix_rename_new(const char *old_path, const char *new_path);

/* ---- posix_tree.c ---- */

/* Makes a folder durable with all in it. */
extern void pgb_posix_sync_tree(const char *path);

/*
 * Removes a file, or a folder with all in it, never following a link.  What has
 * vanished is as good as removed.  Failures are reported at elevel; if that is
 * no ERROR, the rest is removed all the same.
 */
extern void pgb_posix_remove_tree(const char *path, int elevel);

/* ---- posix_lock.c ---- */

/* As lock, unlock, seize and share of PgbStoreOps.  The path is kept. */
extern struct PgbLock *pgb_posix_lock(char *path, bool wait);
extern void pgb_posix_unlock(struct PgbLock *lock);
extern struct PgbLock *pgb_posix_seize(char *path);
extern struct PgbLock *pgb_posix_share(char *path);

#endif							/* PGB_POSIX_H */
