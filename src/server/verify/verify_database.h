/*-------------------------------------------------------------------------
 *
 * verify_database.h
 *	  One database of a sandbox: what is in it, and how it is checked.
 *
 * src/server/verify/verify_database.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_VERIFY_DATABASE_H
#define PGB_VERIFY_DATABASE_H

#include "server/verify/verify.h"

typedef struct PgbVerifyDatabase
{
	char	   *name;			/* any bytes */
	int			encoding;
	bool		with_shared;	/* also the catalogs that all databases share */
} PgbVerifyDatabase;

/* Added up over all databases. */
typedef struct PgbVerifyTotals
{
	uint64		tables;			/* whose rows were read */
	uint64		heaps;			/* that amcheck has looked at, with TOAST */
	uint64		indexes;		/* that amcheck has compared with their tables */
	uint64		other_indexes;	/* that nobody has looked at */
	int			without_amcheck;	/* databases */
} PgbVerifyTotals;

extern void pgb_verify_database(PgbTrial *trial, const PgbVerifyDatabase *database,
								PgbVerifyTotals *totals);

#endif							/* PGB_VERIFY_DATABASE_H */
