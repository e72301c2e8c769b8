/*-------------------------------------------------------------------------
 *
 * dumped.h
 *	  What pg_dump has written itself, taken into a backup.
 *
 * src/server/logical/dumped.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DUMPED_H
#define PGB_DUMPED_H

#include "repo/repository.h"
#include "repo/toc.h"

/*
 * Compresses an object of a store into a backup, describes it in *file, and removes it.  The
 * description is in the current memory context.
 */
extern void pgb_dumped_compress(PgbBackupWriter *writer, PgbStore *store, const char *from,
								const char *to, int level, PgbFrameRule rule,
								PgbStoredFile *file);

/* Adds the table whose rows are in a file to the manifest, which has room for it. */
extern void pgb_dumped_note_table(PgbManifest *manifest, const PgbTocEntry *entry,
								  const PgbStoredFile *file);

#endif							/* PGB_DUMPED_H */
