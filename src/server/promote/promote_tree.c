/*-------------------------------------------------------------------------
 *
 * promote_tree.c
 *	  The table's place among others: attached to the partitioned table of which it
 *	  was a partition, with its indexes, below the parents from which it inherits, and above
 *	  the children that are there.
 *
 * Rows that a parent had, and would not have again, are rows that are lost for who reads
 * the parent.  So a parent that is there and refuses is an error; one that is gone is
 * not.
 *
 * src/server/promote/promote_tree.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/promote/promote_entry.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

/* ---- partitions ---- */

static void
check_parent_owner(const PgbPromote *promote, Oid parent, Oid owner)
{
	if (!has_privs_of_role(promote->caller, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to attach table \"%s\" to table \"%s\"",
						pgb_stage_old_name(promote->stage->root->entry), pgb_stage_live_name(parent)),
				 errdetail("That belongs to role \"%s\".", GetUserNameFromId(owner, false)),
				 errhint("Only members of that role and superusers may do that.")));
}

/*
 * To attach evaluates what the owners of both tables have written, and takes rights on
 * both: so it runs as one of the two owners.  If neither has the other's rights, the table is
 * lent to the parent's owner while that happens; nobody else can see it yet.
 */
static void
attach_as_owner(PgbPromote *promote, const PgbPiece *piece, Oid parent)
{
	const PgbStagedTable *table = promote->stage->root;
	Oid			owner = pgb_promote_owner(table->oid);
	Oid			parent_owner = pgb_promote_owner(parent);
	static const char *const hint =
		"Move away what is in its place: a partition with such bounds, or rows in the default partition "
		"that belong to this one.";

	check_parent_owner(promote, parent, parent_owner);
	if (has_privs_of_role(owner, parent_owner))
		pgb_promote_run(promote, owner, PGB_AS_ROLE_WATCHED, piece, hint);
	else if (has_privs_of_role(parent_owner, owner) || !superuser_arg(promote->caller))
		pgb_promote_run(promote, parent_owner, PGB_AS_ROLE_WATCHED, piece, hint);
	else
	{
		pgb_promote_run(promote, promote->caller, PGB_AS_ROLE,
						pgb_promote_owner_piece(table, parent_owner), NULL);
		pgb_promote_run(promote, parent_owner, PGB_AS_ROLE_WATCHED, piece, hint);
		pgb_promote_run(promote, promote->caller, PGB_AS_ROLE,
						pgb_promote_owner_piece(table, owner), NULL);
	}
}

void
pgb_promote_attach_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	AlterTableStmt *alter = linitial(pgb_stage_parse(promote->stage, entry->defn));
	AlterTableCmd *attach = pgb_only_command((Node *) alter, AT_AttachPartition);
	Oid			parent;

	/* partitions that were staged with their parent are attached */
	if (attach == NULL ||
		pgb_promote_table(promote, castNode(PartitionCmd, attach->def)->name) != promote->stage->root ||
		pgb_promote_table(promote, alter->relation) != NULL)
		return;

	parent = pgb_promote_live(alter->relation);
	if (!OidIsValid(parent))
		pgb_stage_note(promote->stage, WARNING,
					   "table \"%s\" was a partition of \"%s.%s\", which does not exist: it is put back by itself",
					   pgb_stage_old_name(promote->stage->root->entry),
					   alter->relation->schemaname, alter->relation->relname);
	else
		attach_as_owner(promote, pgb_piece(NULL, list_make1(alter),
										   pgb_stage_text(promote->stage, entry->defn)), parent);
}

/*
 * ATTACH PARTITION has attached an index of the table that looks like the parent's.  Of
 * two that look alike it may be the wrong one: no command of SQL takes that back.
 */
static void
release_twin(Oid parent, Oid index)
{
	Relation	table = relation_open(IndexGetRelation(index, false), NoLock);
	Oid			attached = index_get_partition(table, parent);

	if (OidIsValid(attached) && attached != index && !OidIsValid(get_index_constraint(attached)))
	{
		Relation	twin = index_open(attached, AccessExclusiveLock);

		IndexSetParentIndex(twin, InvalidOid);
		index_close(twin, NoLock);
		CommandCounterIncrement();
	}
	relation_close(table, NoLock);
}

