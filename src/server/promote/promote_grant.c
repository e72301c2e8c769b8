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
#include "catalog/objectaddress.h"
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
reset_acl(Relation catalog, HeapTuple tuple, int attnum, const ObjectAddress *address, Oid owner)
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
	updateAclDependencies(address->classId, address->objectId, address->objectSubId, owner,
						  nmembers, members, 0, NULL);
}

void
pgb_promote_reset_object(const ObjectAddress *address)
{
	AttrNumber	acl = get_object_attnum_acl(address->classId);
	AttrNumber	owner = get_object_attnum_owner(address->classId);
	Relation	catalog;
	HeapTuple	tuple;

	if (acl == InvalidAttrNumber || owner == InvalidAttrNumber)
		return;
	catalog = table_open(address->classId, RowExclusiveLock);
	tuple = get_catalog_object_by_oid(catalog, get_object_attnum_oid(address->classId),
									  address->objectId);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;

		reset_acl(catalog, tuple, acl, address,
				  DatumGetObjectId(heap_getattr(tuple, owner, RelationGetDescr(catalog), &isnull)));
	}
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
	{
		ObjectAddress column;

		ObjectAddressSubSet(column, RelationRelationId, relation,
							((Form_pg_attribute) GETSTRUCT(tuple))->attnum);
		reset_acl(catalog, tuple, Anum_pg_attribute_attacl, &column, owner);
	}
	systable_endscan(scan);
	table_close(catalog, RowExclusiveLock);
}

void
pgb_promote_reset_grants(const PgbPromote *promote)
{
	ListCell   *lc;

	foreach(lc, promote->record->parts)
	{
		ObjectAddress relation;

		ObjectAddressSet(relation, RelationRelationId, ((PgbStagedPart *) lfirst(lc))->oid);
		pgb_promote_reset_object(&relation);
		reset_columns(relation.objectId);
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

bool
pgb_promote_read_grantor(PgbStage *stage, Oid caller, const PgbTocEntry *entry,
						 const VariableSetStmt *set, Oid *role, char **failure)
{
	const A_Const *value;

	*role = InvalidOid;
	*failure = NULL;
	if (set->name == NULL || strcmp(set->name, "session_authorization") != 0 || set->kind != VAR_SET_VALUE)
		return true;
	value = linitial(set->args);
	if (!IsA(value, A_Const) || !IsA(&value->val, String))
		return false;
	*role = get_role_oid(strVal(&value->val), true);
	if (OidIsValid(*role) && has_privs_of_role(caller, *role))
		return true;
	if (OidIsValid(*role))
		*failure = psprintf("grants of role \"%s\" on \"%s\" are not put back: you are no member of it",
							strVal(&value->val), entry->tag);
	else
		pgb_stage_note(stage, WARNING,
					   "grants of role \"%s\" on \"%s\" are not put back: it does not exist",
					   strVal(&value->val), entry->tag);
	return false;
}

bool
pgb_promote_grantee_is_gone(PgbStage *stage, const PgbTocEntry *entry, const GrantStmt *grant)
{
	ListCell   *lc;

	foreach(lc, grant->grantees)
	{
		const RoleSpec *role = lfirst_node(RoleSpec, lc);

		if (role->roletype != ROLESPEC_CSTRING || OidIsValid(get_role_oid(role->rolename, true)))
			continue;
		pgb_stage_note(stage, WARNING,
					   "grants to role \"%s\" on \"%s\" are not put back: it does not exist",
					   role->rolename, entry->tag);
		return true;
	}
	return false;
}

/* The grantor is InvalidOid for the owner. */
static void
put_back(PgbPromote *promote, const PgbTocEntry *entry, GrantStmt *grant, Oid grantor)
{
	Oid			owner = pgb_promote_owner(pgb_promote_live(linitial_node(RangeVar, grant->objects)));
	Oid			role = OidIsValid(grantor) ? grantor : owner;
	PgbPiece   *piece = pgb_piece(psprintf("a grant on %s", entry->tag), list_make1(grant),
								  pgb_stage_text(promote->stage, entry->defn));

	if (promote->strict && pgb_promote_grantee_is_gone(promote->stage, entry, grant))
		return;

	/* what was taken away must not be there again */
	if (grant->is_grant)
		(void) pgb_promote_try_or_warn(promote, role, PGB_AS_ROLE, piece);
	else
		pgb_promote_run(promote, role, PGB_AS_ROLE, piece, NULL);
}

void
pgb_promote_grant_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	Oid			role = InvalidOid;
	bool		may = true;
	ListCell   *lc;

	foreach(lc, pgb_stage_parse(promote->stage, entry->defn))
	{
		Node	   *statement = lfirst(lc);

		if (IsA(statement, VariableSetStmt))
		{
			char	   *failure;

			may = pgb_promote_read_grantor(promote->stage, promote->caller, entry,
										   (VariableSetStmt *) statement, &role, &failure);
			if (failure != NULL)
				pgb_promote_fail(promote, failure, NULL, NULL);
		}
		else if (IsA(statement, GrantStmt) && may && is_ours(promote, (GrantStmt *) statement))
			put_back(promote, entry, (GrantStmt *) statement, role);
	}
}
