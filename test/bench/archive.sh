#
# archive.sh
#	  The WAL archive against cp, basic_archive, zstd and pgBackRest: how fast a backlog goes, and
#	  how fast it comes back.
#
# - A cluster of its own makes full segments, most of them page images; they stay in pg_wal
#   all the time.
# - Before each measurement the archiver runs and has nothing to do.  Then every segment is marked as
#   ready, the archiver gets a SIGHUP, and the time runs until none is ready any more.
# - PostgreSQL itself syncs three times for each segment (the rename of .ready to .done), which is in the time of all
#   that it calls.
# - "zstd -1, one core" is no archive: one call compresses all segments, and nothing is durable. It is held to
#   one processor, for it has threads of its own that read and write.
# - What is fetched is asked for as PostgreSQL does: a command for each segment, in order, which comes
#   under another name first.  Nobody replays it meanwhile, so that fetching ahead gains little.
# - How all of them are measured: lib.sh.
#
# Also in the environment:
#   ARCHIVE_SEGMENTS   default 128 times BENCH_SCALE
#
# test/bench/archive.sh
#
set -euo pipefail
. test/bench/lib.sh

segments=${ARCHIVE_SEGMENTS:-$(scaled 128)}

# archive_library, or archive_command; pgbackup.archive_workers is the number in the name
ours=("pgbackup, alone" "pgbackup, 1 worker")
durable1=("zstd -1 for each, synced")
durable2=()
others=("cp" "cp, synced" "basic_archive" "zstd -1 for each")
if has_pgbackrest
then
	durable1+=("pgBackRest, sync" "pgBackRest, async, 1 process")
	durable2+=("pgBackRest, async, 2 processes")
fi
floor="zstd -1, one core"

command_of()
{
	case $1 in
		cp) echo "cp %p $out/%f" ;;
		"cp, synced") echo "cp %p $out/%f && sync $out/%f $out" ;;
		"zstd -1 for each") echo "zstd -1 -q %p -o $out/%f.zst" ;;
		"zstd -1 for each, synced") echo "zstd -1 -q %p -o $out/%f.zst && sync $out/%f.zst $out" ;;
		"pgBackRest, sync") pgbackrest_command ;;
		"pgBackRest, async"*) pgbackrest_command --archive-async "--process-max=${1//[^0-9]/}" ;;
	esac
}

library_of()
{
	case $1 in
		pgbackup*) echo pgbackup ;;
		basic_archive) echo basic_archive ;;
	esac
}

workers_of()
{
	[[ $1 == *worker ]] && echo "${1//[^0-9]/}" || echo 0
}

# ---- the segments ----

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

# Of those that there are, the first; the server is told that nothing is to be done for any of them.
choose_segments()
{
	local name

	for name in "$wal"/archive_status/*.ready
	do
		mv "$name" "${name%.ready}.done"
	done
	readarray -t list < <(kept_segments | head -n "$segments")
}

# ---- archiving ----

use_variant()
{
	archive_by "$(library_of "$1")" "$(command_of "$1")" "$(workers_of "$1")"
}

clear_out()
{
	[ ! -e "$out" ] || put_away "$out"
	rm -rf "$data/pgbackup.archive" "$place/spool"
	mkdir -p "$out"
}

archive()
{
	if [ "$1" = "$floor" ]
	then
		(cd "$wal" && taskset -c 0 zstd -1 -q --single-thread "${list[@]}" --output-dir-flat "$out")
		return
	fi
	archive_ready
}

archive_anew()
{
	clear_out
	case $1 in
		pgBackRest*) pgbackrest_configure "$out/pgbackrest" archive-push-queue-max=1TB ;;
	esac
	use_variant "$1"
	query CHECKPOINT
	[ "$1" = "$floor" ] || mark_ready "${list[@]}"
	sync -f "$place"
	measure archive "$1"
	note 'stored MB' "$(megabytes_in "$out")"
}

# ---- fetching ----

fetchers=("pgbackup wal-get" "pgbackup wal-get, not ahead")
fetchers_others=("zstd -d")
! has_pgbackrest || fetchers_others+=("pgBackRest archive-get" "pgBackRest archive-get, async")

# Archives for them to read.
make_archives()
{
	clear_out
	use_variant "pgbackup, 1 worker"
	mark_ready "${list[@]}"
	archive "pgbackup, 1 worker"
	archive "$floor"
	has_pgbackrest || return 0
	pgbackrest_configure "$out/pgbackrest" archive-get-queue-max=128MB
	use_variant "pgBackRest, async, 2 processes"
	mark_ready "${list[@]}"
	archive "pgBackRest, async, 2 processes"
}

# fetch_segment variant segment path
fetch_segment()
{
	case $1 in
		"zstd -d") zstd -dq "$out/$2.zst" -o "$3" ;;
		"pgbackup wal-get") pgbackup wal-get --repository "$out/repository" "$2" "$3" ;;
		"pgbackup wal-get, not ahead")
			pgbackup wal-get --ahead 0 --repository "$out/repository" "$2" "$3" ;;
		"pgBackRest archive-get") pgbackrest_do archive-get "$2" "$3" ;;
		"pgBackRest archive-get, async")
			pgbackrest_do --archive-async --process-max=2 archive-get "$2" "$3" ;;
	esac
}

fetch()
{
	local segment

	for segment in "${list[@]}"
	do
		fetch_segment "$1" "$segment" "$got/RECOVERYXLOG"
		mv "$got/RECOVERYXLOG" "$got/$segment"
	done
}

fetch_anew()
{
	local segment

	mkdir -p "$got"
	rm -rf "$place/spool"
	mkdir "$place/spool"
	sync -f "$place"
	measure fetch "$1"
	for segment in "${list[@]}"
	do
		cmp "$wal/$segment" "$got/$segment"
	done
	put_away "$got"
}

# ---- all of it ----

begin archive
out=$place/out
got=$place/got/pg_wal
wal=$data/pg_wal
mkdir "$place/got"
cluster_make <<-CONF
	pgbackup.repository = '$out/repository'
	basic_archive.archive_directory = '$out'
	archive_mode = on
	wal_keep_size = 1TB
	shared_buffers = 1GB
	log_min_messages = log
CONF
make_segments
choose_segments
take_turns archive_anew "${ours[@]}" "${durable1[@]}" "${durable2[@]}" "${others[@]}" "$floor"
show "archive, $segments segments" "pgbackup, alone" \
	"${ours[@]}" "${durable1[@]}" "${durable2[@]}" "${others[@]}" "$floor"
compare "archive, alone" 1 s "${ours[0]}" "${durable1[@]}"
compare "archive, alone: as fast as zstd -1 on one core" 1 s "${ours[0]}" "$floor"
compare "archive, alone: CPU, against that" 1 'cpu s' "${ours[0]}" "$floor"
compare "archive, 1 worker" 1 s "${ours[1]}" "${durable1[@]}" "${durable2[@]}"
compare "archive, 1 worker: twice as fast as that" 0.5 s "${ours[1]}" "$floor"
limit "archive: memory of a process" 64 'memory MB' "${ours[@]}"

figures=$place/fetched
: >"$figures"
make_archives
take_turns fetch_anew "${fetchers[@]}" "${fetchers_others[@]}"
show "fetch, $segments segments" "pgbackup wal-get" "${fetchers[@]}" "${fetchers_others[@]}"
compare "wal-get" 1 s "${fetchers[0]}" "${fetchers_others[@]:1}"
compare "wal-get, against zstd -d" 1 s "${fetchers[0]}" "zstd -d"
limit "wal-get: memory of a process" 64 'memory MB' "${fetchers[0]}"
finish
