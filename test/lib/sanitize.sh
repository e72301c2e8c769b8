#
# sanitize.sh
#	  "make test-asan": tests with the address sanitizer in library and program, and in the unit
#	  tests also that for undefined behaviour.
#
# The servers' own code is the distribution's.  They get the sanitizer's runtime by LD_PRELOAD, from a
# script in the place of the private copy of postgres, so that no other program has it.  Some builds
# of PostgreSQL do not start with it (those of Debian 12 do not); then only the unit tests are run.
#
# Sourced by test/lib/session.sh.  SANITIZE asks for it; PRIVATE, bindir are set.
#
# test/lib/sanitize.sh
#

sanitize_flags="-O1 -fno-omit-frame-pointer -fsanitize=address"

# A server with the sanitizer is slow; these are the tests that do most with memory.
sanitize_tests="010_export_fidelity 030_restore_table 032_promote_table 033_restore_database 050_archive
	052_base_backup 054_restore_cluster 056_wal_get 062_restore_at 064_find_drops 070_retention"

# Before the build: reports go to files, since a server's log is of no interest to pg_regress.
sanitize_prepare()
{
	[ -n "${SANITIZE:-}" ] || return 0
	COPT=${COPT:-$sanitize_flags}
	mkdir "$PRIVATE/reports"
	export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$PRIVATE/reports/report"
}

# After it.
sanitize_servers()
{
	local runtime

	[ -n "${SANITIZE:-}" ] || return 0
	runtime=$(gcc -print-file-name=libasan.so)
	if ! LD_PRELOAD=$runtime timeout 20 "$bindir/postgres" --version > /dev/null 2>&1
	then
		echo "this build of PostgreSQL does not start with the address sanitizer: unit tests only"
		STAGE=unit
		TESTS=
		return
	fi
	all_stages="unit regress tap"
	mv "$bindir/postgres" "$bindir/postgres.real"
	cat > "$bindir/postgres" <<-SCRIPT
		#!/bin/bash
		# a sandbox's environment is not ours
		export ASAN_OPTIONS="$ASAN_OPTIONS"
		export LD_PRELOAD="$runtime\${LD_PRELOAD:+ \$LD_PRELOAD}"
		exec -a "\$0" "$bindir/postgres.real" "\$@"
	SCRIPT
	chmod +x "$bindir/postgres"
}

# The default of TESTS for the stage tap.
sanitize_tap()
{
	local name

	for name in $sanitize_tests
	do
		echo "test/t/$name.pl"
	done
}

# Every report is a failure, whether or not a test has failed over it.
sanitize_close()
{
	local report

	[ -n "${SANITIZE:-}" ] || return 0
	for report in "$PRIVATE"/reports/*
	do
		[ -f "$report" ] || continue
		head -n 60 "$report"
		total_failed=$((total_failed + 1))
	done
	summary+=("$(printf '%-10s %d' reports "$(ls "$PRIVATE/reports" | wc -l)")")
}
