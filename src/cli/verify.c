/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  pgbackup verify: are backups as they were written?
 *
 * src/cli/verify.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include "repo/verify.h"

static bool all = false;
static bool contents = false;

/* ---- results ---- */

typedef struct Problem
{
	char	   *object;
	char	   *detail;
	struct Problem *next;
} Problem;

typedef struct Result
{
	uint64		cluster;
	const char *id;				/* NULL: it is about the WAL archive */
	PgbVerify	verify;
	Problem    *first;
	Problem   **end;			/* where the next one is put */
	struct Result *next;
} Result;

static void
add_problem(void *arg, const char *object, const char *detail, bool missing)
{
	Result	   *result = arg;
	Problem    *problem = palloc0(sizeof(Problem));

	problem->object = pstrdup(object);
	problem->detail = pstrdup(detail);
	*result->end = problem;
	result->end = &problem->next;
}

static Result *
make_result(const PgbRepository *repository, const char *id)
{
	Result	   *result = palloc0(sizeof(Result));

	result->cluster = repository->system_identifier;
	result->id = id;
	result->end = &result->first;
	result->verify.contents = contents;
	result->verify.problem = add_problem;
	result->verify.arg = result;
	return result;
}

static Result *
verify_entry(PgbRepository *repository, const PgbCatalogEntry *entry)
{
	Result	   *result = make_result(repository, entry->id);

	if (entry->manifest != NULL)
		pgb_verify_backup(repository, entry->manifest, &result->verify);
	else
	{
		result->verify.problems = 1;
		add_problem(result, PGB_MANIFEST_NAME, entry->damage, false);
	}
	return result;
}

static Result *
verify_archive(PgbRepository *repository)
{
	Result	   *result = make_result(repository, NULL);

	pgb_verify_archive(repository, &result->verify);
	return result;
}

/* ---- for people ---- */

static void
print_result(const Result *result)
{
	const char *name = result->id != NULL ? result->id : PGB_VERIFY_ARCHIVE;

	for (const Problem *problem = result->first; problem != NULL; problem = problem->next)
		printf("%s: %s: %s\n", name, cli_printable(problem->object),
			   cli_printable(problem->detail));
	printf("%s: " UINT64_FORMAT " objects, %s: ", name, result->verify.objects,
		   cli_size(result->verify.bytes));
	if (result->first == NULL)
		printf("ok\n");
	else
		printf(UINT64_FORMAT " %s\n", result->verify.problems,
			   result->verify.problems == 1 ? "problem" : "problems");
	fflush(stdout);
}

/* ---- for programs ---- */

static void
describe_result(PgbJsonWriter *w, const Result *result)
{
	pgb_json_object(w, NULL);
	pgb_json_string(w, "system_identifier", psprintf(UINT64_FORMAT, result->cluster));
	if (result->id != NULL)
		pgb_json_string(w, "id", result->id);
	pgb_json_string(w, "status", result->first == NULL ? "ok" : CLI_DAMAGED);
	pgb_json_uint64(w, "objects", result->verify.objects);
	pgb_json_uint64(w, "stored_bytes", result->verify.bytes);
	pgb_json_array(w, "problems");
	for (const Problem *problem = result->first; problem != NULL; problem = problem->next)
	{
		pgb_json_inline_object(w, NULL);
		pgb_json_string(w, "object", problem->object);
		pgb_json_string(w, "detail", problem->detail);
		pgb_json_end_inline_object(w);
	}
	pgb_json_end_array(w);
	pgb_json_end_object(w);
}

static void
describe_results(PgbJsonWriter *w, const char *name, const Result *results, bool of_archives)
{
	pgb_json_array(w, name);
	for (; results != NULL; results = results->next)
	{
		if ((results->id == NULL) == of_archives)
			describe_result(w, results);
	}
	pgb_json_end_array(w);
}

static void
print_json(const CliOptions *options, const Result *results)
{
	PgbJsonWriter *w = cli_json_begin(options);

	pgb_json_bool(w, "contents", contents);
	describe_results(w, "backups", results, false);
	if (all)
		describe_results(w, "archives", results, true);
	cli_json_end(w);
}

/* ---- the command ---- */

typedef struct Results
{
	Result	   *first;
	Result	  **end;			/* where the next one is put */
} Results;

static void
add_result(Results *results, Result *result, const CliOptions *options)
{
	*results->end = result;
	results->end = &result->next;
	if (!options->json)
		print_result(result);
}

/* wanted is an id, or "latest" of each cluster; NULL: all of them, and the WAL archive. */
static Result *
verify_wanted(const CliOptions *options, const char *wanted)
{
	Results		results = {NULL, &results.first};

	for (CliCluster *cluster = cli_clusters(options); cluster->repository != NULL; cluster++)
	{
		Result	   *archive;
		const PgbCatalogEntry *only = wanted == NULL ? NULL : cli_find_backup(cluster, wanted);

		for (int i = 0; i < cluster->count; i++)
		{
			struct PgbLock *lock;
			Result	   *result;

			if (wanted != NULL && only != &cluster->entries[i])
				continue;
			/* what has been removed since it was listed is not missing */
			lock = pgb_catalog_hold(cluster->repository, cluster->entries[i].id);
			if (lock == NULL)
				continue;
			result = verify_entry(cluster->repository, &cluster->entries[i]);
			cluster->repository->store->ops->unlock(lock);
			add_result(&results, result, options);
		}
		if (wanted != NULL)
			continue;
		archive = verify_archive(cluster->repository);
		if (archive->verify.objects > 0)
			add_result(&results, archive, options);
	}
	return results.first;
}

static bool
has_problems(const Result *results)
{
	for (; results != NULL; results = results->next)
	{
		if (results->first != NULL)
			return true;
	}
	return false;
}

static void
accept_option(const char *name, const char *value)
{
	if (strcmp(name, "all") == 0)
		all = true;
	else
		contents = true;
}

static int
run(const CliOptions *options)
{
	const char *wanted = options->nargs > 0 ? options->args[0] : all ? NULL : PGB_LATEST;
	Result	   *results;

	if (all && options->nargs > 0)
		cli_usage_error("--all and the id of a backup exclude each other");
	results = verify_wanted(options, wanted);
	/* who asks whether all is well is not to hear nothing */
	if (results == NULL)
		cli_no_such_backup(options, wanted != NULL ? wanted : PGB_LATEST);
	if (options->json)
		print_json(options, results);
	return has_problems(results) ? 1 : 0;
}

static const CliOption option_list[] = {
	{"all", NULL, "every backup, not only the latest of each cluster, and all archived WAL"},
	{"contents", NULL, "decompress everything, and check rows, files and WAL"},
	{NULL, NULL, NULL}
};

const CliCommand cli_verify = {
	.name = "verify",
	.arguments = " [BACKUP]",
	.description = "check that backups are as they were written",
	.nargs = 0,
	.more_args = 1,
	.options = option_list,
	.accept = accept_option,
	.writes_json = true,
	.run = run,
};
