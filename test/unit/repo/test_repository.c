/*-------------------------------------------------------------------------
 *
 * test_repository.c
 *	  A repository is made, opened, refused.
 *
 * test/unit/repo/test_repository.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

static char *directory;

static void
write_format(const char *location, const char *text)
{
	tap_write_file(psprintf("%s/pgbackup.json", location), text, strlen(text));
}

static void
test_open(void)
{
	char	   *location = psprintf("%s/new", directory);
	PgbRepository *repository;
	size_t		length;
	char	   *text;

	raises(ERRCODE_UNDEFINED_FILE, "an absent repository is reported",
		   pgb_repository_open(location, SAMPLE_CLUSTER, false));
	ok(tap_error->hint != NULL, "with a hint");

	repository = pgb_repository_open(location, SAMPLE_CLUSTER, true);
	text = tap_read_file(psprintf("%s/pgbackup.json", location), &length);
	text[length] = '\0';
	is_str(text, "{\n  \"pgbackup_repository\": 1\n}\n", "it is made, with its format");
	ok(access(psprintf("%s/7412345678901234567/backups", location), F_OK) == 0,
	   "and a folder for the cluster");

	try(pgb_repository_open(location, SAMPLE_CLUSTER, true); pgb_repository_open(location, 7, false));
	ok(tap_error == NULL, "it is opened again, for this and for another cluster");
	is_uint(pgb_repository_clusters(repository->store)[0], SAMPLE_CLUSTER, "it knows its cluster");
	is_uint(pgb_repository_clusters(repository->store)[1], 0, "and no other");
}

static void
test_format(void)
{
	static const char *const damaged[] = {"", "{}", "x", "[1]", "{\"pgbackup_repository\": \"1\"}",
	"{\"pgbackup_repository\": -1}"};
	char	   *location = psprintf("%s/format", directory);

	pgb_repository_open(location, SAMPLE_CLUSTER, true);
	write_format(location, "{\"pgbackup_repository\": 2}");
	raises(ERRCODE_FEATURE_NOT_SUPPORTED, "a newer format is refused",
		   pgb_repository_open(location, SAMPLE_CLUSTER, true));
	ok(strstr(tap_error->message, "format 2") != NULL && tap_error->hint != NULL, "in clear words");
	for (int i = 0; i < lengthof(damaged); i++)
	{
		write_format(location, damaged[i]);
		raises(ERRCODE_DATA_CORRUPTED, psprintf("a damaged format is refused: %s", damaged[i]),
			   pgb_repository_open(location, SAMPLE_CLUSTER, true));
	}
}

static void
test_other_folders(void)
{
	char	   *location = psprintf("%s/other", directory);

	mkdir(location, 0700);
	raises(ERRCODE_UNDEFINED_FILE, "an empty folder is no repository",
		   pgb_repository_open(location, SAMPLE_CLUSTER, false));
	tap_write_file(psprintf("%s/precious", location), "x", 1);
	raises(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "none is made in a folder that is in use",
		   pgb_repository_open(location, SAMPLE_CLUSTER, true));
	ok(strstr(tap_error->detail, "precious") != NULL, "the detail says why");

	unlink(psprintf("%s/precious", location));
	mkdir(psprintf("%s/lost+found", location), 0700);
	tap_write_file(psprintf("%s/pgbackup.json.tmp.123", location), "x", 1);
	try(pgb_repository_open(location, SAMPLE_CLUSTER, true));
	ok(tap_error == NULL, "lost+found and a dead attempt are in nobody's way");
}

int
main(void)
{
	directory = tap_directory();
	test_open();
	test_format();
	test_other_folders();
	tap_remove(directory);
	return done_testing();
}
