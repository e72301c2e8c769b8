/*-------------------------------------------------------------------------
 *
 * test_retention.c
 *	  Retention: the text of a policy, a table of situations, and thousands of random
 *	  catalogs whose outcome must keep what is promised.
 *
 * test/unit/server/test_retention.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include <time.h>

#include "server/retention/decide.h"

#define USECS	INT64CONST(1000000)
#define HOUR	(3600 * USECS)
#define DAY		(24 * HOUR)

/* 2000-01-01 was a Saturday; months of 30 and years of 360 days are as good here. */
static int64
period_of(void *zone, int64 moment, PgbPeriod period)
{
	int64		day = moment / DAY;

	switch (period)
	{
		case PGB_PERIOD_DAY:
			return day;
		case PGB_PERIOD_WEEK:
			return (day + 5) / 7;
		case PGB_PERIOD_MONTH:
			return day / 30;
		case PGB_PERIOD_YEAR:
			return day / 360;
	}
	return -1;
}

/* ---- the text ---- */

static void
test_text(void)
{
	static const struct
	{
		const char *text;
		const char *expected;	/* numbers, or a part of the error */
	}			cases[] = {
		{"", "unset"},
		{"  \t ", "unset"},
		{"last=2", "2 0 0 0 0"},
		{" daily=7  LAST=1\tyearly=3 ", "1 7 0 0 3"},
		{"last=1 daily=2 weekly=3 monthly=4 yearly=100000", "1 2 3 4 100000"},
		{"last=0 daily=1", "0 1 0 0 0"},
		{"last=0", "at least one"},
		{"last=0 daily=0", "at least one"},
		{"last", "\"last\" is not one of"},
		{"last =2", "\"last\" is not one of"},
		{"last= 2", "number from 0 to 100000"},
		{"last=", "number from 0 to 100000"},
		{"last=-1", "number from 0 to 100000"},
		{"last=2x", "number from 0 to 100000"},
		{"last=2,daily=3", "number from 0 to 100000"},
		{"last=100001", "number from 0 to 100000"},
		{"last=99999999999999999999", "number from 0 to 100000"},
		{"last=1 last=2", "\"last\" is there twice"},
		{"hourly=2", "\"hourly=2\" is not one of"},
		{"=2", "\"=2\" is not one of"},
		{"lastly=2", "\"lastly=2\" is not one of"},
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		PgbPolicy	p;
		char	   *error = pgb_policy_parse(cases[i].text, &p);

		if (error != NULL)
			ok(strstr(error, cases[i].expected) != NULL, psprintf("policy '%s': %s", cases[i].text, error));
		else
			is_str(!p.is_set ? "unset" : psprintf("%d %d %d %d %d", p.last, p.periods[0], p.periods[1],
													 p.periods[2], p.periods[3]),
					  cases[i].expected, psprintf("policy '%s'", cases[i].text));
	}
}

/* ---- situations ---- */

/*
 * A backup is a word: its day and hour ("12.3", in the group "g"), then letters:
 * d damaged, i not to be read just now, x of a newer version, u used, p pinned, P pinned once but no longer, h of another group,
 * n its parent is the backup before it, a it leads to a timeline that was left.  Kept are those whose word has a "+" in front in
 * the expected outcome.
 */
#define MAX_BACKUPS		64
#define NOW				(1000 * DAY)

static PgbCandidate backups[MAX_BACKUPS];

static int
read_backups(const char *text, const PgbPolicy *policy)
{
	char	   *copy = pstrdup(text);
	int			count = 0;

	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
	{
		PgbCandidate *b = &backups[count];
		int			day,
					hour,
					length;

		memset(b, 0, sizeof(*b));
		if (*word == '+')
			word++;
		if (sscanf(word, "%d.%d%n", &day, &hour, &length) < 2)
			abort();
		b->id = word;
		b->group = "g";
		b->policy = policy;
		b->at = day * DAY + hour * HOUR;
		b->is_good = true;
		for (char *c = word + length; *c != '\0'; c++)
		{
			switch (*c)
			{
				case 'd':
					b->is_good = false;
					break;
				case 'i':
					b->is_good = false;
					b->is_unread = true;
					break;
				case 'x':
					b->is_good = false;
					b->is_unknown = true;
					break;
				case 'u':
					b->is_used = true;
					break;
				case 'p':
					b->pinned_until = NOW + 1;
					break;
				case 'P':
					b->pinned_until = NOW;
					break;
				case 'h':
					b->group = "h";
					break;
				case 'a':
					b->leads_aside = true;
					break;
				case 'n':
					b->parent = backups[count - 1].id;
					break;
			}
		}
		count++;
	}
	return count;
}

