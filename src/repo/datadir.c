/*-------------------------------------------------------------------------
 *
 * datadir.c
 *	  The frame of a data directory: what is made before its files are filled, and
 *	  what is done when they are.
 *
 * src/repo/datadir.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/datadir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/digest.h"
#include "repo/datadir_file.h"

#define PRIVATE_DIRECTORY	S_IRWXU
#define PRIVATE_FILE		(S_IRUSR | S_IWUSR)

static char *
path_in(const PgbDataDir *plan, const char *path)
{
	return psprintf("%s/%s", plan->options.path, path);
}

/* ---- tablespaces ---- */

Oid
pgb_datadir_tablespace(const PgbFile *file)
{
	const char *prefix = PGB_TABLESPACES_PATH "/";
	const char *digit = file->path + strlen(prefix);
	uint64		oid = 0;

	if (file->type != PGB_FILE_TABLESPACE || strncmp(file->path, prefix, strlen(prefix)) != 0)
		return InvalidOid;
	for (; *digit >= '0' && *digit <= '9' && oid <= PG_UINT32_MAX; digit++)
		oid = oid * 10 + (*digit - '0');
	return *digit == '\0' && oid <= PG_UINT32_MAX ? (Oid) oid : InvalidOid;
}

const char *
pgb_datadir_place(const PgbDataDirOptions *options, const PgbFile *tablespace)
{
	Oid			oid = pgb_datadir_tablespace(tablespace);

	for (int i = 0; i < options->nplaces; i++)
	{
		if (options->places[i].oid == oid)
			return options->places[i].path;
	}
	return NULL;
}

static void
link_tablespace(const PgbDataDir *plan, const char *path, const char *place)
{
	if (unlink(path) != 0 && errno != ENOENT)
		pgb_target_report("replace", path);
	if (symlink(place, path) != 0)
		pgb_target_report("create symbolic link", path);
}

static void
make_tablespace(const PgbDataDir *plan, const PgbFile *file)
{
	const char *place = pgb_datadir_place(&plan->options, file);
	char	   *path = path_in(plan, file->path);

	if (pgb_datadir_tablespace(file) == InvalidOid)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the file list of backup \"%s\" is inconsistent at \"%s\"",
						plan->manifest->id, file->path),
				 errdetail("A tablespace cannot have this path."),
				 errhint(PGB_HINT_DAMAGED)));
	if (place != NULL)
		link_tablespace(plan, path, place);
	else
		pgb_target_directory(path, PRIVATE_DIRECTORY);
}

/* ---- directories and files ---- */

/* What a server does not start without, whether or not it was empty. */
static void
make_standard_directories(const PgbDataDir *plan)
{
	static const char *const standard[] = {
		"global", "pg_wal", "pg_wal/archive_status", PGB_TABLESPACES_PATH
	};

	for (int i = 0; i < lengthof(standard); i++)
	{
		char	   *path = path_in(plan, standard[i]);
		struct stat st;

		/* With the mode that the list may have given it. */
		if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
			pgb_target_directory(path, PRIVATE_DIRECTORY);
	}
}

/* Those that no worker makes: empty ones, and those that are filled from several frames. */
static void
make_file(const PgbDataDir *plan, const PgbFile *file)
{
	char	   *path = path_in(plan, file->path);
	int			fd = pgb_open(path, O_WRONLY | O_CREAT | O_EXCL, PRIVATE_FILE);
	bool		done;

	if (fd < 0)
		pgb_target_report("create", path);
	done = ftruncate(fd, (off_t) file->size) == 0;
	if (done && file->size == 0)
		pgb_target_stamp(fd, path, file->mode, file->modified_at);
	if (pgb_close(fd) != 0 || !done)
		pgb_target_report("create", path);
	pfree(path);
}

/* By index in the list: the files that are filled in one piece, each by one worker. */
static bool *
find_whole(const PgbDataDir *plan)
{
	bool	   *is_whole = palloc_extended(Max(plan->list->count, 1) * sizeof(bool),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i < plan->npieces; i++)
	{
		if (plan->pieces[i].is_whole)
			is_whole[plan->pieces[i].file] = true;
	}
	return is_whole;
}

void
pgb_datadir_begin(const PgbDataDir *plan)
{
	bool	   *is_whole = find_whole(plan);

	/* A parent sorts before what is in it. */
	for (int i = 0; i < plan->list->count; i++)
	{
		const PgbFile *file = &plan->list->files[i];

		CHECK_FOR_INTERRUPTS();
		if (!plan->wanted[i])
			continue;
		if (file->type == PGB_FILE_DIRECTORY)
			pgb_target_directory(path_in(plan, file->path), file->mode);
		else if (file->type == PGB_FILE_TABLESPACE)
			make_tablespace(plan, file);
		else if (!is_whole[i])
			make_file(plan, file);
	}
	make_standard_directories(plan);
	pfree(is_whole);
}

