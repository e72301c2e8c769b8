/*-------------------------------------------------------------------------
 *
 * undrop.h
 *	  What was dropped or truncated, back.
 *
 * One recovery, to the place in the WAL that was recorded with the drop, has the rows of all
 * tables that are to come back, and the table of contents of the whole database.  The
 * record says by their OIDs what has gone; the table of contents says how it was made, and in
 * which order that is done again.  All of it belongs to the caller's transaction, and what
 * cannot be made again is an error.
 *
 *	  undrop.c         pgbackup_undrop, and the order of things
 *	  undrop_drop.c    the drop, as it was recorded
 *	  undrop_select.c  what of it comes back
 *	  undrop_table.c   tables, staged and promoted
 *	  undrop_object.c  schemas, types, functions, views..., with owners and grants
 *	  undrop_part.c    what hangs on them, and what other tables have lost
 *	  undrop_column.c  defaults and CHECK constraints that other tables have lost
 *	  undrop_schema.c  a schema that is gone
 *	  undrop_fail.c    what is told when something does not come back
 *	  undrop_merge.c   after a TRUNCATE: the statements that put the rows back
 *
 * src/server/undrop/undrop.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_UNDROP_H
#define PGB_UNDROP_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "server/promote/promote.h"
#include "server/recovery/recover.h"

/* ---- undrop_drop.c ---- */

/* An object that the statement has dropped or truncated. */
typedef struct PgbDropped
{
	Oid			class;			/* the catalog, the row in it, and the column or 0 */
	Oid			oid;
	int			sub;
	char	   *type;			/* "table", "view", as pg_event_trigger_dropped_objects() has it */
	char	   *identity;		/* quoted where needed */
	char	   *owner;			/* of a relation, if known; else NULL */
	bool		by_cascade;		/* it was not named */
} PgbDropped;

typedef struct PgbDrop
{
	int64		id;
	Oid			oid;			/* the table that was asked for */
	char	   *schema;			/* its schema and name at that time */
	char	   *name;
	char	   *identity;		/* both, quoted where needed */
	TransactionId transaction;
	XLogRecPtr	lsn;			/* a recovery that stops there has what was dropped */
	bool		truncated;
	bool		ambiguous;
	List	   *objects;		/* of PgbDropped, that table among them */
} PgbDrop;

/*
 * The last drop of a table of this name, or the last one before a moment (NULL: any).  Raises
 * ERRCODE_UNDEFINED_TABLE when none is recorded.
 */
extern PgbDrop *pgb_drop_find(const char *relation, const TimestampTz *before);

/*
 * Before a recovery: raises ERRCODE_DUPLICATE_TABLE when there is another table of its name, unless the
 * transaction that dropped it made or renamed that one.
 */
extern void pgb_drop_check_name(const PgbDrop *drop);

/*
 * Raises ERRCODE_INSUFFICIENT_PRIVILEGE when the record says that the caller may not have the
 * table, or with cascade anything that went along.  When it says nothing, that is found out later.
 */
extern void pgb_drop_authorize(const PgbDrop *drop, bool cascade);

/* ---- the job ---- */

typedef struct PgbUndrop
{
	PgbDrop    *drop;
	bool		cascade;
	Oid			caller;
	MemoryContext context;		/* of all that lasts */
	PgbRecovered *recovered;
	PgbStage   *definitions;	/* the table of contents of the whole database */
	PgbStage   *archive;		/* that of what was recovered with its rows */
	HTAB	   *dropped;		/* PgbDropped by class and OID: undrop_select.c */
	bool	   *taken;			/* by place in the definitions: comes back as an object of its own */
	bool	   *made;			/* likewise: it, or this part of something, is there again */
	List	   *tables;			/* that have come back: undrop_table.c */
	List	   *failures;		/* of char * */
} PgbUndrop;

/* ---- undrop_select.c ---- */

/* Fills dropped and taken: the table; with cascade all that went along, and what that needs. */
extern void pgb_undrop_select(PgbUndrop *undrop);

/* Visits all entries of the definitions in their order, each in a memory context of its own. */
extern void pgb_undrop_each_entry(PgbUndrop *undrop, void (*visit) (PgbUndrop *undrop, PgbTocEntry *entry));

extern bool pgb_undrop_is_taken(const PgbUndrop *undrop, const PgbTocEntry *entry);
extern bool pgb_undrop_is_made(const PgbUndrop *undrop, const PgbTocEntry *entry);
extern void pgb_undrop_set_made(PgbUndrop *undrop, const PgbTocEntry *entry);

