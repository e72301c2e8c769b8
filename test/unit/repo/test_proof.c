/*-------------------------------------------------------------------------
 *
 * test_proof.c
 *	  Proofs: written, read, damaged, listed.
 *
 * test/unit/repo/test_proof.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"
#include "sample.h"

#include "repo/manifest_text.h"
#include "repo/proof.h"

static PgbProof *
make_proof(const char *id)
{
	static PgbProvenTable tables[] = {
		{"shop", "public", "numbers \xC3\xA9", 10, "0badcafe"},
		{"shop", "public", "empty", 0, NULL},
	};
	static char *checked[] = {"The rows of 2 tables."};
	static char *unchecked[] = {"Indexes: amcheck is not there.", "Large objects."};
	PgbProof   *proof = palloc0(sizeof(PgbProof));

	strlcpy(proof->backup, id, PGB_ID_SIZE);
	proof->system_identifier = SAMPLE_CLUSTER;
	proof->proven_at = INT64CONST(824830200123456);
	proof->recovery_time = 61500000;
	proof->check_time = 2500000;
	proof->server_version = "15.20";
	proof->pgbackup_version = "0.6.0";
	proof->timeline = 3;
	proof->reached_lsn = UINT64CONST(0x16B3748100);
	proof->reached_time = INT64CONST(824830100123456);
	proof->databases = 1;
	proof->rows = 10;
	proof->indexes = 5;
	proof->ntables = lengthof(tables);
	proof->tables = tables;
	proof->nchecked = lengthof(checked);
	proof->checked = checked;
	proof->nunchecked = lengthof(unchecked);
	proof->unchecked = unchecked;
	return proof;
}

static char *
write_proof(void)
{
	StringInfoData out;

	initStringInfo(&out);
	pgb_proof_to_text(&out, make_proof("20260219-153000L"));
	return out.data;
}

static PgbProof *
parse(const char *text)
{
	return pgb_proof_parse(text, strlen(text), "proof.json");
}

/* With one part replaced, and sealed again. */
static PgbProof *
parse_altered(const char *part, const char *replacement)
{
	char	   *text = write_proof();
	char	   *found = strstr(text, part);
	char	   *body;

	if (found == NULL)
	{
		printf("# the proof has no %s\n", part);
		return NULL;
	}
	body = psprintf("%.*s%s%s", (int) (found - text), text, replacement, found + strlen(part));
	body[strlen(body) - MANIFEST_TAIL_LENGTH] = '\0';
	return parse(psprintf("%s%s", body, pgb_manifest_tail(body, strlen(body))));
}

static void
test_round_trip(void)
{
	PgbProof   *proof = parse(write_proof());
	StringInfoData again;

	is_str(proof->backup, "20260219-153000L", "backup");
	is_uint(proof->proven_at, INT64CONST(824830200123456), "when");
	is_uint(proof->recovery_time, 61500000, "how long");
	is_uint(proof->reached_lsn, UINT64CONST(0x16B3748100), "how far");
	is_uint(proof->ntables, 2, "tables");
	is_str(proof->tables[0].table_name, "numbers \xC3\xA9", "their names");
	ok(proof->tables[1].digest == NULL, "one without a digest");
	is_uint(proof->nunchecked, 2, "what was not checked");
	is_str(proof->unchecked[1], "Large objects.", "as it was written");
	initStringInfo(&again);
	pgb_proof_to_text(&again, proof);
	is_str(again.data, write_proof(), "what was read is written the same");
}

