/*-------------------------------------------------------------------------
 *
 * toc.c
 *	  pg_dump's table of contents is read, and written again.
 *
 * An integer is a byte for the sign and then so many bytes as the header says,
 * lowest first; a string is its length, -1 for NULL, and its bytes.  Numbers of
 * catalogs are strings of digits.
 *
 * src/repo/toc.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/toc.h"

#include "repo/layout.h"

#define MAGIC				"PGDMP"
#define MAJOR_VERSION		1
#define MIN_MINOR_VERSION	14
#define MAX_MINOR_VERSION	16
#define VERSION_ALGORITHM	15	/* a byte for the compression method */
#define VERSION_RELKIND		16	/* a relkind after the access method */

#define INT_SIZE			4	/* bytes of an integer, without its sign */
#define FORMAT_TAR			3	/* what a directory archive claims to be */
#define CREATION_TIME_INTS	7

/* An entry has at least 17 integers and strings, of at least a length each. */
#define MIN_ENTRY_SIZE		(17 * (1 + INT_SIZE))

typedef struct Reader
{
	const char *data;
	size_t		length;
	size_t		position;
	const char *what;
	int			minor;			/* version of the archive */
} Reader;

pg_noreturn static void damaged(const Reader *reader, const char *detail);

static void
damaged(const Reader *reader, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read the table of contents \"%s\"", reader->what),
			 errdetail("At byte %llu of %llu: %s",
					   (unsigned long long) reader->position,
					   (unsigned long long) reader->length, detail),
			 errhint(PGB_HINT_DAMAGED)));
}

/* ---- the elements of the format ---- */

static size_t
remaining(const Reader *reader)
{
	return reader->length - reader->position;
}

static const char *
read_bytes(Reader *reader, size_t length)
{
	const char *bytes = reader->data + reader->position;

	if (length > remaining(reader))
		damaged(reader, "it ends too early.");
	reader->position += length;
	return bytes;
}

static int
read_byte(Reader *reader)
{
	return (unsigned char) *read_bytes(reader, 1);
}

static int
read_int(Reader *reader)
{
	int			sign = read_byte(reader);
	const unsigned char *bytes = (const unsigned char *) read_bytes(reader, INT_SIZE);
	uint32		value = 0;

	for (int i = 0; i < INT_SIZE; i++)
		value |= (uint32) bytes[i] << (8 * i);
	if (sign > 1 || value > PG_INT32_MAX)
		damaged(reader, "an integer is out of range.");
	return sign ? -(int) value : (int) value;
}

static char *
read_string(Reader *reader)
{
	int			length = read_int(reader);
	const char *bytes;

	if (length < 0)
		return NULL;
	bytes = read_bytes(reader, length);
	if (memchr(bytes, '\0', length) != NULL)
		damaged(reader, "a string has a zero byte.");
	return pnstrdup(bytes, length);
}

static uint32
read_number(Reader *reader, uint32 max)
{
	char	   *text = read_string(reader);
	uint64		value = 0;

	if (text == NULL || text[0] == '\0')
		damaged(reader, "a number is missing.");
	for (const char *digit = text; *digit != '\0'; digit++)
	{
		if (*digit < '0' || *digit > '9')
			damaged(reader, "a number is none.");
		value = value * 10 + (*digit - '0');
		if (value > max)
			damaged(reader, "a number is out of range.");
	}
	pfree(text);
	return (uint32) value;
}

/* ---- the head ---- */

static void
check_version(Reader *reader, int major, int minor)
{
	if (major == MAJOR_VERSION && minor >= MIN_MINOR_VERSION && minor <= MAX_MINOR_VERSION)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the table of contents \"%s\" has version %d.%d, which this version of pgbackup does not know",
					reader->what, major, minor),
			 errdetail("It knows versions %d.%d to %d.%d.",
					   MAJOR_VERSION, MIN_MINOR_VERSION, MAJOR_VERSION, MAX_MINOR_VERSION),
			 errhint("Use a newer version of pgbackup, or pg_restore.")));
}

static void
read_head(Reader *reader, PgbToc *toc)
{
	if (memcmp(read_bytes(reader, strlen(MAGIC)), MAGIC, strlen(MAGIC)) != 0)
		damaged(reader, "it does not begin as one.");

	toc->version_major = read_byte(reader);
	toc->version_minor = read_byte(reader);
	(void) read_byte(reader);	/* revision */
	check_version(reader, toc->version_major, toc->version_minor);
	reader->minor = toc->version_minor;

	if (read_byte(reader) != INT_SIZE)
		damaged(reader, "its integers are not of four bytes.");
	(void) read_byte(reader);	/* size of a file offset: there are none here */
	if (read_byte(reader) != FORMAT_TAR)
		damaged(reader, "it is not that of a directory archive.");

	if (reader->minor >= VERSION_ALGORITHM)
		(void) read_byte(reader);
	else
		(void) read_int(reader);
	for (int i = 0; i < CREATION_TIME_INTS; i++)
		(void) read_int(reader);

	toc->database = read_string(reader);
	toc->server_version = read_string(reader);
	toc->dump_version = read_string(reader);
}

/* ---- entries ---- */

static void
read_dependencies(Reader *reader, PgbTocEntry *entry)
{
	int			allocated = 0;

	for (;;)
	{
		/* A NULL ends the list: look at its length, without reading it. */
		size_t		start = reader->position;
		int			length = read_int(reader);

		if (length < 0)
			return;
		reader->position = start;

		if (entry->ndependencies == allocated)
		{
			allocated = allocated == 0 ? 4 : allocated * 2;
			if (entry->dependencies == NULL)
				entry->dependencies = palloc(allocated * sizeof(int));
			else
				entry->dependencies = repalloc_huge(entry->dependencies,
													allocated * sizeof(int));
		}
		entry->dependencies[entry->ndependencies++] = (int) read_number(reader, PG_INT32_MAX);
	}
}

