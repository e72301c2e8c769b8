/*-------------------------------------------------------------------------
 *
 * spool.c
 *	  Segments that are fetched before recovery asks for them: the side that takes them.
 *
 * Whatever goes wrong with the spool is no error: the segment is fetched directly then.
 *
 * src/cli/spool.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/digest.h"

#define STATE_NAME		"state"
#define STATE_SIZE		64
#define READ_SIZE		(256 * 1024)

/* So many processes fetch. */
#define NHELPERS		2

/* A segment that is being fetched is waited for, but not longer (in ms). */
#define PATIENCE		10000

/* The places of helpers' locks: beyond those of segments. */
#define HELPER_PLACES	((off_t) 1 << 40)

/* ---- the folder ---- */

Spool *
spool_find(PgbRepository *repository, const char *path)
{
	const char *slash = strrchr(path, '/');
	char	   *folder = slash == NULL ? pstrdup(".") : pnstrdup(path, slash - path);
	const char *last = strrchr(folder, '/');
	Spool	   *spool;

	if (strcmp(last == NULL ? folder : last + 1, "pg_wal") != 0)
		return NULL;
	spool = palloc0(sizeof(Spool));
	spool->repository = repository;
	spool->folder = psprintf("%s/" SPOOL_FOLDER, folder);
	spool->fd = -1;
	return spool;
}

char *
spool_path(const Spool *spool, const char *name)
{
	return psprintf("%s/%s", spool->folder, name);
}

/* Once for each process: to close it would release its locks. */
static bool
open_state(Spool *spool, bool create)
{
	if (spool->fd < 0)
		spool->fd = pgb_open(spool_path(spool, STATE_NAME), O_RDWR | (create ? O_CREAT : 0),
							 S_IRUSR | S_IWUSR);
	return spool->fd >= 0;
}

/* ---- the state ---- */

bool
spool_read_state(Spool *spool, PgbWalName *name, uint32 *segment_size)
{
	char		text[STATE_SIZE + 1];
	char		segment[PGB_WAL_NAME_LENGTH + 1];
	struct stat st;
	ssize_t		length;

	/* a state without a name is that of a spool that was removed */
	if (!open_state(spool, false) || fstat(spool->fd, &st) != 0 || st.st_nlink == 0)
		return false;
	length = pread(spool->fd, text, STATE_SIZE, 0);
	if (length <= 0)
		return false;
	text[length] = '\0';
	return sscanf(text, "%24s %u", segment, segment_size) == 2 &&
		pgb_wal_name_parse(segment, *segment_size, name) && name->kind == PGB_WAL_SEGMENT;
}

static bool
write_state(Spool *spool, const PgbWalName *name, uint32 segment_size)
{
	char		text[STATE_SIZE];

	memset(text, '\n', sizeof(text));
	text[snprintf(text, sizeof(text), "%s %u\n", name->text, segment_size)] = '\n';
	return pwrite(spool->fd, text, sizeof(text), 0) == sizeof(text);
}

/* ---- locks ---- */

off_t
spool_segment_place(uint64 number)
{
	return (off_t) (number % HELPER_PLACES);
}

off_t
spool_helper_place(int helper)
{
	return HELPER_PLACES + helper;
}

static struct flock
lock_of(off_t place, short type)
{
	struct flock lock = {0};

	lock.l_type = type;
	lock.l_whence = SEEK_SET;
	lock.l_start = place;
	lock.l_len = 1;
	return lock;
}

bool
spool_lock(Spool *spool, off_t place)
{
	struct flock lock = lock_of(place, F_WRLCK);

	return open_state(spool, false) && fcntl(spool->fd, F_SETLK, &lock) == 0;
}

void
spool_unlock(Spool *spool, off_t place)
{
	struct flock lock = lock_of(place, F_UNLCK);

	(void) fcntl(spool->fd, F_SETLK, &lock);
}

bool
spool_is_locked(Spool *spool, off_t place)
{
	struct flock lock = lock_of(place, F_WRLCK);

	return open_state(spool, false) && fcntl(spool->fd, F_GETLK, &lock) == 0 &&
		lock.l_type != F_UNLCK;
}

