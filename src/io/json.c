/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Reads JSON into a tree, and gives its values out checked.
 *
 * src/io/json.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/json.h"

#include "port/json_scan.h"

#define MAX_DEPTH	64

typedef struct Builder
{
	const char *what;
	PgbJson    *root;
	PgbJson    *open[MAX_DEPTH];	/* containers, outermost first */
	int			depth;
	char	   *name;			/* of the member whose value comes next */
} Builder;

/* ---- building the tree ---- */

pg_noreturn static void damaged(const char *what, const char *detail);

static void
damaged(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read \"%s\"", what),
			 errdetail("%s", detail)));
}

static PgbJson *
make_value(PgbJsonType type, char *text)
{
	PgbJson    *json = palloc0(sizeof(PgbJson));

	json->type = type;
	json->text = text;
	return json;
}

/* Room for one more in a container: arrays double whenever they are full. */
static void
grow(PgbJson *container)
{
	bool		is_full = (container->count & (container->count - 1)) == 0;
	size_t		size = (size_t) Max(container->count, 1) * 2 * sizeof(void *);

	if (!is_full)
		return;
	if (container->values == NULL)
		container->values = palloc(size);
	else
		container->values = repalloc_huge(container->values, size);

	if (container->type != PGB_JSON_OBJECT)
		return;
	if (container->names == NULL)
		container->names = palloc(size);
	else
		container->names = repalloc_huge(container->names, size);
}

static void
add_value(Builder *builder, PgbJson *value)
{
	PgbJson    *container;

	if (builder->depth == 0)
	{
		builder->root = value;
		return;
	}

	container = builder->open[builder->depth - 1];
	grow(container);
	container->values[container->count] = value;
	if (container->type == PGB_JSON_OBJECT)
		container->names[container->count] = builder->name;
	container->count++;
}

