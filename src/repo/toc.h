/*-------------------------------------------------------------------------
 *
 * toc.h
 *	  pg_dump's table of contents (toc.dat of a directory archive): read, and
 *	  written again with some of its entries.
 *
 * The format is that of ReadHead() and ReadToc() in PostgreSQL's
 * src/bin/pg_dump/pg_backup_archiver.c, archive versions 1.14 (PostgreSQL 12 to
 * 15), 1.15 (16) and 1.16 (17 and 18).
 *
 * src/repo/toc.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_TOC_H
#define PGB_TOC_H

/* What pg_dump writes after the rows of a table's data. */
#define PGB_COPY_TERMINATOR		"\\.\n\n\n"

typedef struct PgbTocEntry
{
	int			dump_id;
	bool		has_data;
	Oid			table_oid;		/* catalog and object it was made from */
	Oid			oid;
	char	   *tag;			/* any string may be NULL */
	char	   *desc;			/* "TABLE", "TABLE DATA", "INDEX", ... */
	int			section;
	char	   *defn;
	char	   *drop_stmt;
	char	   *copy_stmt;
	char	   *schema_name;
	char	   *tablespace;
	char	   *table_am;
	char		relkind;		/* since 1.16, else 0 */
	char	   *owner;
	int			ndependencies;
	int		   *dependencies;	/* dump ids */
	char	   *file_name;		/* of its data, as pg_dump named it, or NULL */
	size_t		position;		/* of its bytes in toc.dat, and their length */
	size_t		length;
} PgbTocEntry;

typedef struct PgbToc
{
	int			version_major;
	int			version_minor;
	char	   *database;
	char	   *server_version; /* "15.20 (Debian ...)" */
	char	   *dump_version;	/* of pg_dump */
	char	   *encoding;		/* from the ENCODING entry, or NULL */
	size_t		head_length;	/* bytes before the number of entries */
	int			count;
	PgbTocEntry *entries;		/* in the archive's order */
	PgbTocEntry **by_dump_id;	/* the same, sorted */
} PgbToc;

/*
 * "what" names it in errors.  Raises ERRCODE_DATA_CORRUPTED for anything that is not
 * a whole table of contents; ERRCODE_FEATURE_NOT_SUPPORTED for a newer version.
 */
extern PgbToc *pgb_toc_parse(const char *data, size_t length, const char *what);

/* NULL when there is none. */
extern PgbTocEntry *pgb_toc_by_dump_id(const PgbToc *toc, int dump_id);

/*
 * The bytes of a table of contents that has only those entries whose keep[] is true
 * (by their place in toc->entries), palloc'd.  data is what toc was parsed from: the
 * head and the entries are taken over as they are.
 */
extern char *pgb_toc_write(const PgbToc *toc, const char *data, const bool *keep,
						   size_t *length);

#endif							/* PGB_TOC_H */
