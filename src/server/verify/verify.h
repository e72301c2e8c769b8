/*-------------------------------------------------------------------------
 *
 * verify.h
 *	  Are backups what they were, and can they be restored?
 *
 * Three depths, each of which includes the one before: the stored objects, what they decompress
 * to, and a restore.  A logical backup is restored into a temporary database, a base backup into
 * a sandbox of the whole cluster; when all was right, the backup gets a proof.
 *
 *	  verify_call.c        pgbackup_verify: a backend, which asks a job for the depth "restore"
 *	  verify_request.c     what is asked for: words, and JSON
 *	  verify_job.c         the job PGB_TASK_VERIFY
 *	  verify.c             the order of things: which backups, how deep, what is said of each
 *	  verify_findings.c    what was found: the rows of the result
 *	  verify_restore.c     a backup restored, in either way, and its proof
 *	  verify_logical.c     into a temporary database
 *	  verify_rows.c        a worker: the rows of the backup against those of its tables
 *	  verify_base.c        into a sandbox
 *	  verify_database.c    one database of the sandbox: what is in it, and how it is checked
 *	  verify_script.c      SQL by psql, statement by statement, each of which may fail
 *
 * src/server/verify/verify.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SERVER_VERIFY_H
#define PGB_SERVER_VERIFY_H

#include "nodes/pg_list.h"
#include "repo/proof.h"
#include "server/shmem.h"
#include "server/subprocess.h"

/* ---- what is asked for: verify_request.c ---- */

typedef enum PgbDepth
{
	PGB_DEPTH_OBJECTS,			/* lengths and checksums of what is stored */
	PGB_DEPTH_CONTENTS,			/* also what it decompresses to */
	PGB_DEPTH_RESTORE			/* also a restore, and a proof */
} PgbDepth;

/* Besides the id of a backup: the newest of each kind, or of one, and all there are. */
#define PGB_VERIFY_LATEST_LOGICAL	"latest logical"
#define PGB_VERIFY_LATEST_FULL		"latest full"
#define PGB_VERIFY_ALL				"all"

typedef struct PgbVerifyRequest
{
	char	   *backup;			/* one of these words, or an id */
	PgbDepth	depth;
	int			jobs;
	char	   *scratch;		/* name of the scratch directory of who waits for rows, or NULL */
} PgbVerifyRequest;

extern const char *pgb_depth_name(PgbDepth depth);

/*
 * Both raise ERRCODE_INVALID_PARAMETER_VALUE with a hint for what is no depth or cannot be a
 * backup, ERRCODE_INSUFFICIENT_PRIVILEGE when the current user may not ask for that depth.
 */
extern PgbDepth pgb_depth_of_text(const char *text);
extern void pgb_verify_check_request(const PgbVerifyRequest *request);

/* JSON in UTF-8; call both within a transaction. */
extern char *pgb_verify_request_to_json(const PgbVerifyRequest *request);
extern PgbVerifyRequest *pgb_verify_request_from_json(const char *json);

/* ---- what was found: verify_findings.c ---- */

#define PGB_FOUND_OK			"ok"
#define PGB_FOUND_DAMAGED		"damaged"		/* it is not what it was */
#define PGB_FOUND_MISSING		"missing"		/* it is not there */
#define PGB_FOUND_FAILED		"failed"		/* it could not be read, or restored */
#define PGB_FOUND_UNCHECKED		"not checked"	/* nobody has looked at it */

typedef struct PgbFinding
{
	char	   *object;			/* <backup>, or <backup>/<what is in it> */
	char	   *status;
	char	   *detail;
} PgbFinding;

/* All that was found, in order. */
typedef struct PgbFindings
{
	MemoryContext context;		/* of them */
	List	   *list;			/* of PgbFinding */
	int			problems;		/* that are neither ok nor only not checked; of a backup as a whole
								 * does not count */
} PgbFindings;

extern PgbFindings *pgb_findings_create(void);

/* object is within a backup; NULL: it is the backup as a whole.  Texts in the database's encoding. */
extern void pgb_findings_add(PgbFindings *findings, const char *backup, const char *object,
							 const char *status, const char *detail);

/* The first that is a problem, or NULL. */
extern const PgbFinding *pgb_findings_first_problem(const PgbFindings *findings);

/* Into a file of a directory, and back; both within a transaction.  False: there is none. */
extern void pgb_findings_store(const PgbFindings *findings, const char *directory);
extern bool pgb_findings_load(PgbFindings *findings, const char *directory);

/* ---- the order of things: verify.c ---- */

typedef struct PgbVerification
{
	PgbJobRef	job;			/* whose progress is shown; serial 0: none */
	PgbRepository *repository;
	PgbVerifyRequest *request;
	const char *database;		/* of which a logical backup is the latest, in UTF-8 */
	PgbFindings *findings;
	int			backups;		/* that were looked at ... */
	int			proven;			/* ... and that have got a proof */

	/* of the backup that is being looked at */
	MemoryContext context;
	PgbManifest *manifest;		/* which nobody removes meanwhile */
	struct PgbRestore *restore; /* or NULL */
	struct PgbSandbox *sandbox; /* or NULL */
	struct PgbScratch *scratch; /* or NULL */
	struct PgbCrew *crew;		/* or NULL */
	List	   *programs;		/* of PgbSubprocess: that run beside */
} PgbVerification;

/*
 * Looks at all backups that are asked for.  Raises ERRCODE_UNDEFINED_OBJECT when there is none,
 * and what keeps us from looking (permissions, room, a cancel); what is wrong with a
 * backup is a finding.  At depth PGB_DEPTH_RESTORE in a job, and not in a transaction.
 */
extern void pgb_verify(PgbVerification *verification);

/* Ends what it has begun.  Raises nothing; more than once is fine. */
extern void pgb_verify_cleanup(PgbVerification *verification);

/* ---- a restore: verify_restore.c ---- */

/*
 * What is known of a restore so far.  The sentences become findings and are in the proof.
 */
typedef struct PgbTrial
{
	PgbVerification *verification;
	PgbProof	proof;
	List	   *tables;			/* of PgbProvenTable */
	List	   *checked;		/* of char * */
	List	   *unchecked;
} PgbTrial;

/* In a job.  Returns what was checked, as a sentence, or NULL after a problem. */
extern char *pgb_verify_restore(PgbVerification *verification);

extern void pgb_trial_checked(PgbTrial *trial, const char *format,...) pg_attribute_printf(2, 3);
extern void pgb_trial_unchecked(PgbTrial *trial, const char *format,...) pg_attribute_printf(2, 3);
extern void pgb_trial_problem(PgbTrial *trial, const char *object, const char *status,
							  const char *format,...) pg_attribute_printf(4, 5);

/* A table of which so many rows were read; the names are copied, in UTF-8. */
extern void pgb_trial_table(PgbTrial *trial, const char *database, const char *schema_name,
							const char *table_name, uint64 rows, const char *digest);

/* Text of the manifest as text of this database's encoding, palloc'd.  In a job. */
extern char *pgb_trial_from_utf8(const char *utf8);

/* ---- both ways: they fill trial, and raise what they fail with ---- */

extern void pgb_verify_logical(PgbTrial *trial);
extern void pgb_verify_base(PgbTrial *trial);

/* ---- the task PGB_TASK_VERIFY: verify_job.c, see task.h ---- */

extern void *pgb_verify_job_create(PgbJobRef job, char *request);
extern void pgb_verify_job_run(void *state);
extern void pgb_verify_job_cleanup(void *state);
extern void pgb_verify_job_report(void *state, PgbJobResult *result);

#endif							/* PGB_SERVER_VERIFY_H */
