/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  Arguments of the SQL functions.
 *
 * src/server/arguments.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "server/arguments.h"
#include "server/guc.h"
#include "server/task.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_LABEL_LENGTH	1000

char *
pgb_text_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

List *
pgb_list_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			count;
	List	   *list = NIL;

	if (PG_ARGISNULL(number))
		return NIL;
	array = PG_GETARG_ARRAYTYPE_P(number);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *value;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls", name)));
		value = TextDatumGetCString(values[i]);
		if (value[0] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must not contain empty patterns", name)));
		list = lappend(list, value);
	}
	return list;
}

int
pgb_integer_argument(FunctionCallInfo fcinfo, int number, const char *name,
					 int fallback, int min, int max)
{
	int			value;

	if (PG_ARGISNULL(number))
		return fallback;
	value = PG_GETARG_INT32(number);
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is out of range: %d", name, value),
				 errhint("It is from %d to %d.", min, max)));
	return value;
}

static char *
label_argument(FunctionCallInfo fcinfo, int number)
{
	char	   *label;

	if (PG_ARGISNULL(number))
		return NULL;
	label = pgb_text_argument(fcinfo, number, "label");
	if (strlen(label) > MAX_LABEL_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the label is too long"),
				 errdetail("It has %zu bytes, and at most %d are possible.",
						   strlen(label), MAX_LABEL_LENGTH)));
	return label;
}

PgbTask
pgb_kind_argument(FunctionCallInfo fcinfo, int number)
{
	return pgb_task_of_backup(pgb_text_argument(fcinfo, number, "kind"));
}

/* A base backup is of the whole cluster. */
static void
refuse_parts(const PgbRunOptions *options)
{
	const char *argument = NULL;

	if (options->schemas != NIL)
		argument = "schemas";
	else if (options->tables != NIL)
		argument = "tables";
	else if (options->exclude_schemas != NIL)
		argument = "exclude_schemas";
	else if (options->exclude_tables != NIL)
		argument = "exclude_tables";
	else if (options->exclude_table_data != NIL)
		argument = "exclude_table_data";
	else if (options->content != PGB_CONTENT_ALL)
		argument = "content";

	if (argument != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" cannot be used with a backup of kind \"full\"", argument),
				 errdetail("It is a copy of the whole cluster."),
				 errhint("Parts of a database are backed up with kind \"logical\".")));
}

PgbRunOptions *
pgb_options_arguments(FunctionCallInfo fcinfo, int first, PgbTask task)
{
	PgbRunOptions *options = palloc0(sizeof(PgbRunOptions));

	options->label = label_argument(fcinfo, first);
	options->schemas = pgb_list_argument(fcinfo, first + 1, "schemas");
	options->tables = pgb_list_argument(fcinfo, first + 2, "tables");
	options->exclude_schemas = pgb_list_argument(fcinfo, first + 3, "exclude_schemas");
	options->exclude_tables = pgb_list_argument(fcinfo, first + 4, "exclude_tables");
	options->exclude_table_data = pgb_list_argument(fcinfo, first + 5, "exclude_table_data");
	options->content = pgb_content_from_text(pgb_text_argument(fcinfo, first + 6, "content"));
	options->jobs = pgb_integer_argument(fcinfo, first + 7, "jobs", pgb_guc_jobs, 1, 64);
	options->level = pgb_integer_argument(fcinfo, first + 8, "level",
										  pgb_guc_compression_level, -7, 19);
	if (task == PGB_TASK_FULL)
		refuse_parts(options);
	return options;
}
