/*-------------------------------------------------------------------------
 *
 * promote_object.c
 *	  What hangs on a table: extended statistics, triggers, rules, policies, row security,
 *	  publications.
 *
 * None of these statements runs any code of a user when it is executed, so that a
 * superuser may lend rights that the owner lacks.
 *
 * src/server/promote/promote_object.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_publication.h"
#include "commands/trigger.h"
#include "nodes/value.h"
#include "server/promote/promote_entry.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static PgbPiece *
piece_of(const PgbPromote *promote, const PgbTocEntry *entry, const char *kind, const char *name,
		 const RangeVar *table, Node *statement)
{
	char	   *of = quote_qualified_identifier(table->schemaname, table->relname);

	return pgb_piece(psprintf("%s \"%s\" of table \"%s\"", kind, name, of),
					 list_make1(statement), pgb_stage_text(promote->stage, entry->defn));
}

/* Tries the first statement of an entry; then whatever sets something of what it has made. */
static void
put_back(PgbPromote *promote, PgbTocEntry *entry, const RangeVar *table, List *statements,
		 const char *kind, const char *name)
{
	Oid			owner = pgb_promote_owner(pgb_promote_live(table));

	if (!pgb_promote_try_or_warn(promote, owner, PGB_AS_ROLE_OR_CALLER,
								 piece_of(promote, entry, kind, name, table, linitial(statements))))
		return;
	pgb_promote_add_settings(promote, owner, pgb_promote_settings(promote, entry, table, statements));
	pgb_stage_add_entry(promote->stage, entry, NULL);
}

/* ---- statistics ---- */

/* They can belong to somebody else than the table. */
static void
set_statistics_owner(PgbPromote *promote, const PgbTocEntry *entry, const PgbStagedTable *table,
					 const CreateStatsStmt *create)
{
	AlterOwnerStmt *alter = makeNode(AlterOwnerStmt);
	Oid			owner = get_role_oid(entry->owner != NULL ? entry->owner : "", true);

	if (!OidIsValid(owner) || owner == pgb_promote_owner(table->oid))
		return;
	alter->objectType = OBJECT_STATISTIC_EXT;
	alter->object = (Node *) create->defnames;
	alter->newowner = makeNode(RoleSpec);
	alter->newowner->roletype = ROLESPEC_CSTRING;
	alter->newowner->rolename = entry->owner;
	alter->newowner->location = -1;
	(void) pgb_promote_try_or_warn(promote, promote->caller, PGB_AS_ROLE,
								   piece_of(promote, entry, "owner of statistics", entry->tag,
											linitial(create->relations), (Node *) alter));
}

void
pgb_promote_statistics_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(promote->stage, entry->defn);
	CreateStatsStmt *create = linitial(statements);
	PgbStagedTable *table;
	ListCell   *lc;

	if (!IsA(create, CreateStatsStmt) || list_length(create->relations) != 1 ||
		!IsA(linitial(create->relations), RangeVar) ||
		(table = pgb_promote_table(promote, linitial_node(RangeVar, create->relations))) == NULL)
		return;

	if (!pgb_promote_try_or_warn(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER,
								 piece_of(promote, entry, "statistics", entry->tag,
										  linitial(create->relations), (Node *) create)))
		return;
	for_each_from(lc, statements, 1)
		if (IsA(lfirst(lc), AlterStatsStmt) && equal(((AlterStatsStmt *) lfirst(lc))->defnames, create->defnames))
			(void) pgb_promote_try_or_warn(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER,
										   piece_of(promote, entry, "a setting of statistics", entry->tag,
													linitial(create->relations), lfirst(lc)));
	set_statistics_owner(promote, entry, table, create);
	pgb_stage_add_entry(promote->stage, entry, NULL);
}

/* ---- triggers, rules ---- */

/*
 * Its own, and one of another table that refers to this: that went with it.  A table
 * that is gone has its triggers again when it is put back itself.
 */
static void
create_trigger(PgbPromote *promote, PgbTocEntry *entry, List *statements)
{
	CreateTrigStmt *trigger = linitial_node(CreateTrigStmt, statements);
	Oid			table = pgb_promote_live(trigger->relation);
	bool		is_of_other = pgb_promote_table(promote, trigger->relation) == NULL;

	if (is_of_other &&
		(pgb_promote_table(promote, trigger->constrrel) == NULL || !OidIsValid(table) ||
		 OidIsValid(get_trigger_oid(table, trigger->trigname, true))))
		return;
	if (is_of_other &&
		!pgb_promote_may_act_for(promote, pgb_promote_owner(table),
								 piece_of(promote, entry, "trigger", trigger->trigname, trigger->relation, (Node *) trigger)))
		return;
	put_back(promote, entry, trigger->relation, statements, "trigger", trigger->trigname);
}

