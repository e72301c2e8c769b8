#
# cluster.sh
#	  A throw-away cluster for the demo and the benchmark, reached by nobody but
#	  its owner.
#
# Sourced by test/lib/session.sh, which sets bindir.  Exports PGDATA, PGHOST, PGPORT,
# PGUSER.
#
# test/lib/cluster.sh
#

# cluster_start configuration-file [more settings]
cluster_start()
{
	local configuration=$1

	export PGDATA=$PRIVATE/data PGHOST=$PRIVATE/socket PGPORT=5432 PGUSER=postgres

	mkdir -m 700 "$PGHOST"
	initdb --username="$PGUSER" --auth=trust --encoding=UTF8 --no-locale --no-sync \
		> "$PRIVATE/initdb.log"
	cat "$configuration" - >> "$PGDATA/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$PGHOST'
		port = $PGPORT
	CONF
	trap cluster_stop EXIT
	pg_ctl --silent --wait --log="$PRIVATE/server.log" start || cluster_failed
}

cluster_failed()
{
	echo "the server did not start:" >&2
	tail -n 20 "$PRIVATE/server.log" >&2
	exit 1
}

cluster_stop()
{
	pg_ctl --silent --wait --mode=fast stop || true
}
