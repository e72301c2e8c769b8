/*-------------------------------------------------------------------------
 *
 * undrop_table.c
 *	  Tables that come back: staged from what was recovered, and promoted.
 *
 * src/server/undrop/undrop_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "server/undrop/undrop.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A table that comes back, with its promotion. */
typedef struct UndroppedTable
{
	Oid			dropped;		/* the OID that it had */
	PgbPromote *promote;
} UndroppedTable;

/* ---- its place, and its rows ---- */

static void
keep_missing(PgbUndrop *undrop, const PgbStage *stage)
{
	ListCell   *lc;

	foreach(lc, stage->missing)
		pgb_undrop_fail(undrop, psprintf("table %s: %s.", pgb_stage_old_name(stage->root->entry),
										 (char *) lfirst(lc)));
}

static void
note_unlogged(PgbUndrop *undrop, const PgbStage *stage)
{
	ListCell   *lc;

	foreach(lc, stage->tables)
	{
		const PgbStagedTable *table = lfirst(lc);

		if (table->role != PGB_STAGED_SCAFFOLD && !table->partitioned &&
			get_rel_persistence(table->oid) == RELPERSISTENCE_UNLOGGED)
			pgb_stage_note(undrop->definitions, WARNING,
						   "table \"%s\" was unlogged: it comes back empty, for its rows are in no base backup and in no WAL",
						   pgb_stage_old_name(table->entry));
	}
}

static Oid
stage_table(PgbUndrop *undrop, PgbTocEntry *entry)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup staging",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PgbStage   *stage = palloc0(sizeof(PgbStage));
	Oid			staged;

	stage->context = context;
	stage->recovered = undrop->recovered;
	stage->request.relation = pgb_stage_old_name(entry);
	stage->request.oid = entry->oid;
	stage->request.backup = PGB_LATEST;
	stage->request.has_target = true;
	stage->request.target = pgb_recover_target_lsn(undrop->drop->lsn);
	stage->request.schema = PGB_RECOVERY_SCHEMA;
	stage->request.with_indexes = true;
	stage->request.for_promotion = true;
	pgb_stage_table_of_request(stage);
	CommandCounterIncrement();
	keep_missing(undrop, stage);
	note_unlogged(undrop, stage);
	staged = stage->root->oid;

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return staged;
}

/* Without cascade, other tables of the same drop may be undropped another time. */
static bool
comes_back(const PgbTocEntry *table, void *arg)
{
	const PgbUndrop *undrop = arg;

	if (undrop->cascade)
		return pgb_undrop_is_taken(undrop, table);
	return pgb_undrop_dropped(undrop, table) != NULL && !OidIsValid(pgb_promote_live(pgb_undrop_name(table)));
}

static void
promote_table(PgbUndrop *undrop, const PgbTocEntry *entry, Oid staged)
{
	MemoryContext old = MemoryContextSwitchTo(undrop->context);
	UndroppedTable *table = palloc0(sizeof(UndroppedTable));

	table->dropped = entry->oid;
	table->promote = pgb_promote_create(staged);
	table->promote->definitions = undrop->definitions;
	table->promote->strict = true;
	table->promote->comes_back = comes_back;
	table->promote->comes_back_arg = undrop;
	pgb_promote_begin(table->promote);
	undrop->tables = lappend(undrop->tables, table);
	MemoryContextSwitchTo(old);
}

void
pgb_undrop_put_table(PgbUndrop *undrop, PgbTocEntry *entry)
{
	PgbTocEntry *parent = pgb_promote_parent(undrop->definitions, entry);

	/* a partition comes with the whole */
	if (parent == NULL || !pgb_undrop_is_taken(undrop, parent))
		promote_table(undrop, entry, stage_table(undrop, entry));
}

/* ---- what hangs on it ---- */

void
pgb_undrop_complete_tables(PgbUndrop *undrop)
{
	MemoryContext old = MemoryContextSwitchTo(undrop->context);
	ListCell   *lc;

	foreach(lc, undrop->tables)
	{
		PgbPromote *promote = ((UndroppedTable *) lfirst(lc))->promote;

		pgb_promote_end(promote);
		undrop->failures = list_concat(undrop->failures, promote->failures);
	}
	MemoryContextSwitchTo(old);
}

void
pgb_undrop_report_tables(PgbUndrop *undrop, const char *hint)
{
	ListCell   *lc;

	foreach(lc, undrop->tables)
	{
		PgbPromote *promote = ((UndroppedTable *) lfirst(lc))->promote;

		pgb_promote_note_lost(promote, hint);
		pgb_stage_report(promote->stage);
	}
}

/* ---- who is who ---- */

Oid
pgb_undrop_table(const PgbUndrop *undrop, Oid dropped)
{
	ListCell   *lc;

	foreach(lc, undrop->tables)
	{
		const UndroppedTable *table = lfirst(lc);

		if (table->dropped == dropped)
			return table->promote->staged;
	}

	/* a partition of another one */
	return pgb_promote_live(pgb_undrop_name(pgb_undrop_entry(undrop, RelationRelationId, dropped)));
}

bool
pgb_undrop_is_of_tables(const PgbUndrop *undrop, const RangeVar *name)
{
	ListCell   *lc;

	foreach(lc, undrop->tables)
		if (pgb_promote_is_part(((UndroppedTable *) lfirst(lc))->promote, name))
			return true;
	return false;
}
