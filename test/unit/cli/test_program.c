/*-------------------------------------------------------------------------
 *
 * test_program.c
 *	  The pgbackup program, run as a user runs it.
 *
 * test/unit/cli/test_program.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include "io/json.h"

#define PROGRAM	UNIT_BUILD "/pgbackup"

static char *directory;
static PgbRepository *repository;

static char *out;				/* what the last run has printed */
static char *err;
static int	status;

static char *
read_text(const char *path)
{
	size_t		length;
	char	   *text = tap_read_file(path, &length);

	text[length] = '\0';
	return text;
}

static void
run(const char *arguments)
{
	char	   *out_path = psprintf("%s/out", directory);
	char	   *err_path = psprintf("%s/err", directory);
	int			result = system(psprintf("(cd '%s' && '%s' %s) >'%s' 2>'%s'",
										 directory, PROGRAM, arguments, out_path, err_path));

	status = WIFEXITED(result) ? WEXITSTATUS(result) : -1;
	out = read_text(out_path);
	err = read_text(err_path);
}

static void
expect(const char *arguments, int wanted, const char *in_out, const char *in_err)
{
	run(arguments);
	if (!ok(status == wanted && strstr(out, in_out) != NULL && strstr(err, in_err) != NULL,
			psprintf("pgbackup %s", arguments)))
		printf("# exit %d\n# out: %s\n# err: %s\n", status, out, err);
}

static void
test_usage(void)
{
	expect("--help", 0, "Usage:", "");
	expect("list --help", 0, "Usage:", "");
	expect("--version", 0, "pgbackup " PGBACKUP_VERSION "\n", "");
	expect("", 2, "", "no command given");
	expect("lust", 2, "", "there is no command \"lust\"");
	expect("list", 2, "", "no repository given");
	expect("list x --repository=repo", 2, "", "too many arguments");
	expect("show --repository=repo", 2, "", "usage: pgbackup show BACKUP");
	expect("list --repository=repo --pgdata=data", 2, "", "exclude each other");
	expect("list --repository=repo --output=xml", 2, "", "\"xml\"");
	expect("list --repository=repo --cluster=x", 2, "", "\"x\" is not a system identifier");
	expect("list --repository=repo --to=x", 2, "", "list has no option --to");
	expect("cat latest --repository=repo", 2, "", "name it with --table");
	expect("cat latest --repository=repo --table=x --output=json", 2, "", "cat does not write JSON");
	expect("extract latest --repository=repo", 2, "", "--to");
	expect("extract latest --repository=repo --to=x --jobs=x", 2, "", "\"x\" is not a number of jobs");
	expect("extract latest --repository=repo --to=x --with-dependencies", 2, "", "needs --table");
	expect("list --nonsense", 2, "", "pgbackup --help");
	expect("list --repository=none", 1, "", "does not exist");
	expect("list --repository=/", 1, "", "is not a repository");
	expect("list --repository=repo >/dev/full", 1, "", "could not write to standard output");
}

static void
test_place(void)
{
	mkdir(psprintf("%s/data", directory), 0700);
	if (symlink("repo", psprintf("%s/data-pgbackup", directory)) != 0)
		exit(1);
	expect("list --repository=repo", 0, "Cluster 7412345678901234567", "");
	expect("list --repository=repo/", 0, "Cluster 7412345678901234567", "");
	expect("list -D data", 0, "Cluster 7412345678901234567", "");
	expect("--pgdata=data/ list", 0, "Cluster 7412345678901234567", "");
	setenv("PGDATA", psprintf("%s/data/", directory), 1);
	expect("list", 0, "Cluster 7412345678901234567", "");
	expect("list --repository=none", 1, "", "does not exist");
	unsetenv("PGDATA");
}

static void
test_list(const PgbManifest *m)
{
	PgbJson    *json;
	PgbJson    *backups;

	run("list --repository=repo");
	ok(strstr(out, "ID ") != NULL && strstr(out, m->id) != NULL && strstr(out, "complete") != NULL,
	   "list for people");
	ok(strstr(out, " \n") == NULL, "no line ends in spaces");
	ok(strstr(out, "before?migration") != NULL, "control characters do not reach the terminal");

	run("list --repository=repo --output=json");
	json = pgb_json_parse(out, strlen(out), "output");
	backups = pgb_json_get_array(json, "backups", "output");
	is_uint(backups->count, 1, "list for programs");
	is_str(pgb_json_need_string(backups->values[0], "id", "output"), m->id, "the id");
	is_str(pgb_json_need_string(backups->values[0], "status", "output"), "complete", "the status");
	is_str(pgb_json_need_string(backups->values[0], "database", "output"), "shop", "the database");
	is_str(pgb_json_need_string(backups->values[0], "label", "output"), "before\nmigration", "the label");
	is_uint(pgb_json_need_uint64(backups->values[0], "stored_bytes", "output"), m->stored_bytes, "the size");
}