/* What the drop has recorded of an entry, or NULL. */
extern PgbDropped *pgb_undrop_dropped(const PgbUndrop *undrop, const PgbTocEntry *entry);

/* The entry that defines what was dropped, or NULL. */
extern PgbTocEntry *pgb_undrop_entry(const PgbUndrop *undrop, Oid class, Oid oid);

/* Does it define a part of a relation, as a trigger or an index does, or of a domain? */
extern bool pgb_undrop_is_part(const PgbTocEntry *entry);

/* The relation of which it is a part; NULL: a domain, or none that can be told. */
extern RangeVar *pgb_undrop_relation_of(const PgbUndrop *undrop, const PgbTocEntry *part);

/* ---- undrop_table.c ---- */

/* Puts a table in its place, with its rows; what hangs on it comes with the second. */
extern void pgb_undrop_put_table(PgbUndrop *undrop, PgbTocEntry *entry);
extern void pgb_undrop_complete_tables(PgbUndrop *undrop);

/* Tells the caller of each what there is to tell; hint: see pgb_promote_note_lost(). */
extern void pgb_undrop_report_tables(PgbUndrop *undrop, const char *hint);

/* The table that has come back of the one with this OID. */
extern Oid	pgb_undrop_table(const PgbUndrop *undrop, Oid dropped);

/* Has this relation come back as a table, or with one? */
extern bool pgb_undrop_is_of_tables(const PgbUndrop *undrop, const RangeVar *name);

/* ---- undrop_object.c ---- */

/* Makes an object that is no table, with its owner and grants. */
extern void pgb_undrop_make_object(PgbUndrop *undrop, PgbTocEntry *entry);

/*
 * Runs statements of an entry as a role; if it lacks a right, as the caller if he is a superuser:
 * then *as_caller is true.  For statements that run code of users, as_caller is NULL, and they
 * run as that role only.  Raises what goes wrong as the failure of the entry.
 */
extern void pgb_undrop_run(PgbUndrop *undrop, const PgbTocEntry *entry, List *statements, Oid role,
						   bool *as_caller);

/* Sets the grants on it to those of the table of contents. */
extern void pgb_undrop_set_grants(PgbUndrop *undrop, const PgbTocEntry *entry, Oid owner);

/* Those of one ACL entry, on an object of this owner. */
extern void pgb_undrop_grant(PgbUndrop *undrop, const PgbTocEntry *acl, Oid owner);

/* The tablespace to make it in; NULL: the usual one.  One that is gone is warned of. */
extern char *pgb_undrop_tablespace(PgbUndrop *undrop, const PgbTocEntry *entry);

/*
 * The role that owned it.  Raises if it is gone: views and functions have the rights of their
 * owners, and nobody else's will do.  Raises if the caller is no member of it.
 */
extern Oid	pgb_undrop_owner(PgbUndrop *undrop, const PgbTocEntry *entry);

/* Raises if the caller is no member of it. */
extern void pgb_undrop_check_role(const PgbUndrop *undrop, const PgbTocEntry *entry, Oid role);

/* ---- undrop_part.c ---- */

extern void pgb_undrop_add_parts(PgbUndrop *undrop);
extern void pgb_undrop_fill(PgbUndrop *undrop);

/* ---- undrop_column.c ---- */

/* What the drop has recorded, and no entry of its own defines. */
extern void pgb_undrop_add_inline(PgbUndrop *undrop);

/* ---- undrop_schema.c ---- */

/* Makes the schema, as far as it is not there. */
extern void pgb_undrop_need_schema(PgbUndrop *undrop, const char *name);

/* ---- undrop_fail.c ---- */

/* The name of a relation that an entry defines. */
extern RangeVar *pgb_undrop_name(const PgbTocEntry *entry);

/* "view public.few" */
extern char *pgb_undrop_title(const PgbTocEntry *entry);

/* Remembers something that does not come back. */
extern void pgb_undrop_fail(PgbUndrop *undrop, const char *text);

/* Raises what has been remembered, if anything. */
extern void pgb_undrop_check(PgbUndrop *undrop);

/* Raises an error as that of an entry. */
pg_noreturn extern void pgb_undrop_raise(PgbUndrop *undrop, const PgbTocEntry *entry,
										 const ErrorData *error);

/* How to have the table without what cannot come back. */
extern char *pgb_undrop_way_out(const PgbUndrop *undrop);

/* ---- undrop_merge.c ---- */

/*
 * Tells the caller, in a NOTICE, how to bring the rows of the staged table into the one
 * that was truncated, which may be gone by now.
 */
extern void pgb_undrop_say_how_to_merge(Oid staged, const PgbDrop *drop);

#endif							/* PGB_UNDROP_H */