/* A trigger that a partition has from its parent has only its state here. */
void
pgb_promote_trigger_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(promote->stage, entry->defn);
	Node	   *first = linitial(statements);
	PgbStagedTable *table;

	if (IsA(first, CreateTrigStmt))
		create_trigger(promote, entry, statements);
	else if (IsA(first, AlterTableStmt) &&
			 (table = pgb_promote_table(promote, ((AlterTableStmt *) first)->relation)) != NULL)
		pgb_promote_add_settings(promote, pgb_promote_owner(table->oid),
								 pgb_promote_settings(promote, entry, ((AlterTableStmt *) first)->relation,
													  lcons(NULL, statements)));
}

void
pgb_promote_rule_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(promote->stage, entry->defn);
	RuleStmt   *rule = linitial(statements);

	if (IsA(rule, RuleStmt) && pgb_promote_table(promote, rule->relation) != NULL)
		put_back(promote, entry, rule->relation, statements, "rule", rule->rulename);
}

/* ---- row security ---- */

/* Removes the roles that do not exist; false when none is left. */
static bool
keep_roles(PgbPromote *promote, const PgbTocEntry *entry, CreatePolicyStmt *policy)
{
	ListCell   *lc;

	foreach(lc, policy->roles)
	{
		const RoleSpec *role = lfirst_node(RoleSpec, lc);

		if (role->roletype != ROLESPEC_CSTRING || OidIsValid(get_role_oid(role->rolename, true)))
			continue;
		pgb_stage_note(promote->stage, WARNING,
					   "policy \"%s\" of table \"%s.%s\" is put back without role \"%s\", which does not exist",
					   policy->policy_name, policy->table->schemaname, policy->table->relname, role->rolename);
		policy->roles = foreach_delete_current(policy->roles, lc);
	}
	return policy->roles != NIL;
}

/*
 * Without a permissive policy somebody sees less, and is warned of; without a restrictive
 * one, more.  A policy that is for nobody does neither.
 */
void
pgb_promote_policy_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	List	   *statements = pgb_stage_parse(promote->stage, entry->defn);
	CreatePolicyStmt *policy = linitial(statements);
	PgbStagedTable *table;

	if (!IsA(policy, CreatePolicyStmt) || (table = pgb_promote_table(promote, policy->table)) == NULL)
		return;
	if (!keep_roles(promote, entry, policy))
		return;

	if (policy->permissive)
		put_back(promote, entry, policy->table, statements, "policy", policy->policy_name);
	else
	{
		pgb_promote_run(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER,
						piece_of(promote, entry, "policy", policy->policy_name, policy->table, (Node *) policy),
						"Bring back what the restrictive policy needs: without it, roles would see rows that they must not see.");
		pgb_stage_add_entry(promote->stage, entry, NULL);
	}
}

void
pgb_promote_row_security_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	AlterTableStmt *alter = linitial(pgb_stage_parse(promote->stage, entry->defn));
	PgbStagedTable *table;

	if (pgb_only_command((Node *) alter, AT_EnableRowSecurity) != NULL &&
		(table = pgb_promote_table(promote, alter->relation)) != NULL)
		pgb_promote_run(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER,
						pgb_piece(NULL, list_make1(alter), ""), NULL);
}

/* ---- publications ---- */

/* The one table that is added, or NULL. */
static RangeVar *
published_table(const AlterPublicationStmt *alter)
{
	const PublicationObjSpec *object;

	if (!IsA(alter, AlterPublicationStmt) || list_length(alter->pubobjects) != 1 ||
		alter->action != AP_AddObjects)
		return NULL;
	object = linitial_node(PublicationObjSpec, alter->pubobjects);
	if (object->pubobjtype != PUBLICATIONOBJ_TABLE || object->pubtable == NULL)
		return NULL;
	return object->pubtable->relation;
}

void
pgb_promote_publication_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	AlterPublicationStmt *alter = linitial(pgb_stage_parse(promote->stage, entry->defn));
	PgbStagedTable *table = pgb_promote_table(promote, published_table(alter));

	if (table == NULL)
		return;
	if (promote->strict && !OidIsValid(get_publication_oid(alter->pubname, true)))
		pgb_promote_warn(promote,
						 psprintf("table \"%s\" is not put back into publication \"%s\", which does not exist",
								  pgb_stage_old_name(table->entry), alter->pubname), NULL, NULL);
	else
		(void) pgb_promote_try_or_warn(promote, pgb_promote_owner(table->oid), PGB_AS_ROLE_OR_CALLER,
									   piece_of(promote, entry, "membership in publication", alter->pubname,
												published_table(alter), (Node *) alter));
}