static void
on_begin(void *state, bool is_array)
{
	Builder    *builder = state;
	PgbJson    *container = make_value(is_array ? PGB_JSON_ARRAY : PGB_JSON_OBJECT, NULL);

	if (builder->depth == MAX_DEPTH)
		damaged(builder->what, psprintf("It is nested deeper than %d.", MAX_DEPTH));
	add_value(builder, container);
	builder->open[builder->depth++] = container;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* A name that comes twice could be read in two ways. */
static void
check_names(const Builder *builder, const PgbJson *object)
{
	char	  **sorted;

	if (object->count < 2)
		return;

	sorted = palloc_extended(object->count * sizeof(char *), MCXT_ALLOC_HUGE);
	memcpy(sorted, object->names, object->count * sizeof(char *));
	qsort(sorted, object->count, sizeof(char *), compare_names);
	for (uint32 i = 1; i < object->count; i++)
	{
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			damaged(builder->what, psprintf("It has the name \"%s\" twice in one object.", sorted[i]));
	}
	pfree(sorted);
}

static void
on_end(void *state)
{
	Builder    *builder = state;
	PgbJson    *container = builder->open[--builder->depth];

	if (container->type == PGB_JSON_OBJECT)
		check_names(builder, container);
}

static void
on_member(void *state, char *name)
{
	Builder    *builder = state;

	builder->name = name;
}

static void
on_scalar(void *state, char *text, JsonTokenType token)
{
	PgbJsonType type;

	switch (token)
	{
		case JSON_TOKEN_STRING:
			type = PGB_JSON_STRING;
			break;
		case JSON_TOKEN_NUMBER:
			type = PGB_JSON_NUMBER;
			break;
		case JSON_TOKEN_TRUE:
		case JSON_TOKEN_FALSE:
			type = PGB_JSON_BOOL;
			break;
		default:
			type = PGB_JSON_NULL;
			break;
	}
	add_value(state, make_value(type, text));
}

PgbJson *
pgb_json_parse(const char *data, size_t length, const char *what)
{
	static const PgbJsonHandler handler = {
		.begin = on_begin,
		.end = on_end,
		.member = on_member,
		.scalar = on_scalar,
	};
	Builder		builder = {.what = what};
	char	   *problem;

	problem = pgb_json_scan(data, length, &handler, &builder);
	if (problem != NULL)
		damaged(what, problem);
	return builder.root;
}

void
pgb_json_free(PgbJson *json)
{
	for (uint32 i = 0; i < json->count; i++)
	{
		pgb_json_free(json->values[i]);
		if (json->names != NULL)
			pfree(json->names[i]);
	}
	if (json->values != NULL)
		pfree(json->values);
	if (json->names != NULL)
		pfree(json->names);
	if (json->text != NULL)
		pfree(json->text);
	pfree(json);
}

/* ---- taking values out ---- */

PgbJson *
pgb_json_get(const PgbJson *json, const char *name)
{
	if (json == NULL || json->type != PGB_JSON_OBJECT)
		return NULL;
	for (uint32 i = 0; i < json->count; i++)
	{
		if (strcmp(json->names[i], name) == 0)
			return json->values[i];
	}
	return NULL;
}

/* A member of one type, or NULL. */
static PgbJson *
get_typed(const PgbJson *json, const char *name, PgbJsonType type, const char *what)
{
	PgbJson    *value = pgb_json_get(json, name);

	if (value == NULL || value->type == PGB_JSON_NULL)
		return NULL;
	if (value->type != type)
		damaged(what, psprintf("The value of \"%s\" is of the wrong type.", name));
	return value;
}

static PgbJson *
need_typed(const PgbJson *json, const char *name, PgbJsonType type, const char *what)
{
	PgbJson    *value = get_typed(json, name, type, what);

	if (value == NULL)
		damaged(what, psprintf("\"%s\" is missing.", name));
	return value;
}

char *
pgb_json_get_string(const PgbJson *json, const char *name, const char *what)
{
	PgbJson    *value = get_typed(json, name, PGB_JSON_STRING, what);

	return value == NULL ? NULL : value->text;
}

char *
pgb_json_need_string(const PgbJson *json, const char *name, const char *what)
{
	return need_typed(json, name, PGB_JSON_STRING, what)->text;
}

uint64
pgb_json_need_uint64(const PgbJson *json, const char *name, const char *what)
{
	return pgb_json_to_uint64(need_typed(json, name, PGB_JSON_NUMBER, what), what);
}

/* The value of digits alone. */
static uint64
digits_to_uint64(const char *digits, const char *what)
{
	uint64		value = 0;

	for (const char *digit = digits; *digit != '\0'; digit++)
	{
		if (*digit < '0' || *digit > '9')
			damaged(what, psprintf("\"%s\" is not a whole number.", digits));
		if (value > (PG_UINT64_MAX - (*digit - '0')) / 10)
			damaged(what, psprintf("%s is too large.", digits));
		value = value * 10 + (*digit - '0');
	}
	return value;
}

uint64
pgb_json_to_uint64(const PgbJson *json, const char *what)
{
	if (json == NULL || json->type != PGB_JSON_NUMBER)
		damaged(what, "A number is missing.");
	return digits_to_uint64(json->text, what);
}

int64
pgb_json_need_int64(const PgbJson *json, const char *name, const char *what)
{
	const char *text = need_typed(json, name, PGB_JSON_NUMBER, what)->text;
	bool		is_negative = text[0] == '-';
	uint64		value = digits_to_uint64(is_negative ? text + 1 : text, what);

	if (value > PG_INT64_MAX)
		damaged(what, psprintf("%s is too large.", text));
	return is_negative ? -(int64) value : (int64) value;
}

PgbJson *
pgb_json_get_array(const PgbJson *json, const char *name, const char *what)
{
	return get_typed(json, name, PGB_JSON_ARRAY, what);
}

PgbJson *
pgb_json_get_object(const PgbJson *json, const char *name, const char *what)
{
	return get_typed(json, name, PGB_JSON_OBJECT, what);
}
