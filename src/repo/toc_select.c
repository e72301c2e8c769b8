/*-------------------------------------------------------------------------
 *
 * toc_select.c
 *	  The entries of a table of contents that belong to some of its relations.
 *
 * Who belongs to whom is told by the dependencies that pg_dump has written down.
 *
 * src/repo/toc_select.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/toc_select.h"

static const char *const always[] = {
	"ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES",
};

static const char *const relations[] = {
	"TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "SEQUENCE",
};

/* Parts of a relation, and what hangs on such a part. */
static const char *const belongings[] = {
	"TABLE DATA", "TABLE ATTACH", "MATERIALIZED VIEW DATA", "STATISTICS DATA",
	"SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET", "DEFAULT",
	"CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT", "INDEX", "INDEX ATTACH",
	"STATISTICS", "RULE", "TRIGGER", "POLICY", "ROW SECURITY",
	"ACL", "COMMENT", "SECURITY LABEL",
};

/* ---- entries ---- */

static bool
is(const PgbTocEntry *entry, const char *desc)
{
	return strcmp(entry->desc, desc) == 0;
}

static bool
is_among(const PgbTocEntry *entry, const char *const *descs, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (is(entry, descs[i]))
			return true;
	}
	return false;
}

static bool
is_belonging(const PgbTocEntry *entry)
{
	return is_among(entry, belongings, lengthof(belongings));
}

bool
pgb_toc_is_relation(const PgbTocEntry *entry)
{
	return entry->tag != NULL && entry->schema_name != NULL &&
		is_among(entry, relations, lengthof(relations));
}

/* Dependencies of which there is no entry are no rarity. */
static PgbTocEntry *
dependency(const PgbToc *toc, const PgbTocEntry *entry, int n)
{
	return pgb_toc_by_dump_id(toc, entry->dependencies[n]);
}

PgbTocEntry *
pgb_toc_relation_of(const PgbToc *toc, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = dependency(toc, entry, n);

		if (other != NULL && pgb_toc_is_relation(other))
			return other;
	}
	return NULL;
}

static bool
has_name_of(const PgbTocEntry *entry, const PgbTocEntry *relation)
{
	return entry->tag != NULL && entry->schema_name != NULL &&
		strcmp(entry->schema_name, relation->schema_name) == 0 &&
		strcmp(entry->tag, relation->tag) == 0;
}

/* ---- the selection ---- */

static int
place(const PgbTocSelection *selection, const PgbTocEntry *entry)
{
	return entry - selection->toc->entries;
}

bool
pgb_toc_is_selected(const PgbTocSelection *selection, const PgbTocEntry *entry)
{
	return selection->keep[place(selection, entry)];
}

void
pgb_toc_select(PgbTocSelection *selection, const PgbTocEntry *entry)
{
	selection->keep[place(selection, entry)] = true;
}

/* An attachment has the name of the partition, and depends on both tables. */
static void
mark_partition(PgbTocSelection *selection, const PgbTocEntry *attachment)
{
	for (int n = 0; n < attachment->ndependencies; n++)
	{
		PgbTocEntry *table = dependency(selection->toc, attachment, n);

		if (table != NULL && is(table, "TABLE") && has_name_of(attachment, table))
			selection->is_partition[place(selection, table)] = true;
	}
}

PgbTocSelection *
pgb_toc_select_begin(const PgbToc *toc)
{
	PgbTocSelection *selection = palloc0(sizeof(PgbTocSelection));
	size_t		size = (size_t) toc->count * sizeof(bool);

	selection->toc = toc;
	selection->keep = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	selection->is_partition = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < toc->count; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];

		if (is_among(entry, always, lengthof(always)))
			selection->keep[i] = true;
		if (is(entry, "TABLE ATTACH"))
			mark_partition(selection, entry);
	}
	return selection;
}

/* ---- what belongs to relations ---- */

/*
 * Are all relations that the entry is a part of selected?  A sequence is none of
 * them: it is taken along instead.
 */
static bool
has_all_relations(const PgbTocSelection *selection, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = dependency(selection->toc, entry, n);

		if (other == NULL || !pgb_toc_is_relation(other))
			continue;
		if (!is(other, "SEQUENCE"))
		{
			if (!pgb_toc_is_selected(selection, other))
				return false;
		}
		else if (is(entry, "SEQUENCE OWNED BY") && !has_all_relations(selection, other))
			return false;		/* the owner is not named in the entry itself */
	}
	return true;
}

