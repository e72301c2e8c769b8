/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Values and tables for people.
 *
 * src/cli/text.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"

#include <time.h>

#include "io/utf8.h"
#include "mb/pg_wchar.h"

#define COLUMN_GAP	"  "

/* ---- values ---- */

char *
cli_size(uint64 bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
	double		value = (double) bytes;
	int			unit = 0;

	while (value >= 1023.95 && unit < lengthof(units) - 1)
	{
		value /= 1024;
		unit++;
	}
	return psprintf("%.*f %s", unit > 0 && value < 99.95 ? 1 : 0, value, units[unit]);
}

/* In UTC, as the ids are: the program may run far from the server. */
char *
cli_time(int64 moment)
{
	char	   *text = pgb_time_to_text(moment);

	text[strlen("2026-02-19T15:30:00")] = '\0';
	text[strlen("2026-02-19")] = ' ';
	return psprintf("%s UTC", text);
}

char *
cli_duration(int64 micros)
{
	int64		seconds = Max(micros, 0) / 1000000;

	if (seconds < 1)
		return psprintf("%d ms", (int) (Max(micros, 0) / 1000));
	if (seconds < 60)
		return psprintf("%d s", (int) seconds);
	if (seconds < 3600)
		return psprintf("%dm %02ds", (int) (seconds / 60), (int) (seconds % 60));
	return psprintf("%lldh %02dm", (long long) (seconds / 3600), (int) (seconds / 60 % 60));
}

char *
cli_number(uint64 number)
{
	if (number == PGB_ROWS_UNKNOWN)
		return pstrdup("?");
	return psprintf(UINT64_FORMAT, number);
}

/* ---- tables ---- */

/*
 * What a name holds must not act on the terminal: control characters, and what
 * is no character, become a question mark.  Also counts the columns that it
 * takes on the screen.
 */
static char *
printable(const char *text, int *width)
{
	StringInfoData out;

	initStringInfo(&out);
	*width = 0;
	while (text != NULL && *text != '\0')
	{
		int			length = pgb_utf8_length(text);
		int			columns = length == 0 ? -1 : pg_encoding_dsplen(PG_UTF8, text);

		if (columns < 0)
			appendStringInfoChar(&out, '?');
		else
			appendBinaryStringInfo(&out, text, length);
		*width += columns < 0 ? 1 : columns;
		text += Max(length, 1);
	}
	return out.data;
}

char *
cli_printable(const char *text)
{
	int			width;

	return printable(text, &width);
}

/* ---- tables ---- */

void
cli_table_init(CliTable *table, int ncolumns, const char *const *titles)
{
	memset(table, 0, sizeof(CliTable));
	table->ncolumns = ncolumns;
	table->titles = titles;
}

void
cli_table_add(CliTable *table, char *first,...)
{
	char	  **cells = palloc(table->ncolumns * sizeof(char *));
	va_list		args;

	va_start(args, first);
	for (int i = 0; i < table->ncolumns; i++)
		cells[i] = i == 0 ? first : va_arg(args, char *);
	va_end(args);

	if (table->nrows == table->allocated)
	{
		table->allocated = Max(table->allocated * 2, 16);
		if (table->rows == NULL)
			table->rows = palloc(table->allocated * sizeof(char **));
		else
			table->rows = repalloc(table->rows, table->allocated * sizeof(char **));
	}
	table->rows[table->nrows++] = cells;
}

static bool
is_right_aligned(const CliTable *table, int column)
{
	return table->titles[column][0] == '>';
}

static const char *
title(const CliTable *table, int column)
{
	return table->titles[column] + (is_right_aligned(table, column) ? 1 : 0);
}

/* Nothing follows the last cell: no line ends in spaces. */
static void
print_cell(const CliTable *table, int column, const char *text, int width)
{
	int			shown_width;
	char	   *shown = printable(text, &shown_width);
	int			padding = width - shown_width;
	bool		is_last = column == table->ncolumns - 1;

	if (is_right_aligned(table, column))
		printf("%*s%s", padding, "", shown);
	else
		printf("%s%*s", shown, is_last ? 0 : padding, "");
	printf("%s", is_last ? "\n" : COLUMN_GAP);
}

static int
column_width(const CliTable *table, int column)
{
	int			max = strlen(title(table, column));

	for (int row = 0; row < table->nrows; row++)
	{
		int			width;

		pfree(printable(table->rows[row][column], &width));
		max = Max(max, width);
	}
	return max;
}

void
cli_table_print(const CliTable *table)
{
	int		   *widths = palloc(table->ncolumns * sizeof(int));

	for (int column = 0; column < table->ncolumns; column++)
		widths[column] = column_width(table, column);
	for (int column = 0; column < table->ncolumns; column++)
		print_cell(table, column, title(table, column), widths[column]);
	for (int row = 0; row < table->nrows; row++)
	{
		for (int column = 0; column < table->ncolumns; column++)
			print_cell(table, column, table->rows[row][column], widths[column]);
	}
}
