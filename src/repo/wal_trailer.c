/*-------------------------------------------------------------------------
 *
 * wal_trailer.c
 *	  The trailer of a WAL file's object: what is in it, and how to check it.
 *
 * src/repo/wal_trailer.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#include "io/digest.h"
#include "io/json.h"
#include "io/utf8.h"

#define SKIPPABLE_MAGIC		0x184D2A5B
#define SKIPPABLE_HEADER	8
#define END_MAGIC			"pgbwal01"
#define END_MAGIC_LENGTH	8

/* Of the JSON: each restore point takes some 200 bytes at most, each frame 40. */
#define JSON_LIMIT			(2 * 1024 * 1024)

/* What one frame may need of memory, whoever has written it. */
#define FRAME_RAW_LIMIT		(4 * PGB_FRAME_TARGET)
#define FRAME_STORED_LIMIT	(FRAME_RAW_LIMIT + 1024 * 1024)

void
pgb_wal_damaged(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("\"%s\" is damaged", what),
			 errdetail("%s", detail),
			 errhint(PGB_HINT_DAMAGED_WAL)));
}

/* ---- bytes ---- */

static void
append_le32(StringInfo out, uint32 value)
{
	for (int shift = 0; shift < 32; shift += 8)
		appendStringInfoCharMacro(out, (char) ((value >> shift) & 0xFF));
}

static uint32
read_le32(const char *data)
{
	const unsigned char *bytes = (const unsigned char *) data;

	return bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | ((uint32) bytes[3] << 24);
}

/* ---- writing ---- */

/* A name is in the encoding of some database: as UTF-8 if it is that, else byte by byte. */
static void
write_point_name(PgbJsonWriter *w, const char *name)
{
	StringInfoData hex;
	const char *next = name;
	int			length;

	while (*next != '\0' && (length = pgb_utf8_length(next)) > 0)
		next += length;
	if (*next == '\0')
	{
		pgb_json_string(w, "name", name);
		return;
	}

	initStringInfo(&hex);
	for (const unsigned char *c = (const unsigned char *) name; *c != '\0'; c++)
		appendStringInfo(&hex, "%02x", *c);
	pgb_json_string(w, "name_bytes", hex.data);
	pfree(hex.data);
}

static void
write_points(PgbJsonWriter *w, const PgbWalFacts *facts)
{
	pgb_json_array(w, "restore_points");
	for (int i = 0; i < facts->npoints; i++)
	{
		const PgbRestorePoint *point = &facts->points[i];

		pgb_json_inline_object(w, NULL);
		write_point_name(w, point->name);
		pgb_json_string(w, "lsn", pgb_lsn_to_text(point->lsn));
		pgb_json_string(w, "at", pgb_time_to_text(point->at));
		pgb_json_end_inline_object(w);
	}
	pgb_json_end_array(w);
}

static void
write_moment(PgbJsonWriter *w, const char *name, int64 moment)
{
	if (moment == 0)
		pgb_json_null(w, name);
	else
		pgb_json_string(w, name, pgb_time_to_text(moment));
}

static void
write_frames(PgbJsonWriter *w, const PgbFrameList *frames)
{
	pgb_json_array(w, "frames");
	for (uint32 i = 0; i < frames->count; i++)
	{
		pgb_json_inline_array(w, NULL);
		pgb_json_uint64(w, NULL, frames->frames[i].stored_bytes);
		pgb_json_uint64(w, NULL, frames->frames[i].raw_bytes);
		pgb_json_string(w, NULL, pgb_crc_to_text(frames->frames[i].crc));
		pgb_json_end_inline_array(w);
	}
	pgb_json_end_array(w);
}

/* What says how long the file is.  Of a segment it also says what its number means. */
static const char *
size_member(const PgbWalName *name)
{
	return pgb_wal_is_segment(name) ? "segment_size" : "size";
}

static uint64
size_limit(const PgbWalName *name)
{
	return pgb_wal_is_segment(name) ? PG_UINT32_MAX : PGB_WAL_TEXT_LIMIT;
}

