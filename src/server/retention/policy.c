/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  How many backups are kept: the text of the settings pgbackup.retention_*.
 *
 * src/server/retention/policy.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/retention/policy.h"

static const char *const words[] = {"last", "daily", "weekly", "monthly", "yearly"};

StaticAssertDecl(lengthof(words) == 1 + PGB_PERIODS, "each period has a word");

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The number of the word before an equals sign, or -1. */
static int
find_word(const char *text, size_t length)
{
	for (int i = 0; i < lengthof(words); i++)
	{
		if (strlen(words[i]) == length && pg_strncasecmp(words[i], text, length) == 0)
			return i;
	}
	return -1;
}

/* The digits up to a blank or the end; -1 when there is something else, or too much. */
static int
read_count(const char **at)
{
	int			value = 0;
	const char *digit = *at;

	while (*digit >= '0' && *digit <= '9' && value <= PGB_POLICY_MAX)
		value = value * 10 + (*digit++ - '0');
	if (digit == *at || value > PGB_POLICY_MAX || (*digit != '\0' && !is_blank(*digit)))
		return -1;
	*at = digit;
	return value;
}

char *
pgb_policy_parse(const char *text, PgbPolicy *policy)
{
	bool		seen[lengthof(words)] = {false};
	const char *at = text;
	bool		keeps_one = false;

	memset(policy, 0, sizeof(*policy));
	for (;;)
	{
		const char *word;
		size_t		length;
		int			number;
		int			count;

		while (is_blank(*at))
			at++;
		if (*at == '\0')
			break;

		word = at;
		length = strcspn(word, "= \t");
		number = find_word(word, length);
		if (number < 0 || word[length] != '=')
			return psprintf("\"%.*s\" is not one of last=, daily=, weekly=, monthly= and yearly=.",
							(int) Min(strcspn(word, " \t"), 40), word);
		if (seen[number])
			return psprintf("\"%s\" is there twice.", words[number]);
		seen[number] = true;

		at = word + length + 1;
		count = read_count(&at);
		if (count < 0)
			return psprintf("After \"%s=\" comes a number from 0 to %d.", words[number], PGB_POLICY_MAX);
		if (number == 0)
			policy->last = count;
		else
			policy->periods[number - 1] = count;
		keeps_one |= (count > 0);
		policy->is_set = true;
	}
	if (policy->is_set && !keeps_one)
		return pstrdup("It must keep at least one backup.");
	return NULL;
}
