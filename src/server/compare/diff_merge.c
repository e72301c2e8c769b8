/*-------------------------------------------------------------------------
 *
 * diff_merge.c
 *	  The merge of two tables, and the differences that it finds.
 *
 * src/server/compare/diff_merge.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "server/compare/diff.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* ---- what is found ---- */

static Datum
names_of(const PgbDiff *diff, const bool *pairs)
{
	Datum	   *names = palloc(sizeof(Datum) * Max(diff->pair_count, 1));
	int			count = 0;

	for (int n = 0; n < diff->pair_count; n++)
	{
		if (pairs[n])
			names[count++] = CStringGetTextDatum(pgb_diff_column(diff, PGB_STAGED, n)->name);
	}
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Where a difference would not be seen in jsonb, both values are shown as text. */
static const bool *
shown_as_text(PgbDiff *diff, const bool *changed)
{
	bool	   *as_text = palloc0(sizeof(bool) * diff->pair_count);

	for (int n = 0; n < diff->pair_count; n++)
		as_text[n] = changed[n] && pgb_diff_looks_same(diff, n);
	return as_text;
}

/* One row of the result; "changed" is NULL if the row is in one table only. */
static void
put(PgbDiff *diff, const char *change, bool staged, bool live, const bool *changed, int64 copies)
{
	const bool *as_text = changed != NULL ? shown_as_text(diff, changed) : NULL;
	Datum		values[6] = {0};
	bool		nulls[6];

	memset(nulls, true, sizeof(nulls));

#define COLUMN(n, value) (nulls[n] = false, values[n] = (value))
	COLUMN(0, CStringGetTextDatum(change));
	if (diff->key_count > 0)
		COLUMN(1, pgb_diff_key_as_jsonb(diff, staged ? PGB_STAGED : PGB_LIVE));
	if (staged)
		COLUMN(2, pgb_diff_row_as_jsonb(diff, PGB_STAGED, as_text));
	if (live)
		COLUMN(3, pgb_diff_row_as_jsonb(diff, PGB_LIVE, as_text));
	if (changed != NULL)
		COLUMN(4, names_of(diff, changed));
	COLUMN(5, Int64GetDatum(copies));
#undef COLUMN

	tuplestore_putvalues(diff->result->setResult, diff->result->setDesc, values, nulls);
}

static void
found_only(PgbDiff *diff, PgbDiffSide side, int64 copies)
{
	diff->counts.only[side] += copies;
	if (diff->result == NULL)
		return;
	if (side == PGB_STAGED)
		put(diff, "only_staged", true, false, NULL, copies);
	else
		put(diff, "only_live", false, true, NULL, copies);
}

static void
found_same_key(PgbDiff *diff, bool *changed)
{
	if (pgb_diff_changed_pairs(diff, changed) == 0)
	{
		diff->counts.equal++;
		return;
	}
	diff->counts.changed++;
	if (diff->result != NULL)
		put(diff, "changed", true, true, changed, 1);
}

/* The same rows in both tables, but maybe more of them in one. */
static void
found_same_rows(PgbDiff *diff)
{
	int64		staged = diff->tables[PGB_STAGED]->copies;
	int64		live = diff->tables[PGB_LIVE]->copies;

	diff->counts.equal += Min(staged, live);
	if (staged > live)
		found_only(diff, PGB_STAGED, staged - live);
	if (live > staged)
		found_only(diff, PGB_LIVE, live - staged);
}

/* ---- the merge ---- */

/* Which of the current rows comes first: less than 0 for the staged one, 0 for both. */
static int
compare_current(PgbDiff *diff, bool staged, bool live)
{
	if (!staged)
		return 1;
	if (!live)
		return -1;
	return pgb_diff_compare_keys(diff, PGB_STAGED, diff->tables[PGB_STAGED]->key,
								 PGB_LIVE, diff->tables[PGB_LIVE]->key);
}

void
pgb_diff_merge(PgbDiff *diff)
{
	bool	   *changed = palloc(sizeof(bool) * Max(diff->pair_count, 1));
	MemoryContext old = MemoryContextSwitchTo(diff->row_context);
	bool		staged = pgb_diff_next(diff, PGB_STAGED);
	bool		live = pgb_diff_next(diff, PGB_LIVE);

	while (staged || live)
	{
		int			order = compare_current(diff, staged, live);

		CHECK_FOR_INTERRUPTS();
		if (order < 0)
			found_only(diff, PGB_STAGED, diff->tables[PGB_STAGED]->copies);
		else if (order > 0)
			found_only(diff, PGB_LIVE, diff->tables[PGB_LIVE]->copies);
		else if (diff->key_count > 0)
			found_same_key(diff, changed);
		else
			found_same_rows(diff);

		MemoryContextReset(diff->row_context);
		if (order <= 0)
			staged = pgb_diff_next(diff, PGB_STAGED);
		if (order >= 0)
			live = pgb_diff_next(diff, PGB_LIVE);
	}
	MemoryContextSwitchTo(old);
}
