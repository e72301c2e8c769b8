/*-------------------------------------------------------------------------
 *
 * settings_text.c
 *	  Lines of postgresql.conf, and of the shell commands in them.
 *
 * src/repo/settings_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/settings_text.h"

void
pgb_append_setting(StringInfo out, const char *name, const char *value)
{
	appendStringInfo(out, "%s = '", name);
	for (; *value != '\0'; value++)
	{
		if (*value == '\n')
			appendStringInfoString(out, "\\n");
		else if (*value == '\'' || *value == '\\')
			appendStringInfo(out, "%c%c", *value, *value);
		else
			appendStringInfoChar(out, *value);
	}
	appendStringInfoString(out, "'\n");
}

void
pgb_append_command_word(StringInfo out, const char *word)
{
	appendStringInfoChar(out, '\'');
	for (; *word != '\0'; word++)
	{
		if (*word == '\'')
			appendStringInfoString(out, "'\\''");
		else if (*word == '%')
			appendStringInfoString(out, "%%");
		else
			appendStringInfoChar(out, *word);
	}
	appendStringInfoChar(out, '\'');
}

/* ---- where a recovery ends ---- */

/* With an offset: neither "Z" nor abbreviations of zones are known yet when the server reads this. */
static char *
time_setting(int64 moment)
{
	char	   *text = pgb_time_to_text(moment);

	text[strlen("2026-02-19")] = ' ';
	text[strlen(text) - 1] = '\0';
	return psprintf("%s+00", text);
}

void
pgb_append_target(StringInfo out, const PgbTarget *target, uint32 timeline, const char *action)
{
	switch (target->kind)
	{
		case PGB_TARGET_LATEST:
			break;
		case PGB_TARGET_TIME:
			pgb_append_setting(out, "recovery_target_time", time_setting(target->time));
			break;
		case PGB_TARGET_LSN:
			pgb_append_setting(out, "recovery_target_lsn", pgb_lsn_to_text(target->lsn));
			break;
		case PGB_TARGET_XID:
			pgb_append_setting(out, "recovery_target_xid", psprintf(UINT64_FORMAT, target->xid));
			break;
		case PGB_TARGET_NAME:
			pgb_append_setting(out, "recovery_target_name", target->name);
			break;
		case PGB_TARGET_IMMEDIATE:
			pgb_append_setting(out, "recovery_target", "immediate");
			break;
	}
	pgb_append_setting(out, "recovery_target_inclusive", target->inclusive ? "on" : "off");
	pgb_append_setting(out, "recovery_target_timeline", psprintf("%u", timeline));
	pgb_append_setting(out, "recovery_target_action", action);
}
