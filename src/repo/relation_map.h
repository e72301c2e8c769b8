/*-------------------------------------------------------------------------
 *
 * relation_map.h
 *	  Which file belongs to which relation, for every database of a base backup.
 *
 * Read after the start of the backup, so that what it says of a file is so in
 * the backup or has its change in the WAL after it.  With it one table can be brought
 * back without the rest of the cluster.
 *
 * It is an object of its own (relations.zst): lines of JSON, the first one a header, then each
 * database (by oid), followed by its relations (by oid):
 *
 *	{"pgbackup_relations":1}
 *	{"database":5,"name":"postgres","tablespace":1663,"complete":true}
 *	{"oid":16385,"file":16385,"kind":"r","persistence":"p","schema":"public","name":"orders","toast":16390}
 *
 * A relation's members that are 0 or false are left out.
 *
 * src/repo/relation_map.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RELATION_MAP_H
#define PGB_RELATION_MAP_H

#include "repo/repository.h"

#define PGB_RELATION_MAP_NAME	"relations.zst"

typedef struct PgbMappedRelation
{
	Oid			oid;
	Oid			file_number;	/* pg_relation_filenode() */
	Oid			tablespace;		/* its own; 0: that of the database */
	char		kind;			/* relkind */
	char		persistence;
	bool		is_shared;
	char	   *schema_name;	/* UTF-8 */
	char	   *name;
	Oid			toast;			/* of a table: its TOAST table, or 0 */
	Oid			table;			/* of an index: its table; of an owned sequence: the table; else 0 */
	Oid			parent;			/* of a partition or inheritance child: the first parent; else 0 */
} PgbMappedRelation;

typedef struct PgbMappedDatabase
{
	Oid			oid;
	char	   *name;			/* UTF-8 */
	Oid			tablespace;
	bool		is_complete;	/* false: nobody could read its catalogs, relations are not known */
	int			count;
	PgbMappedRelation *relations;	/* also those without a file (partitioned tables): by oid */
} PgbMappedDatabase;

typedef struct PgbRelationMap
{
	int			count;
	PgbMappedDatabase *databases;	/* by oid */
} PgbRelationMap;

/* ---- writing ---- */

/*
 * Starts the object of a backup, described in *file once the sink is finished.  The lines of databases and
 * their relations are written to it.
 */
extern PgbSink *pgb_relation_map_begin(PgbBackupWriter *writer, int level, PgbStoredFile *file);

/* Appends the line of a database (without its relations), or of one of its relations. */
extern void pgb_mapped_database_line(StringInfo out, const PgbMappedDatabase *database);
extern void pgb_mapped_relation_line(StringInfo out, const PgbMappedRelation *relation);

/* ---- reading ---- */

/*
 * The map of one database, or of all for InvalidOid.  A database that is not there is
 * not in the result.  Raises ERRCODE_DATA_CORRUPTED.
 */
extern PgbRelationMap *pgb_relation_map_read(PgbRepository *repository,
											 const PgbManifest *manifest, Oid database);

#endif							/* PGB_RELATION_MAP_H */
