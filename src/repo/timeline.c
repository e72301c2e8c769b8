/*-------------------------------------------------------------------------
 *
 * timeline.c
 *	  The history of a timeline: where its WAL comes from.
 *
 * src/repo/timeline.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/timeline.h"

#include "repo/wal.h"

/* ---- parsing ---- */

pg_noreturn static void raise_damage(const char *what, int line, const char *problem);

static void
raise_damage(const char *what, int line, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("timeline history \"%s\" is damaged", what),
			 errdetail("Line %d %s.", line, problem),
			 errhint("Put back the file as the server has archived it; it may still be in pg_wal of a server on this timeline.")));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *
skip_blanks(const char *text)
{
	while (is_blank(*text))
		text++;
	return text;
}

/* Digits of a base that fit into 32 bits; NULL when there are none. */
static const char *
scan_uint32(const char *text, int base, uint32 *value)
{
	static const char digits[] = "0123456789abcdef";
	const char *start = text;
	uint64		sum = 0;

	for (; *text != '\0'; text++)
	{
		const char *digit = memchr(digits, pg_tolower((unsigned char) *text), base);

		if (digit == NULL)
			break;
		sum = sum * base + (digit - digits);
		if (sum > PG_UINT32_MAX)
			return NULL;
	}
	*value = (uint32) sum;
	return text > start ? text : NULL;
}

/* "timeline <blanks> X/X", and after that the reason, which is for people. */
static bool
scan_line(const char *line, uint32 *timeline, uint64 *end)
{
	uint32		high;
	uint32		low;

	line = scan_uint32(line, 10, timeline);
	if (line == NULL || !is_blank(*line))
		return false;
	line = scan_uint32(skip_blanks(line), 16, &high);
	if (line == NULL || *line != '/')
		return false;
	line = scan_uint32(line + 1, 16, &low);
	if (line == NULL || (*line != '\0' && !is_blank(*line)))
		return false;
	*end = (uint64) high << 32 | low;
	return true;
}

static void
add_span(PgbTimelineHistory *history, uint32 timeline, uint64 end)
{
	int			n = history->count++;
	PgbTimelineSpan *span;

	history->spans = n == 0 ? palloc(sizeof(PgbTimelineSpan)) :
		repalloc(history->spans, history->count * sizeof(PgbTimelineSpan));
	span = &history->spans[n];
	span->timeline = timeline;
	span->begin = n == 0 ? 0 : history->spans[n - 1].end;
	span->end = end;
}

/* Ancestors have ascending numbers, and each forks off after its parent did. */
static void
add_ancestor(PgbTimelineHistory *history, uint32 timeline, uint64 end, const char *what, int line)
{
	const PgbTimelineSpan *last =
		history->count > 0 ? &history->spans[history->count - 1] : NULL;

	if (timeline == 0 || (last != NULL && timeline <= last->timeline))
		raise_damage(what, line, "has a timeline out of order");
	if (last != NULL && end < last->end)
		raise_damage(what, line, "has a fork before that of its parent");
	add_span(history, timeline, end);
}

PgbTimelineHistory *
pgb_timeline_parse(uint32 timeline, const char *text, size_t length, const char *what)
{
	PgbTimelineHistory *history = palloc0(sizeof(PgbTimelineHistory));
	char	   *copy = pnstrdup(text, length);
	char	   *next = copy;
	int			number = 0;

	if (strlen(copy) != length)
		raise_damage(what, 1, "or one after it holds a zero byte");
	while (next != NULL)
	{
		const char *line = next;
		uint32		ancestor;
		uint64		end;

		number++;
		next = strchr(next, '\n');
		if (next != NULL)
			*next++ = '\0';

		line = skip_blanks(line);
		if (*line == '\0' || *line == '#')
			continue;
		if (!scan_line(line, &ancestor, &end))
			raise_damage(what, number, "is not a timeline and an LSN");
		if (ancestor >= timeline)
			raise_damage(what, number, "has a timeline that is not older than its child");
		add_ancestor(history, ancestor, end, what, number);
	}
	add_span(history, timeline, PG_UINT64_MAX);
	pfree(copy);
	return history;
}

/* ---- the archive ---- */

static bool
has_folder(PgbRepository *repository, uint32 timeline)
{
	for (uint32 *known = pgb_wal_timelines(repository); *known != 0; known++)
	{
		if (*known == timeline)
			return true;
	}
	return false;
}

/* A dead archiver may have made the folder, and no more. */
static bool
is_empty_folder(PgbRepository *repository, uint32 timeline)
{
	char	   *folder = pgb_wal_timeline_folder(repository->system_identifier, timeline);

	return *repository->store->ops->list(repository->store, folder) == NULL;
}

static char *
describe_timelines(PgbRepository *repository)
{
	StringInfoData text;

	initStringInfo(&text);
	for (uint32 *known = pgb_wal_timelines(repository); *known != 0; known++)
		appendStringInfo(&text, "%s%u", text.len > 0 ? ", " : "", *known);
	return text.data;
}

pg_noreturn static void raise_unknown(PgbRepository *repository, uint32 timeline);

static void
raise_unknown(PgbRepository *repository, uint32 timeline)
{
	char	   *known = describe_timelines(repository);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("the repository has nothing of timeline %u", timeline),
			 known[0] != '\0' ?
			 errhint("There is WAL of these timelines: %s.", known) :
			 errhint("It has no WAL of cluster " UINT64_FORMAT " at all: set archive_library to 'pgbackup' in its server.",
					 repository->system_identifier)));
}

PgbTimelineHistory *
pgb_timeline_read(PgbRepository *repository, uint32 timeline)
{
	PgbWalName	name;
	char	   *text = NULL;
	size_t		length = 0;

	if (!pgb_wal_name_parse(psprintf("%08X.history", timeline), 0, &name) ||
		((text = pgb_wal_read_text(repository, &name, &length)) == NULL &&
		 timeline > 1 && !has_folder(repository, timeline)))
		raise_unknown(repository, timeline);
	return pgb_timeline_parse(timeline, text != NULL ? text : "", length,
							  pgb_wal_object_name(repository, &name));
}

uint32
pgb_timeline_newest(PgbRepository *repository)
{
	uint32		newest = 0;

	for (uint32 *known = pgb_wal_timelines(repository); *known != 0; known++)
	{
		if (!is_empty_folder(repository, *known))
			newest = *known;
	}
	return newest;
}

/* ---- questions ---- */

bool
pgb_timeline_includes(const PgbTimelineHistory *history, uint32 timeline, uint64 lsn)
{
	for (int i = 0; i < history->count; i++)
	{
		const PgbTimelineSpan *span = &history->spans[i];

		if (span->timeline == timeline)
			return lsn >= span->begin && lsn <= span->end;
	}
	return false;
}
