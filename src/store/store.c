/*-------------------------------------------------------------------------
 *
 * store.c
 *	  What is the same for every store.
 *
 * src/store/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "store/store.h"

#include "store/store_posix.h"

PgbStore *
pgb_store_open(const char *location, bool create)
{
	if (is_absolute_path(location))
		return pgb_store_posix_open(location, create);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no place for a repository", location),
			 errhint("Give the absolute path of a directory.")));
	return NULL;				/* not reached */
}

char *
pgb_store_read_all(PgbStore *store, const char *name, uint64 limit, size_t *length)
{
	PgbObject  *object = store->ops->open(store, name);
	uint64		size = store->ops->size(object);
	char	   *data;

	if (size > limit)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("\"%s\" in \"%s\" is too large", name, store->location),
				 errdetail("It is %llu bytes long, but no more than %llu are expected.",
						   (unsigned long long) size, (unsigned long long) limit)));

	data = palloc_extended(size + 1, MCXT_ALLOC_HUGE);
	store->ops->read_at(object, 0, data, size);
	data[size] = '\0';
	store->ops->close(object);

	*length = size;
	return data;
}
