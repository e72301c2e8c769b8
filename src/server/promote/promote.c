/*-------------------------------------------------------------------------
 *
 * promote.c
 *	  pgbackup_promote_table: a staged table put back.
 *
 * All of it belongs to the caller's transaction.  What can take long on the table alone
 * (indexes that were not staged) comes before any other table is locked; foreign
 * keys, which read others, come last but for what takes no time.
 *
 * src/server/promote/promote.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "server/promote/promote.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(pgbackup_promote_table);

static void
error_context(void *arg)
{
	const PgbPromote *promote = arg;

	errcontext("putting back table \"%s\" from backup \"%s\"",
			   promote->stage->request.relation, promote->stage->request.backup);
}

static void
push_context(ErrorContextCallback *callback, PgbPromote *promote)
{
	callback->callback = error_context;
	callback->arg = promote;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

PgbPromote *
pgb_promote_create(Oid staged)
{
	PgbPromote *promote = palloc0(sizeof(PgbPromote));

	promote->stage = palloc0(sizeof(PgbStage));
	promote->stage->context = CurrentMemoryContext;
	promote->staged = staged;
	promote->caller = GetUserId();
	return promote;
}

void
pgb_promote_begin(PgbPromote *promote)
{
	ErrorContextCallback callback;
	int			settings;

	pgb_promote_take(promote);

	push_context(&callback, promote);
	pgb_promote_open_archive(promote);
	settings = pgb_stage_set_settings(promote->stage);

	pgb_promote_check_names(promote);
	pgb_promote_move(promote);
	pgb_promote_set_owners(promote);

	AtEOXact_GUC(false, settings);
	error_context_stack = callback.previous;
}

void
pgb_promote_end(PgbPromote *promote)
{
	ErrorContextCallback callback;
	int			settings;

	push_context(&callback, promote);
	settings = pgb_stage_set_settings(promote->stage);

	pgb_promote_complete_tables(promote);

	pgb_promote_lock_others(promote);
	pgb_promote_join_tree(promote);
	pgb_promote_add_objects(promote);
	pgb_promote_add_grants(promote);
	pgb_promote_add_foreign_keys(promote);
	pgb_promote_finish(promote);

	AtEOXact_GUC(false, settings);
	error_context_stack = callback.previous;
}

static void
promote_table(Oid staged)
{
	MemoryContext caller_context = CurrentMemoryContext;
	MemoryContext context;
	PgbPromote *promote;

	/* files of the repository are closed with it, also after an error */
	context = AllocSetContextCreate(caller_context, "pgbackup promotion", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	promote = pgb_promote_create(staged);
	pgb_promote_begin(promote);
	pgb_promote_end(promote);
	pgb_promote_note_lost(promote, NULL);
	pgb_stage_report(promote->stage);

	MemoryContextSwitchTo(caller_context);
	MemoryContextDelete(context);
}

Datum
pgbackup_promote_table(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("pgbackup_promote_table()");
	PreventCommandIfParallelMode("pgbackup_promote_table()");

	promote_table(PG_GETARG_OID(0));
	PG_RETURN_OID(PG_GETARG_OID(0));
}
