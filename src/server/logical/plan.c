/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  What data workers are to export: tables, their blocks and their files.
 *
 * src/server/logical/plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "server/compat.h"
#include "server/logical/dump_session.h"
#include "server/logical/plan.h"
#include "server/logical/rowtext.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* ---- tables that pg_dump reads by a query ---- */

static List *
add_conditional_tables(List *list, HeapTuple tuple, TupleDesc desc)
{
	Datum		config,
				condition;
	bool		config_null,
				condition_null;
	Datum	   *oids,
			   *conditions;
	bool	   *nulls;
	int			noids,
				nconditions;

	config = heap_getattr(tuple, Anum_pg_extension_extconfig, desc, &config_null);
	condition = heap_getattr(tuple, Anum_pg_extension_extcondition, desc, &condition_null);
	if (config_null || condition_null)
		return list;
	deconstruct_array(DatumGetArrayTypeP(config), OIDOID, sizeof(Oid), true, TYPALIGN_INT,
					  &oids, NULL, &noids);
	deconstruct_array(DatumGetArrayTypeP(condition), TEXTOID, -1, false, TYPALIGN_INT,
					  &conditions, &nulls, &nconditions);
	for (int i = 0; i < Min(noids, nconditions); i++)
	{
		if (!nulls[i] && TextDatumGetCString(conditions[i])[0] != '\0')
			list = lappend_oid(list, DatumGetObjectId(oids[i]));
	}
	return list;
}

static List *
conditional_tables(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple	tuple;
	List	   *list = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		list = add_conditional_tables(list, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return list;
}

/* ---- one table ---- */

static void
raise_changed(const PgbTocEntry *entry, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("table \"%s.%s\" was %s while the backup began",
					entry->schema_name, entry->tag, what),
			 errdetail("The backup's snapshot is older than that, and would miss rows of it."),
			 errhint("Run the backup again.")));
}

/*
 * TRUNCATE and rewriting ALTER TABLE are not MVCC-safe: one that committed
 * between our snapshot and pg_dump's lock leaves a table that looks empty under
 * the snapshot.  It has another file than the snapshot's pg_class says.
 */
static void
check_not_rewritten(Relation rel, const PgbTocEntry *entry, Relation pg_class)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		same;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(rel)));
	scan = systable_beginscan(pg_class, ClassOidIndexId, true, GetActiveSnapshot(), 1, &key);
	tuple = systable_getnext(scan);
	same = HeapTupleIsValid(tuple) &&
		((Form_pg_class) GETSTRUCT(tuple))->relfilenode == pgb_relation_filenode(rel);
	systable_endscan(scan);
	if (!same)
		raise_changed(entry, "truncated or rewritten");
}

/* pg_dump locks and copies by name, and we by OID: it must be the same table. */
static void
check_not_renamed(Relation rel, const PgbTocEntry *entry)
{
	char	   *schema_name = get_namespace_name(RelationGetNamespace(rel));

	if (strcmp(RelationGetRelationName(rel), entry->tag) != 0 ||
		schema_name == NULL || strcmp(schema_name, entry->schema_name) != 0)
		raise_changed(entry, "renamed or moved");
}

/*
 * A column that was dropped and added again has the same name, but not the same
 * values; one whose type was changed without rewriting the table may look
 * different.
 */
static void
check_not_altered(Relation rel, const PgbTocEntry *entry)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Relation	pg_attribute = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	int			count = 0;
	bool		same = true;

	ScanKeyInit(&key[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(rel)));
	ScanKeyInit(&key[1], Anum_pg_attribute_attnum, BTGreaterStrategyNumber, F_INT2GT,
				Int16GetDatum(0));
	scan = systable_beginscan(pg_attribute, AttributeRelidNumIndexId, true, GetActiveSnapshot(),
							  2, key);
	while (same && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_attribute then = (Form_pg_attribute) GETSTRUCT(tuple);
		Form_pg_attribute now;

		if (++count > desc->natts || then->attnum != count)
			break;
		now = TupleDescAttr(desc, count - 1);
		same = then->attisdropped == now->attisdropped &&
			then->atttypid == now->atttypid &&
			then->attgenerated == now->attgenerated &&
			strcmp(NameStr(then->attname), NameStr(now->attname)) == 0;
	}
	systable_endscan(scan);
	table_close(pg_attribute, AccessShareLock);
	if (!same || count != desc->natts)
		raise_changed(entry, "altered");
}

