/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  What data workers are to export: tables, their blocks and their files.
 *
 * src/server/logical/plan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PLAN_H
#define PGB_PLAN_H

#include "repo/manifest.h"
#include "repo/toc.h"
#include "storage/block.h"

/* A table that data workers read. */
typedef struct PgbPlanTable
{
	PgbTocEntry *entry;			/* its TABLE DATA */
	Oid			relid;
	BlockNumber nblocks;		/* of its heap; what the snapshot sees is there */
	uint64		weight;			/* bytes of heap and TOAST, for progress */
	char	   *file;			/* name of its object */
} PgbPlanTable;

typedef struct PgbPlan
{
	int			count;
	PgbPlanTable *tables;		/* the largest first */
	bool	   *taken;			/* for each entry of the archive: is it here? */
	uint64		weight;			/* sum */
	uint64		digest;			/* sum of pgb_oid_digest() */
} PgbPlan;

/*
 * Plans the TABLE DATA entries of the archive that are read in the server, and
 * locks their tables, while pg_dump still holds its own locks.  Raises
 * ERRCODE_T_R_SERIALIZATION_FAILURE when a table was truncated, rewritten or
 * changed after the snapshot, which pg_dump would not notice.
 *
 * Tables with a condition in pg_extension.extconfig are not in the plan: for
 * them pg_dump uses a query, which its session lets through.
 */
extern PgbPlan *pgb_plan_create(const PgbToc *toc);

#endif							/* PGB_PLAN_H */
