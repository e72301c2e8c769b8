/*-------------------------------------------------------------------------
 *
 * promote_lock.c
 *	  The other tables that a promotion touches, locked in the order of their OIDs:
 *	  two promotions that touch the same ones cannot wait for each other.
 *
 * Each gets the strongest lock that it will need, so that none has to be raised.
 * lock_timeout holds for each of them.
 *
 * src/server/promote/promote_lock.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/partition.h"
#include "server/promote/promote_entry.h"
#include "storage/lmgr.h"
#include "utils/acl.h"

typedef struct OtherTable
{
	Oid			oid;
	LOCKMODE	mode;
} OtherTable;

typedef struct Others
{
	PgbPromote *promote;
	List	   *tables;
} Others;

/*
 * Whoever promotes without rights on another table does not lock it here, for no longer than the
 * statement does that concerns it.
 */
static bool
may_lock(const PgbPromote *promote, Oid relation)
{
	Oid			owner = pgb_promote_owner(relation);

	return OidIsValid(owner) && has_privs_of_role(promote->caller, owner);
}

static void
add_table(Others *others, Oid relation, LOCKMODE mode)
{
	const PgbPromote *promote = others->promote;
	MemoryContext old;
	OtherTable *table;
	ListCell   *lc;

	if (!OidIsValid(relation) || !may_lock(promote, relation))
		return;
	foreach(lc, others->tables)
	{
		table = lfirst(lc);
		if (table->oid == relation)
		{
			table->mode = Max(table->mode, mode);
			return;
		}
	}

	old = MemoryContextSwitchTo(promote->stage->context);
	table = palloc(sizeof(OtherTable));
	table->oid = relation;
	table->mode = mode;
	others->tables = lappend(others->tables, table);
	MemoryContextSwitchTo(old);
}

static void
add_other(Others *others, const RangeVar *relation, LOCKMODE mode)
{
	if (relation != NULL && pgb_promote_table(others->promote, relation) == NULL)
		add_table(others, pgb_promote_live(relation), mode);
}

/* ADD FOREIGN KEY locks both */
static void
add_foreign_key(Others *others, const AlterTableStmt *alter)
{
	AlterTableCmd *command = pgb_only_command((Node *) alter, AT_AddConstraint);
	const Constraint *constraint;

	if (command == NULL)
		return;
	constraint = castNode(Constraint, command->def);
	if (constraint->contype != CONSTR_FOREIGN)
		return;
	add_other(others, alter->relation, ShareRowExclusiveLock);
	add_other(others, constraint->pktable, ShareRowExclusiveLock);
}

/* ATTACH PARTITION locks the default partition, which must not have such rows */
static void
add_partitioned(Others *others, const AlterTableStmt *alter)
{
	Oid			parent;

	if (pgb_only_command((Node *) alter, AT_AttachPartition) == NULL)
		return;
	add_other(others, alter->relation, ShareUpdateExclusiveLock);
	parent = pgb_promote_live(alter->relation);
	if (OidIsValid(parent))
		add_table(others, get_default_partition_oid(parent), AccessExclusiveLock);
}

static void
add_parents(Others *others, const CreateStmt *create)
{
	ListCell   *lc;

	foreach(lc, create->inhRelations)
		add_other(others, lfirst_node(RangeVar, lc), ShareUpdateExclusiveLock);
}

static void
visit_entry(void *arg, PgbTocEntry *entry)
{
	Others	   *others = arg;
	const PgbPromote *promote = others->promote;
	const PgbStage *stage = promote->stage;

	if (pgb_stage_is(entry, "FK CONSTRAINT") &&
		(pgb_stage_is_ours(stage, entry) || pgb_promote_is_of_ancestor(promote, entry)))
		add_foreign_key(others, linitial(pgb_stage_parse(stage, entry->defn)));
	else if (pgb_stage_is(entry, "TABLE ATTACH") &&
			 pgb_entry_depends_on(entry, stage->root->entry->dump_id))
		add_partitioned(others, linitial(pgb_stage_parse(stage, entry->defn)));
	else if (pgb_stage_is(entry, "TABLE") && entry == stage->root->entry)
		add_parents(others, linitial_node(CreateStmt, pgb_stage_parse(stage, entry->defn)));
}

static int
by_oid(const ListCell *a, const ListCell *b)
{
	Oid			one = ((OtherTable *) lfirst(a))->oid;
	Oid			other = ((OtherTable *) lfirst(b))->oid;

	return one < other ? -1 : one > other ? 1 : 0;
}

void
pgb_promote_lock_others(PgbPromote *promote)
{
	Others		others = {promote, NIL};
	ListCell   *lc;

	pgb_stage_each_entry(promote->stage, visit_entry, &others);
	list_sort(others.tables, by_oid);
	foreach(lc, others.tables)
	{
		const OtherTable *table = lfirst(lc);

		LockRelationOid(table->oid, table->mode);
	}
}
