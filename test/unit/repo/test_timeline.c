/*-------------------------------------------------------------------------
 *
 * test_timeline.c
 *	  Histories of timelines are read as PostgreSQL reads them.
 *
 * test/unit/repo/test_timeline.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include "repo/timeline.h"

static PgbTimelineHistory *
parse(uint32 timeline, const char *text)
{
	return pgb_timeline_parse(timeline, text, strlen(text), "test.history");
}

static void
test_parse(void)
{
	PgbTimelineHistory *history = parse(1, "");

	is_uint(history->count, 1, "timeline 1 has no ancestors");
	is_uint(history->spans[0].end, PG_UINT64_MAX, "and no end");

	history = parse(5, "# a comment\n\n"
					"1\t0/3000148\tbefore 2026-02-19 15:30:00+00\n"
					" 3 \t 1A/bcdef012\tno recovery target specified\n\n"
					"4\t1A/BCDEF012");
	is_uint(history->count, 4, "comments and empty lines do not count");
	is_uint(history->spans[0].timeline, 1, "the oldest is the first");
	is_uint(history->spans[0].begin, 0, "it begins at the beginning");
	is_uint(history->spans[0].end, 0x3000148, "it ends at the fork");
	is_uint(history->spans[1].begin, 0x3000148, "where the next begins");
	is_uint(history->spans[1].end, UINT64CONST(0x1ABCDEF012), "an LSN has two parts, in any case");
	is_uint(history->spans[2].end, history->spans[2].begin, "a timeline may be left where it begins");
	is_uint(history->spans[3].timeline, 5, "the last is the timeline itself");

	ok(pgb_timeline_includes(history, 1, 0x3000148), "the fork belongs to the parent");
	ok(!pgb_timeline_includes(history, 1, 0x3000149), "what is after it does not");
	ok(pgb_timeline_includes(history, 5, PG_UINT64_MAX - 1), "the last one has no end");
	ok(!pgb_timeline_includes(history, 5, 0x3000149), "but a beginning");
	ok(!pgb_timeline_includes(history, 2, 0x3000148), "a timeline that is no ancestor is not on the way");
}

static void
test_damage(void)
{
	static const char *const damaged[] = {
		"x", "1", "1\n", "1\t0\n", "1\t0/\n", "1\t/0\n", "1\t0/3000148x\n", "1 0/1000000000\n",
		"0\t0/3000148\n", "5\t0/3000148\n", "6\t0/3000148\n", "4294967297\t0/3000148\n",
		"2\t0/3000148\n1\t0/4000000\n", "1\t0/3000148\n1\t0/4000000\n",
		"1\t0/4000000\n2\t0/3000148\n", "-1\t0/3000148\n", "1\t-1/3000148\n"
	};

	for (int i = 0; i < lengthof(damaged); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("damaged history %d is refused", i),
			   parse(5, damaged[i]));
	raises(ERRCODE_DATA_CORRUPTED, "so is one with a zero byte",
		   pgb_timeline_parse(5, "1\t0/3\0\n", 7, "test.history"));
	raises(ERRCODE_DATA_CORRUPTED, "and a damaged line after good ones",
		   parse(5, "1\t0/3000148\tok\n2\t0/4000000\tok\nrubbish\n"));
	ok(strstr(tap_error->detail, "Line 3") != NULL, "its number is told");
}

static void
test_read(void)
{
	char	   *directory = tap_directory();
	PgbRepository *repository =
		pgb_repository_open(psprintf("%s/repository", directory), SAMPLE_CLUSTER, true);
	const PgbStoreOps *ops = repository->store->ops;
	char	   *folder = pgb_wal_timeline_folder(SAMPLE_CLUSTER, 3);
	const char *text = "1\t0/5000000\tx\n";

	is_uint(pgb_timeline_newest(repository), 0, "an empty archive has no timeline");
	is_uint(pgb_timeline_read(repository, 1)->count, 1, "timeline 1 needs no file");
	raises(ERRCODE_UNDEFINED_OBJECT, "another one needs something", pgb_timeline_read(repository, 3));
	ok(tap_error->hint != NULL, "there is a hint");

	ops->make_folder(repository->store, pgb_wal_timeline_folder(SAMPLE_CLUSTER, 1));
	ops->put(repository->store,
			 psprintf("%s/00000001.x", pgb_wal_timeline_folder(SAMPLE_CLUSTER, 1)), "x", 1);
	ops->make_folder(repository->store, folder);
	is_uint(pgb_timeline_newest(repository), 1, "an empty folder is no timeline");
	ops->put(repository->store, psprintf("%s/00000003.history", folder), text, strlen(text));
	is_uint(pgb_timeline_newest(repository), 3, "one with a history is");
	is_uint(pgb_timeline_read(repository, 3)->spans[0].end, 0x5000000, "its history is read");
	raises(ERRCODE_UNDEFINED_OBJECT, "timeline 2 is not there", pgb_timeline_read(repository, 2));
	ok(strstr(tap_error->hint, "1, 3") != NULL, "the hint names those that are");
	tap_remove(directory);
}

int
main(void)
{
	test_parse();
	test_damage();
	test_read();
	return done_testing();
}
