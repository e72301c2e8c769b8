/*-------------------------------------------------------------------------
 *
 * test_error.c
 *	  ereport() and PG_TRY in a program.
 *
 * test/unit/port/test_error.c
 *
 *-------------------------------------------------------------------------
 */
#include "tap.h"

static void
test_fields(void)
{
	errno = ENOENT;
	try(ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open \"%s\": %m", "x"),
				 errdetail("detail %d", 7),
				 errhint("hint"))));
	ok(tap_error != NULL, "an ERROR reaches PG_CATCH");
	is_uint(tap_error->sqlerrcode, ERRCODE_UNDEFINED_FILE, "errno gives the code");
	is_str(tap_error->message, "could not open \"x\": No such file or directory",
		   "%m is the errno of ereport()");
	is_str(tap_error->detail, "detail 7", "detail");
	is_str(tap_error->hint, "hint", "hint");

	try(ereport(ERROR, (errmsg_plural("%d file", "%d files", 2, 2))));
	is_str(tap_error->message, "2 files", "plural");
	is_uint(tap_error->sqlerrcode, ERRCODE_INTERNAL_ERROR, "the default code");
}

static void
test_long_message(void)
{
	char	   *text = palloc0(10001);

	memset(text, 'x', 10000);
	try(ereport(ERROR, (errmsg("%s", text))));
	is_uint(strlen(tap_error->message), 10000, "a long message is whole");
}

static void
test_nesting(void)
{
	volatile int passed = 0;

	try(
		PG_TRY();
		{
			ereport(ERROR, (errmsg("inner")));
		}
		PG_CATCH();
		{
			passed++;
			PG_RE_THROW();
		}
		PG_END_TRY();
		);
	is_uint(passed, 1, "the inner handler ran");
	is_str(tap_error->message, "inner", "and has thrown on");
	ok(PG_exception_stack == NULL, "nothing is left on the stack");

	/* Many in a row do not fill the stack of errors. */
	for (int i = 0; i < 100; i++)
		try(ereport(ERROR, (errmsg("again"))));
	ok(true, "a hundred errors are handled one after the other");
}

static void
fail(void *arg)
{
	if (freopen(arg, "w", stderr) == NULL)
		_exit(9);
	ereport(ERROR,
			(errmsg("could not do it"), errdetail("The detail."), errhint("The hint.")));
}

static void
test_uncaught(void)
{
	char	   *directory = tap_directory();
	char	   *path = psprintf("%s/stderr", directory);
	int			status = tap_fork(fail, path);
	size_t		length;
	char	   *text = tap_read_file(path, &length);

	text[length] = '\0';
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "an uncaught ERROR exits with 1");
	is_str(text,
		   "pgbackup: error: could not do it\n"
		   "pgbackup: detail: The detail.\n"
		   "pgbackup: hint: The hint.\n", "and is printed");
	tap_remove(directory);
}

int
main(void)
{
	test_fields();
	test_long_message();
	test_nesting();
	test_uncaught();
	return done_testing();
}
