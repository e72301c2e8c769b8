#
# lib.sh
#	  What the benchmarks of whole clusters have in common: a cluster, its data, rounds, figures.
#
# How they measure:
# - The variants take turns, and each round begins with another one.  A ratio is the median of the
#   ratios within the rounds.
# - Round 0 is not counted: in it somebody looks on at memory and disk, which takes time of its own.
#   Memory is the largest private one of a process (RssAnon): without shared buffers.
# - What was made is cut to nothing, but not removed before the end: on ext4, removing many files makes
#   it slow for some minutes to create others.
# - CPU time is that of the server with all its processes, and of the programs that are called; what a
#   program does that has made itself independent (pgBackRest's asynchronous part) is missing.
#
# Sourced by the benchmarks, which test/lib/session.sh runs.  Environment:
#   PRIVATE        where everything is made
#   BENCH_SCALE    default 1
#   BENCH_ROUNDS   default 3
#   BENCH_ONLY     a regular expression: only these variants, for who works on something
#
# test/bench/lib.sh
#

scale=${BENCH_SCALE:-1}
rounds=${BENCH_ROUNDS:-3}

# begin name: the places of a benchmark
begin()
{
	place=$PRIVATE/$1-bench
	data=$place/data
	old=$place/old
	figures=$place/figures
	mkdir -p "$place" "$old"
	: >"$figures"
	export PGHOST=$place PGPORT=5432 PGDATABASE=postgres PGUSER
	PGUSER=$(id -un)
}

# Gives the room back.
finish()
{
	cluster_stop
	trap - EXIT
	empty_files "$place"
}

scaled()
{
	awk "BEGIN { n = int($1 * $scale); print (n > 1 ? n : 1) }"
}

