/*-------------------------------------------------------------------------
 *
 * lines.h
 *	  A long object of a backup that is read line by line.
 *
 * The lists of a base backup (file_list.h, relation_map.h) may have millions of lines:
 * they are written and read with no more than a frame of them in memory.
 *
 * src/repo/lines.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_LINES_H
#define PGB_LINES_H

#include "repo/repository.h"

/* No line is as long as that. */
#define PGB_LINE_LIMIT	(1024 * 1024)

typedef struct PgbLines PgbLines;

/* Opens an object of the backup that is made of frames.  Raises ERRCODE_DATA_CORRUPTED. */
extern PgbLines *pgb_lines_open(PgbRepository *repository, const PgbManifest *manifest,
								const char *name);

/*
 * The next line without its newline, valid until the next call; NULL at the end.  Raises
 * ERRCODE_DATA_CORRUPTED.
 */
extern char *pgb_lines_next(PgbLines *lines);

/*
 * What was read is not what is written there: raises ERRCODE_DATA_CORRUPTED, with this sentence
 * as its detail.
 */
pg_noreturn extern void pgb_lines_damaged(const PgbLines *lines, const char *fmt,...)
			pg_attribute_printf(2, 3);

/*
 * Raises unless this is a format of the object that is known, from 1 to the newest:
 * ERRCODE_DATA_CORRUPTED or ERRCODE_FEATURE_NOT_SUPPORTED.
 */
extern void pgb_lines_check_format(const PgbLines *lines, uint64 format, uint64 newest);

/* Closes the object; what was read is checked, what was not is not. */
extern void pgb_lines_close(PgbLines *lines);

#endif							/* PGB_LINES_H */
