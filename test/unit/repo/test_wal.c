/*-------------------------------------------------------------------------
 *
 * test_wal.c
 *	  The WAL archive: names, trailers, what is stored and what is damaged.
 *
 * test/unit/repo/test_wal.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "access/xlog_internal.h"
#include "repo/wal_object.h"

#define CLUSTER		UINT64CONST(7300000000000000001)
#define SEGMENT		(1024 * 1024)
#define SIZE_16MB	(16 * 1024 * 1024)

static char *directory;
static PgbRepository *repository;

/* ---- names ---- */

static void
test_names(void)
{
	static const struct
	{
		const char *text;
		uint32		segment_size;
		bool		valid;
		PgbWalKind	kind;
		uint32		timeline;
		uint64		number;
	}			cases[] = {
		{"000000010000000000000001", SIZE_16MB, true, PGB_WAL_SEGMENT, 1, 1},
		{"00000001000000010000000A", SIZE_16MB, true, PGB_WAL_SEGMENT, 1, 256 + 10},
		{"0000000A00000001000000FF", SIZE_16MB, true, PGB_WAL_SEGMENT, 10, 511},
		{"000000010000000100000100", SIZE_16MB, false},
		{"000000010000000100000100", SEGMENT, true, PGB_WAL_SEGMENT, 1, 4096 + 256},
		{"000000010000000100000FFF", SEGMENT, true, PGB_WAL_SEGMENT, 1, 4096 + 4095},
		{"000000010000000100000003", 1024 * 1024 * 1024, true, PGB_WAL_SEGMENT, 1, 7},
		{"000000010000000100000004", 1024 * 1024 * 1024, false},
		{"FFFFFFFFFFFFFFFF000000FF", SIZE_16MB, true, PGB_WAL_SEGMENT, 0xFFFFFFFF,
		UINT64CONST(0xFFFFFFFF) * 256 + 255},
		{"FFFFFFFFFFFFFFFFFFFFFFFF", 0, true, PGB_WAL_SEGMENT, 0xFFFFFFFF, 0},
		{"000000020000000000000003.partial", SIZE_16MB, true, PGB_WAL_PARTIAL, 2, 3},
		{"00000002.history", 0, true, PGB_WAL_HISTORY, 2, 0},
		{"00000002.history", SIZE_16MB, true, PGB_WAL_HISTORY, 2, 0},
		{"000000010000000000000003.00000028.backup", SIZE_16MB, true, PGB_WAL_BACKUP_LABEL, 1, 3},
		{"000000000000000000000001", SIZE_16MB, false},
		{"00000001000000000000000a", SIZE_16MB, false},
		{"00000001000000000000001", SIZE_16MB, false},
		{"0000000100000000000000011", SIZE_16MB, false},
		{"000000010000000000000001 ", SIZE_16MB, false},
		{"000000010000000000000001.PARTIAL", SIZE_16MB, false},
		{"000000010000000000000001.partial.partial", SIZE_16MB, false},
		{"000000010000000000000003.0000002.backup", SIZE_16MB, false},
		{"000000010000000000000003.00000028.backup~", SIZE_16MB, false},
		{"000000010000000000000001", SIZE_16MB + 1, false},
		{"000000010000000000000001", 512 * 1024, false},
		{"00000000.history", 0, false},
		{"../../00000002.history", 0, false},
		{"00000001/../../0000000001", 0, false},
		{"archive_status", 0, false},
		{"RECOVERYXLOG", 0, false},
		{"", 0, false},
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		PgbWalName	name;
		PgbWalName	again;
		bool		valid = pgb_wal_name_parse(cases[i].text, cases[i].segment_size, &name);
		bool		right = valid == cases[i].valid;

		if (right && valid)
			right = name.kind == cases[i].kind && name.timeline == cases[i].timeline &&
				name.number == cases[i].number && strcmp(name.text, cases[i].text) == 0;
		ok(right, psprintf("name \"%s\", segments of %u bytes", cases[i].text, cases[i].segment_size));

		if (valid && name.kind == PGB_WAL_SEGMENT && cases[i].segment_size != 0)
		{
			pgb_wal_segment_name(&again, name.timeline, name.number, cases[i].segment_size);
			is_str(again.text, name.text, "and back");
		}
	}
}

