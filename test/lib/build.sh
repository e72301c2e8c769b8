#
# build.sh
#	  A private installation of the server with pgbackup in it.
#
# A server finds its libraries and its share directory relative to its own
# program, so a copy of the three works from any place.
#
# Sourced by test/lib/session.sh.  Sets PG_CONFIG, bindir, pgxsdir, and PATH.
#
# test/lib/build.sh
#

build_all()
{
	local prefix=$PRIVATE/prefix host_bindir dir

	PG_CONFIG=/usr/lib/postgresql/$PGMAJOR/bin/pg_config
	host_bindir=$("$PG_CONFIG" --bindir)
	pgxsdir=$(dirname "$("$PG_CONFIG" --pgxs)")
	pgxsdir=${pgxsdir%/src/makefiles}
	bindir=$prefix$host_bindir

	for dir in "$host_bindir" "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"
	do
		mkdir -p "$prefix$dir"
		cp -a "$dir/." "$prefix$dir"
	done

	sanitize_prepare
	coverage_prepare
	echo "building pgbackup for PostgreSQL $PGMAJOR"
	if ! build_make all install > "$PRIVATE/build.log" 2>&1
	then
		cat "$PRIVATE/build.log"
		return 1
	fi
	sanitize_servers
	PATH=$bindir:$PATH
}

# Every warning is an error here, and only here: other compilers know others.
build_make()
{
	make -s -j"$(nproc)" COPT="${COPT--Werror}" PG_CONFIG="$PG_CONFIG" DESTDIR="$PRIVATE/prefix" "$@"
}
