/*-------------------------------------------------------------------------
 *
 * board.h
 *	  What the launcher is told about schedules: which databases have changed,
 *	  and what a pass over a database has found.
 *
 * A pass is a short worker that the launcher sends to a database: it deals with
 * the schedules that are due there, and reports when the next one is.
 *
 * src/server/board.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_BOARD_H
#define PGB_BOARD_H

#include "datatype/timestamp.h"

/* Passes that can be under way at the same time. */
#define PGB_MAX_PASSES		2

/* What a pass has found. */
typedef struct PgbPassReport
{
	TimestampTz next;			/* when to come again; DT_NOEND: after a change */
	bool		waits;			/* something that is due could not be dealt with yet */
} PgbPassReport;

/* Called by _PG_init while shared_preload_libraries are loaded. */
extern void pgb_board_install(void);

/* A schedule of the database has changed, or a run of it has ended; wakes the launcher. */
extern void pgb_board_mark_changed(Oid database);

/*
 * The same for this database, and that there are databases which the launcher may not
 * know, when the current transaction commits.
 */
extern void pgb_board_mark_changed_at_commit(void);
extern void pgb_board_mark_new_databases_at_commit(void);

/* ---- the launcher ---- */

/* More changes than that at once, and all databases count as changed. */
#define PGB_MAX_CHANGES		64

/*
 * The changed databases, up to PGB_MAX_CHANGES; *all: every one has changed; *added:
 * there may be new ones.
 */
extern int	pgb_board_take_changes(Oid *databases, bool *all, bool *added);

extern void pgb_board_open_pass(int pass, Oid database);

/* Has it reported? */
extern bool pgb_board_pass_result(int pass, PgbPassReport *report);

/* ---- a pass ---- */

extern void pgb_board_report(int pass, Oid database, const PgbPassReport *report);

#endif							/* PGB_BOARD_H */