/* ---- segments ---- */

static PgbWalName
segment_name(uint32 timeline, uint64 number)
{
	PgbWalName	name;

	pgb_wal_segment_name(&name, timeline, number, SEGMENT);
	return name;
}

static void
set_header(char *data, uint64 cluster, uint32 timeline, uint64 number, uint32 segment_size)
{
	XLogLongPageHeaderData page = {0};

	page.std.xlp_magic = XLOG_PAGE_MAGIC;
	page.std.xlp_info = XLP_LONG_HEADER;
	page.std.xlp_tli = timeline;
	page.std.xlp_pageaddr = number * SEGMENT;
	page.xlp_sysid = cluster;
	page.xlp_seg_size = segment_size;
	page.xlp_xlog_blcksz = XLOG_BLCKSZ;
	memcpy(data, &page, sizeof(page));
}

/* A segment that compresses a little. */
static char *
make_segment(uint32 timeline, uint64 number)
{
	char	   *data = palloc(SEGMENT);

	for (int i = 0; i < SEGMENT; i++)
		data[i] = i % 4 == 0 ? (char) tap_random() : (char) (i >> 12);
	set_header(data, CLUSTER, timeline, number, SEGMENT);
	return data;
}

static char *
write_source(const char *name, const char *data, size_t length)
{
	char	   *path = psprintf("%s/source-%s", directory, name);

	tap_write_file(path, data, length);
	return path;
}

static char *
object_path(const PgbWalName *name)
{
	return psprintf("%s/%s", repository->store->location, pgb_wal_object_name(repository, name));
}

static bool
same_as(const char *path, const char *data, size_t length)
{
	size_t		got;
	char	   *read = tap_read_file(path, &got);

	return got == length && memcmp(read, data, length) == 0;
}

static bool
no_temporaries(void)
{
	char	   *folder = psprintf("%s/%s", repository->store->location, pgb_wal_folder(CLUSTER));

	return system(psprintf("find '%s' -name '*.tmp.*' | grep -q .", folder)) != 0;
}

static void
test_store(void)
{
	PgbWalName	name = segment_name(1, 5);
	char	   *data = make_segment(1, 5);
	char	   *path = write_source("5", data, SEGMENT);
	char	   *copy = psprintf("%s/fetched", directory);
	PgbRestorePoint points[2] = {{"before the release", 0x500100, 1}, {"l\xE4nge", 0x500200, 2}};
	PgbWalFacts facts = {.scanned = true, .first_commit = 1000000, .last_commit = 2000000,
	.npoints = 2, .points = points};
	PgbWalFacts *read;

	is_uint(pgb_wal_store(repository, &name, path, 1, &facts), PGB_WAL_STORED, "a segment is stored");
	ok(facts.stored_bytes > 0 && facts.segment_size == SEGMENT && facts.system_identifier == CLUSTER,
	   "the facts are completed");
	is_uint(pgb_wal_store(repository, &name, path, 1, NULL), PGB_WAL_WAS_THERE, "and is there then");
	ok(pgb_wal_exists(repository, &name), "it exists");
	ok(pgb_wal_fetch(repository, &name, copy) && same_as(copy, data, SEGMENT), "it comes back");
	ok(system(psprintf("zstd -q -d -f '%s' -o '%s.zstd'", object_path(&name), copy)) == 0 &&
	   same_as(psprintf("%s.zstd", copy), data, SEGMENT), "stock zstd reads it");

	read = pgb_wal_facts(repository, &name);
	ok(read->scanned && read->first_commit == 1000000 && read->last_commit == 2000000, "moments");
	is_uint(read->stored_bytes, facts.stored_bytes, "stored length");
	is_uint(read->raw_crc, facts.raw_crc, "CRC");
	is_uint(read->npoints, 2, "two restore points");
	is_str(read->points[0].name, "before the release", "the name of a restore point");
	is_str(read->points[1].name, "l\xE4nge", "one that is not UTF-8");
	is_uint(read->points[1].lsn, 0x500200, "its LSN");
	is_uint(read->points[1].at, 2, "its time");

	data[SEGMENT - 1] ^= 1;
	path = write_source("5b", data, SEGMENT);
	raises(ERRCODE_DUPLICATE_FILE, "other content is refused",
		   pgb_wal_store(repository, &name, path, 1, NULL));
	data[SEGMENT - 1] ^= 1;
	unlink(copy);
	ok(pgb_wal_fetch(repository, &name, copy) && same_as(copy, data, SEGMENT),
	   "and has overwritten nothing");
	ok(no_temporaries(), "nothing temporary is left");

	name = segment_name(1, 6);
	ok(!pgb_wal_fetch(repository, &name, copy), "a segment that is not there");
}

