/*-------------------------------------------------------------------------
 *
 * test_headers.c
 *	  WAL records passed by their headers: segments that are made here, and damaged.
 *
 * test/unit/server/test_headers.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "access/rmgr.h"
#include "access/xlog_internal.h"
#include "repo/wal_object.h"
#include "server/archive/headers.h"

#define CLUSTER		UINT64CONST(7300000000000000001)
#define SEGMENT		(2 * 1024 * 1024)	/* more than is in memory at once */
#define NUMBER		UINT64CONST(7)
#define BEGIN		(NUMBER * SEGMENT)
#define MOST		(SEGMENT / 24)

static PgbRepository *repository;
static char *directory;

/* ---- a segment ---- */

static char data[SEGMENT];
static XLogRecPtr starts[MOST];
static bool wanted[MOST];
static int	nrecords;			/* that end in the segment */
static bool reaches_over;		/* one begins in it, and ends after it */

static void
put_page_header(XLogRecPtr at, uint32 rest)
{
	XLogLongPageHeaderData page = {0};

	page.std.xlp_magic = XLOG_PAGE_MAGIC;
	page.std.xlp_info = (at == BEGIN ? XLP_LONG_HEADER : 0) | (rest > 0 ? XLP_FIRST_IS_CONTRECORD : 0);
	page.std.xlp_tli = 1;
	page.std.xlp_pageaddr = at;
	page.std.xlp_rem_len = rest;
	page.xlp_sysid = CLUSTER;
	page.xlp_seg_size = SEGMENT;
	page.xlp_xlog_blcksz = XLOG_BLCKSZ;
	memcpy(data + (at - BEGIN), &page, at == BEGIN ? SizeOfXLogLongPHD : SizeOfXLogShortPHD);
}

/* Returns where it ends; after the segment nothing is written. */
static XLogRecPtr
put_record(XLogRecPtr at, const char *record, uint32 length)
{
	for (uint32 done = 0; done < length && at < BEGIN + SEGMENT;)
	{
		uint32		piece;

		if (at % XLOG_BLCKSZ == 0)
		{
			put_page_header(at, done == 0 ? 0 : length - done);
			at += at == BEGIN ? SizeOfXLogLongPHD : SizeOfXLogShortPHD;
		}
		if (done == 0)
			starts[nrecords] = at;
		piece = Min(length - done, XLOG_BLCKSZ - at % XLOG_BLCKSZ);
		memcpy(data + (at - BEGIN), record + done, piece);
		at += piece;
		done += piece;
		if (at == BEGIN + SEGMENT && done < length)
			reaches_over = true;
	}
	return MAXALIGN64(at);
}

static uint32
random_length(void)
{
	switch (tap_random() % 20)
	{
		case 0:
			return XLOG_BLCKSZ * (1 + tap_random() % 40) + tap_random() % 100;
		case 1:
			return XLOG_BLCKSZ - 100 + tap_random() % 200;
		default:
			return SizeOfXLogRecord + tap_random() % 400;
	}
}

/* Records to the end, as they come, or with one that ends just there. */
static void
make_segment(bool ends_there)
{
	static char record[XLOG_BLCKSZ * 42];
	XLogRecPtr	at = BEGIN;
	XLogRecPtr	before = BEGIN - 48;

	memset(data, 0, sizeof(data));
	nrecords = 0;
	reaches_over = false;
	while (at < BEGIN + SEGMENT)
	{
		XLogRecord	header = {0};
		uint32		length = random_length();

		/* what is left of the last page, or so much of it that another one has room */
		if (ends_there && at + 2 * XLOG_BLCKSZ > BEGIN + SEGMENT && at % XLOG_BLCKSZ != 0)
			length = XLOG_BLCKSZ - at % XLOG_BLCKSZ;	/* may be too little, and then reaches over */
		else if (ends_there && at + 42 * XLOG_BLCKSZ > BEGIN + SEGMENT)
			length = SizeOfXLogRecord;
		if (length < SizeOfXLogRecord)
			length = SizeOfXLogRecord;
		for (uint32 i = 0; i < length; i++)
			record[i] = (char) tap_random();
		header.xl_tot_len = length;
		header.xl_prev = before;
		header.xl_rmid = tap_random() % 10 == 0 ? RM_XACT_ID : RM_HEAP_ID;
		memcpy(record, &header, SizeOfXLogRecord);
		at = put_record(at, record, length);
		before = starts[nrecords];
		wanted[nrecords] = header.xl_rmid == RM_XACT_ID;
		if (!reaches_over)
			nrecords++;
	}
}

/* ---- walking ---- */

typedef struct Walk
{
	int			passed;			/* records, as they should be, wanted ones among them */
	PgbHeadersStep last;
} Walk;

static bool
is_wanted(const XLogRecord *record)
{
	return record->xl_rmid == RM_XACT_ID;
}

/* What the reader does with a record that is wanted. */
static void
read_record(PgbHeaders *headers, int number)
{
	headers->before = starts[number];
	headers->at = number + 1 < nrecords || reaches_over ? starts[number + 1] : BEGIN + SEGMENT;
}

