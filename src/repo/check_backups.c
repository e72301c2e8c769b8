/*-------------------------------------------------------------------------
 *
 * check_backups.c
 *	  The health of a repository: its backups.
 *
 * src/repo/check_backups.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/check.h"

#include "datatype/timestamp.h"

/* More than that of a kind are counted, not named. */
#define NAMED			5

/* A proof that is older says little of what is there now. */
#define PROOF_MAX_AGE	(30 * USECS_PER_DAY)

/* Backups that nobody has ever tried to restore should not become older than this. */
#define PROOF_GRACE		(7 * USECS_PER_DAY)

/* So many more of the newest backups should fit. */
#define ROUNDS_OF_ROOM	3

char *
pgb_check_age_text(int64 age)
{
	if (age < 2 * USECS_PER_HOUR)
		return psprintf("%d minutes", (int) (Max(age, 0) / USECS_PER_MINUTE));
	if (age < 2 * USECS_PER_DAY)
		return psprintf("%d hours", (int) (age / USECS_PER_HOUR));
	return psprintf("%lld days", (long long) (age / USECS_PER_DAY));
}

/* ---- are they whole? ---- */

/* Is a later backup of the same kind whole? */
static bool
has_successor(const PgbCheck *check, int index)
{
	for (int i = index + 1; i < check->nentries; i++)
	{
		if (pgb_id_kind(check->entries[i].id) == pgb_id_kind(check->entries[index].id) &&
			check->entries[i].manifest != NULL)
			return true;
	}
	return false;
}

/* What is wrong may be a sentence already. */
static const char *
full_stop_after(const char *text)
{
	size_t		length = strlen(text);

	return length > 0 && text[length - 1] == '.' ? "" : ".";
}

static void
report_incomplete(PgbCheck *check, const char *name, int index)
{
	const PgbCatalogEntry *entry = &check->entries[index];

	if (entry->is_newer)
		pgb_check_report(check, name, PGB_CHECK_WARN,
						 psprintf("Backup \"%s\" was made by a newer version of pgbackup: %s%s",
								  entry->id, entry->damage, full_stop_after(entry->damage)),
						 "Use a newer version; retention leaves this backup alone.");
	else
		pgb_check_report(check, name, has_successor(check, index) ? PGB_CHECK_WARN : PGB_CHECK_FAIL,
						 psprintf("Backup \"%s\" is damaged: %s%s", entry->id, entry->damage,
								  full_stop_after(entry->damage)),
						 "Make a new backup; \"pgbackup verify\" looks into all of them.");
}

static void
report_strangers(PgbCheck *check, const char *name)
{
	for (char **stranger = pgb_catalog_strangers(check->repository); *stranger != NULL; stranger++)
		pgb_check_report(check, name, PGB_CHECK_WARN,
						 psprintf("\"%s\" lies among the backups, and is none that this version knows.", *stranger),
						 "A newer version of pgbackup has made it, or somebody has renamed it. Retention leaves it alone, and with it all WAL.");
}

void
pgb_check_backups(PgbCheck *check, const char *name)
{
	int			complete = 0;

	for (int i = 0; i < check->nentries; i++)
	{
		if (check->entries[i].manifest != NULL)
			complete++;
		else
			report_incomplete(check, name, i);
	}
	report_strangers(check, name);
	if (complete > 0)
		pgb_check_report(check, name, PGB_CHECK_OK,
						 psprintf("Backups: %d, of which are complete: %d.", check->nentries, complete), NULL);
	else
		pgb_check_report(check, name, PGB_CHECK_FAIL, "There is no complete backup.",
						 "SELECT pgbackup_run() makes one.");
}

/* ---- how old is the newest of each kind? ---- */

/* The newest of each kind (of a logical backup: of each database, too). */
static bool
is_newest(const PgbCheck *check, int index)
{
	const PgbManifest *m = check->entries[index].manifest;

	if (m == NULL)
		return false;
	for (int i = index + 1; i < check->nentries; i++)
	{
		const PgbManifest *later = check->entries[i].manifest;

		if (later == NULL || later->kind != m->kind)
			continue;
		if (m->database == NULL || later->database == NULL ||
			strcmp(m->database, later->database) == 0)
			return false;
	}
	return true;
}

void
pgb_check_age(PgbCheck *check, const char *name)
{
	for (int i = 0; i < check->nentries; i++)
	{
		const PgbManifest *m = check->entries[i].manifest;
		int64		age;
		bool		is_old;

		if (!is_newest(check, i))
			continue;
		age = pgb_now() - m->finished_at;
		is_old = check->max_age > 0 && age > check->max_age;
		pgb_check_report(check, name, is_old ? PGB_CHECK_WARN : PGB_CHECK_OK,
						 psprintf("The newest %s backup%s%s is \"%s\", %s old.", pgb_kind_name(m->kind),
								  m->database != NULL ? " of database " : "",
								  m->database != NULL ? m->database : "", m->id,
								  pgb_check_age_text(age)),
						 is_old ? "Make a new backup, and look why none was made." : NULL);
	}
}

/* ---- was one ever restored? ---- */

