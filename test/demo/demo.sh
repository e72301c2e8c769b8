#
# demo.sh
#	  The product at work, told on the terminal.  Ends with 0 only if the table
#	  that was dropped comes back with the same rows.
#
# Run by test/lib/session.sh, with a server to talk to.
#
# test/demo/demo.sh
#
set -euo pipefail

export PGDATABASE=shop PGOPTIONS='-c client_min_messages=notice'

if [ -t 1 ]
then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
	bold= dim= plain=
fi

# a sentence of the story
say()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# a statement as typed into psql, and what comes of it; options go to psql
sql()
{
	local statement=$1

	shift
	printf '\n%sshop=# %s%s\n' "$dim" "${statement//$'\n'/$'\n'shop-# }" "$plain"
	psql -X -q -v ON_ERROR_STOP=1 --pset=footer=off "$@" -c "$statement" 2>&1
}

# a command as typed into the shell, and what comes of it
command_line()
{
	printf '\n%s$ %s%s\n' "$dim" "$*" "$plain"
	"$@"
}

value()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"
}

# "rows hash": the same for the same rows, in whatever order
rows_and_hash()
{
	value "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM $1 t"
}

show_rows_and_hash()
{
	sql "SELECT count(*) AS rows, sum(hashtextextended(t::text, 0)) AS hash
FROM $1 t;"
}

say "A private server with a small shop: customers, orders, their items by month, documents."
createdb shop
PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -f test/demo/shop.sql
sql "SELECT relname AS table, pg_size_pretty(pg_table_size(oid)) AS size, reltuples::bigint AS rows
FROM pg_class
WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'
ORDER BY relname;"

say "One extension, and one function makes a backup."
sql "CREATE EXTENSION pgbackup;"
sql "SELECT pgbackup_run(label => 'before the release');"

say "What is there?"
sql "SELECT id, kind, label, status, tables,
  pg_size_pretty(raw_bytes) AS data, pg_size_pretty(stored_bytes) AS stored
FROM pgbackup_list();"

say "And what is in it?"
sql "SELECT schema_name, table_name, row_count, raw_bytes, stored_bytes
FROM pgbackup_contents();"

say "The same list from the repository alone, without asking the server (PGDATA says where it is)."
command_line pgbackup list

say "The orders as they are now, so that nobody has to take our word for it later."
show_rows_and_hash shop.orders
truth=$(rows_and_hash shop.orders)

say "Then somebody makes a mistake."
sql "DROP TABLE shop.orders CASCADE;"

say "The table comes back beside the live ones, under its own name, in the recovery schema."
sql "SELECT * FROM pgbackup_restore_table('shop.orders');" -x

say "Its key, its indexes, its defaults and its checks came along."
sql "\\d pgbackup_recovery.orders"

say "Are these the same orders?"
show_rows_and_hash pgbackup_recovery.orders
staged=$(rows_and_hash pgbackup_recovery.orders)

if [ "$staged" != "$truth" ]
then
	say "No: before the drop it was ${truth/|/ rows, hash }; now it is ${staged/|/ rows, hash }."
	exit 1
fi
say "Yes: ${truth%|*} rows and the same hash. So it is put back, with the foreign keys that were dropped."
sql "SELECT pgbackup_promote_table('pgbackup_recovery.orders');"

say "A logical backup has the rows of one moment. A base backup, and the WAL since, have every moment."
sql "SELECT pgbackup_run('full');"
sql "UPDATE shop.orders SET state = 'returned' WHERE id % 10 = 0;"
show_rows_and_hash shop.orders
truth=$(rows_and_hash shop.orders)

say "The same mistake again, after more work."
sql "DROP TABLE shop.orders CASCADE;"
sql "SELECT dropped_at, command, relation, role_name,
  array_to_string(went_along, E'\\n') AS went_along
FROM pgbackup_drops
WHERE relation = 'shop.orders' ORDER BY dropped_at DESC LIMIT 1;" -x

say "It is undone, without restoring the cluster."
sql "SELECT pgbackup_undrop('shop.orders');"
show_rows_and_hash shop.orders
undropped=$(rows_and_hash shop.orders)

if [ "$undropped" != "$truth" ]
then
	say "No: before the drop it was ${truth/|/ rows, hash }; now it is ${undropped/|/ rows, hash }."
	exit 1
fi
say "The same ${truth%|*} rows, with the work since the backup. The private server is removed now."
