/*-------------------------------------------------------------------------
 *
 * proof.c
 *	  The stored evidence that a backup was really restored.
 *
 * src/repo/proof.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/proof.h"

#include "io/json.h"
#include "repo/manifest_text.h"

#define FORMAT_MEMBER	"pgbackup_proof"

/* A line for each table: those of hundreds of thousands of tables fit. */
#define PROOF_LIMIT		((uint64) 256 * 1024 * 1024)

/* ---- written ---- */

static void
write_sentences(PgbJsonWriter *w, const char *name, int count, char **sentences)
{
	pgb_json_array(w, name);
	for (int i = 0; i < count; i++)
		pgb_json_string(w, NULL, sentences[i]);
	pgb_json_end_array(w);
}

static void
write_table(PgbJsonWriter *w, const PgbProvenTable *table)
{
	pgb_json_inline_object(w, NULL);
	pgb_json_string(w, "database", table->database);
	pgb_json_string(w, "schema", table->schema_name);
	pgb_json_string(w, "name", table->table_name);
	pgb_json_uint64(w, "rows", table->row_count);
	pgb_json_string(w, "digest", table->digest);
	pgb_json_end_inline_object(w);
}

/* Without what closes it: that is of the seal. */
static void
write_body(PgbJsonWriter *w, const PgbProof *proof)
{
	pgb_json_object(w, NULL);
	pgb_json_uint64(w, FORMAT_MEMBER, PGB_PROOF_FORMAT);
	pgb_json_string(w, "backup", proof->backup);
	pgb_json_string(w, "system_identifier", psprintf(UINT64_FORMAT, proof->system_identifier));
	pgb_json_string(w, "proven_at", pgb_time_to_text(proof->proven_at));
	pgb_json_int64(w, "recovery_microseconds", proof->recovery_time);
	pgb_json_int64(w, "check_microseconds", proof->check_time);
	pgb_json_string(w, "server_version", proof->server_version);
	pgb_json_string(w, "pgbackup_version", proof->pgbackup_version);
	pgb_json_uint64(w, "timeline", proof->timeline);
	pgb_json_string(w, "reached_lsn",
					proof->reached_lsn == 0 ? NULL : pgb_lsn_to_text(proof->reached_lsn));
	pgb_json_string(w, "reached_time",
					proof->reached_time == 0 ? NULL : pgb_time_to_text(proof->reached_time));
	pgb_json_uint64(w, "databases", proof->databases);
	pgb_json_uint64(w, "rows", proof->rows);
	pgb_json_uint64(w, "indexes", proof->indexes);
	write_sentences(w, "checked", proof->nchecked, proof->checked);
	write_sentences(w, "not_checked", proof->nunchecked, proof->unchecked);
	pgb_json_array(w, "tables");
	for (int i = 0; i < proof->ntables; i++)
		write_table(w, &proof->tables[i]);
	pgb_json_end_array(w);
}

void
pgb_proof_to_text(StringInfo out, const PgbProof *proof)
{
	int			start = out->len;
	PgbJsonWriter w;

	pgb_json_begin(&w, out, true);
	write_body(&w, proof);
	appendStringInfoString(out, ",\n");
	appendStringInfoString(out, pgb_manifest_tail(out->data + start, out->len - start));
}

static char *
name_of(PgbRepository *repository, const char *id)
{
	return pgb_backup_object(repository->system_identifier, id, PGB_PROOF_NAME);
}

void
pgb_proof_write(PgbRepository *repository, const PgbProof *proof)
{
	StringInfoData text;

	initStringInfo(&text);
	pgb_proof_to_text(&text, proof);
	repository->store->ops->put(repository->store, name_of(repository, proof->backup),
								text.data, text.len);
	pfree(text.data);
}

/* ---- read ---- */

pg_noreturn static void damaged(const char *what, const char *detail);

static void
damaged(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("\"%s\" is damaged", what),
			 errdetail("%s", detail),
			 errhint("Prove the backup again: pgbackup_verify with depth => 'restore'.")));
}

static void
check_format(const PgbJson *json, const char *what)
{
	uint64		format = pgb_json_need_uint64(json, FORMAT_MEMBER, what);

	if (format == 0)
		damaged(what, "There is no format 0.");
	if (format > PGB_PROOF_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" has format %llu, which this version of pgbackup does not know",
						what, (unsigned long long) format),
				 errdetail("It knows formats up to %d.", PGB_PROOF_FORMAT),
				 errhint("Use a newer version of pgbackup.")));
}

static int64
get_time(const PgbJson *json, const char *name, const char *what)
{
	const char *text = pgb_json_get_string(json, name, what);

	return text == NULL ? 0 : pgb_time_from_text(text, what);
}

static void
parse_identity(PgbProof *proof, const PgbJson *json, const char *what)
{
	const char *id = pgb_json_need_string(json, "backup", what);

	if (!pgb_id_is_valid(id))
		damaged(what, "It does not say of which backup it is.");
	strlcpy(proof->backup, id, PGB_ID_SIZE);
	if (!pgb_cluster_from_folder(pgb_json_need_string(json, "system_identifier", what),
								 &proof->system_identifier))
		damaged(what, "It does not say of which cluster it is.");
}

