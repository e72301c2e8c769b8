/*-------------------------------------------------------------------------
 *
 * worker_session.c
 *	  The session of a background worker that runs SQL as the superuser.
 *
 * src/server/worker_session.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "server/settings.h"
#include "server/worker_session.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

/* Nobody may hold us up by a lock; and who vacuums a table has it soon. */
#define LOCK_PATIENCE		"5s"

/* When the extension's tables are altered or dropped, the deadlock's victim is to be us. */
#define DEADLOCK_PATIENCE	"100ms"

void
pgb_worker_connect(Oid database)
{
	/* ALTER DATABASE ... SET can give any of these to whoever connects */
	static const PgbSetting settings[] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"role", "none"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},

		/* what the history says must not depend on another server */
		{"synchronous_commit", "local"},
	};

	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pgb_settings_pin(settings, lengthof(settings));
	pgb_settings_pin_patience();
}

void
pgb_worker_begin(void)
{
	StartTransactionCommand();
	(void) set_config_option("lock_timeout", LOCK_PATIENCE, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	(void) set_config_option("deadlock_timeout", DEADLOCK_PATIENCE, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
}

void
pgb_worker_commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

ErrorData *
pgb_worker_recover(MemoryContext context)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(context);
	RESUME_INTERRUPTS();
	return error;
}

void
pgb_worker_log(const ErrorData *error, const char *context)
{
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg_internal("%s", error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 errcontext("%s", context)));
}
