#
# recover.sh
#	  One table as it was at a moment: pgbackup_restore_table against a full recovery with pgBackRest,
#	  pg_dump of the table, and loading it.
#
# - A cluster forty times as large as the table; from its base backup to the moment there are 2 GB of
#   WAL, in which the table changes with all the others.
# - Then the cluster is doubled with other tables, and the same is done again.
# - pgBackRest restores to a new directory with two processes, fetches WAL ahead with two, and recovers to the same moment;
#   the server that it recovers, which is thrown away, need not be durable.  pg_dump's output goes
#   directly into the live server.
# - Each time the rows are compared with what they were.
# - Restored is what was laid down of the base backup; disk what there was at most at once, WAL included, in the
#   directory that is thrown away.
# - How all of them are measured: lib.sh.  Needs some 20 GB.
#
# test/bench/recover.sh
#
set -euo pipefail
. test/bench/lib.sh

ours=("pgbackup" "pgbackup, cluster doubled")
others=()
if has_pgbackrest
then
	others=("pgBackRest and pg_dump" "pgBackRest and pg_dump, cluster doubled")
fi

# ---- the cluster and its history ----

make_cluster()
{
	cluster_make -k <<-CONF
		pgbackup.repository = '$place/repository'
		pgbackup.scratch_directory = '$place/scratch'
		pgbackup.jobs = 2
		archive_mode = on
		archive_library = 'pgbackup'
		wal_keep_size = 1TB
		shared_buffers = 512MB
	CONF
	pgbench -i -q -s "$(scaled 128)" 2>/dev/null
	psql -Xq -v ON_ERROR_STOP=1 -v rows="$(scaled 200000)" <<-SQL
		CREATE TABLE orders (id bigint PRIMARY KEY, customer integer NOT NULL, note text, total numeric);
		INSERT INTO orders SELECT g, g % 1000, repeat(md5(g::text), 5), g / 7.0 FROM generate_series(1, :rows) g;
		CREATE INDEX ON orders (customer);
	SQL
	cat >"$place/orders.sql" <<-SQL
		\set id random(1, $(scaled 200000))
		UPDATE orders SET total = total + 1 WHERE id = :id;
	SQL
	! has_pgbackrest || pgbackrest_configure "$place/pgbackrest" archive-check=n process-max=2 archive-async=y
}

double_cluster()
{
	query "CREATE TABLE other AS TABLE pgbench_accounts"
	query "ALTER TABLE other ADD PRIMARY KEY (aid)"
}

back_up()
{
	query 'VACUUM'
	query "SELECT pgbackup_run('full')" >/dev/null
	! has_pgbackrest || pgbackrest_do --type=full backup
}

# 2 GB, with four checkpoints: after each of them the first change of a page writes all of it.
make_wal()
{
	local part from

	for part in 1 2 3 4
	do
		query CHECKPOINT
		from=$(query 'SELECT pg_current_wal_lsn()')
		while [ "$(query "SELECT pg_current_wal_lsn() - '$from' < $(scaled 500) * 1e6")" = t ]
		do
			PGOPTIONS='-c synchronous_commit=off' \
				pgbench -n -c 4 -t 500 -b tpcb-like@9 -f "$place/orders.sql@1" >/dev/null 2>&1
		done
	done
}

truth_of()
{
	query "SELECT count(*) || ' ' || sum(hashtextextended(t::text, 0)) FROM $1 t"
}

# Sets moments and truths of a number, and goes on after it.
pass_moment()
{
	truths[$1]=$(truth_of public.orders)
	moments[$1]=$(query "SELECT clock_timestamp() AT TIME ZONE 'UTC'")+00
	query "UPDATE orders SET note = 'wrong' WHERE id % 5 = 0"
	query 'SELECT pg_switch_wal()' >/dev/null
}

# Waits for our archive, and gives pgBackRest the same.
archive_all()
{
	until [ "$(count_ready)" -eq 0 ]
	do
		sleep 0.2
	done
	if has_pgbackrest
	then
		archive_by '' "$(pgbackrest_command)" 0
		mark_ready $(kept_segments)
		archive_ready
	fi
	archive_by '' /bin/true 0
}