/* ---- the end ---- */

/* A file that several workers have written is checked by the sum of its pieces. */
static void
complete_file(const PgbDataDir *plan, const PgbFile *file, uint32 crc)
{
	char	   *path;
	int			fd;

	if (crc != file->crc)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" is not what backup \"%s\" says of it",
						file->path, plan->manifest->id),
				 errdetail("Its CRC-32C is %08x, but should be %08x.", crc, file->crc),
				 errhint(PGB_HINT_DAMAGED)));
	if (plan->options.path == NULL)
		return;

	path = path_in(plan, file->path);
	fd = pgb_open(path, O_WRONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		pgb_target_report("open", path);
	pgb_target_stamp(fd, path, file->mode, file->modified_at);
	if (pgb_close(fd) != 0)
		pgb_target_report("write", path);
	pfree(path);
}

typedef struct Part
{
	uint32		file;
	uint32		crc;
	uint64		offset;
	uint64		length;
} Part;

static int
compare_parts(const void *a, const void *b)
{
	const Part *one = a;
	const Part *two = b;

	if (one->file != two->file)
		return one->file < two->file ? -1 : 1;
	return one->offset < two->offset ? -1 : 1;
}

/* The pieces that are only parts of their files, in the order of files. */
static Part *
collect_parts(const PgbDataDir *plan, const PgbDataDirShared *shared, uint32 *count)
{
	Part	   *parts;

	*count = 0;
	for (uint32 i = 0; i < plan->npieces; i++)
		*count += plan->pieces[i].is_whole ? 0 : 1;
	parts = palloc_extended(Max(*count, 1) * sizeof(Part), MCXT_ALLOC_HUGE);

	*count = 0;
	for (uint32 i = 0; i < plan->npieces; i++)
	{
		const PgbPiece *piece = &plan->pieces[i];
		Part	   *part;

		if (piece->is_whole)
			continue;
		part = &parts[(*count)++];
		part->file = piece->file;
		part->offset = piece->file_offset;
		part->length = piece->length;
		part->crc = shared->piece_crcs[i];
	}
	qsort(parts, *count, sizeof(Part), compare_parts);
	return parts;
}

void
pgb_datadir_complete(const PgbDataDir *plan, const PgbDataDirShared *shared)
{
	uint32		count;
	Part	   *parts = collect_parts(plan, shared, &count);
	const char *label = plan->manifest->base->backup_label;

	for (uint32 i = 0; i < count;)
	{
		uint32		file = parts[i].file;
		uint32		crc = parts[i++].crc;

		CHECK_FOR_INTERRUPTS();
		for (; i < count && parts[i].file == file; i++)
			crc = pgb_crc32c_combine(crc, parts[i].crc, parts[i].length);
		complete_file(plan, &plan->list->files[file], crc);
	}
	pfree(parts);
	if (plan->options.path != NULL)
		pgb_target_write(path_in(plan, "backup_label"), PRIVATE_FILE, label, strlen(label),
						 true);
}

/* ---- pg_control ---- */

static void
sync_all(const PgbDataDir *plan)
{
	pgb_target_sync_tree(plan->options.path);
	for (int i = 0; i < plan->options.nplaces; i++)
		pgb_target_sync_tree(plan->options.places[i].path);
}

char *
pgb_datadir_read_control(const PgbDataDir *plan, const PgbFile **found)
{
	const PgbFile *file = pgb_file_list_find(plan->list, PGB_CONTROL_PATH);
	char	   *control;

	if (file == NULL || file->size == 0 || file->size > 1024 * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no \"%s\"", plan->manifest->id, PGB_CONTROL_PATH),
				 errhint(PGB_HINT_DAMAGED)));
	control = pgb_file_read(plan->repository, plan->manifest, file, 0, file->size);
	if (pgb_crc32c(control, file->size) != file->crc)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" is not what backup \"%s\" says of it",
						PGB_CONTROL_PATH, plan->manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	*found = file;
	return control;
}

void
pgb_datadir_seal(const PgbDataDir *plan)
{
	const PgbFile *file;
	char	   *control = pgb_datadir_read_control(plan, &file);
	char	   *path = path_in(plan, PGB_CONTROL_PATH);
	char	   *new_path = psprintf("%s.tmp", path);

	if (plan->options.durable)
		sync_all(plan);
	pgb_target_write(new_path, file->mode, control, file->size, true);
	if (plan->options.durable)
		pgb_target_sync(new_path);
	if (rename(new_path, path) != 0)
		pgb_target_report("create", path);
	if (plan->options.durable)
		pgb_target_sync(path_in(plan, "global"));
}
