/*-------------------------------------------------------------------------
 *
 * sandbox_entry.c
 *	  Sandboxes by hand, for the tests.
 *
 * No SQL object of the extension refers to these; the tests declare their own.  A sandbox
 * stays as long as its session, or until it is removed.
 *
 * src/server/recovery/sandbox_entry.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "server/guc.h"
#include "server/recovery/sandbox.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgb_test_sandbox_make);
PG_FUNCTION_INFO_V1(pgb_test_sandbox_remove);

static MemoryContext context = NULL;
static PgbSandbox *sandbox = NULL;

static List *
oids_of(ArrayType *array)
{
	Oid		   *oids = (Oid *) ARR_DATA_PTR(array);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	List	   *list = NIL;

	for (int i = 0; i < count; i++)
		list = lappend_oid(list, oids[i]);
	return list;
}

/*
 * (directory text, database oid, wanted oid[], at timestamptz, lsn pg_lsn, jobs int): its connection, its
 * database, and what it cost: bytes laid down, WAL, disk, the moment that was reached.
 */
Datum
pgb_test_sandbox_make(PG_FUNCTION_ARGS)
{
	PgbSandboxRequest request = {0};
	MemoryContext old;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("sandboxes by hand are for superusers")));
	if (context != NULL)
		elog(ERROR, "there is a sandbox in this session");
	context = AllocSetContextCreate(TopMemoryContext, "pgbackup test sandbox",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	request.directory = text_to_cstring(PG_GETARG_TEXT_PP(0));
	request.database = PG_GETARG_OID(1);
	request.wanted = oids_of(PG_GETARG_ARRAYTYPE_P(2));
	request.target.kind = PG_ARGISNULL(3) ? PGB_TARGET_LSN : PGB_TARGET_TIME;
	if (!PG_ARGISNULL(3))
		request.target.time = PG_GETARG_TIMESTAMPTZ(3);
	if (!PG_ARGISNULL(4))
		request.target.lsn = PG_GETARG_LSN(4);
	request.target.inclusive = true;
	request.jobs = PG_GETARG_INT32(5);
	PG_TRY();
	{
		request.route = pgb_route_find(pgb_server_repository(false), &request.target, NULL);
		sandbox = pgb_sandbox_make(&request);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		context = NULL;
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s dbname='%s'|%llu|%llu|%llu|%s|%s",
											  sandbox->conninfo, sandbox->database_name,
											  (unsigned long long) sandbox->restored_bytes,
											  (unsigned long long) sandbox->wal_bytes,
											  (unsigned long long) sandbox->disk_bytes,
											  pgb_time_to_text(sandbox->reached_time),
											  pgb_lsn_to_text(sandbox->reached_lsn))));
}

Datum
pgb_test_sandbox_remove(PG_FUNCTION_ARGS)
{
	if (context == NULL)
		PG_RETURN_BOOL(false);
	pgb_sandbox_remove(sandbox);
	MemoryContextDelete(context);
	context = NULL;
	sandbox = NULL;
	PG_RETURN_BOOL(true);
}
