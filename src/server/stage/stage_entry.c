/*-------------------------------------------------------------------------
 *
 * stage_entry.c
 *	  The entries of an archive that define a table, in their order.
 *
 * They are taken in the archive's own order, in which pg_dump has put everything
 * after what it needs.  Against that order, CHECK constraints that stand in
 * CREATE TABLE come after the rows: one that fails now (its function has changed
 * or is gone) must not keep the rows from coming back.
 *
 * src/server/stage/stage_entry.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/xact.h"
#include "server/stage/stage_entry.h"

typedef enum Phase
{
	CREATE_TABLES,
	LOAD_TABLES,
	ADD_CONSTRAINTS_AND_INDEXES
} Phase;

static const struct
{
	Phase		phase;
	const char *desc;
	PgbEntryHandler handler;
}			handlers[] =

{
	{CREATE_TABLES, "TABLE", pgb_stage_table_entry},
	{CREATE_TABLES, "TABLE ATTACH", pgb_stage_attach_entry},
	{CREATE_TABLES, "SEQUENCE", pgb_stage_sequence_entry},
	{CREATE_TABLES, "SEQUENCE OWNED BY", pgb_stage_sequence_owner_entry},
	{CREATE_TABLES, "DEFAULT", pgb_stage_default_entry},
	{LOAD_TABLES, "TABLE DATA", pgb_stage_data_entry},
	{LOAD_TABLES, "SEQUENCE SET", pgb_stage_sequence_value_entry},
	{ADD_CONSTRAINTS_AND_INDEXES, "CHECK CONSTRAINT", pgb_stage_check_entry},
	{ADD_CONSTRAINTS_AND_INDEXES, "CONSTRAINT", pgb_stage_constraint_entry},
	{ADD_CONSTRAINTS_AND_INDEXES, "INDEX", pgb_stage_index_entry},
	{ADD_CONSTRAINTS_AND_INDEXES, "INDEX ATTACH", pgb_stage_index_attach_entry},
	{ADD_CONSTRAINTS_AND_INDEXES, "COMMENT", pgb_stage_comment_entry},
};

static PgbEntryHandler
find_handler(const PgbTocEntry *entry, Phase phase)
{
	for (int n = 0; n < lengthof(handlers); n++)
		if (handlers[n].phase == phase && pgb_stage_is(entry, handlers[n].desc))
			return handlers[n].handler;
	return NULL;
}

typedef struct Walk
{
	PgbStage   *stage;
	Phase		phase;
} Walk;

static void
visit_entry(void *arg, PgbTocEntry *entry)
{
	Walk	   *walk = arg;
	PgbEntryHandler handler = find_handler(entry, walk->phase);

	if (handler != NULL &&
		(pgb_stage_table(walk->stage, entry->dump_id) != NULL || pgb_stage_is_ours(walk->stage, entry)))
		handler(walk->stage, entry);
}

/* All entries that are ours and belong to a phase. */
static void
walk_archive(PgbStage *stage, Phase phase)
{
	Walk		walk = {stage, phase};

	pgb_stage_each_entry(stage, visit_entry, &walk);
}

void
pgb_stage_create_tables(PgbStage *stage)
{
	walk_archive(stage, CREATE_TABLES);
}

void
pgb_stage_load_tables(PgbStage *stage)
{
	walk_archive(stage, LOAD_TABLES);

	/* what follows must see the rows */
	CommandCounterIncrement();
}

void
pgb_stage_add_constraints_and_indexes(PgbStage *stage)
{
	walk_archive(stage, ADD_CONSTRAINTS_AND_INDEXES);
}
