/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  The shared memory of the archive: what is compressed ahead, and what has happened.
 *
 * Locking: everything in Queue is read and written with its lock held.
 *
 * After a crash of the server all of it is gone.  The archiver is then asked again for
 * what it had not confirmed, and finds it in the repository.
 *
 * src/server/archive/queue.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "server/archive/archive.h"
#include "server/guc.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

typedef enum EntryState
{
	ENTRY_WAITING,
	ENTRY_CLAIMED,				/* by the process pid */
	ENTRY_DONE,					/* durable; the archiver has not confirmed it yet */
	ENTRY_LEFT					/* a worker could not: the archiver will */
} EntryState;

typedef struct Entry
{
	PgbWalName	name;
	EntryState	state;
	int			pid;
} Entry;

/* What one process takes at once holds no more WAL than that, unless it is a single segment. */
#define BATCH_BYTES		(128 * 1024 * 1024)

/* Rates are over the last five minutes, or since the first file if that is less. */
#define BUCKETS			30
#define BUCKET_SECONDS	10

typedef struct Queue
{
	LWLock	   *lock;			/* guards all that follows */
	char		location[MAXPGPATH];	/* the repository that everything is about */
	int			count;
	Entry		entries[PGB_ARCHIVE_QUEUE];
	Latch	   *archiver;		/* NULL: none has come yet */
	Latch	   *workers[PGB_ARCHIVE_MAX_WORKERS];	/* NULL: there is none of that number */
	PgbArchiveStatus status;
	TimestampTz first_at;		/* of the files in the buckets */
	int64		last_bucket;	/* the latest one that is in use */
	uint64		bytes[BUCKETS];
	uint64		files[BUCKETS];
} Queue;

static Queue *queue = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_queue(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Queue)));
	RequestNamedLWLockTranche("pgbackup archive", 1);
}

static void
startup_queue(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	queue = ShmemInitStruct("pgbackup archive", sizeof(Queue), &found);
	if (!found)
	{
		memset(queue, 0, sizeof(Queue));
		queue->lock = &GetNamedLWLockTranche("pgbackup archive")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
pgb_archive_install(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_queue;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_queue;
}

bool
pgb_archive_is_shared(void)
{
	return queue != NULL;
}

/* ---- entries; call with the lock held ---- */

static Entry *
find_entry(const PgbWalName *name)
{
	for (int i = 0; i < queue->count; i++)
	{
		if (strcmp(queue->entries[i].name.text, name->text) == 0)
			return &queue->entries[i];
	}
	return NULL;
}

/* Its place in the order is the end; NULL when there is no room. */
static Entry *
add_entry(const PgbWalName *name, EntryState state)
{
	Entry	   *entry;

	if (queue->count == PGB_ARCHIVE_QUEUE)
		return NULL;
	entry = &queue->entries[queue->count++];
	entry->name = *name;
	entry->state = state;
	entry->pid = MyProcPid;
	return entry;
}

static void
remove_entry(Entry *entry)
{
	int			after = queue->entries + queue->count - (entry + 1);

	memmove(entry, entry + 1, after * sizeof(Entry));
	queue->count--;
}

static Entry *
first_waiting(void)
{
	for (int i = 0; i < queue->count; i++)
	{
		if (queue->entries[i].state == ENTRY_WAITING)
			return &queue->entries[i];
	}
	return NULL;
}

static int
count_waiting(void)
{
	int			waiting = 0;

	for (int i = 0; i < queue->count; i++)
		waiting += (queue->entries[i].state == ENTRY_WAITING);
	return waiting;
}

/* ---- the archiver ---- */

void
pgb_archive_set_location(const char *location)
{
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	if (strcmp(queue->location, location) != 0)
	{
		strlcpy(queue->location, location, sizeof(queue->location));
		queue->count = 0;
	}
	queue->archiver = MyLatch;
	queue->status.archiver_pid = MyProcPid;
	LWLockRelease(queue->lock);
}

PgbArchiveTurn
pgb_archive_turn(const PgbWalName *name)
{
	PgbArchiveTurn turn = PGB_ARCHIVE_MINE;
	Entry	   *entry;

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	entry = find_entry(name);
	if (entry == NULL)
		(void) add_entry(name, ENTRY_CLAIMED);
	else if (entry->state == ENTRY_DONE)
	{
		remove_entry(entry);
		queue->status.files_ahead++;
		turn = PGB_ARCHIVE_DONE;
	}
	else if (entry->state == ENTRY_CLAIMED && entry->pid != MyProcPid)
		turn = PGB_ARCHIVE_BUSY;
	else
	{
		entry->state = ENTRY_CLAIMED;
		entry->pid = MyProcPid;
	}
	LWLockRelease(queue->lock);
	return turn;
}

int
pgb_archive_waiting(void)
{
	int			waiting;

	LWLockAcquire(queue->lock, LW_SHARED);
	waiting = count_waiting();
	LWLockRelease(queue->lock);
	return waiting;
}

static bool
is_among(const PgbWalName *name, const PgbWalName *names, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(names[i].text, name->text) == 0)
			return true;
	}
	return false;
}

