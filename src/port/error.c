/*-------------------------------------------------------------------------
 *
 * error.c
 *	  ereport() and PG_TRY for a program.
 *
 * The macros of utils/elog.h are the server's own; here are the functions that
 * they call, as far as the shared layers need them.  An ERROR that nobody
 * catches is printed and ends the program with exit status 1.
 *
 * src/port/error.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#ifdef FRONTEND

/* An error may be raised while another one is being handled, but not for ever. */
#define MAX_ERRORS	8

sigjmp_buf *PG_exception_stack = NULL;
ErrorContextCallback *error_context_stack = NULL;

static const char *progname = "pgbackup";
static ErrorData errors[MAX_ERRORS];
static int	current = -1;

/* ---- raising ---- */

bool
errstart(int elevel, const char *domain)
{
	int			save_errno = errno;
	ErrorData  *edata;

	/* A program speaks up only when something is amiss. */
	if (elevel < WARNING)
		return false;

	if (++current >= MAX_ERRORS)
	{
		fprintf(stderr, "%s: error: too many errors while handling an error\n", progname);
		exit(1);
	}

	edata = &errors[current];
	memset(edata, 0, sizeof(ErrorData));
	edata->elevel = elevel;
	edata->sqlerrcode = elevel >= ERROR ? ERRCODE_INTERNAL_ERROR : ERRCODE_WARNING;
	edata->saved_errno = save_errno;
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

/*
 * One line of a report.  Texts may quote what was read from a repository, and
 * that must not act on the terminal.
 */
static void
print_part(const char *name, const char *text)
{
	fprintf(stderr, "%s: %s: ", progname, name);
	for (; *text != '\0'; text++)
	{
		bool		is_control = (unsigned char) *text < ' ' || *text == 0x7F;

		fputc(is_control && *text != '\n' && *text != '\t' ? '?' : *text, stderr);
	}
	fputc('\n', stderr);
}

static void
print_error(const ErrorData *edata)
{
	fflush(stdout);
	print_part(edata->elevel >= ERROR ? "error" : "warning",
			   edata->message ? edata->message : "missing error text");
	if (edata->detail)
		print_part("detail", edata->detail);
	if (edata->hint)
		print_part("hint", edata->hint);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	ErrorData  *edata = &errors[current];

	edata->filename = filename;
	edata->lineno = lineno;
	edata->funcname = funcname;

	if (edata->elevel < ERROR)
	{
		print_error(edata);
		errno = edata->saved_errno;
		current--;
		return;
	}
	if (edata->elevel > ERROR || PG_exception_stack == NULL)
	{
		print_error(edata);
		exit(1);
	}
	pg_re_throw();
}

void
pg_re_throw(void)
{
	if (PG_exception_stack == NULL)
	{
		print_error(&errors[current]);
		exit(1);
	}
	siglongjmp(*PG_exception_stack, 1);
}

/* ---- the parts of a report ---- */

static char *format(const char *fmt, va_list args) pg_attribute_printf(1, 0);

/* Formats with the errno of errstart(), so that %m means what it should. */
static char *
format(const char *fmt, va_list args)
{
	size_t		size = 256;

	for (;;)
	{
		char	   *text = palloc(size);
		va_list		copy;
		size_t		needed;

		errno = errors[current].saved_errno;
		va_copy(copy, args);
		needed = pvsnprintf(text, size, fmt, copy);
		va_end(copy);
		if (needed < size)
			return text;
		pfree(text);
		size = needed;
	}
}

#define SET_FIELD(field, fmt, last) \
	do { \
		va_list		args; \
		va_start(args, last); \
		errors[current].field = format(fmt, args); \
		va_end(args); \
	} while (0)

int
errmsg(const char *fmt,...)
{
	SET_FIELD(message, fmt, fmt);
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	SET_FIELD(message, fmt, fmt);
	return 0;
}

int
errmsg_plural(const char *fmt_singular, const char *fmt_plural, unsigned long n,...)
{
	SET_FIELD(message, n == 1 ? fmt_singular : fmt_plural, n);
	return 0;
}

int
errdetail(const char *fmt,...)
{
	SET_FIELD(detail, fmt, fmt);
	return 0;
}

int
errdetail_internal(const char *fmt,...)
{
	SET_FIELD(detail, fmt, fmt);
	return 0;
}

int
errdetail_plural(const char *fmt_singular, const char *fmt_plural, unsigned long n,...)
{
	SET_FIELD(detail, n == 1 ? fmt_singular : fmt_plural, n);
	return 0;
}

int
errhint(const char *fmt,...)
{
	SET_FIELD(hint, fmt, fmt);
	return 0;
}

int
errcode(int sqlerrcode)
{
	errors[current].sqlerrcode = sqlerrcode;
	return 0;
}

int
errcode_for_file_access(void)
{
	switch (errors[current].saved_errno)
	{
		case EPERM:
		case EACCES:
		case EROFS:
			return errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
		case ENOENT:
			return errcode(ERRCODE_UNDEFINED_FILE);
		case EEXIST:
			return errcode(ERRCODE_DUPLICATE_FILE);
		case ENOTDIR:
		case EISDIR:
		case ENOTEMPTY:
			return errcode(ERRCODE_WRONG_OBJECT_TYPE);
		case ENOSPC:
			return errcode(ERRCODE_DISK_FULL);
		case EIO:
			return errcode(ERRCODE_IO_ERROR);
		default:
			return errcode(ERRCODE_INTERNAL_ERROR);
	}
}

/* ---- handling ---- */

int
geterrcode(void)
{
	return errors[current].sqlerrcode;
}

ErrorData *
CopyErrorData(void)
{
	ErrorData  *edata = palloc(sizeof(ErrorData));

	/* The texts are never freed, so that both may point to them. */
	*edata = errors[current];
	return edata;
}

void
FreeErrorData(ErrorData *edata)
{
	pfree(edata);
}

void
FlushErrorState(void)
{
	current = -1;
}

void
pgb_print_error(void)
{
	print_error(&errors[current]);
}

void
pgb_set_progname(const char *name)
{
	progname = name;
}

#endif							/* FRONTEND */
