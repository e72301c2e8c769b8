/*-------------------------------------------------------------------------
 *
 * manifest_text.h
 *	  What writer and parser of a manifest must agree on.
 *
 * src/repo/manifest_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_MANIFEST_TEXT_H
#define PGB_MANIFEST_TEXT_H

#include "io/digest.h"

/* The first member: PGB_MANIFEST_FORMAT. */
#define MANIFEST_FORMAT_MEMBER	"pgbackup_manifest"

/*
 * The end of a manifest whose other bytes are these: the line with their
 * checksum, and what closes the document.  It is the same in every format.
 */
extern char *pgb_manifest_tail(const char *data, size_t length);

/* Does it end in the tail of its other bytes?  proof.c seals its files so, too. */
extern bool pgb_manifest_tail_is_right(const char *data, size_t length);

/* strlen() of every tail */
#define MANIFEST_TAIL_LENGTH	(sizeof("  \"sha256\": \"\"\n}\n") - 1 + PGB_SHA256_HEX_LENGTH)

#endif							/* PGB_MANIFEST_TEXT_H */
