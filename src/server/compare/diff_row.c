/*-------------------------------------------------------------------------
 *
 * diff_row.c
 *	  Two rows that have the same key: what differs.
 *
 * src/server/compare/diff_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/compare/diff.h"
#include "utils/datum.h"

/*
 * Mostly the bytes tell that two values are the same.  If they differ, the text decides: a
 * composite value from before an attribute of its type was dropped has other bytes, and
 * a type of the user's need not have one form only for each value.
 */
static bool
same_value(PgbDiffColumn *staged, Datum staged_value, PgbDiffColumn *live, Datum live_value)
{
	if (staged->base_type == live->base_type &&
		datum_image_eq(staged_value, live_value, live->by_value, live->length))
		return true;
	return strcmp(OutputFunctionCall(&staged->output, staged_value),
				  OutputFunctionCall(&live->output, live_value)) == 0;
}

int
pgb_diff_changed_pairs(PgbDiff *diff, bool *changed)
{
	const TupleTableSlot *staged = diff->tables[PGB_STAGED]->row;
	const TupleTableSlot *live = diff->tables[PGB_LIVE]->row;
	int			count = 0;

	for (int n = 0; n < diff->pair_count; n++)
	{
		int			s = diff->pairs[n].column[PGB_STAGED];
		int			l = diff->pairs[n].column[PGB_LIVE];

		if (staged->tts_isnull[s] || live->tts_isnull[l])
			changed[n] = (staged->tts_isnull[s] != live->tts_isnull[l]);
		else
			changed[n] = !same_value(&diff->tables[PGB_STAGED]->columns[s], staged->tts_values[s],
									 &diff->tables[PGB_LIVE]->columns[l], live->tts_values[l]);
		if (changed[n])
			count++;
	}
	return count;
}
