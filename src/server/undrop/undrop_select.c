/*-------------------------------------------------------------------------
 *
 * undrop_select.c
 *	  What of a drop comes back: the table; with cascade all that went along, and whatever else
 *	  of the same drop these cannot be without.
 *
 * The record of the drop and the table of contents both call an object by its catalog and
 * its OID there.  What was named in the statement and is not needed stays away: whoever
 * drops two tables may want one of them back.
 *
 * src/server/undrop/undrop_select.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "server/stage/stage_entry.h"
#include "server/undrop/undrop.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* Kinds of entries that are a part of a relation, or of a domain. */
static const struct
{
	const char *desc;
	bool		is_called_after;	/* its tag is "relation part" */
}			parts[] =

{
	{"DEFAULT", true},
	{"CHECK CONSTRAINT", true},
	{"CONSTRAINT", true},
	{"FK CONSTRAINT", true},
	{"TRIGGER", true},
	{"RULE", true},
	{"POLICY", true},
	{"INDEX", false},
	{"STATISTICS", false},
};

typedef struct DroppedKey
{
	Oid			class;
	Oid			oid;
} DroppedKey;

typedef struct DroppedEntry
{
	DroppedKey	key;
	PgbDropped *dropped;		/* NULL: none of them */
	PgbTocEntry *entry;			/* or NULL */
} DroppedEntry;

/* ---- what was dropped, and what defines it ---- */

static DroppedEntry *
look_up(const PgbUndrop *undrop, Oid class, Oid oid)
{
	DroppedKey	key = {class, oid};

	return hash_search(undrop->dropped, &key, HASH_FIND, NULL);
}

static void
index_dropped(PgbUndrop *undrop)
{
	HASHCTL		ctl = {.keysize = sizeof(DroppedKey), .entrysize = sizeof(DroppedEntry),
	.hcxt = undrop->context};
	ListCell   *lc;

	undrop->dropped = hash_create("pgbackup dropped objects", 64, &ctl,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, undrop->drop->objects)
	{
		PgbDropped *object = lfirst(lc);
		DroppedKey	key = {object->class, object->oid};
		DroppedEntry *found;

		/* a column of a table that is there */
		if (object->sub != 0)
			continue;
		found = hash_search(undrop->dropped, &key, HASH_ENTER, NULL);
		found->dropped = object;
		found->entry = NULL;
	}
}

static void
index_entries(PgbUndrop *undrop)
{
	const PgbToc *toc = undrop->definitions->toc;

	for (int n = 0; n < toc->count; n++)
	{
		DroppedEntry *found = look_up(undrop, toc->entries[n].table_oid, toc->entries[n].oid);

		if (found != NULL && OidIsValid(toc->entries[n].table_oid))
			found->entry = &toc->entries[n];
	}
}

PgbDropped *
pgb_undrop_dropped(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	DroppedEntry *found = OidIsValid(entry->table_oid) ?
		look_up(undrop, entry->table_oid, entry->oid) : NULL;

	return found == NULL ? NULL : found->dropped;
}

PgbTocEntry *
pgb_undrop_entry(const PgbUndrop *undrop, Oid class, Oid oid)
{
	DroppedEntry *found = look_up(undrop, class, oid);

	return found == NULL ? NULL : found->entry;
}

/* ---- entries ---- */

static int
place(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	return entry - undrop->definitions->toc->entries;
}

bool
pgb_undrop_is_taken(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	return undrop->taken[place(undrop, entry)];
}

bool
pgb_undrop_is_made(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	return undrop->made[place(undrop, entry)];
}

void
pgb_undrop_set_made(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	undrop->made[place(undrop, entry)] = true;
}

void
pgb_undrop_each_entry(PgbUndrop *undrop, void (*visit) (PgbUndrop *undrop, PgbTocEntry *entry))
{
	const PgbToc *toc = undrop->definitions->toc;
	MemoryContext context = AllocSetContextCreate(undrop->context, "pgbackup undrop entry",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (int n = 0; n < toc->count; n++)
	{
		CHECK_FOR_INTERRUPTS();
		if (toc->entries[n].tag != NULL)
			visit(undrop, &toc->entries[n]);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- parts ---- */

static int
part_kind(const PgbTocEntry *entry)
{
	for (int n = 0; n < lengthof(parts); n++)
		if (pgb_stage_is(entry, parts[n].desc))
			return n;
	return -1;
}

bool
pgb_undrop_is_part(const PgbTocEntry *entry)
{
	return part_kind(entry) >= 0;
}

RangeVar *
pgb_undrop_relation_of(const PgbUndrop *undrop, const PgbTocEntry *part)
{
	Node	   *statement;

	if (part->defn == NULL || part->defn[0] == '\0')
		return NULL;
	statement = linitial(pgb_stage_parse(undrop->definitions, part->defn));
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return ((AlterTableStmt *) statement)->relation;
		case T_IndexStmt:
			return ((IndexStmt *) statement)->relation;
		case T_CreateTrigStmt:
			return ((CreateTrigStmt *) statement)->relation;
		case T_RuleStmt:
			return ((RuleStmt *) statement)->relation;
		case T_ViewStmt:
			return ((ViewStmt *) statement)->view;
		case T_CreatePolicyStmt:
			return ((CreatePolicyStmt *) statement)->table;
		case T_CreateStatsStmt:
			if (IsA(linitial(((CreateStatsStmt *) statement)->relations), RangeVar))
				return linitial(((CreateStatsStmt *) statement)->relations);
			return NULL;
		default:
			return NULL;
	}
}

/* Of a relation or a domain that comes back?  Tags are "relation part". */
static bool
is_part_of_taken(const PgbUndrop *undrop, const PgbTocEntry *entry, int kind)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		const PgbTocEntry *other = pgb_toc_by_dump_id(undrop->definitions->toc, entry->dependencies[n]);
		size_t		length;

		if (other == NULL || other->tag == NULL || !pgb_undrop_is_taken(undrop, other) ||
			(other->table_oid != RelationRelationId && !pgb_stage_is(other, "DOMAIN")))
			continue;
		if (!parts[kind].is_called_after && other->table_oid == RelationRelationId)
			return true;
		length = strlen(other->tag);
		if (other->schema_name != NULL && entry->schema_name != NULL &&
			strcmp(other->schema_name, entry->schema_name) == 0 &&
			strncmp(other->tag, entry->tag, length) == 0 && entry->tag[length] == ' ')
			return true;
	}
	return false;
}

