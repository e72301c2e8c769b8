/*-------------------------------------------------------------------------
 *
 * promote_foreign.c
 *	  Foreign keys, in both directions: those of the table, and those of other tables
 *	  that a DROP ... CASCADE has taken along.
 *
 * They are checked as the owner of the referencing table, because a cast between
 * the columns can be a user's function; if he is a superuser, and the other table is a user's, under watch.
 * Of other tables they are put back only for who may act as the owner: ON DELETE CASCADE
 * lets the owner of the referenced table delete rows of the other.
 *
 * src/server/promote/promote_foreign.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "server/promote/promote_entry.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

typedef struct ForeignKey
{
	AlterTableStmt *alter;
	Constraint *constraint;
	char	   *title;
	char	   *source;
	Oid			owner;			/* of the referencing table */
} ForeignKey;

static PgbPiece *
piece_of(const ForeignKey *key)
{
	return pgb_piece(key->title, list_make1(key->alter), key->source);
}

static char *
table_name(const ForeignKey *key)
{
	return quote_qualified_identifier(key->alter->relation->schemaname, key->alter->relation->relname);
}

/* Does the archive have it NOT VALID, or NOT ENFORCED?  Then nothing is to be checked. */
static bool
is_checked(const ForeignKey *key)
{
	return !key->constraint->skip_validation;
}

static PgbPromoteActor
checker(const ForeignKey *key)
{
	return superuser_arg(key->owner) && !superuser_arg(pgb_promote_owner(pgb_promote_live(key->constraint->pktable))) ?
		PGB_AS_ROLE_WATCHED : PGB_AS_ROLE_UNFORCED;
}

static ErrorData *
add_not_valid(PgbPromote *promote, const ForeignKey *key)
{
	key->constraint->skip_validation = true;
	key->constraint->initially_valid = false;

	/* it only writes to the catalogs */
	return pgb_promote_try(promote, key->owner, PGB_AS_ROLE_OR_CALLER, piece_of(key));
}

static ErrorData *
validate(PgbPromote *promote, const ForeignKey *key)
{
	AlterTableCmd *command = pgb_alter_command(AT_ValidateConstraint, key->constraint->conname, NULL);

	return pgb_promote_try(promote, key->owner, checker(key),
						   pgb_promote_alter(key->title, key->alter->relation->schemaname,
											 key->alter->relation->relname, command));
}

/* The same key of another table. */
static void
key_of_leaf(const ForeignKey *key, Oid leaf, ForeignKey *own)
{
	*own = *key;
	own->alter = copyObject(key->alter);
	own->alter->relation = makeRangeVar(get_namespace_name(get_rel_namespace(leaf)),
										get_rel_name(leaf), -1);
	own->constraint = castNode(Constraint, linitial_node(AlterTableCmd, own->alter->cmds)->def);
	own->owner = pgb_promote_owner(leaf);
}

static void
drop_from_leaf(PgbPromote *promote, const ForeignKey *key)
{
	pgb_promote_run(promote, key->owner, PGB_AS_ROLE_OR_CALLER,
					pgb_promote_alter(key->title, key->alter->relation->schemaname,
									  key->alter->relation->relname,
									  pgb_alter_command(AT_DropConstraint, key->constraint->conname, NULL)),
					NULL);
}

/*
 * Before 18 a partitioned table cannot have one that is NOT VALID, but its partitions can:
 * when all have it, and it holds, that of the whole takes them over without a further check.
 */
static ErrorData *
add_by_leaves(PgbPromote *promote, const ForeignKey *key)
{
	List	   *leaves = NIL;
	ErrorData  *error = NULL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(pgb_promote_live(key->alter->relation), ShareRowExclusiveLock, NULL))
	{
		ForeignKey *leaf = palloc(sizeof(ForeignKey));

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_RELATION)
			continue;
		key_of_leaf(key, lfirst_oid(lc), leaf);
		if ((error = add_not_valid(promote, leaf)) != NULL)
			break;
		leaves = lappend(leaves, leaf);
		if ((error = validate(promote, leaf)) != NULL)
			break;
	}

	if (error == NULL)
	{
		key->constraint->skip_validation = true;
		key->constraint->initially_valid = true;
		error = pgb_promote_try(promote, key->owner, PGB_AS_ROLE_OR_CALLER, piece_of(key));
	}
	if (error != NULL)
		foreach(lc, leaves)
			drop_from_leaf(promote, lfirst(lc));
	return error;
}

