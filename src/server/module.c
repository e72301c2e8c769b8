/*-------------------------------------------------------------------------
 *
 * module.c
 *	  Entry point of the library.
 *
 * src/server/module.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "fmgr.h"
#include "server/archive/archive.h"
#include "server/board.h"
#include "server/drops/drops.h"
#include "server/guc.h"
#include "server/launcher.h"
#include "server/logical/dump_session.h"
#include "server/schedule/databases.h"
#include "server/shmem.h"
#include "server/watch.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	pgb_guc_define();
	pgb_watch_install();

	/* the rest must be there before the server starts */
	if (!process_shared_preload_libraries_in_progress)
		return;

	pgb_shmem_install();
	pgb_board_install();
	pgb_archive_install();
	pgb_dump_session_install();
	pgb_truncate_install();
	pgb_owners_install();
	pgb_databases_install();
	pgb_launcher_register();
}
