/*-------------------------------------------------------------------------
 *
 * restore_settings.c
 *	  What a restored server, and pg_verifybackup, are told.
 *
 * pg_verifybackup looks neither at postgresql.auto.conf nor at recovery.signal.
 *
 * src/cli/restore_settings.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/restore.h"

#include <sys/stat.h>
#include <time.h>

#include "datatype/timestamp.h"
#include "io/digest.h"
#include "io/json.h"
#include "io/utf8.h"
#include "repo/datadir_file.h"
#include "repo/settings_text.h"

#define PRIVATE_FILE		(S_IRUSR | S_IWUSR)
#define SETTINGS_LIMIT		(64 * 1024 * 1024)
#define POSTGRES_EPOCH	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY)

static char *
path_in(const Restore *restore, const char *name)
{
	return psprintf("%s/%s", restore->options.directory, name);
}

/*
 * A backup of a standby, or of a server that was itself restored and never got to the end of its
 * recovery, has these.
 */
bool
restore_leaves_out(const PgbFile *file)
{
	return strcmp(file->path, "standby.signal") == 0 ||
		strcmp(file->path, "recovery.signal") == 0 ||
		strcmp(file->path, "backup_label") == 0 ||
		strcmp(file->path, "tablespace_map") == 0 ||
		strcmp(file->path, "backup_manifest") == 0 ||
		strcmp(file->path, RESTORE_MARK) == 0;
}

/* ---- recovery settings ---- */

/*
 * In this order: a server that reads two kinds of target refuses to start, unless the first is
 * cleared before the second comes; one that postgresql.conf may have is cleared so.
 */
static const char *const target_settings[] = {
	"recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_time",
	"recovery_target_xid",
};

static const char *const other_settings[] = {
	"restore_command", "recovery_end_command", "recovery_target_timeline",
	"recovery_target_inclusive", "recovery_target_action",
};

#define OUR_COMMENT		"# Added by pgbackup restore"

static bool
is_name(const char *line, const char *name)
{
	size_t		length = strlen(name);

	return pg_strncasecmp(line, name, length) == 0 &&
		!isalnum((unsigned char) line[length]) && line[length] != '_' && line[length] != '.';
}

/* Does a line set what we are to set, or is it what an earlier restore has said about that? */
static bool
is_superseded(const char *line)
{
	while (*line == ' ' || *line == '\t')
		line++;
	if (strncmp(line, OUR_COMMENT, strlen(OUR_COMMENT)) == 0)
		return true;
	for (int i = 0; i < lengthof(target_settings); i++)
	{
		if (is_name(line, target_settings[i]))
			return true;
	}
	for (int i = 0; i < lengthof(other_settings); i++)
	{
		if (is_name(line, other_settings[i]))
			return true;
	}
	return false;
}

/* What is there, without what an earlier restore has added. */
static void
append_old_settings(StringInfo out, const char *text)
{
	while (text != NULL && *text != '\0')
	{
		size_t		length = strcspn(text, "\n");

		if (!is_superseded(text))
		{
			appendBinaryStringInfo(out, text, length);
			appendStringInfoChar(out, '\n');
		}
		text += length + (text[length] == '\n' ? 1 : 0);
	}
}

/* wal-get with what comes after where the repository is. */
static char *
wal_get_command(const Restore *restore, const char *arguments)
{
	StringInfoData command;

	initStringInfo(&command);
	pgb_append_command_word(&command, cli_program_path());
	appendStringInfoString(&command, " wal-get ");
	pgb_append_command_word(&command, psprintf("--repository=%s", restore->repository->store->location));
	appendStringInfo(&command, " --system=" UINT64_FORMAT " %s",
					 restore->repository->system_identifier, arguments);
	return command.data;
}

/*
 * The WAL on the way to the target, which retention may remove before recovery gets there.  What the
 * backup itself needs is in pg_wal, where recovery finds it when the archive does not have it.
 */
static char *
needed_wal(const Restore *restore)
{
	const PgbRoute *route = restore->route;
	StringInfoData text;

	initStringInfo(&text);
	for (int i = restore_wal_count(restore); i < route->nsegments;)
	{
		int			first = i;

		while (i < route->nsegments && route->segments[i].timeline == route->segments[first].timeline)
			i++;
		appendStringInfo(&text, "--needed=%s-%s ", route->segments[first].text,
						 route->segments[i - 1].text);
	}
	return text.data;
}

static void
append_target(StringInfo out, const Restore *restore)
{
	for (int i = 0; i < lengthof(target_settings); i++)
		pgb_append_setting(out, target_settings[i], "");
	pgb_append_target(out, &restore->options.target, restore->route->timeline,
					  restore->options.action != NULL ? restore->options.action : "pause");
}

/*
 * The default of the setting goes by the data directory: in another one the server would begin a
 * repository of its own, and its timeline would be missing in this one.
 */
