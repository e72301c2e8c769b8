/*-------------------------------------------------------------------------
 *
 * cron_parse.c
 *	  What a cron expression says.
 *
 * The text is read once, from left to right.  The first thing that is wrong is
 * the error, hence everything before it is ASCII and its position in bytes is
 * its position in characters.
 *
 * src/server/cron_parse.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/cron.h"

#define BLANKS		" \t\r\n"

/* What ends a number or a name. */
#define DELIMITERS	BLANKS "*,-/"

typedef struct Field
{
	const char *name;
	int			first;
	int			last;
	int			max_step;
	const char *const *words;	/* for first to last, or NULL */
	const char *allowed;
	const char *hint;
} Field;

static const char *const month_words[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
};

static const char *const weekday_words[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun",
};

enum
{
	MINUTE,
	HOUR,
	DAY,
	MONTH,
	WEEKDAY,
	FIELDS
};

static const Field fields[FIELDS] = {
	{
		"minute", 0, 59, 60, NULL, "0 to 59",
		"Write for example \"0\", \"*/15\", \"0,30\" or \"10-20\"."
	},
	{
		"hour", 0, 23, 24, NULL, "0 to 23",
		"Write for example \"2\", \"*/6\", \"8,20\" or \"9-17\"."
	},
	{
		"day of month", 1, 31, 31, NULL, "1 to 31, and L for the last day",
		"Write for example \"1\", \"*/2\", \"1,15\", \"1-7\" or \"L\"."
	},
	{
		"month", 1, 12, 12, month_words, "1 to 12, or jan to dec",
		"Write for example \"1\", \"jan\", \"*/3\", \"apr,oct\" or \"mar-oct\"."
	},
	{
		"day of week", 0, 7, 7, weekday_words, "0 to 7, or sun to sat",
		"Write for example \"1\", \"mon\", \"sat,sun\" or \"mon-fri\"."
	},
};

static const struct
{
	const char *name;
	const char *expression;
}			shorthands[] =
{
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
};

static const char *const fields_hint =
"Write five fields, \"minute hour day-of-month month day-of-week\", for example \"30 2 * * mon-fri\".";
static const char *const shorthands_hint =
"Write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually.";

/* A number or a name as it stands in the text. */
typedef struct Word
{
	const char *start;
	int			length;
	int			value;
} Word;

typedef struct Parser
{
	const char *text;
	const char *at;				/* what is read next */
	const Field *field;
	bool		last_day;		/* L was among the days of the month */
} Parser;

/* ---- errors ---- */

static int
position(const Parser *p, const char *at)
{
	return (int) (at - p->text) + 1;
}

pg_noreturn static void
complain(const Parser *p, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid cron expression \"%s\"", p->text),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}

pg_noreturn static void
complain_field(const Parser *p, const char *at, const char *problem, const char *hint)
{
	complain(p,
			 psprintf("In the field \"%s\", at character %d, %s; allowed are %s.",
					  p->field->name, position(p, at), problem, p->field->allowed),
			 hint);
}

/* ---- words ---- */

