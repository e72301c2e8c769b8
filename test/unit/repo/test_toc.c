/*-------------------------------------------------------------------------
 *
 * test_toc.c
 *	  pg_dump's table of contents: read, damaged, written with some of its entries.
 *
 * test/unit/repo/test_toc.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

#include "repo/toc_select.h"

static char *data;
static size_t length;

static void
load(const char *name)
{
	data = tap_read_file(psprintf("%s/%s", UNIT_DATA, name), &length);
}

static PgbTocEntry *
find(const PgbToc *toc, const char *desc, const char *tag)
{
	for (int i = 0; i < toc->count; i++)
	{
		if (strcmp(toc->entries[i].desc, desc) == 0 && toc->entries[i].tag != NULL &&
			strcmp(toc->entries[i].tag, tag) == 0)
			return &toc->entries[i];
	}
	return NULL;
}

/* What is in the sample, whatever version wrote it: see data/sample.sql. */
static void
test_content(int minor)
{
	PgbToc	   *toc = pgb_toc_parse(data, length, "toc.dat");
	PgbTocEntry *table = find(toc, "TABLE", "orders");
	PgbTocEntry *rows = find(toc, "TABLE DATA", "orders");
	PgbTocEntry *odd = find(toc, "TABLE DATA", "odd \"name");

	ok(toc->version_major == 1 && toc->version_minor == minor, psprintf("version 1.%d", minor));
	is_str(toc->database, "sample", "the database");
	is_str(toc->encoding, "UTF8", "its encoding");
	ok(toc->server_version != NULL && strncmp(toc->server_version, "15.", 3) == 0, "the server's version");
	ok(toc->dump_version != NULL && atoi(toc->dump_version) >= 15, "pg_dump's version");

	ok(table != NULL && table->defn != NULL && strstr(table->defn, "CREATE TABLE shop.orders") != NULL,
	   "a table and its definition");
	is_str(table->schema_name, "shop", "its schema");
	is_str(table->owner, "postgres", "its owner");
	is_str(table->table_am, "heap", "its access method");
	ok(!table->has_data && table->file_name == NULL, "which has no data itself");
	is_uint(table->table_oid, 1259, "it is from pg_class");
	is_uint(table->relkind, minor >= 16 ? 'r' : 0, "its relkind, if the version has it");

	ok(rows != NULL && rows->has_data, "its data");
	is_str(rows->file_name, psprintf("%d.dat", rows->dump_id), "in a file");
	is_str(rows->copy_stmt, "COPY shop.orders (id, state, total, note) FROM stdin;\n", "for COPY");
	ok(rows->ndependencies >= 1 && rows->oid == table->oid, "that belongs to the table");
	ok(rows->section == 3, "in the section of data");
	is_str(odd->copy_stmt, "COPY shop.\"odd \"\"name\" (a) FROM stdin;\n", "an odd name");
	ok(find(toc, "COMMENT", "TABLE orders") != NULL &&
	   strstr(find(toc, "COMMENT", "TABLE orders")->defn, "gr\xC3\xB6\xC3\x9F""er") != NULL, "a comment");
	ok(find(toc, "TABLE ATTACH", "log_2026") != NULL, "a partition");
	ok(pgb_toc_by_dump_id(toc, rows->dump_id) == rows, "an entry by its dump id");
	ok(pgb_toc_by_dump_id(toc, 999999) == NULL, "or none");
}

/*
 * 1.15 differs from 1.14 in the header alone: one byte for the compression
 * method instead of an integer of five for its level.
 */
static void
make_1_15(void)
{
	load("toc-1.14.dat");
	data[6] = 15;
	data[11] = 0;
	memmove(data + 12, data + 16, length - 16);
	length -= 4;
}

static bool
is_refused(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		error->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED;
}

/* Frees little, hence in a process for each part. */
static size_t part_start;
static size_t part_end;

/* A copy of exactly the bytes, so that a sanitizer sees what reads beyond. */
static void
parse_copy(size_t size)
{
	char	   *copy = malloc(Max(size, 1));

	memcpy(copy, data, size);
	try(pgb_toc_parse(copy, size, "toc.dat"));
	free(copy);
}

static void
truncate_part(void *arg)
{
	for (size_t i = part_start; i < part_end; i++)
	{
		parse_copy(i);
		if (tap_error == NULL || !is_refused(tap_error))
			_exit(1);
	}
}

static void
flip_part(void *arg)
{
	for (size_t i = part_start; i < part_end; i++)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			data[i] ^= 1 << bit;
			parse_copy(length);
			if (tap_error != NULL && !is_refused(tap_error))
				_exit(1);
			data[i] ^= 1 << bit;
		}
	}
}

/* 0xFF everywhere: the largest lengths and counts. */
static void
overwrite_part(void *arg)
{
	for (size_t i = part_start; i < part_end; i++)
	{
		for (int n = 1; n <= 5; n++)
		{
			char		saved[5];

			if (i + n > length)
				continue;
			memcpy(saved, data + i, n);
			memset(data + i, 0xFF, n);
			data[i] = 0;		/* the sign */
			data[i + n - 1] = n == 5 ? 0x7F : data[i + n - 1];
			parse_copy(length);
			if (tap_error != NULL && !is_refused(tap_error))
				_exit(1);
			memcpy(data + i, saved, n);
		}
	}
}

