/*-------------------------------------------------------------------------
 *
 * extract.c
 *	  pgbackup extract: a backup, or some of its tables, as a plain directory
 *	  archive that any pg_restore reads.
 *
 * Files are decompressed first, and made durable; the table of contents, without
 * which the directory is no archive, comes last.
 *
 * src/cli/extract.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/archive.h"
#include "cli/target.h"
#include "cli/team.h"
#include "port/counter.h"

#include "repo/toc_select.h"

/* A stored file that is to be written. */
typedef struct Output
{
	const PgbStoredFile *file;
	const PgbTable *table;		/* whose rows it has, or NULL */
	char	   *name;			/* in the target */
} Output;

/* A frame of one: the unit of work.  The rows of one table are written by all workers. */
typedef struct Piece
{
	const Output *output;
	uint32		frame;
	uint64		offset;			/* of its content */
} Piece;

typedef struct Extract
{
	CliArchive *archive;
	CliTarget  *target;
	PgbTocSelection *selection; /* NULL: everything */
	int			noutputs;
	Output	   *outputs;
	uint64		npieces;
	Piece	   *pieces;
	PgbCounter *next_piece;		/* shared: nobody has taken it yet */
	uint64		raw_bytes;
	int			ntables;
} Extract;

/* ---- what is asked for ---- */

#define MAX_JOBS	64

static const CliOption options_of_extract[] = {
	{"table", "NAME", "only this table: a name as in SQL; repeatedly, or a pattern with * and ?", 't'},
	{"to", "DIR", "an empty directory, or one that does not exist yet"},
	{"jobs", "N", "so many processes at once (default: 1)", 'j'},
	{"with-dependencies", NULL, "with --table, also what the tables need: schemas, types, functions"},
	{NULL}
};

static struct
{
	int			ntables;
	const char **tables;
	const char *to;				/* absolute path, or NULL */
	int			jobs;
	bool		with_dependencies;
}			given = {.jobs = 1};

static int
parse_jobs(const char *text)
{
	char	   *end;
	long		jobs = strtol(text, &end, 10);

	if (end == text || *end != '\0' || jobs < 1 || jobs > MAX_JOBS)
		cli_usage_error("\"%s\" is not a number of jobs: 1 to %d", text, MAX_JOBS);
	return (int) jobs;
}

static void
add_table(const char *name)
{
	size_t		size = (given.ntables + 1) * sizeof(char *);

	given.tables = given.tables == NULL ? palloc(size) : repalloc(given.tables, size);
	given.tables[given.ntables++] = name;
}

static void
accept(const char *name, const char *value)
{
	if (strcmp(name, "table") == 0)
		add_table(value);
	else if (strcmp(name, "to") == 0)
		given.to = cli_absolute_path(value);
	else if (strcmp(name, "jobs") == 0)
		given.jobs = parse_jobs(value);
	else
		given.with_dependencies = true;
}

/* ---- what to extract ---- */

static void
select_tables(Extract *extract)
{
	CliArchive *archive = extract->archive;

	extract->selection = pgb_toc_select_begin(archive->toc);
	for (int i = 0; i < given.ntables; i++)
	{
		int			count;
		const CliRelation **found = cli_find_relations(archive, given.tables[i], &count);

		while (count-- > 0)
			pgb_toc_select(extract->selection, found[count]->entry);
	}
	pgb_toc_select_belongings(extract->selection);
	if (given.with_dependencies)
		pgb_toc_select_needed(extract->selection);
}

/* "12.dat" of "12.dat.zst" */
static char *
plain_name(const char *name)
{
	size_t		length = strlen(name);
	size_t		suffix = strlen(PGB_COMPRESSED_SUFFIX);

	if (length > suffix && strcmp(name + length - suffix, PGB_COMPRESSED_SUFFIX) == 0)
		length -= suffix;
	return pnstrdup(name, length);
}

static void
add_output(Extract *extract, const PgbStoredFile *file, const PgbTable *table)
{
	Output	   *output = &extract->outputs[extract->noutputs++];

	if (file->frames.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" of backup \"%s\" has no frames", file->name,
						extract->archive->manifest->id),
				 errhint(PGB_HINT_DAMAGED)));
	output->file = file;
	output->table = table;
	output->name = plain_name(file->name);
	extract->raw_bytes += file->raw_bytes;
	extract->npieces += file->frames.count;
	if (table != NULL)
	{
		cli_check_rows(extract->archive, table);
		extract->ntables++;
	}
}

