/*-------------------------------------------------------------------------
 *
 * place.h
 *	  Where the repository of this cluster has been, as the data directory remembers it.
 *
 * One that has been used is never made again: what is missing then is its file system, and
 * its place an empty mount point.
 *
 * src/server/place.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PLACE_H
#define PGB_PLACE_H

/* What has been put there. */
typedef enum PgbPlaceUse
{
	PGB_PLACE_BACKUPS,
	PGB_PLACE_WAL
} PgbPlaceUse;

/* Is this where the last of them went?  location is that of a repository. */
extern bool pgb_place_was_used(PgbPlaceUse use, const char *location);

/* Raises ERRCODE_UNDEFINED_FILE if it was, and nothing of it is there now. */
extern void pgb_place_check(PgbPlaceUse use, const char *location);

/*
 * From now on it was; durable.  The cluster's folder for them must be there.  Raises what goes
 * wrong in the data directory.
 */
extern void pgb_place_remember(PgbPlaceUse use, const char *location);

#endif							/* PGB_PLACE_H */
