#
# private.sh
#	  The private directory: a copy of the tree, and everything that is built and
#	  run from it.  It goes away at the end, with the servers that run in it.
#
# Sourced by test/run.  Needs server_user; sets private.
#
# test/lib/private.sh
#

private=
private_group=

private_make()
{
	local goal=$1 parent

	# a benchmark's data is too large for a /tmp that is kept in memory
	case $goal in
		bench) parent=${TMPDIR:-/var/tmp} ;;
		*) parent=${TMPDIR:-/tmp} ;;
	esac
	parent=$(cd "$parent" && pwd -P)

	# the path of a Unix socket has room for some 100 bytes
	if [ ${#parent} -gt 40 ]
	then
		echo "the name of $parent is too long for sockets: using /tmp"
		parent=/tmp
	fi

	private=$(mktemp -d "$parent/pgbackup-XXXXXX")
	mkdir "$private/tree" "$private/home" "$private/tmp"
	private_own "$private" "$private"/*
	private_as_user test -w "$private/tmp" ||
		die "user $server_user cannot reach $private; set TMPDIR to a directory that it can"
}

# Copies what is or could be committed: no object files of other builds.
private_copy_tree()
{
	local from=$1

	(
		cd "$from"
		if git_in_tree ls-files --error-unmatch test/run >/dev/null 2>&1
		then
			git_in_tree ls-files -z --cached --others --exclude-standard |
				while IFS= read -r -d '' file
				do
					# git lists a deleted file until that is committed
					[ ! -e "$file" ] && [ ! -L "$file" ] || printf '%s\0' "$file"
				done |
				tar -cf - --null -T -
		else
			tar -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
				--exclude=./pgbackup .
		fi
	) | tar -xf - -C "$private/tree" --no-same-owner
	private_own -R "$private/tree"
}

# git, also in a tree of another owner; it is only read
git_in_tree()
{
	command -v git >/dev/null && git -c safe.directory='*' "$@"
}

# Gives files to the user who runs everything else; takes options of chown, too.
private_own()
{
	[ "$(id -u)" -ne 0 ] || chown "$server_user:" "$@"
}

private_as_user()
{
	if [ "$(id -u)" -eq 0 ]
	then
		setpriv --reuid="$server_user" --regid="$server_user" --init-groups "$@"
	else
		"$@"
	fi
}

# Runs a command in the copy of the tree, as the unprivileged user, with an
# environment that depends on nothing but what is named here.
private_run()
{
	local settings=() name status=0

	for name in TERM STAGE TESTS KEEP COPT PROVE_FLAGS PG_TEST_TIMEOUT_DEFAULT \
		PGBACKUP_TEST_SMALL_FS PGBACKUP_TEST_SEED PGBACKUP_TEST_ROUNDS PGBACKUP_TEST_DOCS \
		SANITIZE COVERAGE ${!PGBACKUP_FAULTS_@} ${!FUZZ_@} ${!BENCH_@}
	do
		[ -z "${!name:-}" ] || settings+=("$name=${!name}")
	done

	# A process group of its own, so that an interrupt reaches all of it.
	set -m
	(
		cd "$private/tree"
		private_as_user env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$private/home" \
			TMPDIR="$private/tmp" LC_ALL=C.UTF-8 PGMAJOR="$PGMAJOR" PRIVATE="$private" \
			"${settings[@]}" "$@"
	) </dev/null &
	private_group=$!
	set +m

	wait "$private_group" || status=$?
	private_group=
	return "$status"
}

private_remove()
{
	[ -n "$private" ] || return 0

	[ -z "$private_group" ] || kill -TERM -- "-$private_group" 2>/dev/null || true
	private_stop_servers

	if [ -n "${KEEP:-}" ]
	then
		echo "kept: $private" >&2
	else
		rm -rf --one-file-system "$private"
	fi
	private=
}

# Servers leave the process group that started them.
private_stop_servers()
{
	local pid_file pid tries

	while IFS= read -r -d '' pid_file
	do
		pid=$(head -n 1 "$pid_file")
		# an old file may name a process that is another one by now
		case $(readlink "/proc/$pid/cwd") in
			"$private"/*) kill -QUIT "$pid" 2>/dev/null || continue ;;
			*) continue ;;
		esac
		for tries in $(seq 100)
		do
			readlink "/proc/$pid/cwd" >/dev/null || break
			sleep 0.1
		done
	done < <(find "$private" -name postmaster.pid -print0 2>/dev/null)
}
