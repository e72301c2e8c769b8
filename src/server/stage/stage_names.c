/*-------------------------------------------------------------------------
 *
 * stage_names.c
 *	  The names of staged relations.
 *
 * A relation keeps its old name where it can.  The new names are looked up by the
 * old ones while parse trees are rewritten, so a relation is added only when it
 * has been staged: what refers to one that failed stays as it was.
 *
 * src/server/stage/stage_names.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "server/stage/stage.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

void
pgb_stage_names_init(PgbStage *stage)
{
	HASHCTL		ctl;

	ctl.keysize = sizeof(PgbOldName);
	ctl.entrysize = sizeof(PgbNewName);
	ctl.hcxt = CurrentMemoryContext;
	stage->names = hash_create("pgbackup staged names", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * No object has such a sub-identifier, hence this is ours alone.  Two names with the
 * same hash are taken for one, which does no harm.
 */
bool
pgb_stage_lock_name(Oid schema, const char *name, bool wait)
{
	LOCKTAG		tag;
	uint32		hash = hash_bytes((const unsigned char *) name, strlen(name));

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, NamespaceRelationId, schema,
					   1 + hash % PG_UINT16_MAX);
	if (LockAcquire(&tag, ExclusiveLock, false, !wait) == LOCKACQUIRE_NOT_AVAIL)
		return false;

	/* see what the holder before us has committed */
	AcceptInvalidationMessages();
	return true;
}

/* A table's row type needs the name as well. */
static bool
is_taken(const PgbStage *stage, const char *name)
{
	return OidIsValid(get_relname_relid(name, stage->schema_oid)) ||
		SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name),
							  ObjectIdGetDatum(stage->schema_oid));
}

char *
pgb_stage_free_name(const PgbStage *stage, const char *wanted)
{
	/* without a label this only cuts it to the length of a name */
	char	   *name = makeObjectName(wanted, NULL, NULL);

	for (int n = 1; !pgb_stage_lock_name(stage->schema_oid, name, false) || is_taken(stage, name); n++)
	{
		char		label[12];

		CHECK_FOR_INTERRUPTS();
		snprintf(label, sizeof(label), "%d", n);
		name = makeObjectName(wanted, NULL, label);
	}
	return name;
}

char *
pgb_stage_table_name(const PgbStage *stage, const PgbStagedTable *table)
{
	const char *as_name = stage->request.as_name;
	char	   *name = table->entry->tag;

	switch (table->role)
	{
		case PGB_STAGED_ROOT:
			if (as_name != NULL)
				name = pstrdup(as_name);
			if (stage->request.for_promotion)
				break;

			/* of two sessions one waits, and then finds the other's table */
			(void) pgb_stage_lock_name(stage->schema_oid, name, true);
			if (is_taken(stage, name))
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_TABLE),
						 errmsg("relation \"%s\" already exists in schema \"%s\"",
								name, stage->schema),
						 errhint("Give another name with as_name, or drop what has this one.")));
			return name;
		case PGB_STAGED_PARTITION:
			if (as_name != NULL)
				name = makeObjectName(as_name, name, NULL);
			break;
		case PGB_STAGED_SCAFFOLD:
			break;
	}
	return pgb_stage_free_name(stage, name);
}

void
pgb_stage_add_name(PgbStage *stage, const char *old_schema, const char *old_name,
				   const char *name, PgbStagedTable *table)
{
	PgbOldName	key = pgb_old_name(old_schema, old_name);
	PgbNewName *entry = hash_search(stage->names, &key, HASH_ENTER, NULL);

	namestrcpy(&entry->name, name);
	entry->table = table;
}

const char *
pgb_stage_new_name(const PgbStage *stage, const char *old_schema, const char *old_name,
				   PgbStagedTable **table)
{
	PgbOldName	key = pgb_old_name(old_schema, old_name);
	PgbNewName *entry = hash_search(stage->names, &key, HASH_FIND, NULL);

	if (entry == NULL)
		return NULL;
	if (table != NULL)
		*table = entry->table;
	return NameStr(entry->name);
}
