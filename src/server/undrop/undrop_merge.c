/*-------------------------------------------------------------------------
 *
 * undrop_merge.c
 *	  After a TRUNCATE: the statement that puts the rows back.
 *
 * src/server/undrop/undrop_merge.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "server/undrop/undrop.h"
#include "server/stage/stage.h"
#include "utils/builtins.h"
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

void
pgb_undrop_say_how_to_merge(Oid staged, Oid truncated, const char *identity)
{
	Relation	live = try_relation_open(truncated, AccessShareLock);

	if (live == NULL)
	{
		ereport(NOTICE,
				(errmsg("table \"%s\" was truncated, and is gone by now: its rows are in \"%s\"",
						identity, qualified_name(staged)),
				 errhint("pgbackup_promote_table(%s) puts it back.",
						 quote_literal_cstr(qualified_name(staged)))));
		return;
	}
	ereport(NOTICE,
			(errmsg("table \"%s\" was truncated: the rows that it had are in \"%s\"",
					identity, qualified_name(staged)),
			 errhint("They come back with: %s", merge_statement(live, staged))));
	relation_close(live, AccessShareLock);
}
