/*-------------------------------------------------------------------------
 *
 * damage.h
 *	  Damaged pages of a base backup are told of.
 *
 * src/server/physical/damage.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DAMAGE_H
#define PGB_DAMAGE_H

#include "server/physical/copy.h"

/* More of them would say no more. */
#define PGB_DAMAGED_PAGES_TOLD	20

/*
 * A WARNING for each of the first damaged pages, with the names of their relations from the map of the
 * backup, which is complete.
 */
extern void pgb_report_damage(PgbRepository *repository, const PgbManifest *manifest,
							  const PgbWalk *walk, const PgbCopied *copied);

#endif							/* PGB_DAMAGE_H */
