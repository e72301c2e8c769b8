/*-------------------------------------------------------------------------
 *
 * check.c
 *	  The health of a repository: the table of the checks, and the place itself.
 *
 * A new check is a function and a line in the table at the end.
 *
 * src/repo/check.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/check.h"

const char *
pgb_check_status_name(PgbCheckStatus status)
{
	switch (status)
	{
		case PGB_CHECK_OK:
			return "ok";
		case PGB_CHECK_WARN:
			return "warn";
		case PGB_CHECK_FAIL:
			return "fail";
	}
	return "unknown";
}

void
pgb_check_report(PgbCheck *check, const char *name, PgbCheckStatus status, const char *detail,
				 const char *hint)
{
	check->report(check->arg, name, status, detail, hint);
}

/* ---- the place ---- */

/* Where the next backup would be; a cluster that has none yet has no folder of its own. */
static char *
test_object(const PgbCheck *check)
{
	PgbStore   *store = check->repository->store;
	char	   *folder = pgb_cluster_folder(check->repository->system_identifier);
	PgbStat		stat;

	return store->ops->stat(store, folder, &stat) ? psprintf("%s/check.tmp", folder) : "check.tmp";
}

static void
check_repository(PgbCheck *check, const char *name)
{
	PgbStore   *store = check->repository->store;
	char	   *object = test_object(check);

	store->ops->put(store, object, "", 0);
	store->ops->remove(store, object);
	pgb_check_report(check, name, PGB_CHECK_OK,
					 psprintf("\"%s\" can be read and written.", store->location), NULL);
}

/* ---- all of them ---- */

static const struct
{
	const char *name;
	void		(*run) (PgbCheck *check, const char *name);
}			checks[] = {
	{"repository", check_repository},
	{"room", pgb_check_room},
	{"backups", pgb_check_backups},
	{"age", pgb_check_age},
	{"proofs", pgb_check_proofs},
	{"clock", pgb_check_clock},
	{"leftovers", pgb_check_leftovers},
	{"windows", pgb_check_windows},
	{"gaps", pgb_check_gaps},
	{"latest", pgb_check_latest},
};

/* Somebody wants us to stop. */
static bool
is_interruption(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/*
 * What a check reads takes nothing but memory and descriptors, which go with a context of their own: no
 * subtransaction is needed to catch its errors.
 */
static void
run_check(PgbCheck *check, int i)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(caller, "pgbackup check", ALLOCSET_DEFAULT_SIZES);

	PG_TRY();
	{
		MemoryContextSwitchTo(own);
		checks[i].run(check, checks[i].name);
		MemoryContextSwitchTo(caller);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		if (is_interruption(geterrcode()))
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		pgb_check_report(check, checks[i].name, PGB_CHECK_FAIL,
						 error->detail == NULL ? error->message :
						 psprintf("%s: %s", error->message, error->detail),
						 error->hint);
	}
	PG_END_TRY();
	MemoryContextDelete(own);
}

void
pgb_check(PgbCheck *check)
{
	check->entries = pgb_catalog_list(check->repository, &check->nentries);
	for (int i = 0; i < lengthof(checks); i++)
		run_check(check, i);
}
