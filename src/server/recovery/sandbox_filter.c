/*-------------------------------------------------------------------------
 *
 * sandbox_filter.c
 *	  With the redo filter, or without it.
 *
 * The filter saves room and time, and it is a guard: a record that makes a tablespace would link
 * the sandbox to the directory of the live server, and replay would write there.  Where it cannot be loaded, a
 * sandbox does without:
 *
 *	- The WAL is read first, and one that makes a tablespace somewhere is refused.  All other records
 *	  keep to the data directory, in which tablespaces of the backup are plain directories.
 *	- The sandbox gets no WAL but that which has been read.
 *	- The whole backup is laid down: replay needs the pages of all relations, for without a page's
 *	  image in the WAL (no checksums, no wal_log_hints) a missing file ends the recovery; and to ignore
 *	  that would be to ignore real damage, too.
 *
 * src/server/recovery/sandbox_filter.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "sandbox/sandbox.h"
#include "server/guc.h"
#include "server/recovery/sandbox_work.h"

bool
pgb_sandbox_has_filter(void)
{
	return pgb_guc_redo_filter == PGB_REDO_FILTER_AUTO && pgb_sandbox_has_library(PGB_SANDBOX_LIBRARY);
}

void
pgb_sandbox_tell_unfiltered(const char *why)
{
	ereport(LOG,
			(errmsg("WAL is replayed without the redo filter"),
			 errdetail_internal("%s", why),
			 errhint("Install all files of this version of pgbackup, for this very version of the server; \"make install\" does so.")));
}

void
pgb_sandbox_check_unfiltered(const PgbSandboxScan *scan)
{
	if (scan->tablespace == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("this WAL cannot be replayed without library \"%s\", which is not there or refuses to be loaded",
					PGB_SANDBOX_LIBRARY),
			 errdetail("At %s it makes a tablespace in \"%s\": replay without the library would write to that of this server.",
					   pgb_lsn_to_text(scan->tablespace_lsn), scan->tablespace),
			 errhint("Install all files of this version of pgbackup, for this very version of the server; \"make install\" does so.  Moments after the next base backup do not need this WAL.")));
}
