/*-------------------------------------------------------------------------
 *
 * json_scan.c
 *	  PostgreSQL's JSON parser, behind one interface for all its versions.
 *
 * src/port/json_scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "port/json_scan.h"

#include "mb/pg_wchar.h"

typedef struct ScanState
{
	const PgbJsonHandler *handler;
	void	   *state;
} ScanState;

/* Since 16 an action tells whether to go on; ours raise if not. */
#if PG_VERSION_NUM >= 160000
#define ACTION		static JsonParseErrorType
#define ACTION_DONE	return JSON_SUCCESS
#else
#define ACTION		static void
#define ACTION_DONE	return
#endif

ACTION
object_start(void *state)
{
	ScanState  *scan = state;

	scan->handler->begin(scan->state, false);
	ACTION_DONE;
}

ACTION
array_start(void *state)
{
	ScanState  *scan = state;

	scan->handler->begin(scan->state, true);
	ACTION_DONE;
}

ACTION
container_end(void *state)
{
	ScanState  *scan = state;

	scan->handler->end(scan->state);
	ACTION_DONE;
}

ACTION
member_start(void *state, char *name, bool isnull)
{
	ScanState  *scan = state;

	scan->handler->member(scan->state, name);
	ACTION_DONE;
}

ACTION
scalar(void *state, char *text, JsonTokenType type)
{
	ScanState  *scan = state;

	scan->handler->scalar(scan->state, text, type);
	ACTION_DONE;
}

char *
pgb_json_scan(const char *data, size_t length, const PgbJsonHandler *handler, void *state)
{
	ScanState	scan = {handler, state};
	JsonSemAction actions = {0};
	JsonLexContext *lex;
	JsonParseErrorType result;

	/* Lengths are int in the older versions. */
	if (length > PG_INT32_MAX)
		return pstrdup("The text is too long.");

#if PG_VERSION_NUM >= 170000
	lex = makeJsonLexContextCstringLen(NULL, data, length, PG_UTF8, true);
#else
	lex = makeJsonLexContextCstringLen(unconstify(char *, data), (int) length, PG_UTF8, true);
#endif

	actions.semstate = &scan;
	actions.object_start = object_start;
	actions.object_end = container_end;
	actions.array_start = array_start;
	actions.array_end = container_end;
	actions.object_field_start = member_start;
	actions.scalar = scalar;

	result = pg_parse_json(lex, &actions);
	if (result == JSON_SUCCESS)
		return NULL;

	/* The parser's own words are not for programs before 17. */
	return psprintf("Line %d is not JSON.", lex->line_number);
}
