/*-------------------------------------------------------------------------
 *
 * store_sink.c
 *	  The end of a chain: an object, written from its beginning.
 *
 * src/store/store_sink.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "store/store.h"

typedef struct StoreSink
{
	PgbSink		base;
	PgbObject  *object;
	uint64		offset;
} StoreSink;

static void
store_sink_write(PgbSink *base, const void *data, size_t length)
{
	StoreSink  *sink = (StoreSink *) base;

	sink->object->store->ops->write_at(sink->object, sink->offset, data, length);
	sink->offset += length;
}

static void
store_sink_finish(PgbSink *base)
{
	StoreSink  *sink = (StoreSink *) base;

	sink->object->store->ops->close(sink->object);
}

static const PgbSinkOps store_sink_ops = {
	.write = store_sink_write,
	.finish = store_sink_finish,
};

PgbSink *
pgb_store_sink_create(PgbStore *store, const char *name)
{
	StoreSink  *sink = palloc0(sizeof(StoreSink));

	sink->base.ops = &store_sink_ops;
	sink->object = store->ops->create(store, name);
	return &sink->base;
}
