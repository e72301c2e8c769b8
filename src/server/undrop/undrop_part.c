/*-------------------------------------------------------------------------
 *
 * undrop_part.c
 *	  What hangs on the objects that have been made again, and the triggers, rules, policies,
 *	  indexes... that went along and were parts of relations that are there.
 *
 * What hangs on tables that have come back, foreign keys in both directions among it, has come with
 * their promotion.
 *
 * src/server/undrop/undrop_part.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "server/stage/stage_entry.h"
#include "server/undrop/undrop.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static bool
went_along(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	const PgbDropped *dropped = pgb_undrop_dropped(undrop, entry);

	return undrop->cascade && dropped != NULL && dropped->by_cascade;
}

/* What the entry depends on, or some of it, has been made again here. */
static bool
is_of_made_object(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		const PgbTocEntry *other = pgb_toc_by_dump_id(undrop->definitions->toc, entry->dependencies[n]);

		if (other != NULL && pgb_undrop_is_made(undrop, other))
			return true;
	}
	return false;
}

/* ---- parts of relations ---- */

/* The relation that the part belongs to has been made again here. */
static bool
is_of_made(const PgbUndrop *undrop, const RangeVar *relation)
{
	const PgbTocEntry *entry = relation == NULL || relation->schemaname == NULL ? NULL :
		pgb_stage_find_relation(undrop->definitions, relation->schemaname, relation->relname);

	return entry != NULL && pgb_undrop_is_made(undrop, entry);
}

static bool
is_wanted(PgbUndrop *undrop, const PgbTocEntry *entry, const RangeVar *relation)
{
	if (relation == NULL || pgb_stage_is(entry, "FK CONSTRAINT") ||
		pgb_undrop_is_of_tables(undrop, relation) || !OidIsValid(pgb_promote_live(relation)))
		return false;
	return is_of_made(undrop, relation) || went_along(undrop, entry);
}

static void
place_index(PgbUndrop *undrop, const PgbTocEntry *entry, Node *statement)
{
	if (IsA(statement, IndexStmt))
		((IndexStmt *) statement)->tableSpace = pgb_undrop_tablespace(undrop, entry);
}

static void
add_part_of_relation(PgbUndrop *undrop, PgbTocEntry *entry)
{
	RangeVar   *relation = pgb_undrop_relation_of(undrop, entry);
	List	   *statements;
	Oid			owner;
	bool		as_caller;

	if (!is_wanted(undrop, entry, relation))
		return;
	statements = pgb_stage_parse(undrop->definitions, entry->defn);
	place_index(undrop, entry, linitial(statements));
	owner = pgb_promote_owner(pgb_promote_live(relation));
	pgb_undrop_check_role(undrop, entry, owner);

	/* a CHECK runs code of users */
	pgb_undrop_run(undrop, entry, statements, owner,
				   pgb_stage_is(entry, "CHECK CONSTRAINT") ? NULL : &as_caller);
	pgb_undrop_set_made(undrop, entry);
}

/* ---- CHECK constraints of domains ---- */

/* That has an entry of its own, if it is NOT VALID, or if its function needs the domain; else NULL. */
static AlterDomainStmt *
domain_check(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	Node	   *statement;

	if (!pgb_stage_is(entry, "CHECK CONSTRAINT") || entry->defn == NULL || entry->defn[0] == '\0')
		return NULL;
	statement = linitial(pgb_stage_parse(undrop->definitions, entry->defn));
	return IsA(statement, AlterDomainStmt) ? (AlterDomainStmt *) statement : NULL;
}

/* Whoever asks may have no right on its schema.  InvalidOid: there is no such type. */
static Oid
owner_of_type(List *names)
{
	RangeVar   *name = makeRangeVarFromNameList(names);
	Oid			schema = name->schemaname == NULL ? InvalidOid : get_namespace_oid(name->schemaname, true);
	HeapTuple	tuple = SearchSysCache2(TYPENAMENSP, CStringGetDatum(name->relname), ObjectIdGetDatum(schema));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_type) GETSTRUCT(tuple))->typowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* It may be checked against rows, by code of users. */