/* Of a table of the manifest, or else it is a large object. */
static bool
is_selected(const Extract *extract, const PgbStoredFile *file, const PgbTable *table)
{
	const PgbTocEntry *rows;

	if (strcmp(file->name, PGB_TOC_NAME) == 0)
		return false;			/* it comes last */
	if (extract->selection == NULL)
		return true;
	rows = table == NULL ? NULL : pgb_toc_by_dump_id(extract->archive->toc, table->dump_id);
	return rows != NULL && pgb_toc_is_selected(extract->selection, rows);
}

static const PgbTable **
tables_by_file(const PgbManifest *manifest)
{
	const PgbTable **tables = palloc_extended((size_t) manifest->nfiles * sizeof(PgbTable *) + 1,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < manifest->ntables; i++)
	{
		const PgbTable *table = &manifest->tables[i];

		tables[pgb_manifest_file(manifest, table->file) - manifest->files] = table;
	}
	return tables;
}

static void
list_outputs(Extract *extract)
{
	const PgbManifest *manifest = extract->archive->manifest;
	const PgbTable **tables = tables_by_file(manifest);

	extract->outputs = palloc_extended((size_t) manifest->nfiles * sizeof(Output) + 1,
									   MCXT_ALLOC_HUGE);
	for (int i = 0; i < manifest->nfiles; i++)
	{
		if (is_selected(extract, &manifest->files[i], tables[i]))
			add_output(extract, &manifest->files[i], tables[i]);
	}
}

static void
list_pieces(Extract *extract)
{
	Piece	   *piece = palloc_extended(extract->npieces * sizeof(Piece) + 1, MCXT_ALLOC_HUGE);

	extract->pieces = piece;
	for (int i = 0; i < extract->noutputs; i++)
	{
		const PgbFrameList *frames = &extract->outputs[i].file->frames;
		uint64		offset = 0;

		for (uint32 n = 0; n < frames->count; n++, piece++)
		{
			piece->output = &extract->outputs[i];
			piece->frame = n;
			piece->offset = offset;
			offset += frames->frames[n].raw_bytes;
		}
	}
}

/* Whatever the table of contents names must be among the files. */
static void
check_files(const Extract *extract)
{
	const PgbToc *toc = extract->archive->toc;

	for (int i = 0; i < toc->count; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];

		if (entry->file_name == NULL ||
			(extract->selection != NULL && !pgb_toc_is_selected(extract->selection, entry)))
			continue;
		(void) cli_archive_file(extract->archive,
								psprintf("%s%s", entry->file_name, PGB_COMPRESSED_SUFFIX));
	}
}

/* ---- files ---- */

/* What a worker has open: frames of a file follow each other. */
typedef struct OpenFile
{
	const Output *output;
	PgbObject  *source;
	PgbObject  *target;
	uint64		offset;
} OpenFile;

static void
write_piece(void *arg, const char *data, size_t length)
{
	OpenFile   *open = arg;

	open->target->store->ops->write_at(open->target, open->offset, data, length);
	open->offset += length;
}

static void
switch_file(OpenFile *open, const Extract *extract, const Output *output)
{
	PgbStore   *store = extract->target->store;

	if (open->output == output)
		return;
	if (open->output != NULL)
	{
		open->source->store->ops->close(open->source);
		store->ops->close(open->target);
	}
	open->output = output;
	open->source = pgb_backup_open_file(extract->archive->repository, extract->archive->manifest,
										output->file);
	open->target = store->ops->attach(store, output->name);
}

static void
extract_piece(void *arg, uint64 number)
{
	static OpenFile open;
	const Extract *extract = arg;
	const Piece *piece = &extract->pieces[number];

	switch_file(&open, extract, piece->output);
	open.offset = piece->offset;
	cli_read_frame(open.source, piece->output->file, piece->frame, piece->output->table != NULL,
				   write_piece, &open);
}

/* One of the processes: takes the next piece that nobody has taken. */
static void
extract_pieces(void *arg)
{
	Extract    *extract = arg;
	uint64		number;

	while ((number = pgb_counter_add(extract->next_piece, 1)) < extract->npieces)
	{
		cli_team_check();
		extract_piece(extract, number);
	}
}