void
pgb_archive_offer(const PgbWalName *names, int count)
{
	count = Min(count, PGB_ARCHIVE_QUEUE);
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);

	/* what the archiver will not ask for any more */
	for (int i = queue->count - 1; i >= 0; i--)
	{
		if (queue->entries[i].state != ENTRY_CLAIMED &&
			!is_among(&queue->entries[i].name, names, count))
			remove_entry(&queue->entries[i]);
	}
	for (int i = 0; i < count; i++)
	{
		/* the others are small, and the archiver's own */
		if (names[i].kind == PGB_WAL_SEGMENT && find_entry(&names[i]) == NULL)
			(void) add_entry(&names[i], ENTRY_WAITING);
	}
	LWLockRelease(queue->lock);
}

/* ---- whoever works ahead ---- */

/* Of so many files; call with the lock held. */
static int
share_of(int waiting)
{
	int			most = Max(1, Min(PGB_ARCHIVE_BATCH, BATCH_BYTES / wal_segment_size));

	return Max(1, Min(most, waiting / (1 + pgb_guc_archive_workers)));
}

static void
claim_entry(Entry *entry, PgbArchiveBatch *batch)
{
	entry->state = ENTRY_CLAIMED;
	entry->pid = MyProcPid;
	batch->names[batch->count++] = entry->name;
}

bool
pgb_archive_claim(const PgbWalName *turn, PgbArchiveBatch *batch)
{
	int			share;
	Entry	   *entry;

	batch->count = 0;
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	strlcpy(batch->location, queue->location, sizeof(batch->location));
	share = share_of(count_waiting() + (turn != NULL));
	if (turn != NULL)
		batch->names[batch->count++] = *turn;

	/* the others are small, and not to wait for segments */
	if (turn == NULL || turn->kind == PGB_WAL_SEGMENT)
	{
		while (batch->count < share && (entry = first_waiting()) != NULL)
			claim_entry(entry, batch);
	}
	LWLockRelease(queue->lock);
	return batch->count > 0;
}

void
pgb_archive_claim_end(const PgbArchiveBatch *batch, int done)
{
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	for (int i = 0; i < batch->count; i++)
	{
		Entry	   *entry = find_entry(&batch->names[i]);

		if (entry == NULL || entry->state != ENTRY_CLAIMED || entry->pid != MyProcPid)
			continue;
		if (i > done)
			entry->state = ENTRY_WAITING;
		else if (i == done)
			entry->state = ENTRY_LEFT;
		else if (strcmp(queue->location, batch->location) == 0)
			entry->state = ENTRY_DONE;
	}
	if (queue->archiver != NULL)
		SetLatch(queue->archiver);
	LWLockRelease(queue->lock);
}

void
pgb_archive_release(void)
{
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	for (int i = queue->count - 1; i >= 0; i--)
	{
		if (queue->entries[i].state == ENTRY_CLAIMED && queue->entries[i].pid == MyProcPid)
			remove_entry(&queue->entries[i]);
	}
	if (queue->archiver == MyLatch)
		queue->archiver = NULL;
	else if (queue->archiver != NULL)
		SetLatch(queue->archiver);
	LWLockRelease(queue->lock);
}

/* ---- workers ---- */

bool
pgb_archive_attach_worker(int number)
{
	bool		is_free;

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	is_free = queue->workers[number] == NULL;
	if (is_free)
		queue->workers[number] = MyLatch;
	LWLockRelease(queue->lock);
	return is_free;
}

void
pgb_archive_detach_worker(int number)
{
	pgb_archive_release();
	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	queue->workers[number] = NULL;
	LWLockRelease(queue->lock);
}