static void
append_repository(StringInfo out, const Restore *restore)
{
	const char *location = restore->repository->store->location;

	if (cli_is_beside_data_directory(location) &&
		strcmp(location, cli_beside_data_directory(restore->options.directory)) != 0)
		pgb_append_setting(out, "pgbackup.repository", location);
}

static mode_t
file_mode(const Restore *restore)
{
	const PgbFile *control = pgb_file_list_find(restore->list, PGB_CONTROL_PATH);

	return control == NULL ? PRIVATE_FILE : control->mode;
}

void
restore_write_settings(const Restore *restore)
{
	char	   *path = path_in(restore, "postgresql.auto.conf");
	char	   *signal_path = path_in(restore, "recovery.signal");
	char	   *now = pgb_time_to_text(pgb_now());
	size_t		length;
	StringInfoData text;

	now[strlen("2026-02-19T15:30:00")] = '\0';
	initStringInfo(&text);
	append_old_settings(&text, pgb_target_read(path, SETTINGS_LIMIT, &length));
	appendStringInfo(&text, "%s at %sZ, of backup %s\n", OUR_COMMENT, now, restore->backup->id);
	pgb_append_setting(&text, "restore_command", wal_get_command(restore, psprintf("%s%%f \"%%p\"", needed_wal(restore))));
	pgb_append_setting(&text, "recovery_end_command", wal_get_command(restore, "--clean"));
	append_target(&text, restore);
	append_repository(&text, restore);

	pgb_target_write(path, file_mode(restore), text.data, text.len, true);
	pgb_target_write(signal_path, file_mode(restore), "", 0, true);
}

/* ---- backup_manifest, as of PostgreSQL's src/backend/backup/backup_manifest.c ---- */

static bool
is_utf8(const char *text)
{
	while (*text != '\0')
	{
		int			length = pgb_utf8_length(text);

		if (length == 0)
			return false;
		text += length;
	}
	return true;
}

static void
append_hex(StringInfo out, const void *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		appendStringInfo(out, "%02x", ((const unsigned char *) data)[i]);
}

static void
append_path(StringInfo out, const char *path)
{
	PgbJsonWriter w;

	if (!is_utf8(path))
	{
		appendStringInfoString(out, "\"Encoded-Path\": \"");
		append_hex(out, path, strlen(path));
		appendStringInfoChar(out, '"');
		return;
	}
	appendStringInfoString(out, "\"Path\": ");
	pgb_json_begin(&w, out, false);
	pgb_json_string(&w, NULL, path);
}

/* The checksum as its bytes lie in memory: so PostgreSQL has it. */
static void
append_file(StringInfo out, bool is_first, const char *path, uint64 size, int64 modified_at,
			uint32 crc)
{
	time_t		seconds = modified_at / USECS_PER_SEC + POSTGRES_EPOCH;
	struct tm	tm;
	char		text[64];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S GMT", &tm);
	appendStringInfoString(out, is_first ? "\n{ " : ",\n{ ");
	append_path(out, path);
	appendStringInfo(out, ", \"Size\": " UINT64_FORMAT ", \"Last-Modified\": \"%s\", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"",
					 size, text);
	append_hex(out, &crc, sizeof(crc));
	appendStringInfoString(out, "\" }");
}

static void
append_files(StringInfo out, const Restore *restore)
{
	const char *label = restore->backup->base->backup_label;

	append_file(out, true, "backup_label", strlen(label), restore->backup->started_at,
				pgb_crc32c(label, strlen(label)));
	for (int i = 0; i < restore->list->count; i++)
	{
		const PgbFile *file = &restore->list->files[i];

		if (file->type == PGB_FILE_REGULAR && !restore_leaves_out(file))
			append_file(out, false, file->path, file->size, file->modified_at, file->crc);
	}
}

void
restore_write_manifest(const Restore *restore)
{
	const PgbManifest *backup = restore->backup;
	StringInfoData text;
	char	   *digest;

	initStringInfo(&text);
	appendStringInfo(&text, "{ \"PostgreSQL-Backup-Manifest-Version\": %d,\n",
					 backup->server_version_num >= 170000 ? 2 : 1);
	if (backup->server_version_num >= 170000)
		appendStringInfo(&text, "\"System-Identifier\": " UINT64_FORMAT ",\n",
						 backup->system_identifier);
	appendStringInfoString(&text, "\"Files\": [");
	append_files(&text, restore);
	appendStringInfo(&text, "\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": %u, \"Start-LSN\": \"%s\", \"End-LSN\": \"%s\" }\n],\n",
					 backup->timeline, pgb_lsn_to_text(backup->start_lsn),
					 pgb_lsn_to_text(backup->stop_lsn));
	digest = pgb_sha256_hex(text.data, text.len);
	appendStringInfo(&text, "\"Manifest-Checksum\": \"%s\"}\n", digest);

	pgb_target_write(path_in(restore, "backup_manifest"), file_mode(restore), text.data, text.len,
					 true);
}
