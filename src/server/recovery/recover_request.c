/*-------------------------------------------------------------------------
 *
 * recover_request.c
 *	  What is to be recovered, from the caller's words to the job.
 *
 * src/server/recovery/recover_request.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "io/json.h"
#include "nodes/value.h"
#include "server/encoding.h"
#include "server/recovery/recover_work.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#define WHAT	"request of a recovery"

/* ---- the caller's words ---- */

PgbTarget
pgb_recover_target_time(TimestampTz at)
{
	PgbTarget	target = {.kind = PGB_TARGET_TIME, .time = at, .inclusive = true};

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot recover to time %s: it is no moment", timestamptz_to_str(at)),
				 errhint("pgbackup_recovery_window() shows what can be reached.")));
	return target;
}

/* The record that begins there is not wanted any more. */
PgbTarget
pgb_recover_target_lsn(XLogRecPtr at)
{
	PgbTarget	target = {.kind = PGB_TARGET_LSN, .lsn = at, .inclusive = false};

	if (XLogRecPtrIsInvalid(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot recover to LSN 0/0: there is no WAL"),
				 errhint("pgbackup_recovery_window() shows what can be reached.")));
	return target;
}

bool
pgb_recover_target_argument(FunctionCallInfo fcinfo, int at, int at_lsn, PgbTarget *target)
{
	if (!PG_ARGISNULL(at) && !PG_ARGISNULL(at_lsn))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments \"%s\" and \"%s\" exclude each other", "at", "at_lsn"),
				 errhint("Give the moment as one of them.")));
	if (!PG_ARGISNULL(at))
		*target = pgb_recover_target_time(PG_GETARG_TIMESTAMPTZ(at));
	else if (!PG_ARGISNULL(at_lsn))
		*target = pgb_recover_target_lsn(PG_GETARG_LSN(at_lsn));
	else
		return false;
	return true;
}

PgbRecoverName *
pgb_recover_name(const char *relation)
{
	List	   *parts = textToQualifiedNameList(cstring_to_text(relation));
	PgbRecoverName *name = palloc0(sizeof(PgbRecoverName));

	if (list_length(parts) > 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a table: \"%s\"", relation),
				 errdetail("It has more parts than a database, a schema and a table.")));
	name->name = strVal(llast(parts));
	if (list_length(parts) > 1)
		name->schema = strVal(list_nth(parts, list_length(parts) - 2));
	return name;
}

List *
pgb_recover_search_path(void)
{
	List	   *schemas = NIL;
	ListCell   *lc;

	foreach(lc, fetch_search_path(false))
	{
		char	   *schema = get_namespace_name(lfirst_oid(lc));

		if (schema != NULL)
			schemas = lappend(schemas, schema);
	}
	return schemas;
}

/* ---- as JSON ---- */

char *
pgb_recover_request_to_json(const PgbRecoverRequest *request)
{
	StringInfoData json;
	PgbJsonWriter w;
	ListCell   *lc;

	initStringInfo(&json);
	pgb_json_begin(&w, &json, false);
	pgb_json_object(&w, NULL);
	pgb_json_array(&w, "names");
	foreach(lc, request->names)
	{
		const PgbRecoverName *name = lfirst(lc);

		pgb_json_object(&w, NULL);
		pgb_json_string(&w, "schema", pgb_to_utf8(name->schema));
		pgb_json_string(&w, "name", pgb_to_utf8(name->name));
		pgb_json_end_object(&w);
	}
	pgb_json_end_array(&w);
	pgb_json_array(&w, "oids");
	foreach(lc, request->oids)
		pgb_json_uint64(&w, NULL, lfirst_oid(lc));
	pgb_json_end_array(&w);
	pgb_json_array(&w, "search_path");
	foreach(lc, request->search_path)
		pgb_json_string(&w, NULL, pgb_to_utf8(lfirst(lc)));
	pgb_json_end_array(&w);
	if (request->target.kind == PGB_TARGET_TIME)
		pgb_json_string(&w, "time", pgb_time_to_text(request->target.time));
	else
		pgb_json_string(&w, "lsn", pgb_lsn_to_text(request->target.lsn));
	pgb_json_string(&w, "backup", request->backup);
	pgb_json_uint64(&w, "jobs", (uint64) request->jobs);
	pgb_json_end_object(&w);
	return json.data;
}

static List *
read_names(const PgbJson *array)
{
	List	   *names = NIL;

	for (uint32 i = 0; array != NULL && i < array->count; i++)
	{
		PgbRecoverName *name = palloc0(sizeof(PgbRecoverName));

		name->schema = pgb_from_utf8(pgb_json_get_string(array->values[i], "schema", WHAT));
		name->name = pgb_from_utf8(pgb_json_need_string(array->values[i], "name", WHAT));
		names = lappend(names, name);
	}
	return names;
}

static void
read_target(const PgbJson *json, PgbTarget *target)
{
	char	   *time = pgb_json_get_string(json, "time", WHAT);

	if (time != NULL)
		*target = pgb_recover_target_time(pgb_time_from_text(time, WHAT));
	else
		*target = pgb_recover_target_lsn(pgb_lsn_from_text(pgb_json_need_string(json, "lsn", WHAT),
														   WHAT));
}

/* Names are converted: call within a transaction. */
PgbRecoverRequest *
pgb_recover_request_from_json(const char *text, size_t length)
{
	PgbJson    *json = pgb_json_parse(text, length, WHAT);
	PgbRecoverRequest *request = palloc0(sizeof(PgbRecoverRequest));
	PgbJson    *oids = pgb_json_get_array(json, "oids", WHAT);
	PgbJson    *schemas = pgb_json_get_array(json, "search_path", WHAT);

	request->names = read_names(pgb_json_get_array(json, "names", WHAT));
	for (uint32 i = 0; oids != NULL && i < oids->count; i++)
		request->oids = lappend_oid(request->oids, (Oid) pgb_json_to_uint64(oids->values[i], WHAT));
	for (uint32 i = 0; schemas != NULL && i < schemas->count; i++)
		request->search_path = lappend(request->search_path, pgb_from_utf8(schemas->values[i]->text));
	read_target(json, &request->target);
	request->backup = pgb_json_get_string(json, "backup", WHAT);
	request->jobs = (int) pgb_json_need_uint64(json, "jobs", WHAT);
	return request;
}
