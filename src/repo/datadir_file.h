/*-------------------------------------------------------------------------
 *
 * datadir_file.h
 *	  Files outside of the repository: those of a data directory that is made.
 *
 * All raise errcode_for_file_access() with the path, and a hint where something can be
 * done about it.
 *
 * src/repo/datadir_file.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DATADIR_FILE_H
#define PGB_DATADIR_FILE_H

/* Reports what failed with errno; action is as in "could not write". */
pg_noreturn extern void pgb_target_report(const char *action, const char *path);

/* Makes a directory; one that is there is fine, anything else of that name is not. */
extern void pgb_target_directory(const char *path, mode_t mode);

/* Writes a new file, or (replace) over one that is there, following no link. */
extern void pgb_target_write(const char *path, mode_t mode, const void *data, size_t length,
							 bool replace);

/* As far as the file goes; the descriptor is at path. */
extern void pgb_target_pwrite(int fd, const char *path, const char *data, size_t length,
							  uint64 offset);

/* The whole of a file, palloc'd with a zero byte after it; NULL when there is none. */
extern char *pgb_target_read(const char *path, uint64 limit, size_t *length);

/* Permission bits and time of change (as in PgbFile) of an open file. */
extern void pgb_target_stamp(int fd, const char *path, mode_t mode, int64 modified_at);

/* Makes one file or directory durable. */
extern void pgb_target_sync(const char *path);

/*
 * Makes everything below a directory durable that is on its file system: at once,
 * with all else on that file system, where the kernel can do that.
 */
extern void pgb_target_sync_tree(const char *path);

/* Removes a file, a link, or a directory with all in it, never following a link. */
extern void pgb_target_remove(const char *path);

#endif							/* PGB_DATADIR_FILE_H */
