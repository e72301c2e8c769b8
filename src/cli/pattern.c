/*-------------------------------------------------------------------------
 *
 * pattern.c
 *	  Which relations of an archive a name or a pattern means.
 *
 * Names are those of SQL: folded to lower case unless they are in double quotes.
 * Outside of quotes * stands for any characters and ? for one, as in pg_dump.
 *
 * src/cli/pattern.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/archive.h"

#include "io/utf8.h"

#define MAX_CANDIDATES	10

/* A part of a name: its characters, and for each whether it is a wildcard. */
typedef struct Part
{
	StringInfoData text;
	StringInfoData is_wild;
} Part;

typedef struct Pattern
{
	const char *source;
	bool		has_schema;
	bool		has_wildcards;
	Part		schema;
	Part		name;
} Pattern;

/* ---- names as SQL has them ---- */

static bool
is_plain_name(const char *name)
{
	if (!(*name >= 'a' && *name <= 'z') && *name != '_')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_$") == strlen(name);
}

static void
append_name(StringInfo out, const char *name)
{
	if (is_plain_name(name))
	{
		appendStringInfoString(out, name);
		return;
	}
	appendStringInfoChar(out, '"');
	for (; *name != '\0'; name++)
	{
		if (*name == '"')
			appendStringInfoChar(out, '"');
		appendStringInfoChar(out, *name);
	}
	appendStringInfoChar(out, '"');
}

char *
cli_qualified_name(const char *schema_name, const char *name)
{
	StringInfoData out;

	initStringInfo(&out);
	append_name(&out, schema_name);
	appendStringInfoChar(&out, '.');
	append_name(&out, name);
	return out.data;
}

/* ---- reading a pattern ---- */

pg_noreturn static void invalid(const char *source, const char *detail);

static void
invalid(const char *source, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("invalid name of a table: \"%s\"", source),
			 errdetail("%s", detail)));
}

static void
append_char(Part *part, char c, bool is_wild)
{
	appendStringInfoChar(&part->text, c);
	appendStringInfoChar(&part->is_wild, is_wild ? 'w' : ' ');
}

/* What is between double quotes, of which two stand for one; returns what follows. */
static const char *
read_quoted(const char *source, const char *c, Part *part)
{
	for (c++; *c != '\0'; c++)
	{
		if (*c == '"' && *++c != '"')
			return c;
		append_char(part, *c, false);
	}
	invalid(source, "A double quote is missing.");
}

static const char *
read_part(const char *source, const char *c, Part *part)
{
	initStringInfo(&part->text);
	initStringInfo(&part->is_wild);
	while (*c != '\0' && *c != '.')
	{
		if (*c == '"')
			c = read_quoted(source, c, part);
		else
		{
			append_char(part, pg_ascii_tolower((unsigned char) *c), *c == '*' || *c == '?');
			c++;
		}
	}
	if (part->text.len == 0)
		invalid(source, "A part of it is empty.");
	return c;
}

static bool
has_wildcards(const Part *part)
{
	return strchr(part->is_wild.data, 'w') != NULL;
}

static void
read_pattern(Pattern *pattern, const char *source)
{
	const char *c;

	memset(pattern, 0, sizeof(Pattern));
	pattern->source = source;
	c = read_part(source, source, &pattern->name);
	if (*c == '.')
	{
		pattern->has_schema = true;
		pattern->schema = pattern->name;
		c = read_part(source, c + 1, &pattern->name);
	}
	if (*c != '\0')
		invalid(source, "It has more parts than a schema and a table.");
	pattern->has_wildcards = has_wildcards(&pattern->name) ||
		(pattern->has_schema && has_wildcards(&pattern->schema));
}

/* ---- matching ---- */

