/*-------------------------------------------------------------------------
 *
 * drop_event.c
 *	  The event trigger that sees what is dropped.
 *
 * src/server/drops/drop_event.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "commands/event_trigger.h"
#include "fmgr.h"
#include "server/drops/drops.h"

PG_FUNCTION_INFO_V1(pgbackup_record_drops);

Datum
pgbackup_record_drops(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function pgbackup_record_drops() can only be called as an event trigger")));
	pgb_record_dropped_objects(GetCommandTagName(((EventTriggerData *) fcinfo->context)->tag));
	PG_RETURN_NULL();
}
