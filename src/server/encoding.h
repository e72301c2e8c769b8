/*-------------------------------------------------------------------------
 *
 * encoding.h
 *	  Text of this database, and text that is read outside of it.
 *
 * Manifests, and what processes of other databases see, are UTF-8 whatever the
 * encoding of the database is.  Such texts are for people: what has no
 * equivalent on the other side becomes a question mark, and never an error,
 * which would make one label of one database an obstacle for all others.
 *
 * src/server/encoding.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_ENCODING_H
#define PGB_ENCODING_H

/* palloc'd; NULL stays NULL.  Conversions are in the catalogs: call within a transaction. */
extern char *pgb_to_utf8(const char *text);
extern char *pgb_from_utf8(const char *utf8);

/* What may be anything, as what is valid in the encoding of this database; palloc'd. */
extern char *pgb_valid_text(const char *bytes);

#endif							/* PGB_ENCODING_H */