static bool
take(Parser *p, char c)
{
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static void
skip_blanks(Parser *p)
{
	p->at += strspn(p->at, BLANKS);
}

static bool
is_word(const Word *word, const char *text)
{
	return word->length == strlen(text) && pg_strncasecmp(word->start, text, word->length) == 0;
}

static bool
is_last_day(const Parser *p, const Word *word)
{
	return p->field == &fields[DAY] && is_word(word, "L");
}

static Word
take_word(Parser *p)
{
	Word		word = {p->at, (int) strcspn(p->at, DELIMITERS), 0};

	if (word.length == 0)
		complain_field(p, p->at, "a value is missing", p->field->hint);
	p->at += word.length;
	return word;
}

/* The value of digits, as far as it matters; or -1 for other characters. */
static int
number(const Word *word)
{
	int			value = 0;

	for (int i = 0; i < word->length; i++)
	{
		if (word->start[i] < '0' || word->start[i] > '9')
			return -1;
		value = Min(value * 10 + (word->start[i] - '0'), 1000);
	}
	return value;
}

/* The value of a name of this field, or -1. */
static int
named(const Field *field, const Word *word)
{
	for (int i = 0; field->words != NULL && i <= field->last - field->first; i++)
	{
		if (is_word(word, field->words[i]))
			return field->first + i;
	}
	return -1;
}

static void
evaluate(const Parser *p, Word *word)
{
	word->value = named(p->field, word);
	if (word->value >= 0)
		return;
	word->value = number(word);
	if (word->value < 0)
		complain_field(p, word->start,
					   psprintf("\"%.*s\" is not a value", word->length, word->start),
					   p->field->hint);
	if (word->value < p->field->first || word->value > p->field->last)
		complain_field(p, word->start,
					   psprintf("%.*s is out of range", word->length, word->start),
					   p->field->hint);
}

/* ---- fields ---- */

/* What takes the place of a range that runs backwards. */
static const char *
two_ranges(const Field *field, const Word *first, const Word *last)
{
	bool		by_name = number(first) < 0;
	const char *top = by_name ? field->words[field->last - field->first] : psprintf("%d", field->last);
	const char *bottom = by_name ? field->words[0] : psprintf("%d", field->first);

	return psprintf("Write \"%.*s-%s,%s-%.*s\" for a range that goes on from the beginning.",
					first->length, first->start, top, bottom, last->length, last->start);
}

static Word
parse_end_of_range(Parser *p, const Word *first)
{
	Word		last = take_word(p);

	if (is_last_day(p, &last))
		complain_field(p, last.start, "a range cannot end with L",
					   "Write 31: what the month does not have does not matter.");
	evaluate(p, &last);

	/* A week may end with Sunday, whichever way that is written. */
	if (p->field == &fields[WEEKDAY] && last.value == 0 && first->value > 0)
		last.value = 7;
	if (last.value < first->value)
		complain_field(p, first->start, "the range runs backwards",
					   two_ranges(p->field, first, &last));
	return last;
}

static int
parse_step(Parser *p)
{
	Word		step = take_word(p);

	step.value = number(&step);
	if (step.value < 1 || step.value > p->field->max_step)
		complain(p,
				 psprintf("In the field \"%s\", at character %d, the step \"%.*s\" is not a number from 1 to %d.",
						  p->field->name, position(p, step.start), step.length, step.start, p->field->max_step),
				 p->field->hint);
	return step.value;
}

/* "*", L, a value, or a range, and the step of a range. */
static uint64
parse_item(Parser *p)
{
	Word		first = {p->at, 1, p->field->first};
	Word		last = {p->at, 1, p->field->last};
	bool		is_range = true;
	int			step = 1;
	uint64		set = 0;

	if (!take(p, '*'))
	{
		first = take_word(p);
		if (is_last_day(p, &first))
		{
			p->last_day = true;
			return 0;
		}
		evaluate(p, &first);
		is_range = take(p, '-');
		last = is_range ? parse_end_of_range(p, &first) : first;
	}
	if (*p->at == '/' && !is_range)
		complain_field(p, p->at, "a step follows a single value",
					   psprintf("Write a range, as in \"%.*s-%d/n\".",
								first.length, first.start, p->field->last));
	if (take(p, '/'))
		step = parse_step(p);
	for (int value = first.value; value <= last.value; value += step)
		set |= UINT64CONST(1) << value;
	return set;
}

static uint64
parse_field(Parser *p)
{
	uint64		set = 0;

	do
	{
		set |= parse_item(p);
	} while (take(p, ','));

	/* strchr() finds the end of the text, too */
	if (strchr(BLANKS, *p->at) == NULL)
		complain_field(p, p->at,
					   psprintf("there is a \"%c\" where the field or the item should end", *p->at),
					   p->field->hint);
	return set;
}

/* ---- expressions ---- */

/* If it is one, the five fields that it stands for. */
static const char *
parse_shorthand(Parser *p)
{
	Word		word;

	if (*p->at != '@')
		return NULL;
	word.start = p->at;
	word.length = (int) strcspn(p->at, BLANKS);
	p->at += word.length;
	skip_blanks(p);
	if (*p->at != '\0')
		complain(p,
				 psprintf("\"%.*s\" stands alone, but there is more at character %d.",
						  word.length, word.start, position(p, p->at)),
				 shorthands_hint);
	for (int i = 0; i < lengthof(shorthands); i++)
	{
		if (is_word(&word, shorthands[i].name))
			return shorthands[i].expression;
	}
	complain(p,
			 psprintf("\"%.*s\", at character %d, is not known.",
					  word.length, word.start, position(p, word.start)),
			 shorthands_hint);
}

static int
utc(void *zone, int64 moment)
{
	return 0;
}

/* What comes once in the calendar comes again, hence any moment will do. */
static void
check_that_it_comes(const Parser *p, const PgbCron *cron, const char *days)
{
	int64		next;

	if (!pgb_cron_next(cron, 0, utc, NULL, &next))
		complain(p,
				 psprintf("It never comes: no month of the field \"month\" has the day of month at character %d.",
						  position(p, days)),
				 "Write \"L\" for the last day of a month, or choose another month.");
}

static void
parse_fields(Parser *p, PgbCron *cron)
{
	uint64		sets[FIELDS];
	const char *starts[FIELDS];

	for (int i = 0; i < FIELDS; i++)
	{
		skip_blanks(p);
		p->field = &fields[i];
		starts[i] = p->at;
		if (*p->at == '\0')
			complain(p,
					 psprintf("It ends at character %d, before the field \"%s\".",
							  position(p, p->at), p->field->name),
					 fields_hint);
		sets[i] = parse_field(p);
	}
	skip_blanks(p);
	if (*p->at != '\0')
		complain(p,
				 psprintf("There is a sixth field, at character %d.", position(p, p->at)),
				 fields_hint);

	memset(cron, 0, sizeof(PgbCron));
	cron->minutes = sets[MINUTE];
	cron->hours = (uint32) sets[HOUR];
	cron->days = (uint32) sets[DAY];
	cron->last_day = p->last_day;
	cron->months = (uint16) sets[MONTH];
	cron->weekdays = (sets[WEEKDAY] | sets[WEEKDAY] >> 7) & 0x7F;
	cron->either_day = *starts[DAY] != '*' && *starts[WEEKDAY] != '*';
	check_that_it_comes(p, cron, starts[DAY]);
}

void
pgb_cron_parse(const char *text, PgbCron *cron)
{
	Parser		p = {text, text, NULL, false};
	const char *meaning;

	if (strlen(text) > PGB_CRON_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cron expression is too long"),
				 errdetail("It has %zu bytes, and %d are allowed.", strlen(text), PGB_CRON_LENGTH),
				 errhint("%s", fields_hint)));
	skip_blanks(&p);
	if (*p.at == '\0')
		complain(&p, "It is empty.", fields_hint);

	meaning = parse_shorthand(&p);
	if (meaning != NULL)
		p.text = p.at = meaning;
	parse_fields(&p, cron);
}
