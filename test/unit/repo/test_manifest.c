/*-------------------------------------------------------------------------
 *
 * test_manifest.c
 *	  The manifest: written, read, damaged.
 *
 * test/unit/repo/test_manifest.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include "repo/manifest_text.h"

static PgbManifest *
make_manifest(void)
{
	PgbManifest *m = sample_header();
	PgbFrame	frame = {.stored_bytes = 100, .raw_bytes = 1000, .rows = 10, .crc = 0xdeadbeef};
	PgbFrame	end = {.stored_bytes = 20, .raw_bytes = 5, .crc = 1};
	PgbStoredFile file = {.name = "17.dat.zst", .stored_bytes = 145, .raw_bytes = 1005, .crc = 0x12345678};
	PgbStoredFile toc = {.name = "toc.dat", .stored_bytes = 6524, .raw_bytes = 6524, .crc = 0};

	pgb_frames_init(&file.frames);
	pgb_frames_add(&file.frames, &frame);
	pgb_frames_add(&file.frames, &end);
	sample_add_file(m, &toc);	/* not in order: it is the writer's to sort */
	sample_add_file(m, &file);
	sample_add_table(m, 21, "shop", "orders", PGB_ROWS_UNKNOWN, NULL);
	sample_add_table(m, 17, "public", "numbers \xC3\xA9", 10, "17.dat.zst");
	return m;
}

static char *
write_manifest(void)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "before");
	pgb_manifest_write(make_manifest(), &out);
	return out.data + strlen("before");
}

static PgbManifest *
parse(const char *text)
{
	return pgb_manifest_parse(text, strlen(text), "manifest.json");
}

/* The text with a new checksum, so that only its content can be at fault. */
static char *
resealed(const char *text, size_t body)
{
	return psprintf("%.*s%s", (int) body, text, pgb_manifest_tail(text, body));
}

/* The manifest with one part replaced, and sealed. */
static char *
altered(const char *part, const char *replacement)
{
	char	   *text = write_manifest();
	char	   *found = strstr(text, part);
	char	   *result;

	if (found == NULL)
	{
		printf("# the manifest has no %s\n", part);
		return pstrdup("");
	}
	result = psprintf("%.*s%s%s", (int) (found - text), text, replacement, found + strlen(part));
	return resealed(result, strlen(result) - MANIFEST_TAIL_LENGTH);
}

static void
test_text(void)
{
	static const char *const lines[] = {
		"{\n  \"pgbackup_manifest\": 1,\n  \"id\": \"20260219-153000L\",\n",
		"\n  \"system_identifier\": \"7412345678901234567\",\n",
		"\n  \"start_lsn\": \"16/B3748000\",\n",
		"\n  \"compression_level\": -2,\n",
		"\n  \"options\": {\"tables\": [\"a\",\"b\"], \"jobs\": 2},\n",
		"\n  \"totals\": {\"tables\": 2, \"files\": 2, \"raw_bytes\": 7529, \"stored_bytes\": 6669},\n",
		"\n    {\"dump_id\": 17, \"oid\": 16401, \"schema\": \"public\", \"name\": \"numbers \xC3\xA9\", \"rows\": 10,",
		"\"rows\": null, \"raw_bytes\": 12, \"stored_bytes\": 40, \"file\": null}\n  ],\n",
		"\n    {\"name\": \"17.dat.zst\", \"stored_bytes\": 145, \"raw_bytes\": 1005, \"crc32c\": \"12345678\","
		" \"frames\": [[100,1000,10,\"deadbeef\"],[20,5,0,\"00000001\"]]},\n",
		"\n    {\"name\": \"toc.dat\", \"stored_bytes\": 6524, \"raw_bytes\": 6524, \"crc32c\": \"00000000\"}\n  ],\n  \"sha256\": \"",
	};
	char	   *text = write_manifest();

	for (int i = 0; i < lengthof(lines); i++)
	{
		if (!ok(strstr(text, lines[i]) != NULL, psprintf("part %d of the text", i + 1)))
			printf("# not found: %s\n", lines[i]);
	}
	is_str(text + strlen(text) - 4, "\"\n}\n", "its end");
}