/* Together: all of them, or none that anybody is told of. */
static void
test_batch(void)
{
	PgbWalName	names[4];
	PgbWalItem	items[4] = {{0}};
	char	   *data[4];

	for (int i = 0; i < 4; i++)
	{
		names[i] = segment_name(i < 3 ? 1 : 3, 50 + i);
		data[i] = make_segment(names[i].timeline, names[i].number);
		items[i].name = &names[i];
		items[i].path = write_source(names[i].text, data[i], SEGMENT);
	}
	items[2].facts.scanned = true;
	items[2].facts.last_commit = 42;
	pgb_wal_store(repository, &names[1], items[1].path, 1, NULL);

	write_source(names[3].text, data[3], SEGMENT - 1);
	raises(ERRCODE_DATA_CORRUPTED, "a batch with one that is damaged",
		   pgb_wal_store_all(repository, items, 4, 1));
	ok(!pgb_wal_exists(repository, &names[0]) && !pgb_wal_exists(repository, &names[2]),
	   "stores none of the others");
	ok(no_temporaries(), "and leaves nothing temporary");

	write_source(names[3].text, data[3], SEGMENT);
	pgb_wal_store_all(repository, items, 4, 1);
	for (int i = 0; i < 4; i++)
	{
		char	   *copy = psprintf("%s/batch-%d", directory, i);

		is_uint(items[i].result, i == 1 ? PGB_WAL_WAS_THERE : PGB_WAL_STORED, "of a batch, each has its result");
		ok(pgb_wal_fetch(repository, &names[i], copy) && same_as(copy, data[i], SEGMENT),
		   "and its content");
		is_uint(items[i].facts.raw_crc, pgb_wal_facts(repository, &names[i])->raw_crc, "and its facts");
	}
	is_uint(pgb_wal_facts(repository, &names[2])->last_commit, 42, "and what a scan has found");
	ok(no_temporaries(), "nothing temporary is left");
}

/* ---- looked at on the way ---- */

/* Of several frames. */
#define LARGE	(4 * 1024 * 1024)

typedef struct Look
{
	const char *path;
	const char *data;
	uint64		until;			/* no page from there on is asked for */
	bool		cuts;			/* the file is cut after the first page */
	bool		recycles;		/* it gets another name */
	int			pages;			/* that were right */
	bool		failed;
} Look;

