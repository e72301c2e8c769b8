/*-------------------------------------------------------------------------
 *
 * instructions.h
 *	  What the filter is told: the databases that are wanted, and the relations
 *	  that are not.
 *
 * src/sandbox/instructions.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_INSTRUCTIONS_H
#define PGB_INSTRUCTIONS_H

#include "lib/stringinfo.h"

typedef struct PgbDenied
{
	Oid			tablespace;
	Oid			database;
	Oid			file_number;
} PgbDenied;

typedef struct PgbInstructions
{
	bool		everything;		/* is wanted, and what follows is not looked at */
	int			ndatabases;
	Oid			databases[16];
	uint32		ndenied;
	PgbDenied  *denied;			/* sorted by its members, in their order */
} PgbInstructions;

/* In the order of PgbInstructions.denied, as of qsort(). */
extern int	pgb_instructions_compare(const void *left, const void *right);
extern void pgb_instructions_sort(PgbDenied *relations, size_t count);

/* Appends the text of the file. */
extern void pgb_instructions_write(StringInfo out, const PgbInstructions *instructions);

/*
 * Reads the text of the file, which is zero-terminated and is changed.  Allocates in the
 * current memory context.  Returns NULL, or what is wrong with it.
 */
extern const char *pgb_instructions_parse(char *text, PgbInstructions *instructions);

extern bool pgb_instructions_want_database(const PgbInstructions *instructions, Oid database);

/*
 * Is a relation wanted?  Those that all databases share (database 0) are; those of other
 * databases are not; of the rest, what is not denied.
 */
extern bool pgb_instructions_want(const PgbInstructions *instructions, Oid tablespace,
								  Oid database, Oid file_number);

#endif							/* PGB_INSTRUCTIONS_H */
