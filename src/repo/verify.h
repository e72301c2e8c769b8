/*-------------------------------------------------------------------------
 *
 * verify.h
 *	  Is a backup as it was written?
 *
 * src/repo/verify.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_VERIFY_H
#define PGB_VERIFY_H

#include "repo/repository.h"

/* What is verified beside backups is called so where the id of a backup stands else. */
#define PGB_VERIFY_ARCHIVE	"WAL archive"

typedef struct PgbVerify
{
	/*
	 * false: the objects are there, with the length and the CRC that the manifest says.  true: also, they
	 * decompress to what the manifest and the file list say of their content.
	 */
	bool		contents;

	/* Is told of each problem; object is a file of the backup, or of the WAL archive.  missing: it is not there. */
	void		(*problem) (void *arg, const char *object, const char *detail, bool missing);

	/*
	 * Or NULL: so many bytes more have been looked at; all in all those that are stored and, for
	 * contents, those that they decompress to.
	 */
	void		(*advance) (void *arg, uint64 bytes);
	void	   *arg;

	/* What was looked at, added up. */
	uint64		objects;
	uint64		bytes;			/* stored */
	uint64		problems;
} PgbVerify;

/*
 * Looks at all objects of a backup and, of a base backup, at the WAL that it needs and the histories
 * of the timelines that it may be recovered along.  What is
 * damaged or missing is a problem; what keeps us from looking (permissions, no memory)
 * is raised.
 */
extern void pgb_verify_backup(PgbRepository *repository, const PgbManifest *manifest,
							  PgbVerify *verify);

/*
 * The same for all that is in the WAL archive, whichever backup needs it.  What is not there is no
 * problem here: gaps are told by pgb_windows() and by the checks.
 */
extern void pgb_verify_archive(PgbRepository *repository, PgbVerify *verify);

#endif							/* PGB_VERIFY_H */
