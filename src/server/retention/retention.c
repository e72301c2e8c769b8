/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  pgbackup_expire, pgbackup_pin, pgbackup_unpin.
 *
 * src/server/retention/retention.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "funcapi.h"
#include "server/arguments.h"
#include "server/guc.h"
#include "server/retention/expire.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_expire);
PG_FUNCTION_INFO_V1(pgbackup_pin);
PG_FUNCTION_INFO_V1(pgbackup_unpin);

Datum
pgbackup_expire(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		dry_run = PG_ARGISNULL(0) || PG_GETARG_BOOL(0);
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, pgb_expire(dry_run))
	{
		PgbExpired *line = lfirst(cell);
		Datum		values[3];
		bool		nulls[3] = {0};

		nulls[0] = (line->backup == NULL);
		values[0] = nulls[0] ? (Datum) 0 : CStringGetTextDatum(line->backup);
		values[1] = CStringGetTextDatum(line->removed ? "remove" : "keep");
		values[2] = CStringGetTextDatum(line->reason);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

static int64
until_argument(FunctionCallInfo fcinfo, int number)
{
	TimestampTz until;

	if (PG_ARGISNULL(number))
		return PGB_PINNED_FOREVER;
	until = PG_GETARG_TIMESTAMPTZ(number);
	if (until == DT_NOEND)
		return PGB_PINNED_FOREVER;
	if (until <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"until\" is not in the future"),
				 errhint("pgbackup_unpin() ends the pinning of a backup.")));
	return until;
}

Datum
pgbackup_pin(PG_FUNCTION_ARGS)
{
	char	   *backup = pgb_text_argument(fcinfo, 0, "backup");
	int64		until = until_argument(fcinfo, 1);
	PgbRepository *repository = pgb_server_repository(false);
	PgbManifest *manifest = pgb_catalog_get(repository, backup, PGB_ANY_KIND, NULL);

	pgb_backup_pin(repository, manifest->id, until);
	PG_RETURN_TEXT_P(cstring_to_text(manifest->id));
}

Datum
pgbackup_unpin(PG_FUNCTION_ARGS)
{
	char	   *backup = pgb_text_argument(fcinfo, 0, "backup");
	PgbRepository *repository = pgb_server_repository(false);
	PgbManifest *manifest = pgb_catalog_get(repository, backup, PGB_ANY_KIND, NULL);

	PG_RETURN_BOOL(pgb_backup_unpin(repository, manifest->id));
}