/* The archive's columns must be those that we are going to write. */
static void
check_columns(Relation rel, const PgbTocEntry *entry)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *parsed = raw_parser(entry->copy_stmt, RAW_PARSE_DEFAULT);
	CopyStmt   *copy = (CopyStmt *) linitial_node(RawStmt, parsed)->stmt;
	ListCell   *next;

	if (!IsA(copy, CopyStmt))
		elog(ERROR, "unexpected COPY statement in the archive: %s", entry->copy_stmt);

	/* a table without columns of its own has no list */
	if (copy->attlist == NIL)
		return;
	next = list_head(copy->attlist);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!pgb_rowtext_has_column(attribute))
			continue;
		if (next == NULL || strcmp(strVal(lfirst(next)), NameStr(attribute->attname)) != 0)
			raise_changed(entry, "altered");
		next = lnext(copy->attlist, next);
	}
	if (next != NULL)
		raise_changed(entry, "altered");
}

static uint64
toast_bytes(Relation rel)
{
	Relation	toast;
	uint64		bytes;

	if (!OidIsValid(rel->rd_rel->reltoastrelid))
		return 0;
	toast = table_open(rel->rd_rel->reltoastrelid, AccessShareLock);
	bytes = (uint64) RelationGetNumberOfBlocks(toast) * BLCKSZ;
	table_close(toast, AccessShareLock);
	return bytes;
}

/* Locks the table and plans it; false if it is not for data workers. */
static bool
plan_table(PgbPlanTable *table, PgbTocEntry *entry, List *conditional, Relation pg_class)
{
	Relation	rel;

	LockRelationOid(entry->oid, AccessShareLock);
	rel = try_relation_open(entry->oid, NoLock);
	if (rel == NULL)
		raise_changed(entry, "dropped");
	check_not_rewritten(rel, entry, pg_class);
	check_not_renamed(rel, entry);
	if (!pgb_export_takes(rel) || list_member_oid(conditional, entry->oid))
	{
		relation_close(rel, NoLock);
		return false;
	}
	check_not_altered(rel, entry);
	check_columns(rel, entry);

	table->entry = entry;
	table->relid = entry->oid;
	table->nblocks = RelationGetNumberOfBlocks(rel);
	table->weight = (uint64) table->nblocks * BLCKSZ + toast_bytes(rel);
	table->file = psprintf("%s" PGB_COMPRESSED_SUFFIX, entry->file_name);
	relation_close(rel, NoLock);	/* the lock stays */
	return true;
}

static int
compare_weight(const void *a, const void *b)
{
	const PgbPlanTable *ta = a;
	const PgbPlanTable *tb = b;

	if (ta->weight != tb->weight)
		return ta->weight > tb->weight ? -1 : 1;
	return ta->entry->dump_id < tb->entry->dump_id ? -1 : 1;
}

PgbPlan *
pgb_plan_create(const PgbToc *toc)
{
	PgbPlan    *plan = palloc0(sizeof(PgbPlan));
	List	   *conditional = conditional_tables();
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);

	plan->tables = palloc0(Max(1, toc->count) * sizeof(PgbPlanTable));
	plan->taken = palloc0(Max(1, toc->count) * sizeof(bool));
	for (int i = 0; i < toc->count; i++)
	{
		PgbTocEntry *entry = &toc->entries[i];

		CHECK_FOR_INTERRUPTS();
		if (strcmp(entry->desc, "TABLE DATA") != 0 || !entry->has_data ||
			entry->file_name == NULL || entry->copy_stmt == NULL)
			continue;
		if (plan_table(&plan->tables[plan->count], entry, conditional, pg_class))
		{
			plan->weight += plan->tables[plan->count].weight;
			plan->digest += pgb_oid_digest(entry->oid);
			plan->taken[i] = true;
			plan->count++;
		}
	}
	table_close(pg_class, AccessShareLock);
	qsort(plan->tables, plan->count, sizeof(PgbPlanTable), compare_weight);
	return plan;
}
