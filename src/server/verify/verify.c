/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Are backups what they were?  The order of things: which backups, how deep, and what
 *	  is said of each.
 *
 * The last row of a backup says what was checked and what was not; a row before it stands for
 * each thing that is wrong with it.
 *
 * src/server/verify/verify.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "repo/verify.h"
#include "server/encoding.h"
#include "server/recovery/recover_work.h"
#include "server/restore/restore.h"
#include "server/verify/verify.h"

/* ---- which backups ---- */

static bool
is_wanted_kind(const char *id, const char *word)
{
	if (strcmp(word, PGB_VERIFY_LATEST_LOGICAL) == 0)
		return pgb_id_kind(id) == PGB_LOGICAL;
	if (strcmp(word, PGB_VERIFY_LATEST_FULL) == 0)
		return pgb_id_kind(id) == PGB_FULL;
	return true;
}

/* Of one that is damaged nobody knows the database: it may be this one. */
static bool
is_of_database(const PgbVerification *v, const PgbCatalogEntry *entry)
{
	return entry->manifest == NULL || entry->manifest->database == NULL ||
		strcmp(entry->manifest->database, v->database) == 0;
}

/* The newest counts, whether it is damaged or not: a word that passes over it hides that it is. */
static bool
is_selected(const PgbVerification *v, const PgbCatalogEntry *entries, int count, int index)
{
	const char *word = v->request->backup;
	const char *id = entries[index].id;

	if (pgb_id_is_valid(word))
		return strcmp(word, id) == 0;
	if (strcmp(word, PGB_VERIFY_ALL) == 0)
		return true;
	if (!is_wanted_kind(id, word) || !is_of_database(v, &entries[index]))
		return false;
	for (int i = index + 1; i < count; i++)
	{
		if (pgb_id_kind(entries[i].id) == pgb_id_kind(id) && is_of_database(v, &entries[i]))
			return false;
	}
	return true;
}

/* Entries of the catalog, oldest first. */
static List *
select_backups(const PgbVerification *v)
{
	int			count;
	PgbCatalogEntry *entries = pgb_catalog_list(v->repository, &count);
	List	   *selected = NIL;

	for (int i = 0; i < count; i++)
	{
		if (is_selected(v, entries, count, i))
			selected = lappend(selected, &entries[i]);
	}
	if (selected == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 pgb_id_is_valid(v->request->backup) ?
				 errmsg("backup \"%s\" does not exist", v->request->backup) :
				 errmsg("there is no backup to verify"),
				 errhint("pgbackup_list() shows the backups that there are.")));
	return selected;
}

/* ---- what is stored ---- */

typedef struct Stored
{
	PgbVerification *verification;
	const char *name;			/* of the backup, or what it is else */
	uint64		done;			/* bytes */
} Stored;

static void
take_problem(void *arg, const char *object, const char *detail, bool missing)
{
	Stored	   *stored = arg;

	pgb_findings_add(stored->verification->findings, stored->name, pgb_valid_text(object),
					 missing ? PGB_FOUND_MISSING : PGB_FOUND_DAMAGED, pgb_valid_text(detail));
}

static void
take_progress(void *arg, uint64 bytes)
{
	Stored	   *stored = arg;

	stored->done += bytes;
	pgb_job_set_bytes(stored->verification->job, stored->done);
}

/* Pages that were damaged in the server are so in its backup. */
static void
report_damaged_pages(PgbVerification *v)
{
	const PgbBase *base = v->manifest->base;

	if (base != NULL && base->damaged_pages > 0)
		pgb_findings_add(v->findings, v->manifest->id, "pages", PGB_FOUND_DAMAGED,
						 psprintf("%llu pages were damaged in the server already when it was backed up.",
								  (unsigned long long) base->damaged_pages));
}

static char *
what_was_looked_at(const PgbVerify *verify)
{
	return psprintf("Lengths and checksums of %llu objects (%llu bytes)%s.",
					(unsigned long long) verify->objects, (unsigned long long) verify->bytes,
					verify->contents ? ", and all that they decompress to" : "");
}

/* Returns what was looked at, as a sentence. */
static char *
check_stored(PgbVerification *v)
{
	bool		contents = v->request->depth >= PGB_DEPTH_CONTENTS;
	Stored		stored = {v, v->manifest->id};
	PgbVerify	verify = {.contents = contents, .problem = take_problem, .advance = take_progress,
	.arg = &stored};

	pgb_job_begin_phase(v->job, PGB_PHASE_VERIFYING, 0,
						v->manifest->stored_bytes + (contents ? v->manifest->raw_bytes : 0));
	pgb_verify_backup(v->repository, v->manifest, &verify);
	report_damaged_pages(v);
	return what_was_looked_at(&verify);
}

/* ---- one backup ---- */

static void
close_unreadable(PgbVerification *v, const PgbCatalogEntry *entry)
{
	pgb_findings_add(v->findings, entry->id, PGB_MANIFEST_NAME,
					 entry->is_newer ? PGB_FOUND_UNCHECKED : PGB_FOUND_DAMAGED, entry->damage);
	pgb_findings_add(v->findings, entry->id, NULL,
					 entry->is_newer ? PGB_FOUND_FAILED : PGB_FOUND_DAMAGED,
					 "Nothing else of it could be checked.");
}

