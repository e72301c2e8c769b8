/*-------------------------------------------------------------------------
 *
 * restore_call.c
 *	  pgbackup_restore_database: what is asked for.
 *
 * src/server/restore/restore_call.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "io/json.h"
#include "miscadmin.h"
#include "server/arguments.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/restore/restore.h"
#include "server/wait.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pgbackup_restore_database);

/* in the order of the SQL function's arguments */
enum
{
	ARG_NEW_DATABASE,
	ARG_BACKUP,
	ARG_JOBS,
	ARG_KEEP_PARTIAL,
	ARG_WAIT
};

#define WHAT	"request of a restore"

/* The request travels as UTF-8: a name that would not come back the same names something else. */
static void
check_name_is_text(const char *name)
{
	if (strcmp(pgb_from_utf8(pgb_to_utf8(name)), name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of the new database is no text that can be converted to UTF-8")));
}

static char *
name_argument(FunctionCallInfo fcinfo)
{
	char	   *name = pgb_text_argument(fcinfo, ARG_NEW_DATABASE, "new_database");

	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("argument \"%s\" must not be empty", "new_database")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name \"%s\" is too long", name),
				 errdetail("A name has at most %d bytes.", NAMEDATALEN - 1)));
	if (strpbrk(name, "\r\n") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name of a database must not have line ends"),
				 errdetail("Client programs such as pg_dumpall cannot deal with them.")));
	check_name_is_text(name);
	return name;
}

void
pgb_restore_check_name(const char *new_database)
{
	if (OidIsValid(get_database_oid(new_database, true)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_DATABASE),
				 errmsg("database \"%s\" already exists", new_database),
				 errhint("Choose another name, or rename the database that has it first.")));
}

static char *
write_request(const PgbRestoreRequest *request)
{
	StringInfoData buf;
	PgbJsonWriter w;

	initStringInfo(&buf);
	pgb_json_begin(&w, &buf, false);
	pgb_json_object(&w, NULL);
	pgb_json_string(&w, "backup", pgb_to_utf8(request->backup));
	pgb_json_string(&w, "new_database", pgb_to_utf8(request->new_database));
	pgb_json_uint64(&w, "jobs", (uint64) request->jobs);
	pgb_json_uint64(&w, "keep_partial", request->keep_partial ? 1 : 0);
	pgb_json_end_object(&w);
	return buf.data;
}

void
pgb_restore_read_request(const char *text, PgbRestoreRequest *request)
{
	PgbJson    *json = pgb_json_parse(text, strlen(text), WHAT);

	request->backup = pgb_from_utf8(pgb_json_need_string(json, "backup", WHAT));
	request->new_database = pgb_from_utf8(pgb_json_need_string(json, "new_database", WHAT));
	request->jobs = (int) pgb_json_need_uint64(json, "jobs", WHAT);
	request->keep_partial = pgb_json_need_uint64(json, "keep_partial", WHAT) != 0;
}

Datum
pgbackup_restore_database(PG_FUNCTION_ARGS)
{
	PgbRestoreRequest request;
	bool		wait;

	/* it makes roles and databases, and runs what the archive says */
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to restore a database"),
				 errdetail("Only superusers may do that.")));
	pgb_shmem_require();
	PreventCommandDuringRecovery("pgbackup_restore_database()");

	request.new_database = name_argument(fcinfo);
	request.backup = pgb_text_argument(fcinfo, ARG_BACKUP, "backup");
	request.jobs = pgb_integer_argument(fcinfo, ARG_JOBS, "jobs", pgb_guc_jobs, 1, 64);
	request.keep_partial = !PG_ARGISNULL(ARG_KEEP_PARTIAL) && PG_GETARG_BOOL(ARG_KEEP_PARTIAL);
	wait = PG_ARGISNULL(ARG_WAIT) || PG_GETARG_BOOL(ARG_WAIT);

	pgb_restore_check_name(request.new_database);
	PG_RETURN_TEXT_P(cstring_to_text(pgb_run_job(PGB_TASK_RESTORE_DATABASE,
												 write_request(&request), wait)));
}
