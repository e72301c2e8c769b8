/*-------------------------------------------------------------------------
 *
 * find_class.c
 *	  What pg_class says, as the WAL is read.
 *
 * A base backup's map has the names of its moment.  What is made, renamed, rewritten or truncated
 * after that is a row of pg_class that is inserted or updated, and its bytes are in the WAL: in the
 * record, or in the image of its page.  Of an update the record may have only what
 * differs from the old row; that one is known, for since the backup has begun each page's first change came with an
 * image of it.
 *
 * Where a row lies does not depend on who has committed; what it says counts with its transaction.
 *
 * src/server/drops/find_class.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "access/heapam_xlog.h"
#include "access/htup_details.h"
#include "access/rmgr.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "server/drops/find.h"
#include "storage/bufpage.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/relmapper.h"

/* What lies between a tuple's fixed header and its data is not of interest. */
#define HEADER_SIZE			SizeofHeapTupleHeader

/* As in relmapper.c */
#define MAP_MAGIC			0x592717

/* A row by the place where it lies. */
typedef struct Place
{
	Oid			database;
	BlockNumber block;
	OffsetNumber offset;
	uint16		unused;			/* 0: the key is compared as bytes */
} Place;

typedef struct PlacedRow
{
	Place		place;			/* the key */
	uint32		length;
	char	   *data;			/* of the tuple, without its header */
} PlacedRow;

/* Which file pg_class is, in a database. */
typedef struct ClassFile
{
	Oid			database;		/* the key */
	Oid			number;
} ClassFile;

typedef struct KnownRelation
{
	PgbFindRelation key;
	PgbFindRow	row;
} KnownRelation;

struct PgbFindClass
{
	MemoryContext context;
	HTAB	   *files;			/* ClassFile */
	HTAB	   *places;			/* PlacedRow */
	HTAB	   *known;			/* KnownRelation: as of the last commit */
	HTAB	   *open;			/* transactions */
	PGAlignedBlock page;
};

static HTAB *
make_table(const char *name, Size key_size, Size entry_size)
{
	HASHCTL		control = {.keysize = key_size, .entrysize = entry_size,
	.hcxt = CurrentMemoryContext};

	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

PgbFindClass *
pgb_find_class_create(HTAB *open)
{
	PgbFindClass *class = palloc0(sizeof(PgbFindClass));

	class->context = CurrentMemoryContext;
	class->files = make_table("pgbackup pg_class files", sizeof(Oid), sizeof(ClassFile));
	class->places = make_table("pgbackup pg_class rows", sizeof(Place), sizeof(PlacedRow));
	class->known = make_table("pgbackup pg_class", sizeof(PgbFindRelation), sizeof(KnownRelation));
	class->open = open;
	return class;
}

void
pgb_find_class_file(PgbFindClass *class, Oid database, Oid number, bool replace)
{
	bool		found;
	ClassFile  *file = hash_search(class->files, &database, HASH_ENTER, &found);

	if (!found || replace)
		file->number = number;
}

bool
pgb_find_class_has(const PgbFindClass *class, Oid database)
{
	return hash_search(class->files, &database, HASH_FIND, NULL) != NULL;
}

const PgbFindRow *
pgb_find_class_row(const PgbFindClass *class, const PgbFindRelation *which)
{
	KnownRelation *relation = hash_search(class->known, which, HASH_FIND, NULL);

	return relation == NULL ? NULL : &relation->row;
}

void
pgb_find_class_commit(PgbFindClass *class, const List *rows)
{
	ListCell   *cell;

	foreach(cell, rows)
	{
		const PgbFindRow *row = lfirst(cell);
		KnownRelation *relation = hash_search(class->known, &row->relation, HASH_ENTER, NULL);

		relation->row = *row;
	}
}

/* After a gap the places of rows are those of another time; names are still the best that there is. */
void
pgb_find_class_forget(PgbFindClass *class)
{
	HASH_SEQ_STATUS status;
	PlacedRow  *row;

	hash_seq_init(&status, class->places);
	while ((row = hash_seq_search(&status)) != NULL)
	{
		pfree(row->data);
		(void) hash_search(class->places, &row->place, HASH_REMOVE, NULL);
	}
}

/* ---- rows ---- */

static PlacedRow *
find_row(PgbFindClass *class, Oid database, BlockNumber block, OffsetNumber offset)
{
	Place		place = {database, block, offset, 0};

	return hash_search(class->places, &place, HASH_FIND, NULL);
}

/* Takes data that is allocated in our context. */
static PlacedRow *
put_row(PgbFindClass *class, Oid database, BlockNumber block, OffsetNumber offset, char *data,
		uint32 length)
{
	Place		place = {database, block, offset, 0};
	bool		found;
	PlacedRow  *row = hash_search(class->places, &place, HASH_ENTER, &found);

	if (found)
		pfree(row->data);
	row->data = data;
	row->length = length;
	return row;
}

static char *
copy(PgbFindClass *class, const char *data, uint32 length)
{
	char	   *result = MemoryContextAlloc(class->context, Max(length, 1));

	memcpy(result, data, length);
	return result;
}

static bool
parse_row(const PlacedRow *placed, Oid database, PgbFindRow *row)
{
	FormData_pg_class form;

	if (placed->length < CLASS_TUPLE_SIZE)
		return false;
	memset(&form, 0, sizeof(form));
	memcpy(&form, placed->data, CLASS_TUPLE_SIZE);
	row->relation.database = database;
	row->relation.oid = form.oid;
	row->name = form.relname;
	NameStr(row->name)[NAMEDATALEN - 1] = '\0';
	row->schema = form.relnamespace;
	row->tablespace = form.reltablespace;
	row->file_number = form.relfilenode;
	row->kind = form.relkind;
	return true;
}

/* ---- pages ---- */

static void
take_page(PgbFindClass *class, Oid database, BlockNumber block)
{
	Page		page = (Page) class->page.data;
	PageHeader	header = (PageHeader) page;
	OffsetNumber last;

	if (PageIsNew(page) || header->pd_lower < SizeOfPageHeaderData || header->pd_lower > BLCKSZ)
		return;
	last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		ItemId		item = PageGetItemId(page, offset);
		const char *tuple = (const char *) page + ItemIdGetOffset(item);
		uint32		length = ItemIdGetLength(item);
		uint32		head;

		if (!ItemIdIsNormal(item) || ItemIdGetOffset(item) + length > BLCKSZ || length < HEADER_SIZE)
			continue;
		head = ((HeapTupleHeader) tuple)->t_hoff;
		if (head >= HEADER_SIZE && head <= length)
			(void) put_row(class, database, block, offset, copy(class, tuple + head, length - head),
						   length - head);
	}
}