static int
in_parts(void (*function) (void *arg))
{
	int			failed = 0;

	for (part_start = 0; part_start < length; part_start = part_end)
	{
		part_end = Min(part_start + 256, length);
		if (tap_fork(function, NULL) != 0)
			failed++;
	}
	return failed;
}

static void
test_damage(const char *name)
{
	is_uint(in_parts(truncate_part), 0, psprintf("%s: each truncation is refused", name));
	is_uint(in_parts(flip_part), 0, psprintf("%s: each flipped bit is read or refused", name));
	is_uint(in_parts(overwrite_part), 0, psprintf("%s: so is each large number", name));

	data[length] = 'x';
	length++;
	raises(ERRCODE_DATA_CORRUPTED, psprintf("%s: what follows the end is refused", name),
		   pgb_toc_parse(data, length, "toc.dat"));
	length--;
}

/* The head of 1.14 up to the count of entries. */
static void
append_int(StringInfo out, int sign, uint32 value)
{
	appendStringInfoChar(out, (char) sign);
	for (int shift = 0; shift < 32; shift += 8)
		appendStringInfoChar(out, (char) (value >> shift));
}

static void
append_string(StringInfo out, const char *text)
{
	if (text == NULL)
	{
		append_int(out, 1, 1);
		return;
	}
	append_int(out, 0, strlen(text));
	appendStringInfoString(out, text);
}

typedef struct Made
{
	int			major;
	int			minor;
	int			int_size;
	int			format;
	uint32		count;
	uint32		dump_id[2];
	const char *oid;
	const char *dependency;
	const char *file_name;
} Made;

static const Made right = {1, 14, 4, 3, 2, {1, 2}, "1259", "1", "2.dat"};

static PgbToc *
parse_made(Made made)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "PGDMP");
	appendStringInfoChar(&out, made.major);
	appendStringInfoChar(&out, made.minor);
	appendStringInfoChar(&out, 0);
	appendStringInfoChar(&out, made.int_size);
	appendStringInfoChar(&out, 8);
	appendStringInfoChar(&out, made.format);
	for (int i = 0; i < 8; i++)
		append_int(&out, 0, 0);
	append_string(&out, NULL);
	append_string(&out, "15.0");
	append_string(&out, "15.0");

	append_int(&out, 0, made.count);
	for (int i = 0; i < 2; i++)
	{
		append_int(&out, 0, made.dump_id[i]);
		append_int(&out, 0, 1);
		append_string(&out, "0");
		append_string(&out, made.oid);
		append_string(&out, NULL);
		append_string(&out, "TABLE DATA");
		append_int(&out, 0, 3);
		for (int j = 0; j < 7; j++)
			append_string(&out, NULL);
		append_string(&out, "false");
		append_string(&out, made.dependency);
		append_string(&out, made.dependency == NULL ? "3" : NULL);
		if (made.dependency == NULL)
			append_string(&out, NULL);
		append_string(&out, made.file_name);
	}
	return pgb_toc_parse(out.data, out.len, "toc.dat");
}

#define made_with(member, value) \
	({ Made made_ = right; made_.member = value; parse_made(made_); })

static void
test_made(void)
{
	static const char *const names[] = {"../2.dat", "/etc/passwd", ".", "..", ".x", "a/b", "manifest.json"};
	static const char *const numbers[] = {"", "x", "-1", "4294967296", "1 ", "99999999999999999999"};
	PgbToc	   *toc = parse_made(right);

	ok(toc->count == 2 && toc->database == NULL && toc->encoding == NULL, "one that is made by hand is read");
	ok(toc->entries[0].ndependencies == 1 && toc->entries[0].dependencies[0] == 1, "with its dependencies");
	is_str(made_with(file_name, "")->entries[1].file_name, NULL, "an empty file name is none");

	raises(ERRCODE_FEATURE_NOT_SUPPORTED, "version 1.17 is refused", made_with(minor, 17));
	raises(ERRCODE_FEATURE_NOT_SUPPORTED, "version 1.13 is refused", made_with(minor, 13));
	raises(ERRCODE_FEATURE_NOT_SUPPORTED, "version 2.14 is refused", made_with(major, 2));
	raises(ERRCODE_DATA_CORRUPTED, "integers of eight bytes are refused", made_with(int_size, 8));
	raises(ERRCODE_DATA_CORRUPTED, "another format is refused", made_with(format, 1));
	raises(ERRCODE_DATA_CORRUPTED, "more entries than there are", made_with(count, 3));
	raises(ERRCODE_DATA_CORRUPTED, "fewer entries than there are", made_with(count, 1));
	raises(ERRCODE_DATA_CORRUPTED, "two billion entries", made_with(count, 2000000000));
	raises(ERRCODE_DATA_CORRUPTED, "dump id 0", made_with(dump_id[0], 0));
	raises(ERRCODE_DATA_CORRUPTED, "a dump id that comes twice", made_with(dump_id[0], 2));
	for (int i = 0; i < lengthof(names); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("a file named %s", names[i]), made_with(file_name, names[i]));
	for (int i = 0; i < lengthof(numbers); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("an oid \"%s\"", numbers[i]), made_with(oid, numbers[i]));
	raises(ERRCODE_DATA_CORRUPTED, "a dependency out of range", made_with(dependency, "2147483648"));
}