static void
warn_not_valid(PgbPromote *promote, const ForeignKey *key, const ErrorData *error)
{
	pgb_promote_warn(promote,
					 psprintf(error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION ?
							  "%s does not hold, and is put back NOT VALID" :
							  "%s could not be checked, and is put back NOT VALID", key->title), error,
					 psprintf("Correct that, and then run ALTER TABLE %s VALIDATE CONSTRAINT %s.",
							  table_name(key), quote_identifier(key->constraint->conname)));
}

/*
 * As it is, or without the check first and then the check by itself, which the owner
 * may do without rights on the other table.
 */
static bool
add_in_two_steps(PgbPromote *promote, const ForeignKey *key)
{
	ErrorData  *error = add_not_valid(promote, key);

	if (error == NULL)
	{
		error = validate(promote, key);
		if (error != NULL)
			warn_not_valid(promote, key, error);
		return true;
	}

	if (get_rel_relkind(pgb_promote_live(key->alter->relation)) == RELKIND_PARTITIONED_TABLE)
		error = add_by_leaves(promote, key);
	if (error != NULL)
		pgb_promote_fail_left(promote, piece_of(key), error);
	return error == NULL;
}

static bool
add(PgbPromote *promote, const ForeignKey *key)
{
	ErrorData  *error = pgb_promote_try(promote, key->owner,
										is_checked(key) ? checker(key) : PGB_AS_ROLE_OR_CALLER,
										piece_of(key));

	if (error == NULL)
		return true;
	if (is_checked(key) && error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		return add_in_two_steps(promote, key);
	if (is_checked(key) && error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
		add_not_valid(promote, key) == NULL)
	{
		warn_not_valid(promote, key, error);
		return true;
	}
	pgb_promote_fail_left(promote, piece_of(key), error);
	return false;
}

/* Reads an entry; false if it is none of ours, or is there. */
static bool
read_entry(PgbPromote *promote, PgbTocEntry *entry, ForeignKey *key)
{
	AlterTableCmd *command;
	Oid			relation;

	key->alter = linitial(pgb_stage_parse(promote->stage, entry->defn));
	command = pgb_only_command((Node *) key->alter, AT_AddConstraint);
	if (command == NULL)
		return false;
	key->constraint = castNode(Constraint, command->def);
	if (key->constraint->contype != CONSTR_FOREIGN || key->constraint->conname == NULL ||
		key->constraint->pktable == NULL)
		return false;

	if (pgb_promote_table(promote, key->alter->relation) == NULL &&
		pgb_promote_table(promote, key->constraint->pktable) == NULL &&
		!pgb_promote_is_of_ancestor(promote, entry))
		return false;

	/* a table that is gone has its foreign keys again when it is put back itself */
	relation = pgb_promote_live(key->alter->relation);
	if (!OidIsValid(relation) ||
		OidIsValid(get_relation_constraint_oid(relation, key->constraint->conname, true)))
		return false;

	key->owner = pgb_promote_owner(relation);
	key->source = pgb_stage_text(promote->stage, entry->defn);
	key->title = psprintf("foreign key \"%s\" of table \"%s\"", key->constraint->conname, table_name(key));
	return true;
}

/* What has gone together with this table brings the key back when it comes back. */
static void
note_no_table(PgbPromote *promote, const ForeignKey *key)
{
	const RangeVar *other = key->constraint->pktable;
	const char *schema = other->schemaname != NULL ? other->schemaname : "";
	const PgbTocEntry *entry = pgb_stage_find_relation(promote->stage, schema, other->relname);
	char	   *text = psprintf("%s is not put back: table \"%s.%s\" does not exist",
								key->title, schema, other->relname);
	static const char *const hint = "It comes back when that table is put back.";

	if (entry != NULL && promote->comes_back != NULL &&
		promote->comes_back(entry, promote->comes_back_arg))
		pgb_promote_warn(promote, text, NULL, hint);
	else
		pgb_promote_fail(promote, text, NULL, hint);
}

void
pgb_promote_foreign_key_entry(PgbPromote *promote, PgbTocEntry *entry)
{
	ForeignKey	key;

	if (!read_entry(promote, entry, &key))
		return;

	/* the constraint may say nothing of a schema */
	if (!OidIsValid(pgb_promote_live(key.constraint->pktable)))
	{
		note_no_table(promote, &key);
		return;
	}

	/* others may have gone on while we did; they can be cancelled, and so can we */
	if (pgb_promote_may_act_for(promote, key.owner, piece_of(&key)) && add(promote, &key))
		pgb_stage_add_entry(promote->stage, entry, NULL);
}