static void
look(void *arg, PgbWalPages *pages, PgbWalFacts *facts)
{
	Look	   *self = arg;

	PG_TRY();
	{
		for (uint64 offset = 0; offset < self->until; offset += XLOG_BLCKSZ)
		{
			/* a page that was passed, now and then */
			uint64		wanted = offset % (40 * XLOG_BLCKSZ) == 0 ? offset / 2 / XLOG_BLCKSZ * XLOG_BLCKSZ : offset;
			const char *page = pgb_wal_page(pages, wanted);

			self->pages += page != NULL && memcmp(page, self->data + wanted, XLOG_BLCKSZ) == 0;
			if (self->cuts && truncate(self->path, XLOG_BLCKSZ) != 0)
				abort();
			if (self->recycles && offset == 0 && rename(self->path, psprintf("%s-recycled", self->path)) != 0)
				abort();
		}
		if (self->until == LARGE && pgb_wal_page(pages, LARGE) != NULL)
			self->pages = 0;
		facts->last_commit = 42;
		facts->scanned = true;
	}
	PG_CATCH();
	{
		self->failed = pgb_wal_pages_failed(pages);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static void
test_look(void)
{
	char	   *data = palloc(LARGE);
	char	   *copy = psprintf("%s/looked", directory);
	PgbWalName	name;
	PgbWalItem	item = {.name = &name, .look = look};
	Look		self = {.data = data};
	uint64		ends[] = {0, XLOG_BLCKSZ, 1024 * 1024 + XLOG_BLCKSZ, LARGE};

	for (int i = 0; i < LARGE; i++)
		data[i] = i % 4 == 0 ? (char) tap_random() : (char) (i >> 12);
	item.arg = &self;
	for (int i = 0; i < lengthof(ends); i++)
	{
		pgb_wal_segment_name(&name, 1, 70 + i, LARGE);
		set_header(data, CLUSTER, 1, 70 + i, LARGE);
		((XLogLongPageHeaderData *) data)->std.xlp_pageaddr = (uint64) (70 + i) * LARGE;
		self.path = item.path = write_source(name.text, data, LARGE);
		self.until = ends[i];
		self.pages = 0;
		pgb_wal_store_all(repository, &item, 1, 1);
		is_uint(self.pages, ends[i] / XLOG_BLCKSZ, "who looks sees the pages");
		ok(pgb_wal_fetch(repository, &name, copy) && same_as(copy, data, LARGE),
		   psprintf("all is stored when %llu bytes were looked at", (unsigned long long) ends[i]));
		is_uint(pgb_wal_facts(repository, &name)->last_commit, 42, "with what was found");
	}

	pgb_wal_segment_name(&name, 1, 80, LARGE);
	set_header(data, CLUSTER, 1, 80, LARGE);
	((XLogLongPageHeaderData *) data)->std.xlp_pageaddr = (uint64) 80 * LARGE;
	self.path = item.path = write_source(name.text, data, LARGE);
	self.cuts = true;
	raises(ERRCODE_DATA_CORRUPTED, "a file that becomes shorter while somebody looks",
		   pgb_wal_store_all(repository, &item, 1, 1));
	ok(self.failed, "and who looks can tell that it is not his error");
	self.path = item.path = write_source(name.text, data, LARGE);
	self.cuts = false;
	self.recycles = true;
	raises(ERRCODE_UNDEFINED_FILE, "a file that gets another name meanwhile",
		   pgb_wal_store_all(repository, &item, 1, 1));
	ok(!pgb_wal_exists(repository, &name) && no_temporaries(), "nothing is left");
}

static void
test_refusals(void)
{
	PgbWalName	name = segment_name(3, 7);
	char	   *data = make_segment(3, 7);

#define REFUSE(code, what) \
	raises(code, what, \
		   pgb_wal_store(repository, &name, write_source("7", data, SEGMENT), 1, NULL))

	set_header(data, CLUSTER + 1, 3, 7, SEGMENT);
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "another cluster");
	set_header(data, CLUSTER, 3, 8, SEGMENT);
	REFUSE(ERRCODE_DATA_CORRUPTED, "another address");
	set_header(data, CLUSTER, 4, 7, SEGMENT);
	REFUSE(ERRCODE_DATA_CORRUPTED, "a later timeline");
	set_header(data, CLUSTER, 3, 7, 2 * SEGMENT);
	REFUSE(ERRCODE_DATA_CORRUPTED, "another segment size");
	memset(data, 0, 64);
	REFUSE(ERRCODE_DATA_CORRUPTED, "zeros");
	set_header(data, CLUSTER, 3, 7, SEGMENT);
	raises(ERRCODE_DATA_CORRUPTED, "a truncated segment",
		   pgb_wal_store(repository, &name, write_source("7", data, SEGMENT - 1), 1, NULL));
	raises(ERRCODE_DATA_CORRUPTED, "an empty one",
		   pgb_wal_store(repository, &name, write_source("7", data, 0), 1, NULL));
	ok(!pgb_wal_exists(repository, &name), "none of them is there");

	set_header(data, CLUSTER, 1, 7, SEGMENT);
	is_uint(pgb_wal_store(repository, &name, write_source("7", data, SEGMENT), 1, NULL),
			PGB_WAL_STORED, "an earlier timeline in the first page is one that forked");
	ok(no_temporaries(), "nothing temporary is left");
}

/* ---- damage ---- */

static bool
is_damaged(const PgbWalName *name, bool contents)
{
	try(pgb_wal_verify(repository, name, contents));
	return tap_error != NULL && tap_error->sqlerrcode == ERRCODE_DATA_CORRUPTED;
}

static bool
fetch_refuses(const PgbWalName *name)
{
	char	   *copy = psprintf("%s/damaged", directory);

	try(pgb_wal_fetch(repository, name, copy));
	return tap_error != NULL && tap_error->sqlerrcode == ERRCODE_DATA_CORRUPTED &&
		access(copy, F_OK) != 0;
}

static void
test_damage(void)
{
	PgbWalName	name = segment_name(1, 20);
	PgbWalName	other = segment_name(1, 21);
	PgbWalFacts facts = {.scanned = true};
	char	   *path;
	char	   *whole;
	char	   *bytes;
	size_t		length;
	size_t		end;
	int			missed = 0;

	pgb_wal_store(repository, &name, write_source("20", make_segment(1, 20), SEGMENT), 1, &facts);
	pgb_wal_store(repository, &other, write_source("21", make_segment(1, 21), SEGMENT), 1, NULL);
	path = object_path(&name);
	whole = tap_read_file(path, &length);
	bytes = palloc(length + 1);

	/* each bit of the trailer, and many of the rest */
	end = length - 1200;
	for (size_t at = 0; at < length; at += at < end ? 1 + tap_random() % 8192 : 1)
	{
		memcpy(bytes, whole, length);
		bytes[at] ^= 1 << (at % 8);
		tap_write_file(path, bytes, length);
		if (!is_damaged(&name, false) || !is_damaged(&name, true))
			missed++;
	}
	is_uint(missed, 0, "each flipped bit is found");

	missed = 0;
	for (size_t at = 0; at < length; at += at < end ? 1 + tap_random() % 40000 : 7)
	{
		tap_write_file(path, whole, at);
		if (!is_damaged(&name, false) || !fetch_refuses(&name))
			missed++;
	}
	is_uint(missed, 0, "each truncation is found");

	memcpy(bytes, whole, length);
	bytes[length] = 0;
	tap_write_file(path, bytes, length + 1);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "a byte more");

	whole = tap_read_file(object_path(&other), &length);
	tap_write_file(path, whole, length);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "a swapped object");
	raises(ERRCODE_DATA_CORRUPTED, "its facts are not believed", pgb_wal_facts(repository, &name));

	tap_write_file(path, "", 0);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "an empty object");
	unlink(path);
	repository->system_identifier = CLUSTER + 1;
	repository->wal_timeline = 0;
	whole = make_segment(1, 20);
	set_header(whole, CLUSTER + 1, 1, 20, SEGMENT);
	pgb_wal_store(repository, &name, write_source("20", whole, SEGMENT), 1, NULL);
	whole = tap_read_file(object_path(&name), &length);
	repository->system_identifier = CLUSTER;
	repository->wal_timeline = 0;
	tap_write_file(path, whole, length);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "the object of another cluster");
	unlink(path);
}