query()
{
	psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

# ---- the cluster ----

# cluster_make [option of initdb]... <settings
cluster_make()
{
	initdb -D "$data" -N -A trust "$@" >/dev/null
	cat - >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$place'
		shared_preload_libraries = 'pgbackup'
		pgbackup.compression_level = 1
		max_wal_size = 1TB
		checkpoint_timeout = 1h
		autovacuum = off
	CONF
	cat >>"$data/postgresql.conf"
	trap cluster_stop EXIT
	pg_ctl -s -w -D "$data" -l "$place/log" start
	postmaster=$(head -1 "$data/postmaster.pid")
	query 'CREATE EXTENSION pgbackup'
}

cluster_stop()
{
	pg_ctl -s -D "$data" -m immediate stop 2>/dev/null || true
}

# Some 3 GB, with 2,000 small tables among it.
cluster_fill()
{
	pgbench -i -q -I dtGvp -s "$(scaled 90)" 2>/dev/null
	psql -Xq -v ON_ERROR_STOP=1 -v lineitems="$(scaled 5000000)" -v documents="$(scaled 20000)" \
		-f test/bench/data.sql
	psql -Xq -v ON_ERROR_STOP=1 <<-SQL
		DO \$\$
		BEGIN
			FOR i IN 1..$(scaled 2000) LOOP
				EXECUTE format('CREATE TABLE small_%s (id int PRIMARY KEY, filler text)', i);
				EXECUTE format('INSERT INTO small_%s SELECT g, md5(g::text) FROM generate_series(1, 100) g', i);
				IF i % 500 = 0 THEN COMMIT; END IF;
			END LOOP;
		END \$\$;
		VACUUM;
		CHECKPOINT;
	SQL
}

# ---- pgBackRest ----

has_pgbackrest()
{
	command -v pgbackrest >/dev/null
}

# pgbackrest_configure repository [setting]...
pgbackrest_configure()
{
	local repository=$1

	mkdir -p "$place/spool"
	cat >"$place/pgbackrest.conf" <<-CONF
		[global]
		repo1-path=$repository
		repo1-bundle=y
		repo1-retention-full=1000
		compress-type=zst
		compress-level=1
		start-fast=y
		spool-path=$place/spool
		lock-path=$place/spool
		log-level-console=error
		log-level-file=off
		$(printf '%s\n' "${@:2}")
		[main]
		pg1-path=$data
		pg1-socket-path=$place
	CONF
	pgbackrest_do --no-online stanza-create
}

pgbackrest_do()
{
	pgbackrest --config="$place/pgbackrest.conf" --stanza=main "$@"
}

# pgbackrest_command option...: how the archiver calls it
pgbackrest_command()
{
	echo "pgbackrest --config=$place/pgbackrest.conf --stanza=main archive-push %p $*"
}

# ---- the archiver, and the segments that it has kept in pg_wal ----

# archive_by library command workers: reload, and wait for the archiver to be there again
archive_by()
{
	query "ALTER SYSTEM SET archive_library = '$1'"
	query "ALTER SYSTEM SET archive_command = '$2'"
	query "ALTER SYSTEM SET pgbackup.archive_workers = $3"
	pg_ctl -s -D "$data" reload
	sleep 1
	until [ -n "$(archiver)" ]
	do
		sleep 0.2
	done
	sleep 1
}

archiver()
{
	query "SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'"
}

# The segments that the server has kept, all of them archived.
kept_segments()
{
	(cd "$data/pg_wal/archive_status" && printf '%s\n' ????????????????????????.done | sed 's/\.done$//')
}

# mark_ready segment...: they are to be archived again, as soon as the archiver looks
mark_ready()
{
	local status=$data/pg_wal/archive_status segment

	for segment
	do
		mv "$status/$segment.done" "$status/$segment.ready"
	done
}

# Lets the archiver look, and waits until nothing is ready; takes hardly any time of the processors.
archive_ready()
{
	kill -HUP "$(archiver)"
	perl -e 'while (() = glob "$ARGV[0]/*.ready") { select undef, undef, undef, 0.01 }' \
		"$data/pg_wal/archive_status"
}

count_ready()
{
	local found=("$data"/pg_wal/archive_status/*.ready)

	[ -e "${found[0]}" ] && echo "${#found[@]}" || echo 0
}

# ---- rounds ----

# take_turns function variant...: calls it with each of them, in each round
take_turns()
{
	local function=$1 number
	shift

	for round in $(seq 0 "$rounds")
	do
		for number in $(seq $#)
		do
			number=$(((number + round) % $# + 1))
			variant=${!number}
			[[ $variant =~ ${BENCH_ONLY:-} ]] || continue
			echo "round $round: $variant" >&2
			"$function" "$variant"
		done
	done
}

# note figure value
note()
{
	printf '%s\t%s\t%s\t%s\n' "$round" "$variant" "$1" "$2" >>"$figures"
}

# Notes how long a command takes, or, in round 0, how much memory.  looked_at may have directories.
measure()
{
	if [ "$round" -eq 0 ]
	then
		look_on "$@"
	else
		take_time "$@"
	fi
}

take_time()
{
	local begun ended cpu

	cpu=$(cpu_seconds)
	begun=$EPOCHREALTIME
	"$@"
	ended=$EPOCHREALTIME
	sleep 0.3		# the postmaster has to collect the processes that ended
	note s "$(calculate "$ended - $begun")"
	note 'cpu s' "$(calculate "$(cpu_seconds) - $cpu")"
}

looked_at=()

look_on()
{
	local watcher memory disk

	perl -Itest/bench -MBenchProcesses -e 'look_on(@ARGV)' "$PRIVATE" ${looked_at[@]+"${looked_at[@]}"} \
		>"$place/seen" &
	watcher=$!
	"$@"
	kill -TERM "$watcher"
	wait "$watcher"
	read -r memory disk <"$place/seen"
	note 'memory MB' "$(calculate "$memory / 1024")"
	[ ${#looked_at[@]} -eq 0 ] || note 'disk MB' "$(calculate "$disk / 1e6")"
}

cpu_seconds()
{
	perl -Itest/bench -MBenchProcesses -e 'print cpu_seconds(@ARGV)' "$postmaster" $$
}

calculate()
{
	perl -e 'printf "%.6f", eval shift' "$1"
}

# What was made goes out of the way; it keeps its inodes, and gives its blocks back.
put_away()
{
	local place_for=$old/$((++put))

	mv "$1" "$place_for"
	empty_files "$place_for"
	sync -f "$old"
}
put=0

empty_files()
{
	find "$1" -type f -size +0 -exec truncate -s 0 {} +
}

# Bytes of the files of a directory, in MB.
megabytes_in()
{
	find "$1" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%.3f", sum / 1e6 }'
}

# ---- results ----

# show title base variant...
show()
{
	perl -Itest/bench -MBenchFigures -e 'show_figures(shift, shift, @ARGV)' "$1" "$figures" "${@:2}"
}

# compare what limit figure ours other...
compare()
{
	perl -Itest/bench -MBenchFigures -e 'compare(@ARGV)' "$PRIVATE/verdicts" "$figures" "$@"
}

# limit what limit figure ours...
limit()
{
	perl -Itest/bench -MBenchFigures -e 'limit(@ARGV)' "$PRIVATE/verdicts" "$figures" "$@"
}
