/*-------------------------------------------------------------------------
 *
 * task.c
 *	  What a job can be: each kind of work, and the functions that do it.
 *
 * src/server/task.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/logical/export.h"
#include "server/physical/base.h"
#include "server/recovery/recover.h"
#include "server/restore/restore.h"
#include "server/task.h"
#include "server/verify/verify.h"

#define NOTHING_IN_REPOSITORY	"Nothing of it is left in the repository."

static const PgbTaskOps tasks[] = {
	[PGB_TASK_LOGICAL] = {
		.name = "logical",
		.noun = "backup",
		.leavings = NOTHING_IN_REPOSITORY,
		.is_backup = true,
		.is_scheduled = true,
		.create = pgb_export_create,
		.run = pgb_export_run,
		.cleanup = pgb_export_cleanup
	},
	[PGB_TASK_FULL] = {
		.name = "full",
		.noun = "backup",
		.leavings = NOTHING_IN_REPOSITORY,
		.is_backup = true,
		.is_scheduled = true,
		.create = pgb_base_create,
		.run = pgb_base_run,
		.cleanup = pgb_base_cleanup,
		.report = pgb_base_report
	},
	[PGB_TASK_RESTORE_DATABASE] = {
		.name = "restore",
		.noun = "restore",
		.leavings = "Of a database that is not complete nothing is left, unless it was to be kept.",
		.create = pgb_restore_create,
		.run = pgb_restore_run,
		.cleanup = pgb_restore_cleanup,
		.report = pgb_restore_report
	},
	[PGB_TASK_RECOVER] = {
		.name = "recovery",
		.noun = "recovery",
		.leavings = "Nothing of it is left in the scratch directory.",
		.create = pgb_recover_create,
		.run = pgb_recover_run,
		.cleanup = pgb_recover_cleanup
	},
	[PGB_TASK_VERIFY] = {
		.name = "verify",
		.noun = "verification",
		.leavings = "Nothing of what it has restored is left.",
		.is_scheduled = true,
		.create = pgb_verify_job_create,
		.run = pgb_verify_job_run,
		.cleanup = pgb_verify_job_cleanup,
		.report = pgb_verify_job_report
	}
};

const PgbTaskOps *
pgb_task_ops(PgbTask task)
{
	Assert(task >= 0 && task < lengthof(tasks));
	return &tasks[task];
}

/* Those among which somebody can choose: "logical", "full" or "verify" */
static char *
list_kinds(bool to_be_scheduled)
{
	StringInfoData list;
	const char *last = NULL;

	initStringInfo(&list);
	for (int i = 0; i < lengthof(tasks); i++)
	{
		if (!(to_be_scheduled ? tasks[i].is_scheduled : tasks[i].is_backup))
			continue;
		if (last != NULL)
			appendStringInfo(&list, "%s\"%s\"", list.len == 0 ? "" : ", ", last);
		last = tasks[i].name;
	}
	appendStringInfo(&list, "%s\"%s\"", list.len == 0 ? "" : " or ", last);
	return list.data;
}

PgbTask
pgb_task_of_backup(const char *kind)
{
	for (int i = 0; i < lengthof(tasks); i++)
	{
		if (tasks[i].is_backup && strcmp(tasks[i].name, kind) == 0)
			return (PgbTask) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of backup \"%s\"", kind),
			 errhint("This version makes backups of kind %s.", list_kinds(false))));
}

PgbTask
pgb_task_of_schedule(const char *kind)
{
	for (int i = 0; i < lengthof(tasks); i++)
	{
		if (tasks[i].is_scheduled && strcmp(tasks[i].name, kind) == 0)
			return (PgbTask) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of backup \"%s\"", kind),
			 errhint("Schedules are of kind %s.", list_kinds(true))));
}
