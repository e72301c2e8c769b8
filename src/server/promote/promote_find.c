/*-------------------------------------------------------------------------
 *
 * promote_find.c
 *	  The staged table that is put back, and the archive that defines it.
 *
 * src/server/promote/promote_find.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "server/promote/promote_entry.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

Oid
pgb_promote_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* ---- the staged table ---- */

static void
authorize(const PgbPromote *promote)
{
	Oid			owner = pgb_promote_owner(promote->staged);

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", promote->staged)));
	if (!has_privs_of_role(promote->caller, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table \"%s\"", pgb_stage_live_name(promote->staged)),
				 errhint("Only its owner and superusers may put it back.")));
}

/* A table whose columns have changed is not the one that the archive defines. */
static void
check_columns(const PgbPromote *promote)
{
	ListCell   *lc;

	foreach(lc, promote->record->parts)
	{
		const PgbStagedPart *part = lfirst(lc);

		if (part->columns != NULL && part->columns_now != NULL &&
			strcmp(part->columns, part->columns_now) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the columns of table \"%s\" have changed since it was staged",
							pgb_stage_live_name(part->oid)),
					 errdetail("They were %s, and are %s.", part->columns, part->columns_now),
					 errhint("Change the columns back, or stage the table again, and change them when it is put back.")));
	}
}

static bool
is_staged_table(const PgbPromote *promote, Oid oid)
{
	ListCell   *lc;

	foreach(lc, promote->record->parts)
		if (((PgbStagedPart *) lfirst(lc))->oid == oid)
			return true;
	return false;
}

static void
refuse_changed_partitions(const PgbPromote *promote, const char *what, const char *partition)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the partitions of table \"%s\" have changed since it was staged",
					pgb_stage_live_name(promote->staged)),
			 errdetail("\"%s\" %s.", partition, what),
			 errhint("Undo the change, or stage the table again.")));
}

/* The partitions must be those that were staged: all are locked here. */
static void
check_partitions(const PgbPromote *promote)
{
	List	   *members = find_all_inheritors(promote->staged, AccessExclusiveLock, NULL);
	ListCell   *lc;

	foreach(lc, members)
		if (!is_staged_table(promote, lfirst_oid(lc)))
			refuse_changed_partitions(promote, "was not staged with it",
									  pgb_stage_live_name(lfirst_oid(lc)));

	foreach(lc, promote->record->parts)
	{
		const PgbStagedPart *part = lfirst(lc);

		if (part->columns != NULL && !list_member_oid(members, part->oid))
			refuse_changed_partitions(promote, "is none of them any more",
									  pgb_stage_live_name(part->oid));
	}
}

void
pgb_promote_take(PgbPromote *promote)
{
	/* nobody waits for a lock, or makes others wait, who may not have it */
	authorize(promote);
	LockRelationOid(promote->staged, AccessExclusiveLock);
	authorize(promote);

	/* of two sessions the second waits above, and finds no row */
	promote->record = pgb_stage_take_record(promote->staged);
	check_partitions(promote);
	check_columns(promote);
}

/* ---- the archive ---- */

/*
 * The one place where a table of contents comes from; names in it must be what was
 * recorded when the table was staged.
 */
static void
open_source(PgbPromote *promote)
{
	const PgbStagedRecord *record = promote->record;

	if (promote->definitions != NULL)
		pgb_stage_share_toc(promote->stage, promote->definitions);
	else if (record->toc != NULL)
		pgb_stage_open_toc(promote->stage, record->toc, record->toc_length, record->backup);
	else
		pgb_stage_open_archive(promote->stage);
}

/* What was staged, by its old name. */
typedef struct NamedPart
{
	PgbOldName	name;			/* hash key */
	PgbStagedPart *part;
} NamedPart;

static void
index_parts(PgbPromote *promote)
{
	HASHCTL		ctl;
	ListCell   *lc;

	ctl.keysize = sizeof(PgbOldName);
	ctl.entrysize = sizeof(NamedPart);
	ctl.hcxt = promote->stage->context;
	promote->parts = hash_create("pgbackup staged parts", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, promote->record->parts)
	{
		PgbStagedPart *part = lfirst(lc);
		PgbOldName	key = pgb_old_name(part->schema, part->name);
		NamedPart  *named = hash_search(promote->parts, &key, HASH_ENTER, NULL);

		named->part = part;
	}
}

static PgbStagedPart *
find_part(const PgbPromote *promote, const char *schema, const char *name)
{
	PgbOldName	key = pgb_old_name(schema, name);
	NamedPart  *named = hash_search(promote->parts, &key, HASH_FIND, NULL);

	return named == NULL ? NULL : named->part;
}

