#
# session.sh
#	  What test/run does as the unprivileged user, in the copy of the tree.
#
# usage: bash test/lib/session.sh test|demo|bench|fuzz, with PRIVATE and PGMAJOR set
#
# test/lib/session.sh
#
set -euo pipefail

. test/lib/build.sh
. test/lib/cluster.sh
. test/lib/coverage.sh
. test/lib/fuzz.sh
. test/lib/sanitize.sh
. test/lib/stages.sh

case $1 in
	test)
		if build_all
		then
			stages_run
		else
			stages_nothing_built
		fi
		;;
	fuzz)
		fuzz_all
		;;
	demo)
		build_all
		cluster_start test/demo/postgresql.conf
		bash test/demo/demo.sh
		;;
	bench)
		build_all
		cluster_start test/bench/postgresql.conf
		perl test/bench/bench.pl
		cluster_stop
		trap - EXIT
		# each has a cluster of its own
		for script in base restore archive recover
		do
			bash "test/bench/$script.sh"
		done
		perl -Itest/bench -MBenchFigures -e 'closing_table(@ARGV)' "$PRIVATE/verdicts"
		;;
esac
