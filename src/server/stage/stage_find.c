/*-------------------------------------------------------------------------
 *
 * stage_find.c
 *	  Which table of the archive is meant.
 *
 * src/server/stage/stage_find.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "nodes/value.h"
#include "server/stage/stage.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* Entries that define a relation; names are unique among them. */
typedef struct RelationKind
{
	const char *desc;
	const char *name;			/* for messages; NULL: it can be staged */
} RelationKind;

static const RelationKind relation_kinds[] = {
	{"TABLE", NULL},
	{"VIEW", "a view"},
	{"MATERIALIZED VIEW", "a materialized view"},
	{"FOREIGN TABLE", "a foreign table"},
	{"SEQUENCE", "a sequence"},
	{"INDEX", "an index"},
};

typedef struct ArchiveRelation
{
	PgbOldName	name;			/* hash key */
	PgbTocEntry *entry;
} ArchiveRelation;

PgbOldName
pgb_old_name(const char *schema, const char *name)
{
	PgbOldName	key;

	memset(&key, 0, sizeof(key));
	strlcpy(NameStr(key.schema), schema, NAMEDATALEN);
	strlcpy(NameStr(key.name), name, NAMEDATALEN);
	return key;
}

bool
pgb_stage_is(const PgbTocEntry *entry, const char *desc)
{
	return entry->desc != NULL && strcmp(entry->desc, desc) == 0;
}

static const RelationKind *
relation_kind(const PgbTocEntry *entry)
{
	if (entry->tag == NULL || entry->schema_name == NULL)
		return NULL;
	for (int n = 0; n < lengthof(relation_kinds); n++)
		if (pgb_stage_is(entry, relation_kinds[n].desc))
			return &relation_kinds[n];
	return NULL;
}

void
pgb_stage_index_relations(PgbStage *stage)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(PgbOldName);
	ctl.entrysize = sizeof(ArchiveRelation);
	ctl.hcxt = CurrentMemoryContext;
	stage->relations = hash_create("pgbackup archive relations", 256, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];

		if (relation_kind(entry) != NULL)
		{
			PgbOldName	key = pgb_old_name(entry->schema_name, entry->tag);
			ArchiveRelation *relation = hash_search(stage->relations, &key, HASH_ENTER, NULL);

			relation->entry = entry;
		}
	}
}

PgbTocEntry *
pgb_stage_find_relation(const PgbStage *stage, const char *schema, const char *name)
{
	PgbOldName	key = pgb_old_name(schema, name);
	ArchiveRelation *relation = hash_search(stage->relations, &key, HASH_FIND, NULL);

	return relation == NULL ? NULL : relation->entry;
}

static void
check_database(const PgbStage *stage, const char *name)
{
	/* text of a manifest is UTF-8 */
	char	   *database = stage->manifest->database == NULL ? "" :
		pg_any_to_server(stage->manifest->database, strlen(stage->manifest->database), PG_UTF8);

	if (strcmp(name, database) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("backup \"%s\" is of database \"%s\", not of \"%s\"",
						stage->backup, database, name)));
}

/* Splits the caller's name; a database in it must be the one of the backup. */
static void
split_name(PgbStage *stage, char **schema, char **name)
{
	List	   *parts = textToQualifiedNameList(cstring_to_text(stage->request.relation));

	*schema = NULL;
	switch (list_length(parts))
	{
		case 3:
			check_database(stage, strVal(linitial(parts)));
			parts = list_delete_first(parts);
			/* FALLTHROUGH */
		case 2:
			*schema = strVal(linitial(parts));
			/* FALLTHROUGH */
		case 1:
			*name = strVal(llast(parts));
			return;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_NAME),
					 errmsg("invalid name of a table: \"%s\"", stage->request.relation),
					 errdetail("It has more parts than a database, a schema and a table.")));
	}
}

/* Every entry that defines a relation of this name, in any schema. */
static List *
find_by_name(PgbStage *stage, const char *name)
{
	List	   *found = NIL;

	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];

		if (relation_kind(entry) != NULL && strcmp(entry->tag, name) == 0)
			found = lappend(found, entry);
	}
	return found;
}

