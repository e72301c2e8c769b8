/*-------------------------------------------------------------------------
 *
 * fuzz_text.c
 *	  Short texts: names and values in a repository, and what people write.
 *
 * test/fuzz/fuzz_text.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include "cli/cli.h"
#include "io/json.h"
#include "repo/timeline.h"
#include "repo/wal.h"
#include "sandbox/instructions.h"
#include "server/cron.h"
#include "server/retention/policy.h"

/* ---- JSON: what was read can be written, and comes back ---- */

static char *
json_text(const PgbJson *json)
{
	StringInfoData text;
	PgbJsonWriter w;

	initStringInfo(&text);
	pgb_json_begin(&w, &text, false);
	pgb_json_value(&w, NULL, json);
	return text.data;
}

void
fuzz_json(const char *data, size_t length)
{
	PgbJson    *json = pgb_json_parse(data, length, "input");
	char	   *text = json_text(json);
	PgbJson    *again = pgb_json_parse(text, strlen(text), "output");

	fuzz_check(strcmp(json_text(again), text) == 0);
	pgb_json_free(json);
	pgb_json_free(again);
}

/* ---- values ---- */

/* The first byte chooses which. */
void
fuzz_values(const char *data, size_t length)
{
	const char *text = fuzz_text(data, length);

	if (text[0] == '\0')
		return;
	switch (*text++)
	{
		case 't':
			fuzz_check(strcmp(pgb_time_to_text(pgb_time_from_text(text, "input")), text) == 0);
			break;
		case 'l':
			{
				uint64		lsn = pgb_lsn_from_text(text, "input");

				fuzz_check(pgb_lsn_from_text(pgb_lsn_to_text(lsn), "output") == lsn);
			}
			break;
		case 'c':
			fuzz_check(pg_strcasecmp(pgb_crc_to_text(pgb_crc_from_text(text, "input")), text) == 0);
			break;
		case 'b':
			fuzz_check(strcmp(pgb_bytes_to_text(pgb_bytes_from_text(text, "input")), text) == 0);
			break;
		default:
			fuzz_check(strcmp(pgb_bytes_from_text(pgb_bytes_to_text(text), "output"), text) == 0);
			break;
	}
}

/* ---- names ---- */

void
fuzz_names(const char *data, size_t length)
{
	static const uint32 sizes[] = {0, 1024 * 1024, 16 * 1024 * 1024, 1024 * 1024 * 1024, 12345};
	const char *text = fuzz_text(data, length);
	PgbRepository *repository = fuzz_repository();
	uint64		cluster;

	for (int i = 0; i < lengthof(sizes); i++)
	{
		PgbWalName	name;
		PgbWalName	again;

		if (!pgb_wal_name_parse(text, sizes[i], &name))
			continue;
		fuzz_check(strcmp(name.text, text) == 0);
		fuzz_check(strchr(text, '/') == NULL);
		(void) pgb_wal_object_name(repository, &name);
		if (name.kind != PGB_WAL_SEGMENT || sizes[i] == 0)
			continue;
		pgb_wal_segment_name(&again, name.timeline, name.number, sizes[i]);
		fuzz_check(strcmp(again.text, text) == 0);
	}
	if (pgb_id_is_valid(text))
		(void) pgb_id_moment(text);
	if (pgb_file_name_is_valid(text))
		fuzz_check(strchr(text, '/') == NULL && strcmp(text, "..") != 0 && text[0] != '\0');
	if (pgb_cluster_from_folder(text, &cluster))
		fuzz_check(strcmp(pgb_cluster_folder(cluster), text) == 0);
}

/* ---- timelines ---- */

void
fuzz_timeline(const char *data, size_t length)
{
	PgbTimelineHistory *history = pgb_timeline_parse(1000, data, length, "input");

	fuzz_check(history->count > 0 && history->spans[0].begin == 0);
	fuzz_check(history->spans[history->count - 1].timeline == 1000);
	for (int i = 1; i < history->count; i++)
	{
		fuzz_check(history->spans[i].begin == history->spans[i - 1].end);
		fuzz_check(history->spans[i].timeline > history->spans[i - 1].timeline);
		fuzz_check(history->spans[i].end >= history->spans[i].begin);
	}
	fuzz_check(pgb_timeline_includes(history, 1000, PG_UINT64_MAX - 1));
}

/* ---- schedules, policies ---- */

#define NOVEMBER	INT64CONST(1793449203)	/* 2026 */

/* An hour comes and goes, as in the zones of many: at a full hour, as in all of them. */
static int
zone_offset(void *zone, int64 moment)
{
	int64		change = NOVEMBER - NOVEMBER % 3600 + 3600;

	return moment >= change && moment < change + 86400 * 100 ? 3600 : 7200;
}

void
fuzz_cron(const char *data, size_t length)
{
	PgbCron		cron;
	int64		moment = NOVEMBER;

	pgb_cron_parse(fuzz_text(data, length), &cron);
	fuzz_check(cron.minutes != 0 && cron.hours != 0 && cron.months != 0);
	for (int i = 0; i < 5; i++)
	{
		int64		next;

		fuzz_check(pgb_cron_next(&cron, moment, zone_offset, NULL, &next));
		fuzz_check(next > moment && next % 60 == 0);
		moment = next;
	}
}

void
fuzz_policy(const char *data, size_t length)
{
	PgbPolicy	policy;
	char	   *problem = pgb_policy_parse(fuzz_text(data, length), &policy);

	if (problem != NULL)
	{
		fuzz_check(problem[0] != '\0');
		return;
	}
	fuzz_check(policy.last >= 0 && policy.last <= PGB_POLICY_MAX);
	for (int i = 0; i < PGB_PERIODS; i++)
		fuzz_check(policy.periods[i] >= 0 && policy.periods[i] <= PGB_POLICY_MAX);
}

void
fuzz_moment(const char *data, size_t length)
{
	int64		moment;

	if (cli_parse_moment(fuzz_text(data, length), &moment))
		(void) cli_time(moment);
}

/* ---- what a sandbox reads at its start ---- */

void
fuzz_instructions(const char *data, size_t length)
{
	PgbInstructions instructions = {0};
	PgbInstructions again = {0};
	StringInfoData text;

	if (pgb_instructions_parse(fuzz_text(data, length), &instructions) != NULL)
		return;
	for (uint32 i = 1; i < instructions.ndenied; i++)
		fuzz_check(pgb_instructions_compare(&instructions.denied[i - 1], &instructions.denied[i]) <= 0);
	(void) pgb_instructions_want(&instructions, 1663, 5, 16384);

	initStringInfo(&text);
	pgb_instructions_write(&text, &instructions);
	fuzz_check(pgb_instructions_parse(text.data, &again) == NULL);
	fuzz_check(again.ndatabases == instructions.ndatabases && again.ndenied == instructions.ndenied);
}