static void
test_damage(void)
{
	char	   *text = write_proof();
	size_t		length = strlen(text);
	int			wrong = 0;

	for (size_t i = 0; i < length * 8; i++)
	{
		text[i / 8] ^= 1 << (i % 8);
		try(pgb_proof_parse(text, length, "proof.json"));
		if (tap_error == NULL || tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
			wrong++;
		text[i / 8] ^= 1 << (i % 8);
	}
	is_uint(wrong, 0, "each flipped bit is detected");
	wrong = 0;
	for (size_t i = 0; i < length; i++)
	{
		try(pgb_proof_parse(text, i, "proof.json"));
		if (tap_error == NULL || tap_error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
			wrong++;
	}
	is_uint(wrong, 0, "each truncation is detected");
}

static void
test_nonsense(void)
{
	static const char *const cases[][2] = {
		{"\"pgbackup_proof\": 1", "\"pgbackup_proof\": 0"},
		{"\"pgbackup_proof\"", "\"pgbackup_manifest\""},
		{"20260219-153000L", "../../../../etc/"},
		{"\"7412345678901234567\"", "\"none\""},
		{"\"proven_at\": \"2026", "\"proven_at\": \"today"},
		{"\"proven_at\"", "\"proved_at\""},
		{"\"recovery_microseconds\": 61500000", "\"recovery_microseconds\": -1"},
		{"\"timeline\": 3", "\"timeline\": 4294967296"},
		{"\"16/B3748100\"", "\"16\""},
		{"\"not_checked\": [", "\"not_looked_at\": ["},
		{"\"Large objects.\"", "7"},
		{"\"rows\": 10, \"digest\"", "\"rows\": -10, \"digest\""},
		{"\"schema\": \"public\", \"name\": \"empty\"", "\"schema\": \"public\""},
	};

	for (int i = 0; i < lengthof(cases); i++)
		raises(ERRCODE_DATA_CORRUPTED, psprintf("damaged: %s", cases[i][1]),
			   parse_altered(cases[i][0], cases[i][1]));
	raises(ERRCODE_FEATURE_NOT_SUPPORTED, "a newer format is refused as such",
		   parse_altered("\"pgbackup_proof\": 1", "\"pgbackup_proof\": 2"));
}

/* ---- in a repository ---- */

static int64
listed_time(PgbRepository *repository)
{
	int			count;
	PgbCatalogEntry *entries = pgb_catalog_list(repository, &count);

	return count == 1 && entries[0].manifest != NULL ? entries[0].proven_at : -1;
}

static void
test_repository(void)
{
	char	   *directory = tap_directory();
	PgbRepository *repository = pgb_repository_open(directory, SAMPLE_CLUSTER, true);
	PgbManifest *backup = sample_backup(repository, "shop");
	char	   *path = psprintf("%s/" UINT64_FORMAT "/backups/%s/%s", directory, SAMPLE_CLUSTER,
								backup->id, PGB_PROOF_NAME);
	PgbProof   *proof = make_proof(backup->id);
	char	   *damage;
	size_t		length;
	char	   *text;

	is_uint(listed_time(repository), 0, "a new backup is not proven");
	ok(pgb_proof_read(repository, backup->id, &damage) == NULL && damage == NULL, "it has no proof");

	pgb_proof_write(repository, proof);
	is_uint(listed_time(repository), proof->proven_at, "then it is");
	ok(pgb_proof_read(repository, backup->id, &damage) != NULL && damage == NULL, "by its proof");

	proof->proven_at += 1000000;
	pgb_proof_write(repository, proof);
	is_uint(listed_time(repository), proof->proven_at, "the newest counts");

	text = tap_read_file(path, &length);
	text[length / 2] ^= 1;
	tap_write_file(path, text, length);
	is_uint(listed_time(repository), 0, "a damaged proof is none");
	ok(pgb_proof_read(repository, backup->id, &damage) == NULL && damage != NULL, "and tells why");

	text = write_proof();
	tap_write_file(path, text, strlen(text));
	is_uint(listed_time(repository), 0, "that of another backup is none either");

	pgb_backup_pin(repository, backup->id, PGB_PINNED_FOREVER);
	ok(!pgb_backup_remove(repository, backup->id), "a backup that was pinned just now stays");
	pgb_backup_unpin(repository, backup->id);
	ok(pgb_backup_remove(repository, backup->id), "a backup goes");
	ok(access(path, F_OK) != 0, "with its proof");
	tap_remove(directory);
}

int
main(void)
{
	test_round_trip();
	test_damage();
	test_nonsense();
	test_repository();
	return done_testing();
}