/* Here they are attached by name. */
void
pgb_promote_index_attach_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	AlterTableStmt *alter = linitial(pgb_stage_parse(promote->stage, entry->defn));
	AlterTableCmd *attach = pgb_only_command((Node *) alter, AT_AttachPartition);
	PgbPiece   *piece;
	RangeVar   *name;
	Oid			parent;
	Oid			index;

	if (attach == NULL)
		return;
	name = castNode(PartitionCmd, attach->def)->name;
	parent = pgb_promote_live(alter->relation);
	index = pgb_promote_live(name);

	/* the parent's index may have been dropped since, or the parent */
	if (!pgb_promote_is_part(promote, name) || !OidIsValid(index) ||
		get_rel_relkind(parent) != RELKIND_PARTITIONED_INDEX)
		return;
	piece = pgb_piece(psprintf("index \"%s\" as a part of \"%s\"", name->relname, alter->relation->relname),
					  list_make1(alter), pgb_stage_text(promote->stage, entry->defn));
	if (!pgb_promote_may_act_for(promote, pgb_promote_owner(parent), piece))
		return;
	release_twin(parent, index);
	(void) pgb_promote_try_or_warn(promote, pgb_promote_owner(parent), PGB_AS_ROLE_OR_CALLER, piece);
}

/* ---- inheritance ---- */

static PgbPiece *
inherit_piece(RangeVar *child, RangeVar *parent)
{
	return pgb_promote_alter(psprintf("table \"%s.%s\" as a child of \"%s.%s\"",
									  child->schemaname, child->relname,
									  parent->schemaname, parent->relname),
							 child->schemaname, child->relname,
							 pgb_alter_command(AT_AddInherit, NULL, (Node *) parent));
}

static void
inherit_from_parents(PgbPromote *promote, PgbTocEntry *entry, CreateStmt *create)
{
	Oid			table = promote->stage->root->oid;
	ListCell   *lc;

	foreach(lc, create->inhRelations)
	{
		RangeVar   *parent = lfirst_node(RangeVar, lc);

		if (OidIsValid(pgb_promote_live(parent)))
			pgb_promote_run(promote, pgb_promote_owner(table), PGB_AS_ROLE_OR_CALLER,
							inherit_piece(create->relation, parent),
							"Give both tables the same columns again, or rename the parent for a moment to put the table back by itself.");
		else
			pgb_stage_note(promote->stage, WARNING,
						   "table \"%s\" inherited from \"%s.%s\", which does not exist: it is put back without",
						   pgb_stage_old_name(entry), parent->schemaname, parent->relname);
	}
	pgb_promote_forget_local(promote, entry, create, table);
}

static bool
names_root(const PgbPromote *promote, const List *relations)
{
	ListCell   *lc;

	foreach(lc, relations)
		if (pgb_is_entry_of(lfirst_node(RangeVar, lc), promote->stage->root->entry))
			return true;
	return false;
}

/*
 * A table that inherited from ours; DROP ... CASCADE takes it along, but it may be back.  Who may read and change
 * ours may then do so with the rows of the other.
 */
static void
inherit_to_child(PgbPromote *promote, PgbTocEntry *entry, CreateStmt *create)
{
	Oid			child = pgb_promote_live(create->relation);
	RangeVar   *parent;
	PgbPiece   *piece;

	if (promote->comes_back != NULL && promote->comes_back(entry, promote->comes_back_arg))
		return;
	if (!OidIsValid(child) || !names_root(promote, create->inhRelations) ||
		list_member_oid(find_inheritance_children(promote->staged, NoLock), child))
		return;

	parent = makeRangeVar(promote->stage->root->entry->schema_name,
						  promote->stage->root->entry->tag, -1);
	piece = inherit_piece(create->relation, parent);
	if (!pgb_promote_may_act_for(promote, pgb_promote_owner(child), piece) ||
		!pgb_promote_try_or_warn(promote, pgb_promote_owner(child), PGB_AS_ROLE_OR_CALLER, piece))
		return;
	pgb_promote_forget_local(promote, entry, create, child);
	pgb_stage_note(promote->stage, NOTICE, "table \"%s\" inherits from it again",
				   pgb_stage_old_name(entry));
}

void
pgb_promote_inherit_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	PgbStagedTable *table = pgb_stage_table(promote->stage, entry->dump_id);
	CreateStmt *create = linitial(pgb_stage_parse(promote->stage, entry->defn));

	/* only those of the plan are known to be one */
	if (!IsA(create, CreateStmt))
		return;
	if (table == NULL)
		inherit_to_child(promote, entry, create);
	else if (table == promote->stage->root && create->inhRelations != NIL)
		inherit_from_parents(promote, entry, create);
}
