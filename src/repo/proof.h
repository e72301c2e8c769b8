/*-------------------------------------------------------------------------
 *
 * proof.h
 *	  The stored evidence that a backup was really restored.
 *
 * It lies beside the manifest of its backup, and is sealed as a manifest is, by a SHA-256 of
 * itself.  It is written only when all that was checked was right; a newer one takes the place
 * of the one before.  One that is damaged, or of another backup, is no proof.
 *
 * src/repo/proof.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_PROOF_H
#define PGB_PROOF_H

#include "repo/repository.h"

#define PGB_PROOF_FORMAT	1

/* A table whose rows were read after the restore. */
typedef struct PgbProvenTable
{
	char	   *database;
	char	   *schema_name;
	char	   *table_name;
	uint64		row_count;
	char	   *digest;			/* of its rows in any order; NULL: none was made */
} PgbProvenTable;

typedef struct PgbProof
{
	char		backup[PGB_ID_SIZE];
	uint64		system_identifier;
	int64		proven_at;		/* when the checks ended: microseconds since 2000-01-01 UTC */
	int64		recovery_time;	/* from the repository to a database that answers: microseconds */
	int64		check_time;		/* what the checks took after that */
	char	   *server_version; /* that has restored it */
	char	   *pgbackup_version;

	/* of a base backup: what was recovered to */
	uint32		timeline;
	uint64		reached_lsn;
	int64		reached_time;	/* of the last transaction that was replayed; 0: there was none */

	uint64		databases;		/* that were looked into */
	uint64		rows;			/* that were read, of all tables */
	uint64		indexes;		/* that were checked against their tables */
	int			ntables;
	PgbProvenTable *tables;
	int			nchecked;		/* sentences: what was found to be right ... */
	char	  **checked;
	int			nunchecked;		/* ... and what nobody has looked at */
	char	  **unchecked;
} PgbProof;

/* Stores it in the folder of its backup: when this returns, it is durable. */
extern void pgb_proof_write(PgbRepository *repository, const PgbProof *proof);

/* Appends the JSON, with its checksum. */
extern void pgb_proof_to_text(StringInfo out, const PgbProof *proof);

/*
 * "what" names it in errors.  Raises ERRCODE_DATA_CORRUPTED for anything that is not a whole,
 * unaltered proof, ERRCODE_FEATURE_NOT_SUPPORTED for one of a newer format.
 */
extern PgbProof *pgb_proof_parse(const char *data, size_t length, const char *what);

/*
 * That of a backup, or NULL.  If one is there that cannot be read, *damage (which may be NULL)
 * says why, else it becomes NULL.
 */
extern PgbProof *pgb_proof_read(PgbRepository *repository, const char *id, char **damage);

/* Only when it was proven; 0: never. */
extern int64 pgb_proof_time(PgbRepository *repository, const char *id);

#endif							/* PGB_PROOF_H */