/* ---- records ---- */

/* Is this block a page of pg_class? */
static bool
is_class_block(const PgbFindClass *class, XLogReaderState *reader, int id, Oid *database,
			   BlockNumber *block)
{
	PgbRelFileLocator locator;
	ForkNumber	fork;
	ClassFile  *file;

	if (!XLogRecGetBlockTagExtended(reader, id, &locator, &fork, block, NULL) || fork != MAIN_FORKNUM)
		return false;
	*database = pgb_locator_database(&locator);
	file = hash_search(class->files, database, HASH_FIND, NULL);
	return file != NULL && file->number == pgb_locator_number(&locator);
}

/* What a record has of a tuple: its header of five bytes, what follows that, and the data. */
static bool
split_tuple(const char *tuple, Size size, const char **data, uint32 *length)
{
	xl_heap_header header;
	Size		head;

	if (size < SizeOfHeapHeader)
		return false;
	memcpy(&header, tuple, SizeOfHeapHeader);
	if (header.t_hoff < HEADER_SIZE)
		return false;
	head = SizeOfHeapHeader + (header.t_hoff - HEADER_SIZE);
	if (head > size)
		return false;
	*data = tuple + head;
	*length = size - head;
	return true;
}

static uint16
take_length(const char **tuple, Size *size)
{
	uint16		length = 0;

	if (*size < sizeof(length))
		return 0;
	memcpy(&length, *tuple, sizeof(length));
	*tuple += sizeof(length);
	*size -= sizeof(length);
	return length;
}

/* The new row of an update, which may have its beginning and its end from the old one. */
static PlacedRow *
put_updated(PgbFindClass *class, XLogReaderState *reader, const xl_heap_update *update,
			const PlacedRow *old, Oid database, BlockNumber block)
{
	Size		size;
	const char *tuple = XLogRecGetBlockData(reader, 0, &size);
	const char *data;
	uint32		length;
	uint16		prefix = 0;
	uint16		suffix = 0;
	char	   *whole;

	if (tuple == NULL)
		return find_row(class, database, block, update->new_offnum);
	if (update->flags & XLH_UPDATE_PREFIX_FROM_OLD)
		prefix = take_length(&tuple, &size);
	if (update->flags & XLH_UPDATE_SUFFIX_FROM_OLD)
		suffix = take_length(&tuple, &size);
	if (!split_tuple(tuple, size, &data, &length) ||
		((prefix > 0 || suffix > 0) && (old == NULL || prefix > old->length || suffix > old->length)))
		return NULL;
	whole = MemoryContextAlloc(class->context, prefix + length + suffix + 1);
	if (prefix > 0)
		memcpy(whole, old->data, prefix);
	memcpy(whole + prefix, data, length);
	if (suffix > 0)
		memcpy(whole + prefix + length, old->data + old->length - suffix, suffix);
	return put_row(class, database, block, update->new_offnum, whole, prefix + length + suffix);
}

