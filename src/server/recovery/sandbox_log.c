/*-------------------------------------------------------------------------
 *
 * sandbox_log.c
 *	  What a sandbox says of its recovery, read as it writes it.
 *
 * It lets nobody in before its promotion, so its log is how we know where it is.  It is
 * configured so that lines begin with their severity and are in English.
 *
 * src/server/recovery/sandbox_log.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "server/encoding.h"
#include "server/recovery/sandbox_work.h"

/* Of the last lines so many bytes are kept. */
#define WORDS_KEPT		1500

/* What is longer is no line. */
#define LINE_LIMIT		8192

PgbSandboxLog *
pgb_sandbox_log_open(const char *path)
{
	PgbSandboxLog *log = palloc0(sizeof(PgbSandboxLog));

	log->path = pstrdup(path);
	initStringInfo(&log->line);
	initStringInfo(&log->last);
	return log;
}

/* What follows the severity and some text; NULL if the line is another one. */
static const char *
after(const char *line, const char *start)
{
	size_t		length = strlen(start);

	return strncmp(line, start, length) == 0 ? line + length : NULL;
}

static void
keep_line(PgbSandboxLog *log, const char *line)
{
	const char *cut;

	if (after(line, "LOG:  restored log file") != NULL)
		return;
	appendStringInfo(&log->last, "%s\n", line);
	while (log->last.len > WORDS_KEPT && (cut = strchr(log->last.data, '\n')) != NULL &&
		   cut[1] != '\0')
	{
		int			length = cut + 1 - log->last.data;

		memmove(log->last.data, cut + 1, log->last.len - length + 1);
		log->last.len -= length;
	}
}

static void
take_segment(PgbSandboxLog *log, const char *name)
{
	PgbWalName	parsed;
	char		text[PGB_WAL_NAME_LENGTH + 1];

	strlcpy(text, name, sizeof(text));
	if (!pgb_wal_name_parse(text, 0, &parsed) || parsed.kind != PGB_WAL_SEGMENT ||
		strcmp(log->segment, text) == 0)
		return;
	log->segments++;
	strlcpy(log->segment, text, sizeof(log->segment));
}

static void
take_line(PgbSandboxLog *log, const char *line)
{
	const char *rest;
	uint32		high;
	uint32		low;

	if ((rest = after(line, "LOG:  restored log file \"")) != NULL)
		take_segment(log, rest);
	else if (sscanf(line, "LOG:  " PGB_SANDBOX_PREPARED, &high, &low) == 2)
	{
		if (log->prepared == 0)
			log->prepared = ((uint64) high << 32) | low;
	}
	else if ((rest = after(line, "LOG:  redo done at ")) != NULL &&
			 sscanf(rest, "%X/%X", &high, &low) == 2)
		log->redo_end = ((uint64) high << 32) | low;
	else if ((rest = after(line, "LOG:  last completed transaction was at log time ")) != NULL)
		log->last_commit = pstrdup(rest);
	else if (strstr(line, "recovery ended before configured recovery target was reached") != NULL)
		log->is_target_missed = true;
	else if (strstr(line, "No space left on device") != NULL)
		log->is_full = true;
	else if (strstr(line, PGB_SANDBOX_LIBRARY) != NULL && after(line, "FATAL:") != NULL)
		log->is_refused = true;
	keep_line(log, line);
}

static void
take_text(PgbSandboxLog *log, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] == '\n')
		{
			take_line(log, log->line.data);
			resetStringInfo(&log->line);
		}
		else if (log->line.len < LINE_LIMIT && text[i] != '\0')
			appendStringInfoChar(&log->line, text[i]);
	}
}

/* What is new, as far as it fits; nothing while there is no such file. */
static ssize_t
read_some(PgbSandboxLog *log, char *buffer, size_t size)
{
	int			fd = pgb_open(log->path, O_RDONLY, 0);
	ssize_t		got;

	if (fd < 0)
		return 0;
	got = pread(fd, buffer, size, (off_t) log->read_to);
	pgb_close(fd);
	return got;
}

void
pgb_sandbox_log_read(PgbSandboxLog *log)
{
	char		buffer[8192];
	ssize_t		got;

	while ((got = read_some(log, buffer, sizeof(buffer))) > 0)
	{
		log->read_to += got;
		take_text(log, buffer, got);
	}
}

char *
pgb_sandbox_log_words(const PgbSandboxLog *log)
{
	char	   *text = pstrdup(log->last.data);
	int			length = strlen(text);

	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	return pgb_valid_text(text);
}