static void
add_domain_check(PgbUndrop *undrop, PgbTocEntry *entry, AlterDomainStmt *statement)
{
	Oid			owner = owner_of_type(statement->typeName);

	if (!OidIsValid(owner) || !(is_of_made_object(undrop, entry) || went_along(undrop, entry)))
		return;
	pgb_undrop_check_role(undrop, entry, owner);
	pgb_undrop_run(undrop, entry, list_make1(statement), owner, NULL);
	pgb_undrop_set_made(undrop, entry);
}

/* ---- what is said of them ---- */

/* Who has defined it may say something of it. */
static void
add_comment(PgbUndrop *undrop, PgbTocEntry *entry)
{
	bool		as_caller;

	if (is_of_made_object(undrop, entry))
		pgb_undrop_run(undrop, entry, pgb_stage_parse(undrop->definitions, entry->defn),
					   pgb_undrop_owner(undrop, entry), &as_caller);
}

/* Of a schema that has been made again. */
static void
add_default_grants(PgbUndrop *undrop, PgbTocEntry *entry)
{
	const PgbToc *toc = undrop->definitions->toc;
	bool		as_caller;

	for (int n = 0; entry->schema_name != NULL && n < toc->count; n++)
		if (pgb_stage_is(&toc->entries[n], "SCHEMA") && toc->entries[n].tag != NULL &&
			strcmp(toc->entries[n].tag, entry->schema_name) == 0 && undrop->made[n])
			pgb_undrop_run(undrop, entry, pgb_stage_parse(undrop->definitions, entry->defn),
						   pgb_undrop_owner(undrop, entry), &as_caller);
}

static void
visit_part(PgbUndrop *undrop, PgbTocEntry *entry)
{
	AlterDomainStmt *check = domain_check(undrop, entry);

	if (check != NULL)
		add_domain_check(undrop, entry, check);
	else if (pgb_undrop_is_part(entry))
		add_part_of_relation(undrop, entry);
}

static void
visit_comment(PgbUndrop *undrop, PgbTocEntry *entry)
{
	if (pgb_stage_is(entry, "COMMENT") || pgb_stage_is(entry, "SECURITY LABEL"))
		add_comment(undrop, entry);
	else if (pgb_stage_is(entry, "DEFAULT ACL"))
		add_default_grants(undrop, entry);
}

void
pgb_undrop_add_parts(PgbUndrop *undrop)
{
	pgb_undrop_each_entry(undrop, visit_part);
	pgb_undrop_each_entry(undrop, visit_comment);
}

/* ---- what is in them ---- */

static void
set_sequence(PgbUndrop *undrop, const PgbTocEntry *value)
{
	PgbTocEntry *sequence = pgb_stage_find_relation(undrop->definitions, value->schema_name, value->tag);

	if (sequence != NULL && pgb_undrop_is_made(undrop, sequence))
		pgb_stage_set_sequence(undrop->archive, value, pgb_promote_live(pgb_undrop_name(sequence)));
}

/* Its rows are those that its query gives, as after any restore; it sees what its owner sees. */
static void
refresh(PgbUndrop *undrop, const PgbTocEntry *data)
{
	PgbTocEntry *view = pgb_stage_find_relation(undrop->definitions, data->schema_name, data->tag);
	List	   *statements;
	ErrorData  *error;
	int			level;

	if (view == NULL || !pgb_undrop_is_made(undrop, view))
		return;
	statements = pgb_stage_parse(undrop->archive, data->defn);
	if (!IsA(linitial(statements), RefreshMatViewStmt))
		return;

	level = NewGUCNestLevel();
	(void) set_config_option("row_security", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	error = pgb_promote_try_as(pgb_promote_owner(pgb_promote_live(pgb_undrop_name(view))), PGB_AS_ROLE,
							   pgb_piece(NULL, statements, pgb_stage_text(undrop->archive, data->defn)));
	AtEOXact_GUC(false, level);
	if (error != NULL)
		pgb_undrop_raise(undrop, view, error);
}

static void
visit_data(void *arg, PgbTocEntry *entry)
{
	if (pgb_stage_is(entry, "SEQUENCE SET"))
		set_sequence(arg, entry);
	else if (pgb_stage_is(entry, "MATERIALIZED VIEW DATA"))
		refresh(arg, entry);
}

void
pgb_undrop_fill(PgbUndrop *undrop)
{
	pgb_stage_each_entry(undrop->archive, visit_data, undrop);
}
