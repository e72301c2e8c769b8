/*-------------------------------------------------------------------------
 *
 * restore_options.c
 *	  What pgbackup restore is asked for.
 *
 * src/cli/restore_options.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/restore.h"

#define MAX_JOBS	64

const CliOption restore_option_list[] = {
	{"target-dir", "DIR", "the data directory to make; empty, or not there yet"},
	{"backup", "ID", "begin with this backup; by default the newest one before the target; with --target-xid the oldest"},
	{"target-time", "TIME", "recover to a time: \"2026-02-19 15:30:00+01\""},
	{"target-lsn", "LSN", "recover to a place in the WAL: 16/B3748000"},
	{"target-xid", "XID", "recover to the end of a transaction"},
	{"target-name", "NAME", "recover to a point that pg_create_restore_point() has made"},
	{"target-immediate", NULL, "recover no further than to the end of the backup"},
	{"target-exclusive", NULL, "stop just before the target, not just after it"},
	{"target-timeline", "N", "recover along this timeline; by default the newest one"},
	{"target-action", "WORD", "at the target: pause (the default), promote or shutdown"},
	{"tablespace-mapping", "OLD=NEW", "put the tablespace that was at OLD to NEW; may be repeated"},
	{"jobs", "N", "work with so many processes; by default one for each processor"},
	{"delta", NULL, "into a directory that is not empty: keep what is right, remove what is not in the backup"},
	{"dry-run", NULL, "check everything, and restore nothing"},
	{"quiet", NULL, "say nothing unless something is wrong"},
	{NULL, NULL, NULL}
};

static RestoreOptions given = {.target = {.inclusive = true}};
static bool action_given = false;

/* ---- values ---- */

static uint64
parse_number(const char *option, const char *text, uint64 min, uint64 max)
{
	char	   *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < min || value > max)
		cli_usage_error("--%s must be a number from %llu to %llu, not \"%s\"", option,
						(unsigned long long) min, (unsigned long long) max, text);
	return value;
}

static uint64
parse_lsn(const char *text)
{
	volatile uint64 lsn = 0;

	PG_TRY();
	{
		lsn = pgb_lsn_from_text(text, "--target-lsn");
	}
	PG_CATCH();
	{
		cli_usage_error("\"%s\" is not an LSN, such as 16/B3748000", text);
	}
	PG_END_TRY();
	return lsn;
}

static int64
parse_time(const char *text)
{
	int64		moment;

	if (!cli_parse_moment(text, &moment))
		cli_usage_error("\"%s\" is not a time, such as \"2026-02-19 15:30:00+01\"", text);
	return moment;
}

static const char *
parse_action(const char *text)
{
	if (strcmp(text, "pause") != 0 && strcmp(text, "promote") != 0 &&
		strcmp(text, "shutdown") != 0)
		cli_usage_error("\"%s\" is not an action: pause, promote or shutdown", text);
	return text;
}

/*
 * The path at *text up to an equals sign, or to the end: there *text is left.  In a path an
 * equals sign is written with a backslash before it, as for pg_basebackup.
 */
static char *
take_path(const char **text)
{
	StringInfoData path;

	initStringInfo(&path);
	for (; **text != '\0' && **text != '='; (*text)++)
	{
		if ((*text)[0] == '\\' && (*text)[1] == '=')
			(*text)++;
		appendStringInfoChar(&path, **text);
	}
	return path.data;
}

static void
add_mapping(const char *text)
{
	const char *rest = text;
	char	   *old_path = take_path(&rest);
	char	   *new_path = *rest == '=' ? (rest++, take_path(&rest)) : NULL;
	RestoreMapping *mapping;

	if (*rest == '=')
		cli_usage_error("\"%s\" has more than one equals sign: within a path write \"\\=\"", text);
	if (new_path == NULL || old_path[0] != '/' || new_path[0] != '/')
		cli_usage_error("\"%s\" is not a mapping of two absolute paths, OLD=NEW", text);
	if (given.mappings == NULL)
		given.mappings = palloc(sizeof(RestoreMapping));
	else
		given.mappings = repalloc(given.mappings,
								  (given.nmappings + 1) * sizeof(RestoreMapping));
	mapping = &given.mappings[given.nmappings++];
	mapping->old_path = old_path;
	mapping->new_path = cli_absolute_path(new_path);
	mapping->used = false;
	canonicalize_path(unconstify(char *, mapping->old_path));
}