static void
test_show(const PgbManifest *m)
{
	PgbJson    *json;
	PgbJson    *table;

	expect(psprintf("show %s --repository=repo", m->id), 0, "numbers", "");
	ok(strstr(out, m->id) != NULL && strstr(out, "17.dat.zst") != NULL &&
	   strstr(out, "LSN 16/B3748000, timeline 3") != NULL, "show for people");
	ok(strstr(out, " \n") == NULL, "no line ends in spaces");
	expect("show latest --repository=repo", 0, m->id, "");

	run("show latest --repository=repo --output=json");
	json = pgb_json_parse(out, strlen(out), "output");
	table = pgb_json_get_array(json, "tables", "output")->values[0];
	is_str(pgb_json_need_string(json, "id", "output"), m->id, "show for programs");
	is_str(pgb_json_need_string(table, "name", "output"), "numbers", "a table");
	is_uint(pgb_json_need_uint64(table, "rows", "output"), 2, "and its rows");
	is_uint(pgb_json_get_array(json, "files", "output")->count, 2, "the files");

	expect("show 19990101-000000L --repository=repo", 1, "", "does not exist");
	expect("show ../../etc --repository=repo", 1, "", "does not exist");
}

static void
test_clusters(const PgbManifest *m)
{
	char	   *other;

	expect("list --repository=repo --cluster=7412345678901234567", 0, m->id, "");
	expect("list --repository=repo --cluster=42", 1, "", "holds nothing of cluster 42");

	repository = pgb_repository_open(repository->store->location, 42, true);
	expect("list --repository=repo", 0, "Cluster 42:\nno backups\n", "");
	expect("show latest --repository=repo", 0, m->id, "");
	do
		other = sample_backup(repository, "elsewhere")->id;
	while (strcmp(other, m->id) == 0);	/* in the same second */
	expect("show latest --repository=repo", 1, "", "several clusters");
	expect("show latest --repository=repo --cluster=42", 0, other, "");
	expect(psprintf("show %s --repository=repo", other), 0, "elsewhere", "");
}

static void
test_damage(const PgbManifest *m)
{
	char	   *path = psprintf("%s/%s", repository->store->location,
								pgb_backup_object(SAMPLE_CLUSTER, m->id, "manifest.json"));
	PgbJson    *backup;

	tap_write_file(path, "{}", 2);
	expect("list --repository=repo", 0, "damaged", "");
	run("list --repository=repo --output=json --cluster=7412345678901234567");
	backup = pgb_json_get_array(pgb_json_parse(out, strlen(out), "output"), "backups", "output")->values[0];
	is_str(pgb_json_need_string(backup, "status", "output"), "damaged", "the status of a damaged backup");
	ok(pgb_json_get_string(backup, "damage", "output") != NULL, "and what is wrong with it");
	ok(pgb_json_get(backup, "stored_bytes") != NULL, "it has all members");
	expect(psprintf("show %s --repository=repo --cluster=7412345678901234567", m->id), 1, "", "damaged");
	expect("show latest --repository=repo --cluster=7412345678901234567", 1, "", "there is no backup");

	tap_write_file(psprintf("%s/pgbackup.json", repository->store->location),
				   "{\"pgbackup_repository\": 2}", 26);
	expect("list --repository=repo", 1, "", "newer version");
}

int
main(void)
{
	PgbManifest *m;

	unsetenv("PGDATA");
	directory = tap_directory();
	repository = pgb_repository_open(psprintf("%s/repo", directory), SAMPLE_CLUSTER, true);
	m = sample_backup(repository, "shop");

	test_usage();
	test_place();
	test_list(m);
	test_show(m);
	test_clusters(m);
	test_damage(m);
	tap_remove(directory);
	return done_testing();
}
