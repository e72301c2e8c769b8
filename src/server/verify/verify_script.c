/*-------------------------------------------------------------------------
 *
 * verify_script.c
 *	  SQL in a sandbox by psql, statement by statement, each of which may fail.
 *
 * src/server/verify/verify_script.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/datadir_file.h"
#include "server/encoding.h"
#include "server/program.h"
#include "server/recovery/recover_work.h"
#include "server/verify/verify_script.h"

/* What is longer is cut: a message may quote anything. */
#define LINE_LIMIT		4096

static char *
random_token(void)
{
	uint64		number;

	if (!pg_strong_random(&number, sizeof(number)))
		elog(ERROR, "could not make a random number");
	return psprintf("%016llx", (unsigned long long) number);
}

PgbScript *
pgb_script_create(PgbVerification *verification, const char *name,
				  void (*take) (void *arg, char letter, int number, char *text), void *arg)
{
	PgbScript  *script = palloc0(sizeof(PgbScript));

	script->verification = verification;
	script->name = pstrdup(name);
	script->token = random_token();
	script->take = take;
	script->arg = arg;
	initStringInfo(&script->text);
	initStringInfo(&script->line);
	return script;
}

void
pgb_script_add(PgbScript *script, int number, char kind, const char *statement)
{
	appendStringInfo(&script->text,
					 "%s;\n\\if :ERROR\n\\qecho %s %c %d %c :SQLSTATE :LAST_ERROR_MESSAGE\n"
					 "\\else\n\\qecho %s %c %d %c :ROW_COUNT\n\\endif\n",
					 statement,
					 script->token, PGB_SCRIPT_ERROR, number, kind,
					 script->token, PGB_SCRIPT_ROWS, number, kind);
}

void
pgb_script_add_each(PgbScript *script, const char *query)
{
	appendStringInfo(&script->text, "%s \\gexec\n", query);
}

static char *
conninfo_of(const PgbSandbox *sandbox, const char *database)
{
	StringInfoData conninfo;

	initStringInfo(&conninfo);
	appendStringInfoString(&conninfo, sandbox->conninfo);
	pgb_conninfo_add(&conninfo, "dbname", database);
	/* no conversion: what is damaged must not fail for being no text */
	pgb_conninfo_add(&conninfo, "client_encoding", "SQL_ASCII");
	return conninfo.data;
}

void
pgb_script_start(PgbScript *script, const char *database)
{
	PgbVerification *v = script->verification;
	PgbProgram *program = pgb_program_create("psql");
	char	   *query = pgb_scratch_path(v->scratch, psprintf("%s.sql", script->name));

	appendStringInfo(&script->text, "\\qecho %s end\n", script->token);
	script->answer = pgb_scratch_path(v->scratch, psprintf("%s.answer", script->name));
	script->read_to = 0;
	if (unlink(script->answer) != 0 && errno != ENOENT)
		pgb_target_report("remove", script->answer);
	pgb_target_write(query, S_IRUSR | S_IWUSR, script->text.data, script->text.len, true);
	pgb_program_add(program, "--no-psqlrc");
	pgb_program_add(program, "--quiet");
	pgb_program_add(program, "--no-align");
	pgb_program_add(program, "--tuples-only");
	pgb_program_add(program, psprintf("--output=%s", script->answer));
	pgb_program_add(program, psprintf("--file=%s", query));
	script->program = pgb_program_start_at(program, conninfo_of(v->sandbox, database));
	v->programs = lappend(v->programs, script->program);
}

/* ---- results ---- */

void
pgb_script_parse(char letter, const char *text, PgbScriptResult *result)
{
	unsigned long long rows = 0;
	int			used = 0;
	bool		is_right;

	memset(result, 0, sizeof(*result));
	if (letter == PGB_SCRIPT_ROWS)
		is_right = sscanf(text, "%c %llu", &result->kind, &rows) == 2;
	else
		is_right = sscanf(text, "%c %5s %n", &result->kind, result->sqlstate, &used) == 2 && used > 0;
	if (!is_right)
		elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", text);
	result->rows = rows;
	result->message = text + used;
}

/* "<token> R 12 C 100"; other lines are no results. */
static void
take_line(PgbScript *script, char *line)
{
	size_t		length = strlen(script->token);
	char		letter;
	int			number;
	int			used = 0;

	if (strncmp(line, script->token, length) != 0 || line[length] != ' ')
		return;
	line += length + 1;
	if (strcmp(line, "end") == 0)
		script->has_ended = true;
	else if (sscanf(line, "%c %d %n", &letter, &number, &used) == 2 && used > 0)
		script->take(script->arg, letter, number, line + used);
}

static void
take_text(PgbScript *script, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (text[i] == '\n')
		{
			take_line(script, script->line.data);
			resetStringInfo(&script->line);
		}
		else if (script->line.len < LINE_LIMIT && text[i] != '\0')
			appendStringInfoChar(&script->line, text[i]);
	}
}

static void
take_results(PgbScript *script)
{
	char		buffer[8192];
	int			fd = pgb_open(script->answer, O_RDONLY, 0);
	ssize_t		got;

	if (fd < 0)
		return;
	PG_TRY();
	{
		while ((got = pread(fd, buffer, sizeof(buffer), (off_t) script->read_to)) > 0)
		{
			script->read_to += got;
			take_text(script, buffer, got);
		}
	}
	PG_FINALLY();
	{
		pgb_close(fd);
	}
	PG_END_TRY();
}

char *
pgb_script_decode(const char *hex)
{
	size_t		length = strlen(hex) / 2;
	char	   *bytes = palloc(length + 1);

	for (size_t i = 0; i < length; i++)
	{
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1 || byte == 0)
			elog(ERROR, "psql gave an answer that cannot be read: \"%s\"", hex);
		bytes[i] = (char) byte;
	}
	bytes[length] = '\0';
	return bytes;
}

/* ---- the wait ---- */

/* True once it has ended. */
static bool
attend(PgbScript *script)
{
	bool		ended = pgb_subprocess_ended(script->program);

	take_results(script);
	return ended;
}

/* Why it has not come to its end, or NULL. */
static char *
failure_of(PgbScript *script)
{
	const char *words = pgb_subprocess_words(script->program);

	if (script->has_ended && pgb_subprocess_succeeded(script->program))
		return NULL;
	return psprintf("psql %s: %s", pgb_subprocess_end_text(script->program), pgb_valid_text(words));
}

static void
dismiss(PgbScript *script)
{
	PgbVerification *v = script->verification;

	pgb_subprocess_stop(script->program);
	v->programs = list_delete_ptr(v->programs, script->program);
	script->program = NULL;
}

char *
pgb_scripts_wait(List *scripts)
{
	char	   *failure = NULL;
	ListCell   *lc;
	bool		ended;

	do
	{
		ended = true;
		foreach(lc, scripts)
			ended &= attend(lfirst(lc));
		if (!ended)
			pgb_sandbox_attend(((PgbScript *) linitial(scripts))->verification->sandbox, NULL);
	} while (!ended);

	/* psql fails, too, when the sandbox has just gone: that says why */
	foreach(lc, scripts)
	{
		PgbScript  *script = lfirst(lc);

		if (failure == NULL && (failure = failure_of(script)) != NULL)
			pgb_sandbox_attend(script->verification->sandbox, NULL);
		dismiss(script);
	}
	return failure;
}
