/*-------------------------------------------------------------------------
 *
 * undrop_merge.c
 *	  After a TRUNCATE: the statements that put the rows back.
 *
 * src/server/undrop/undrop_merge.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/dependency.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "server/undrop/undrop.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

static char *
qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* Columns that can be written, and that both tables have. */
static char *
list_columns(Relation live, Oid staged)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int n = 0; n < RelationGetNumberOfAttributes(live); n++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(live), n);

		if (column->attisdropped || column->attgenerated != '\0' ||
			get_attnum(staged, NameStr(column->attname)) == InvalidAttrNumber)
			continue;
		appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ",
						 quote_identifier(NameStr(column->attname)));
	}
	return list.data;
}

/* l.key = s.key AND ..., or NULL without a primary key that both can have. */
static char *
same_key(Relation live, Oid staged)
{
	Bitmapset  *key = RelationGetIndexAttrBitmap(live, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	StringInfoData condition;
	int			member = -1;

	initStringInfo(&condition);
	while ((member = bms_next_member(key, member)) >= 0)
	{
		AttrNumber	number = member + FirstLowInvalidHeapAttributeNumber;
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(live), number - 1)->attname);

		if (get_attnum(staged, name) == InvalidAttrNumber)
			return NULL;
		name = quote_identifier(name);
		appendStringInfo(&condition, "%sl.%s = s.%s", condition.len == 0 ? "" : " AND ", name, name);
	}
	return condition.len == 0 ? NULL : condition.data;
}

static char *
merge_statement(Relation live, Oid staged)
{
	char	   *to = qualified_name(RelationGetRelid(live));
	char	   *from = qualified_name(staged);
	char	   *columns = list_columns(live, staged);
	char	   *key = same_key(live, staged);

	if (key != NULL)
		return psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s s WHERE NOT EXISTS (SELECT FROM %s l WHERE %s);",
						to, columns, columns, from, to, key);
	return psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s;",
					to, columns, columns, from);
}

/* ---- sequences ---- */

static Oid
sequence_of_column(Oid relation, const char *column)
{
	ListCell   *lc;

	foreach(lc, getOwnedSequences(relation))
	{
		Oid			table;
		int32		number;

		if ((sequenceIsOwned(lfirst_oid(lc), DEPENDENCY_AUTO, &table, &number) ||
			 sequenceIsOwned(lfirst_oid(lc), DEPENDENCY_INTERNAL, &table, &number)) &&
			strcmp(get_attname(table, number, false), column) == 0)
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

/* The last value that it has given; false if it has given none, or is not ours to see. */
static bool
last_value(Oid sequence, int64 *value)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;

	if (!OidIsValid(sequence) ||
		pg_class_aclcheck(sequence, GetUserId(), ACL_USAGE | ACL_SELECT) != ACLCHECK_OK)
		return false;
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(sequence);
	fcinfo->args[0].isnull = false;
	result = pg_sequence_last_value(fcinfo);
	*value = fcinfo->isnull ? 0 : DatumGetInt64(result);
	return !fcinfo->isnull;
}

/* After RESTART IDENTITY, they would give the numbers of the old rows again. */
static char *
sequence_statements(Relation live, Oid staged)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int n = 0; n < RelationGetNumberOfAttributes(live); n++)
	{
		const char *column = NameStr(TupleDescAttr(RelationGetDescr(live), n)->attname);
		Oid			sequence = sequence_of_column(RelationGetRelid(live), column);
		int64		before;
		int64		now;

		if (OidIsValid(sequence) && last_value(sequence_of_column(staged, column), &before) &&
			(!last_value(sequence, &now) || now < before))
			appendStringInfo(&text, " SELECT pg_catalog.setval(%s, " INT64_FORMAT ");",
							 quote_literal_cstr(qualified_name(sequence)), before);
	}
	return text.data;
}

/* ---- what is to be known ---- */

/* Tables that were truncated with it, and whose rows its foreign keys need. */
static char *
list_referenced(Relation live, const PgbDrop *drop)
{
	StringInfoData list;
	ListCell   *lc;
	ListCell   *lc2;

	initStringInfo(&list);
	foreach(lc, RelationGetFKeyList(live))
	{
		Oid			referenced = lfirst_node(ForeignKeyCacheInfo, lc)->confrelid;

		foreach(lc2, drop->objects)
			if (((PgbDropped *) lfirst(lc2))->oid == referenced && referenced != drop->oid)
				appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", qualified_name(referenced));
	}
	return list.len == 0 ? NULL : list.data;
}

static char *
describe(Relation live, Oid staged, const PgbDrop *drop)
{
	char	   *referenced = list_referenced(live, drop);
	StringInfoData text;

	initStringInfo(&text);
	if (referenced != NULL)
		appendStringInfo(&text, "Its foreign keys need the rows of %s, which were truncated with it: bring those back first.",
						 referenced);
	if (RelationGetNumberOfBlocks(live) > 0 && same_key(live, staged) != NULL)
		appendStringInfo(&text, "%sIt has rows again: old ones whose key is in use stay where they are; pgbackup_diff_table(%s, %s) shows them.",
						 text.len == 0 ? "" : "  ", quote_literal_cstr(qualified_name(staged)),
						 quote_literal_cstr(qualified_name(RelationGetRelid(live))));
	return text.len == 0 ? NULL : text.data;
}

void
pgb_undrop_say_how_to_merge(Oid staged, const PgbDrop *drop)
{
	Relation	live = try_relation_open(drop->oid, AccessShareLock);
	char	   *detail;

	if (live == NULL)
	{
		ereport(NOTICE,
				(errmsg("table \"%s\" was truncated, and is gone by now: its rows are in \"%s\"",
						drop->identity, qualified_name(staged)),
				 errhint("pgbackup_promote_table(%s) puts it back.",
						 quote_literal_cstr(qualified_name(staged)))));
		return;
	}
	detail = describe(live, staged, drop);
	ereport(NOTICE,
			(errmsg("table \"%s\" was truncated: the rows that it had are in \"%s\"",
					drop->identity, qualified_name(staged)),
			 detail == NULL ? 0 : errdetail("%s", detail),
			 errhint("They come back with: %s%s", merge_statement(live, staged),
					 sequence_statements(live, staged))));
	relation_close(live, AccessShareLock);
}
