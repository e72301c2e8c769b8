/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Every file of the corpus through its target: seeds, and what has found something.
 *
 * usage: replay [directory]    (the corpus; an assertion for each target)
 *        replay target file    (one file, after "make fuzz" has found it)
 *
 * test/fuzz/replay.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

/* Exactly as many bytes as there are, so that a sanitizer sees what reads beyond. */
static char *
read_input(const char *path, size_t *length)
{
	struct stat st;
	FILE	   *file = fopen(path, "rb");
	char	   *data;

	if (file == NULL || fstat(fileno(file), &st) != 0)
	{
		perror(path);
		exit(1);
	}
	*length = st.st_size;
	data = malloc(*length > 0 ? *length : 1);
	if (data == NULL || fread(data, 1, *length, file) != *length)
	{
		perror(path);
		exit(1);
	}
	fclose(file);
	return data;
}

static void
replay_file(const FuzzTarget *target, const char *path)
{
	size_t		length;
	char	   *data = read_input(path, &length);

	fuzz_run(target, data, length);
	free(data);
}

/* Returns how many files there are. */
static int
replay_target(const FuzzTarget *target, const char *corpus)
{
	char		folder[MAXPGPATH];
	char		path[MAXPGPATH * 2];
	struct dirent *entry;
	DIR		   *dir;
	int			count = 0;

	snprintf(folder, sizeof(folder), "%s/%s", corpus, target->name);
	dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
	{
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		/* the last line names the culprit if this is the end */
		printf("# %s\n", path);
		fflush(stdout);
		replay_file(target, path);
		count++;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	int			number = 0;
	int			failures = 0;

	if (argc == 3)
	{
		const FuzzTarget *target = fuzz_find_target(argv[1]);

		if (target == NULL)
		{
			fprintf(stderr, "there is no target \"%s\"\n", argv[1]);
			return 2;
		}
		fuzz_shows_errors = true;
		replay_file(target, argv[2]);
		return 0;
	}

	for (const FuzzTarget *target = fuzz_targets; target->name != NULL; target++)
	{
		int			count = replay_target(target, argc == 2 ? argv[1] : FUZZ_CORPUS);

		if (count == 0)
			failures++;
		printf("%sok %d - %d files of the corpus of %s\n", count > 0 ? "" : "not ", ++number,
			   count, target->name);
	}
	printf("1..%d\n", number);
	return failures > 0 ? 1 : 0;
}