/* The tables among them; staged ones, that were backed up, only if there is no other. */
static List *
only_tables(List *entries)
{
	List	   *tables = NIL;
	List	   *staged = NIL;
	ListCell   *lc;

	foreach(lc, entries)
	{
		PgbTocEntry *entry = lfirst(lc);

		if (!pgb_stage_is(entry, "TABLE"))
			continue;
		if (strcmp(entry->schema_name, PGB_RECOVERY_SCHEMA) == 0)
			staged = lappend(staged, entry);
		else
			tables = lappend(tables, entry);
	}
	return tables != NIL ? tables : staged;
}

/* The one whose schema stands first in the caller's search path, or NULL. */
static PgbTocEntry *
first_in_search_path(List *entries)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, fetch_search_path(false))
	{
		char	   *schema = get_namespace_name(lfirst_oid(lc));

		if (schema == NULL)
			continue;
		foreach(lc2, entries)
		{
			PgbTocEntry *entry = lfirst(lc2);

			if (strcmp(entry->schema_name, schema) == 0)
				return entry;
		}
	}
	return NULL;
}

static void
refuse_ambiguous(PgbStage *stage, List *entries)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, entries)
	{
		PgbTocEntry *entry = lfirst(lc);

		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 quote_qualified_identifier(entry->schema_name, entry->tag));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("backup \"%s\" has more than one table \"%s\"",
					stage->backup, stage->request.relation),
			 errdetail("They are: %s.", names.data),
			 errhint("Give the name with its schema.")));
}

/* There are rows of a table of this name, but it is defined elsewhere. */
static bool
has_only_data(PgbStage *stage, const char *schema, const char *name)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];

		if (pgb_stage_is(entry, "TABLE DATA") &&
			entry->tag != NULL && strcmp(entry->tag, name) == 0 &&
			(schema == NULL ||
			 (entry->schema_name != NULL && strcmp(entry->schema_name, schema) == 0)))
			return true;
	}
	return false;
}

static void
refuse_missing(PgbStage *stage, const char *schema, const char *name)
{
	/* of several tables, the others did */
	if (stage->recovered != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" did not exist at that moment, or belonged to an extension",
						stage->request.relation),
				 errhint("Give the name that it had then, with its schema, or another moment; pgbackup_drops shows what was dropped.")));

	if (has_only_data(stage, schema, name))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("backup \"%s\" has the rows of table \"%s\", but not its definition",
						stage->backup, stage->request.relation),
				 errdetail("Either the backup was made with content => 'data', or the table belongs to an extension."),
				 errhint("Name a backup that was made with content => 'all', or load the rows into a table that exists with pg_restore.")));

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("table \"%s\" is not in backup \"%s\"",
					stage->request.relation, stage->backup),
			 errhint("pgbackup_contents('%s') lists the tables of this backup, pgbackup_list() the backups.",
					 stage->backup)));
}

static PgbTocEntry *
find_by_oid(PgbStage *stage)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];

		if (pgb_stage_is(entry, "TABLE") && entry->oid == stage->request.oid &&
			entry->tag != NULL && entry->schema_name != NULL)
			return entry;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("table \"%s\" with OID %u did not exist at that moment",
					stage->request.relation, stage->request.oid),
			 errhint("It was made by the transaction that has dropped it, belonged to an extension, or is no plain table.")));
}

PgbTocEntry *
pgb_stage_find(PgbStage *stage)
{
	char	   *schema;
	char	   *name;
	List	   *found;
	List	   *tables;
	PgbTocEntry *entry;

	if (stage->relations == NULL)
		pgb_stage_index_relations(stage);
	if (OidIsValid(stage->request.oid))
		return find_by_oid(stage);
	split_name(stage, &schema, &name);

	if (schema != NULL)
	{
		entry = pgb_stage_find_relation(stage, schema, name);
		found = entry == NULL ? NIL : list_make1(entry);
	}
	else
		found = find_by_name(stage, name);

	if (found == NIL)
		refuse_missing(stage, schema, name);

	tables = only_tables(found);
	if (tables == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is %s in backup \"%s\"", stage->request.relation,
						relation_kind(linitial(found))->name, stage->backup),
				 errhint("Only tables can be staged; pg_restore brings back the definition of anything else.")));

	if (list_length(tables) == 1)
		return linitial(tables);

	entry = first_in_search_path(tables);
	if (entry == NULL)
		refuse_ambiguous(stage, tables);
	return entry;
}
