#
# archive.sh
#	  The WAL archive against cp, basic_archive, zstd and pgBackRest: how fast a backlog goes.
#
# How it measures:
# - A cluster of its own makes full segments, most of them page images; they stay in pg_wal
#   all the time.
# - Before each measurement the archiver runs and has nothing to do.  Then every segment is marked as
#   ready, the archiver gets a SIGHUP, and the time runs until none is ready any more.
# - The variants take turns.  A ratio is the median of the ratios within a round.
# - CPU time is that of the server with all its processes and the programs that it calls.
# - Which of them are durable when they say so is in the table.
#
# Run by test/lib/session.sh.  Environment:
#   PRIVATE            where everything is made
#   ARCHIVE_SEGMENTS   default 128
#   BENCH_ROUNDS       default 3
#
# test/bench/archive.sh
#
set -euo pipefail

segments=${ARCHIVE_SEGMENTS:-128}
rounds=${BENCH_ROUNDS:-3}
place=$PRIVATE/archive-bench
data=$place/data
wal=$data/pg_wal
status=$wal/archive_status
results=$place/results
export PGHOST=$place PGPORT=5432 PGDATABASE=postgres

# name | durable | archive_library | archive_command | pgbackup.archive_workers
variants=(
	"pgbackup, alone|yes|pgbackup||0"
	"pgbackup, 1 worker|yes|pgbackup||1"
	"cp|no||cp %p $place/out/%f|0"
	"basic_archive|yes|basic_archive||0"
	"zstd -1|no||zstd -1 -q %p -o $place/out/%f.zst|0"
	"zstd -1, synced|yes||zstd -1 -q %p -o $place/out/%f.zst && sync $place/out/%f.zst $place/out|0")
if command -v pgbackrest >/dev/null
then
	push="pgbackrest --config=$place/pgbackrest.conf --stanza=main archive-push %p"
	variants+=(
		"pgBackRest, sync|yes||$push|0"
		"pgBackRest, async, 2 processes|yes||$push --archive-async --process-max=2|0")
fi

# ---- the server ----

make_server()
{
	mkdir -p "$place/out"
	initdb -D "$data" -N -A trust -U "$(id -un)" >/dev/null
	cat >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$place'
		shared_preload_libraries = 'pgbackup'
		pgbackup.repository = '$place/out/repository'
		basic_archive.archive_directory = '$place/out'
		archive_mode = on
		wal_keep_size = 1TB
		max_wal_size = 1TB
		checkpoint_timeout = 1h
		shared_buffers = 1GB
		autovacuum = off
		log_min_messages = log
	CONF
	pg_ctl -s -w -D "$data" -l "$place/log" start
	trap 'pg_ctl -s -D "$data" -m immediate stop' EXIT
	postmaster=$(head -1 "$data/postmaster.pid")
}

query()
{
	psql -XAtq -v ON_ERROR_STOP=1 -c "$1"
}