static void
walk(void *arg, PgbWalPages *pages, PgbWalFacts *facts)
{
	Walk	   *self = arg;
	PgbHeaders	headers = {.pages = pages, .begin = BEGIN, .end = BEGIN + SEGMENT, .at = BEGIN, .before = BEGIN - 48};

	for (self->passed = 0;; self->passed++)
	{
		self->last = pgb_headers_step(&headers, is_wanted);
		if (self->last == PGB_HEADERS_END || self->last == PGB_HEADERS_ODD || self->passed >= nrecords ||
			(self->last == PGB_HEADERS_WANTED) != wanted[self->passed])
			return;
		if (self->last == PGB_HEADERS_WANTED)
			read_record(&headers, self->passed);
		else if (headers.before != starts[self->passed])
			return;
	}
}

/* As the archive does: while the segment is being stored, under a name that is free. */
static Walk
walk_segment(void)
{
	static int	timeline = 0;
	Walk		self = {0};
	PgbWalName	name;
	PgbWalItem	item = {.name = &name, .path = psprintf("%s/source", directory), .look = walk, .arg = &self};

	pgb_wal_segment_name(&name, ++timeline, NUMBER, SEGMENT);
	tap_write_file(item.path, data, SEGMENT);
	pgb_wal_store_all(repository, &item, 1, -5);
	return self;
}

static void
test_whole(void)
{
	for (int i = 0; i < 20; i++)
	{
		Walk		self;

		make_segment(i % 4 == 0);
		self = walk_segment();
		/* of one that is wanted, the reader finds out that it ends elsewhere */
		ok(self.passed == nrecords &&
		   (self.last == PGB_HEADERS_END ||
			(self.last == PGB_HEADERS_WANTED && reaches_over && wanted[nrecords])),
		   psprintf("%d records of %d, and then the end%s", self.passed, nrecords,
					reaches_over ? ", in a record" : ""));
	}
}

/* ---- damage ---- */

/* One that goes over to another page, has so many bytes there, and is not wanted. */
static int
find_long(int from)
{
	for (int i = from; i < nrecords - 1; i++)
	{
		if (!wanted[i] && starts[i] / XLOG_BLCKSZ + 1 < starts[i + 1] / XLOG_BLCKSZ)
			return i;
	}
	return -1;
}

static void
is_odd_at(int number, const char *what)
{
	Walk		self = walk_segment();

	ok(self.last == PGB_HEADERS_ODD && self.passed == number,
	   psprintf("%s: record %d of %d is odd", what, self.passed, number));
}

static void
test_damage(void)
{
	static char whole[SEGMENT];
	int			number;
	XLogPageHeader page;
	XLogRecord *record;

	make_segment(false);
	memcpy(whole, data, SEGMENT);
	number = find_long(nrecords / 2);
	page = (XLogPageHeader) (data + ((starts[number] / XLOG_BLCKSZ + 1) * XLOG_BLCKSZ - BEGIN));
	record = (XLogRecord *) (data + (starts[number] - BEGIN));

#define DAMAGED(at, what, ...) \
	do { \
		__VA_ARGS__; \
		is_odd_at(at, what); \
		memcpy(data, whole, SEGMENT); \
	} while (0)

	DAMAGED(number, "another address", page->xlp_pageaddr += XLOG_BLCKSZ);
	DAMAGED(number, "another version", page->xlp_magic++);
	DAMAGED(number, "less to come", page->xlp_rem_len--);
	DAMAGED(number, "nothing to come", page->xlp_info &= ~XLP_FIRST_IS_CONTRECORD);
	DAMAGED(number, "a record that was given up", page->xlp_info |= XLP_FIRST_IS_OVERWRITE_CONTRECORD);
	DAMAGED(number, "a long header", page->xlp_info |= XLP_LONG_HEADER);
	DAMAGED(number, "a page of zeros", memset(page, 0, XLOG_BLCKSZ));
	DAMAGED(number, "no length", memset(record, 0, 4));
	DAMAGED(number, "a short length", record->xl_tot_len = SizeOfXLogRecord - 1);
	DAMAGED(number, "a longer length", record->xl_tot_len += 8);
	DAMAGED(number, "the greatest length", record->xl_tot_len = PG_UINT32_MAX);
	number = find_long(nrecords / 3);
	record = (XLogRecord *) (data + (starts[number] - BEGIN));
	DAMAGED(number, "another record before", *((char *) record + offsetof(XLogRecord, xl_prev)) ^= 8);
	DAMAGED(number, "zeros to the end", memset(record, 0, BEGIN + SEGMENT - starts[number]));
	ok(walk_segment().passed == nrecords, "undone, it is whole");
}

int
main(void)
{
	pgb_set_progname("test_headers");
	directory = tap_directory();
	repository = pgb_repository_open(psprintf("%s/repository", directory), CLUSTER, true);

	test_whole();
	test_damage();

	tap_remove(directory);
	return done_testing();
}
