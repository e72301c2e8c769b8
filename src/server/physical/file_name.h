/*-------------------------------------------------------------------------
 *
 * file_name.h
 *	  What the name of a file in the data directory tells.
 *
 * src/server/physical/file_name.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FILE_NAME_H
#define PGB_FILE_NAME_H

/* A relation's file, in a directory of relations. */
typedef struct PgbRelationFile
{
	bool		is_relation;
	Oid			number;			/* relfilenode */
	uint32		segment;
	bool		is_init;		/* of the init fork: the relation is unlogged */
} PgbRelationFile;

/* Is it one?  16385, 16385_vm, 16385.2, 16385_fsm.1 */
extern bool pgb_relation_file(const char *name, PgbRelationFile *relation);

/* t3_16385, and forks and segments of it: of a temporary table */
extern bool pgb_is_temporary_relation(const char *name);

/* Files that the server makes afresh, or that would be wrong in a copy. */
extern bool pgb_is_left_out(const char *name);

/* Directories that the server needs, and whose content it makes afresh. */
extern bool pgb_is_emptied(const char *name);

/* Digits that make an OID, and no more; returns what follows them, or NULL. */
extern const char *pgb_scan_number(const char *text, uint32 *number);

#endif							/* PGB_FILE_NAME_H */