static char *
outcome(int count)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < count; i++)
		appendStringInfo(&text, "%s%s%s", i == 0 ? "" : " ", backups[i].keep ? "+" : "", backups[i].id);
	return text.data;
}

static void
test_situations(void)
{
	static const struct
	{
		const char *policy;
		const char *expected;
	}			cases[] = {
		{"", "+1.0 +2.0 +3.0d"},
		{"last=2", "1.0 2.0 +3.0 +4.0"},
		{"last=2", "+4.0"},
		{"last=9", "+1.0 +2.0"},
		{"last=1", "1.0 +2.0 +3.0d"},
		{"last=1", "1.0d +2.0"},
		{"last=1", "1.0 +2.0i +3.0"},
		{"last=2", "+1.0 +2.0i +3.0"},
		{"last=2", "+1.0 +2.0d +3.0"},
		{"last=2", "1.0d +2.0 +3.0"},
		{"daily=2", "1.0d 1.5 +1.9 2.0 +2.1"},
		{"daily=1", "+1.0d +2.0d"},
		{"daily=2", "1.0 +1.1 1.2d 2.0 2.1 +2.2"},
		{"daily=3", "1.0 +5.0 +9.0 +20.0"},
		{"last=1 daily=2", "1.0 +1.5 2.0 +2.1"},
		{"weekly=2", "1.0 +8.0 9.0 +15.0"},
		{"daily=2 monthly=2", "1.0 2.0 +29.0 31.0 +40.0 +41.0"},
		{"yearly=1", "1.0 +2.0"},
		{"last=1", "1.0h +2.0 3.0h +4.0h"},
		{"last=1", "+1.0h +2.0"},
		{"last=1", "+1.0u +2.0p 3.0P +4.0"},
		{"last=1", "+1.0du +2.0"},
		{"last=1", "+1.0 +2.0n +3.0n"},
		{"last=1", "1.0 2.0n +3.0"},
		{"last=1", "+1.0 +2.0np 3.0n +4.0"},
		{"last=1", "+1.0 +2.0dn"},
		{"last=1", "+1.0 +2.0x 3.0 +4.0"},
		{"last=1", "1.0h +2.0 +2.5d +3.0x +4.0x +5.0 +6.0h"},
		{"", "+1.0 +2.0x"},

		/* the clock was set back: what is from the future replaces nothing */
		{"last=1", "1.0 +2.0 +1001.0"},
		{"last=1 daily=1", "1.0 +2.0 +1001.0 +1002.0d"},
		{"last=2", "1.0 +2.0 +3.0 +1001.0"},
		{"last=1", "+1001.0"},

		/* a recovery to a moment of the past */
		{"last=1", "1.0 +2.0 +3.0a +4.0a"},
		{"last=1", "1.0 2.0a +3.0"},
		{"last=2", "+1.0 +2.0a +3.0"},
		{"last=2", "1.0 2.0a +3.0 +4.0"},
		{"last=1 daily=3", "1.0 +1.5a +2.0a +3.0"},
		{"last=1", "+1.0a"},
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		PgbPolicy	policy;
		int			count;
		bool		told = true;

		if (pgb_policy_parse(cases[i].policy, &policy) != NULL)
			abort();
		count = read_backups(cases[i].expected, &policy);
		pgb_decide_retention(backups, count, NOW, period_of, NULL);
		is_str(outcome(count), cases[i].expected, psprintf("retention '%s'", cases[i].policy));
		for (int b = 0; b < count; b++)
			told = told && backups[b].reason != NULL && backups[b].reason[0] != '\0';
		ok(told, "and each has a reason");
	}
}

/* ---- random catalogs ---- */

static bool
newer_good_exist(int count, int i, int at_least)
{
	int			good = 0;

	for (int j = i + 1; j < count; j++)
		good += backups[j].is_good && strcmp(backups[j].group, backups[i].group) == 0;
	return good >= at_least;
}

static int
kept_of(int count, const char *group)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
		kept += backups[i].keep && backups[i].is_good && strcmp(backups[i].group, group) == 0;
	return kept;
}

