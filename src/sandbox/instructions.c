/*-------------------------------------------------------------------------
 *
 * instructions.c
 *	  What the filter is told: the databases that are wanted, and the relations
 *	  that are not.
 *
 * Pure: no files, no server, so that it can be tested by itself.
 *
 * src/sandbox/instructions.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "sandbox/instructions.h"
#include "sandbox/sandbox.h"

StaticAssertDecl(lengthof(((PgbInstructions *) 0)->databases) == PGB_SANDBOX_MAX_DATABASES,
				 "the file and its reader agree on the number of databases");

/* ---- their order ---- */

int
pgb_instructions_compare(const void *left, const void *right)
{
	const PgbDenied *a = left;
	const PgbDenied *b = right;

	if (a->tablespace != b->tablespace)
		return a->tablespace < b->tablespace ? -1 : 1;
	if (a->database != b->database)
		return a->database < b->database ? -1 : 1;
	if (a->file_number != b->file_number)
		return a->file_number < b->file_number ? -1 : 1;
	return 0;
}

void
pgb_instructions_sort(PgbDenied *relations, size_t count)
{
	if (count > 1)
		qsort(relations, count, sizeof(PgbDenied), pgb_instructions_compare);
}

/* ---- the file ---- */

void
pgb_instructions_write(StringInfo out, const PgbInstructions *instructions)
{
	appendStringInfoString(out, PGB_SANDBOX_TITLE "\n");
	if (instructions->everything)
		appendStringInfoString(out, PGB_SANDBOX_ALL "\n");
	for (int i = 0; i < instructions->ndatabases; i++)
		appendStringInfo(out, PGB_SANDBOX_DATABASE "\n", instructions->databases[i]);
	for (uint32 i = 0; i < instructions->ndenied; i++)
	{
		const PgbDenied *denied = &instructions->denied[i];

		appendStringInfo(out, PGB_SANDBOX_DENY "\n", denied->tablespace, denied->database,
						 denied->file_number);
	}
	appendStringInfo(out, PGB_SANDBOX_END "\n",
					 1 + (instructions->everything ? 1 : 0) + instructions->ndatabases +
					 instructions->ndenied);
}

/* The next line, without its newline, or NULL at the end; a last one without a newline is torn. */
static char *
next_line(char **text)
{
	char	   *line = *text;
	char	   *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

/* A number and nothing but its digits, up to the character that must follow it. */
static bool
read_number(char **at, char follows, uint32 *number)
{
	uint64		value = 0;
	char	   *digit = *at;

	while (*digit >= '0' && *digit <= '9' && value <= PG_UINT32_MAX)
		value = value * 10 + (*digit++ - '0');
	if (digit == *at || *digit != follows || value > PG_UINT32_MAX)
		return false;
	*number = (uint32) value;
	*at = digit + (follows != '\0');
	return true;
}

/* A word and its numbers, with one blank before each of them. */
static bool
read_line(char *line, const char *word, int count, uint32 *numbers)
{
	size_t		length = strlen(word);

	if (strncmp(line, word, length) != 0 || line[length] != ' ')
		return false;
	line += length + 1;
	for (int i = 0; i < count; i++)
	{
		if (!read_number(&line, i < count - 1 ? ' ' : '\0', &numbers[i]))
			return false;
	}
	return true;
}

static uint32
count_lines(const char *text)
{
	uint32		count = 0;

	for (const char *c = strchr(text, '\n'); c != NULL; c = strchr(c + 1, '\n'))
		count++;
	return count;
}

const char *
pgb_instructions_parse(char *text, PgbInstructions *instructions)
{
	uint32		lines = count_lines(text);
	uint32		before_end = 1;
	uint32		numbers[3];
	char	   *line = next_line(&text);

	memset(instructions, 0, sizeof(*instructions));
	if (line == NULL || strcmp(line, PGB_SANDBOX_TITLE) != 0)
		return "its first line is not that of this version";
	instructions->denied = palloc_extended(sizeof(PgbDenied) * Max(lines, 1), MCXT_ALLOC_HUGE);

	while ((line = next_line(&text)) != NULL)
	{
		if (read_line(line, "deny", 3, numbers))
		{
			PgbDenied  *denied = &instructions->denied[instructions->ndenied];

			denied->tablespace = numbers[0];
			denied->database = numbers[1];
			denied->file_number = numbers[2];
			if (instructions->ndenied > 0 && pgb_instructions_compare(denied - 1, denied) >= 0)
				return "relations to deny are not sorted";
			instructions->ndenied++;
		}
		else if (read_line(line, "database", 1, numbers))
		{
			if (instructions->ndenied > 0)
				return "a database follows relations to deny";
			if (instructions->ndatabases >= PGB_SANDBOX_MAX_DATABASES)
				return "it names too many databases";
			instructions->databases[instructions->ndatabases++] = numbers[0];
		}
		else if (strcmp(line, PGB_SANDBOX_ALL) == 0)
		{
			if (instructions->everything)
				return "it names all databases twice";
			instructions->everything = true;
		}
		else if (read_line(line, "end", 1, numbers))
		{
			if (numbers[0] != before_end)
				return "lines are missing";
			if (*text != '\0')
				return "something follows its end";
			if (instructions->ndatabases == 0 && !instructions->everything)
				return "it names no database";
			return NULL;
		}
		else
			return "it has a line that cannot be read";
		before_end++;
	}
	return "its end is missing";
}

/* ---- what it says ---- */

bool
pgb_instructions_want_database(const PgbInstructions *instructions, Oid database)
{
	for (int i = 0; i < instructions->ndatabases; i++)
	{
		if (instructions->databases[i] == database)
			return true;
	}
	return instructions->everything;
}

bool
pgb_instructions_want(const PgbInstructions *instructions, Oid tablespace,
					  Oid database, Oid file_number)
{
	PgbDenied	key = {tablespace, database, file_number};

	if (database == InvalidOid || instructions->everything)
		return true;
	if (!pgb_instructions_want_database(instructions, database))
		return false;
	return bsearch(&key, instructions->denied, instructions->ndenied, sizeof(PgbDenied),
				   pgb_instructions_compare) == NULL;
}