static void
parse_result(PgbProof *proof, const PgbJson *json, const char *what)
{
	const char *lsn = pgb_json_get_string(json, "reached_lsn", what);
	uint64		timeline = pgb_json_need_uint64(json, "timeline", what);

	proof->proven_at = get_time(json, "proven_at", what);
	proof->recovery_time = pgb_json_need_int64(json, "recovery_microseconds", what);
	proof->check_time = pgb_json_need_int64(json, "check_microseconds", what);
	proof->server_version = pstrdup(pgb_json_need_string(json, "server_version", what));
	proof->pgbackup_version = pstrdup(pgb_json_need_string(json, "pgbackup_version", what));
	proof->reached_lsn = lsn == NULL ? 0 : pgb_lsn_from_text(lsn, what);
	proof->reached_time = get_time(json, "reached_time", what);
	proof->databases = pgb_json_need_uint64(json, "databases", what);
	proof->rows = pgb_json_need_uint64(json, "rows", what);
	proof->indexes = pgb_json_need_uint64(json, "indexes", what);
	if (proof->proven_at == 0 || timeline > PG_UINT32_MAX ||
		proof->recovery_time < 0 || proof->check_time < 0)
		damaged(what, "It has a value that is out of range.");
	proof->timeline = (uint32) timeline;
}

static char **
parse_sentences(const PgbJson *json, const char *name, int *count, const char *what)
{
	const PgbJson *array = pgb_json_get_array(json, name, what);
	char	  **sentences;

	if (array == NULL)
		damaged(what, psprintf("\"%s\" is missing.", name));
	sentences = palloc_extended(((size_t) array->count + 1) * sizeof(char *), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < array->count; i++)
	{
		if (array->values[i]->type != PGB_JSON_STRING)
			damaged(what, psprintf("\"%s\" has something else than texts.", name));
		sentences[i] = pstrdup(array->values[i]->text);
	}
	*count = (int) array->count;
	return sentences;
}

static void
parse_tables(PgbProof *proof, const PgbJson *json, const char *what)
{
	const PgbJson *tables = pgb_json_get_array(json, "tables", what);

	if (tables == NULL)
		damaged(what, "\"tables\" is missing.");
	proof->ntables = (int) tables->count;
	proof->tables = palloc_extended(((size_t) tables->count + 1) * sizeof(PgbProvenTable),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < tables->count; i++)
	{
		const PgbJson *value = tables->values[i];
		PgbProvenTable *table = &proof->tables[i];
		const char *digest = pgb_json_get_string(value, "digest", what);

		table->database = pstrdup(pgb_json_need_string(value, "database", what));
		table->schema_name = pstrdup(pgb_json_need_string(value, "schema", what));
		table->table_name = pstrdup(pgb_json_need_string(value, "name", what));
		table->row_count = pgb_json_need_uint64(value, "rows", what);
		table->digest = digest == NULL ? NULL : pstrdup(digest);
	}
}

PgbProof *
pgb_proof_parse(const char *data, size_t length, const char *what)
{
	PgbProof   *proof = palloc0(sizeof(PgbProof));
	MemoryContext scratch;
	MemoryContext caller;
	PgbJson    *json;

	if (!pgb_manifest_tail_is_right(data, length))
		damaged(what, "Its checksum is not that of its content.");
	scratch = AllocSetContextCreate(CurrentMemoryContext, "pgbackup JSON", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(scratch);
	json = pgb_json_parse(data, length, what);
	MemoryContextSwitchTo(caller);

	check_format(json, what);
	parse_identity(proof, json, what);
	parse_result(proof, json, what);
	proof->checked = parse_sentences(json, "checked", &proof->nchecked, what);
	proof->unchecked = parse_sentences(json, "not_checked", &proof->nunchecked, what);
	parse_tables(proof, json, what);
	MemoryContextDelete(scratch);
	return proof;
}

static PgbProof *
read_proof(PgbRepository *repository, const char *id)
{
	char	   *name = name_of(repository, id);
	size_t		length;
	char	   *text = pgb_store_read_all(repository->store, name, PROOF_LIMIT, &length);
	PgbProof   *proof = pgb_proof_parse(text, length, name);

	if (strcmp(proof->backup, id) != 0 || proof->system_identifier != repository->system_identifier)
		damaged(name, "It is the proof of another backup.");
	pfree(text);
	return proof;
}

/* Somebody wants us to stop, or there is no memory: that says nothing about the proof. */
static bool
is_about_us(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		sqlerrcode == ERRCODE_OUT_OF_MEMORY;
}

/* As in catalog.c, what is read takes nothing but memory and a descriptor: no subtransaction. */
PgbProof *
pgb_proof_read(PgbRepository *repository, const char *id, char **damage)
{
	MemoryContext caller = CurrentMemoryContext;
	PgbProof   *volatile proof = NULL;
	PgbStat		stat;

	if (damage != NULL)
		*damage = NULL;
	if (!repository->store->ops->stat(repository->store, name_of(repository, id), &stat))
		return NULL;
	PG_TRY();
	{
		proof = read_proof(repository, id);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		if (is_about_us(geterrcode()))
			PG_RE_THROW();
		error = CopyErrorData();
		FlushErrorState();
		if (damage != NULL)
			*damage = error->detail == NULL ? error->message :
				psprintf("%s: %s", error->message, error->detail);
	}
	PG_END_TRY();
	return proof;
}

int64
pgb_proof_time(PgbRepository *repository, const char *id)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "pgbackup proof",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(own);
	const PgbProof *proof = pgb_proof_read(repository, id, NULL);
	int64		proven_at = proof == NULL ? 0 : proof->proven_at;

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(own);
	return proven_at;
}
