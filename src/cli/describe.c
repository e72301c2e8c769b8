/*-------------------------------------------------------------------------
 *
 * describe.c
 *	  What commands write for programs: the object, and in it a backup as a whole.
 *
 * src/cli/describe.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

/* ---- the object ---- */

PgbJsonWriter *
cli_json_begin(const CliOptions *options)
{
	PgbJsonWriter *w = palloc(sizeof(PgbJsonWriter));

	pgb_json_begin(w, makeStringInfo(), true);
	pgb_json_object(w, NULL);
	pgb_json_string(w, "repository", options->repository);
	return w;
}

void
cli_json_end(PgbJsonWriter *w)
{
	pgb_json_end_object(w);
	fputs(w->out->data, stdout);
}

/* ---- a backup ---- */

static void
describe_time(PgbJsonWriter *w, const char *name, int64 moment)
{
	pgb_json_string(w, name, pgb_time_to_text(moment));
}

static void
describe_identity(PgbJsonWriter *w, uint64 cluster, const char *id, const char *status,
				  const char *damage)
{
	pgb_json_string(w, "system_identifier", psprintf(UINT64_FORMAT, cluster));
	pgb_json_string(w, "id", id);
	pgb_json_string(w, "kind", pgb_kind_name(pgb_id_kind(id)));
	pgb_json_string(w, "status", status);
	pgb_json_string(w, "damage", damage);
}

void
cli_describe(PgbJsonWriter *w, uint64 cluster, const PgbManifest *m, int64 proven_at)
{
	describe_identity(w, cluster, m->id, CLI_COMPLETE, NULL);
	pgb_json_string(w, "database", m->database);
	pgb_json_string(w, "encoding", m->encoding);
	pgb_json_string(w, "label", m->label);
	pgb_json_string(w, "parent", m->parent);
	describe_time(w, "started_at", m->started_at);
	describe_time(w, "as_of", m->as_of);
	describe_time(w, "finished_at", m->finished_at);
	pgb_json_string(w, "start_lsn", pgb_lsn_to_text(m->start_lsn));
	pgb_json_string(w, "stop_lsn", pgb_lsn_to_text(m->stop_lsn));
	pgb_json_uint64(w, "timeline", m->timeline);
	pgb_json_uint64(w, "table_count", m->ntables);
	pgb_json_uint64(w, "file_count", m->nfiles);
	pgb_json_uint64(w, "raw_bytes", m->raw_bytes);
	pgb_json_uint64(w, "stored_bytes", m->stored_bytes);
	pgb_json_int64(w, "compression_level", m->compression_level);
	pgb_json_string(w, "server_version", m->server_version);
	pgb_json_uint64(w, "server_version_num", m->server_version_num);
	pgb_json_string(w, "pgbackup_version", m->pgbackup_version);
	pgb_json_string(w, "proven_at", proven_at == 0 ? NULL : pgb_time_to_text(proven_at));
}

/* The same members, for programs that expect them. */
void
cli_describe_damage(PgbJsonWriter *w, uint64 cluster, const PgbCatalogEntry *entry)
{
	static const char *const unknown[] = {
		"database", "encoding", "label", "parent", "started_at", "as_of", "finished_at",
		"start_lsn", "stop_lsn", "timeline", "table_count", "file_count", "raw_bytes",
		"stored_bytes", "compression_level", "server_version", "server_version_num",
		"pgbackup_version", "proven_at",
	};

	describe_identity(w, cluster, entry->id, pgb_catalog_status(entry), entry->damage);
	for (int i = 0; i < lengthof(unknown); i++)
		pgb_json_null(w, unknown[i]);
}
