/*-------------------------------------------------------------------------
 *
 * settings_text.h
 *	  Lines of postgresql.conf, and of the shell commands in them.
 *
 * src/repo/settings_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SETTINGS_TEXT_H
#define PGB_SETTINGS_TEXT_H

#include "repo/window.h"

/* name = 'value', quoted as guc-file.l reads it, with a newline after it. */
extern void pgb_append_setting(StringInfo out, const char *name, const char *value);

/*
 * A word of a shell command such as restore_command, quoted for the shell, in which the
 * server is not to replace anything: each percent sign is doubled.
 */
extern void pgb_append_command_word(StringInfo out, const char *word);

/*
 * The lines that let a recovery end at a target on a timeline, and what it does there: pause, promote or
 * shutdown.  Those of other targets are not touched: a server refuses two kinds of them.
 */
extern void pgb_append_target(StringInfo out, const PgbTarget *target, uint32 timeline,
							  const char *action);

#endif							/* PGB_SETTINGS_TEXT_H */