static void
test_round_trip(void)
{
	PgbManifest *m = parse(write_manifest());
	PgbManifest *w = make_manifest();
	StringInfoData again;

	is_str(m->id, w->id, "id");
	is_str(m->database, w->database, "database");
	is_str(m->label, w->label, "label");
	ok(m->parent == NULL, "parent");
	is_str(m->options, w->options, "options");
	ok(m->kind == w->kind && m->system_identifier == w->system_identifier &&
	   m->started_at == w->started_at && m->as_of == w->as_of && m->finished_at == w->finished_at &&
	   m->start_lsn == w->start_lsn && m->stop_lsn == w->stop_lsn && m->timeline == w->timeline &&
	   m->compression_level == w->compression_level && m->server_version_num == w->server_version_num,
	   "numbers");

	is_uint(m->ntables, 2, "tables");
	is_str(m->tables[0].schema_name, "public", "sorted by schema");
	ok(m->tables[1].row_count == PGB_ROWS_UNKNOWN && m->tables[1].file == NULL, "unknown rows");
	ok(pgb_manifest_table_by_dump_id(m, 21) == &m->tables[1], "a table by its dump id");
	ok(pgb_manifest_table_by_dump_id(m, 22) == NULL, "or none");

	is_uint(m->nfiles, 2, "files");
	ok(pgb_manifest_file(m, "toc.dat") == &m->files[1], "a file by its name");
	ok(pgb_manifest_file(m, "tic.dat") == NULL, "or none");
	is_uint(m->files[0].frames.count, 2, "frames");
	is_uint(m->files[0].frames.frames[1].offset, 100, "their places");
	is_uint(m->files[0].frames.frames[0].crc, 0xdeadbeef, "their checksums");
	is_uint(m->stored_bytes, 6669, "stored bytes add up");
	is_uint(m->raw_bytes, 7529, "raw bytes add up");

	initStringInfo(&again);
	pgb_manifest_write(m, &again);
	is_str(again.data, write_manifest(), "what was read is written the same");
}

static void
test_empty(void)
{
	PgbManifest *m = sample_header();
	StringInfoData out;

	initStringInfo(&out);
	pgb_manifest_write(m, &out);
	try(m = parse(out.data));
	ok(tap_error == NULL && m->ntables == 0 && m->nfiles == 0, "a manifest without tables and files");
	ok(pgb_manifest_file(m, "x") == NULL && pgb_manifest_table_by_dump_id(m, 1) == NULL, "has none");
}

static void
test_every_byte(void)
{
	char	   *text = write_manifest();
	size_t		length = strlen(text);
	int			wrong = 0;

	for (size_t i = 0; i < length; i++)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			text[i] ^= 1 << bit;
			try(pgb_manifest_parse(text, length, "manifest.json"));
			if (tap_error == NULL || tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
				wrong++;
			text[i] ^= 1 << bit;
		}
	}
	is_uint(wrong, 0, "each flipped bit is detected");

	wrong = 0;
	for (size_t i = 0; i < length; i++)
	{
		try(pgb_manifest_parse(text, i, "manifest.json"));
		if (tap_error == NULL || tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
			wrong++;
	}
	is_uint(wrong, 0, "each truncation is detected");
	raises(ERRCODE_DATA_CORRUPTED, "so is what follows the end", parse(psprintf("%s\n", text)));
}

static int	fuzz_part;

/* Flipped bits behind a correct checksum: read or refused, never a crash. */
static void
fuzz_content(void *arg)
{
	char	   *text = write_manifest();
	size_t		body = strlen(text) - MANIFEST_TAIL_LENGTH;

	for (size_t i = fuzz_part; i < body; i += 8)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			text[i] ^= 1 << bit;
			if (text[i] != '\0')
			{
				char	   *sealed = resealed(text, body);

				try(parse(sealed));
				if (tap_error != NULL && tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED &&
					tap_error->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
					_exit(1);
				pfree(sealed);
			}
			text[i] ^= 1 << bit;
		}
	}
}

static void
test_fuzz(void)
{
	int			failed = 0;

	for (fuzz_part = 0; fuzz_part < 8; fuzz_part++)
	{
		if (tap_fork(fuzz_content, NULL) != 0)
			failed++;
	}
	is_uint(failed, 0, "each flipped bit behind a correct checksum is read or refused");
}

