/*-------------------------------------------------------------------------
 *
 * verify_request.c
 *	  What a verification is asked for: words, and JSON.
 *
 * src/server/verify/verify_request.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "io/json.h"
#include "miscadmin.h"
#include "server/encoding.h"
#include "server/verify/verify.h"

#define WHAT	"request of a verification"

static const char *const depth_names[] = {
	[PGB_DEPTH_OBJECTS] = "objects",
	[PGB_DEPTH_CONTENTS] = "contents",
	[PGB_DEPTH_RESTORE] = "restore"
};

const char *
pgb_depth_name(PgbDepth depth)
{
	return depth_names[depth];
}

PgbDepth
pgb_depth_of_text(const char *text)
{
	for (int i = 0; i < lengthof(depth_names); i++)
	{
		if (strcmp(text, depth_names[i]) == 0)
			return (PgbDepth) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown depth of a verification: \"%s\"", text),
			 errhint("It is \"objects\", \"contents\" or \"restore\".")));
}

static bool
names_backups(const char *word)
{
	return pgb_id_is_valid(word) || strcmp(word, PGB_LATEST) == 0 ||
		strcmp(word, PGB_VERIFY_LATEST_LOGICAL) == 0 ||
		strcmp(word, PGB_VERIFY_LATEST_FULL) == 0 || strcmp(word, PGB_VERIFY_ALL) == 0;
}

/* A restore runs what is in the backup, and makes roles: as pgbackup_restore_database(). */
void
pgb_verify_check_request(const PgbVerifyRequest *request)
{
	if (!names_backups(request->backup))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" names no backup", request->backup),
				 errhint("It is the id of a backup, which pgbackup_list() shows, or \"latest\", \"latest logical\", \"latest full\" or \"all\".")));
	if (request->depth == PGB_DEPTH_RESTORE && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to verify a backup by restoring it"),
				 errdetail("Only superusers may do that."),
				 errhint("The depths \"objects\" and \"contents\" restore nothing.")));
}

char *
pgb_verify_request_to_json(const PgbVerifyRequest *request)
{
	StringInfoData out;
	PgbJsonWriter w;

	initStringInfo(&out);
	pgb_json_begin(&w, &out, false);
	pgb_json_object(&w, NULL);
	pgb_json_string(&w, "backup", request->backup);
	pgb_json_string(&w, "depth", pgb_depth_name(request->depth));
	pgb_json_uint64(&w, "jobs", (uint64) request->jobs);
	if (request->scratch != NULL)
		pgb_json_string(&w, "scratch", request->scratch);
	pgb_json_end_object(&w);
	return out.data;
}

PgbVerifyRequest *
pgb_verify_request_from_json(const char *text)
{
	PgbVerifyRequest *request = palloc0(sizeof(PgbVerifyRequest));
	PgbJson    *json = pgb_json_parse(text, strlen(text), WHAT);

	request->backup = pgb_json_need_string(json, "backup", WHAT);
	request->depth = pgb_depth_of_text(pgb_json_need_string(json, "depth", WHAT));
	request->jobs = (int) pgb_json_need_uint64(json, "jobs", WHAT);
	request->scratch = pgb_json_get_string(json, "scratch", WHAT);
	if (request->jobs < 1 || request->jobs > 64 || !names_backups(request->backup))
		elog(ERROR, "the " WHAT " makes no sense");
	return request;
}
