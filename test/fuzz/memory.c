/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  palloc() for programs that read millions of documents.
 *
 * The program's own palloc() is malloc(), and what it has allocated stays until it exits.  Here it
 * is noted, so that the end of a run can free it, as the end of a memory context does in a
 * server; and it has the server's limit.  What is kept by pgb_resource_keep() is released there.
 *
 * test/fuzz/memory.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

/* A larger piece is an error in a server, if nobody has asked for a huge one. */
#define MAX_ALLOC	((size_t) 0x3fffffff)

/* More at a time is a defect: no input is longer than a megabyte. */
#define MAX_TOTAL	((size_t) 1024 * 1024 * 1024)

typedef struct Chunk
{
	struct Chunk *prev;
	struct Chunk *next;
	size_t		size;
	size_t		unused;			/* what follows is aligned as malloc() does it */
} Chunk;

typedef struct Kept
{
	struct Kept *next;
	void		(*release) (void *arg);
	void	   *arg;
} Kept;

static Chunk chunks = {&chunks, &chunks};
static size_t total = 0;
static Kept *all_kept = NULL;

/* ---- chunks ---- */

static void
link_chunk(Chunk *chunk, size_t size)
{
	chunk->size = size;
	chunk->prev = &chunks;
	chunk->next = chunks.next;
	chunks.next->prev = chunk;
	chunks.next = chunk;
	total += size;
	fuzz_check(total <= MAX_TOTAL);
}

static void
unlink_chunk(Chunk *chunk)
{
	chunk->prev->next = chunk->next;
	chunk->next->prev = chunk->prev;
	total -= chunk->size;
}

static void *
allocate(size_t size, int flags)
{
	Chunk	   *chunk;

	if (size > MAX_ALLOC && (flags & MCXT_ALLOC_HUGE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("invalid memory alloc request size %zu", size)));
	fuzz_check(size <= MAX_TOTAL);
	chunk = malloc(sizeof(Chunk) + size);
	fuzz_check(chunk != NULL);
	link_chunk(chunk, size);
	if (flags & MCXT_ALLOC_ZERO)
		memset(chunk + 1, 0, size);
	return chunk + 1;
}

/* Everything moves, so that an old pointer is found by a sanitizer. */
static void *
reallocate(void *pointer, size_t size)
{
	Chunk	   *old = (Chunk *) pointer - 1;
	void	   *moved = allocate(size, MCXT_ALLOC_HUGE);

	memcpy(moved, pointer, Min(old->size, size));
	pfree(pointer);
	return moved;
}

/* ---- what PostgreSQL's library has under these names ---- */

void *
palloc(Size size)
{
	return allocate(size, 0);
}

void *
palloc0(Size size)
{
	return allocate(size, MCXT_ALLOC_ZERO);
}

void *
palloc_extended(Size size, int flags)
{
	return allocate(size, flags);
}

void
pfree(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;

	fuzz_check(pointer != NULL);
	unlink_chunk(chunk);
	free(chunk);
}

void *
repalloc(void *pointer, Size size)
{
	return reallocate(pointer, size);
}

char *
pnstrdup(const char *text, Size length)
{
	size_t		used = strnlen(text, length);
	char	   *copy = allocate(used + 1, 0);

	memcpy(copy, text, used);
	copy[used] = '\0';
	return copy;
}

char *
pstrdup(const char *text)
{
	return pnstrdup(text, strlen(text));
}

void *
pg_malloc(size_t size)
{
	return allocate(size, MCXT_ALLOC_HUGE);
}

void *
pg_malloc0(size_t size)
{
	return allocate(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void *
pg_malloc_extended(size_t size, int flags)
{
	return allocate(size, flags | MCXT_ALLOC_HUGE);
}

void *
pg_realloc(void *pointer, size_t size)
{
	return pointer == NULL ? pg_malloc(size) : reallocate(pointer, size);
}

char *
pg_strdup(const char *text)
{
	return pstrdup(text);
}

void
pg_free(void *pointer)
{
	if (pointer != NULL)
		pfree(pointer);
}

/* ---- what is no memory ---- */

void
pgb_resource_keep(PgbResource *resource, void (*release) (void *arg), void *arg)
{
	Kept	   *kept = malloc(sizeof(Kept));

	fuzz_check(kept != NULL);
	kept->next = all_kept;
	kept->release = release;
	kept->arg = arg;
	all_kept = kept;
}

void
fuzz_memory_begin(void)
{
	fuzz_check(chunks.next == &chunks && all_kept == NULL);
}

/* As a server does it: the callbacks first, the last one before the others. */
void
fuzz_memory_end(void)
{
	while (all_kept != NULL)
	{
		Kept	   *kept = all_kept;

		all_kept = kept->next;
		kept->release(kept->arg);
		free(kept);
	}
	while (chunks.next != &chunks)
		pfree(chunks.next + 1);
}
