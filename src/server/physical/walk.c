/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  What there is to copy: the files of the data directory and its tablespaces.
 *
 * The server goes on meanwhile: what has vanished between two looks is no error, and
 * what appears later has all of its content in the WAL.
 *
 * src/server/physical/walk.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "common/file_perm.h"
#include "common/relpath.h"
#include "miscadmin.h"
#include "postmaster/syslogger.h"
#include "server/compat.h"
#include "server/physical/walk.h"
#include "storage/fd.h"
#include "utils/guc.h"

/* A place whose content is not copied, or not here. */
typedef struct Place
{
	dev_t		device;
	ino_t		inode;
} Place;

typedef struct Walker
{
	PgbWalk    *walk;
	bool		has_repository;
	Place		repository;
	int			nplaces;		/* of tablespaces */
	Place	   *places;
} Walker;

/* What kind of directory is it? */
typedef enum DirectoryKind
{
	DIRECTORY_PLAIN,
	DIRECTORY_RELATIONS,		/* files of relations are in it */
	DIRECTORY_TABLESPACES		/* pg_tblspc */
} DirectoryKind;

/* ---- names ---- */

/* Digits that make an OID, and no more; returns what follows them, or NULL. */
static const char *
scan_number(const char *text, uint32 *number)
{
	uint64		value = 0;
	const char *digit = text;

	while (*digit >= '0' && *digit <= '9' && digit - text < OIDCHARS)
		value = value * 10 + (uint64) (*digit++ - '0');
	if (digit == text || value == 0 || value > PG_UINT32_MAX)
		return NULL;
	*number = (uint32) value;
	return digit;
}

static const char *
scan_fork(const char *text, const char **fork)
{
	static const char *const forks[] = {"_fsm", "_vm", "_init"};

	*fork = "";
	for (int i = 0; i < lengthof(forks); i++)
	{
		if (strncmp(text, forks[i], strlen(forks[i])) == 0)
		{
			*fork = forks[i];
			return text + strlen(forks[i]);
		}
	}
	return text;
}

/* 16385, 16385_vm, 16385.2, 16385_fsm.1 */
static bool
parse_relation_file(const char *name, PgbRelationFile *relation, const char **fork)
{
	uint32		number;
	const char *rest = scan_number(name, &number);

	memset(relation, 0, sizeof(*relation));
	if (rest == NULL)
		return false;
	rest = scan_fork(rest, fork);
	if (*rest == '.')
	{
		rest = scan_number(rest + 1, &relation->segment);
		if (rest == NULL)
			return false;
	}
	if (*rest != '\0')
		return false;
	relation->is_relation = true;
	relation->number = number;
	relation->is_main = (*fork)[0] == '\0';
	return true;
}

PgbRelationFile
pgb_relation_file(const char *name)
{
	PgbRelationFile relation;
	const char *fork;

	if (!parse_relation_file(name, &relation, &fork))
		relation.is_relation = false;
	return relation;
}

/* t3_16385, and forks and segments of it: of a temporary table */
static bool
is_temporary_relation(const char *name)
{
	const char *rest;
	PgbRelationFile relation;
	const char *fork;

	if (name[0] != 't')
		return false;

	/* the number of a backend may be 0 */
	rest = name + 1 + strspn(name + 1, "0123456789");
	return rest > name + 1 && *rest == '_' && parse_relation_file(rest + 1, &relation, &fork);
}

/* Files that the server makes afresh, or that would be wrong in a copy; also those that begin so. */
static bool
is_left_out(const char *name)
{
	static const struct
	{
		const char *name;
		bool		is_prefix;
	}			names[] =
	{
		{PG_TEMP_FILE_PREFIX, true},
		{PG_AUTOCONF_FILENAME ".tmp", false},
		{LOG_METAINFO_DATAFILE_TMP, false},
		{"pg_internal.init", true},
		{"backup_label", false},
		{"tablespace_map", false},
		{"backup_manifest", false},
		{"postmaster.pid", false},
		{"postmaster.opts", false},
		{".DS_Store", false},
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (names[i].is_prefix ?
			strncmp(name, names[i].name, strlen(names[i].name)) == 0 :
			strcmp(name, names[i].name) == 0)
			return true;
	}
	return false;
}