static bool
has_any(const PgbTocSelection *selection, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = dependency(selection->toc, entry, n);

		if (other != NULL && pgb_toc_is_selected(selection, other))
			return true;
	}
	return false;
}

/* The partition, when the table that it is attached to is selected. */
static void
follow_attachment(PgbTocSelection *selection, const PgbTocEntry *attachment)
{
	PgbTocEntry *partition = NULL;
	bool		has_parent = false;

	for (int n = 0; n < attachment->ndependencies; n++)
	{
		PgbTocEntry *table = dependency(selection->toc, attachment, n);

		if (table == NULL || !is(table, "TABLE"))
			continue;
		if (has_name_of(attachment, table))
			partition = table;
		else if (pgb_toc_is_selected(selection, table))
			has_parent = true;
	}
	if (partition != NULL && has_parent)
		pgb_toc_select(selection, partition);
}

static void
take_sequences(PgbTocSelection *selection, const PgbTocEntry *entry)
{
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = dependency(selection->toc, entry, n);

		if (other != NULL && is(other, "SEQUENCE"))
			pgb_toc_select(selection, other);
	}
}

static int
count_selected(const PgbTocSelection *selection)
{
	int			count = 0;

	for (int i = 0; i < selection->toc->count; i++)
		count += selection->keep[i];
	return count;
}

static void
add_belongings_once(PgbTocSelection *selection)
{
	for (int i = 0; i < selection->toc->count; i++)
	{
		const PgbTocEntry *entry = &selection->toc->entries[i];

		CHECK_FOR_INTERRUPTS();
		if (is(entry, "TABLE ATTACH"))
			follow_attachment(selection, entry);
		if (!selection->keep[i] && is_belonging(entry) &&
			has_any(selection, entry) && has_all_relations(selection, entry))
			selection->keep[i] = true;
		if (selection->keep[i] && (is(entry, "TABLE") || is(entry, "DEFAULT")))
			take_sequences(selection, entry);
	}
}

/* Entries follow what they depend on, with exceptions: few passes are enough. */
void
pgb_toc_select_belongings(PgbTocSelection *selection)
{
	int			before;

	do
	{
		before = count_selected(selection);
		add_belongings_once(selection);
	} while (count_selected(selection) > before);
}

/* ---- what they need ---- */

void
pgb_toc_select_needed(PgbTocSelection *selection)
{
	int			before;

	do
	{
		before = count_selected(selection);
		for (int i = selection->toc->count - 1; i >= 0; i--)
		{
			const PgbTocEntry *entry = &selection->toc->entries[i];

			CHECK_FOR_INTERRUPTS();
			for (int n = 0; selection->keep[i] && n < entry->ndependencies; n++)
			{
				PgbTocEntry *other = dependency(selection->toc, entry, n);

				if (other != NULL)
					pgb_toc_select(selection, other);
			}
		}
	} while (count_selected(selection) > before);
}

/* ---- what is not there ---- */

/* Parts have their relation's name before their own: "orders orders_pkey". */
static bool
is_called_after(const PgbTocEntry *entry, const PgbTocEntry *relation)
{
	size_t		length = strlen(relation->tag);

	return entry->tag != NULL && entry->schema_name != NULL &&
		strcmp(entry->schema_name, relation->schema_name) == 0 &&
		strncmp(entry->tag, relation->tag, length) == 0 &&
		(entry->tag[length] == ' ' || entry->tag[length] == '\0');
}

bool
pgb_toc_is_left_out(const PgbTocSelection *selection, const PgbTocEntry *entry)
{
	bool		is_membership = is(entry, "PUBLICATION TABLE");

	if (pgb_toc_is_selected(selection, entry) || !(is_membership || is_belonging(entry)))
		return false;
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = dependency(selection->toc, entry, n);

		if (other != NULL && pgb_toc_is_relation(other) &&
			pgb_toc_is_selected(selection, other) &&
			(is_membership || is_called_after(entry, other)))
			return true;
	}
	return false;
}

PgbTocEntry *
pgb_toc_missing_relation(const PgbTocSelection *selection, const PgbTocEntry *entry)
{
	/* A partition is made without its parent, and attached to it afterwards. */
	if (!pgb_toc_is_selected(selection, entry) || !pgb_toc_is_relation(entry) ||
		selection->is_partition[place(selection, entry)])
		return NULL;
	for (int n = 0; n < entry->ndependencies; n++)
	{
		PgbTocEntry *other = dependency(selection->toc, entry, n);

		if (other != NULL && pgb_toc_is_relation(other) &&
			!pgb_toc_is_selected(selection, other))
			return other;
	}
	return NULL;
}
