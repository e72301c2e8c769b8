/*-------------------------------------------------------------------------
 *
 * test_json.c
 *	  JSON: read, written, refused.
 *
 * test/unit/io/test_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "io/json.h"

static PgbJson *
parse(const char *text)
{
	return pgb_json_parse(text, strlen(text), "test");
}

static void
test_read(void)
{
	PgbJson    *json = parse("{\"s\": \"a\\u00e9\\n\", \"n\": 18446744073709551615, \"i\": -5,"
							 " \"a\": [1, [2], {}], \"t\": true, \"z\": null, \"o\": {\"x\": \"y\"}}");

	is_str(pgb_json_need_string(json, "s", "test"), "a\xC3\xA9\n", "a string with escapes");
	is_uint(pgb_json_need_uint64(json, "n", "test"), PG_UINT64_MAX, "the largest number");
	ok(pgb_json_need_int64(json, "i", "test") == -5, "a negative number");
	is_uint(pgb_json_get_array(json, "a", "test")->count, 3, "an array");
	is_str(pgb_json_get_string(pgb_json_get_object(json, "o", "test"), "x", "test"), "y", "an object");
	ok(pgb_json_get_string(json, "z", "test") == NULL, "null counts as missing");
	ok(pgb_json_get(json, "nothing") == NULL, "a missing member is NULL");
	ok(pgb_json_get(NULL, "x") == NULL, "so is one of nothing");

	raises(ERRCODE_DATA_CORRUPTED, "a missing member raises", pgb_json_need_string(json, "no", "test"));
	raises(ERRCODE_DATA_CORRUPTED, "so does null", pgb_json_need_string(json, "z", "test"));
	raises(ERRCODE_DATA_CORRUPTED, "so does another type", pgb_json_get_string(json, "n", "test"));
	raises(ERRCODE_DATA_CORRUPTED, "and a negative number that must not be",
		   pgb_json_need_uint64(json, "i", "test"));
}

static void
test_numbers(void)
{
	static const char *const wrong[] = {"18446744073709551616", "1.0", "1e3", "-1",
	"99999999999999999999999999"};

	for (int i = 0; i < lengthof(wrong); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("%s is no unsigned number", wrong[i]),
			   pgb_json_need_uint64(parse(psprintf("{\"n\": %s}", wrong[i])), "n", "test"));
	raises(ERRCODE_DATA_CORRUPTED, "9223372036854775808 is no signed number",
		   pgb_json_need_int64(parse("{\"n\": 9223372036854775808}"), "n", "test"));
}

static void
test_refused(void)
{
	static const char *const wrong[] = {
		"", " ", "{", "[", "{\"a\"}", "{\"a\":}", "[1,]", "{\"a\":1,}", "\"open", "nul", "01", "1 2",
		"{} x", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\ud800\"]", "[\"\\u0000\"]", "[\"a\nb\"]", "{'a':1}", "{a:1}",
	};

	for (int i = 0; i < lengthof(wrong); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("refused: %s", wrong[i][0] == '[' && strchr(wrong[i], '\n') ?
												"a newline in a string" : wrong[i]), parse(wrong[i]));
	raises(ERRCODE_DATA_CORRUPTED, "a zero byte is refused", pgb_json_parse("[\"a\0b\"]", 7, "test"));
	raises(ERRCODE_DATA_CORRUPTED, "a name that comes twice is refused",
		   parse("{\"a\": 1, \"b\": 2, \"a\": 3}"));
	raises(ERRCODE_DATA_CORRUPTED, "also when it is written otherwise", parse("{\"a\": 1, \"\\u0061\": 3}"));
	try(parse("{\"a\": {\"a\": 1}, \"b\": {\"a\": 2}}"));
	ok(tap_error == NULL, "the same name in other objects is not");
}

static void
test_depth(void)
{
	char	   *text = palloc0(2000001);

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	try(parse(text));
	ok(tap_error == NULL, "64 levels are read");

	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	raises(ERRCODE_DATA_CORRUPTED, "65 are not", parse(text));
	memset(text, '[', 2000000);
	raises(ERRCODE_DATA_CORRUPTED, "two million do not crash", parse(text));
}

static void
test_large(void)
{
	StringInfoData text;
	PgbJson    *json;

	initStringInfo(&text);
	appendStringInfoString(&text, "{\"a\": [");
	for (int i = 0; i < 100000; i++)
		appendStringInfo(&text, "%s%d", i > 0 ? "," : "", i);
	appendStringInfoString(&text, "]");
	for (int i = 0; i < 1000; i++)
		appendStringInfo(&text, ", \"m%d\": %d", i, i);
	appendStringInfoString(&text, "}");

	json = pgb_json_parse(text.data, text.len, "test");
	is_uint(pgb_json_get(json, "a")->count, 100000, "an array of 100000");
	is_uint(pgb_json_to_uint64(pgb_json_get(json, "a")->values[99999], "test"), 99999, "in its order");
	is_uint(pgb_json_need_uint64(json, "m999", "test"), 999, "an object of 1001");
}

static char *
write_sample(bool pretty)
{
	StringInfoData out;
	PgbJsonWriter w;

	initStringInfo(&out);
	pgb_json_begin(&w, &out, pretty);
	pgb_json_object(&w, NULL);
	pgb_json_string(&w, "text", "a\"b\\c\n\t\x01\x7F\xC3\xA9");
	pgb_json_string(&w, "none", NULL);
	pgb_json_uint64(&w, "most", PG_UINT64_MAX);
	pgb_json_int64(&w, "least", PG_INT64_MIN);
	pgb_json_bool(&w, "yes", true);
	pgb_json_array(&w, "list");
	pgb_json_inline_object(&w, NULL);
	pgb_json_uint64(&w, "a", 1);
	pgb_json_inline_array(&w, "b");
	pgb_json_uint64(&w, NULL, 2);
	pgb_json_uint64(&w, NULL, 3);
	pgb_json_end_inline_array(&w);
	pgb_json_end_inline_object(&w);
	pgb_json_bool(&w, NULL, false);
	pgb_json_end_array(&w);
	pgb_json_array(&w, "empty");
	pgb_json_end_array(&w);
	pgb_json_object(&w, "nothing");
	pgb_json_end_object(&w);
	pgb_json_value(&w, "copy", parse("{\"x\": [1.50, null, \"y\"]}"));
	pgb_json_end_object(&w);
	return out.data;
}

static void
test_write(void)
{
	is_str(write_sample(false),
		   "{\"text\":\"a\\\"b\\\\c\\n\\t\\u0001\x7F\xC3\xA9\",\"none\":null,"
		   "\"most\":18446744073709551615,\"least\":-9223372036854775808,\"yes\":true,"
		   "\"list\":[{\"a\":1,\"b\":[2,3]},false],\"empty\":[],\"nothing\":{},"
		   "\"copy\":{\"x\":[1.50,null,\"y\"]}}", "compact");
	is_str(write_sample(true),
		   "{\n"
		   "  \"text\": \"a\\\"b\\\\c\\n\\t\\u0001\x7F\xC3\xA9\",\n"
		   "  \"none\": null,\n"
		   "  \"most\": 18446744073709551615,\n"
		   "  \"least\": -9223372036854775808,\n"
		   "  \"yes\": true,\n"
		   "  \"list\": [\n"
		   "    {\"a\": 1, \"b\": [2,3]},\n"
		   "    false\n"
		   "  ],\n"
		   "  \"empty\": [],\n"
		   "  \"nothing\": {},\n"
		   "  \"copy\": {\"x\": [1.50,null,\"y\"]}\n"
		   "}\n", "pretty");
	is_str(pgb_json_need_string(parse(write_sample(true)), "text", "test"),
		   "a\"b\\c\n\t\x01\x7F\xC3\xA9", "what is written is read again");
}

/* Names in a database without an encoding can be any bytes. */
static void
test_invalid_text(void)
{
	static const char *const wrong[] = {"\xFF", "\xC3", "\xC3(", "\xE2\x82", "\xED\xA0\x80", "\xC0\x80"};
	int			refused = 0;

	for (int i = 0; i < lengthof(wrong); i++)
	{
		StringInfoData out;
		PgbJsonWriter w;

		initStringInfo(&out);
		pgb_json_begin(&w, &out, false);
		pgb_json_string(&w, NULL, wrong[i]);
		try(parse(out.data));
		if (tap_error != NULL || strstr(out.data, "\xEF\xBF\xBD") == NULL)
			refused++;
	}
	is_uint(refused, 0, "what is not UTF-8 is replaced");
}

int
main(void)
{
	test_read();
	test_numbers();
	test_refused();
	test_depth();
	test_large();
	test_write();
	test_invalid_text();
	return done_testing();
}
