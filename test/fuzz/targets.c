/*-------------------------------------------------------------------------
 *
 * targets.c
 *	  The list of all targets, and how one of them is run.
 *
 * test/fuzz/targets.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

const FuzzTarget fuzz_targets[] = {
	{"cron", fuzz_cron},
	{"file_list", fuzz_file_list},
	{"frame", fuzz_frame},
	{"instructions", fuzz_instructions},
	{"json", fuzz_json},
	{"manifest", fuzz_manifest},
	{"moment", fuzz_moment},
	{"names", fuzz_names},
	{"pin", fuzz_pin},
	{"policy", fuzz_policy},
	{"relation_map", fuzz_relation_map},
	{"repository_format", fuzz_repository_format},
	{"timeline", fuzz_timeline},
	{"toc", fuzz_toc},
	{"values", fuzz_values},
	{"wal_header", fuzz_wal_header},
	{"wal_object", fuzz_wal_object},
	{NULL, NULL}
};

bool		fuzz_shows_errors = false;

static const char *running = "none";

const FuzzTarget *
fuzz_find_target(const char *name)
{
	for (const FuzzTarget *target = fuzz_targets; target->name != NULL; target++)
	{
		if (strcmp(target->name, name) == 0)
			return target;
	}
	return NULL;
}

void
fuzz_defect(const char *what, const char *file, int line)
{
	fprintf(stderr, "defect in target %s: not true at %s line %d: %s\n", running, file, line, what);
	abort();
}

char *
fuzz_text(const char *data, size_t length)
{
	char	   *text = palloc(length + 1);

	memcpy(text, data, length);
	text[length] = '\0';
	return text;
}

/* The lowest number that is free: a leak moves it. */
static int
next_descriptor(void)
{
	int			fd = open("/dev/null", O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd;
}

void
fuzz_run(const FuzzTarget *target, const char *data, size_t length)
{
	int			descriptor = next_descriptor();

	running = target->name;
	fuzz_memory_begin();
	PG_TRY();
	{
		target->run(data, length);
	}
	PG_CATCH();
	{
		ErrorData  *error = CopyErrorData();

		FlushErrorState();
		if (fuzz_shows_errors)
			printf("raised: %s: %s\n", error->message, error->detail ? error->detail : "");
		fuzz_check(error->message != NULL && error->message[0] != '\0');
		/* XX000 is what is raised where nobody has thought of it */
		fuzz_check(error->sqlerrcode != ERRCODE_INTERNAL_ERROR);
	}
	PG_END_TRY();
	fuzz_memory_end();
	fuzz_check(next_descriptor() == descriptor);
}