tell_sizes()
{
	query "SELECT format('%s: %s the cluster, %s the table with its indexes', '$1',
		pg_size_pretty(sum(pg_database_size(oid))), pg_size_pretty(pg_total_relation_size('orders')))
		FROM pg_database"
}

# ---- recovering ----

# which variant: 0, or 1 with the cluster doubled
which()
{
	[[ $1 == *doubled ]] && echo 1 || echo 0
}

recover()
{
	case $1 in
		pgbackup*)
			query "SELECT * FROM pgbackup_restore_table('public.orders', at => '$2', into_schema => 'recovered')" \
				>/dev/null 2>"$place/notices" ;;
		pgBackRest*)
			recover_fully "$2" ;;
	esac
}

recover_fully()
{
	mkdir -m 700 "$scratch/restored"
	pgbackrest_do --pg1-path="$scratch/restored" --type=time --target="$1" --target-action=promote restore
	[ "$round" -gt 0 ] || note 'restored MB' "$(megabytes_in "$scratch/restored")"
	pg_ctl -s -w -D "$scratch/restored" -l "$place/restored.log" -o "-c unix_socket_directories=$scratch/restored \
		-c archive_mode=off -c shared_preload_libraries= -c fsync=off -c full_page_writes=off" start
	until [ "$(PGHOST=$scratch/restored query 'SELECT pg_is_in_recovery()')" = f ]
	do
		sleep 0.05
	done
	PGHOST=$scratch/restored query 'ALTER SCHEMA public RENAME TO recovered'
	pg_dump -h "$scratch/restored" -t recovered.orders | psql -Xq -v ON_ERROR_STOP=1 >/dev/null
	pg_ctl -s -D "$scratch/restored" -m immediate stop
}

# Notes what a sandbox has been laid down with, as soon as it gets its settings.
watch_laid_down()
{
	local signal

	until signal=$(compgen -G "$scratch/*/sandbox/recovery.signal")
	do
		sleep 0.002
	done
	find "${signal%/recovery.signal}" -type f ! -path '*/pg_wal/*' -printf '%s\n' 2>/dev/null |
		awk '{ sum += $1 } END { printf "%.3f", sum / 1e6 }' >"$place/laid"
}

recover_anew()
{
	local number

	number=$(which "$1")
	query 'DROP SCHEMA IF EXISTS recovered CASCADE; CREATE SCHEMA recovered; CHECKPOINT' 2>/dev/null
	rm -rf "$place/spool"
	mkdir -p "$place/spool"
	sync -f "$place"
	if [ "$round" -eq 0 ] && [[ $1 == pgbackup* ]]
	then
		watch_laid_down &
		measure recover "$1" "${moments[$number]}"
		wait $!
		note 'restored MB' "$(cat "$place/laid")"
	else
		measure recover "$1" "${moments[$number]}"
	fi
	[ "$(truth_of recovered.orders)" = "${truths[$number]}" ] ||
		{ echo "$1: the rows are not what they were" >&2; exit 1; }
	[ ! -e "$scratch/restored" ] || put_away "$scratch/restored"
}

# ---- all of it ----

begin recover
scratch=$place/scratch
looked_at=("$scratch")
mkdir -m 700 "$scratch"
moments=() truths=()
make_cluster
tell_sizes "at first"
back_up
make_wal
pass_moment 0
double_cluster
tell_sizes "doubled"
back_up
make_wal
pass_moment 1
archive_all
take_turns recover_anew "${ours[@]}" ${others[@]+"${others[@]}"}

show "a table as it was" "pgbackup" "${ours[@]}" ${others[@]+"${others[@]}"}
if has_pgbackrest
then
	compare "table as of a moment: at least 4 times as fast" 0.25 s "${ours[0]}" "${others[0]}"
	compare "table as of a moment: 20 times fewer bytes" 0.05 'restored MB' "${ours[0]}" "${others[0]}"
	compare "table as of a moment, doubled cluster" 0.25 s "${ours[1]}" "${others[1]}"
fi
compare "table as of a moment: no slower when doubled" 1 s "${ours[1]}" "${ours[0]}"
limit "table as of a moment: memory of a process" 64 'memory MB' "${ours[@]}"
finish
