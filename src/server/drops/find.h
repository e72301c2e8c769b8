/*-------------------------------------------------------------------------
 *
 * find.h
 *	  Drops that are found in the archived WAL.
 *
 *	  find_wal.c      the records of the archive, from one LSN on, over gaps
 *	  find_open.c     what the transactions that have not ended hold
 *	  find_record.c   whether the record of the end of a transaction can be trusted
 *	  find_map.c      what base backups know of relations
 *	  find_class.c    what pg_class says, as the WAL is read
 *	  find_drops.c    which of them drop or truncate a table
 *
 * src/server/drops/find.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FIND_H
#define PGB_FIND_H

#include "repo/relation_map.h"
#include "server/compat.h"
#include "server/wal_records.h"

/* ---- find_wal.c ---- */

/*
 * Calls note for each record of the archive from an LSN on (0: the oldest one), on the way to the end of
 * the server's own way, until it returns false.  What is missing or damaged is a WARNING, after
 * which forget is called, and the records after it follow.  Returns where the archive ends; 0 if there is
 * nothing from that LSN on.
 */
extern XLogRecPtr pgb_find_records(PgbRepository *repository, XLogRecPtr from, PgbNoteRecord note,
								   void (*forget) (void *arg), void *arg);

/* ---- find_open.c ---- */

typedef struct PgbFindRelation
{
	Oid			database;
	Oid			oid;
} PgbFindRelation;

/* What a row of pg_class says. */
typedef struct PgbFindRow
{
	PgbFindRelation relation;
	NameData	name;
	Oid			schema;
	Oid			tablespace;
	Oid			file_number;	/* 0: mapped, or it has none */
	char		kind;
	bool		is_new;			/* the row was inserted */
	bool		has_new_file;	/* in the same tablespace */
	bool		is_uncertain;	/* whether it has a new file is not known */
} PgbFindRow;

typedef struct PgbFindTransaction
{
	TransactionId xid;			/* the key: also that of a subtransaction */
	XLogRecPtr	lsn;			/* where its first lock is in the WAL; invalid: none */
	List	   *locks;			/* PgbFindRelation *, with AccessExclusiveLock */
	List	   *created;		/* PgbRelFileLocator * */
	List	   *rows;			/* PgbFindRow *: of pg_class, inserted or updated, in their order */
	MemoryContext context;
} PgbFindTransaction;

/* All are kept in the current memory context. */
extern HTAB *pgb_find_open_create(void);
extern void pgb_find_open_lock(HTAB *open, TransactionId xid, Oid database, Oid oid, XLogRecPtr lsn);
extern void pgb_find_open_file(HTAB *open, TransactionId xid, const PgbRelFileLocator *file);

extern void pgb_find_open_row(HTAB *open, TransactionId xid, const PgbFindRow *row);

/* Appends what a transaction holds to another, which is not in the table, and forgets it there. */
extern void pgb_find_open_take(HTAB *open, TransactionId xid, PgbFindTransaction *whole);

/* Forgets those before this one; for InvalidTransactionId all. */
extern void pgb_find_open_prune(HTAB *open, TransactionId oldest);

/* ---- find_record.c ---- */

/*
 * Does all that the record of a commit or an abort promises lie in it?  Only then ParseCommitRecord and
 * ParseAbortRecord stay in it, and what they find is there.
 */
extern bool pgb_find_is_whole(XLogReaderState *reader);

/* ---- find_class.c ---- */

typedef struct PgbFindClass PgbFindClass;

/* What is inserted and updated goes to the transactions in open.  Kept in the current memory context. */
extern PgbFindClass *pgb_find_class_create(HTAB *open);

/* The file of pg_class in a database, if there is none yet or it is to be replaced. */
extern void pgb_find_class_file(PgbFindClass *class, Oid database, Oid number, bool replace);

/* Is pg_class of a database followed? */
extern bool pgb_find_class_has(const PgbFindClass *class, Oid database);

/* Each record, before its transaction is looked at. */
extern void pgb_find_class_note(PgbFindClass *class, XLogReaderState *reader);

/* Rows of a transaction that has committed: from now on they are what is known. */
extern void pgb_find_class_commit(PgbFindClass *class, const List *rows);

/* What the last transaction that has committed a row of this relation says; NULL: there was none. */
extern const PgbFindRow *pgb_find_class_row(const PgbFindClass *class, const PgbFindRelation *which);

/* The WAL goes on after a gap. */
extern void pgb_find_class_forget(PgbFindClass *class);

/* ---- find_map.c ---- */

typedef struct PgbFindMap PgbFindMap;

/* Tells class which file pg_class is, of databases of which it does not know.  Kept in the current memory context. */
extern PgbFindMap *pgb_find_map_open(PgbRepository *repository, PgbFindClass *class);

/* Where to begin to read, to find what was committed since then; with the map of the first backup after that. */
extern XLogRecPtr pgb_find_map_begin(PgbFindMap *map, TimestampTz since);

/* From now on the map is that of the newest backup which ended before this.  One that cannot be read is a WARNING. */
extern void pgb_find_map_choose(PgbFindMap *map, XLogRecPtr lsn);

/* NULL: it is not in the map. */
extern const PgbMappedDatabase *pgb_find_map_database(const PgbFindMap *map, Oid oid);
extern const PgbMappedRelation *pgb_find_map_relation(const PgbFindMap *map, const PgbFindRelation *which);

#endif							/* PGB_FIND_H */
