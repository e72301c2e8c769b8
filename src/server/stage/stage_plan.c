/*-------------------------------------------------------------------------
 *
 * stage_plan.c
 *	  Which tables of the archive make up the one that is staged: its partitions
 *	  at every depth, and the parents from which it inherits.
 *
 * src/server/stage/stage_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_class.h"
#include "server/stage/stage_entry.h"

/* An entry of the archive that is ours. */
typedef struct OurEntry
{
	int			dump_id;		/* hash key */
	PgbStagedTable *table;		/* if it defines one, else NULL */
} OurEntry;

void
pgb_stage_add_entry(PgbStage *stage, const PgbTocEntry *entry, PgbStagedTable *table)
{
	OurEntry   *ours = hash_search(stage->entries, &entry->dump_id, HASH_ENTER, NULL);

	ours->table = table;
}

PgbStagedTable *
pgb_stage_table(const PgbStage *stage, int dump_id)
{
	OurEntry   *ours = hash_search(stage->entries, &dump_id, HASH_FIND, NULL);

	return ours == NULL ? NULL : ours->table;
}

PgbStagedTable *
pgb_stage_table_of(const PgbStage *stage, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbStagedTable *table = pgb_stage_table(stage, entry->dependencies[n]);

		if (table != NULL)
			return table;
	}
	return NULL;
}

bool
pgb_stage_is_ours(const PgbStage *stage, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
		if (hash_search(stage->entries, &entry->dependencies[n], HASH_FIND, NULL) != NULL)
			return true;
	return false;
}

bool
pgb_entry_depends_on(const PgbTocEntry *entry, int dump_id)
{
	for (int n = 0; n < entry->ndependencies; n++)
		if (entry->dependencies[n] == dump_id)
			return true;
	return false;
}

bool
pgb_is_entry_of(const RangeVar *relation, const PgbTocEntry *entry)
{
	return relation->schemaname != NULL &&
		strcmp(relation->schemaname, entry->schema_name) == 0 &&
		strcmp(relation->relname, entry->tag) == 0;
}

/* The CREATE TABLE of an entry. */
static CreateStmt *
parse_definition(const PgbStage *stage, const PgbTocEntry *entry)
{
	CreateStmt *create = linitial(pgb_stage_parse(stage, entry->defn));

	if (!IsA(create, CreateStmt))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("backup \"%s\" has no CREATE TABLE for table \"%s\"",
						stage->backup, pgb_stage_old_name(entry)),
				 errhint("Stage the table from another backup.")));
	return create;
}

static PgbStagedTable *
plan_table(PgbStage *stage, PgbTocEntry *entry, PgbStagedRole role)
{
	CreateStmt *create = parse_definition(stage, entry);
	MemoryContext old = MemoryContextSwitchTo(stage->context);
	PgbStagedTable *table = palloc0(sizeof(PgbStagedTable));

	table->entry = entry;
	table->role = role;
	table->partitioned = create->partspec != NULL;
	table->parents = copyObject(create->inhRelations);

	stage->tables = lappend(stage->tables, table);
	pgb_stage_add_entry(stage, entry, table);
	MemoryContextSwitchTo(old);
	return table;
}

static void
refuse_lost_parent(const PgbStage *stage, const PgbStagedTable *child, const RangeVar *parent)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" inherits from \"%s.%s\", which is no table of backup \"%s\"",
					pgb_stage_old_name(child->entry), parent->schemaname, parent->relname,
					stage->backup),
			 errdetail("The columns that it inherits are not known without its parent."),
			 errhint("Stage it from a backup that has both.")));
}

/* What a table inherits is defined by its parents, and theirs. */
static void
plan_parents(PgbStage *stage, PgbStagedTable *child)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, child->parents)
	{
		RangeVar   *parent = lfirst_node(RangeVar, lc);
		PgbTocEntry *entry = NULL;

		if (parent->schemaname != NULL)
			entry = pgb_stage_find_relation(stage, parent->schemaname, parent->relname);
		if (entry == NULL || !pgb_stage_is(entry, "TABLE"))
			refuse_lost_parent(stage, child, parent);

		if (pgb_stage_table(stage, entry->dump_id) == NULL)
			plan_parents(stage, plan_table(stage, entry, PGB_STAGED_SCAFFOLD));
	}
}

/* Is it "ALTER TABLE this ATTACH PARTITION ..."?  Then the partition. */
static RangeVar *
attached_to(const PgbStage *stage, const PgbTocEntry *attach, const PgbTocEntry *parent)
{
	AlterTableStmt *alter = linitial(pgb_stage_parse(stage, attach->defn));
	AlterTableCmd *command = pgb_only_command((Node *) alter, AT_AttachPartition);
	RangeVar   *partition;

	if (command == NULL)
		return NULL;
	partition = castNode(PartitionCmd, command->def)->name;
	if (partition->schemaname == NULL || !pgb_is_entry_of(alter->relation, parent))
		return NULL;
	return partition;
}

static void
note_missing(PgbStage *stage, const char *text)
{
	MemoryContext old = MemoryContextSwitchTo(stage->context);

	stage->missing = lappend(stage->missing, pstrdup(text));
	MemoryContextSwitchTo(old);
	pgb_stage_note(stage, WARNING, "%s", text);
}