/* ---- .history and .backup files ---- */

static const char history_text[] = "1\t0/5000000\tno recovery target specified\n";

static PgbWalName
text_name(const char *file)
{
	PgbWalName	name;

	pgb_wal_name_parse(file, 0, &name);
	return name;
}

static void
test_text(void)
{
	PgbWalName	name = text_name("00000002.history");
	PgbWalName	other = text_name("00000003.history");
	char	   *copy = psprintf("%s/history", directory);
	char	   *source = write_source("history", history_text, strlen(history_text));
	char	   *path = object_path(&name);
	char	   *whole;
	char	   *bytes;
	size_t		length;
	int			missed = 0;

	is_uint(pgb_wal_store(repository, &name, source, 1, NULL), PGB_WAL_STORED, "a history file is stored");
	is_uint(pgb_wal_store(repository, &name, source, 1, NULL), PGB_WAL_WAS_THERE, "and is there then");
	ok(system(psprintf("zstd -q -d -f '%s' -o '%s.zstd'", path, copy)) == 0 &&
	   same_as(psprintf("%s.zstd", copy), history_text, strlen(history_text)), "zstd reads it");
	ok(pgb_wal_fetch(repository, &name, copy) && same_as(copy, history_text, strlen(history_text)), "it comes back");
	is_str(pgb_wal_read_text(repository, &name, &length), history_text, "also as text");
	raises(ERRCODE_DUPLICATE_FILE, "a shorter one is refused",
		   pgb_wal_store(repository, &name, write_source("history2", history_text, strlen(history_text) - 1), 1, NULL));
	raises(ERRCODE_DATA_CORRUPTED, "an empty one is refused",
		   pgb_wal_store(repository, &other, write_source("history2", "", 0), 1, NULL));

	whole = tap_read_file(path, &length);
	bytes = palloc(length + 1);
	for (size_t at = 0; at < length; at++)
	{
		memcpy(bytes, whole, length);
		bytes[at] ^= 1 << (at % 8);
		tap_write_file(path, bytes, length);
		if (!is_damaged(&name, false) || !is_damaged(&name, true) || !fetch_refuses(&name))
			missed++;
		tap_write_file(path, whole, at);
		if (!is_damaged(&name, false) || !fetch_refuses(&name))
			missed++;
	}
	is_uint(missed, 0, "each flipped bit and each truncation is found");
	unlink(path);

	ok(pgb_wal_read_text(repository, &name, &length) == NULL, "one that is not there is not read");
	pgb_wal_store(repository, &other, source, 1, NULL);
	whole = tap_read_file(object_path(&other), &length);
	tap_write_file(path, whole, length);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "the object of another one is refused");
	unlink(path);
	unlink(object_path(&other));
	ok(no_temporaries(), "nothing temporary is left");
}

