/*-------------------------------------------------------------------------
 *
 * json_writer.c
 *	  Writes JSON that people can read as well.
 *
 * src/io/json_writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/json.h"

#include "io/utf8.h"

#define REPLACEMENT_CHARACTER	"\xEF\xBF\xBD"	/* U+FFFD */

/* ---- text ---- */

static void
append_escaped(StringInfo out, char c)
{
	switch (c)
	{
		case '"':
			appendStringInfoString(out, "\\\"");
			break;
		case '\\':
			appendStringInfoString(out, "\\\\");
			break;
		case '\n':
			appendStringInfoString(out, "\\n");
			break;
		case '\t':
			appendStringInfoString(out, "\\t");
			break;
		case '\r':
			appendStringInfoString(out, "\\r");
			break;
		default:
			if ((unsigned char) c < ' ')
				appendStringInfo(out, "\\u%04x", c);
			else
				appendStringInfoChar(out, c);
			break;
	}
}

/*
 * Characters that are not ASCII are written as they are: the server's parser
 * would turn an escape into its own encoding.
 */
static void
append_text(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	while (*text != '\0')
	{
		int			length = pgb_utf8_length(text);

		if (length == 0)
		{
			appendStringInfoString(out, REPLACEMENT_CHARACTER);
			text++;
		}
		else if (length == 1)
			append_escaped(out, *text++);
		else
		{
			appendBinaryStringInfo(out, text, length);
			text += length;
		}
	}
	appendStringInfoChar(out, '"');
}

/* ---- commas, lines and names ---- */

static void
new_line(PgbJsonWriter *w)
{
	if (!w->pretty || w->inline_depth > 0)
		return;
	appendStringInfoChar(w->out, '\n');
	for (int i = 0; i < w->depth; i++)
		appendStringInfoString(w->out, "  ");
}

/* What comes before a value. */
static void
begin_value(PgbJsonWriter *w, const char *name)
{
	if (!w->first)
		appendStringInfoString(w->out, w->inline_depth > 0 && w->pretty && name ? ", " : ",");
	if (w->depth > 0)
		new_line(w);
	w->first = false;

	if (name != NULL)
	{
		append_text(w->out, name);
		appendStringInfoString(w->out, w->pretty ? ": " : ":");
	}
}

static void
open_container(PgbJsonWriter *w, const char *name, char bracket, bool is_inline)
{
	begin_value(w, name);
	appendStringInfoChar(w->out, bracket);
	w->depth++;
	if (is_inline)
		w->inline_depth++;
	w->first = true;
}

static void
close_container(PgbJsonWriter *w, char bracket, bool is_inline)
{
	Assert(w->depth > 0);
	w->depth--;
	if (!w->first)
		new_line(w);
	if (is_inline)
		w->inline_depth--;
	appendStringInfoChar(w->out, bracket);
	w->first = false;
	if (w->depth == 0 && w->pretty)
		appendStringInfoChar(w->out, '\n');
}

void
pgb_json_begin(PgbJsonWriter *w, StringInfo out, bool pretty)
{
	memset(w, 0, sizeof(PgbJsonWriter));
	w->out = out;
	w->pretty = pretty;
	w->first = true;
}

/* ---- containers ---- */

void
pgb_json_object(PgbJsonWriter *w, const char *name)
{
	open_container(w, name, '{', false);
}

void
pgb_json_end_object(PgbJsonWriter *w)
{
	close_container(w, '}', false);
}

void
pgb_json_array(PgbJsonWriter *w, const char *name)
{
	open_container(w, name, '[', false);
}

void
pgb_json_end_array(PgbJsonWriter *w)
{
	close_container(w, ']', false);
}

void
pgb_json_inline_object(PgbJsonWriter *w, const char *name)
{
	open_container(w, name, '{', true);
}

void
pgb_json_end_inline_object(PgbJsonWriter *w)
{
	close_container(w, '}', true);
}

void
pgb_json_inline_array(PgbJsonWriter *w, const char *name)
{
	open_container(w, name, '[', true);
}

void
pgb_json_end_inline_array(PgbJsonWriter *w)
{
	close_container(w, ']', true);
}

/* ---- scalars ---- */

void
pgb_json_string(PgbJsonWriter *w, const char *name, const char *value)
{
	if (value == NULL)
	{
		pgb_json_null(w, name);
		return;
	}
	begin_value(w, name);
	append_text(w->out, value);
}

void
pgb_json_uint64(PgbJsonWriter *w, const char *name, uint64 value)
{
	begin_value(w, name);
	appendStringInfo(w->out, UINT64_FORMAT, value);
}

void
pgb_json_int64(PgbJsonWriter *w, const char *name, int64 value)
{
	begin_value(w, name);
	appendStringInfo(w->out, INT64_FORMAT, value);
}

void
pgb_json_bool(PgbJsonWriter *w, const char *name, bool value)
{
	begin_value(w, name);
	appendStringInfoString(w->out, value ? "true" : "false");
}

void
pgb_json_null(PgbJsonWriter *w, const char *name)
{
	begin_value(w, name);
	appendStringInfoString(w->out, "null");
}

void
pgb_json_value(PgbJsonWriter *w, const char *name, const PgbJson *value)
{
	bool		is_object = value->type == PGB_JSON_OBJECT;

	switch (value->type)
	{
		case PGB_JSON_STRING:
			pgb_json_string(w, name, value->text);
			break;
		case PGB_JSON_OBJECT:
		case PGB_JSON_ARRAY:
			open_container(w, name, is_object ? '{' : '[', true);
			for (uint32 i = 0; i < value->count; i++)
				pgb_json_value(w, is_object ? value->names[i] : NULL, value->values[i]);
			close_container(w, is_object ? '}' : ']', true);
			break;
		default:				/* numbers, true, false, null: as they were */
			begin_value(w, name);
			appendStringInfoString(w->out, value->text);
			break;
	}
}