static void
plan_partitions(PgbStage *stage, PgbStagedTable *parent)
{
	check_stack_depth();
	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *attach = &stage->toc->entries[n];
		PgbTocEntry *entry;
		RangeVar   *partition;

		if (!pgb_stage_is(attach, "TABLE ATTACH") ||
			!pgb_entry_depends_on(attach, parent->entry->dump_id))
			continue;

		partition = attached_to(stage, attach, parent->entry);
		if (partition == NULL)
			continue;

		entry = pgb_stage_find_relation(stage, partition->schemaname, partition->relname);
		if (entry == NULL || !pgb_stage_is(entry, "TABLE"))
			note_missing(stage, psprintf("partition \"%s.%s\" is no table in the backup: staged without it",
										 partition->schemaname, partition->relname));
		else if (pgb_stage_table(stage, entry->dump_id) == NULL)
		{
			PgbStagedTable *table = plan_table(stage, entry, PGB_STAGED_PARTITION);

			if (table->partitioned)
				plan_partitions(stage, table);
		}
	}
}

/* Rows of child tables are rows of the children, not of this table. */
static void
note_children(PgbStage *stage, const PgbStagedTable *parent)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];
		ListCell   *lc;

		if (!pgb_stage_is(entry, "TABLE") || !pgb_entry_depends_on(entry, parent->entry->dump_id))
			continue;
		foreach(lc, parse_definition(stage, entry)->inhRelations)
		{
			if (pgb_is_entry_of(lfirst_node(RangeVar, lc), parent->entry))
				appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
								 pgb_stage_old_name(entry));
		}
	}
	if (names.len > 0)
		pgb_stage_note(stage, NOTICE,
					   "staged only the rows of \"%s\" itself; tables that inherit from it: %s",
					   pgb_stage_old_name(parent->entry), names.data);
}

static int
by_place_in_archive(const ListCell *a, const ListCell *b)
{
	const PgbStagedTable *ta = lfirst(a);
	const PgbStagedTable *tb = lfirst(b);

	return ta->entry < tb->entry ? -1 : ta->entry > tb->entry ? 1 : 0;
}

/* The rows of each table. */
static void
find_data(PgbStage *stage)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		PgbTocEntry *entry = &stage->toc->entries[n];
		PgbStagedTable *table;

		if (!pgb_stage_is(entry, "TABLE DATA"))
			continue;
		table = pgb_stage_table_of(stage, entry);
		if (table != NULL && table->role != PGB_STAGED_SCAFFOLD &&
			pgb_manifest_table_by_dump_id(stage->manifest, entry->dump_id) != NULL)
			table->data = entry;
	}
}

/* A recovery refuses to bring one back empty unless that is wanted; who wants it says so. */
static bool
is_unlogged_of_recovery(const PgbStage *stage, const PgbStagedTable *table)
{
	CreateStmt *create;

	if (stage->recovered == NULL)
		return false;
	create = linitial(pgb_stage_parse(stage, table->entry->defn));
	return IsA(create, CreateStmt) && create->relation->relpersistence == RELPERSISTENCE_UNLOGGED;
}

static bool
must_have_rows(const PgbStage *stage, const PgbStagedTable *table)
{
	return table->role != PGB_STAGED_SCAFFOLD && !table->partitioned &&
		!is_unlogged_of_recovery(stage, table);
}

static void
check_data(PgbStage *stage)
{
	ListCell   *lc;
	bool		any = false;
	bool		all = true;

	foreach(lc, stage->tables)
	{
		const PgbStagedTable *table = lfirst(lc);

		if (!must_have_rows(stage, table))
			continue;
		if (table->data != NULL)
			any = true;
		else
			all = false;
	}
	if (all)
		return;

	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("backup \"%s\" has the definition of table \"%s\", but not its rows",
						stage->backup, stage->request.relation),
				 errdetail("The backup was made with content => 'schema', or the table's data was excluded."),
				 errhint("Stage the table from another backup: pgbackup_contents() lists the tables whose rows a backup has.")));

	foreach(lc, stage->tables)
	{
		const PgbStagedTable *table = lfirst(lc);

		if (must_have_rows(stage, table) && table->data == NULL)
			note_missing(stage, psprintf("the backup has no rows of partition \"%s\": it is staged empty",
										 pgb_stage_old_name(table->entry)));
	}
}

void
pgb_stage_plan(PgbStage *stage, PgbTocEntry *entry)
{
	MemoryContext scratch = AllocSetContextCreate(stage->context, "pgbackup staging plan",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	HASHCTL		ctl;

	ctl.keysize = sizeof(int);
	ctl.entrysize = sizeof(OurEntry);
	ctl.hcxt = stage->context;
	stage->entries = hash_create("pgbackup staged entries", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	stage->root = plan_table(stage, entry, PGB_STAGED_ROOT);
	plan_parents(stage, stage->root);
	if (stage->root->partitioned)
		plan_partitions(stage, stage->root);
	else
		note_children(stage, stage->root);
	list_sort(stage->tables, by_place_in_archive);

	if (stage->manifest != NULL)
	{
		find_data(stage);
		check_data(stage);
	}

	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}
