/*-------------------------------------------------------------------------
 *
 * archive.h
 *	  A logical backup that is open: its relations, by name, and their rows.
 *
 * src/cli/archive.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CLI_ARCHIVE_H
#define PGB_CLI_ARCHIVE_H

#include "cli/cli.h"
#include "repo/toc.h"

/* What --table can name. */
typedef struct CliRelation
{
	const char *schema_name;
	const char *name;
	const PgbTocEntry *entry;	/* its definition, or its rows if that is all */
	const PgbTable *table;		/* its rows, or NULL */
} CliRelation;

typedef struct CliArchive
{
	PgbRepository *repository;
	PgbManifest *manifest;
	char	   *toc_data;		/* toc.dat */
	size_t		toc_length;
	PgbToc	   *toc;
	int			nrelations;
	CliRelation *relations;
} CliArchive;

/* ---- archive.c ---- */

/* Opens the backup that the first argument of the command names. */
extern CliArchive *cli_archive_open(const CliOptions *options);

/* The stored file of that name; one that is not there is damage. */
extern const PgbStoredFile *cli_archive_file(const CliArchive *archive, const char *name);

/* ---- pattern.c ---- */

/*
 * The relations that a name or pattern means, palloc'd.  A name without wildcards
 * means one: without its schema it must be the only one.  Raises
 * ERRCODE_UNDEFINED_TABLE or ERRCODE_AMBIGUOUS_PARAMETER with candidates.
 */
extern const CliRelation **cli_find_relations(const CliArchive *archive, const char *pattern,
											  int *count);

/* The same for what must mean one. */
extern const CliRelation *cli_find_relation(const CliArchive *archive, const char *name);

/* schema.name, quoted as SQL needs it, palloc'd. */
extern char *cli_qualified_name(const char *schema_name, const char *name);

/* ---- content.c ---- */

typedef void (*CliConsumer) (void *arg, const char *data, size_t length);

/*
 * Hands the content of one frame to a consumer, in pieces, after checking it; its rows
 * are counted as well if it is of a table.
 */
extern void cli_read_frame(PgbObject *object, const PgbStoredFile *file, uint32 number,
						   bool is_table, CliConsumer consumer, void *arg);

/* A table's frames must have as many rows as the manifest says of the table. */
extern void cli_check_rows(const CliArchive *archive, const PgbTable *table);

#endif							/* PGB_CLI_ARCHIVE_H */
