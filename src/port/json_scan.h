/*-------------------------------------------------------------------------
 *
 * json_scan.h
 *	  PostgreSQL's JSON parser, whose interface differs between its versions.
 *
 * src/port/json_scan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_JSON_SCAN_H
#define PGB_JSON_SCAN_H

#include "common/jsonapi.h"

/* What happens while a document is read, in its order. */
typedef struct PgbJsonHandler
{
	void		(*begin) (void *state, bool is_array);
	void		(*end) (void *state);
	void		(*member) (void *state, char *name);	/* its value follows */
	void		(*scalar) (void *state, char *text, JsonTokenType type);
} PgbJsonHandler;

/*
 * Reads one document of UTF-8 text and calls the handler, which may raise and
 * keeps the strings that it is given.  Returns NULL, or what is wrong with the
 * text.
 */
extern char *pgb_json_scan(const char *data, size_t length,
						   const PgbJsonHandler *handler, void *state);

#endif							/* PGB_JSON_SCAN_H */
