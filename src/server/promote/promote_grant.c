/*-------------------------------------------------------------------------
 *
 * promote_grant.c
 *	  Grants on a table, its columns and its sequences.
 *
 * An archive says how the grants differ from those that the owner has of himself, so
 * what default privileges have given to the staged table goes first.
 *
 * src/server/promote/promote_grant.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "nodes/value.h"
#include "server/promote/promote_entry.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* ---- none ---- */

/* Sets the ACL of a tuple to null, and forgets the roles in it. */
static void
reset_acl(Relation catalog, HeapTuple tuple, int attnum, Oid relation, int column, Oid owner)
{
	TupleDesc	desc = RelationGetDescr(catalog);
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc0(sizeof(bool) * desc->natts);
	bool	   *replace = palloc0(sizeof(bool) * desc->natts);
	bool		isnull;
	Datum		acl = heap_getattr(tuple, attnum, desc, &isnull);
	Oid		   *members;
	int			nmembers;

	if (isnull)
		return;
	nmembers = aclmembers(DatumGetAclP(acl), &members);
	nulls[attnum - 1] = true;
	replace[attnum - 1] = true;
	CatalogTupleUpdate(catalog, &tuple->t_self,
					   heap_modify_tuple(tuple, desc, values, nulls, replace));
	updateAclDependencies(RelationRelationId, relation, column, owner, nmembers, members, 0, NULL);
}

static void
reset_relation(Oid relation)
{
	Relation	catalog = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relation));

	if (HeapTupleIsValid(tuple))
		reset_acl(catalog, tuple, Anum_pg_class_relacl, relation, 0,
				  ((Form_pg_class) GETSTRUCT(tuple))->relowner);
	table_close(catalog, RowExclusiveLock);
}

static void
reset_columns(Oid relation)
{
	Relation	catalog = table_open(AttributeRelationId, RowExclusiveLock);
	Oid			owner = pgb_promote_owner(relation);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, AttributeRelidNumIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		reset_acl(catalog, tuple, Anum_pg_attribute_attacl, relation,
				  ((Form_pg_attribute) GETSTRUCT(tuple))->attnum, owner);
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
}

void
pgb_promote_reset_grants(const PgbPromote *promote)
{
	ListCell   *lc;

	foreach(lc, promote->record->parts)
	{
		Oid			relation = ((PgbStagedPart *) lfirst(lc))->oid;

		reset_relation(relation);
		reset_columns(relation);
	}
	CommandCounterIncrement();
}

/* ---- those of the backup ---- */

static bool
is_ours(const PgbPromote *promote, const GrantStmt *grant)
{
	ListCell   *lc;

	if (grant->targtype != ACL_TARGET_OBJECT ||
		(grant->objtype != OBJECT_TABLE && grant->objtype != OBJECT_SEQUENCE))
		return false;
	foreach(lc, grant->objects)
		if (!pgb_promote_is_part(promote, lfirst_node(RangeVar, lc)))
			return false;
	return true;
}

/*
 * "SET SESSION AUTHORIZATION role" before a grant says who has made it, when it was not the
 * owner.  In whose name the caller must not act, is not asked.
 */
static bool
read_grantor(PgbPromote *promote, const PgbTocEntry *entry, const VariableSetStmt *set, Oid owner, Oid *role)
{
	const A_Const *value;

	*role = owner;
	if (strcmp(set->name, "session_authorization") != 0 || set->kind != VAR_SET_VALUE)
		return true;
	value = linitial(set->args);
	if (!IsA(value, A_Const) || !IsA(&value->val, String))
		return false;
	*role = get_role_oid(strVal(&value->val), true);
	if (OidIsValid(*role) && has_privs_of_role(promote->caller, *role))
		return true;
	pgb_stage_note(promote->stage, WARNING,
				   OidIsValid(*role) ?
				   "grants of role \"%s\" on \"%s\" are not put back: you are no member of it" :
				   "grants of role \"%s\" on \"%s\" are not put back: it does not exist",
				   strVal(&value->val), entry->tag);
	return false;
}

static void
put_back(PgbPromote *promote, const PgbTocEntry *entry, GrantStmt *grant, Oid role)
{
	PgbPiece   *piece = pgb_piece(psprintf("a grant on %s", entry->tag), list_make1(grant),
								  pgb_stage_text(promote->stage, entry->defn));

	/* what was taken away must not be there again */
	if (grant->is_grant)
		(void) pgb_promote_try_or_warn(promote, role, PGB_AS_ROLE, piece);
	else
		pgb_promote_run(promote, role, PGB_AS_ROLE, piece, NULL);
}

void
pgb_promote_grant_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	Oid			owner = InvalidOid;
	Oid			role = InvalidOid;
	bool		may = true;
	ListCell   *lc;

	foreach(lc, pgb_stage_parse(promote->stage, entry->defn))
	{
		Node	   *statement = lfirst(lc);

		if (IsA(statement, VariableSetStmt))
			may = read_grantor(promote, entry, (VariableSetStmt *) statement, InvalidOid, &role);
		else if (IsA(statement, GrantStmt) && may && is_ours(promote, (GrantStmt *) statement))
		{
			owner = pgb_promote_owner(pgb_promote_live(linitial_node(RangeVar, ((GrantStmt *) statement)->objects)));
			put_back(promote, entry, (GrantStmt *) statement, OidIsValid(role) ? role : owner);
		}
	}
}