/* After a mismatch, the last * takes one character more. */
static bool
matches_part(const Part *part, const char *text)
{
	int			at = 0;
	int			last_star = -1;
	const char *retry = NULL;

	while (*text != '\0' || at < part->text.len)
	{
		char		c = part->text.data[at];
		bool		is_wild = at < part->text.len && part->is_wild.data[at] == 'w';

		if (is_wild && c == '*')
		{
			last_star = at++;
			retry = text;
		}
		else if (is_wild && *text != '\0')
		{
			text += Max(pgb_utf8_length(text), 1);
			at++;
		}
		else if (at < part->text.len && *text == c)
		{
			text++;
			at++;
		}
		else if (last_star >= 0 && *retry != '\0')
		{
			text = ++retry;
			at = last_star + 1;
		}
		else
			return false;
	}
	return true;
}

static bool
matches(const Pattern *pattern, const CliRelation *relation)
{
	return matches_part(&pattern->name, relation->name) &&
		(!pattern->has_schema || matches_part(&pattern->schema, relation->schema_name));
}

/* Is it what somebody may have meant: another schema, another case, a part of the name? */
static bool
is_similar(const Pattern *pattern, const CliRelation *relation)
{
	const char *name = relation->name;
	size_t		length = strlen(pattern->name.text.data);

	for (; strlen(name) >= length; name++)
	{
		if (pg_strncasecmp(name, pattern->name.text.data, length) == 0)
			return true;
	}
	return false;
}

static const CliRelation **
filter(const CliArchive *archive, const Pattern *pattern,
	   bool (*fits) (const Pattern *pattern, const CliRelation *relation), int *count)
{
	const CliRelation **found = palloc_extended((size_t) archive->nrelations * sizeof(CliRelation *) + 1,
												MCXT_ALLOC_HUGE);

	*count = 0;
	for (int i = 0; i < archive->nrelations; i++)
	{
		if (fits(pattern, &archive->relations[i]))
			found[(*count)++] = &archive->relations[i];
	}
	return found;
}

/* ---- refusals ---- */

static char *
candidates(const CliRelation **relations, int count)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < Min(count, MAX_CANDIDATES); i++)
		appendStringInfo(&out, "%s%s", i > 0 ? ", " : "",
						 cli_qualified_name(relations[i]->schema_name, relations[i]->name));
	if (count > MAX_CANDIDATES)
		appendStringInfo(&out, ", and %d more", count - MAX_CANDIDATES);
	return out.data;
}

pg_noreturn static void refuse_unknown(const CliArchive *archive, const Pattern *pattern);
pg_noreturn static void refuse_ambiguous(const CliArchive *archive, const Pattern *pattern,
										 const CliRelation **found, int count);

static void
refuse_unknown(const CliArchive *archive, const Pattern *pattern)
{
	int			count;
	const CliRelation **similar = filter(archive, pattern, is_similar, &count);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("backup \"%s\" has no table \"%s\"", archive->manifest->id, pattern->source),
			 count > 0 ? errdetail("Similar names in it are: %s.", candidates(similar, count)) : 0,
			 errhint("pgbackup show %s lists the tables. Names are folded to lower case unless they are in double quotes.",
					 archive->manifest->id)));
}

static void
refuse_ambiguous(const CliArchive *archive, const Pattern *pattern,
				 const CliRelation **found, int count)
{
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("backup \"%s\" has more than one table \"%s\"", archive->manifest->id,
					pattern->source),
			 errdetail("They are: %s.", candidates(found, count)),
			 errhint("Name one of them, with its schema.")));
}

/* ---- finding ---- */

const CliRelation **
cli_find_relations(const CliArchive *archive, const char *source, int *count)
{
	Pattern		pattern;
	const CliRelation **found;

	read_pattern(&pattern, source);
	found = filter(archive, &pattern, matches, count);
	if (*count == 0)
		refuse_unknown(archive, &pattern);
	if (*count > 1 && !pattern.has_wildcards)
		refuse_ambiguous(archive, &pattern, found, *count);
	return found;
}

const CliRelation *
cli_find_relation(const CliArchive *archive, const char *source)
{
	Pattern		pattern;
	int			count;
	const CliRelation **found = cli_find_relations(archive, source, &count);

	read_pattern(&pattern, source);
	if (count > 1)
		refuse_ambiguous(archive, &pattern, found, count);
	return found[0];
}
