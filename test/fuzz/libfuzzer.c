/*-------------------------------------------------------------------------
 *
 * libfuzzer.c
 *	  The target that FUZZ_TARGET names, for libFuzzer.
 *
 * test/fuzz/libfuzzer.c
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"

static const FuzzTarget *target;

int			LLVMFuzzerInitialize(int *argc, char ***argv);
int			LLVMFuzzerTestOneInput(const uint8 *data, size_t length);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	target = name == NULL ? NULL : fuzz_find_target(name);
	if (target == NULL)
	{
		fprintf(stderr, "FUZZ_TARGET must be one of:");
		for (const FuzzTarget *known = fuzz_targets; known->name != NULL; known++)
			fprintf(stderr, " %s", known->name);
		fprintf(stderr, "\n");
		exit(2);
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t length)
{
	fuzz_run(target, (const char *) data, length);
	return 0;
}
