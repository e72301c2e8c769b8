/*-------------------------------------------------------------------------
 *
 * sample.h
 *	  A manifest, and a repository with backups, to test with.
 *
 * test/unit/sample.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "tap.h"

#include "repo/repository.h"

#define SAMPLE_CLUSTER	UINT64CONST(7412345678901234567)
#define SAMPLE_ROWS		"1\tone\n2\ttwo\n"
#define SAMPLE_END		"\\.\n\n\n"

/* The header, as a leader would fill it; no tables and files yet. */
static inline PgbManifest *
sample_header(void)
{
	PgbManifest *m = palloc0(sizeof(PgbManifest));

	strcpy(m->id, "20260219-153000L");
	m->kind = PGB_LOGICAL;
	m->system_identifier = SAMPLE_CLUSTER;
	m->database = pstrdup("shop \"db\" gr\xC3\xB6\xC3\x9F""e");
	m->encoding = pstrdup("UTF8");
	m->label = pstrdup("before\nmigration");
	m->server_version = pstrdup("15.20 (Debian 15.20-0+deb12u1)");
	m->server_version_num = 150020;
	m->pgbackup_version = pstrdup("0.1.0");
	m->started_at = INT64CONST(824830200000000);
	m->as_of = INT64CONST(824830200123456);
	m->finished_at = INT64CONST(824830203000001);
	m->start_lsn = UINT64CONST(0x16B3748000);
	m->stop_lsn = UINT64CONST(0x16B3748100);
	m->timeline = 3;
	m->compression_level = -2;
	m->options = pstrdup("{\"tables\":[\"a\",\"b\"],\"jobs\":2}");
	return m;
}

static inline void
sample_add_file(PgbManifest *m, const PgbStoredFile *file)
{
	PgbStoredFile *files = palloc((m->nfiles + 1) * sizeof(PgbStoredFile));

	if (m->nfiles > 0)
		memcpy(files, m->files, m->nfiles * sizeof(PgbStoredFile));
	files[m->nfiles++] = *file;
	m->files = files;
}

static inline void
sample_add_table(PgbManifest *m, int dump_id, const char *schema, const char *name,
				 uint64 rows, const char *file)
{
	PgbTable   *tables = palloc0((m->ntables + 1) * sizeof(PgbTable));

	if (m->ntables > 0)
		memcpy(tables, m->tables, m->ntables * sizeof(PgbTable));
	tables[m->ntables].dump_id = dump_id;
	tables[m->ntables].oid = 16384 + dump_id;
	tables[m->ntables].schema_name = pstrdup(schema);
	tables[m->ntables].table_name = pstrdup(name);
	tables[m->ntables].row_count = rows;
	tables[m->ntables].raw_bytes = strlen(SAMPLE_ROWS);
	tables[m->ntables].stored_bytes = 40;
	tables[m->ntables].file = file ? pstrdup(file) : NULL;
	m->ntables++;
	m->tables = tables;
}

/* A backup of one table, written and committed.  Returns its manifest. */
static inline PgbManifest *
sample_backup(PgbRepository *repository, const char *database)
{
	PgbBackupWriter *writer = pgb_backup_begin(repository, PGB_LOGICAL);
	PgbManifest *m = sample_header();
	PgbStoredFile *file = palloc(sizeof(PgbStoredFile));
	PgbStoredFile toc;
	PgbSink    *sink;

	m->database = pstrdup(database);
	sink = pgb_backup_sink_create(writer, "17.dat.zst", 1, PGB_FRAME_LINES, file);
	pgb_sink_write(sink, SAMPLE_ROWS, strlen(SAMPLE_ROWS));
	pgb_sink_write(sink, SAMPLE_END, strlen(SAMPLE_END));
	pgb_sink_finish(sink);
	sample_add_file(m, file);

	repository->store->ops->put(repository->store, pgb_backup_writer_name(writer, "toc.dat"),
								"PGDMP", 5);
	pgb_backup_describe(writer, "toc.dat", &toc);
	sample_add_file(m, &toc);

	sample_add_table(m, 17, "public", "numbers", 2, "17.dat.zst");
	pgb_backup_commit(writer, m);
	return m;
}

#endif							/* SAMPLE_H */