/* As versions before 0.6 have stored them. */
static void
test_plain_text(void)
{
	PgbWalName	name = text_name("00000002.history");
	char	   *copy = psprintf("%s/history", directory);
	char	   *source = write_source("history", history_text, strlen(history_text));
	char	   *path = psprintf("%s/%s", repository->store->location, pgb_wal_plain_name(repository, &name));

	tap_write_file(path, history_text, strlen(history_text));
	unlink(copy);
	ok(pgb_wal_fetch(repository, &name, copy) && same_as(copy, history_text, strlen(history_text)), "a plain one comes back");
	try(pgb_wal_verify(repository, &name, true));
	ok(tap_error == NULL, "and is fine");
	is_uint(pgb_wal_store(repository, &name, source, 1, NULL), PGB_WAL_WAS_THERE, "it counts as stored");
	ok(access(object_path(&name), F_OK) != 0, "and is not stored twice");
	raises(ERRCODE_DUPLICATE_FILE, "another one is refused",
		   pgb_wal_store(repository, &name, write_source("history2", history_text, strlen(history_text) - 1), 1, NULL));
	tap_write_file(path, "1\0", 2);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "zero bytes are damage");
	tap_write_file(path, "", 0);
	ok(is_damaged(&name, false) && fetch_refuses(&name), "so is nothing at all");
	unlink(path);
}

/* ---- listing ---- */

