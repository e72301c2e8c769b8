/*-------------------------------------------------------------------------
 *
 * cat.c
 *	  pgbackup cat: the rows of one table, as COPY writes them.
 *
 * src/cli/cat.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/archive.h"

#include <unistd.h>

/* ---- output ---- */

/* Who reads no further, has seen enough: as with cat, that is not worth a word. */
static void
write_output(void *arg, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t		rc = write(STDOUT_FILENO, data, length);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0 && errno == EPIPE)
			exit(1);
		if (rc < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write to standard output: %m")));
		data += rc;
		length -= rc;
	}
}

static void
drop_output(void *arg, const char *data, size_t length)
{
}

/* ---- the table ---- */

static bool
is_partitioned(const CliRelation *relation)
{
	return relation->entry->defn != NULL &&
		strstr(relation->entry->defn, "\nPARTITION BY ") != NULL;
}

static const PgbTable *
find_table(const CliArchive *archive, const char *name)
{
	const CliRelation *relation = cli_find_relation(archive, name);

	if (relation->table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("backup \"%s\" has no rows of %s", archive->manifest->id,
						cli_qualified_name(relation->schema_name, relation->name)),
				 strcmp(relation->entry->desc, "TABLE") != 0 ?
				 errdetail("It is a %s.", relation->entry->desc) :
				 is_partitioned(relation) ?
				 errdetail("It is partitioned: its rows are in its partitions.") :
				 errdetail("The backup was told to leave them out."),
				 errhint("pgbackup show %s lists the tables that have rows.",
						 archive->manifest->id)));
	return relation->table;
}

/* What is wrong is known, at the latest, when all is written: hence the exit status counts. */
static void
write_rows(const CliArchive *archive, const PgbTable *table)
{
	const PgbStoredFile *file = cli_archive_file(archive, table->file);
	PgbObject  *object = pgb_backup_open_file(archive->repository, archive->manifest, file);
	uint32		count = file->frames.count;

	cli_check_rows(archive, table);
	for (uint32 i = 0; i < count; i++)
		cli_read_frame(object, file, i, true, i < count - 1 ? write_output : drop_output, NULL);
	pgb_backup_check_crc(object, archive->manifest, file);
	object->store->ops->close(object);
}

/* ---- the command ---- */

static const CliOption options_of_cat[] = {
	{"table", "NAME", "the table: a name as in SQL", 't'},
	{NULL}
};

static const char *given_table = NULL;
static int	ntables = 0;

static void
accept(const char *name, const char *value)
{
	given_table = value;
	ntables++;
}

static int
run(const CliOptions *options)
{
	CliArchive *archive;

	if (ntables != 1)
		cli_usage_error("pgbackup cat writes one table: name it with --table");
	archive = cli_archive_open(options);
	write_rows(archive, find_table(archive, given_table));
	return 0;
}

const CliCommand cli_cat = {
	.name = "cat",
	.arguments = " BACKUP --table=NAME",
	.description = "write the rows of one table to standard output, as COPY does",
	.nargs = 1,
	.options = options_of_cat,
	.accept = accept,
	.run = run,
};
