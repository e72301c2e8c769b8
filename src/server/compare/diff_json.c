/*-------------------------------------------------------------------------
 *
 * diff_json.c
 *	  Rows as they are shown: each value as to_jsonb() makes it.
 *
 * src/server/compare/diff_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "server/attempt.h"
#include "server/compare/diff.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"

/* ---- one value ---- */

/* Is it the value that jsonb cannot hold, and not the machine or the user? */
static bool
is_about_value(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			return true;
		default:
			return false;
	}
}

/* A value, and what becomes of it. */
typedef struct Conversion
{
	PgbDiffColumn *column;
	Datum		value;
	Jsonb	   *json;
} Conversion;

static void
convert(void *arg)
{
	Conversion *conversion = arg;

	conversion->json = DatumGetJsonbP(FunctionCall1(&conversion->column->to_jsonb, conversion->value));
}

/* to_jsonb() in a subtransaction: NULL if the value is not possible in jsonb. */
static Jsonb *
try_to_jsonb(PgbDiffColumn *column, Datum value)
{
	Conversion	conversion = {column, value, NULL};
	ErrorData  *error = pgb_attempt(convert, &conversion);

	if (error != NULL && !is_about_value(error->sqlerrcode))
		ReThrowError(error);
	return error == NULL ? conversion.json : NULL;
}

/* Whoever makes rows of what is shown must know that this one is not what it was. */
static void
tell_doubt(PgbDiff *diff, PgbDiffSide side, PgbDiffColumn *column)
{
	if (column->told)
		return;
	column->told = true;
	ereport(WARNING,
			(errmsg("values of column \"%s\" of table \"%s\" that jsonb cannot hold are shown as text",
					column->name, diff->tables[side]->name),
			 errhint("Do not make rows of them with jsonb_populate_record(): "
					 "copy the rows from the table.")));
}

/* NULL if it is to be shown as text. */
static Jsonb *
value_to_jsonb(PgbDiff *diff, PgbDiffSide side, PgbDiffColumn *column, Datum value)
{
	Jsonb	   *json;

	if (column->as_text)
		return NULL;
	if (!column->doubtful)
		return DatumGetJsonbP(FunctionCall1(&column->to_jsonb, value));

	json = try_to_jsonb(column, value);
	if (json == NULL)
		tell_doubt(diff, side, column);
	return json;
}

static void
string_value(JsonbValue *result, char *text)
{
	result->type = jbvString;
	result->val.string.val = text;
	result->val.string.len = strlen(text);
}

static void
describe_value(PgbDiff *diff, PgbDiffSide side, int number, bool as_text, JsonbValue *result)
{
	const TupleTableSlot *row = diff->tables[side]->row;
	PgbDiffColumn *column = &diff->tables[side]->columns[number];
	Jsonb	   *json = NULL;

	if (row->tts_isnull[number])
	{
		result->type = jbvNull;
		return;
	}
	if (!as_text)
		json = value_to_jsonb(diff, side, column, row->tts_values[number]);
	if (json == NULL)
		string_value(result, OutputFunctionCall(&column->output, row->tts_values[number]));
	else if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, result))
	{
		result->type = jbvBinary;
		result->val.binary.data = &json->root;
		result->val.binary.len = VARSIZE(json) - VARHDRSZ;
	}
}

/* ---- objects ---- */

static void
push_value(JsonbParseState **state, PgbDiff *diff, PgbDiffSide side, int number, bool as_text)
{
	JsonbValue	key;
	JsonbValue	value;

	string_value(&key, diff->tables[side]->columns[number].name);
	describe_value(diff, side, number, as_text, &value);
	pushJsonbValue(state, WJB_KEY, &key);
	pushJsonbValue(state, WJB_VALUE, &value);
}

Datum
pgb_diff_row_as_jsonb(PgbDiff *diff, PgbDiffSide side, const bool *as_text)
{
	const PgbDiffTable *table = diff->tables[side];
	bool	   *text_columns = palloc0(sizeof(bool) * Max(table->column_count, 1));
	JsonbParseState *state = NULL;

	for (int n = 0; as_text != NULL && n < diff->pair_count; n++)
		text_columns[diff->pairs[n].column[side]] = as_text[n];

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int n = 0; n < table->column_count; n++)
		push_value(&state, diff, side, n, text_columns[n]);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

Datum
pgb_diff_key_as_jsonb(PgbDiff *diff, PgbDiffSide side)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int n = 0; n < diff->key_count; n++)
		push_value(&state, diff, side, diff->pairs[diff->key[n]].column[side], false);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

char *
pgb_diff_key_as_text(PgbDiff *diff, PgbDiffSide side)
{
	const TupleTableSlot *row = diff->tables[side]->row;
	StringInfoData names;
	StringInfoData values;

	initStringInfo(&names);
	initStringInfo(&values);
	for (int n = 0; n < diff->key_count; n++)
	{
		int			number = diff->pairs[diff->key[n]].column[side];
		PgbDiffColumn *column = &diff->tables[side]->columns[number];
		const char *separator = n > 0 ? ", " : "";

		appendStringInfo(&names, "%s%s", separator, quote_identifier(column->name));
		appendStringInfo(&values, "%s%s", separator,
						 row->tts_isnull[number] ? "null" :
						 OutputFunctionCall(&column->output, row->tts_values[number]));
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

bool
pgb_diff_looks_same(PgbDiff *diff, int pair)
{
	Jsonb	   *json[PGB_SIDES];

	for (PgbDiffSide side = PGB_STAGED; side <= PGB_LIVE; side++)
	{
		PgbDiffColumn *column = pgb_diff_column(diff, side, pair);
		const TupleTableSlot *row = diff->tables[side]->row;
		int			number = diff->pairs[pair].column[side];

		/* text in the place of a document would be another document */
		if (row->tts_isnull[number] || column->base_type == JSONOID)
			return false;
		json[side] = value_to_jsonb(diff, side, column, row->tts_values[number]);
		if (json[side] == NULL)
			return false;
	}
	return VARSIZE(json[PGB_STAGED]) == VARSIZE(json[PGB_LIVE]) &&
		memcmp(json[PGB_STAGED], json[PGB_LIVE], VARSIZE(json[PGB_LIVE])) == 0;
}
