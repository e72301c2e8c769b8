#
# machine.sh
#	  What this machine has and what it lacks: PostgreSQL's major version, the
#	  packages that building and testing need, the user that runs the servers.
#
# Sourced by test/run.  Sets PGMAJOR and server_user.
#
# test/lib/machine.sh
#

# While this file is there, installing a server package makes no cluster.
no_cluster_file=/etc/postgresql-common/createcluster.d/pgbackup-test.conf
no_cluster_made=

die()
{
	echo "test/run: $*" >&2
	exit 1
}

# Makes sure that everything is installed that a goal of test/run needs, and says who runs the
# servers.
machine_prepare()
{
	local goal=$1 missing

	command -v apt-get >/dev/null ||
		die "this needs Debian's packages; elsewhere build with make, make install and make installcheck"

	machine_find_major
	missing=$(machine_missing "$goal")
	if [ -n "$missing" ]
	then
		machine_install $missing
	fi

	# initdb refuses root
	if [ "$(id -u)" -eq 0 ]
	then
		server_user=postgres
	else
		server_user=$(id -un)
	fi
}

# Undoes what machine_prepare() left on the machine for a moment.
machine_restore()
{
	[ -z "$no_cluster_made" ] || rm -f "$no_cluster_file"
	no_cluster_made=
}

machine_packages()
{
	echo "postgresql-$PGMAJOR postgresql-server-dev-$PGMAJOR libzstd-dev libssl-dev" \
		"gcc libc6-dev make zstd perl libipc-run-perl"
	# libFuzzer
	[ "$1" != fuzz ] || echo clang
}

# The packages of machine_packages() that are not installed.
machine_missing()
{
	local package

	for package in $(machine_packages "$1")
	do
		dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' ||
			echo "$package"
	done
}

machine_find_major()
{
	if [ -z "${PGMAJOR:-}" ]
	then
		PGMAJOR=$(machine_default_major)
		if [ -z "$PGMAJOR" ] && [ "$(id -u)" -eq 0 ]
		then
			machine_update
			PGMAJOR=$(machine_default_major)
		fi
		# without package lists, what is installed has to do
		if [ -z "$PGMAJOR" ]
		then
			PGMAJOR=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -n 1)
		fi
	fi

	case $PGMAJOR in
		'') die "found no PostgreSQL, neither installed nor in the package lists; run apt-get update as root" ;;
		*[!0-9]*) die "PGMAJOR must be a number such as 15, not \"$PGMAJOR\"" ;;
	esac
	[ "$PGMAJOR" -ge 15 ] || die "pgbackup needs PostgreSQL 15 or later, not $PGMAJOR"
}

# The major version that the distribution's package "postgresql" stands for.
machine_default_major()
{
	apt-cache depends postgresql 2>/dev/null |
		sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

machine_install()
{
	local package

	[ "$(id -u)" -eq 0 ] ||
		die "these packages are missing; as root, run:
  apt-get install --no-install-recommends $*"

	for package
	do
		if ! apt-cache show "$package" >/dev/null 2>&1
		then
			machine_update
			break
		fi
	done
	for package
	do
		apt-cache show "$package" >/dev/null 2>&1 ||
			die "this machine's package sources have no $package"
	done

	echo "installing $*"
	if [ ! -e "$no_cluster_file" ]
	then
		no_cluster_made=yes
		mkdir -p "${no_cluster_file%/*}"
		echo "create_main_cluster = false" > "$no_cluster_file"
	fi
	# the lists may be older than the packages they name
	machine_apt_get install -y --no-install-recommends "$@" ||
		{ machine_update; machine_apt_get install -y --no-install-recommends "$@"; } ||
		die "could not install $*"
	machine_restore
}

machine_update()
{
	echo "updating the package lists"
	machine_apt_get update || die "could not update the package lists"
}

# Quiet as long as it succeeds.
machine_apt_get()
{
	local output

	if ! output=$(DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" \
		</dev/null 2>&1)
	then
		printf '%s\n' "$output" >&2
		return 1
	fi
}