static void
run_team(Extract *extract, int jobs)
{
	CliTeam		team = {.work = extract_pieces, .arg = extract};

	team.jobs = (int) Min((uint64) jobs, extract->npieces);
	extract->next_piece = cli_shared_memory(sizeof(PgbCounter));
	if (!cli_team_run(&team))
		ereport(ERROR,
				(errmsg("nothing was extracted")));
}

static void
create_files(const Extract *extract)
{
	PgbStore   *store = extract->target->store;

	for (int i = 0; i < extract->noutputs; i++)
	{
		cli_check_stop();
		store->ops->close(store->ops->create(store, extract->outputs[i].name));
	}
}

/* Their frames have been checked by who has written them. */
static void
check_outputs(const Extract *extract)
{
	CliArchive *archive = extract->archive;

	for (int i = 0; i < extract->noutputs; i++)
	{
		const PgbStoredFile *file = extract->outputs[i].file;
		PgbObject  *object = pgb_backup_open_file(archive->repository, archive->manifest, file);

		cli_check_stop();
		pgb_backup_check_crc(object, archive->manifest, file);
		object->store->ops->close(object);
	}
}

static void
write_toc(const Extract *extract)
{
	PgbStore   *store = extract->target->store;
	CliArchive *archive = extract->archive;
	size_t		length = archive->toc_length;
	const char *data = archive->toc_data;

	if (extract->selection != NULL)
		data = pgb_toc_write(archive->toc, archive->toc_data, extract->selection->keep, &length);
	store->ops->put(store, PGB_TOC_NAME, data, length);
}

static void
write_archive(Extract *extract, int njobs)
{
	PgbStore   *store = extract->target->store;

	create_files(extract);
	run_team(extract, njobs);
	check_outputs(extract);
	cli_check_stop();
	store->ops->sync_folder(store, "");
	cli_check_stop();
	write_toc(extract);
}

static void
write_or_discard(Extract *extract, int njobs)
{
	PG_TRY();
	{
		write_archive(extract, njobs);
	}
	PG_CATCH();
	{
		pgb_print_error();
		cli_target_discard(extract->target);
		exit(1);
	}
	PG_END_TRY();
}

/* ---- what the user is told ---- */

static char *
entry_name(const PgbTocEntry *entry)
{
	return psprintf("%s %s.%s", entry->desc, entry->schema_name == NULL ? "-" : entry->schema_name,
					entry->tag == NULL ? "-" : entry->tag);
}

static void
tell_left_out(const Extract *extract)
{
	const PgbToc *toc = extract->archive->toc;

	for (int i = 0; i < toc->count; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];
		const PgbTocEntry *missing = pgb_toc_missing_relation(extract->selection, entry);

		if (pgb_toc_is_left_out(extract->selection, entry))
			printf("left out: %s\n", cli_printable(entry_name(entry)));
		if (missing != NULL)
			ereport(WARNING,
					(errmsg("%s needs %s, which was not extracted", entry_name(entry),
							entry_name(missing)),
					 errhint("Name it with --table as well, or use --with-dependencies.")));
	}
}

static void
tell(const Extract *extract)
{
	printf("extracted %d %s, %s, to %s\n", extract->ntables,
		   extract->ntables == 1 ? "table" : "tables", cli_size(extract->raw_bytes),
		   cli_printable(extract->target->store->location));
	if (extract->selection != NULL)
		tell_left_out(extract);
}

/* ---- the command ---- */

static int
run(const CliOptions *options)
{
	Extract		extract = {0};

	if (given.to == NULL)
		cli_usage_error("say where to extract the backup with --to");
	if (given.with_dependencies && given.ntables == 0)
		cli_usage_error("--with-dependencies needs --table: without it, everything is extracted");

	extract.archive = cli_archive_open(options);
	if (given.ntables > 0)
		select_tables(&extract);
	list_outputs(&extract);
	list_pieces(&extract);
	check_files(&extract);

	cli_stop_by_signals();
	extract.target = cli_target_open(given.to);
	write_or_discard(&extract, given.jobs);
	tell(&extract);
	return 0;
}

const CliCommand cli_extract = {
	.name = "extract",
	.arguments = " BACKUP --to=DIR",
	.description = "write a backup, or some of its tables, as a directory that pg_restore reads",
	.nargs = 1,
	.options = options_of_extract,
	.accept = accept,
	.run = run,
};
