#
# restore.sh
#	  Restoring a cluster: pgbackup restore against pgBackRest and tar.
#
# - One cluster, some 3 GB with 2,000 small tables among it, is backed up once by each of them
#   with zstd level 1; pgBackRest bundles files.  All backups are in the page cache.
# - Every restore goes to an empty directory and is durable when it ends: pgbackup and pgBackRest see
#   to that themselves, tar is followed by sync.  pgbackup writes and checks what pgBackRest does: each
#   file's checksum.
# - zstd and tar are two processes.
# - How all of them are measured: lib.sh.  Needs some 15 GB, and 3 GB of memory for it.
#
# test/bench/restore.sh
#
set -euo pipefail
. test/bench/lib.sh

ours=("pgbackup, 1 process" "pgbackup, 2 processes")
others1=()
others2=("zstd -dc to tar x, synced")
uncompressed=("tar x, not compressed, synced")
if has_pgbackrest
then
	others1+=("pgBackRest, 1 process")
	others2+=("pgBackRest, 2 processes")
fi

make_backups()
{
	query "SELECT pgbackup_run('full')" >/dev/null
	pg_ctl -s -w -D "$data" -m fast stop
	tar -C "$data" --exclude=./pg_wal/0* -cf "$place/tar" .
	zstd -q -1 -T2 -k "$place/tar"
	has_pgbackrest || return 0
	pgbackrest_configure "$place/pgbackrest" process-max=2
	pgbackrest_do --no-online --type=full backup
}

restore()
{
	local processes=${1//[^0-9]/}

	case $1 in
		pgbackup*)
			pgbackup restore --quiet --repository "$place/repository" --target-dir "$out" \
				--target-immediate --jobs "$processes" ;;
		pgBackRest*)
			pgbackrest_do --pg1-path="$out" --process-max="$processes" restore ;;
		zstd*)
			zstd -dcq "$place/tar.zst" | tar -C "$out" -xf - && sync -f "$out" ;;
		tar*)
			tar -C "$out" -xf "$place/tar" && sync -f "$out" ;;
	esac
}

restore_into_empty()
{
	mkdir -m 700 "$out"
	measure restore "$1"
	put_away "$out"
}

begin restore
out=$place/out
cluster_make <<-CONF
	pgbackup.repository = '$place/repository'
	shared_buffers = 1GB
	fsync = off
CONF
cluster_fill
make_backups
take_turns restore_into_empty "${ours[@]}" "${others1[@]}" "${others2[@]}" "${uncompressed[@]}"

show "restore" "pgbackup, 2 processes" "${ours[@]}" "${others1[@]}" "${others2[@]}" "${uncompressed[@]}"
compare "restore, 1 process" 1 s "${ours[0]}" "${others1[@]}"
compare "restore, 2 processes" 1 s "${ours[1]}" "${others2[@]}"
limit "restore: memory of a process" 64 'memory MB' "${ours[@]}"
finish
