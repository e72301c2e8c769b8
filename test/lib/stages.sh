#
# stages.sh
#	  The stages of "make test" and "make test-long", and their counts.
#
#	unit		the assertions of test/unit, plain programs without a server
#	regress		pg_regress: sql/*.sql against expected/*.out
#	isolation	pg_isolation_regress: test/isolation/specs/*.spec
#	tap			the assertions of test/t/*.pl
#
# and those of "make test-long", which nobody waits for:
#
#	long		the assertions of test/long/*.pl
#
# A stage that fails does not keep the others from running.  The last line of
# all is "N passed, M failed", and ", K skipped" if there were any.
#
# Sourced by test/lib/session.sh, which sets PG_CONFIG, bindir and pgxsdir.
#
# test/lib/stages.sh
#

all_stages="unit regress isolation tap"
total_passed=0
total_failed=0
total_skipped=0
summary=()

stages_run()
{
	local stage

	export PG_CONFIG
	for stage in ${STAGE:-$all_stages}
	do
		stage_run "$stage"
	done
	stages_close
}

stages_nothing_built()
{
	total_failed=1
	summary+=("the build failed")
	stages_close
}

stages_close()
{
	local totals

	sanitize_close
	coverage_close
	totals="$total_passed passed, $total_failed failed"

	[ $total_skipped -eq 0 ] || totals+=", $total_skipped skipped"
	echo
	printf '%s\n' "${summary[@]}" "$totals"
	[ $total_failed -eq 0 ] && [ $total_passed -gt 0 ]
}

# Runs one stage, counts, and shows what helps to understand a failure.
stage_run()
{
	local stage=$1 unit names status=0 passed failed skipped

	names=$("names_of_$stage")
	if [ -z "$names" ]
	then
		summary+=("$(printf '%-10s nothing to run' "$stage")")
		return
	fi

	echo
	echo "== $stage"
	stage_dir=$PRIVATE/$stage
	mkdir "$stage_dir"
	SECONDS=0
	"run_$stage" $names > >(tee "$stage_dir/output") 2>&1 || status=$?
	wait $!

	case $stage in
		unit|tap|long) unit=assertions ;;
		*) unit=files ;;
	esac
	read -r passed failed skipped < <("count_$unit")
	# it broke outside of what is counted: a plan not kept, a server that did not start
	if [ "$failed" -eq 0 ] && { [ $status -ne 0 ] || [ $((passed + skipped)) -eq 0 ]; }
	then
		echo "$stage ended with status $status and no failed test: counted as one"
		failed=1
	fi
	[ "$failed" -eq 0 ] || "explain_$unit"

	total_passed=$((total_passed + passed))
	total_failed=$((total_failed + failed))
	total_skipped=$((total_skipped + skipped))
	summary+=("$(printf '%-10s %d passed, %d failed, %d skipped %s in %d s' \
		"$stage" "$passed" "$failed" "$skipped" "$unit" "$SECONDS")")
}

# ---- what each stage runs, and how ----

names_of_unit()
{
	[ ! -f test/unit/Makefile ] || echo check
}

