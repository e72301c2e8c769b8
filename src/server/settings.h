/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  PostgreSQL's own settings, as a process of ours must have them.
 *
 * src/server/settings.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SETTINGS_H
#define PGB_SETTINGS_H

typedef struct PgbSetting
{
	const char *name;
	const char *value;
} PgbSetting;

/*
 * Sets them for the rest of this process, which must be a worker of ours, whatever the database or
 * a role has.  A setting that this version does not know is left out.
 */
extern void pgb_settings_pin(const PgbSetting *settings, int count);

/*
 * A worker runs as long as it takes: no timeout of statements, locks or transactions.
 * pgb_worker_connect() does it for all that connect to a database.
 */
extern void pgb_settings_pin_patience(void);

#endif							/* PGB_SETTINGS_H */
