/*-------------------------------------------------------------------------
 *
 * json.h
 *	  JSON in memory: read with PostgreSQL's own parser, written by hand.
 *
 * src/io/json.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_JSON_H
#define PGB_JSON_H

typedef enum PgbJsonType
{
	PGB_JSON_NULL,
	PGB_JSON_BOOL,
	PGB_JSON_NUMBER,
	PGB_JSON_STRING,
	PGB_JSON_ARRAY,
	PGB_JSON_OBJECT
} PgbJsonType;

typedef struct PgbJson
{
	PgbJsonType type;
	char	   *text;			/* a string's value, a number's digits, "true" */
	uint32		count;			/* elements or members */
	struct PgbJson **values;
	char	  **names;			/* of members */
} PgbJson;

/*
 * Reads one document.  "what" names it in errors.  Raises
 * ERRCODE_DATA_CORRUPTED when it is not JSON, is nested deeper than 64, or
 * holds a name twice in one object.
 */
extern PgbJson *pgb_json_parse(const char *data, size_t length, const char *what);

/* Frees a tree: for who reads very many, also where there are no memory contexts. */
extern void pgb_json_free(PgbJson *json);

/*
 * A member, or NULL when there is none (or json is NULL or no object).  The
 * typed ones raise ERRCODE_DATA_CORRUPTED when the member is of another type or
 * out of range; the "need" ones also when it is missing.  A JSON null counts as
 * missing.
 */
extern PgbJson *pgb_json_get(const PgbJson *json, const char *name);
extern char *pgb_json_get_string(const PgbJson *json, const char *name, const char *what);
extern char *pgb_json_need_string(const PgbJson *json, const char *name, const char *what);
extern uint64 pgb_json_need_uint64(const PgbJson *json, const char *name, const char *what);
extern uint64 pgb_json_to_uint64(const PgbJson *json, const char *what);
extern int64 pgb_json_need_int64(const PgbJson *json, const char *name, const char *what);
extern PgbJson *pgb_json_get_array(const PgbJson *json, const char *name, const char *what);
extern PgbJson *pgb_json_get_object(const PgbJson *json, const char *name, const char *what);

/*
 * Writer: appends to a StringInfo and minds the commas and the indentation.
 *
 *	PgbJsonWriter w;
 *	pgb_json_begin(&w, &buf, true);
 *	pgb_json_object(&w, NULL);
 *	pgb_json_string(&w, "id", id);
 *	pgb_json_end_object(&w);
 *
 * name is NULL for an element of an array and for the outermost value.  A
 * container opened with an inline function stays on one line.  Strings are
 * UTF-8; what is not valid in them is replaced by U+FFFD.
 */
typedef struct PgbJsonWriter
{
	StringInfo	out;
	bool		pretty;
	int			depth;
	int			inline_depth;	/* > 0: inside an inline container */
	bool		first;
} PgbJsonWriter;

extern void pgb_json_begin(PgbJsonWriter *w, StringInfo out, bool pretty);
extern void pgb_json_object(PgbJsonWriter *w, const char *name);
extern void pgb_json_end_object(PgbJsonWriter *w);
extern void pgb_json_array(PgbJsonWriter *w, const char *name);
extern void pgb_json_end_array(PgbJsonWriter *w);
extern void pgb_json_inline_object(PgbJsonWriter *w, const char *name);
extern void pgb_json_end_inline_object(PgbJsonWriter *w);
extern void pgb_json_inline_array(PgbJsonWriter *w, const char *name);
extern void pgb_json_end_inline_array(PgbJsonWriter *w);
extern void pgb_json_string(PgbJsonWriter *w, const char *name, const char *value); /* NULL: null */
extern void pgb_json_uint64(PgbJsonWriter *w, const char *name, uint64 value);
extern void pgb_json_int64(PgbJsonWriter *w, const char *name, int64 value);
extern void pgb_json_bool(PgbJsonWriter *w, const char *name, bool value);
extern void pgb_json_null(PgbJsonWriter *w, const char *name);
extern void pgb_json_value(PgbJsonWriter *w, const char *name, const PgbJson *value);	/* inline */

#endif							/* PGB_JSON_H */