static void
store_number(uint32 timeline, uint64 number)
{
	PgbWalName	name = segment_name(timeline, number);

	pgb_wal_store(repository, &name, write_source("n", make_segment(timeline, number), SEGMENT), 1, NULL);
}

static void
test_list(void)
{
	PgbWalRun  *runs;
	uint32	   *timelines;
	int			count;

	store_number(0x0A, 4094);
	store_number(0x0A, 4095);
	store_number(0x0A, 4096);
	store_number(0x0A, 4098);
	tap_write_file(psprintf("%s/%s/README", repository->store->location,
							pgb_wal_timeline_folder(CLUSTER, 0x0A)), "x", 1);

	runs = pgb_wal_runs(repository, 0x0A, SEGMENT, &count);
	is_uint(count, 2, "two runs");
	ok(runs[0].first == 4094 && runs[0].last == 4096, "over the end of a unit of 4 GB");
	ok(runs[1].first == 4098 && runs[1].last == 4098, "and one after the gap");
	runs = pgb_wal_runs(repository, 0x0A, 0, &count);
	ok(count == 2 && runs[0].first == 4094, "the segment size can be found");
	(void) pgb_wal_runs(repository, 0x0B, 0, &count);
	is_uint(count, 0, "a timeline that is not there");

	timelines = pgb_wal_timelines(repository);
	ok(timelines[0] == 1 && timelines[1] == 2 && timelines[2] == 3 && timelines[3] == 0x0A &&
	   timelines[4] == 0, "the timelines");
}

/* ---- what dead processes leave ---- */

static void
leave(void *arg)
{
	char	   *name = psprintf("%s/000000010000000000000001.tmp.1.2", pgb_wal_folder(CLUSTER));

	(void) repository->store->ops->lock(repository->store, name, true);
}

static void
test_leftovers(void)
{
	struct PgbLock *lock;
	char	   *held = psprintf("%s/000000010000000000000001.tmp.3.4", pgb_wal_folder(CLUSTER));
	PgbStat		stat;

	tap_fork(leave, NULL);
	ok(!no_temporaries(), "a dead process has left something");
	lock = repository->store->ops->lock(repository->store, held, true);
	repository->wal_timeline = 0;
	store_number(1, 30);
	ok(!repository->store->ops->stat(repository->store,
									 psprintf("%s/000000010000000000000001.tmp.1.2", pgb_wal_folder(CLUSTER)),
									 &stat), "it is removed");
	ok(repository->store->ops->stat(repository->store, held, &stat), "what is locked stays");
	repository->store->ops->unlock(lock);
	repository->wal_timeline = 0;
	store_number(1, 31);
	ok(no_temporaries(), "until it is not");
}

static void
test_vanished(void)
{
	PgbWalName	name = segment_name(1, 999);
	char	   *location = repository->store->location;
	char	   *copy = psprintf("%s/vanished", directory);

	if (rename(location, psprintf("%s-away", location)) != 0)
		perror(location);
	raises(ERRCODE_UNDEFINED_FILE, "a repository that is away proves nothing",
		   pgb_wal_fetch(repository, &name, copy));
	raises(ERRCODE_UNDEFINED_FILE, "nothing is stored in one that is away",
		   pgb_wal_store(repository, &name, write_source("999", make_segment(1, 999), SEGMENT), 1, NULL));
	ok(access(location, F_OK) != 0, "nor is it made again");
	if (rename(psprintf("%s-away", location), location) != 0)
		perror(location);
	ok(!pgb_wal_fetch(repository, &name, copy), "when it is back, it does");
}

int
main(void)
{
	pgb_set_progname("test_wal");
	directory = tap_directory();
	repository = pgb_repository_open(psprintf("%s/repository", directory), CLUSTER, true);

	test_names();
	test_store();
	test_batch();
	test_look();
	test_refusals();
	test_damage();
	test_text();
	test_plain_text();
	test_list();
	test_leftovers();
	test_vanished();

	tap_remove(directory);
	return done_testing();
}
