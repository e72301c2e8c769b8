/*-------------------------------------------------------------------------
 *
 * frame.c
 *	  The frames of a file, and their table at its end.
 *
 * src/io/frame.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "io/frame.h"

/* ---- the list ---- */

void
pgb_frames_init(PgbFrameList *list)
{
	memset(list, 0, sizeof(PgbFrameList));
}

void
pgb_frames_add(PgbFrameList *list, const PgbFrame *frame)
{
	PgbFrame   *added;

	if (list->count == list->allocated)
	{
		uint32		allocated = list->allocated == 0 ? 4 : list->allocated * 2;
		size_t		size = allocated * sizeof(PgbFrame);

		if (list->frames == NULL)
			list->frames = palloc(size);
		else
			list->frames = repalloc_huge(list->frames, size);
		list->allocated = allocated;
	}

	added = &list->frames[list->count];
	*added = *frame;
	added->offset = 0;
	if (list->count > 0)
		added->offset = added[-1].offset + added[-1].stored_bytes;
	list->count++;
}

/* ---- the seek table ---- */

#define SKIPPABLE_MAGIC		0x184D2A5E
#define SEEKABLE_MAGIC		0x8F92EAB1
#define SEEK_FOOTER_SIZE	9
#define SEEK_ENTRY_SIZE		8
#define SEEK_MAX_FRAMES		0x8000000

static void
append_le32(StringInfo out, uint32 value)
{
	for (int shift = 0; shift < 32; shift += 8)
		appendStringInfoCharMacro(out, (char) ((value >> shift) & 0xFF));
}

/* It has 32 bits for a length; the manifest, which readers use, has 64. */
static bool
fits_seek_table(const PgbFrameList *frames)
{
	if (frames->count > SEEK_MAX_FRAMES / SEEK_ENTRY_SIZE)
		return false;
	for (uint32 i = 0; i < frames->count; i++)
	{
		if (frames->frames[i].stored_bytes > PG_UINT32_MAX ||
			frames->frames[i].raw_bytes > PG_UINT32_MAX)
			return false;
	}
	return true;
}

void
pgb_seek_table_append(StringInfo out, const PgbFrameList *frames)
{
	if (!fits_seek_table(frames))
		return;

	append_le32(out, SKIPPABLE_MAGIC);
	append_le32(out, frames->count * SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE);
	for (uint32 i = 0; i < frames->count; i++)
	{
		append_le32(out, (uint32) frames->frames[i].stored_bytes);
		append_le32(out, (uint32) frames->frames[i].raw_bytes);
	}
	append_le32(out, frames->count);
	appendStringInfoChar(out, 0);	/* no checksums */
	append_le32(out, SEEKABLE_MAGIC);
}