void
pgb_archive_wake_workers(void)
{
	LWLockAcquire(queue->lock, LW_SHARED);
	for (int i = 0; i < PGB_ARCHIVE_MAX_WORKERS; i++)
	{
		if (queue->workers[i] != NULL)
			SetLatch(queue->workers[i]);
	}
	LWLockRelease(queue->lock);
}

/* ---- what has happened ---- */

static int64
bucket_of(TimestampTz at)
{
	return at / (BUCKET_SECONDS * USECS_PER_SEC);
}

/* Empties those that were in use BUCKETS ago. */
static void
turn_buckets(TimestampTz now)
{
	int64		bucket = bucket_of(now);

	if (bucket - queue->last_bucket >= BUCKETS || bucket < queue->last_bucket)
	{
		memset(queue->bytes, 0, sizeof(queue->bytes));
		memset(queue->files, 0, sizeof(queue->files));
		queue->first_at = now;
		queue->last_bucket = bucket;
	}
	while (queue->last_bucket < bucket)
	{
		queue->last_bucket++;
		queue->bytes[queue->last_bucket % BUCKETS] = 0;
		queue->files[queue->last_bucket % BUCKETS] = 0;
	}
}

void
pgb_archive_note_success(const PgbWalName *name)
{
	PgbArchiveStatus *status = &queue->status;
	TimestampTz now = GetCurrentTimestamp();
	Entry	   *entry;

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	entry = find_entry(name);
	if (entry != NULL)
		remove_entry(entry);

	turn_buckets(now);
	queue->files[queue->last_bucket % BUCKETS]++;
	if (name->kind == PGB_WAL_SEGMENT || name->kind == PGB_WAL_PARTIAL)
		queue->bytes[queue->last_bucket % BUCKETS] += wal_segment_size;
	strlcpy(status->last_name, name->text, sizeof(status->last_name));
	status->last_at = now;
	status->files++;
	status->failing_since = 0;
	LWLockRelease(queue->lock);
}

/* Cut between characters; messages are in the server's encoding, which here is none: bytes. */
static void
copy_text(char *to, const char *from, size_t size)
{
	size_t		length;

	strlcpy(to, from == NULL ? "" : from, size);
	length = strlen(to);
	if (from == NULL || from[length] == '\0')
		return;
	while (length > 0 && ((unsigned char) from[length] & 0xC0) == 0x80)
		length--;
	to[length] = '\0';
}

void
pgb_archive_note_failure(const PgbWalName *name, const ErrorData *error)
{
	PgbArchiveStatus *status = &queue->status;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);

	/* nobody needs to try the others now; they are offered again when it is over */
	for (int i = queue->count - 1; i >= 0; i--)
	{
		if (queue->entries[i].state == ENTRY_WAITING || queue->entries[i].state == ENTRY_LEFT)
			remove_entry(&queue->entries[i]);
	}

	status->failures++;
	status->failed_at = now;
	if (status->failing_since == 0)
		status->failing_since = now;
	strlcpy(status->failed_name, name->text, sizeof(status->failed_name));
	copy_text(status->message, error->message, sizeof(status->message));
	copy_text(status->detail, error->detail, sizeof(status->detail));
	copy_text(status->hint, error->hint, sizeof(status->hint));
	LWLockRelease(queue->lock);
}

void
pgb_archive_get_status(PgbArchiveStatus *status)
{
	TimestampTz now = GetCurrentTimestamp();
	uint64		bytes = 0;
	uint64		files = 0;
	double		seconds;

	LWLockAcquire(queue->lock, LW_EXCLUSIVE);
	turn_buckets(now);
	for (int i = 0; i < BUCKETS; i++)
	{
		bytes += queue->bytes[i];
		files += queue->files[i];
	}
	seconds = (now - queue->first_at) / (double) USECS_PER_SEC;
	*status = queue->status;
	status->nworkers = 0;
	for (int i = 0; i < PGB_ARCHIVE_MAX_WORKERS; i++)
		status->nworkers += (queue->workers[i] != NULL);
	LWLockRelease(queue->lock);

	/* who has just begun has no rate yet */
	seconds = Max(1.0, Min(seconds, BUCKETS * BUCKET_SECONDS));
	status->bytes_per_second = bytes / seconds;
	status->files_per_minute = files / seconds * 60;
}
