/*-------------------------------------------------------------------------
 *
 * resource.c
 *	  What is not memory goes when its memory goes.
 *
 * src/port/resource.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

void
pgb_resource_keep(PgbResource *resource, void (*release) (void *arg), void *arg)
{
#ifndef FRONTEND
	resource->callback.func = release;
	resource->callback.arg = arg;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &resource->callback);
#endif
}
