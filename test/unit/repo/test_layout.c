/*-------------------------------------------------------------------------
 *
 * test_layout.c
 *	  Ids, names and times.
 *
 * test/unit/repo/test_layout.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "repo/layout.h"
#include "repo/manifest.h"

static void
test_ids(void)
{
	static const char *const wrong[] = {
		"", "20260219-153000", "20260219-153000X", "20260219-153000LL", "2026021x-153000L",
		"20260219_153000L", "latest", "../../../../etc/", "20260219-15300/L", " 0260219-153000L",
	};
	char		id[PGB_ID_SIZE];

	pgb_id_make(id, INT64CONST(824830200123456), PGB_LOGICAL);
	is_str(id, "20260219-153000L", "the id of a moment");
	ok(pgb_id_is_valid(id), "is valid");
	ok(pgb_id_kind(id) == PGB_LOGICAL, "and tells the kind");
	for (int i = 0; i < lengthof(wrong); i++)
		ok(!pgb_id_is_valid(wrong[i]), psprintf("no id: \"%s\"", wrong[i]));
}

static void
test_files(void)
{
	static const char *const right[] = {"toc.dat", "17.dat.zst", "blob_4711.dat.zst", "a..b"};
	static const char *const wrong[] = {"", ".", "..", ".hidden", "a/b", "/a", "a\nb", "lock", "manifest.json"};

	for (int i = 0; i < lengthof(right); i++)
		ok(pgb_file_name_is_valid(right[i]), psprintf("a file: %s", right[i]));
	for (int i = 0; i < lengthof(wrong); i++)
		ok(!pgb_file_name_is_valid(wrong[i]), psprintf("no file: %s", strchr(wrong[i], '\n') ? "newline" : wrong[i]));
}

static void
test_clusters(void)
{
	static const char *const wrong[] = {"", "0", "01", "x", "18446744073709551616", "-1", "7 ", "lock"};
	uint64		cluster;

	ok(pgb_cluster_from_folder("18446744073709551615", &cluster) && cluster == PG_UINT64_MAX,
	   "the largest system identifier");
	is_str(pgb_cluster_folder(PG_UINT64_MAX), "18446744073709551615", "and its folder");
	for (int i = 0; i < lengthof(wrong); i++)
		ok(!pgb_cluster_from_folder(wrong[i], &cluster), psprintf("no cluster: \"%s\"", wrong[i]));
	is_str(pgb_backup_object(7, "20260219-153000L", "toc.dat"),
		   "7/backups/20260219-153000L/toc.dat", "the name of an object");
}

static void
test_times(void)
{
	static const struct
	{
		int64		moment;
		const char *text;
	}			times[] =
	{
		{0, "2000-01-01T00:00:00.000000Z"},
		{-1, "1999-12-31T23:59:59.999999Z"},
		{INT64CONST(824830200123456), "2026-02-19T15:30:00.123456Z"},
		{INT64CONST(5097600000000), "2000-02-29T00:00:00.000000Z"},
	};
	static const char *const wrong[] = {
		"", "2026-02-19", "2026-02-19T15:30:00Z", "2026-02-19T15:30:00.123456", "2026-02-30T00:00:00.000000Z",
		"2026-13-01T00:00:00.000000Z", "2026-02-19T24:00:00.000000Z", "2026-02-19T15:30:00.123456Zx",
		"2026-02-19T15:30:60.000000Z", "+026-02-19T15:30:00.123456Z", "2026-2-19T15:30:00.123456Z",
		"99999-02-19T15:30:00.123456Z", "2026-02-19T15:30:-1.000000Z",
	};

	for (int i = 0; i < lengthof(times); i++)
	{
		is_str(pgb_time_to_text(times[i].moment), times[i].text, times[i].text);
		ok(pgb_time_from_text(times[i].text, "test") == times[i].moment, "and back");
	}
	for (int i = 0; i < lengthof(wrong); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("no time: \"%s\"", wrong[i]),
			   pgb_time_from_text(wrong[i], "test"));
	ok(llabs(pgb_now() - pgb_time_from_text(pgb_time_to_text(pgb_now()), "test")) < 10000000, "now, too");
}

int
main(void)
{
	/* What is in UTC is in UTC everywhere. */
	setenv("TZ", "America/St_Johns", 1);
	test_ids();
	test_files();
	test_clusters();
	test_times();
	return done_testing();
}
