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

/*
 * A WARNING for each of the damaged pages, up to a number, with the names of their relations from the
 * map of the backup, which is complete.
 */
extern void pgb_report_damage(PgbRepository *repository, const PgbManifest *manifest,
							  const PgbWalk *walk, const PgbCopied *copied);

#endif							/* PGB_DAMAGE_H */
