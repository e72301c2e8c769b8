/*-------------------------------------------------------------------------
 *
 * options.c
 *	  What a run was asked for.
 *
 * src/server/options.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "io/json.h"
#include "repo/layout.h"
#include "server/encoding.h"
#include "server/options.h"

static const char *const content_names[] = {"all", "schema", "data"};

PgbContent
pgb_content_from_text(const char *text)
{
	for (int i = 0; i < lengthof(content_names); i++)
	{
		if (strcmp(text, content_names[i]) == 0)
			return (PgbContent) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown content \"%s\"", text),
			 errhint("It is \"all\", \"schema\" or \"data\".")));
}

static void
write_list(PgbJsonWriter *w, const char *name, List *list)
{
	ListCell   *cell;

	if (list == NIL)
		return;
	pgb_json_inline_array(w, name);
	foreach(cell, list)
		pgb_json_string(w, NULL, pgb_to_utf8(lfirst(cell)));
	pgb_json_end_inline_array(w);
}

char *
pgb_options_to_json(const PgbRunOptions *options)
{
	StringInfoData buf;
	PgbJsonWriter w;

	initStringInfo(&buf);
	pgb_json_begin(&w, &buf, false);
	pgb_json_object(&w, NULL);
	if (options->label != NULL)
		pgb_json_string(&w, "label", pgb_to_utf8(options->label));
	write_list(&w, "schemas", options->schemas);
	write_list(&w, "tables", options->tables);
	write_list(&w, "exclude_schemas", options->exclude_schemas);
	write_list(&w, "exclude_tables", options->exclude_tables);
	write_list(&w, "exclude_table_data", options->exclude_table_data);
	pgb_json_string(&w, "content", content_names[options->content]);
	pgb_json_uint64(&w, "jobs", options->jobs);

	/* a level may be negative, which the writer's numbers are not */
	pgb_json_string(&w, "level", psprintf("%d", options->level));
	pgb_json_end_object(&w);
	return buf.data;
}

static List *
read_list(PgbJson *json, const char *name)
{
	PgbJson    *array = pgb_json_get_array(json, name, "options");
	List	   *list = NIL;

	for (uint32 i = 0; array != NULL && i < array->count; i++)
		list = lappend(list, pgb_from_utf8(array->values[i]->text));
	return list;
}

PgbRunOptions *
pgb_options_from_json(const char *text)
{
	PgbRunOptions *options = palloc0(sizeof(PgbRunOptions));
	PgbJson    *json = pgb_json_parse(text, strlen(text), "options");

	options->label = pgb_from_utf8(pgb_json_get_string(json, "label", "options"));
	options->schemas = read_list(json, "schemas");
	options->tables = read_list(json, "tables");
	options->exclude_schemas = read_list(json, "exclude_schemas");
	options->exclude_tables = read_list(json, "exclude_tables");
	options->exclude_table_data = read_list(json, "exclude_table_data");
	options->content = pgb_content_from_text(pgb_json_need_string(json, "content", "options"));
	options->jobs = (int) pgb_json_need_uint64(json, "jobs", "options");
	options->level = atoi(pgb_json_need_string(json, "level", "options"));
	return options;
}

char *
pgb_options_selection(const char *text)
{
	static const char *const names[] = {
		"schemas", "tables", "exclude_schemas", "exclude_tables", "exclude_table_data", "content"
	};
	PgbJson    *json = text != NULL ? pgb_json_parse(text, strlen(text), "options") : NULL;
	StringInfoData buf;
	PgbJsonWriter w;

	initStringInfo(&buf);
	pgb_json_begin(&w, &buf, false);
	pgb_json_object(&w, NULL);
	for (int i = 0; i < lengthof(names); i++)
	{
		PgbJson    *value = pgb_json_get(json, names[i]);

		if (value != NULL)
			pgb_json_value(&w, names[i], value);
	}
	pgb_json_end_object(&w);
	return buf.data;
}