/* Tables of the plan are now those that were staged; parents that did not stay are not ours. */
static void
take_tables(PgbPromote *promote)
{
	PgbStage   *stage = promote->stage;
	ListCell   *lc;

	foreach(lc, stage->tables)
	{
		PgbStagedTable *table = lfirst(lc);
		const PgbStagedPart *part = find_part(promote, table->entry->schema_name, table->entry->tag);

		if (table->role == PGB_STAGED_SCAFFOLD)
		{
			(void) hash_search(stage->entries, &table->entry->dump_id, HASH_REMOVE, NULL);
			continue;
		}
		if (part == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("partition \"%s\" of backup \"%s\" was not staged",
							pgb_stage_old_name(table->entry), stage->backup),
					 errhint("Stage the table again.")));
		table->oid = part->oid;
		table->name = table->entry->tag;
		promote->tables = lappend(promote->tables, table);
	}
}

/* Entries of sequences are ours as well, and with them their comments and grants. */
static void
take_sequences(PgbPromote *promote)
{
	ListCell   *lc;

	foreach(lc, promote->record->parts)
	{
		const PgbStagedPart *part = lfirst(lc);
		PgbTocEntry *entry = pgb_stage_find_relation(promote->stage, part->schema, part->name);

		if (entry != NULL && pgb_stage_is(entry, "SEQUENCE"))
			pgb_stage_add_entry(promote->stage, entry, NULL);
	}
}

PgbTocEntry *
pgb_promote_parent(const PgbStage *stage, const PgbTocEntry *partition)
{
	for (int n = 0; n < stage->toc->count; n++)
	{
		const PgbTocEntry *entry = &stage->toc->entries[n];
		AlterTableStmt *alter;
		AlterTableCmd *attach;

		if (!pgb_stage_is(entry, "TABLE ATTACH") || !pgb_entry_depends_on(entry, partition->dump_id))
			continue;
		alter = linitial(pgb_stage_parse(stage, entry->defn));
		attach = pgb_only_command((Node *) alter, AT_AttachPartition);
		if (attach != NULL && alter->relation->schemaname != NULL &&
			pgb_is_entry_of(castNode(PartitionCmd, attach->def)->name, partition))
			return pgb_stage_find_relation(stage, alter->relation->schemaname,
										   alter->relation->relname);
	}
	return NULL;
}

static void
find_ancestors(PgbPromote *promote)
{
	PgbTocEntry *entry = promote->stage->root->entry;

	/* an archive that goes in circles is damaged; it has no more tables than entries */
	while (list_length(promote->ancestors) < promote->stage->toc->count &&
		   (entry = pgb_promote_parent(promote->stage, entry)) != NULL)
		promote->ancestors = lappend(promote->ancestors, entry);
}

void
pgb_promote_open_archive(PgbPromote *promote)
{
	PgbStage   *stage = promote->stage;
	PgbTocEntry *entry;

	stage->request.relation = quote_qualified_identifier(promote->record->schema,
														 promote->record->name);
	stage->request.backup = promote->record->backup;
	open_source(promote);

	entry = pgb_stage_find(stage);
	pgb_stage_plan(stage, entry);

	/* the plan's notes are about a staging */
	stage->notes = NIL;

	index_parts(promote);
	take_tables(promote);
	take_sequences(promote);
	find_ancestors(promote);
}

/* ---- names ---- */

PgbStagedTable *
pgb_promote_table(const PgbPromote *promote, const RangeVar *name)
{
	PgbTocEntry *entry;

	if (name == NULL || name->schemaname == NULL)
		return NULL;
	entry = pgb_stage_find_relation(promote->stage, name->schemaname, name->relname);
	return entry == NULL ? NULL : pgb_stage_table(promote->stage, entry->dump_id);
}

/* An index that was not staged, but made here. */
static bool
is_own_index(const PgbPromote *promote, Oid relation)
{
	ListCell   *lc;

	if (!OidIsValid(relation) ||
		(get_rel_relkind(relation) != RELKIND_INDEX &&
		 get_rel_relkind(relation) != RELKIND_PARTITIONED_INDEX))
		return false;
	foreach(lc, promote->tables)
		if (((PgbStagedTable *) lfirst(lc))->oid == IndexGetRelation(relation, true))
			return true;
	return false;
}

bool
pgb_promote_is_part(const PgbPromote *promote, const RangeVar *name)
{
	return name->schemaname != NULL &&
		(find_part(promote, name->schemaname, name->relname) != NULL ||
		 is_own_index(promote, pgb_promote_live(name)));
}

Oid
pgb_promote_live(const RangeVar *name)
{
	Oid			schema;

	if (name == NULL || name->schemaname == NULL)
		return InvalidOid;
	schema = get_namespace_oid(name->schemaname, true);
	return OidIsValid(schema) ? get_relname_relid(name->relname, schema) : InvalidOid;
}
