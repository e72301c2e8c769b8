#
# base.sh
#	  Backing a cluster up: pgbackup_run('full') against pg_basebackup and pgBackRest.
#
# How it measures:
# - One cluster, some 3 GB with 2,000 small tables among it, wholly in the page cache.  A checkpoint
#   comes before each measurement, which is not counted, and a fast one with each backup.
# - All compress with zstd level 1 (or not at all), check page checksums, and leave the backup in a
#   directory of the server, durable.  The small part of the WAL that a backup needs is in it.
# - The variants take turns, and each round begins with another one.  A ratio is the median of the
#   ratios within a round.
# - What was made is cut to nothing, but not removed before the end: on ext4, removing many files makes it
#   slow for some minutes to create others.
# - CPU time is that of the server with all its processes, and of the program.  Memory is the
#   largest private one (RssAnon) of a process of the server, sampled.
#
# Run by test/lib/session.sh.  Environment:
#   PRIVATE        where everything is made; needs some 12 GB, and 4 GB of memory for it
#   BENCH_SCALE    default 1
#   BENCH_ROUNDS   default 3
#
# test/bench/base.sh
#
set -euo pipefail

scale=${BENCH_SCALE:-1}
rounds=${BENCH_ROUNDS:-3}
place=$PRIVATE/base-bench
data=$place/data
results=$place/results
export PGHOST=$place PGPORT=5432 PGDATABASE=postgres

# name | first is what the others are compared with
variants=("pg_basebackup, zstd, 2 workers" "pg_basebackup, zstd" "pg_basebackup, no zstd"
	"pgbackup, jobs 1" "pgbackup, jobs 2")
if command -v pgbackrest >/dev/null
then
	variants+=("pgBackRest, 1 process" "pgBackRest, 2 processes")
fi

# ---- the cluster ----

scaled()
{
	awk "BEGIN { n = int($1 * $scale); print (n < 1 ? 1 : n) }"
}

query()
{
	psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

make_server()
{
	mkdir -p "$place/out"
	initdb -D "$data" -k -N -A trust -U "$(id -un)" >/dev/null
	cat >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$place'
		shared_preload_libraries = 'pgbackup'
		pgbackup.repository = '$place/out/repository'
		max_wal_size = 16GB
		checkpoint_timeout = 1h
		shared_buffers = 512MB
		autovacuum = off
	CONF
	pg_ctl -s -w -D "$data" -l "$place/log" start
	trap 'pg_ctl -s -D "$data" -m immediate stop 2>/dev/null || true' EXIT
	postmaster=$(head -1 "$data/postmaster.pid")
}

make_data()
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
		CREATE EXTENSION pgbackup;
		VACUUM;
		CHECKPOINT;
	SQL
}

make_pgbackrest()
{
	command -v pgbackrest >/dev/null || return 0
	mkdir -p "$place/spool"
	cat >"$place/pgbackrest.conf" <<-CONF
		[global]
		repo1-path=$place/out/pgbackrest
		repo1-bundle=y
		compress-type=zst
		compress-level=1
		start-fast=y
		archive-check=n
		spool-path=$place/spool
		lock-path=$place/spool
		log-level-console=error
		log-level-file=off
		[main]
		pg1-path=$data
		pg1-socket-path=$place
	CONF
	pgbackrest --config="$place/pgbackrest.conf" --stanza=main --no-online stanza-create
}

# ---- one measurement ----

back_up()
{
	local number=${1//[^0-9]/}
	local out=$place/out/basebackup.$((++made))

	case $1 in
		"pg_basebackup, zstd, 2 workers")
			pg_basebackup -c fast -X fetch -t "server:$out" -Z server-zstd:level=1,workers=2 ;;
		"pg_basebackup, zstd")
			pg_basebackup -c fast -X fetch -t "server:$out" -Z server-zstd:level=1 ;;
		"pg_basebackup, no zstd")
			pg_basebackup -c fast -X fetch -t "server:$out" ;;
		pgbackup*)
			query "SELECT pgbackup_run('full', jobs => $number, level => 1)" >/dev/null ;;
		pgBackRest*)
			pgbackrest --config="$place/pgbackrest.conf" --stanza=main --type=full \
				--process-max="$number" backup ;;
	esac
}

# CPU seconds of the server with the processes that have ended.
server_cpu()
{
	awk -v hertz="$(getconf CLK_TCK)" '{ print ($14 + $15 + $16 + $17) / hertz }' "/proc/$postmaster/stat"
}

# The largest RssAnon of the server's processes, in kB, until it is told to stop.
watch_memory()
{
	local most=0 size pid

	trap 'echo "$most" >"$place/memory"; exit 0' TERM
	while sleep 0.1
	do
		for pid in $(pgrep -P "$postmaster")
		do
			size=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
			[ "${size:-0}" -le "$most" ] || most=$size
		done
	done
}

put_away()
{
	find "$place/out" -type f -size +0 ! -name pgbackup.json ! -path '*/pgbackrest/archive/*' \
		! -name 'archive.info*' ! -name 'backup.info*' -printf '%s\n' |
		awk '{ sum += $1 } END { printf "%d", sum / 1e6 }' >"$place/stored"
	find "$place/out" -type f -size +0 ! -name pgbackup.json ! -name '*.info*' \
		-exec truncate -s 0 {} +
	sync
}

measure()
{
	local watcher cpu seconds

	query CHECKPOINT
	sync
	watch_memory &
	watcher=$!
	cpu=$(server_cpu)
	TIMEFORMAT='%R %U %S'
	{ time back_up "$1" 2>"$place/errors"; } 2>"$place/time" || { cat "$place/errors" >&2; return 1; }
	made=$((made + 1))
	sleep 0.5
	kill -TERM "$watcher"
	wait "$watcher" || true
	read -r seconds user system <"$place/time"
	put_away
	awk -v name="$1" -v s="$seconds" -v before="$cpu" -v after="$(server_cpu)" -v u="$user" -v k="$system" \
		-v memory="$(cat "$place/memory")" -v stored="$(cat "$place/stored")" \
		'BEGIN { printf "%s|%s|%.2f|%d|%d\n", name, s, after - before + u + k, memory, stored }' >>"$results"
}

# ---- results ----

show()
{
	local variant

	printf '%-32s %8s %8s %8s %10s %8s\n' "full backup" "s" "x" "cpu s" "memory MB" "MB out"
	for variant in "${variants[@]}"
	do
		awk -F'|' -v variant="$variant" -v base="${variants[0]}" '
			function median(list, n,    i, j, t) {
				for (i = 1; i <= n; i++)
					for (j = i + 1; j <= n; j++)
						if (list[j] < list[i]) { t = list[i]; list[i] = list[j]; list[j] = t }
				return list[int((n + 1) / 2)]
			}
			$1 == base { bases[++b] = $2 }
			$1 == variant { seconds[++n] = $2; cpu[n] = $3; if ($4 > memory) memory = $4; stored = $5 }
			END {
				for (i = 1; i <= n; i++)
					ratios[i] = seconds[i] / bases[i]
				x = median(ratios, n); s = median(seconds, n); c = median(cpu, n)
				printf "%-32s %8.2f %8.2f %8.2f %10.0f %8d\n", variant, s, x, c, memory / 1024, stored
			}' "$results"
	done
}

made=0
make_server
make_data
make_pgbackrest
for round in $(seq "$rounds")
do
	for number in "${!variants[@]}"
	do
		measure "${variants[$(((number + round - 1) % ${#variants[@]}))]}"
	done
done
show