/* One that a relation has lost which is there. */
static bool
is_lost_part(const PgbUndrop *undrop, const PgbTocEntry *entry)
{
	const PgbDropped *dropped = pgb_undrop_dropped(undrop, entry);

	return dropped != NULL && dropped->by_cascade &&
		OidIsValid(pgb_promote_live(pgb_undrop_relation_of(undrop, entry)));
}

/* ---- what comes back ---- */

static bool
take(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	bool		is_new = !pgb_undrop_is_taken(undrop, entry);

	undrop->taken[place(undrop, entry)] = true;
	return is_new;
}

/* A type that is made in two steps: the first has no OID in the table of contents. */
static bool
is_missing_shell(const PgbTocEntry *entry)
{
	Oid			schema;

	if (!pgb_stage_is(entry, "SHELL TYPE") || entry->schema_name == NULL)
		return false;
	schema = get_namespace_oid(entry->schema_name, true);
	return !OidIsValid(schema) ||
		!SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(entry->tag), ObjectIdGetDatum(schema));
}

static bool
take_needed(PgbUndrop *undrop, const PgbTocEntry *entry)
{
	bool		any = false;

	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = pgb_toc_by_dump_id(undrop->definitions->toc, entry->dependencies[n]);

		if (other != NULL && !pgb_undrop_is_part(other) &&
			(pgb_undrop_dropped(undrop, other) != NULL || is_missing_shell(other)))
			any = take(undrop, other) || any;
	}
	return any;
}

/* What went by CASCADE, and does not hang on a relation. */
static void
take_cascaded(PgbUndrop *undrop)
{
	ListCell   *lc;

	foreach(lc, undrop->drop->objects)
	{
		const PgbDropped *object = lfirst(lc);
		PgbTocEntry *entry = object->sub != 0 ? NULL :
			pgb_undrop_entry(undrop, object->class, object->oid);

		if (entry != NULL && object->by_cascade && !pgb_undrop_is_part(entry))
			take(undrop, entry);
	}
}

/* Parts of relations that are there, which do not change meanwhile. */
static bool *
find_lost_parts(PgbUndrop *undrop)
{
	const PgbToc *toc = undrop->definitions->toc;
	bool	   *lost = palloc_extended(toc->count, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int n = 0; n < toc->count; n++)
		lost[n] = pgb_undrop_is_part(&toc->entries[n]) && is_lost_part(undrop, &toc->entries[n]);
	return lost;
}

static void
take_all_needed(PgbUndrop *undrop)
{
	const PgbToc *toc = undrop->definitions->toc;
	bool	   *lost = find_lost_parts(undrop);
	bool		again;

	do
	{
		again = false;
		for (int n = 0; n < toc->count; n++)
		{
			PgbTocEntry *entry = &toc->entries[n];
			int			kind = part_kind(entry);

			CHECK_FOR_INTERRUPTS();
			if (undrop->taken[n] || lost[n] ||
				(kind >= 0 && entry->tag != NULL && is_part_of_taken(undrop, entry, kind)))
				again = take_needed(undrop, entry) || again;
		}
	} while (again);
}

static PgbTocEntry *
find_table(const PgbUndrop *undrop)
{
	PgbTocEntry *entry = pgb_undrop_entry(undrop, RelationRelationId, undrop->drop->oid);

	if (entry == NULL || !pgb_stage_is(entry, "TABLE"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" did not exist before the transaction that dropped it",
						undrop->drop->identity),
				 errhint("It was made by that transaction, belonged to an extension, or was no plain table.")));
	return entry;
}

void
pgb_undrop_select(PgbUndrop *undrop)
{
	size_t		size = undrop->definitions->toc->count;

	undrop->taken = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	undrop->made = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	index_dropped(undrop);
	index_entries(undrop);
	take(undrop, find_table(undrop));
	if (!undrop->cascade)
		return;
	take_cascaded(undrop);
	take_all_needed(undrop);
}