static void
write_json(StringInfo out, const PgbWalName *name, const PgbWalTrailer *trailer)
{
	const PgbWalFacts *facts = &trailer->facts;
	PgbJsonWriter w;

	pgb_json_begin(&w, out, true);
	pgb_json_object(&w, NULL);
	pgb_json_string(&w, "name", name->text);
	pgb_json_string(&w, "system_identifier", psprintf(UINT64_FORMAT, facts->system_identifier));
	pgb_json_uint64(&w, "timeline", facts->timeline);
	pgb_json_uint64(&w, size_member(name), facts->segment_size);
	pgb_json_string(&w, "crc", pgb_crc_to_text(trailer->crc));
	pgb_json_string(&w, "raw_crc", pgb_crc_to_text(facts->raw_crc));
	write_frames(&w, &trailer->frames);
	if (facts->scanned)
	{
		pgb_json_inline_object(&w, "scan");
		write_moment(&w, "first_commit", facts->first_commit);
		write_moment(&w, "last_commit", facts->last_commit);
		pgb_json_end_inline_object(&w);
		write_points(&w, facts);
	}
	pgb_json_end_object(&w);
}

void
pgb_wal_trailer_append(StringInfo out, const PgbWalName *name, const PgbWalTrailer *trailer)
{
	StringInfoData json;

	initStringInfo(&json);
	write_json(&json, name, trailer);
	Assert(json.len <= JSON_LIMIT);

	append_le32(out, SKIPPABLE_MAGIC);
	append_le32(out, json.len + PGB_WAL_TRAILER_END);
	appendBinaryStringInfo(out, json.data, json.len);
	append_le32(out, json.len);
	append_le32(out, pgb_crc32c(json.data, json.len));
	appendBinaryStringInfo(out, END_MAGIC, END_MAGIC_LENGTH);
	pfree(json.data);
}

/* ---- reading ---- */

size_t
pgb_wal_trailer_length(const char *end, uint64 object_size, const char *what)
{
	uint32		json_length = read_le32(end);

	if (memcmp(end + 8, END_MAGIC, END_MAGIC_LENGTH) != 0)
		pgb_wal_damaged(what, "It does not end with the trailer of an archived WAL file.");
	if (json_length > JSON_LIMIT ||
		json_length + SKIPPABLE_HEADER + PGB_WAL_TRAILER_END > object_size)
		pgb_wal_damaged(what, "The length of its trailer is out of range.");
	return SKIPPABLE_HEADER + json_length + PGB_WAL_TRAILER_END;
}

static uint64
need_number(const PgbJson *json, uint64 max, const char *what)
{
	uint64		value = pgb_json_to_uint64(json, what);

	if (value > max)
		pgb_wal_damaged(what, "A number in its trailer is out of range.");
	return value;
}

