#
# fuzz.sh
#	  "make fuzz": libFuzzer with each target of test/fuzz, one after the other.
#
# What it finds is printed in base64, for the private directory goes: as a file in
# test/fuzz/corpus/TARGET it is tried by every "make test" from then on.
#
# Sourced by test/lib/session.sh, with FUZZ_TARGETS and FUZZ_SECONDS (for each target).
#
# test/lib/fuzz.sh
#

fuzz_all()
{
	local build=$PRIVATE/fuzz target found=0 targets=${FUZZ_TARGETS:-$(ls test/fuzz/corpus)}

	PG_CONFIG=/usr/lib/postgresql/$PGMAJOR/bin/pg_config
	echo "building the fuzzers"
	make -s -j"$(nproc)" -C test/fuzz fuzz PG_CONFIG="$PG_CONFIG" FUZZ_BUILD="$build"
	for target in $targets
	do
		fuzz_one "$target" || found=$((found + 1))
	done
	echo "$(wc -w <<< "$targets") targets, $found with a defect"
	[ $found -eq 0 ]
}

# Inputs are limited to what is fast; the corpus of the run begins with what is in the tree.
fuzz_one()
{
	local target=$1 work=$PRIVATE/fuzz/$1 status=0

	mkdir -p "$work/corpus" "$work/found"
	FUZZ_TARGET=$target ASAN_OPTIONS=detect_leaks=1 \
		"$PRIVATE/fuzz/fuzz" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2500 \
		-max_len=32768 -print_final_stats=1 -artifact_prefix="$work/found/" \
		"$work/corpus" "test/fuzz/corpus/$target" > "$work/log" 2>&1 || status=$?
	printf '%-18s %s inputs, %s points of the code\n' "$target" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")" \
		"$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$work/log" | tail -n 1)"
	[ $status -eq 0 ] || fuzz_explain "$work"
	return $status
}

fuzz_explain()
{
	local file

	grep -v '^#' "$1/log" | tail -n 60
	for file in "$1"/found/*
	do
		echo "-- ${file##*/}, in base64:"
		base64 "$file"
	done
}