count_ready()
{
	local found=("$status"/*.ready)

	[ -e "${found[0]}" ] && echo "${#found[@]}" || echo 0
}

# Each checkpoint makes the next changes write whole pages.
make_segments()
{
	pgbench -i -q -s $((segments / 2 + 1)) 2>/dev/null
	while [ "$(count_ready)" -lt "$segments" ]
	do
		query CHECKPOINT
		pgbench -n -c 4 -j 2 -T 5 >/dev/null 2>&1
	done
	query 'SELECT pg_switch_wal()' >/dev/null
}

# Keeps the first so many, and tells the server that nothing is to be done for the others.
choose_segments()
{
	local name number=0

	list=()
	for name in "$status"/????????????????????????.ready
	do
		[ $((++number)) -le "$segments" ] && list+=("$(basename "$name" .ready)")
		mv "$name" "${name%.ready}.done"
	done
}

make_pgbackrest()
{
	command -v pgbackrest >/dev/null || return 0
	mkdir -p "$place/spool"
	cat >"$place/pgbackrest.conf" <<-CONF
		[global]
		repo1-path=$place/out/pgbackrest
		compress-type=zst
		compress-level=1
		spool-path=$place/spool
		lock-path=$place/spool
		log-level-console=error
		log-level-file=off
		archive-push-queue-max=1TB
		[main]
		pg1-path=$data
		pg1-socket-path=$place
		pg1-port=5432
		pg1-user=$(id -un)
	CONF
}

# ---- one measurement ----

# In hundredths of a second: the postmaster's own, and what its children have used that have ended.
server_cpu()
{
	local stat sum=0 process

	for process in "$postmaster" $(pgrep -P "$postmaster")
	do
		read -r stat <"/proc/$process/stat" 2>/dev/null || continue
		set -- ${stat##*) }
		sum=$((sum + ${12} + ${13} + ${14} + ${15}))
	done
	echo "$sum"
}

archiver()
{
	query "SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'"
}

# The archiver ends when its library changes, and comes back when the postmaster allows it.
use_variant()
{
	local library=$1 command=$2 workers=$3

	query "ALTER SYSTEM SET archive_library = '$library'"
	query "ALTER SYSTEM SET archive_command = '$command'"
	query "ALTER SYSTEM SET pgbackup.archive_workers = $workers"
	pg_ctl -s -D "$data" reload
	sleep 1
	until [ -n "$(archiver)" ]
	do
		sleep 0.2
	done
	sleep 1
}

measure()
{
	local name=$1 library=$3 command=$4 workers=$5 segment begun ended cpu

	rm -rf "$place/out" "$data/pgbackup.archive" "$place/spool"
	mkdir -p "$place/out" "$place/spool"
	case $command in
		pgbackrest*) pgbackrest --config="$place/pgbackrest.conf" --stanza=main --no-online stanza-create ;;
	esac
	use_variant "$library" "$command" "$workers"
	query CHECKPOINT
	sync

	for segment in "${list[@]}"
	do
		mv "$status/$segment.done" "$status/$segment.ready"
	done
	cpu=$(server_cpu)
	begun=$(date +%s%N)
	kill -HUP "$(archiver)"
	while [ -e "$status/${list[-1]}.ready" ] || [ "$(count_ready)" -gt 0 ]
	do
		sleep 0.005
	done
	ended=$(date +%s%N)
	sleep 0.2
	echo "$name|$(((ended - begun) / 1000))|$(($(server_cpu) - cpu))|$(du -sb --apparent-size "$place/out" | cut -f1)" >>"$results"
}

# ---- results ----

show()
{
	printf '\n%d segments of WAL; medians of %d rounds, and times as long as pgbackup alone\n\n' \
		"${#list[@]}" "$rounds"
	printf '%-32s %7s %-15s %7s %7s %7s %7s %8s %6s\n' '' 'wall s' '(min-max)' 'seg/s' 'MB/s' 'CPU s' 'MB' 'durable' 'ratio'
	perl -F'\|' -lane '
		BEGIN
		{
			$segments = shift;
			sub median { my @s = sort { $a <=> $b } @_; return ($s[$#s / 2] + $s[@s / 2]) / 2 }
			for (split /\n/, shift)
			{
				my ($name, $durable) = split /\|/;
				push @names, $name;
				$durable{$name} = $durable;
			}
		}
		push @{ $wall{$F[0]} }, $F[1] / 1e6;
		push @{ $cpu{$F[0]} }, $F[2] / 100;
		push @{ $bytes{$F[0]} }, $F[3] / 1e6;
		END
		{
			for my $name (@names)
			{
				my @wall = @{ $wall{$name} };
				my @sorted = sort { $a <=> $b } @wall;
				my $median = median(@wall);
				printf "%-32s %7.2f %-15s %7.1f %7.0f %7.2f %7.1f %8s %6.2f\n", $name, $median,
				  sprintf("(%.2f-%.2f)", $sorted[0], $sorted[-1]), $segments / $median,
				  $segments * 16.777216 / $median, median(@{ $cpu{$name} }),
				  median(@{ $bytes{$name} }), $durable{$name},
				  median(map { $wall[$_] / $wall{ $names[0] }[$_] } 0 .. $#wall);
			}
		}' "${#list[@]}" "$(printf '%s\n' "${variants[@]}")" "$results"
}

make_server
make_segments
choose_segments
make_pgbackrest
for round in $(seq "$rounds")
do
	for variant in "${variants[@]}"
	do
		IFS='|' read -r name durable library command workers <<<"$variant"
		echo "round $round: $name" >&2
		measure "$name" "$durable" "$library" "$command" "$workers"
	done
done
show
