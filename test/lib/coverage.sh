#
# coverage.sh
#	  "make coverage": which lines of src/ the whole of "make test" runs.
#
# What a process has counted is written when it exits: one that is killed is not counted.
#
# Sourced by test/lib/session.sh.  COVERAGE asks for it; PRIVATE is set.
#
# test/lib/coverage.sh
#

coverage_flags="-O0 --coverage"

coverage_prepare()
{
	[ -z "${COVERAGE:-}" ] || COPT=${COPT:-$coverage_flags}
}

# A table by folder, from all builds: that of the library and program, that of the unit tests.
coverage_close()
{
	[ -n "${COVERAGE:-}" ] || return 0
	echo
	find "$PRIVATE" -name '*.gcda' -print0 | perl test/lib/coverage.pl "$PWD/src"
}
