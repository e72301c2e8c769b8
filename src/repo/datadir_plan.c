/*-------------------------------------------------------------------------
 *
 * datadir_plan.c
 *	  Which frames a data directory needs, and what of them goes where.
 *
 * Files are cut into pieces, each of which lies in one frame.  The pieces in the
 * order of the packs are what a worker meets while it decompresses.
 *
 * src/repo/datadir_plan.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/datadir.h"

pg_noreturn static void inconsistent(const PgbDataDir *plan, const PgbFile *file,
									 const char *detail);

/* The list has its own checksum, so this is a mistake of whoever wrote it. */
static void
inconsistent(const PgbDataDir *plan, const PgbFile *file, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the file list of backup \"%s\" is inconsistent at \"%s\"",
					plan->manifest->id, file->path),
			 errdetail("%s", detail),
			 errhint(PGB_HINT_DAMAGED)));
}

/* ---- what is wanted ---- */

static void
choose(PgbDataDir *plan)
{
	const PgbDataDirOptions *options = &plan->options;

	plan->wanted = palloc_extended(Max(plan->list->count, 1) * sizeof(bool), MCXT_ALLOC_HUGE);
	for (int i = 0; i < plan->list->count; i++)
	{
		const PgbFile *file = &plan->list->files[i];

		CHECK_FOR_INTERRUPTS();
		plan->wanted[i] = strcmp(file->path, PGB_CONTROL_PATH) != 0 &&
			(options->wants == NULL || options->wants(file, options->wants_arg));
		if (plan->wanted[i] && file->type == PGB_FILE_REGULAR)
			plan->bytes += file->size;
	}
}

/* ---- extents, in the order of the packs ---- */

static PgbPiece *
collect_extents(const PgbDataDir *plan, size_t *count)
{
	size_t		allocated = 0;
	PgbPiece   *extents;

	for (int i = 0; i < plan->list->count; i++)
		allocated += plan->wanted[i] ? plan->list->files[i].nextents : 0;
	extents = palloc_extended(Max(allocated, 1) * sizeof(PgbPiece), MCXT_ALLOC_HUGE);

	*count = 0;
	for (int i = 0; i < plan->list->count; i++)
	{
		const PgbFile *file = &plan->list->files[i];
		uint64		offset = 0;

		CHECK_FOR_INTERRUPTS();
		if (!plan->wanted[i] || file->type != PGB_FILE_REGULAR)
			continue;
		for (int e = 0; e < file->nextents; e++)
		{
			const PgbExtent *extent = &file->extents[e];
			PgbPiece   *piece;

			if (extent->length == 0)
				continue;
			if (extent->length > file->size - offset)
				inconsistent(plan, file, "Its extents are longer than the file.");
			piece = &extents[(*count)++];
			memset(piece, 0, sizeof(PgbPiece));
			piece->file = i;
			piece->pack = extent->pack;
			piece->pack_offset = extent->pack_offset;
			piece->file_offset = offset;
			piece->length = extent->length;
			offset += extent->length;
		}
		if (offset != file->size)
			inconsistent(plan, file, "Its extents are shorter than the file.");
	}
	return extents;
}

static int
compare_places(const void *a, const void *b)
{
	const PgbPiece *one = a;
	const PgbPiece *two = b;

	if (one->pack != two->pack)
		return one->pack < two->pack ? -1 : 1;
	if (one->pack_offset != two->pack_offset)
		return one->pack_offset < two->pack_offset ? -1 : 1;
	return 0;
}

/* ---- pieces and items ---- */

/* Where cutting has come to: a frame of a pack. */
typedef struct Cutter
{
	PgbDataDir *plan;
	size_t		allocated_pieces;
	size_t		allocated_items;
	uint16		pack;			/* 0: none yet */
	const PgbStoredFile *file;	/* of the pack */
	uint32		frame;
	uint64		raw_offset;		/* of the frame in the content of the pack */
	uint64		used_to;		/* content of the pack that has been given to a piece */
} Cutter;

static void *
enlarge(void *array, size_t used, size_t *allocated, size_t size)
{
	if (used < *allocated)
		return array;
	*allocated = Max(*allocated * 2, 64);
	if (array == NULL)
		return palloc_extended(*allocated * size, MCXT_ALLOC_HUGE);
	return repalloc_huge(array, *allocated * size);
}