/* ---- some of the entries ---- */

static bool
has(const PgbTocSelection *selection, const char *desc, const char *tag)
{
	PgbTocEntry *entry = find(selection->toc, desc, tag);

	return entry != NULL && pgb_toc_is_selected(selection, entry);
}

static PgbTocSelection *
selection_of(const PgbToc *toc, const char *table)
{
	PgbTocSelection *selection = pgb_toc_select_begin(toc);

	pgb_toc_select(selection, find(toc, "TABLE", table));
	pgb_toc_select_belongings(selection);
	return selection;
}

/* What is written is read again: the head as it was, the entries in their order. */
static void
check_written(const PgbTocSelection *selection, const char *name)
{
	size_t		size;
	char	   *written = pgb_toc_write(selection->toc, data, selection->keep, &size);
	PgbToc	   *toc = pgb_toc_parse(written, size, "toc.dat");
	int			n = 0;
	bool		same = strcmp(toc->database, "sample") == 0 && strcmp(toc->encoding, "UTF8") == 0;

	for (int i = 0; i < selection->toc->count; i++)
	{
		if (selection->keep[i])
			same = same && n < toc->count &&
				toc->entries[n++].dump_id == selection->toc->entries[i].dump_id;
	}
	ok(same && n == toc->count, name);
}

static void
test_selection(void)
{
	PgbToc	   *toc = pgb_toc_parse(data, length, "toc.dat");
	PgbTocSelection *orders = selection_of(toc, "orders");
	PgbTocSelection *items = selection_of(toc, "items");
	PgbTocSelection *tree = selection_of(toc, "log");
	PgbTocSelection *partition = selection_of(toc, "log_2026");
	PgbTocEntry *key = find(toc, "FK CONSTRAINT", "items items_order_id_fkey");
	bool	   *all = palloc(toc->count);
	size_t		size;

	ok(has(orders, "TABLE DATA", "orders") && has(orders, "SEQUENCE", "orders_id_seq") &&
	   has(orders, "SEQUENCE SET", "orders_id_seq") && has(orders, "CONSTRAINT", "orders orders_pkey") &&
	   has(orders, "COMMENT", "TABLE orders"), "to a table belong rows, sequence, key, comment");
	ok(!has(orders, "VIEW", "paid") && !has(orders, "TYPE", "state") && !has(orders, "TABLE", "items"),
	   "but no view of it, no type, no other table");
	ok(!has(orders, "FK CONSTRAINT", "items items_order_id_fkey") && !pgb_toc_is_left_out(orders, key),
	   "a foreign key to it is of the other table");
	ok(!pgb_toc_is_selected(items, key) && pgb_toc_is_left_out(items, key),
	   "which has to leave it out");
	pgb_toc_select(items, find(toc, "TABLE", "orders"));
	pgb_toc_select_belongings(items);
	ok(pgb_toc_is_selected(items, key), "both have it");

	ok(has(tree, "TABLE", "log_2026") && has(tree, "TABLE DATA", "log_2026") &&
	   has(tree, "TABLE ATTACH", "log_2026") && has(tree, "INDEX ATTACH", "log_2026_at_idx"),
	   "to a partitioned table belong its partitions");
	ok(!has(partition, "TABLE", "log") && !has(partition, "TABLE ATTACH", "log_2026") &&
	   !has(partition, "INDEX ATTACH", "log_2026_at_idx") && has(partition, "INDEX", "log_2026_at_idx"),
	   "a partition alone is a table with its index");
	ok(pgb_toc_missing_relation(partition, find(toc, "TABLE", "log_2026")) == NULL,
	   "which needs no other table");

	pgb_toc_select_needed(orders);
	ok(has(orders, "SCHEMA", "shop") && has(orders, "TYPE", "state") && !has(orders, "TABLE", "items"),
	   "what it needs: schema and type");

	check_written(orders, "a selection is written");
	check_written(pgb_toc_select_begin(toc), "and one of almost nothing");
	memset(all, true, toc->count);
	ok(memcmp(pgb_toc_write(toc, data, all, &size), data, length) == 0 && size == length,
	   "all entries make the file as it was");
}

int
main(void)
{
	load("toc-1.14.dat");
	test_content(14);
	test_selection();
	test_damage("1.14");
	load("toc-1.16.dat");
	test_content(16);
	test_selection();
	test_damage("1.16");
	make_1_15();
	test_content(15);
	test_made();
	raises(ERRCODE_DATA_CORRUPTED, "nothing is no table of contents", pgb_toc_parse("", 0, "toc.dat"));
	raises(ERRCODE_DATA_CORRUPTED, "nor is anything else", pgb_toc_parse("SQLite format 3", 16, "toc.dat"));
	return done_testing();
}
