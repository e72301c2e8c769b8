/*-------------------------------------------------------------------------
 *
 * verify_findings.c
 *	  What a verification has found: the rows of its result.
 *
 * A job hands them to who waits for it by a file: however many they are, there is room for them.
 *
 * src/server/verify/verify_findings.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>

#include "io/json.h"
#include "repo/datadir_file.h"
#include "server/encoding.h"
#include "server/verify/verify.h"

#define FINDINGS_FILE	"findings.json"
#define FINDINGS_LIMIT	((uint64) 512 * 1024 * 1024)

PgbFindings *
pgb_findings_create(void)
{
	PgbFindings *findings = palloc0(sizeof(PgbFindings));

	findings->context = CurrentMemoryContext;
	return findings;
}

static bool
is_problem(const PgbFinding *finding)
{
	return strcmp(finding->status, PGB_FOUND_OK) != 0 &&
		strcmp(finding->status, PGB_FOUND_UNCHECKED) != 0;
}

static void
add(PgbFindings *findings, const char *object, const char *status, const char *detail)
{
	MemoryContext old = MemoryContextSwitchTo(findings->context);
	PgbFinding *finding = palloc(sizeof(PgbFinding));

	finding->object = pstrdup(object);
	finding->status = pstrdup(status);
	finding->detail = pstrdup(detail);
	findings->list = lappend(findings->list, finding);
	MemoryContextSwitchTo(old);
}

void
pgb_findings_add(PgbFindings *findings, const char *backup, const char *object,
				 const char *status, const char *detail)
{
	add(findings, object == NULL ? backup : psprintf("%s/%s", backup, object), status, detail);

	/* the row of the backup itself only sums up those before it */
	if (object != NULL && is_problem(llast(findings->list)))
		findings->problems++;
}

const PgbFinding *
pgb_findings_first_problem(const PgbFindings *findings)
{
	ListCell   *lc;

	foreach(lc, findings->list)
	{
		const PgbFinding *finding = lfirst(lc);

		if (is_problem(finding))
			return finding;
	}
	return NULL;
}

/* ---- from the job to who waits ---- */

void
pgb_findings_store(const PgbFindings *findings, const char *directory)
{
	char	   *path = psprintf("%s/%s", directory, FINDINGS_FILE);
	StringInfoData out;
	PgbJsonWriter w;
	ListCell   *lc;

	initStringInfo(&out);
	pgb_json_begin(&w, &out, false);
	pgb_json_object(&w, NULL);
	pgb_json_array(&w, "findings");
	foreach(lc, findings->list)
	{
		const PgbFinding *finding = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		pgb_json_inline_object(&w, NULL);
		pgb_json_string(&w, "object", pgb_to_utf8(finding->object));
		pgb_json_string(&w, "status", finding->status);
		pgb_json_string(&w, "detail", pgb_to_utf8(finding->detail));
		pgb_json_end_inline_object(&w);
	}
	pgb_json_end_array(&w);
	pgb_json_end_object(&w);
	pgb_target_write(path, S_IRUSR | S_IWUSR, out.data, out.len, true);
}

bool
pgb_findings_load(PgbFindings *findings, const char *directory)
{
	char	   *path = psprintf("%s/%s", directory, FINDINGS_FILE);
	size_t		length;
	char	   *text = pgb_target_read(path, FINDINGS_LIMIT, &length);
	PgbJson    *array;

	if (text == NULL)
		return false;
	array = pgb_json_get_array(pgb_json_parse(text, length, path), "findings", path);
	for (uint32 i = 0; array != NULL && i < array->count; i++)
	{
		const PgbJson *finding = array->values[i];

		CHECK_FOR_INTERRUPTS();
		add(findings, pgb_from_utf8(pgb_json_need_string(finding, "object", path)),
			pgb_json_need_string(finding, "status", path),
			pgb_from_utf8(pgb_json_need_string(finding, "detail", path)));
	}
	return true;
}