static void
test_nonsense(void)
{
	static const struct
	{
		const char *what;
		const char *part;
		const char *replacement;
	}			cases[] =
	{
		{"no format", "\"pgbackup_manifest\": 1", "\"format\": 1"},
		{"format 0", "\"pgbackup_manifest\": 1", "\"pgbackup_manifest\": 0"},
		{"no id", "\"id\": \"20260219-153000L\"", "\"x\": 1"},
		{"an id that is a path", "20260219-153000L", "../../../../etc/"},
		{"an id of another kind", "20260219-153000L", "20260219-153000F"},
		{"an unknown kind", "\"logical\"", "\"magical\""},
		{"a system identifier that is a number", "\"7412345678901234567\"", "7412345678901234567"},
		{"a system identifier that is none", "7412345678901234567", "74x"},
		{"no database", "\"database\"", "\"datobase\""},
		{"a parent that is no id", "\"parent\": null", "\"parent\": \"..\""},
		{"a version that is text", "150020", "\"15\""},
		{"a version out of range", "150020", "2147483648"},
		{"no time", "2026-02-19T15:30:00.123456Z", "now"},
		{"no LSN", "16/B3748000", "16/"},
		{"a long LSN", "16/B3748000", "16/B37480001"},
		{"a negative timeline", "\"timeline\": 3", "\"timeline\": -3"},
		{"a level out of range", "\"compression_level\": -2", "\"compression_level\": 1000"},
		{"options that are none", "\"options\": {\"tables\": [\"a\",\"b\"], \"jobs\": 2}", "\"options\": 7"},
		{"no tables", "\"tables\": [\n", "\"tobles\": [\n"},
		{"a table that is a number", "{\"dump_id\": 17", "7, {\"dump_id\": 17"},
		{"dump id 0", "\"dump_id\": 17", "\"dump_id\": 0"},
		{"a dump id that comes twice", "\"dump_id\": 17", "\"dump_id\": 21"},
		{"an oid out of range", "\"oid\": 16401", "\"oid\": 4294967296"},
		{"rows out of range", "\"rows\": 10", "\"rows\": 9223372036854775808"},
		{"a table without a name", "\"name\": \"numbers \xC3\xA9\", ", ""},
		{"a file that is not there", "\"file\": \"17.dat.zst\"", "\"file\": \"18.dat.zst\""},
		{"a file with a path", "\"name\": \"toc.dat\"", "\"name\": \"../toc.dat\""},
		{"a hidden file", "\"name\": \"toc.dat\"", "\"name\": \".toc.dat\""},
		{"a file that is the manifest", "\"name\": \"toc.dat\"", "\"name\": \"manifest.json\""},
		{"a file that comes twice", "\"name\": \"toc.dat\"", "\"name\": \"17.dat.zst\""},
		{"files out of order", "\"name\": \"toc.dat\"", "\"name\": \"0.dat\""},
		{"a file without a length", "{\"name\": \"toc.dat\", \"stored_bytes\": 6524, ", "{\"name\": \"toc.dat\", "},
		{"a length out of range", "\"stored_bytes\": 6524", "\"stored_bytes\": 9223372036854775808"},
		{"lengths that wrap around", "\"stored_bytes\": 6524", "\"stored_bytes\": 18446744073709551000"},
		{"a short CRC", "\"12345678\"", "\"1234567\""},
		{"a long CRC", "\"12345678\"", "\"123456789\""},
		{"a CRC that is none", "\"12345678\"", "\"1234567g\""},
		{"frames longer than the file", "[100,1000,10", "[126,1000,10"},
		{"frames that do not add up", "[100,1000,10", "[100,1001,10"},
		{"frames that wrap around", "[100,1000,10", "[18446744073709551610,1000,10"},
		{"an empty frame", "[20,5,0", "[0,5,0"},
		{"more rows than bytes", "[100,1000,10", "[100,1000,1001"},
		{"a frame of three", "[20,5,0,", "[20,5,"},
		{"a frame of five", "[20,5,0,", "[20,5,0,0,"},
		{"a frame of text", "[20,5,0,\"00000001\"]", "\"frame\""},
		{"a frame with a negative length", "[20,5,0", "[-20,5,0"},
	};

	for (int i = 0; i < lengthof(cases); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("damaged: %s", cases[i].what),
			   parse(altered(cases[i].part, cases[i].replacement)));

	raises(ERRCODE_FEATURE_NOT_SUPPORTED, "a newer format is refused as such",
		   parse(altered("\"pgbackup_manifest\": 1", "\"pgbackup_manifest\": 2")));
	ok(tap_error->hint != NULL, "with a hint");
	try(parse(altered("\"timeline\": 3", "\"timeline\": 3,\n  \"of_tomorrow\": [1]")));
	ok(tap_error == NULL, "an unknown member is passed over");
}

int
main(void)
{
	test_text();
	test_round_trip();
	test_empty();
	test_every_byte();
	test_fuzz();
	test_nonsense();
	return done_testing();
}
