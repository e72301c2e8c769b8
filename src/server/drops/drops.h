/*-------------------------------------------------------------------------
 *
 * drops.h
 *	  What was dropped or truncated, by whom, and when: the rows of pgbackup_drop_events
 *	  and pgbackup_dropped_objects, which the view pgbackup_drops shows.
 *
 * A row is written by the transaction that drops: it is there if and only if the drop is.
 * Its LSN lies before the commit of that transaction, so that a recovery which
 * stops there still has the table, as nobody else could change it since.
 *
 *	  drop_event.c     the event trigger: DROP, and ALTER TABLE ... DROP COLUMN
 *	  drop_truncate.c  TRUNCATE, which no event trigger sees
 *	  drop_owner.c     whose the dropped relations were, which it does not see either
 *	  drop_record.c    the rows
 *
 * src/server/drops/drops.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_DROPS_H
#define PGB_DROPS_H

#include "nodes/pg_list.h"

/* Called by _PG_init while shared_preload_libraries are loaded. */
extern void pgb_truncate_install(void);

/* Likewise. */
extern void pgb_owners_install(void);

/* ---- drop_owner.c ---- */

/*
 * The relations that this transaction has dropped since it was asked last, and their owners
 * (char *): none if we are not in shared_preload_libraries.  One may be there more than once, after
 * a rollback to a savepoint; then the last one counts.
 */
extern void pgb_take_dropped_owners(List **relations, List **owners);

/* ---- drop_record.c ---- */

/*
 * Both do nothing where the extension, or its version that has these tables, is not there.  What
 * goes wrong is a WARNING: nobody's DROP fails because of us.
 */

/* In an event trigger for sql_drop: records what pg_event_trigger_dropped_objects() says. */
extern void pgb_record_dropped_objects(const char *command);

/* relations: OIDs of tables that have just been truncated and that had rows. */
extern void pgb_record_truncated(List *relations);

#endif							/* PGB_DROPS_H */
