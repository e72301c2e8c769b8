/*-------------------------------------------------------------------------
 *
 * stage_archive.c
 *	  The archive of a backup: its table of contents, its texts, its statements.
 *
 * src/server/stage/stage_archive.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "server/encoding.h"
#include "server/guc.h"
#include "server/recovery/recover.h"
#include "server/stage/stage.h"
#include "utils/builtins.h"

char *
pgb_stage_text(const PgbStage *stage, const char *text)
{
	return text == NULL ? NULL : pg_any_to_server(text, strlen(text), stage->encoding);
}

List *
pgb_stage_parse(const PgbStage *stage, const char *text)
{
	char	   *source = pgb_stage_text(stage, text);
	ErrorContextCallback callback;
	List	   *statements = NIL;
	ListCell   *lc;

	if (source != NULL)
	{
		pgb_stage_push_source(&callback, source);
		foreach(lc, raw_parser(source, RAW_PARSE_DEFAULT))
			statements = lappend(statements, lfirst_node(RawStmt, lc)->stmt);
		error_context_stack = callback.previous;
	}

	if (statements == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has an empty statement in \"%s\"",
						stage->backup, PGB_TOC_NAME),
				 errhint("Stage the table from another backup.")));
	return statements;
}

char *
pgb_stage_old_name(const PgbTocEntry *entry)
{
	return quote_qualified_identifier(entry->schema_name, entry->tag);
}

void
pgb_stage_each_entry(const PgbStage *stage, PgbEntryVisitor visit, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pgbackup archive entry",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];

		CHECK_FOR_INTERRUPTS();
		if (entry->tag == NULL || entry->schema_name == NULL)
			continue;
		visit(arg, entry);
		MemoryContextReset(context);
	}

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static int
archive_encoding(const PgbManifest *manifest)
{
	int			encoding = manifest->encoding == NULL ? -1 : pg_char_to_encoding(manifest->encoding);

	if (encoding < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no known encoding: \"%s\"", manifest->id,
						manifest->encoding == NULL ? "" : manifest->encoding),
				 errhint("Stage the table from another backup.")));
	return encoding;
}

/* Names are compared all the time: they are converted here, once. */
static void
convert_names(PgbStage *stage)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];

		entry->tag = pgb_stage_text(stage, entry->tag);
		entry->schema_name = pgb_stage_text(stage, entry->schema_name);
		entry->tablespace = pgb_stage_text(stage, entry->tablespace);
		entry->table_am = pgb_stage_text(stage, entry->table_am);
		entry->owner = pgb_stage_text(stage, entry->owner);
	}
}

static void
read_toc(PgbStage *stage, const char *data, size_t length)
{
	stage->toc = pgb_toc_parse(data, length, psprintf("%s of backup %s", PGB_TOC_NAME, stage->backup));
	convert_names(stage);
}

static void
find_backup(PgbStage *stage)
{
	stage->manifest = pgb_server_backup(stage->request.backup, PGB_LOGICAL,
										pgb_to_utf8(get_database_name(MyDatabaseId)), &stage->repository);
	stage->backup = stage->manifest->id;
}

/* What has been recovered is an archive as any other. */
static void
take_recovered(PgbStage *stage)
{
	stage->repository = stage->recovered->repository;
	stage->manifest = stage->recovered->manifest;
	stage->backup = stage->recovered->backup;
}

PgbRecovered *
pgb_stage_recover(const PgbStageRequest *wanted, List *relations)
{
	PgbRecoverRequest request = {0};
	ListCell   *lc;

	foreach(lc, relations)
	{
		pgb_stage_authorize_early(lfirst(lc));
		request.names = lappend(request.names, pgb_recover_name(lfirst(lc)));
	}
	if (OidIsValid(wanted->oid))
		request.oids = list_make1_oid(wanted->oid);
	request.search_path = pgb_recover_search_path();
	request.target = wanted->target;
	request.backup = wanted->backup;
	request.jobs = pgb_guc_jobs;
	return pgb_recover(&request);
}

static void
recover(PgbStage *stage)
{
	stage->recovered = pgb_stage_recover(&stage->request, OidIsValid(stage->request.oid) ? NIL :
										 list_make1(stage->request.relation));
	take_recovered(stage);
}

void
pgb_stage_open_archive(PgbStage *stage)
{
	size_t		length;
	char	   *data;

	if (stage->recovered != NULL)
		take_recovered(stage);
	else if (stage->request.has_target)
		recover(stage);
	else
		find_backup(stage);
	stage->encoding = archive_encoding(stage->manifest);
	data = pgb_backup_read_file(stage->repository, stage->manifest, PGB_TOC_NAME,
								MaxAllocSize - 1, &length);
	read_toc(stage, data, length);
}

void
pgb_stage_share_toc(PgbStage *stage, const PgbStage *other)
{
	stage->backup = other->backup;
	stage->encoding = other->encoding;
	stage->toc = other->toc;
	stage->relations = other->relations;
}

void
pgb_stage_open_toc(PgbStage *stage, const char *data, size_t length, const char *backup)
{
	stage->backup = backup;
	stage->encoding = GetDatabaseEncoding();
	read_toc(stage, data, length);
}
