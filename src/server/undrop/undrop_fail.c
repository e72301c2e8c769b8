/*-------------------------------------------------------------------------
 *
 * undrop_fail.c
 *	  What is told when something does not come back.
 *
 * src/server/undrop/undrop_fail.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "server/undrop/undrop.h"
#include "utils/builtins.h"

/* Failures that are spelled out. */
#define FAILURES_MAX	10

RangeVar *
pgb_undrop_name(const PgbTocEntry *entry)
{
	return entry == NULL || entry->schema_name == NULL ? NULL :
		makeRangeVar(entry->schema_name, entry->tag, -1);
}

/* Functions have their arguments in the tag, quoted as needed. */
char *
pgb_undrop_title(const PgbTocEntry *entry)
{
	char	   *kind = pstrdup(entry->desc);

	for (char *c = kind; *c != '\0'; c++)
		*c = pg_tolower((unsigned char) *c);
	if (entry->schema_name == NULL || entry->schema_name[0] == '\0')
		return psprintf("%s %s", kind, entry->tag);
	return psprintf("%s %s.%s", kind, quote_identifier(entry->schema_name), entry->tag);
}

void
pgb_undrop_fail(PgbUndrop *undrop, const char *text)
{
	MemoryContext old = MemoryContextSwitchTo(undrop->context);

	undrop->failures = lappend(undrop->failures, pstrdup(text));
	MemoryContextSwitchTo(old);
}

char *
pgb_undrop_way_out(const PgbUndrop *undrop)
{
	return psprintf("Nothing has been changed.%s  To have the table without what is in the way: SELECT pgbackup_promote_table(staged) FROM pgbackup_restore_table(%s, at_lsn => '%s'); which puts back the rest, and warns of what it cannot.",
					undrop->cascade ? "" : "  cascade => true brings back what went along.",
					quote_literal_cstr(undrop->drop->identity), pgb_lsn_to_text(undrop->drop->lsn));
}

void
pgb_undrop_check(PgbUndrop *undrop)
{
	StringInfoData text;
	int			count = 0;
	ListCell   *lc;

	if (undrop->failures == NIL)
		return;
	initStringInfo(&text);
	foreach(lc, undrop->failures)
	{
		if (count++ < FAILURES_MAX)
			appendStringInfo(&text, "%s%s", text.len > 0 ? "\n" : "", (char *) lfirst(lc));
	}
	if (count > FAILURES_MAX)
		appendStringInfo(&text, "\nand %d more", count - FAILURES_MAX);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" cannot be brought back as it was", undrop->drop->identity),
			 errdetail_internal("%s", text.data),
			 errhint("%s", pgb_undrop_way_out(undrop))));
}

static bool
is_name_taken(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_DUPLICATE_OBJECT ||
		error->sqlerrcode == ERRCODE_DUPLICATE_TABLE ||
		error->sqlerrcode == ERRCODE_DUPLICATE_FUNCTION ||
		error->sqlerrcode == ERRCODE_DUPLICATE_SCHEMA;
}

void
pgb_undrop_raise(PgbUndrop *undrop, const PgbTocEntry *entry, const ErrorData *error)
{
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("%s cannot be brought back", pgb_undrop_title(entry)),
			 errdetail_internal("%s", pgb_promote_error_text(error)),
			 is_name_taken(error) ?
			 errhint("Rename or drop what has its name, and try again; nothing has been changed.") :
			 errhint("%s", pgb_undrop_way_out(undrop))));
}
