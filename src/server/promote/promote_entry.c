/*-------------------------------------------------------------------------
 *
 * promote_entry.c
 *	  The entries of an archive that belong to a table that is put back, in their
 *	  order.
 *
 * Grants come before foreign keys, because owners of other tables need REFERENCES.
 * Row security comes after them: checking them is faster without.
 *
 * src/server/promote/promote_entry.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/promote/promote_entry.h"

typedef enum Phase
{
	COMPLETE_TABLES,
	JOIN_TREE,
	ADD_OBJECTS,
	ADD_GRANTS,
	ADD_FOREIGN_KEYS,
	FINISH
} Phase;

static const struct
{
	Phase		phase;
	const char *desc;
	PgbPromoteHandler handler;
}			handlers[] =

{
	{COMPLETE_TABLES, "TABLE", pgb_promote_table_entry},
	{COMPLETE_TABLES, "DEFAULT", pgb_promote_default_entry},
	{COMPLETE_TABLES, "CHECK CONSTRAINT", pgb_promote_check_entry},
	{COMPLETE_TABLES, "CONSTRAINT", pgb_promote_constraint_entry},
	{COMPLETE_TABLES, "INDEX", pgb_promote_index_entry},
	{JOIN_TREE, "TABLE", pgb_promote_inherit_entry},
	{JOIN_TREE, "TABLE ATTACH", pgb_promote_attach_entry},
	{JOIN_TREE, "INDEX ATTACH", pgb_promote_index_attach_entry},
	{ADD_OBJECTS, "STATISTICS", pgb_promote_statistics_entry},
	{ADD_OBJECTS, "TRIGGER", pgb_promote_trigger_entry},
	{ADD_OBJECTS, "RULE", pgb_promote_rule_entry},
	{ADD_OBJECTS, "POLICY", pgb_promote_policy_entry},
	{ADD_GRANTS, "ACL", pgb_promote_grant_entry},
	{ADD_FOREIGN_KEYS, "FK CONSTRAINT", pgb_promote_foreign_key_entry},
	{FINISH, "TABLE", pgb_promote_settings_entry},
	{FINISH, "ROW SECURITY", pgb_promote_row_security_entry},
	{FINISH, "PUBLICATION TABLE", pgb_promote_publication_entry},
	{FINISH, "COMMENT", pgb_promote_comment_entry},
	{FINISH, "SECURITY LABEL", pgb_promote_label_entry},
};

typedef struct Walk
{
	PgbPromote *promote;
	Phase		phase;
} Walk;

bool
pgb_promote_is_of_ancestor(const PgbPromote *promote, const PgbTocEntry *entry)
{
	ListCell   *lc;

	foreach(lc, promote->ancestors)
		if (pgb_entry_depends_on(entry, ((PgbTocEntry *) lfirst(lc))->dump_id))
			return true;
	return false;
}

static bool
concerns_us(const Walk *walk, const PgbTocEntry *entry)
{
	const PgbStage *stage = walk->promote->stage;

	return pgb_stage_table(stage, entry->dump_id) != NULL ||
		pgb_stage_is_ours(stage, entry) ||
		(walk->phase == ADD_FOREIGN_KEYS && pgb_promote_is_of_ancestor(walk->promote, entry));
}

static void
visit_entry(void *arg, PgbTocEntry *entry)
{
	Walk	   *walk = arg;

	for (int n = 0; n < lengthof(handlers); n++)
		if (handlers[n].phase == walk->phase && pgb_stage_is(entry, handlers[n].desc) &&
			concerns_us(walk, entry))
			handlers[n].handler(walk->promote, entry);
}

static void
walk_archive(PgbPromote *promote, Phase phase)
{
	Walk		walk = {promote, phase};

	pgb_stage_each_entry(promote->stage, visit_entry, &walk);
}

void
pgb_promote_complete_tables(PgbPromote *promote)
{
	walk_archive(promote, COMPLETE_TABLES);
}

void
pgb_promote_join_tree(PgbPromote *promote)
{
	walk_archive(promote, JOIN_TREE);
}

void
pgb_promote_add_objects(PgbPromote *promote)
{
	walk_archive(promote, ADD_OBJECTS);
}

void
pgb_promote_add_grants(PgbPromote *promote)
{
	pgb_promote_reset_grants(promote);
	walk_archive(promote, ADD_GRANTS);
}

void
pgb_promote_add_foreign_keys(PgbPromote *promote)
{
	walk_archive(promote, ADD_FOREIGN_KEYS);
}

void
pgb_promote_finish(PgbPromote *promote)
{
	walk_archive(promote, FINISH);
}
