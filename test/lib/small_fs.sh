#
# small_fs.sh
#	  A file system of 32 MB for the tests of a full repository, and a view of it
#	  that cannot be written.  Only root can have them; the tests skip what they
#	  cannot do.
#
# Sourced by test/run.  Needs private and server_user; sets PGBACKUP_TEST_SMALL_FS.
#
# test/lib/small_fs.sh
#

PGBACKUP_TEST_SMALL_FS=

small_fs_make()
{
	local folder=$private/small

	[ "$(id -u)" -eq 0 ] || return 0
	mkdir "$folder" "$folder-readonly"
	mount -t tmpfs -o "size=32m,mode=0700,uid=$(id -u "$server_user"),gid=$(id -g "$server_user")" \
		tmpfs "$folder" 2>/dev/null || return 0
	PGBACKUP_TEST_SMALL_FS=$folder
	{ mount --bind "$folder" "$folder-readonly" &&
		mount -o remount,bind,ro "$folder-readonly"; } 2>/dev/null || small_fs_remove
}

# Also if something still uses them: nothing in the folder may be seen after this.
small_fs_remove()
{
	[ -n "$PGBACKUP_TEST_SMALL_FS" ] || return 0
	umount --lazy "$PGBACKUP_TEST_SMALL_FS-readonly" 2>/dev/null || true
	umount --lazy "$PGBACKUP_TEST_SMALL_FS" || true
	PGBACKUP_TEST_SMALL_FS=
}
