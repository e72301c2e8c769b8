/*-------------------------------------------------------------------------
 *
 * relation_names.h
 *	  The map of relations is read from the catalogs of all databases.
 *
 * While files are copied, one short-lived worker after the other connects to each
 * database and writes what it finds into an object of the backup; the
 * leader puts them together.  Nobody holds a catalog in memory.
 *
 * src/server/physical/relation_names.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RELATION_NAMES_H
#define PGB_RELATION_NAMES_H

#include "repo/relation_map.h"
#include "storage/dsm.h"

typedef struct PgbRelationNames PgbRelationNames;

/* To be called after the start of the backup, and not in a transaction. */
extern PgbRelationNames *pgb_relation_names_start(PgbBackupWriter *writer, int level);

/*
 * Goes on with what can be done now, and returns at once; true when all databases are
 * done.  A database that cannot be read is a WARNING, and incomplete in the map; one that is dropped meanwhile is
 * left out.
 */
extern bool pgb_relation_names_attend(PgbRelationNames *names);

/* The object, once all is done. */
extern void pgb_relation_names_finish(PgbRelationNames *names, PgbStoredFile *file);

/* Ends the worker.  Raises nothing; more than once or NULL is fine. */
extern void pgb_relation_names_stop(PgbRelationNames *names);

/* What the worker runs. */
extern PGDLLEXPORT void pgb_relation_names_main(void *shared, int number);

#endif							/* PGB_RELATION_NAMES_H */
