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