static void
set_target(PgbTargetKind kind, const char *text)
{
	if (given.target.kind != PGB_TARGET_LATEST)
		cli_usage_error("only one target can be given");
	given.target.kind = kind;
	given.target_text = text;
	if (kind == PGB_TARGET_TIME)
		given.target.time = parse_time(text);
	else if (kind == PGB_TARGET_LSN)
		given.target.lsn = parse_lsn(text);
	else if (kind == PGB_TARGET_XID)
		given.target.xid = parse_number("target-xid", text, 3, PG_UINT64_MAX);
	else if (kind == PGB_TARGET_NAME)
		given.target.name = text;
}

/* ---- the options ---- */

void
restore_accept(const char *name, const char *value)
{
	if (strcmp(name, "target-dir") == 0)
		given.directory = cli_absolute_path(value);
	else if (strcmp(name, "backup") == 0)
		given.backup = value;
	else if (strcmp(name, "target-time") == 0)
		set_target(PGB_TARGET_TIME, value);
	else if (strcmp(name, "target-lsn") == 0)
		set_target(PGB_TARGET_LSN, value);
	else if (strcmp(name, "target-xid") == 0)
		set_target(PGB_TARGET_XID, value);
	else if (strcmp(name, "target-name") == 0)
		set_target(PGB_TARGET_NAME, value);
	else if (strcmp(name, "target-immediate") == 0)
		set_target(PGB_TARGET_IMMEDIATE, "immediate");
	else if (strcmp(name, "target-exclusive") == 0)
		given.target.inclusive = false;
	else if (strcmp(name, "target-timeline") == 0)
		given.target.timeline = strcmp(value, "latest") == 0 ? 0 :
			(uint32) parse_number("target-timeline", value, 1, PG_UINT32_MAX);
	else if (strcmp(name, "target-action") == 0)
	{
		given.action = parse_action(value);
		action_given = true;
	}
	else if (strcmp(name, "tablespace-mapping") == 0)
		add_mapping(value);
	else if (strcmp(name, "jobs") == 0)
		given.jobs = (int) parse_number("jobs", value, 1, MAX_JOBS);
	else if (strcmp(name, "delta") == 0)
		given.delta = true;
	else if (strcmp(name, "dry-run") == 0)
		given.dry_run = true;
	else if (strcmp(name, "quiet") == 0)
		given.quiet = true;
}

RestoreOptions *
restore_options(void)
{
	PgbTargetKind kind = given.target.kind;

	if (given.directory == NULL)
		cli_usage_error("no directory given to restore to: use --target-dir");
	if (!given.target.inclusive && kind != PGB_TARGET_TIME && kind != PGB_TARGET_LSN &&
		kind != PGB_TARGET_XID)
		cli_usage_error("--target-exclusive needs a time, an LSN or a transaction as target");
	if (action_given && kind == PGB_TARGET_LATEST)
		cli_usage_error("--target-action needs a target");
	if (kind == PGB_TARGET_NAME && strlen(given.target.name) >= 64)
		cli_usage_error("the name of a restore point has at most 63 bytes");
	if (kind != PGB_TARGET_LATEST && given.action == NULL)
		given.action = "pause";
	if (given.jobs == 0)
		given.jobs = cli_processors();
	return &given;
}

char *
restore_describe_target(const PgbTarget *target)
{
	const char *side = target->inclusive ? "" : ", excluded";

	switch (target->kind)
	{
		case PGB_TARGET_LATEST:
			break;
		case PGB_TARGET_TIME:
			{
				char	   *text = pgb_time_to_text(target->time);

				text[strlen("2026-02-19")] = ' ';
				text[strlen(text) - 1] = '\0';
				return psprintf("%s UTC%s", text, side);
			}
		case PGB_TARGET_LSN:
			return psprintf("LSN %s%s", pgb_lsn_to_text(target->lsn), side);
		case PGB_TARGET_XID:
			return psprintf("transaction " UINT64_FORMAT "%s", target->xid, side);
		case PGB_TARGET_NAME:
			return psprintf("restore point \"%s\"", target->name);
		case PGB_TARGET_IMMEDIATE:
			return pstrdup("the end of the backup");
	}
	return pstrdup("the end of the archived WAL");
}