static const char *
beyond_depth(PgbDepth depth)
{
	switch (depth)
	{
		case PGB_DEPTH_OBJECTS:
			return "what they decompress to, and whether it can be restored";
		case PGB_DEPTH_CONTENTS:
			return "whether it can be restored";
		case PGB_DEPTH_RESTORE:
			break;
	}
	return NULL;
}

/* Is one of them a damage, and not only a restore that has failed? */
static bool
has_damage(const PgbFindings *findings, int first)
{
	ListCell   *lc;

	for_each_from(lc, findings->list, first)
	{
		const char *status = ((const PgbFinding *) lfirst(lc))->status;

		if (strcmp(status, PGB_FOUND_DAMAGED) == 0 || strcmp(status, PGB_FOUND_MISSING) == 0)
			return true;
	}
	return false;
}

static void
close_backup(PgbVerification *v, const char *status, int problems, const char *checked,
			 const char *unchecked)
{
	StringInfoData detail;

	initStringInfo(&detail);
	if (problems > 0)
		appendStringInfo(&detail, "Problems: %d. ", problems);
	appendStringInfo(&detail, "Checked: %s", checked);
	if (unchecked != NULL)
		appendStringInfo(&detail, " Not checked: %s.", unchecked);
	pgb_findings_add(v->findings, v->manifest->id, NULL, status, detail.data);
}

/* Nothing is restored of what is known to be damaged. */
static void
verify_manifest(PgbVerification *v)
{
	int			before = v->findings->problems;
	int			first = list_length(v->findings->list);
	char	   *checked = check_stored(v);
	const char *unchecked = beyond_depth(v->request->depth);
	const char *status = PGB_FOUND_OK;
	int			problems;

	if (v->request->depth == PGB_DEPTH_RESTORE && v->findings->problems > before)
		unchecked = "whether it can be restored, for it is damaged";
	else if (v->request->depth == PGB_DEPTH_RESTORE)
	{
		char	   *restored = pgb_verify_restore(v);

		if (restored != NULL)
			checked = psprintf("%s %s", checked, restored);
		else if (v->findings->problems == before)
		{
			unchecked = "whether it can be restored";
			status = PGB_FOUND_UNCHECKED;
		}
	}
	problems = v->findings->problems - before;
	if (problems > 0)
		status = has_damage(v->findings, first) ? PGB_FOUND_DAMAGED : PGB_FOUND_FAILED;
	close_backup(v, status, problems, checked, unchecked);
}

static void
verify_backup(PgbVerification *v, const PgbCatalogEntry *entry)
{
	MemoryContext old = CurrentMemoryContext;

	v->context = AllocSetContextCreate(old, "pgbackup verification", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(v->context);
	v->backups++;
	if (entry->damage != NULL)
		close_unreadable(v, entry);
	else
	{
		pgstat_report_activity(STATE_RUNNING, psprintf("verifying backup %s", entry->id));
		v->manifest = pgb_catalog_get(v->repository, entry->id, PGB_ANY_KIND, NULL);
		pgb_job_set_restored(v->job, entry->id, "");
		verify_manifest(v);
	}
	pgb_verify_cleanup(v);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(v->context);
	v->context = NULL;
	v->manifest = NULL;
}

/* With all backups goes the WAL between them, of which each by itself needs only its own. */
static void
verify_archive(PgbVerification *v)
{
	Stored		stored = {v, PGB_VERIFY_ARCHIVE};
	PgbVerify	verify = {.contents = v->request->depth >= PGB_DEPTH_CONTENTS,
	.problem = take_problem, .arg = &stored};

	pgstat_report_activity(STATE_RUNNING, "verifying the WAL archive");
	pgb_verify_archive(v->repository, &verify);
	if (verify.objects > 0)
		pgb_findings_add(v->findings, PGB_VERIFY_ARCHIVE, NULL,
						 verify.problems > 0 ? PGB_FOUND_DAMAGED : PGB_FOUND_OK,
						 psprintf("Checked: %s", what_was_looked_at(&verify)));
}

void
pgb_verify(PgbVerification *v)
{
	ListCell   *lc;

	foreach(lc, select_backups(v))
	{
		CHECK_FOR_INTERRUPTS();
		verify_backup(v, lfirst(lc));
	}
	if (strcmp(v->request->backup, PGB_VERIFY_ALL) == 0)
		verify_archive(v);
}

void
pgb_verify_cleanup(PgbVerification *v)
{
	ListCell   *lc;

	HOLD_INTERRUPTS();
	foreach(lc, v->programs)
		pgb_subprocess_stop(lfirst(lc));
	v->programs = NIL;
	pgb_crew_stop(v->crew);
	v->crew = NULL;
	if (v->restore != NULL)
		pgb_restore_cleanup(v->restore);
	v->restore = NULL;
	pgb_sandbox_remove(v->sandbox);
	v->sandbox = NULL;
	pgb_scratch_release(v->scratch);
	v->scratch = NULL;
	RESUME_INTERRUPTS();
}