static void
note_insert(PgbFindClass *class, XLogReaderState *reader, Oid database, BlockNumber block)
{
	const xl_heap_insert *insert = (const xl_heap_insert *) XLogRecGetData(reader);
	Size		size;
	const char *tuple = XLogRecGetBlockData(reader, 0, &size);
	const char *data;
	uint32		length;
	PlacedRow  *placed = NULL;
	PgbFindRow	row = {.is_new = true};

	if (XLogRecGetDataLen(reader) < SizeOfHeapInsert)
		return;
	if (tuple == NULL)
		placed = find_row(class, database, block, insert->offnum);
	else if (split_tuple(tuple, size, &data, &length))
		placed = put_row(class, database, block, insert->offnum, copy(class, data, length), length);
	if (placed != NULL && parse_row(placed, database, &row))
		pgb_find_open_row(class->open, XLogRecGetXid(reader), &row);
}

/* A TRUNCATE and a rewrite give a relation another file, where the old one was. */
static void
note_update(PgbFindClass *class, XLogReaderState *reader, Oid database, BlockNumber block)
{
	const xl_heap_update *update = (const xl_heap_update *) XLogRecGetData(reader);
	BlockNumber old_block = block;
	Oid			old_database = database;
	PlacedRow  *old;
	PlacedRow  *placed;
	PgbFindRow	before;
	PgbFindRow	row = {0};
	bool		is_known;

	if (XLogRecGetDataLen(reader) < SizeOfHeapUpdate)
		return;
	if (XLogRecMaxBlockId(reader) >= 1 && !is_class_block(class, reader, 1, &old_database, &old_block))
		return;
	old = find_row(class, database, old_block, update->old_offnum);
	is_known = old != NULL && parse_row(old, database, &before);
	placed = put_updated(class, reader, update, old, database, block);
	if (placed == NULL || !parse_row(placed, database, &row))
		return;
	row.has_new_file = is_known && before.relation.oid == row.relation.oid &&
		before.file_number != row.file_number && before.tablespace == row.tablespace;
	row.is_uncertain = !is_known;
	pgb_find_open_row(class->open, XLogRecGetXid(reader), &row);
}

/* VACUUM FULL gives pg_class itself another file: it is mapped. */
static void
note_map(PgbFindClass *class, XLogReaderState *reader)
{
	const xl_relmap_update *update = (const xl_relmap_update *) XLogRecGetData(reader);
	const Oid  *mapping;
	int32		count;

	if (XLogRecGetDataLen(reader) < MinSizeOfRelmapUpdate || update->dbid == InvalidOid ||
		update->nbytes < (int32) (2 * sizeof(int32)) ||
		!pgb_is_in_record(reader, update->data, update->nbytes, 1) ||
		*(const int32 *) update->data != MAP_MAGIC)
		return;
	count = ((const int32 *) update->data)[1];
	mapping = (const Oid *) update->data + 2;
	if (count < 0 || !pgb_is_in_record(reader, mapping, count, 2 * sizeof(Oid)))
		return;
	for (int i = 0; i < count; i++)
	{
		if (mapping[2 * i] == RelationRelationId)
			pgb_find_class_file(class, update->dbid, mapping[2 * i + 1], true);
	}
}

static void
note_rows(PgbFindClass *class, XLogReaderState *reader)
{
	Oid			database;
	BlockNumber block;

	if (XLogRecMaxBlockId(reader) < 0 || !is_class_block(class, reader, 0, &database, &block))
		return;
	switch (XLogRecGetInfo(reader) & XLOG_HEAP_OPMASK)
	{
		case XLOG_HEAP_INSERT:
			note_insert(class, reader, database, block);
			break;
		case XLOG_HEAP_UPDATE:
		case XLOG_HEAP_HOT_UPDATE:
			note_update(class, reader, database, block);
			break;
		default:
			break;
	}
}

/* PostgreSQL's reader does not look at where it puts a page's hole. */
static bool
is_image_sound(XLogReaderState *reader, int id)
{
	const DecodedBkpBlock *block = XLogRecGetBlock(reader, id);

	return (uint32) block->hole_offset + block->hole_length <= BLCKSZ;
}

/* An image has the page as it is after the record: but what an update replaces is still on it. */
static void
note_images(PgbFindClass *class, XLogReaderState *reader)
{
	for (int id = 0; id <= XLogRecMaxBlockId(reader); id++)
	{
		Oid			database;
		BlockNumber block;

		if (XLogRecHasBlockRef(reader, id) && XLogRecHasBlockImage(reader, id) &&
			is_class_block(class, reader, id, &database, &block) && is_image_sound(reader, id) &&
			RestoreBlockImage(reader, id, class->page.data))
			take_page(class, database, block);
	}
}

void
pgb_find_class_note(PgbFindClass *class, XLogReaderState *reader)
{
	switch (XLogRecGetRmid(reader))
	{
		case RM_XLOG_ID:
		case RM_HEAP2_ID:
			note_images(class, reader);
			break;
		case RM_HEAP_ID:
			note_images(class, reader);
			note_rows(class, reader);
			break;
		case RM_RELMAP_ID:
			note_map(class, reader);
			break;
		default:
			break;
	}
}
