/*-------------------------------------------------------------------------
 *
 * stage_rows.c
 *	  The rows of a staged table.
 *
 * src/server/stage/stage_rows.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/import/import.h"
#include "server/stage/stage_entry.h"

static CopyStmt *
parse_copy(const PgbStage *stage, const PgbStagedTable *table)
{
	CopyStmt   *copy = linitial(pgb_stage_parse(stage, table->data->copy_stmt));

	if (!IsA(copy, CopyStmt) || !copy->is_from)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no COPY command for table \"%s\"",
						stage->backup, pgb_stage_old_name(table->entry)),
				 errhint("Stage the table from another backup.")));
	return copy;
}

/*
 * Rows of a partition can be copied into its root: pg_dump says so for hash
 * partitions whose values may have another hash elsewhere.
 */
static Oid
copy_target(const PgbStage *stage, const PgbStagedTable *table, CopyStmt *copy)
{
	PgbStagedTable *target = NULL;

	if (pgb_rewrite_relation(stage, copy->relation, &target) && target != NULL)
		return target->oid;
	return table->oid;
}

void
pgb_stage_data_entry(PgbStage *stage, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table_of(stage, entry);
	CopyStmt   *copy;
	PgbImport	import;
	uint64		loaded;

	if (table == NULL || table->data != entry)
		return;

	copy = parse_copy(stage, table);
	import.repository = stage->repository;
	import.manifest = stage->manifest;
	import.table = pgb_manifest_table_by_dump_id(stage->manifest, entry->dump_id);
	import.encoding = stage->encoding;
	import.target = copy_target(stage, table, copy);
	import.columns = copy->attlist;
	loaded = pgb_import(&import);

	if (import.table->row_count != PGB_ROWS_UNKNOWN && import.table->row_count != loaded)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has %llu rows of table \"%s\", but %llu were loaded",
						stage->backup, (unsigned long long) import.table->row_count,
						pgb_stage_old_name(table->entry), (unsigned long long) loaded),
				 errhint("Stage the table from another backup.")));
	stage->row_count += loaded;
}