static void
enter_pack(Cutter *cutter, const PgbPiece *extent)
{
	cutter->pack = extent->pack;
	cutter->file = pgb_manifest_file(cutter->plan->manifest, pgb_pack_name(extent->pack));
	cutter->frame = 0;
	cutter->raw_offset = 0;
	cutter->used_to = 0;
	if (cutter->file == NULL)
		inconsistent(cutter->plan, &cutter->plan->list->files[extent->file],
					 psprintf("The manifest has no \"%s\".", pgb_pack_name(extent->pack)));
}

/* Goes on to the frame that holds an offset. */
static const PgbFrame *
enter_frame(Cutter *cutter, const PgbPiece *extent, uint64 offset)
{
	const PgbFrameList *frames = &cutter->file->frames;

	while (cutter->frame < frames->count &&
		   offset - cutter->raw_offset >= frames->frames[cutter->frame].raw_bytes)
		cutter->raw_offset += frames->frames[cutter->frame++].raw_bytes;
	if (cutter->frame >= frames->count)
		inconsistent(cutter->plan, &cutter->plan->list->files[extent->file],
					 psprintf("\"%s\" is too short for it.", cutter->file->name));
	return &frames->frames[cutter->frame];
}

/* The item of the frame that has been entered: the last one, or a new one. */
static PgbDataDirItem *
item_of_frame(Cutter *cutter)
{
	PgbDataDir *plan = cutter->plan;
	PgbDataDirItem *item;

	if (plan->nitems > 0)
	{
		item = &plan->items[plan->nitems - 1];
		if (item->pack == cutter->pack && item->frame == cutter->frame)
			return item;
	}

	plan->items = enlarge(plan->items, plan->nitems, &cutter->allocated_items,
						  sizeof(PgbDataDirItem));
	item = &plan->items[plan->nitems++];
	item->pack = cutter->pack;
	item->frame = cutter->frame;
	item->raw_offset = cutter->raw_offset;
	item->first_piece = plan->npieces;
	item->npieces = 0;
	return item;
}

static void
add_piece(Cutter *cutter, const PgbPiece *piece)
{
	PgbDataDir *plan = cutter->plan;

	if (plan->npieces == PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("backup \"%s\" has too many files", plan->manifest->id)));
	plan->pieces = enlarge(plan->pieces, plan->npieces, &cutter->allocated_pieces,
						   sizeof(PgbPiece));
	item_of_frame(cutter)->npieces++;
	plan->pieces[plan->npieces++] = *piece;
}

/* Cuts one extent where frames end. */
static void
cut(Cutter *cutter, PgbPiece rest)
{
	const PgbFile *file = &cutter->plan->list->files[rest.file];

	if (rest.pack != cutter->pack)
		enter_pack(cutter, &rest);
	if (rest.pack_offset < cutter->used_to)
		inconsistent(cutter->plan, file, "It shares its content with another file.");

	while (rest.length > 0)
	{
		const PgbFrame *frame = enter_frame(cutter, &rest, rest.pack_offset);
		uint64		frame_end = cutter->raw_offset + frame->raw_bytes;
		PgbPiece	piece = rest;

		CHECK_FOR_INTERRUPTS();
		piece.length = Min(rest.length, frame_end - rest.pack_offset);
		piece.is_whole = piece.length == file->size;
		add_piece(cutter, &piece);
		rest.pack_offset += piece.length;
		rest.file_offset += piece.length;
		rest.length -= piece.length;
	}
	cutter->used_to = rest.pack_offset;
}

PgbDataDir *
pgb_datadir_plan(PgbRepository *repository, const PgbManifest *manifest,
				 const PgbFileList *list, const PgbDataDirOptions *options)
{
	PgbDataDir *plan = palloc0(sizeof(PgbDataDir));
	Cutter		cutter = {plan};
	PgbPiece   *extents;
	size_t		count;

	plan->repository = repository;
	plan->manifest = manifest;
	plan->list = list;
	plan->options = *options;

	choose(plan);
	extents = collect_extents(plan, &count);
	qsort(extents, count, sizeof(PgbPiece), compare_places);
	for (size_t i = 0; i < count; i++)
		cut(&cutter, extents[i]);
	pfree(extents);
	return plan;
}

size_t
pgb_datadir_shared_size(const PgbDataDir *plan)
{
	return offsetof(PgbDataDirShared, piece_crcs) + plan->npieces * sizeof(uint32);
}
