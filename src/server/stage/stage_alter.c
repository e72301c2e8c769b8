/*-------------------------------------------------------------------------
 *
 * stage_alter.c
 *	  ALTER TABLE statements of an archive read, and new ones built.
 *
 * src/server/stage/stage_alter.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_tablespace.h"
#include "commands/tablespace.h"
#include "nodes/makefuncs.h"
#include "server/compat.h"
#include "server/stage/stage_entry.h"
#include "utils/acl.h"

AlterTableCmd *
pgb_only_command(Node *statement, AlterTableType subtype)
{
	AlterTableStmt *alter = (AlterTableStmt *) statement;
	AlterTableCmd *command;

	if (!IsA(statement, AlterTableStmt) || list_length(alter->cmds) != 1)
		return NULL;
	command = linitial_node(AlterTableCmd, alter->cmds);
	return command->subtype == subtype ? command : NULL;
}

AlterTableStmt *
pgb_alter_table(const PgbStage *stage, const PgbStagedTable *table, bool with_children,
				List *commands)
{
	AlterTableStmt *alter = makeNode(AlterTableStmt);

	alter->relation = makeRangeVar(stage->schema, table->name, -1);
	alter->relation->inh = with_children;
	alter->cmds = commands;
	alter->objtype = OBJECT_TABLE;
	return alter;
}

AlterTableCmd *
pgb_alter_command(AlterTableType subtype, char *name, Node *def)
{
	AlterTableCmd *command = makeNode(AlterTableCmd);

	command->subtype = subtype;
	command->name = name;
	command->def = def;
	command->behavior = DROP_RESTRICT;
	return command;
}

/* Removes the commands that do not come along; false when none is left. */
static bool
keep_settings(PgbStage *stage, AlterTableStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		switch (lfirst_node(AlterTableCmd, lc)->subtype)
		{
			case AT_SetNotNull:
			case AT_SetStatistics:
			case AT_SetOptions:
			case AT_SetStorage:
			case AT_SetCompression:
				continue;
			case AT_ReplicaIdentity:
				pgb_stage_leave_out(stage, "replica identity");
				break;
			case AT_ClusterOn:
				pgb_stage_leave_out(stage, "cluster mark");
				break;
			case AT_ForceRowSecurity:
				pgb_stage_leave_out(stage, "row security");
				break;
			default:
				pgb_stage_leave_out(stage, "a setting that is made with ALTER TABLE");
				break;
		}
		alter->cmds = foreach_delete_current(alter->cmds, lc);
	}
	return alter->cmds != NIL;
}

List *
pgb_further_settings(PgbStage *stage, List *statements, const char *index_name)
{
	List	   *settings = NIL;
	ListCell   *lc;

	for_each_from(lc, statements, 1)
	{
		AlterTableStmt *alter = lfirst(lc);

		if (!IsA(alter, AlterTableStmt))
			continue;

		/* an index that is not staged yet has no new name to be found */
		if (alter->objtype == OBJECT_INDEX && index_name != NULL)
		{
			alter->relation->schemaname = stage->schema;
			alter->relation->relname = pstrdup(index_name);
		}
		else if (!pgb_rewrite_relation(stage, alter->relation, NULL))
			continue;

		if (keep_settings(stage, alter))
			settings = lappend(settings, alter);
	}
	return settings;
}

char *
pgb_usable_tablespace(PgbStage *stage, const PgbTocEntry *entry, const char *what)
{
	Oid			tablespace;

	if (entry->tablespace == NULL || entry->tablespace[0] == '\0')
		return NULL;

	tablespace = get_tablespace_oid(entry->tablespace, true);
	if (!OidIsValid(tablespace))
		pgb_stage_note(stage, NOTICE,
					   "tablespace \"%s\" does not exist: %s is staged into the default tablespace",
					   entry->tablespace, what);
	else if (tablespace != MyDatabaseTableSpace &&
			 pgb_object_aclcheck(TableSpaceRelationId, tablespace, stage->owner,
								 ACL_CREATE) != ACLCHECK_OK)
		pgb_stage_note(stage, NOTICE,
					   "no permission for tablespace \"%s\": %s is staged into the default tablespace",
					   entry->tablespace, what);
	else
		return entry->tablespace;
	return NULL;
}