/* Directories that the server needs, and whose content it makes afresh. */
static bool
is_emptied(const char *name)
{
	static const char *const names[] = {
		"pg_stat_tmp", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots",
		"pg_subtrans",
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_number(const char *name)
{
	return name[0] != '\0' && strspn(name, "0123456789") == strlen(name);
}

/* "base/5", "global", "pg_tblspc/16400/PG_15_202209061/5" */
static DirectoryKind
kind_of_directory(const char *path)
{
	const char *name = strrchr(path, '/');

	if (strcmp(path, "global") == 0)
		return DIRECTORY_RELATIONS;
	if (strcmp(path, "pg_tblspc") == 0)
		return DIRECTORY_TABLESPACES;
	if (name == NULL || !is_number(name + 1))
		return DIRECTORY_PLAIN;
	if (strncmp(path, "base/", name + 1 - path) == 0)
		return DIRECTORY_RELATIONS;
	if (strncmp(path, "pg_tblspc/", 10) == 0 &&
		name - path > strlen(TABLESPACE_VERSION_DIRECTORY) &&
		strncmp(name - strlen(TABLESPACE_VERSION_DIRECTORY), TABLESPACE_VERSION_DIRECTORY,
				strlen(TABLESPACE_VERSION_DIRECTORY)) == 0)
		return DIRECTORY_RELATIONS;
	return DIRECTORY_PLAIN;
}

/* ---- looking ---- */

/* False when it has vanished. */
static bool
look(const char *path, struct stat *st, bool follow)
{
	if ((follow ? stat(path, st) : lstat(path, st)) == 0)
		return true;
	if (errno != ENOENT)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not examine \"%s\": %m", path)));
	return false;
}

static bool
is_place(const Place *place, const struct stat *st)
{
	return place->device == st->st_dev && place->inode == st->st_ino;
}

static bool
is_tablespace_place(const Walker *walker, const struct stat *st)
{
	for (int i = 0; i < walker->nplaces; i++)
	{
		if (is_place(&walker->places[i], st))
			return true;
	}
	return false;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sorted; a directory that has vanished is empty. */
static char **
names_in(const char *path, int *count)
{
	char	  **names = pgb_read_directory(path);

	*count = 0;
	if (names == NULL)
	{
		if (errno != ENOENT)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read directory \"%s\": %m", path)));
		return NULL;
	}
	while (names[*count] != NULL)
		(*count)++;
	qsort(names, *count, sizeof(char *), compare_names);
	return names;
}

/* ---- what is found ---- */

static PgbWalkedFile *
add(Walker *walker, PgbFileType type, const char *path, uint32 mode)
{
	PgbWalk    *walk = walker->walk;
	PgbWalkedFile *added;

	if (walk->count == walk->allocated)
	{
		walk->allocated = Max(1024, walk->allocated * 2);
		walk->files = walk->files == NULL ?
			palloc(walk->allocated * sizeof(PgbWalkedFile)) :
			repalloc_huge(walk->files, mul_size(walk->allocated, sizeof(PgbWalkedFile)));
	}
	added = &walk->files[walk->count++];
	memset(added, 0, sizeof(PgbWalkedFile));
	added->file.type = type;
	added->file.path = pstrdup(path);
	added->file.mode = mode & 07777;
	return added;
}

static void
add_regular(Walker *walker, const char *path, const char *name, const struct stat *st,
			DirectoryKind where)
{
	PgbWalkedFile *added = add(walker, PGB_FILE_REGULAR, path, st->st_mode);

	added->file.size = (uint64) st->st_size;
	if (where == DIRECTORY_RELATIONS)
		added->relation = pgb_relation_file(name);
	walker->walk->bytes += added->file.size;
}

static void walk_directory(Walker *walker, const char *path);

/* pg_wal and the folders that the server needs in it, without the WAL. */
static void
add_wal_directories(Walker *walker, const char *path)
{
	static const char *const below[] = {"archive_status", "summaries"};

	add(walker, PGB_FILE_DIRECTORY, path, pg_dir_create_mode);
	for (int i = 0; i < lengthof(below); i++)
	{
		char	   *folder = psprintf("%s/%s", path, below[i]);
		struct stat st;

		if (look(folder, &st, true) && S_ISDIR(st.st_mode))
			add(walker, PGB_FILE_DIRECTORY, folder, pg_dir_create_mode);
	}
}