/* ---- taking ---- */

/* Has the file these bytes?  One that was not written to its end in a crash has not. */
static bool
has_content(const char *path, uint64 size, uint32 crc)
{
	static char buffer[READ_SIZE];
	int			fd = pgb_open(path, O_RDONLY, 0);
	uint32		found = pgb_crc32c("", 0);
	uint64		done = 0;
	ssize_t		length;

	if (fd < 0)
		return false;
	while ((length = read(fd, buffer, READ_SIZE)) > 0)
	{
		found = pgb_crc32c_extend(found, buffer, length);
		done += length;
	}
	pgb_close(fd);
	return length == 0 && done == size && found == crc;
}

static void
wait_for_fetch(Spool *spool, const PgbWalName *name, const char *spooled)
{
	uint32		segment_size;
	PgbWalName	sized;
	PgbWalName	state;

	if (!spool_read_state(spool, &state, &segment_size) ||
		!pgb_wal_name_parse(name->text, segment_size, &sized))
		return;
	for (int i = 0; i < PATIENCE; i++)
	{
		if (access(spooled, F_OK) == 0 ||
			!spool_is_locked(spool, spool_segment_place(sized.number)))
			return;
		pg_usleep(1000);
	}
}

bool
spool_take(Spool *spool, const PgbWalName *name, const char *path)
{
	char	   *spooled = spool_path(spool, name->text);
	PgbWalFacts *facts;

	wait_for_fetch(spool, name, spooled);
	if (access(spooled, F_OK) != 0)
		return false;

	/* what the repository has no more, or damaged, is not delivered from here */
	if (!pgb_wal_exists(spool->repository, name))
		return false;
	facts = pgb_wal_facts(spool->repository, name);
	if (has_content(spooled, facts->segment_size, facts->raw_crc) && rename(spooled, path) == 0)
		return true;
	(void) unlink(spooled);
	return false;
}

/* ---- going on ---- */

/*
 * Leaves what the server has given us: its log would not end while a helper holds it, nor would its
 * group of processes be ours.
 */
static void
detach(const Spool *spool)
{
	int			null = open("/dev/null", O_RDWR);

	setsid();
	for (int fd = 0; fd < 256; fd++)
	{
		if (fd == spool->fd)
			continue;
		if (fd <= 2 && null >= 0)
			dup2(null, fd);
		else
			close(fd);
	}
}

static void
start_helper(Spool *spool, int helper, int ahead)
{
	pid_t		pid;

	if (spool_is_locked(spool, spool_helper_place(helper)))
		return;
	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return;
	detach(spool);
	spool_help(spool, helper, ahead);
}

void
spool_delivered(Spool *spool, const PgbWalName *name, const char *path, int ahead)
{
	struct stat st;
	PgbWalName	sized;

	if (stat(path, &st) != 0 || st.st_size > SPOOL_LIMIT ||
		!pgb_wal_name_parse(name->text, (uint32) st.st_size, &sized))
		return;
	if (mkdir(spool->folder, S_IRWXU) != 0 && errno != EEXIST)
		return;
	if (!open_state(spool, true) || !write_state(spool, &sized, (uint32) st.st_size))
		return;
	for (int i = 0; i < NHELPERS; i++)
		start_helper(spool, i, Min(ahead, (int) (SPOOL_LIMIT / st.st_size)));
}

void
spool_remove(Spool *spool)
{
	char	  **names;

	/* a helper may just be at it: without the state it ends */
	for (int i = 0; i < PATIENCE; i++)
	{
		names = pgb_read_directory(spool->folder);
		if (names == NULL)
			break;
		(void) unlink(spool_path(spool, STATE_NAME));
		for (; *names != NULL; names++)
			(void) unlink(spool_path(spool, *names));
		if (rmdir(spool->folder) == 0 || errno == ENOENT)
			return;
		pg_usleep(1000);
	}
	if (names == NULL && errno == ENOENT)
		return;
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not remove \"%s\": %m", spool->folder)));
}
