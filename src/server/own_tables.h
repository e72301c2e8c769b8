/*-------------------------------------------------------------------------
 *
 * own_tables.h
 *	  The tables of the extension, for functions whose callers have no rights on them.
 *
 * src/server/own_tables.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_OWN_TABLES_H
#define PGB_OWN_TABLES_H

typedef struct PgbOwnTables
{
	Oid			caller;
	char	   *schema;			/* of the extension, quoted; NULL if it has no such tables,
								 * as before ALTER EXTENSION UPDATE */

	/* for pgb_own_tables_close() */
	int			security_context;
	int			guc_level;
} PgbOwnTables;

/*
 * The schema of the extension, quoted, if all these tables are there and are the
 * extension's own: others could be made by whoever may create something in that
 * schema, and its owner could rename it.  Else NULL.  Whatever the snapshot of the
 * transaction sees, that is so now, and stays so to its end: schema and tables are
 * locked, so this may wait for who alters them.  (On a standby only the tables are: a
 * schema can be renamed there between this and a statement, and only then.)
 * In the current memory context.
 */
extern char *pgb_own_schema(const char *const *tables, int count);

/*
 * Connects to SPI as the bootstrap superuser, with a pinned search path; then statements
 * that name everything with its schema may be executed.  The end of the (sub)transaction
 * undoes it as well.  Without tables (count 0) there is no schema.
 */
extern void pgb_own_tables_open(PgbOwnTables *own, const char *const *tables, int count);

/* The same, where nothing, neither this nor a statement, waits longer than so for a lock. */
extern void pgb_own_tables_open_within(PgbOwnTables *own, const char *const *tables, int count,
									   const char *lock_timeout);
extern void pgb_own_tables_close(PgbOwnTables *own);

#endif							/* PGB_OWN_TABLES_H */
