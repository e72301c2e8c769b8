/*-------------------------------------------------------------------------
 *
 * store.c
 *	  A store in memory, which can be read and no more.
 *
 * test/fuzz/store.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

typedef struct Stored
{
	struct Stored *next;
	const char *name;
	const char *data;
	size_t		length;
} Stored;

typedef struct MemoryStore
{
	PgbStore	base;
	Stored	   *objects;
} MemoryStore;

typedef struct MemoryObject
{
	PgbObject	base;
	const Stored *stored;
} MemoryObject;

static const Stored *
find_object(PgbStore *store, const char *name)
{
	const Stored *stored = ((MemoryStore *) store)->objects;

	while (stored != NULL && strcmp(stored->name, name) != 0)
		stored = stored->next;
	return stored;
}

static PgbObject *
memory_open(PgbStore *store, const char *name)
{
	MemoryObject *object = palloc0(sizeof(MemoryObject));

	object->base.store = store;
	object->base.name = pstrdup(name);
	object->stored = find_object(store, name);
	if (object->stored == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE), errmsg("\"%s\" does not exist", name)));
	return &object->base;
}

static void
memory_read_at(PgbObject *base, uint64 offset, void *data, size_t length)
{
	const Stored *stored = ((MemoryObject *) base)->stored;

	if (offset > stored->length || length > stored->length - offset)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("\"%s\" is too short", base->name)));
	memcpy(data, stored->data + offset, length);
}

static uint64
memory_size(PgbObject *base)
{
	return ((MemoryObject *) base)->stored->length;
}

static void
memory_close(PgbObject *base)
{
}

static bool
memory_stat(PgbStore *store, const char *name, PgbStat *stat)
{
	const Stored *stored = find_object(store, name);

	if (stored == NULL)
		return false;
	stat->size = stored->length;
	stat->is_folder = false;
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The first part of each name that goes on after the folder's, once. */
static char **
memory_list(PgbStore *store, const char *folder)
{
	const Stored *first = ((MemoryStore *) store)->objects;
	size_t		length = strlen(folder);
	size_t		count = 0;
	size_t		unique = 0;
	char	  **names;

	for (const Stored *stored = first; stored != NULL; stored = stored->next)
		count++;
	names = palloc0((count + 1) * sizeof(char *));
	count = 0;
	for (const Stored *stored = first; stored != NULL; stored = stored->next)
	{
		const char *rest = stored->name;

		if (length > 0)
		{
			if (strncmp(rest, folder, length) != 0 || rest[length] != '/')
				continue;
			rest += length + 1;
		}
		names[count++] = pnstrdup(rest, strcspn(rest, "/"));
	}
	qsort(names, count, sizeof(char *), compare_names);
	for (size_t i = 0; i < count; i++)
	{
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	}
	names[unique] = NULL;
	return names;
}

static const PgbStoreOps memory_ops = {
	.kind = "memory",
	.open = memory_open,
	.read_at = memory_read_at,
	.size = memory_size,
	.close = memory_close,
	.stat = memory_stat,
	.list = memory_list,
};

PgbRepository *
fuzz_repository(void)
{
	PgbRepository *repository = palloc0(sizeof(PgbRepository));
	MemoryStore *store = palloc0(sizeof(MemoryStore));

	store->base.ops = &memory_ops;
	store->base.location = pstrdup("memory");
	repository->store = &store->base;
	repository->system_identifier = FUZZ_CLUSTER;
	return repository;
}

void
fuzz_add_object(PgbRepository *repository, const char *name, const void *data, size_t length)
{
	MemoryStore *store = (MemoryStore *) repository->store;
	Stored	   *stored = palloc(sizeof(Stored));

	stored->next = store->objects;
	stored->name = name;
	stored->data = data;
	stored->length = length;
	store->objects = stored;
}
