/*-------------------------------------------------------------------------
 *
 * cli.h
 *	  The pgbackup program: what its commands share.
 *
 * src/cli/cli.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_CLI_H
#define PGB_CLI_H

#include "io/json.h"
#include "repo/repository.h"

#define EXIT_USAGE	2

/* What the command line asks for. */
typedef struct CliOptions
{
	const char *repository;		/* absolute path */
	uint64		cluster;		/* system identifier, or 0 for all */
	bool		json;
	int			ntables;		/* --table, as often as it was given */
	const char **tables;
	const char *to;				/* absolute path, or NULL */
	int			jobs;
	bool		with_dependencies;
	char		given[32];		/* of which options, by their short names */
	int			nargs;			/* what follows the command and the options */
	char	  **args;
} CliOptions;

/* An option that only some commands have. */
typedef struct CliOption
{
	const char *name;			/* without the dashes */
	const char *value;			/* what it takes, for the help: "DIR"; NULL: nothing */
	const char *description;
	char		letter;			/* its short form, the same wherever the name is the same; or 0 */
} CliOption;

typedef struct CliCommand
{
	const char *name;
	const char *arguments;		/* for the help */
	const char *description;
	int			nargs;			/* at least so many */
	int			more_args;		/* that may follow them */
	const CliOption *options;	/* its own, ended by one without a name; or NULL */
	void		(*accept) (const char *name, const char *value);	/* takes one of them, in
																	 * the order of the line */
	bool		writes_json;	/* does it heed --output=json? */
	int			(*run) (const CliOptions *options); /* returns the exit status */
} CliCommand;

/* Says what is wrong with the command line, and exits with EXIT_USAGE. */
pg_noreturn extern void cli_usage_error(const char *fmt,...) pg_attribute_printf(1, 2);

extern const CliCommand cli_cat;
extern const CliCommand cli_extract;
extern const CliCommand cli_list;
extern const CliCommand cli_show;
extern const CliCommand cli_restore;
extern const CliCommand cli_verify;
extern const CliCommand cli_wal_get;
extern const CliCommand cli_check;

/* From now on, all that wal-get does not succeed in ends with a status that stops a recovery. */
extern void cli_wal_get_guard(int argc, char **argv);

/* ---- places (place.c) ---- */

/* The absolute path of a directory's repository, as the server's default is. */
extern char *cli_beside_data_directory(const char *data_directory);

/* Could it be that of some data directory? */
extern bool cli_is_beside_data_directory(const char *repository);

extern char *cli_absolute_path(const char *path);

/* The path of this program itself; argv0 is what main() got. */
extern void cli_set_program(const char *argv0);
extern const char *cli_program_path(void);

/* ---- clusters (clusters.c) ---- */

/*
 * Opens the repository, with one PgbRepository for each cluster to look at,
 * ended by NULL.
 */
extern PgbRepository **cli_open(const CliOptions *options);

typedef struct CliCluster
{
	PgbRepository *repository;
	uint64		id;				/* its system identifier */
	PgbCatalogEntry *entries;	/* its backups, the oldest first */
	int			count;
} CliCluster;

/* The same clusters with what they hold, ended by one without a repository. */
extern CliCluster *cli_clusters(const CliOptions *options);

/* The backup of an id, or "latest"; NULL if the cluster has none. */
extern const PgbCatalogEntry *cli_find_backup(const CliCluster *cluster, const char *backup);

/* Raises that no cluster has it. */
pg_noreturn extern void cli_no_such_backup(const CliOptions *options, const char *backup);

/* The cluster that has the backup; raises if there is none, or several. */
extern PgbRepository *cli_choose(const CliOptions *options, const char *backup);

/* ---- text (text.c) ---- */

/* "12 MB" and the like, palloc'd. */
extern char *cli_size(uint64 bytes);

/* "2026-02-19 15:30:00 UTC", "1h 02m", palloc'd. */
extern char *cli_time(int64 moment);
extern char *cli_duration(int64 micros);

/*
 * Reads "2026-02-19 15:30:00+01", with T or a space, with Z, UTC, an offset or without a zone: then
 * in that of this machine.  Microseconds since 2000-01-01 UTC; false when it is no moment.
 */
extern bool cli_parse_moment(const char *text, int64 *moment);
extern char *cli_number(uint64 number); /* "?" for PGB_ROWS_UNKNOWN */

/* The text without what would act on a terminal, palloc'd. */
extern char *cli_printable(const char *text);

/* A table of text with aligned columns. */
typedef struct CliTable
{
	int			ncolumns;
	const char *const *titles;	/* one that begins with '>' is aligned right */
	int			nrows;
	int			allocated;
	char	 ***rows;
} CliTable;

extern void cli_table_init(CliTable *table, int ncolumns, const char *const *titles);

/* Adds a row of ncolumns strings; NULL is an empty one. */
extern void cli_table_add(CliTable *table, char *first,...);
extern void cli_table_print(const CliTable *table);

/* ---- JSON (describe.c) ---- */

#define CLI_COMPLETE	"complete"
#define CLI_DAMAGED		"damaged"

/*
 * What a command writes with --output=json: one object, which begins with the repository.  The end
 * prints it.
 */
extern PgbJsonWriter *cli_json_begin(const CliOptions *options);
extern void cli_json_end(PgbJsonWriter *w);

/* The members that tell of a backup as a whole, in the open object. */
extern void cli_describe(PgbJsonWriter *w, uint64 cluster, const PgbManifest *manifest,
						 int64 proven_at);
extern void cli_describe_damage(PgbJsonWriter *w, uint64 cluster, const PgbCatalogEntry *entry);

/* ---- base backups (show_base.c) ---- */

/* "Name:  value", nothing for NULL (show.c). */
extern void cli_print_fact(const char *name, const char *value);

extern void cli_print_base(const PgbManifest *manifest);
extern void cli_print_base_files(PgbRepository *repository, const PgbManifest *manifest);
extern void cli_describe_base(PgbJsonWriter *w, const PgbManifest *manifest);
extern void cli_describe_base_files(PgbJsonWriter *w, PgbRepository *repository,
									const PgbManifest *manifest);

/* ---- proofs (show_proof.c) ---- */

/* proof is NULL if there is none, and damage why it cannot be read: see pgb_proof_read(). */
struct PgbProof;
extern void cli_print_proof(const struct PgbProof *proof, const char *damage);
extern void cli_describe_proof(PgbJsonWriter *w, const struct PgbProof *proof, const char *damage);

#endif							/* PGB_CLI_H */
