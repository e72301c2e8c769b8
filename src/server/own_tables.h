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
 * schema.  Else NULL.  Call while connected to SPI, in whose memory it is.
 */
extern char *pgb_own_schema(const char *const *tables, int count);

/*
 * Connects to SPI as the bootstrap superuser, with a pinned search path; then statements
 * that name everything with its schema may be executed.  The end of the (sub)transaction
 * undoes it as well.
 */
extern void pgb_own_tables_open(PgbOwnTables *own, const char *const *tables, int count);
extern void pgb_own_tables_close(PgbOwnTables *own);

#endif							/* PGB_OWN_TABLES_H */
