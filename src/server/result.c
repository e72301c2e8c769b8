/*-------------------------------------------------------------------------
 *
 * result.c
 *	  How a job, or a part of it, has ended.
 *
 * src/server/result.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "mb/pg_wchar.h"
#include "server/result.h"

static void
copy_text(char *to, size_t size, const char *from)
{
	if (from != NULL)
		strlcpy(to, from, pg_mbcliplen(from, strlen(from), size - 1) + 1);
}

void
pgb_result_of_error(PgbJobResult *result, const ErrorData *error)
{
	memset(result, 0, sizeof(*result));
	result->sqlerrcode = error->sqlerrcode;
	copy_text(result->message, sizeof(result->message), error->message);
	copy_text(result->detail, sizeof(result->detail), error->detail);
	copy_text(result->hint, sizeof(result->hint), error->hint);
}

void
pgb_result_raise(const PgbJobResult *result, int elevel)
{
	ereport(elevel,
			(errcode(result->sqlerrcode),
			 errmsg_internal("%s", result->message),
			 result->detail[0] != '\0' ? errdetail_internal("%s", result->detail) : 0,
			 result->hint[0] != '\0' ? errhint("%s", result->hint) : 0));
}