static PgbTablespace *
add_tablespace(Walker *walker, Oid oid, const char *target)
{
	PgbWalk    *walk = walker->walk;
	PgbTablespace *added;

	walk->tablespaces = walk->tablespaces == NULL ?
		palloc(sizeof(PgbTablespace)) :
		repalloc(walk->tablespaces, (walk->ntablespaces + 1) * sizeof(PgbTablespace));
	added = &walk->tablespaces[walk->ntablespaces++];
	added->oid = oid;
	added->path = target == NULL ? NULL : pstrdup(target);
	added->size = 0;
	return added;
}

static char *
read_link(const char *path)
{
	char		target[MAXPGPATH];
	ssize_t		length = readlink(path, target, sizeof(target));

	if (length < 0 && errno == ENOENT)
		return NULL;
	if (length < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read symbolic link \"%s\": %m", path)));
	if (length >= sizeof(target))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the target of symbolic link \"%s\" is too long", path)));
	return pnstrdup(target, length);
}

/* Only what this version of the server has there: another may share the place. */
static void
walk_tablespace(Walker *walker, const char *path, Oid oid, const struct stat *st)
{
	char	   *version = psprintf("%s/%s", path, TABLESPACE_VERSION_DIRECTORY);
	uint64		before = walker->walk->bytes;
	int			number = walker->walk->ntablespaces;
	struct stat version_st;

	if (S_ISLNK(st->st_mode))
	{
		char	   *target = read_link(path);

		if (target == NULL)
			return;
		add(walker, PGB_FILE_TABLESPACE, path, pg_dir_create_mode)->file.target = target;
		add_tablespace(walker, oid, target);
	}
	else
	{
		add(walker, PGB_FILE_DIRECTORY, path, st->st_mode);
		add_tablespace(walker, oid, NULL);
	}

	if (look(version, &version_st, false) && S_ISDIR(version_st.st_mode))
	{
		add(walker, PGB_FILE_DIRECTORY, version, version_st.st_mode);
		walk_directory(walker, version);
	}
	walker->walk->tablespaces[number].size = walker->walk->bytes - before;
}

static void
visit_directory(Walker *walker, const char *path, const char *name, const struct stat *st)
{
	if (walker->has_repository && is_place(&walker->repository, st))
		return;
	add(walker, PGB_FILE_DIRECTORY, path, st->st_mode);

	/* a tablespace inside the data directory is copied as a tablespace */
	if (is_emptied(name) || is_tablespace_place(walker, st))
		return;
	walk_directory(walker, path);
}

static void
visit(Walker *walker, const char *path, const char *name, DirectoryKind where)
{
	struct stat st;
	uint32		oid;
	const char *rest;

	if (strcmp(path, PGB_CONTROL_FILE) == 0 || !look(path, &st, false))
		return;

	if (strcmp(path, "pg_wal") == 0)
		add_wal_directories(walker, path);
	else if (where == DIRECTORY_TABLESPACES && (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode)) &&
			 (rest = scan_number(name, &oid)) != NULL && *rest == '\0')
		walk_tablespace(walker, path, (Oid) oid, &st);
	else if (S_ISLNK(st.st_mode) && is_emptied(name))
		add(walker, PGB_FILE_DIRECTORY, path, pg_dir_create_mode);
	else if (S_ISDIR(st.st_mode))
		visit_directory(walker, path, name, &st);
	else if (S_ISREG(st.st_mode))
		add_regular(walker, path, name, &st, where);
	else
		ereport(LOG,
				(errmsg("\"%s\" is not part of the backup", path),
				 errdetail("It is a symbolic link or a special file."),
				 errhint("Keep a copy of what it leads to, if the server needs it.")));
}

/* ---- unlogged relations ---- */

typedef struct Unlogged
{
	int			count;
	Oid		   *numbers;		/* ascending */
} Unlogged;

static int
compare_oids(const void *a, const void *b)
{
	Oid			left = *(const Oid *) a;
	Oid			right = *(const Oid *) b;

	return left < right ? -1 : left > right;
}

