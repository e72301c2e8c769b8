/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  PostgreSQL's own settings, as a process of ours must have them.
 *
 * src/server/settings.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "server/settings.h"
#include "utils/guc.h"

void
pgb_settings_pin(const PgbSetting *settings, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (GetConfigOption(settings[i].name, true, false) != NULL)
			SetConfigOption(settings[i].name, settings[i].value, PGC_SUSET, PGC_S_SESSION);
	}
}

void
pgb_settings_pin_patience(void)
{
	static const PgbSetting timeouts[] = {
		{"lock_timeout", "0"},
		{"statement_timeout", "0"},
		{"transaction_timeout", "0"},
	};

	pgb_settings_pin(timeouts, lengthof(timeouts));
}
