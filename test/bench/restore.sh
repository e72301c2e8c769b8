#
# restore.sh
#	  Restoring a cluster: pgbackup restore against pgBackRest and zstd | tar.
#
# How it measures:
# - One cluster, some 3 GB with 2,000 small tables among it, is backed up once by each of them
#   with zstd level 1; pgBackRest bundles files.  All backups are in the page cache.
# - The variants take turns, and each round begins with another one.  A ratio is the median of
#   the ratios within a round.
# - Every restore goes to an empty directory and is durable when it ends: pgbackup and pgBackRest see
#   to that themselves, tar is followed by sync.  pgbackup writes and checks what pgBackRest does: each
#   file's checksum.
# - What was restored is moved away and cut to nothing, but not removed before the end: on ext4,
#   removing many files makes it slow for some minutes to create others.
# - CPU time is user and system time of the command with its children; memory the largest resident
#   set of one process, which includes what it shares with others.
#
# Run by test/lib/session.sh.  Environment:
#   PRIVATE        where everything is made; needs some 12 GB, and 3 GB of memory for it
#   BENCH_SCALE    default 1
#   BENCH_ROUNDS   default 3
#
# test/bench/restore.sh
#
set -euo pipefail

scale=${BENCH_SCALE:-1}
rounds=${BENCH_ROUNDS:-3}
place=$PRIVATE/restore-bench
data=$place/data
out=$place/out
results=$place/results
export PGHOST=$place PGPORT=5432 PGDATABASE=postgres PGUSER=$(id -un)

variants=("pgbackup, 1 process" "pgbackup, 2 processes" "zstd -dc to tar x, synced")
if command -v pgbackrest >/dev/null
then
	variants+=("pgBackRest, 1 process" "pgBackRest, 2 processes")
fi

# ---- the cluster and its backups ----

scaled()
{
	awk "BEGIN { n = int($1 * $scale); print (n > 1 ? n : 1) }"
}

make_server()
{
	mkdir -p "$place"
	initdb -D "$data" -N -A trust -U "$PGUSER" >/dev/null
	cat >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$place'
		shared_preload_libraries = 'pgbackup'
		pgbackup.repository = '$place/repository'
		pgbackup.compression_level = 1
		max_wal_size = 16GB
		checkpoint_timeout = 1h
		shared_buffers = 1GB
		fsync = off
	CONF
	pg_ctl -s -w -D "$data" -l "$place/log" start
	trap 'pg_ctl -s -D "$data" -m immediate stop 2>/dev/null || true' EXIT
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
		CHECKPOINT;
	SQL
}

make_backups()
{
	psql -XAtqc "SELECT pgbackup_run('full')" >/dev/null
	pg_ctl -s -w -D "$data" -m fast stop
	tar -C "$data" --exclude=./pg_wal/0* -cf - . | zstd -q -1 -T2 >"$place/tar.zst"
	command -v pgbackrest >/dev/null || return 0
	mkdir -p "$place/spool"
	cat >"$place/pgbackrest.conf" <<-CONF
		[global]
		repo1-path=$place/pgbackrest
		repo1-bundle=y
		compress-type=zst
		compress-level=1
		process-max=2
		spool-path=$place/spool
		lock-path=$place/spool
		log-level-console=error
		log-level-file=off
		[main]
		pg1-path=$data
	CONF
	pgbackrest --config="$place/pgbackrest.conf" --stanza=main --no-online stanza-create
	pgbackrest --config="$place/pgbackrest.conf" --stanza=main --no-online --type=full backup
}

# ---- one measurement ----

restore()
{
	local processes=${1//[^0-9]/}

	case $1 in
		pgbackup*)
			pgbackup restore --quiet --repository "$place/repository" --target-dir "$out" \
				--target-immediate --jobs "$processes" ;;
		pgBackRest*)
			pgbackrest --config="$place/pgbackrest.conf" --stanza=main --pg1-path="$out" \
				--process-max="$processes" restore ;;
		zstd*)
			zstd -dcq "$place/tar.zst" | tar -C "$out" -xf - && sync ;;
	esac
}

# Keeps the inodes, and gives the blocks back.
put_away()
{
	mv "$out" "$place/old.$((++away))"
	find "$place/old.$away" -type f -size +0 -exec truncate -s 0 {} +
	sync
}

measure()
{
	mkdir -m 700 "$out"
	/usr/bin/time -o "$place/time" -f '%e|%U|%S|%M' bash -c "$(declare -p place out); $(declare -f restore); restore '$1'"
	echo "$1|$(tail -1 "$place/time")" >>"$results"
	put_away
}

# ---- results ----

show()
{
	local variant

	printf '%-26s %8s %8s %8s %10s\n' "restore" "s" "x" "cpu s" "memory MB"
	for variant in "${variants[@]}"
	do
		awk -F'|' -v variant="$variant" -v base="${variants[1]}" '
			function median(list, n,    i, j, t) {
				for (i = 1; i <= n; i++)
					for (j = i + 1; j <= n; j++)
						if (list[j] < list[i]) { t = list[i]; list[i] = list[j]; list[j] = t }
				return list[int((n + 1) / 2)]
			}
			$1 == base { bases[++b] = $2 }
			$1 == variant { seconds[++n] = $2; cpu[n] = $3 + $4; if ($5 > memory) memory = $5 }
			END {
				for (i = 1; i <= n; i++)
					ratios[i] = seconds[i] / bases[i]
				x = median(ratios, n); s = median(seconds, n); c = median(cpu, n)
				printf "%-26s %8.2f %8.2f %8.2f %10.0f\n", variant, s, x, c, memory / 1024
			}' "$results"
	done
}

make_server
make_data
make_backups
away=0
for round in $(seq "$rounds")
do
	for number in "${!variants[@]}"
	do
		measure "${variants[$(((number + round - 1) % ${#variants[@]}))]}"
	done
done
show
rm -rf "$place"/old.*