static void
parse_frames(const PgbJson *json, PgbWalTrailer *trailer, const char *what)
{
	PgbJson    *list = pgb_json_get_array(json, "frames", what);

	pgb_frames_init(&trailer->frames);
	for (uint32 i = 0; list != NULL && i < list->count; i++)
	{
		PgbJson    *item = list->values[i];
		PgbFrame	frame = {0};

		if (item->type != PGB_JSON_ARRAY || item->count != 3 ||
			item->values[2]->type != PGB_JSON_STRING)
			pgb_wal_damaged(what, "A frame is not described as it should be.");
		frame.stored_bytes = need_number(item->values[0], FRAME_STORED_LIMIT, what);
		frame.raw_bytes = need_number(item->values[1], FRAME_RAW_LIMIT, what);
		frame.crc = pgb_crc_from_text(item->values[2]->text, what);
		pgb_frames_add(&trailer->frames, &frame);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
parse_point_name(const PgbJson *json, PgbRestorePoint *point, const char *what)
{
	const char *name = pgb_json_get_string(json, "name", what);
	const char *hex;
	size_t		length;

	if (name != NULL)
	{
		if (strlcpy(point->name, name, sizeof(point->name)) >= sizeof(point->name))
			pgb_wal_damaged(what, "The name of a restore point is too long.");
		return;
	}

	hex = pgb_json_need_string(json, "name_bytes", what);
	length = strlen(hex);
	if (length / 2 >= sizeof(point->name) || length % 2 != 0)
		pgb_wal_damaged(what, "The name of a restore point is too long.");
	for (size_t i = 0; i < length; i += 2)
	{
		int			high = hex_digit(hex[i]);
		int			low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0)
			pgb_wal_damaged(what, "The name of a restore point cannot be read.");
		point->name[i / 2] = (char) (high << 4 | low);
	}
	point->name[length / 2] = '\0';
}

static int64
get_moment(const PgbJson *json, const char *name, const char *what)
{
	const char *text = pgb_json_get_string(json, name, what);

	return text == NULL ? 0 : pgb_time_from_text(text, what);
}

static void
parse_scan(const PgbJson *json, PgbWalFacts *facts, const char *what)
{
	PgbJson    *scan = pgb_json_get_object(json, "scan", what);
	PgbJson    *points = pgb_json_get_array(json, "restore_points", what);

	facts->scanned = (scan != NULL);
	if (!facts->scanned)
		return;
	facts->first_commit = get_moment(scan, "first_commit", what);
	facts->last_commit = get_moment(scan, "last_commit", what);
	if (points == NULL || points->count == 0)
		return;

	facts->points = palloc0(points->count * sizeof(PgbRestorePoint));
	facts->npoints = points->count;
	for (int i = 0; i < facts->npoints; i++)
	{
		PgbRestorePoint *point = &facts->points[i];

		parse_point_name(points->values[i], point, what);
		point->lsn = pgb_lsn_from_text(pgb_json_need_string(points->values[i], "lsn", what), what);
		point->at = get_moment(points->values[i], "at", what);
	}
}

/* Must be called with the trailer's frames parsed. */
static void
check_sums(const PgbWalTrailer *trailer, uint64 frames_size, const char *what)
{
	uint64		stored = 0;
	uint64		raw = 0;
	uint32		crc = 0;

	for (uint32 i = 0; i < trailer->frames.count; i++)
	{
		const PgbFrame *frame = &trailer->frames.frames[i];

		stored += frame->stored_bytes;
		raw += frame->raw_bytes;
		crc = pgb_crc32c_combine(crc, frame->crc, frame->stored_bytes);
	}
	if (stored != frames_size)
		pgb_wal_damaged(what, psprintf("Its frames are %llu bytes long, but should be %llu.",
									   (unsigned long long) frames_size,
									   (unsigned long long) stored));
	if (raw != trailer->facts.segment_size || crc != trailer->crc)
		pgb_wal_damaged(what, "Its trailer contradicts itself.");
}

static void
check_name(const PgbJson *json, const PgbWalName *name, const char *what)
{
	const char *stored_as = pgb_json_need_string(json, "name", what);

	if (strcmp(stored_as, name->text) != 0)
		pgb_wal_damaged(what, psprintf("It is the object of \"%s\".", stored_as));
}

PgbWalTrailer *
pgb_wal_trailer_parse(const char *data, size_t length, uint64 object_size,
					  const PgbWalName *name, const char *what)
{
	PgbWalTrailer *trailer = palloc0(sizeof(PgbWalTrailer));
	PgbWalFacts *facts = &trailer->facts;
	const char *json_text = data + SKIPPABLE_HEADER;
	size_t		json_length = length - SKIPPABLE_HEADER - PGB_WAL_TRAILER_END;
	PgbJson    *json;
	PgbWalName	ignored;

	Assert(length >= SKIPPABLE_HEADER + PGB_WAL_TRAILER_END);
	if (read_le32(data) != SKIPPABLE_MAGIC ||
		read_le32(data + 4) != json_length + PGB_WAL_TRAILER_END)
		pgb_wal_damaged(what, "Its trailer does not begin as it should.");
	if (pgb_crc32c(json_text, json_length) != read_le32(json_text + json_length + 4))
		pgb_wal_damaged(what, "The CRC-32C of its trailer is wrong.");

	json = pgb_json_parse(json_text, json_length, what);
	check_name(json, name, what);
	if (!pgb_cluster_from_folder(pgb_json_need_string(json, "system_identifier", what),
								 &facts->system_identifier))
		pgb_wal_damaged(what, "Its system identifier is none.");
	facts->timeline = need_number(pgb_json_get(json, "timeline"), PG_UINT32_MAX, what);
	facts->segment_size = need_number(pgb_json_get(json, size_member(name)), size_limit(name), what);
	facts->raw_crc = pgb_crc_from_text(pgb_json_need_string(json, "raw_crc", what), what);
	facts->stored_bytes = object_size;
	trailer->crc = pgb_crc_from_text(pgb_json_need_string(json, "crc", what), what);
	if (facts->timeline != name->timeline || facts->segment_size == 0 ||
		(pgb_wal_is_segment(name) && !pgb_wal_name_parse(name->text, facts->segment_size, &ignored)))
		pgb_wal_damaged(what, "Its trailer does not fit its name.");

	parse_frames(json, trailer, what);
	parse_scan(json, facts, what);
	check_sums(trailer, object_size - length, what);
	return trailer;
}
