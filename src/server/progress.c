/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  pgbackup_progress: the jobs that are running.
 *
 * src/server/progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "commands/dbcommands.h"
#include "funcapi.h"
#include "server/compat.h"
#include "server/encoding.h"
#include "server/task.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pgbackup_progress);

static const char *
phase_name(PgbPhase phase)
{
	switch (phase)
	{
		case PGB_PHASE_STARTING:
			return "starting";
		case PGB_PHASE_DUMPING_SCHEMA:
			return "dumping schema";
		case PGB_PHASE_EXPORTING:
			return "exporting tables";
		case PGB_PHASE_COMPRESSING:
			return "compressing";
		case PGB_PHASE_CHECKPOINT:
			return "waiting for checkpoint";
		case PGB_PHASE_COPYING:
			return "copying files";
		case PGB_PHASE_WAL:
			return "waiting for WAL";
		case PGB_PHASE_SYNCING:
			return "syncing";
		case PGB_PHASE_CREATING:
			return "creating database";
		case PGB_PHASE_RESTORING_SCHEMA:
			return "restoring schema";
		case PGB_PHASE_WAITING:
			return "waiting for a background worker";
		case PGB_PHASE_LOADING:
			return "loading tables";
		case PGB_PHASE_INDEXING:
			return "restoring indexes and constraints";
		case PGB_PHASE_ANALYZING:
			return "analyzing";
		case PGB_PHASE_FINISHING:
			return "finishing";
		case PGB_PHASE_LAYING_DOWN:
			return "laying down files";
		case PGB_PHASE_REPLAYING:
			return "replaying WAL";
		case PGB_PHASE_VERIFYING:
			return "verifying objects";
		case PGB_PHASE_COMPARING:
			return "comparing rows";
		case PGB_PHASE_CHECKING:
			return "checking relations";
	}
	return "unknown";
}

/* Has it bytes of its own?  In a restore those of the rows are all that are counted. */
static bool
counts_bytes(PgbPhase phase)
{
	switch (phase)
	{
		case PGB_PHASE_LAYING_DOWN:
		case PGB_PHASE_REPLAYING:
		case PGB_PHASE_VERIFYING:
		case PGB_PHASE_COMPARING:
		case PGB_PHASE_CHECKING:
			return true;
		default:
			return false;
	}
}

/* The phase whose work the bytes are; in a recovery each has its own. */
static PgbPhase
main_phase(const PgbJobProgress *p)
{
	if (counts_bytes(p->phase))
		return p->phase;
	switch (p->task)
	{
		case PGB_TASK_LOGICAL:
			return PGB_PHASE_EXPORTING;
		case PGB_TASK_FULL:
			return PGB_PHASE_COPYING;
		case PGB_TASK_RESTORE_DATABASE:
			return PGB_PHASE_LOADING;
		case PGB_TASK_RECOVER:
			return PGB_PHASE_REPLAYING;
		case PGB_TASK_VERIFY:
			return PGB_PHASE_LOADING;
	}
	return PGB_PHASE_STARTING;
}

/*
 * The time that is left, from the rate since the phase has begun that takes most of it.
 * Nothing is said before there is something to judge by.
 */
static bool
estimate_rest(const PgbJobProgress *p, TimestampTz now, int64 *rest)
{
	double		elapsed = (double) (now - p->phase_started_at);

	if (p->phase != main_phase(p) || p->bytes_done == 0 || elapsed <= 0)
		return false;
	if (p->bytes_done >= p->bytes_total)
		*rest = 0;
	else
		*rest = (int64) (elapsed * (double) (p->bytes_total - p->bytes_done) / (double) p->bytes_done);
	return true;
}

static double
percent_done(const PgbJobProgress *p)
{
	if (p->phase < main_phase(p))
		return 0;
	if (p->phase > main_phase(p) || p->bytes_total == 0)
		return 100;
	return Min(100.0, 100.0 * (double) p->bytes_done / (double) p->bytes_total);
}

Datum
pgbackup_progress(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();

	InitMaterializedSRF(fcinfo, 0);
	if (!pgb_shmem_ready())
		PG_RETURN_NULL();

	for (int slot = 0; slot < PGB_MAX_JOBS; slot++)
	{
		PgbJobProgress p;
		Datum		values[13];
		bool		nulls[13] = {0};
		char	   *database;
		int64		rest;
		int			i = 0;

		if (!pgb_job_progress(slot, &p))
			continue;

		nulls[i] = (p.backup_id[0] == '\0');
		values[i++] = CStringGetTextDatum(p.backup_id);
		values[i++] = CStringGetTextDatum(pgb_task_ops(p.task)->name);
		if (p.target[0] != '\0')
			database = pgb_from_utf8(p.target);
		else
			database = get_database_name(p.database);
		nulls[i] = (database == NULL);
		values[i++] = database ? DirectFunctionCall1(namein, CStringGetDatum(database)) : (Datum) 0;
		values[i++] = CStringGetTextDatum(phase_name(p.phase));
		values[i++] = Int64GetDatum((int64) p.objects_done);
		values[i++] = Int64GetDatum((int64) p.objects_total);
		values[i++] = Int64GetDatum((int64) Min(p.bytes_done, p.bytes_total));
		values[i++] = Int64GetDatum((int64) p.bytes_total);
		values[i++] = DirectFunctionCall3(numeric_in,
										  CStringGetDatum(psprintf("%.1f", percent_done(&p))),
										  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		if (estimate_rest(&p, now, &rest))
		{
			Interval   *interval = palloc0(sizeof(Interval));

			interval->time = rest;
			values[i++] = IntervalPGetDatum(interval);
		}
		else
			nulls[i++] = true;
		nulls[i] = (p.current_object[0] == '\0');
		values[i++] = CStringGetTextDatum(pgb_from_utf8(p.current_object));
		values[i++] = TimestampTzGetDatum(p.started_at);
		nulls[i] = (p.pid == 0);
		values[i++] = Int32GetDatum(p.pid);
		Assert(i == lengthof(values));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}
