/*-------------------------------------------------------------------------
 *
 * recover_query.c
 *	  SQL in a sandbox, by psql.
 *
 * src/server/recovery/recover_query.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include <sys/stat.h>

#include "mb/pg_wchar.h"
#include "repo/datadir_file.h"
#include "server/program.h"
#include "server/recovery/recover_work.h"

#define QUERY_FILE		"query.sql"
#define ANSWER_FILE		"query.answer"
#define ANSWER_LIMIT	((uint64) 1024 * 1024 * 1024 - 1)

char *
pgb_recover_conninfo(const PgbRecover *recover)
{
	StringInfoData conninfo;

	initStringInfo(&conninfo);
	appendStringInfoString(&conninfo, recover->sandbox->conninfo);
	pgb_conninfo_add(&conninfo, "dbname", recover->sandbox->database_name);
	pgb_conninfo_add(&conninfo, "client_encoding", GetDatabaseEncodingName());
	return conninfo.data;
}

static List *
split_lines(char *text)
{
	List	   *lines = NIL;

	while (*text != '\0')
	{
		char	   *end = strchr(text, '\n');

		if (end != NULL)
			*end = '\0';
		if (*text != '\0')
			lines = lappend(lines, text);
		if (end == NULL)
			break;
		text = end + 1;
	}
	return lines;
}

List *
pgb_recover_query(PgbRecover *recover, const char *sql)
{
	PgbProgram *program = pgb_program_create("psql");
	char	   *query = pgb_scratch_path(recover->scratch, QUERY_FILE);
	char	   *answer = pgb_scratch_path(recover->scratch, ANSWER_FILE);
	char	   *text;
	size_t		length;

	pgb_target_write(query, S_IRUSR | S_IWUSR, sql, strlen(sql), true);
	pgb_program_add(program, "--no-psqlrc");
	pgb_program_add(program, "--quiet");
	pgb_program_add(program, "--no-align");
	pgb_program_add(program, "--tuples-only");
	pgb_program_add(program, "--set=ON_ERROR_STOP=1");
	pgb_program_add(program, psprintf("--output=%s", answer));
	pgb_program_add(program, psprintf("--file=%s", query));
	pgb_recover_wait(recover, pgb_program_start_at(program, pgb_recover_conninfo(recover)), "psql");

	text = pgb_target_read(answer, ANSWER_LIMIT, &length);
	return text == NULL ? NIL : split_lines(text);
}
