/*-------------------------------------------------------------------------
 *
 * undrop.c
 *	  pgbackup_undrop: a table that was dropped or truncated, as it was before that.
 *
 * What pgbackup_drops has recorded says which OIDs, and of which place in the WAL: by then
 * the transaction had not committed, so a recovery that stops there has what was dropped.
 * A dropped table is staged and put back, a truncated one only staged, for it is there.
 *
 * src/server/undrop/undrop.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "server/arguments.h"
#include "server/guc.h"
#include "server/undrop/undrop.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_undrop);

/* in the order of the SQL function's arguments */
enum
{
	ARG_RELATION,
	ARG_BEFORE,
	ARG_CASCADE
};

/* ---- a truncated table ---- */

static Oid
stage_truncated(const PgbDrop *drop)
{
	PgbStage   *stage = palloc0(sizeof(PgbStage));

	stage->context = CurrentMemoryContext;
	stage->request.relation = drop->identity;
	stage->request.oid = drop->oid;
	stage->request.backup = PGB_LATEST;
	stage->request.has_target = true;
	stage->request.target = pgb_recover_target_lsn(drop->lsn);
	stage->request.schema = PGB_RECOVERY_SCHEMA;
	stage->request.with_indexes = true;
	pgb_stage_table_of_request(stage);
	CommandCounterIncrement();
	pgb_undrop_say_how_to_merge(stage->root->oid, drop);
	return stage->root->oid;
}

/* ---- what was dropped ---- */

/* What has rows in it, or a value. */
static bool
has_data(const PgbDropped *object)
{
	return object->class == RelationRelationId && object->sub == 0 &&
		(strcmp(object->type, "table") == 0 || strcmp(object->type, "sequence") == 0 ||
		 strcmp(object->type, "materialized view") == 0);
}

static void
recover(PgbUndrop *undrop)
{
	const PgbDrop *drop = undrop->drop;
	PgbRecoverRequest request = {0};
	ListCell   *lc;

	request.oids = list_make1_oid(drop->oid);
	foreach(lc, drop->objects)
		if (undrop->cascade && has_data(lfirst(lc)))
			request.oids = list_append_unique_oid(request.oids, ((PgbDropped *) lfirst(lc))->oid);
	request.target = pgb_recover_target_lsn(drop->lsn);
	request.backup = PGB_LATEST;
	request.jobs = pgb_guc_jobs;
	undrop->recovered = pgb_recover(&request);
}

static void
open_archives(PgbUndrop *undrop)
{
	const PgbRecovered *recovered = undrop->recovered;

	undrop->definitions = palloc0(sizeof(PgbStage));
	undrop->definitions->context = undrop->context;
	pgb_stage_open_toc(undrop->definitions, recovered->schema_toc, recovered->schema_toc_length,
					   recovered->backup);
	pgb_stage_index_relations(undrop->definitions);

	undrop->archive = palloc0(sizeof(PgbStage));
	undrop->archive->context = undrop->context;
	undrop->archive->recovered = undrop->recovered;
	pgb_stage_open_archive(undrop->archive);
}

/* Tables, and what they need or what is made of them, in the order in which that is possible. */
static void
put_back(PgbUndrop *undrop, PgbTocEntry *entry)
{
	if (pgb_undrop_is_part(entry) || !pgb_undrop_is_taken(undrop, entry))
		return;
	if (undrop->cascade && entry->schema_name != NULL && entry->schema_name[0] != '\0')
		pgb_undrop_need_schema(undrop, entry->schema_name);
	if (pgb_stage_is(entry, "TABLE"))
		pgb_undrop_put_table(undrop, entry);
	else
		pgb_undrop_make_object(undrop, entry);
}

static void
error_context(void *arg)
{
	errcontext("bringing back table \"%s\"", ((PgbUndrop *) arg)->drop->identity);
}

/* What an archive expects; bodies of functions may call what is not there yet. */
static int
set_settings(const PgbUndrop *undrop)
{
	int			level = pgb_stage_set_settings(undrop->definitions);

	(void) set_config_option("check_function_bodies", "off", PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

static void
bring_back(PgbUndrop *undrop)
{
	ErrorContextCallback callback;
	int			settings;

	callback.callback = error_context;
	callback.arg = undrop;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	pgb_undrop_select(undrop);
	settings = set_settings(undrop);
	pgb_undrop_each_entry(undrop, put_back);
	pgb_undrop_complete_tables(undrop);
	pgb_undrop_add_parts(undrop);
	pgb_undrop_add_inline(undrop);
	pgb_undrop_fill(undrop);
	pgb_undrop_check(undrop);
	AtEOXact_GUC(false, settings);

	error_context_stack = callback.previous;
}

/* What else there was: with cascade, only what has gone by another statement. */
static char *
lost_hint(const PgbUndrop *undrop)
{
	if (undrop->cascade)
		return NULL;
	return psprintf("cascade => true brings back what went along: roll back and call it so; or, before anybody writes to the table, drop it again and SELECT pgbackup_undrop(%s, before => '%s', cascade => true).",
					quote_literal_cstr(undrop->drop->identity),
					timestamptz_to_str(GetCurrentTransactionStartTimestamp()));
}

static Oid
undrop_dropped(PgbDrop *drop, bool cascade)
{
	PgbUndrop  *undrop = palloc0(sizeof(PgbUndrop));

	undrop->drop = drop;
	undrop->cascade = cascade;
	undrop->caller = GetUserId();
	undrop->context = CurrentMemoryContext;
	recover(undrop);
	open_archives(undrop);
	bring_back(undrop);
	pgb_recovered_release(undrop->recovered);
	pgb_undrop_report_tables(undrop, lost_hint(undrop));
	pgb_stage_report(undrop->definitions);
	return pgb_undrop_table(undrop, drop->oid);
}

/* ---- the function ---- */

static Oid
undrop(FunctionCallInfo fcinfo)
{
	bool		cascade = !PG_ARGISNULL(ARG_CASCADE) && PG_GETARG_BOOL(ARG_CASCADE);
	char	   *relation = pgb_text_argument(fcinfo, ARG_RELATION, "relation");
	TimestampTz before = PG_ARGISNULL(ARG_BEFORE) ? 0 : PG_GETARG_TIMESTAMPTZ(ARG_BEFORE);
	PgbDrop    *drop = pgb_drop_find(relation, PG_ARGISNULL(ARG_BEFORE) ? NULL : &before);

	pgb_drop_authorize(drop, cascade);
	if (!drop->truncated)
		pgb_drop_check_name(drop);
	return drop->truncated ? stage_truncated(drop) : undrop_dropped(drop, cascade);
}

Datum
pgbackup_undrop(PG_FUNCTION_ARGS)
{
	MemoryContext caller_context = CurrentMemoryContext;
	MemoryContext context;
	Oid			relation;

	PreventCommandIfReadOnly("pgbackup_undrop()");
	PreventCommandIfParallelMode("pgbackup_undrop()");

	/* files of the repository are closed with it, also after an error */
	context = AllocSetContextCreate(caller_context, "pgbackup undrop", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	relation = undrop(fcinfo);
	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(context);
	PG_RETURN_OID(relation);
}