/* Relations that have an init fork: the server makes their other forks from it. */
static void
find_unlogged(char **names, int count, Unlogged *unlogged)
{
	unlogged->count = 0;
	unlogged->numbers = palloc((count + 1) * sizeof(Oid));
	for (int i = 0; i < count; i++)
	{
		PgbRelationFile relation;
		const char *fork;

		if (parse_relation_file(names[i], &relation, &fork) && strcmp(fork, "_init") == 0)
			unlogged->numbers[unlogged->count++] = relation.number;
	}
	qsort(unlogged->numbers, unlogged->count, sizeof(Oid), compare_oids);
}

static bool
is_unlogged_content(const Unlogged *unlogged, const char *name)
{
	PgbRelationFile relation;
	const char *fork;

	return parse_relation_file(name, &relation, &fork) && strcmp(fork, "_init") != 0 &&
		bsearch(&relation.number, unlogged->numbers, unlogged->count, sizeof(Oid),
				compare_oids) != NULL;
}

/* ---- the walk ---- */

static void
walk_directory(Walker *walker, const char *path)
{
	bool		is_root = strcmp(path, ".") == 0;
	DirectoryKind kind = kind_of_directory(path);
	Unlogged	unlogged = {0};
	int			count;
	char	  **names = names_in(path, &count);

	check_stack_depth();
	if (kind == DIRECTORY_RELATIONS)
		find_unlogged(names, count, &unlogged);
	for (int i = 0; i < count; i++)
	{
		char	   *below = is_root ? names[i] : psprintf("%s/%s", path, names[i]);

		CHECK_FOR_INTERRUPTS();
		if (is_left_out(names[i]))
			continue;
		if (kind == DIRECTORY_RELATIONS &&
			(is_temporary_relation(names[i]) || is_unlogged_content(&unlogged, names[i])))
			continue;
		visit(walker, below, names[i], kind);
		if (!is_root)
			pfree(below);
	}

	for (int i = 0; i < count; i++)
		pfree(names[i]);
	if (names != NULL)
		pfree(names);
	if (unlogged.numbers != NULL)
		pfree(unlogged.numbers);
}

/* Where tablespaces are: one of them may be inside the data directory. */
static void
find_tablespace_places(Walker *walker)
{
	int			count;
	char	  **names = names_in("pg_tblspc", &count);

	walker->places = palloc((count + 1) * sizeof(Place));
	for (int i = 0; i < count; i++)
	{
		char	   *path = psprintf("pg_tblspc/%s", names[i]);
		struct stat st;

		if (look(path, &st, false) && S_ISLNK(st.st_mode) && stat(path, &st) == 0)
		{
			walker->places[walker->nplaces].device = st.st_dev;
			walker->places[walker->nplaces++].inode = st.st_ino;
		}
	}
}

/* Files that the server needs, and that no copy of the data directory has. */
static void
tell_of_outer_configuration(void)
{
	static const char *const settings[] = {"config_file", "hba_file", "ident_file"};
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < lengthof(settings); i++)
	{
		const char *path = GetConfigOption(settings[i], true, false);

		if (path != NULL && path[0] != '\0' && !path_is_prefix_of_path(DataDir, path))
			appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "", path);
	}
	if (list.len > 0)
		ereport(LOG,
				(errmsg("configuration files outside of the data directory are not part of the backup"),
				 errdetail("They are %s.", list.data)));
	pfree(list.data);
}

static int
compare_tablespaces(const void *a, const void *b)
{
	return compare_oids(&((const PgbTablespace *) a)->oid, &((const PgbTablespace *) b)->oid);
}

PgbWalk *
pgb_walk(const char *repository)
{
	Walker		walker = {0};
	struct stat st;

	walker.walk = palloc0(sizeof(PgbWalk));
	if (stat(repository, &st) == 0)
	{
		walker.has_repository = true;
		walker.repository.device = st.st_dev;
		walker.repository.inode = st.st_ino;
	}
	tell_of_outer_configuration();
	find_tablespace_places(&walker);
	walk_directory(&walker, ".");
	if (walker.walk->ntablespaces > 1)
		qsort(walker.walk->tablespaces, walker.walk->ntablespaces, sizeof(PgbTablespace),
			  compare_tablespaces);
	return walker.walk;
}
