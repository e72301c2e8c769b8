/*-------------------------------------------------------------------------
 *
 * store.h
 *	  A store holds named objects in one place: a directory now, object
 *	  storage later.  It knows nothing of what they mean.
 *
 * Names are relative, with '/' between their parts; no part is empty, "." or
 * ".." (anything else raises ERRCODE_INVALID_NAME).  The place itself is the
 * folder "".  All functions raise ereport(ERROR) with errcode_for_file_access() and a hint
 * where something can be done about it (no room, no permission, read only),
 * unless they say otherwise.
 *
 * To add a store: fill a PgbStoreOps, and name it in pgb_store_open().
 *
 * src/store/store.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_STORE_H
#define PGB_STORE_H

#include "io/sink.h"

typedef struct PgbStore PgbStore;

/* An object open for reading, or for writing at offsets. */
typedef struct PgbObject PgbObject;

typedef struct PgbStat
{
	uint64		size;			/* bytes; 0 for a folder */
	bool		is_folder;
} PgbStat;

typedef struct PgbStoreOps
{
	const char *kind;			/* "posix" */

	/* Open an object that must exist. */
	PgbObject  *(*open) (PgbStore *store, const char *name);

	/*
	 * Create an object that must not exist yet, or (attach) open one for writing
	 * that another process has created.  It is visible at once, and durable
	 * only after sync.
	 */
	PgbObject  *(*create) (PgbStore *store, const char *name);
	PgbObject  *(*attach) (PgbStore *store, const char *name);

	/*
	 * Exactly length bytes from offset; a shorter object raises
	 * ERRCODE_DATA_CORRUPTED.
	 */
	void		(*read_at) (PgbObject *object, uint64 offset, void *data, size_t length);
	void		(*write_at) (PgbObject *object, uint64 offset, const void *data, size_t length);
	uint64		(*size) (PgbObject *object);
	void		(*close) (PgbObject *object);

	/* Store a whole small object: it appears complete and durable, or not at all. */
	void		(*put) (PgbStore *store, const char *name, const void *data, size_t length);

	/*
	 * Give objects that were written under other names their own: when this returns, each with
	 * published[i] true is there, complete and durable, under its new name alone.  False when
	 * there is one of that name, which stays as it is, as does this one.  Closes the objects.  An
	 * ERROR may leave some under their new names, complete; they are not known to be durable.
	 * Many at once wait for the disk hardly longer than one.
	 */
	void		(*publish) (PgbObject **objects, char **names, bool *published, int count);

	/* Make an object, and that it has this name, durable: whoever has written it. */
	void		(*sync) (PgbStore *store, const char *name);

	/* False when there is none. */
	bool		(*stat) (PgbStore *store, const char *name, PgbStat *stat);

	/*
	 * Names directly inside a folder, sorted by strcmp, ended by NULL; an
	 * absent folder is an empty one.
	 */
	char	  **(*list) (PgbStore *store, const char *folder);

	/*
	 * Make a folder with its parents, all durable.  Returns false if it was there
	 * already: of several callers one gets true.
	 */
	bool		(*make_folder) (PgbStore *store, const char *folder);

	/* Everything below a folder, made durable: the barrier before a manifest. */
	void		(*sync_folder) (PgbStore *store, const char *folder);

	/*
	 * Remove an object, or a folder with all in it, durably; an absent one is no
	 * error.  discard is for what is only rubbish, as after an error: it raises
	 * nothing, what it could not do is a WARNING, and a crash may bring it back.
	 */
	void		(*remove) (PgbStore *store, const char *name);
	void		(*discard) (PgbStore *store, const char *name);

	/*
	 * Take a lock for as long as the process lives or until unlock; NULL when
	 * wait is false and another process has it, or its folder is gone.  The name
	 * is an object's, made if need be.  An ERROR that throws the memory of the
	 * lock away unlocks it.
	 */
	struct PgbLock *(*lock) (PgbStore *store, const char *name, bool wait);
	void		(*unlock) (struct PgbLock *lock);

	/*
	 * The same, without waiting, of an object that is there: NULL also when it is not, and it is
	 * not made.
	 */
	struct PgbLock *(*seize) (PgbStore *store, const char *name);

	/*
	 * As seize, for many at a time: keeps others from locking the object, and writes nothing.
	 */
	struct PgbLock *(*share) (PgbStore *store, const char *name);

	/*
	 * The path of a folder for programs that write files themselves (pg_dump);
	 * NULL if the store is no file system.
	 */
	char	   *(*local_path) (PgbStore *store, const char *name);
} PgbStoreOps;

struct PgbStore
{
	const PgbStoreOps *ops;
	char	   *location;		/* as it was given, for messages */
};

struct PgbObject
{
	PgbStore   *store;
	char	   *name;
};

/*
 * location is an absolute path.  With create the place is made (its parent must
 * exist); without, a place that is not there raises ERRCODE_UNDEFINED_FILE.
 */
extern PgbStore *pgb_store_open(const char *location, bool create);

/* The end of a chain: writes an object from its beginning.  finish closes it. */
extern PgbSink *pgb_store_sink_create(PgbStore *store, const char *name);

/* A whole object, palloc'd with a zero byte after it; larger than limit raises. */
extern char *pgb_store_read_all(PgbStore *store, const char *name, uint64 limit, size_t *length);

#endif							/* PGB_STORE_H */
