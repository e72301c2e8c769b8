/*-------------------------------------------------------------------------
 *
 * run.c
 *	  pgbackup_run and pgbackup_cancel.
 *
 * src/server/run.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "server/arguments.h"
#include "server/encoding.h"
#include "server/shmem.h"
#include "server/wait.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pgbackup_run);
PG_FUNCTION_INFO_V1(pgbackup_cancel);

Datum
pgbackup_run(PG_FUNCTION_ARGS)
{
	PgbTask		task;
	PgbRunOptions *options;
	bool		wait;
	char	   *id;

	pgb_shmem_require();
	task = pgb_kind_argument(fcinfo, 0);
	options = pgb_options_arguments(fcinfo, 1, task);
	wait = PG_ARGISNULL(10) || PG_GETARG_BOOL(10);

	id = pgb_run_job(task, pgb_options_to_json(options), wait);
	PG_RETURN_TEXT_P(cstring_to_text(id));
}

/* As for pg_cancel_backend(). */
static bool
may_cancel(Oid role)
{
	if (superuser())
		return true;
	return !superuser_arg(role) &&
		(has_privs_of_role(GetUserId(), role) ||
		 has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND));
}

Datum
pgbackup_cancel(PG_FUNCTION_ARGS)
{
	char	   *backup = text_to_cstring(PG_GETARG_TEXT_PP(0));
	PgbFoundJob found[PGB_MAX_JOBS];
	int			count;
	int			allowed = 0;

	pgb_shmem_require();
	count = pgb_job_find(pgb_to_utf8(backup), found);
	if (count == 0)
	{
		ereport(NOTICE,
				(errmsg("backup \"%s\" is not running", backup),
				 errhint("The view pgbackup_progress shows what is running.")));
		PG_RETURN_BOOL(false);
	}

	for (int i = 0; i < count; i++)
	{
		if (may_cancel(found[i].role))
			found[allowed++] = found[i];
	}
	if (allowed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to cancel backup \"%s\"", backup),
				 errhint("Members of the role that has started it and of pg_signal_backend may cancel it; if that role is a superuser, only superusers.")));
	if (allowed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("%d jobs are at work on backup \"%s\"", allowed, backup),
				 errhint("Cancel the statement that waits for the right one; or, as a superuser, its worker by pg_cancel_backend(), with the pid that pgbackup_progress shows.")));
	pgb_job_cancel(found[0].job);
	PG_RETURN_BOOL(true);
}