names_of_regress()
{
	if [ -n "${TESTS:-}" ]
	then
		plain_names $TESTS
	else
		plain_names sql/*.sql | grep -v '^pgbackup--' || true
	fi
}

names_of_isolation()
{
	plain_names ${TESTS:-test/isolation/specs/*.spec}
}

names_of_tap()
{
	if [ -n "${SANITIZE:-}" ]
	then
		echo ${TESTS:-$(sanitize_tap)}
	else
		echo ${TESTS:-$(ls test/t/*.pl 2>/dev/null)}
	fi
}

names_of_long()
{
	echo ${TESTS:-$(ls test/long/*.pl 2>/dev/null)}
}

run_long()
{
	run_tap "$@"
}

run_unit()
{
	PERL_TEST_HARNESS_DUMP_TAP="$stage_dir/raw" \
		make -s -j"$(nproc)" -C test/unit "$1" PG_CONFIG="$PG_CONFIG" UNIT_BUILD="$stage_dir/build" \
		${SANITIZE:+SANITIZE=1} ${COVERAGE:+COVERAGE=1}
}

run_regress()
{
	run_pg_regress regress/pg_regress . "$@"
}

run_isolation()
{
	run_pg_regress isolation/pg_isolation_regress test/isolation "$@"
}

run_tap()
{
	mkdir "$stage_dir/log"
	# 15 has one variable for what later versions have two
	TESTDIR="$stage_dir" TESTDATADIR="$stage_dir/tmp_check" TESTLOGDIR="$stage_dir/tmp_check/log" \
		PGPORT=65432 PG_REGRESS="$pgxsdir/src/test/regress/pg_regress" \
		PERL5LIB="$PWD/test/lib:$pgxsdir/src/test/perl" \
		PERL_TEST_HARNESS_DUMP_TAP="$stage_dir/raw" \
		prove --timer --failures ${PROVE_FLAGS:-} "$@"
}

# run_pg_regress program input-directory name...
# The database has the name that "make installcheck" gives it.
run_pg_regress()
{
	local program=$pgxsdir/src/test/$1 input=$2 name

	shift 2
	# a file that is not there would end the whole stage instead of one test
	mkdir -p "$input/expected"
	for name
	do
		touch -a "$input/expected/$name.out"
	done
	"$program" --bindir="$bindir" --inputdir="$input" --outputdir="$stage_dir" \
		--temp-instance="$stage_dir/instance" --temp-config=test/postgresql.conf \
		--dbname=contrib_regression --no-locale --encoding=UTF8 --load-extension=pgbackup "$@"
}

# file names without their directories and endings
plain_names()
{
	local name

	for name
	do
		case $name in
			*'*'*) ;;			# a pattern that matched nothing
			*)
				name=${name##*/}
				echo "${name%.*}"
				;;
		esac
	done
}

# ---- pg_regress: files ----

# "passed failed skipped"; since 16 it speaks TAP
count_files()
{
	awk '
		/^ok / || /^(test)? .* \.\.\. ok / { passed++ }
		/^not ok / || /^(test)? .* \.\.\. FAILED/ { failed++ }
		END { print passed + 0, failed + 0, 0 }' "$stage_dir/output"
}

explain_files()
{
	[ ! -f "$stage_dir/regression.diffs" ] || head -n 500 "$stage_dir/regression.diffs"
	if [ -f "$stage_dir/log/postmaster.log" ]
	then
		show_tail "$stage_dir/log/postmaster.log"
	else
		show_tail "$stage_dir/log/initdb.log"
	fi
}

# ---- prove: assertions ----

# "passed failed skipped", from the TAP that prove leaves below raw/
count_assertions()
{
	find "$stage_dir/raw" -type f -exec cat {} + 2>/dev/null | awk '
		/^1\.\.0/ || /^ok .*# *[Ss][Kk][Ii][Pp]/ { skipped++; next }
		/^ok/ || /^not ok .*# *TODO/ { passed++; next }
		/^not ok/ { failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }'
}

# The assertions that failed; of each failed file its log and the last words of its servers.
explain_assertions()
{
	local name log

	[ ! -d "$stage_dir/raw" ] || (cd "$stage_dir/raw" && grep -r '^not ok' . || true)
	for name in $(failed_files)
	do
		for log in "$stage_dir"/tmp_check/log/*"$name"*
		do
			show_tail "$log"
		done
	done
}

# From the end of prove's report: "test/t/010_name.pl (Wstat: 256 ..." gives 010_name.
failed_files()
{
	sed -n 's#^\(.*/\)\?\([^/ ]*\)\.pl *(Wstat: .*#\2#p' "$stage_dir/output"
}

show_tail()
{
	[ -f "$1" ] || return 0
	echo "-- end of ${1#"$PRIVATE"/}"
	tail -n 60 "$1"
}