void
pgb_check_proofs(PgbCheck *check, const char *name)
{
	const char *hint = "Restore one for a test: pgbackup_verify() with depth \"restore\" does it, and keeps the proof.";
	const PgbCatalogEntry *proven = NULL;
	const PgbManifest *oldest = NULL;
	int64		age;

	for (int i = 0; i < check->nentries; i++)
	{
		const PgbCatalogEntry *entry = &check->entries[i];

		if (entry->proven_at != 0 && (proven == NULL || entry->proven_at > proven->proven_at))
			proven = entry;
		if (entry->manifest != NULL && oldest == NULL)
			oldest = entry->manifest;
	}

	if (proven != NULL)
	{
		age = pgb_now() - proven->proven_at;
		pgb_check_report(check, name, age > PROOF_MAX_AGE ? PGB_CHECK_WARN : PGB_CHECK_OK,
						 psprintf("The last backup that was restored for a test is \"%s\", %s ago.",
								  proven->id, pgb_check_age_text(age)),
						 age > PROOF_MAX_AGE ? hint : NULL);
		return;
	}
	age = oldest == NULL ? 0 : pgb_now() - oldest->finished_at;
	if (oldest != NULL)
		pgb_check_report(check, name, age > PROOF_GRACE ? PGB_CHECK_WARN : PGB_CHECK_OK,
						 "None of the backups was ever restored for a test.", hint);
}

/* ---- are their moments possible? ---- */

void
pgb_check_clock(PgbCheck *check, const char *name)
{
	int64		now = pgb_now();
	int			count = 0;

	for (int i = 0; i < check->nentries; i++)
	{
		const PgbCatalogEntry *entry = &check->entries[i];
		int64		moment = entry->manifest != NULL ? entry->manifest->finished_at : pgb_id_moment(entry->id);

		if (moment <= now + PGB_CLOCK_TOLERANCE || ++count > NAMED)
			continue;
		pgb_check_report(check, name, PGB_CHECK_WARN,
						 psprintf("Backup \"%s\" was finished %s in the future.", entry->id,
								  pgb_check_age_text(moment - now)),
						 "The clock is wrong now, or was then. Until that moment has come this backup is taken for the latest, and for the newest to be kept.");
	}
	if (count == 0)
		pgb_check_report(check, name, PGB_CHECK_OK, "No backup is from the future.", NULL);
}

/* ---- what is not a backup ---- */

/* Only a run that is dead leaves its lock to be had. */
static bool
is_dead(PgbCheck *check, const char *id)
{
	PgbStore   *store = check->repository->store;
	struct PgbLock *lock = store->ops->share(store,
											 pgb_backup_object(check->repository->system_identifier, id,
															   PGB_BACKUP_LOCK_NAME));

	if (lock == NULL)
		return false;
	store->ops->unlock(lock);
	return true;
}

/* A folder without a manifest is a run that is at work, or that is dead. */
void
pgb_check_leftovers(PgbCheck *check, const char *name)
{
	PgbStore   *store = check->repository->store;
	uint64		cluster = check->repository->system_identifier;
	char	  **ids = store->ops->list(store, pgb_backups_folder(cluster));
	char		day_ago[PGB_ID_SIZE];
	int			count = 0;

	pgb_id_make(day_ago, pgb_now() - USECS_PER_DAY, PGB_LOGICAL);
	for (; *ids != NULL; ids++)
	{
		bool		dead;
		PgbStat		stat;

		if (!pgb_id_is_valid(*ids) ||
			store->ops->stat(store, pgb_backup_object(cluster, *ids, PGB_MANIFEST_NAME), &stat))
			continue;
		dead = is_dead(check, *ids);
		if ((!dead && strcmp(*ids, day_ago) >= 0) || ++count > NAMED)
			continue;
		pgb_check_report(check, name, PGB_CHECK_WARN,
						 psprintf(dead ? "Backup \"%s\" was begun, and its run has died." :
								  "Backup \"%s\" was begun more than a day ago, and is not complete.", *ids),
						 "If it is not at work any more, the next backup removes it.");
	}
	if (count == 0)
		pgb_check_report(check, name, PGB_CHECK_OK, "No backup was left half-made.", NULL);
}

/* ---- do the next ones fit? ---- */

static char *
size_text(uint64 bytes)
{
	return psprintf("%llu MB", (unsigned long long) (bytes + 1024 * 1024 - 1) / (1024 * 1024));
}

void
pgb_check_room(PgbCheck *check, const char *name)
{
	PgbStore   *store = check->repository->store;
	char	   *path = store->ops->local_path(store, "");
	const char *hint = "Make the repository larger, or keep fewer backups: pgbackup.retention_logical and pgbackup.retention_full.";
	uint64		free;
	uint64		total;
	uint64		round = 0;
	PgbCheckStatus status;

	if (path == NULL)
		return;
	if (!pgb_disk_room(path, &free, &total))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not look at the file system of \"%s\": %m", path)));
	for (int i = 0; i < check->nentries; i++)
	{
		if (is_newest(check, i))
			round += check->entries[i].manifest->stored_bytes;
	}

	status = free < round ? PGB_CHECK_FAIL :
		free / ROUNDS_OF_ROOM < round ? PGB_CHECK_WARN : PGB_CHECK_OK;
	pgb_check_report(check, name, status,
					 psprintf("Of %s there are %s left; the newest backups of each kind and database together take %s.",
							  size_text(total), size_text(free), size_text(round)),
					 status == PGB_CHECK_OK ? NULL : hint);
}