/* The name of a file in the archive's folder, which is going to be opened. */
static char *
read_file_name(Reader *reader)
{
	char	   *name = read_string(reader);

	if (name == NULL || name[0] == '\0')
		return NULL;
	if (!pgb_file_name_is_valid(name))
		damaged(reader, "a file has a name that it cannot have.");
	return name;
}

static void
read_entry(Reader *reader, PgbTocEntry *entry)
{
	entry->position = reader->position;
	entry->dump_id = read_int(reader);
	if (entry->dump_id <= 0)
		damaged(reader, "a dump id is out of range.");
	entry->has_data = read_int(reader) != 0;
	entry->table_oid = (Oid) read_number(reader, PG_UINT32_MAX);
	entry->oid = (Oid) read_number(reader, PG_UINT32_MAX);
	entry->tag = read_string(reader);
	entry->desc = read_string(reader);
	if (entry->desc == NULL)
		damaged(reader, "an entry does not say what it is.");
	entry->section = read_int(reader);
	entry->defn = read_string(reader);
	entry->drop_stmt = read_string(reader);
	entry->copy_stmt = read_string(reader);
	entry->schema_name = read_string(reader);
	entry->tablespace = read_string(reader);
	entry->table_am = read_string(reader);
	if (reader->minor >= VERSION_RELKIND)
		entry->relkind = (char) read_int(reader);
	entry->owner = read_string(reader);
	(void) read_string(reader); /* WITH OIDS, which is no more */
	read_dependencies(reader, entry);
	entry->file_name = read_file_name(reader);
	entry->length = reader->position - entry->position;
}

static void
read_entries(Reader *reader, PgbToc *toc)
{
	int			count = read_int(reader);

	if (count < 0 || (size_t) count > remaining(reader) / MIN_ENTRY_SIZE)
		damaged(reader, "it claims more entries than it has room for.");

	toc->count = count;
	toc->entries = palloc_extended((size_t) count * sizeof(PgbTocEntry),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_entry(reader, &toc->entries[i]);
	}
	if (remaining(reader) > 0)
		damaged(reader, "something follows its end.");
}

/* ---- the whole ---- */

static int
compare_dump_ids(const void *a, const void *b)
{
	int			left = (*(PgbTocEntry *const *) a)->dump_id;
	int			right = (*(PgbTocEntry *const *) b)->dump_id;

	return left < right ? -1 : left > right;
}

static void
index_by_dump_id(const Reader *reader, PgbToc *toc)
{
	toc->by_dump_id = palloc_extended((size_t) toc->count * sizeof(PgbTocEntry *),
									  MCXT_ALLOC_HUGE);
	for (int i = 0; i < toc->count; i++)
		toc->by_dump_id[i] = &toc->entries[i];
	qsort(toc->by_dump_id, toc->count, sizeof(PgbTocEntry *), compare_dump_ids);
	for (int i = 1; i < toc->count; i++)
	{
		if (toc->by_dump_id[i - 1]->dump_id == toc->by_dump_id[i]->dump_id)
			damaged(reader, "two entries have the same dump id.");
	}
}

/* The name in SET client_encoding = 'UTF8'; */
static char *
find_encoding(const PgbToc *toc)
{
	for (int i = 0; i < toc->count; i++)
	{
		const PgbTocEntry *entry = &toc->entries[i];
		const char *start;

		if (strcmp(entry->desc, "ENCODING") != 0 || entry->defn == NULL)
			continue;
		start = strchr(entry->defn, '\'');
		if (start != NULL && strchr(start + 1, '\'') != NULL)
			return pnstrdup(start + 1, strchr(start + 1, '\'') - start - 1);
	}
	return NULL;
}

PgbToc *
pgb_toc_parse(const char *data, size_t length, const char *what)
{
	Reader		reader = {.data = data, .length = length, .what = what};
	PgbToc	   *toc = palloc0(sizeof(PgbToc));

	read_head(&reader, toc);
	toc->head_length = reader.position;
	read_entries(&reader, toc);
	index_by_dump_id(&reader, toc);
	toc->encoding = find_encoding(toc);
	return toc;
}

PgbTocEntry *
pgb_toc_by_dump_id(const PgbToc *toc, int dump_id)
{
	PgbTocEntry key = {.dump_id = dump_id};
	PgbTocEntry *wanted = &key;
	PgbTocEntry **found = NULL;

	if (toc->count > 0)
		found = bsearch(&wanted, toc->by_dump_id, toc->count, sizeof(PgbTocEntry *),
						compare_dump_ids);
	return found == NULL ? NULL : *found;
}

/* ---- writing ---- */

static char *
write_int(char *to, int value)
{
	*to++ = value < 0 ? 1 : 0;
	for (int i = 0; i < INT_SIZE; i++)
		*to++ = (char) (abs(value) >> (8 * i));
	return to;
}

char *
pgb_toc_write(const PgbToc *toc, const char *data, const bool *keep, size_t *length)
{
	char	   *written;
	char	   *end;
	int			count = 0;

	*length = toc->head_length + 1 + INT_SIZE;
	for (int i = 0; i < toc->count; i++)
	{
		if (!keep[i])
			continue;
		*length += toc->entries[i].length;
		count++;
	}

	written = palloc_extended(*length, MCXT_ALLOC_HUGE);
	memcpy(written, data, toc->head_length);
	end = write_int(written + toc->head_length, count);
	for (int i = 0; i < toc->count; i++)
	{
		if (!keep[i])
			continue;
		memcpy(end, data + toc->entries[i].position, toc->entries[i].length);
		end += toc->entries[i].length;
	}
	return written;
}
