/*-------------------------------------------------------------------------
 *
 * stage_notes.c
 *	  What the caller is told at the end.
 *
 * While it runs, the settings are not the caller's: NOTICEs of the statements
 * themselves are hidden, and ours wait here.
 *
 * src/server/stage/stage_notes.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "nodes/value.h"
#include "server/stage/stage.h"
#include "utils/lsyscache.h"

typedef struct Note
{
	int			elevel;
	char	   *text;
	char	   *detail;			/* or NULL */
	char	   *hint;			/* or NULL */
} Note;

/* Names that are spelled out for each kind of what is left out. */
#define NAMES_MAX	8

/*
 * Kinds of entries that reach beyond the table, and stay behind.
 */
typedef struct LeftOutKind
{
	const char *desc;
	const char *one;
	const char *many;			/* NULL: it has no name worth telling */
} LeftOutKind;

static const LeftOutKind left_out_kinds[] = {
	{"FK CONSTRAINT", "foreign key", "foreign keys"},
	{"TRIGGER", "trigger", "triggers"},
	{"RULE", "rule", "rules"},
	{"ROW SECURITY", "row security", NULL},
	{"POLICY", "policy", "policies"},
	{"STATISTICS", "extended statistics", "extended statistics"},
	{"PUBLICATION TABLE", "publication", "publications"},
	{"SECURITY LABEL", "security labels", NULL},
	{"ACL", "grants", NULL},
};

void
pgb_stage_note(PgbStage *stage, int elevel, const char *format,...)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);
	Note	   *note = palloc0(sizeof(Note));
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, format);
		needed = appendStringInfoVA(&text, format, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}

	note->elevel = elevel;
	note->text = text.data;
	stage->notes = lappend(stage->notes, note);
	MemoryContextSwitchTo(old);
}

void
pgb_stage_note_detail(PgbStage *stage, const char *detail)
{
	Note	   *note = llast(stage->notes);

	if (detail != NULL)
		note->detail = MemoryContextStrdup(stage->context, detail);
}

void
pgb_stage_note_hint(PgbStage *stage, const char *hint)
{
	Note	   *note = llast(stage->notes);

	if (hint != NULL)
		note->hint = MemoryContextStrdup(stage->context, hint);
}

void
pgb_stage_leave_out(PgbStage *stage, const char *what)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);

	stage->left_out = list_append_unique(stage->left_out, makeString(pstrdup(what)));
	MemoryContextSwitchTo(old);
}

/*
 * The name in the tag of an entry of a staged table, or NULL if the entry
 * belongs to another table and only refers to this one (a foreign key of another
 * table, a rule of a view).
 */
static const char *
name_in_tag(const LeftOutKind *kind, const PgbTocEntry *entry, const PgbStagedTable *table)
{
	const char *tag = entry->tag;
	const char *table_name = table->entry->tag;
	size_t		length = strlen(table_name);

	if (kind->many == NULL)
		return "";
	if (strcmp(kind->desc, "STATISTICS") == 0)
		return tag;
	if (strcmp(kind->desc, "PUBLICATION TABLE") == 0)
	{
		size_t		tag_length = strlen(tag);

		/* "publication table" */
		return tag_length > length + 1 ? pnstrdup(tag, tag_length - length - 1) : tag;
	}

	/* "table name" */
	if (strcmp(entry->schema_name, table->entry->schema_name) != 0 ||
		strncmp(tag, table_name, length) != 0 || tag[length] != ' ')
		return NULL;
	return tag + length + 1;
}

/* Everything of one kind that stays behind, in one phrase. */
static void
note_kind(PgbStage *stage, const LeftOutKind *kind)
{
	StringInfoData names;
	int			count = 0;

	initStringInfo(&names);
	for (int n = 0; n < stage->toc->count; n++)
	{
		const PgbTocEntry *entry = &stage->toc->entries[n];
		const PgbStagedTable *table;
		const char *name;

		if (!pgb_stage_is(entry, kind->desc) ||
			entry->tag == NULL || entry->schema_name == NULL ||
			(table = pgb_stage_table_of(stage, entry)) == NULL ||
			table->role == PGB_STAGED_SCAFFOLD ||
			(name = name_in_tag(kind, entry, table)) == NULL)
			continue;

		if (count++ < NAMES_MAX)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : " ", name);
	}

	if (count == 0)
		return;
	if (kind->many == NULL)
	{
		pgb_stage_leave_out(stage, kind->one);
		return;
	}
	if (count > NAMES_MAX)
		appendStringInfo(&names, " and %d more", count - NAMES_MAX);
	pgb_stage_leave_out(stage, psprintf("%s%s", count == 1 ? kind->one : kind->many, names.data));
}

void
pgb_stage_note_left_out(PgbStage *stage)
{
	StringInfoData text;
	List	   *settings = stage->left_out;
	ListCell   *lc;

	/* what has a name first */
	stage->left_out = NIL;
	for (int n = 0; n < lengthof(left_out_kinds); n++)
		note_kind(stage, &left_out_kinds[n]);
	foreach(lc, settings)
		pgb_stage_leave_out(stage, strVal(lfirst(lc)));

	if (stage->left_out == NIL)
		return;

	initStringInfo(&text);
	foreach(lc, stage->left_out)
		appendStringInfo(&text, "%s%s", text.len > 0 ? "; " : "", strVal(lfirst(lc)));
	pgb_stage_note(stage, NOTICE, "left out: %s", text.data);
}

/*
 * Subscribers of such a publication get the rows, and stop if they have no such table.
 */
void
pgb_stage_note_publications(PgbStage *stage)
{
	ListCell   *lc;

	if (!XLogLogicalInfoActive() ||
		get_rel_persistence(stage->root->oid) != RELPERSISTENCE_PERMANENT)
		return;

	foreach(lc, list_concat_unique_oid(GetAllTablesPublications(),
									   GetSchemaPublications(stage->schema_oid)))
		pgb_stage_note(stage, WARNING, "publication \"%s\" contains the staged table: "
					   "its rows go to the subscribers with the commit",
					   get_publication_name(lfirst_oid(lc), false));
}

void
pgb_stage_report(PgbStage *stage)
{
	ListCell   *lc;

	foreach(lc, stage->notes)
	{
		const Note *note = lfirst(lc);

		ereport(note->elevel,
				(errmsg_internal("%s", note->text),
				 note->detail != NULL ? errdetail_internal("%s", note->detail) : 0,
				 note->hint != NULL ? errhint("%s", note->hint) : 0));
	}
}
