/*-------------------------------------------------------------------------
 *
 * toc_select.h
 *	  The entries of a table of contents that belong to some of its relations.
 *
 * A table without its indexes, constraints, sequences, defaults, triggers and
 * rights is half a table.  What is an object of its own, and only used by the table
 * (a schema, a type, a function, a role), does not belong to it.
 *
 * src/repo/toc_select.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_TOC_SELECT_H
#define PGB_TOC_SELECT_H

#include "repo/toc.h"

typedef struct PgbTocSelection
{
	const PgbToc *toc;
	bool	   *keep;			/* by their place in toc->entries */
	bool	   *is_partition;	/* likewise: of a table that is attached to another */
} PgbTocSelection;

/* Does it define a table, a view, a sequence or the like? */
extern bool pgb_toc_is_relation(const PgbTocEntry *entry);

/* The first of the entry's dependencies that defines a relation, or NULL. */
extern PgbTocEntry *pgb_toc_relation_of(const PgbToc *toc, const PgbTocEntry *entry);

/*
 * Begins with what no archive is without: its encoding, and the database that
 * pg_restore --create makes.
 */
extern PgbTocSelection *pgb_toc_select_begin(const PgbToc *toc);

/* Is it selected? */
extern bool pgb_toc_is_selected(const PgbTocSelection *selection, const PgbTocEntry *entry);

/* Adds one entry. */
extern void pgb_toc_select(PgbTocSelection *selection, const PgbTocEntry *entry);

/*
 * Adds what belongs to the selected relations: the partitions of a partitioned table,
 * sequences that are owned by a table or give it its defaults, and everything that
 * is part of selected relations and of no other.
 */
extern void pgb_toc_select_belongings(PgbTocSelection *selection);

/*
 * Adds all that the selected entries depend on, directly or not: schemas,
 * types, functions, extensions, and the definitions (not the rows) of other relations.
 */
extern void pgb_toc_select_needed(PgbTocSelection *selection);

/*
 * Is this a part of a selected relation that was not added, because it is also one
 * of a relation that is not selected (a foreign key), or of a publication?
 */
extern bool pgb_toc_is_left_out(const PgbTocSelection *selection, const PgbTocEntry *entry);

/*
 * A relation that a selected one cannot be made without, as a child without the table
 * that it inherits from, and which is not selected; or NULL.
 */
extern PgbTocEntry *pgb_toc_missing_relation(const PgbTocSelection *selection,
											 const PgbTocEntry *entry);

#endif							/* PGB_TOC_SELECT_H */