/* What no policy may break; returns what is broken, or NULL. */
static const char *
broken(int count, const PgbPolicy *policy)
{
	for (int i = 0; i < count; i++)
	{
		const PgbCandidate *b = &backups[i];

		if (b->keep)
		{
			for (int j = 0; b->parent != NULL && j < i; j++)
			{
				if (strcmp(backups[j].id, b->parent) == 0 && !backups[j].keep)
					return "the parent of a kept one is removed";
			}
			continue;
		}
		if (!policy->is_set)
			return "something is removed without a policy";
		if (b->is_unread)
			return "what could not be read is removed";
		if (b->is_used || b->pinned_until > NOW)
			return "something used or pinned is removed";
		for (int j = i; j < count; j++)
		{
			if (backups[j].is_unknown && strcmp(backups[j].group, b->group) == 0)
				return "what is not known, or what it may need, is removed";
		}
		if (!newer_good_exist(count, i, 1))
			return "the last good one, or a damaged one after it, is removed";
		if (b->is_good && !newer_good_exist(count, i, policy->last))
			return "one of the last is removed";
		for (int p = 0; p < PGB_PERIODS; p++)
		{
			/* the newest of its period is removed only when so many newer periods have one */
			int			newer = 0;
			int64		mine = period_of(NULL, b->at, p);
			int64		seen = mine;
			bool		is_newest = b->is_good;

			for (int j = i + 1; j < count; j++)
			{
				int64		other = period_of(NULL, backups[j].at, p);

				if (!backups[j].is_good || strcmp(backups[j].group, b->group) != 0)
					continue;
				if (other == mine)
					is_newest = false;
				if (other != seen)
					newer++;
				seen = other;
			}
			if (is_newest && newer < policy->periods[p])
				return "the last one of a period is removed";
		}
	}
	return NULL;
}

/* Taking away what was removed, the rest is kept: it does not shrink by itself. */
static bool
is_stable(int count, const PgbPolicy *policy)
{
	int			left = 0;

	for (int i = 0; i < count; i++)
	{
		if (backups[i].keep)
			backups[left++] = backups[i];
	}
	pgb_decide_retention(backups, left, NOW, period_of, NULL);
	for (int i = 0; i < left; i++)
	{
		if (!backups[i].keep)
			return false;
	}
	return true;
}

static void
test_random(int rounds)
{
	unsigned int seed = getenv("TEST_SEED") ? atoi(getenv("TEST_SEED")) : (unsigned int) time(NULL);
	const char *error = NULL;
	bool		stable = true;
	int			round;
	bool		few = true;

	printf("# TEST_SEED=%u\n", seed);
	srand(seed);
	for (round = 0; round < rounds && error == NULL && stable && few; round++)
	{
		PgbPolicy	policy = {.is_set = rand() % 20 != 0};
		int			count = rand() % MAX_BACKUPS;
		int64		at = DAY;
		int			most;

		policy.last = rand() % 4;
		for (int p = 0; p < PGB_PERIODS; p++)
			policy.periods[p] = rand() % 3 ? 0 : rand() % 5;
		for (int i = 0; i < count; i++)
		{
			PgbCandidate *b = &backups[i];

			at += (rand() % 4 ? rand() % 30 : rand() % 2000) * HOUR;
			at = Min(at, NOW);
			memset(b, 0, sizeof(*b));
			b->id = psprintf("%d", i);
			b->group = rand() % 3 ? "g" : "h";
			b->policy = &policy;
			b->at = at;
			b->is_good = rand() % 6 != 0;
			b->is_unknown = !b->is_good && rand() % 20 == 0;
			b->is_unread = !b->is_good && !b->is_unknown && rand() % 5 == 0;
			b->is_used = rand() % 15 == 0;
			b->pinned_until = rand() % 15 ? 0 : NOW + (rand() % 3 - 1);
			b->parent = i > 0 && rand() % 5 == 0 ? backups[rand() % i].id : NULL;
		}
		pgb_decide_retention(backups, count, NOW, period_of, NULL);
		error = broken(count, &policy);

		/* and it does remove: no more is kept than all rules together ask for */
		most = Max(policy.last, 1);
		for (int p = 0; p < PGB_PERIODS; p++)
			most += policy.periods[p];
		for (int i = 0; i < count; i++)
			most += backups[i].is_used || backups[i].pinned_until > NOW ||
				(backups[i].reason != NULL && (strstr(backups[i].reason, "needs it") != NULL ||
											   strstr(backups[i].reason, "may need it") != NULL));
		few = !policy.is_set || (kept_of(count, "g") <= most && kept_of(count, "h") <= most);
		if (error == NULL)
			stable = is_stable(count, &policy);
	}
	ok(error == NULL, psprintf("%d random catalogs: %s", rounds,
								 error ? error : "nothing is removed that must not be"));
	ok(few, "nor is more kept than is asked for");
	ok(stable, "and what was kept once is kept again");
	if (error != NULL || !stable || !few)
		printf("# in round %d\n", round);
}

int
main(void)
{
	test_text();
	test_situations();
	test_random(20000);
	return done_testing();
}
