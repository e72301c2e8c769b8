#
# base.sh
#	  Backing a cluster up: pgbackup_run('full') against pg_basebackup and pgBackRest.
#
# - One cluster, some 3 GB with 2,000 small tables among it, wholly in the page cache.  A checkpoint
#   comes before each measurement, which is not counted, and a fast one with each backup.
# - All compress with zstd level 1, but for the one that says that it does not, check page checksums, and leave
#   the backup in a directory of the server's machine, durable.  The small part of the WAL that a
#   backup needs is in it.
# - How all of them are measured: lib.sh.  Needs some 12 GB, and 4 GB of memory for it.
#
# test/bench/base.sh
#
set -euo pipefail
. test/bench/lib.sh

ours=("pgbackup, 1 job" "pgbackup, 2 jobs")
others1=("pg_basebackup, zstd in the server")
others2=("pg_basebackup, zstd in the client" "pg_basebackup, zstd, 2 workers")
uncompressed=("pg_basebackup, not compressed")
if has_pgbackrest
then
	others1+=("pgBackRest, 1 process")
	others2+=("pgBackRest, 2 processes")
fi

back_up()
{
	local number=${1//[^0-9]/}

	case $1 in
		"pg_basebackup, zstd in the server")
			pg_basebackup -c fast -X fetch -t "server:$out" -Z server-zstd:level=1 ;;
		"pg_basebackup, zstd in the client")
			pg_basebackup -c fast -X fetch -D "$out" -Ft -Z client-zstd:level=1 ;;
		"pg_basebackup, zstd, 2 workers")
			pg_basebackup -c fast -X fetch -t "server:$out" -Z server-zstd:level=1,workers=2 ;;
		"pg_basebackup, not compressed")
			pg_basebackup -c fast -X fetch -t "server:$out" -Z none ;;
		pgbackup*)
			query "SELECT pgbackup_run('full', jobs => $number)" >/dev/null ;;
		pgBackRest*)
			pgbackrest_do --type=full --process-max="$number" backup ;;
	esac
}

# Where a variant leaves its backup.
out_of()
{
	case $1 in
		pg_basebackup*) echo "$place/basebackup" ;;
		pgbackup*) echo "$place"/repository/*/backups/2* ;;
		pgBackRest*) echo "$place"/pgbackrest/backup/main/2*F ;;
	esac
}

backup()
{
	out=$(out_of pg_basebackup)
	query CHECKPOINT
	sync -f "$place"
	measure back_up "$1"
	out=$(out_of "$1")
	note 'stored MB' "$(megabytes_in "$out")"
	put_away "$out"
	forget "$1"
}

# pgBackRest knows its backups from a list as well.
forget()
{
	case $1 in
		pgBackRest*)
			rm -rf "$place"/pgbackrest
			pgbackrest_do --no-online stanza-create ;;
	esac
}

begin base
cluster_make -k <<-CONF
	pgbackup.repository = '$place/repository'
	shared_buffers = 512MB
CONF
cluster_fill
! has_pgbackrest || pgbackrest_configure "$place/pgbackrest" archive-check=n
take_turns backup "${ours[@]}" "${others1[@]}" "${others2[@]}" "${uncompressed[@]}"

show "full backup" "pgbackup, 2 jobs" "${ours[@]}" "${others1[@]}" "${others2[@]}" "${uncompressed[@]}"
compare "full backup, 1 process" 1 s "${ours[0]}" "${others1[@]}"
compare "full backup, 2 processes" 1 s "${ours[1]}" "${others2[@]}"
limit "full backup: memory of a process" 64 'memory MB' "${ours[@]}"
finish
