#
# 055_restore_trouble.pl
#	  Restores that must fail: what is asked for, the place, the repository, the disk.
#
# Each says why, exits with an error, and leaves nothing that could be started.
#
# PGBACKUP_TEST_SMALL_FS names a folder on a file system of some 32 MB, which test/run makes
# where it may.
#
# test/t/055_restore_trouble.pl
#
use strict;
use warnings;

use File::Basename;
use File::Copy;
use File::Path qw(remove_tree);
use JSON::PP;
use PgBackupRestore;
use PgBackupTest;
use PgBackupWal qw(new_archiving_node);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => archive_conf());
my $places = PostgreSQL::Test::Utils::tempdir_short();
my $number = 0;
my ($status, $out, $err);

mkdir "$places/old" or die;
$node->safe_psql('postgres', "CREATE TABLESPACE fast LOCATION '$places/old'");
$node->safe_psql('postgres', q{
	CREATE TABLE t AS SELECT i, (SELECT string_agg(md5((i * 8 + j)::text), '') FROM generate_series(1, 8) j)
		FROM generate_series(1, 60000) i;
	CREATE TABLE elsewhere TABLESPACE fast AS SELECT 1 AS i;
});
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
my $id = full_backup($node);
$node->safe_psql('postgres', "INSERT INTO elsewhere VALUES (2)");
my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
archive_all($node);
my $folder = backup_folder($node, $id);
my @mapping = ('--tablespace-mapping', "$places/old=$places/new");

sub fresh
{
	$number++;
	return "$places/target$number";
}

# Fails before anything is touched.
sub refuses
{
	my ($name, $pattern, @options) = @_;
	my $target = fresh();

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	($status, $out, $err) = restore($node, $target, @mapping, @options);
	is($status, 1, "$name: exits with 1");
	like($err, $pattern, "$name: says why");
	ok(!-e $target && !-e "$places/new", "$name: touches nothing");
	return;
}

# Fails in the middle, and leaves something.
sub fails_midway
{
	my ($name, $pattern, @options) = @_;
	my $target = fresh();

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	($status, $out, $err) = restore($node, $target,
		'--tablespace-mapping', "$places/old=$target-fast", '--target-lsn', $lsn, @options);
	is($status, 1, "$name: exits with 1");
	like($err, $pattern, "$name: says why");
	like($err, qr/error: the restore of backup "\Q$id\E" to "\Q$target\E" has not ended.*hint: .*--delta/s,
		"$name: says what to do");
	cannot_start($target, $name);
	return $target;
}

sub cannot_start
{
	my ($target, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok(-e "$target/pgbackup.restore" && !-e "$target/global/pg_control", "$name: the directory is marked as unfinished");
	command_fails([ 'pg_ctl', '-D', $target, '-w', '-l', "$places/log", 'start' ], "$name: no server starts there");
	return;
}

# ---- what is asked for ----

foreach (
	[ [], qr/no directory given/ ],
	[ [ '--target-dir', '', '--delta' ], qr/must not be empty/ ],
	[ [ '--target-dir', "$places/x", '--target-time', 'yesterday' ], qr/"yesterday" is not a time/ ],
	[ [ '--target-dir', "$places/x", '--target-time', '2026-02-30' ], qr/"2026-02-30" is not a time/ ],
	[ [ '--target-dir', "$places/x", '--target-lsn', '12' ], qr/"12" is not an LSN/ ],
	[ [ '--target-dir', "$places/x", '--target-lsn', '0/12', '--target-immediate' ], qr/only one target/ ],
	[ [ '--target-dir', "$places/x", '--target-action', 'promote' ], qr/--target-action needs a target/ ],
	[ [ '--target-dir', "$places/x", '--target-immediate', '--target-exclusive' ], qr/--target-exclusive needs/ ],
	[ [ '--target-dir', "$places/x", '--tablespace-mapping', 'a=b' ], qr/is not a mapping/ ],
	[ [ '--target-dir', "$places/x", '--tablespace-mapping', '/a=/b=/c' ], qr/more than one equals sign/ ],
	[ [ '--target-dir', "$places/x", '--jobs', '0' ], qr/--jobs must be a number/ ],
	[ [ '--target-dir', "$places/x", '--contents' ], qr/restore has no option --contents/ ])
{
	my ($options, $pattern) = @$_;

	($status, $out, $err) = program('restore', '--repository', repository($node), @$options);
	is($status, 2, "wrong command line: @$options");
	like($err, $pattern, 'and why');
}

# ---- targets that cannot be reached ----

my $window = qr/detail: .*can recover from \S+ .* to /s;
refuses('before the first backup', $window, '--target-time', $before);
refuses('before the end of the backup', $window, '--target-lsn', '0/1000000');
refuses('after the last WAL', $window, '--target-lsn', 'F/0');
refuses('in the future', $window, '--target-time', '2999-01-01 00:00:00Z');
refuses('an unknown restore point', $window, '--target-name', 'nowhere');
refuses('an unknown timeline', qr/timeline 7/, '--target-timeline', 7);
refuses('an unknown backup', qr/backup "20200101-000000F" does not exist/, '--backup', '20200101-000000F');

# ---- places that cannot be used ----

($status, $out, $err) = restore($node, fresh(), '--tablespace-mapping', '/nowhere=/elsewhere');
is($status, 1, 'a mapping of no tablespace is refused');
like($err, qr/has no tablespace at "\/nowhere".*Its tablespaces are at "\Q$places\E\/old"/s, 'and those that there are are named');
($status, $out, $err) = restore($node, fresh(), '--tablespace-mapping', '/no\\=where=/else\\=where');
like($err, qr/has no tablespace at "\/no=where"/, 'an equals sign in a path is written as for pg_basebackup');

($status, $out, $err) = restore($node, fresh());
is($status, 1, 'the directory of a tablespace that is in use is refused');
like($err, qr/directory "\Q$places\E\/old" is not empty.*--tablespace-mapping/s, 'and the error says what to do');
($status, $out, $err) = restore($node, fresh(), '--delta');
like($err, qr/directory "\Q$places\E\/old" is not empty/, 'also with --delta');

($status, $out, $err) = restore($node, "$places/one", '--tablespace-mapping', "$places/old=$places/one/in");
like($err, qr/are in each other's way/, 'no tablespace goes into the data directory');

($status, $out, $err) = restore($node, $node->data_dir, '--delta');
is($status, 1, 'a running server is not overwritten');
like($err, qr/a server may be running in/, 'and the error says so');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 60000, 'it goes on running');

my $letters = fresh();
mkdir $letters or die;
write_file("$letters/letter.txt", 'dear all');
($status, $out, $err) = restore($node, $letters, @mapping, '--delta');
is($status, 1, '--delta refuses what is no data directory');
like($err, qr/does not look like a data directory/, 'and the error says so');
ok(-f "$letters/letter.txt", 'nothing is removed');

my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
($status, $out, $err) = restore($node, $other->data_dir, @mapping, '--delta');
is($status, 1, '--delta refuses the data directory of another cluster');
like($err, qr/is the data directory of another cluster.*system identifier/s, 'and the error says so');
$other->start;
$other->stop;

# a database's directory has a PG_VERSION, too; a repository is not restored over itself
($status, $out, $err) = restore($node, $other->data_dir . '/base/1', @mapping, '--delta', '--dry-run');
is($status, 1, '--delta refuses what does not tell whose it is');
like($err, qr/does not look like a data directory of this cluster/, 'and the error says so');

my $around = fresh();
($status, $out, $err) = restore($node, $around, @mapping);
is($status, 0, 'a restored directory') or diag($err);
PostgreSQL::Test::RecursiveCopy::copypath(repository($node), "$around/backups");
($status, $out, $err) = program('restore', '--repository', "$around/backups", '--target-dir', $around, @mapping, '--delta', '--dry-run');
is($status, 1, '--delta refuses the directory that the repository is in');
like($err, qr/the repository is in "\Q$around\E"/, 'and the error says so');
remove_tree($around, "$places/new");

# ---- a repository that is damaged ----

my @packs = backup_files($node, $id, qr/pack-/);
my ($largest) = sort { -s $b <=> -s $a } @packs;
my ($pack_name) = $largest =~ m{([^/]+)$};

# Does something to a file, for as long as the code runs.
sub with_damage
{
	my ($path, $damage, $code) = @_;

	copy($path, "$places/kept") or die;
	$damage->($path);
	$code->();
	unlink $path;
	move("$places/kept", $path) or die;
	return;
}

my $damaged;
with_damage(
	$largest,
	sub { flip_bit($_[0], int((-s $_[0]) / 2)) },
	sub {
		$damaged = fails_midway('a damaged frame',
			qr/error: could not restore "[^"]+" from backup "\Q$id\E".*\Q$id\/$pack_name\E.*CRC-32C/s, '--jobs', 1);
		fails_midway('a damaged frame, 4 processes', qr/error: could not restore "[^"]+" from backup "\Q$id\E"/, '--jobs', 4);

		($status, $out, $err) = program('verify', '--repository', repository($node));
		is($status, 1, 'verify finds it');
		like($out, qr/^\Q$id\E: \Q$pack_name\E: /m, 'and names the object');
		($status, $out, $err) = program('verify', '--repository', repository($node), '--contents', '--output=json');
		is($status, 1, 'verify --contents finds it');
		my ($backup) = @{ decode_json($out)->{backups} };
		is($backup->{status}, 'damaged', 'also as JSON');
		ok((grep { $_->{detail} =~ /could not restore "[^"]+"/ } @{ $backup->{problems} }), 'with the file that it hits');
	});

($status, $out, $err) = restore($node, $damaged, '--tablespace-mapping', "$places/old=$damaged-fast",
	'--target-lsn', $lsn, '--delta');
is($status, 0, 'once the pack is whole again, --delta goes on') or diag($err);
command_ok([ 'pg_verifybackup', $damaged ], 'pg_verifybackup accepts it');

with_damage($largest, sub { truncate_file($_[0], -1) },
	sub { fails_midway('a pack that is cut', qr/file "\Q$pack_name\E" of backup "\Q$id\E" is damaged/) });
with_damage($largest, sub { unlink $_[0] },
	sub { fails_midway('a missing pack', qr/file "\Q$pack_name\E" of backup "\Q$id\E" is missing/) });

# Another backup's pack, with the length that is expected.
my $second = full_backup($node);
archive_all($node);
with_damage(
	$largest,
	sub {
		my $length = -s $_[0];
		my ($theirs) = sort { -s $b <=> -s $a } backup_files($node, $second, qr/pack-/);

		copy($theirs, $_[0]) or die;
		truncate $_[0], $length or die;
	},
	sub { fails_midway('a swapped pack', qr/could not restore "[^"]+" from backup "\Q$id\E"/, '--backup', $id) });

with_damage(
	"$folder/files.zst",
	sub { flip_bit($_[0], 20) },
	sub { refuses('a damaged file list', qr/could not read the frame at byte 0 of "[^"]*\Q$id\E\/files.zst"/, '--target-lsn', $lsn) });
with_damage(
	"$folder/manifest.json",
	sub { flip_bit($_[0], 200) },
	sub {
		refuses('a damaged manifest', qr/manifest|no base backup|window/, '--target-lsn', $lsn, '--backup', $id);
		($status, $out, $err) = program('verify', $id, '--repository', repository($node));
		is($status, 1, 'verify finds a damaged manifest');
		like($out, qr/\Q$id\E: manifest.json: /, 'and says so');
	});

# The WAL that the backup itself needs.
my $needed = $node->safe_psql('postgres', "SELECT pg_walfile_name(start_lsn) FROM pgbackup_list() WHERE id = '$id'");
my ($segment) = glob(repository($node) . "/*/wal/*/$needed.zst");
with_damage($segment, sub { unlink $_[0] },
	sub {
		refuses('missing WAL', qr/WAL segment "?$needed"?/, '--target-lsn', $lsn, '--backup', $id);
		($status, $out, $err) = program('verify', $id, '--repository', repository($node));
		is($status, 1, 'verify finds that it is missing');
		like($out, qr/^\Q$id\E: $needed: .*not in the archive/m, 'and names the segment');
	});
with_damage($segment, sub { flip_bit($_[0], int((-s $_[0]) / 2)) },
	sub {
		fails_midway('damaged WAL', qr/$needed/, '--backup', $id);
		($status, $out, $err) = program('verify', $id, '--repository', repository($node), '--contents');
		is($status, 1, 'verify finds damaged WAL');
	});
my ($not_needed) = grep { $_ ne $segment } glob($segment =~ s{[^/]*$}{0*.zst}r);
with_damage($segment, sub { copy($not_needed, $_[0]) or die },
	sub {
		fails_midway('swapped WAL', qr/\Q$needed\E.*is damaged.*It is the object of/s, '--backup', $id);
	});

($status, $out, $err) = program('verify', '--all', '--contents', '--repository', repository($node));
is($status, 0, 'all is as it was') or diag($out . $err);
is(scalar(() = $out =~ /: ok$/mg), 3, 'both backups are fine, and so is the WAL archive');

# WAL that no backup needs for itself, but who recovers to a moment.
my ($between) = glob($segment =~ s/[^\/]*$//r . $node->safe_psql('postgres', 'SELECT last_archived FROM pgbackup_archive') . '.zst');
with_damage($between, sub { flip_bit($_[0], int((-s $_[0]) / 2)) },
	sub {
		my $name = basename($between, '.zst');

		($status, $out, $err) = program('verify', '--all', '--repository', repository($node));
		is($status, 1, 'damaged WAL between backups is found with all of them');
		like($out, qr/^WAL archive: $name: .*is damaged/m, 'and named');
		like($node->safe_psql('postgres', "SELECT string_agg(concat_ws('|', object, status), ' ') FROM pgbackup_verify('all', 'contents') WHERE status <> 'ok'"),
			qr/^WAL archive\/$name\|damaged WAL archive\|damaged$/, 'by SQL, too');
		($status, $out, $err) = program('verify', '--repository', repository($node));
		is($status, 0, 'the latest backup is fine without it');
	});

# ---- a logical backup is verified, too ----

my $logical = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
($status, $out, $err) = program('verify', $logical, '--contents', '--repository', repository($node));
is($status, 0, 'a logical backup is fine') or diag($out . $err);
my ($rows) = sort { -s $b <=> -s $a } backup_files($node, $logical, qr/\.dat\.zst$/);
with_damage($rows, sub { flip_bit($_[0], 5000) },
	sub {
		($status, $out, $err) = program('verify', $logical, '--repository', repository($node));
		is($status, 1, 'until it is damaged');
	});
($status, $out, $err) = program('verify', '20200101-000000F', '--repository', repository($node));
is($status, 1, 'a backup that is not there is an error');
($status, $out, $err) = program('verify', $id, '--all', '--repository', repository($node));
is($status, 2, 'all, or one');

# ---- the disk, and processes that die ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system: test/run makes it as root', 2 unless $small;

	($status, $out, $err) = restore($node, "$small/cluster", @mapping, '--target-lsn', $lsn);
	is($status, 1, 'without room, nothing is begun');
	like($err, qr/not enough room for backup "\Q$id\E" at "\Q$small\E\/cluster".*needs .* MB there, of which .* MB are free/s,
		'and the error says how much is needed');
	ok(!-e "$small/cluster" && !-e "$places/new", 'and nothing is touched');
}

# As when a disk is full: no file may grow beyond this, and to try is an error.
my $largest_file = 4096;    # units of 1024 bytes, as the shell has them
my $limited = fresh();
my @command = (
	'bash', '-c', "ulimit -f $largest_file; exec \"\$@\"", 'restore',
	'pgbackup', 'restore', '--repository', repository($node), '--target-dir', $limited,
	'--tablespace-mapping', "$places/old=$limited-fast", '--jobs', 2);
IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
is($? >> 8, 1, 'a file that cannot be written is an error');
like($err, qr/could not (write|create) "\Q$limited\E\/[^"]+": File too large.*has not ended/s, 'and is named');
cannot_start($limited, 'a full disk');

# A restore in the middle of which something happens to its processes or its disk.  It may be faster
# than what happens: then it gets another chance.  The node and its place may be others than those of all tests.
sub disturb
{
	my ($name, $pattern, $happens, %other) = @_;

	foreach (1 .. 30)
	{
		my $target = fresh();
		my @mapped = ('--tablespace-mapping', "$places/old=$target-fast");
		my ($output, $error) = ('', '');

		if (%other)
		{
			$target = $other{place};
			@mapped = ();
			remove_tree($target);
		}
		my $run = IPC::Run::start(
			[
				'pgbackup', 'restore', '--repository', repository($other{node} // $node), '--target-dir', $target,
				@mapped, '--jobs', 2
			],
			'<', \undef, '>', \$output, '2>', \$error);

		1 until -e "$target/base" || !$run->pumpable;
		$happens->($run);
		$run->finish;
		next if -e "$target/global/pg_control";
		is($run->result(0), 1, "$name: exits with 1");
		like($error, $pattern, "$name: says why");
		cannot_start($target, $name);
		return $target;
	}
	die "$name: the restore is always faster";
}

sub children
{
	my ($pid) = @_;

	return grep { (eval { slurp_file("/proc/$_/stat") } // '') =~ /\) \S $pid / }
	  map { m{(\d+)$} } glob '/proc/[0-9]*';
}

disturb('SIGTERM', qr/error: interrupted by signal 15.*has not ended/s, sub { $_[0]->signal('TERM') });
$limited = disturb(
	'a killed process',
	qr/error: a worker process was killed by signal 9.*has not ended/s,
	sub {
		my ($run) = @_;
		my @children;

		1 until (@children = children($run->{KIDS}[0]{PID})) || !$run->pumpable;
		kill 'KILL', $children[0] if @children;
	});
($status, $out, $err) = restore($node, $limited, '--tablespace-mapping', "$places/old=$limited-fast", '--delta');
is($status, 0, 'then --delta goes on') or diag($err);
command_ok([ 'pg_verifybackup', $limited ], 'pg_verifybackup accepts it');

# ---- retention in the middle of a restore ----

$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.retention_full = 'last=1'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('pgbackup.retention_full') = 'last=1'");
my $expire = "SELECT action || ' ' || reason FROM pgbackup_expire() WHERE backup = '$id'";
like($node->safe_psql('postgres', $expire), qr/^remove /, 'a backup that may go');
foreach my $attempt (1 .. 30)
{
	my $target = fresh();
	my $reason;
	my $run = IPC::Run::start(
		[
			'pgbackup', 'restore', '--repository', repository($node), '--target-dir', $target, '--backup', $id,
			'--tablespace-mapping', "$places/old=$target-fast", '--jobs', 2
		],
		'<', \undef, '>', \$out, '2>', \$err);

	1 until -e "$target/base" || !$run->pumpable;
	kill 'STOP', $run->{KIDS}[0]{PID};
	my $ended = -e "$target/global/pg_control";
	$reason = $node->safe_psql('postgres', $expire);
	kill 'CONT', $run->{KIDS}[0]{PID};
	$run->finish;
	is($run->result(0), 0, 'a restore that was stopped goes on') or diag($err);
	next if $ended && $attempt < 30;
	is($reason, 'keep somebody reads it', 'meanwhile, its backup stays');
	last;
}
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pgbackup.retention_full');
$node->reload;

# ---- a disk that becomes full in the middle ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system: test/run makes it as root', 6 unless $small;

	# there is room for it before others take that
	my $tiny = new_archiving_node('tiny', wal_segsize => 1);
	my $tiny_id = full_backup($tiny);

	disturb(
		'a full disk in the middle',
		qr/error: could not (write|create) "\Q$small\E\/cluster\/[^"]+": No space left on device\n.*hint: Make room.*error: the restore of backup "\Q$tiny_id\E" .* has not ended.*hint: .*--delta/s,
		sub {
			my ($run) = @_;
			my $leader = $run->{KIDS}[0]{PID};
			my @processes = ($leader, children($leader));

			kill 'STOP', @processes;
			fill("$small/ballast");
			kill 'CONT', @processes;
		},
		node => $tiny, place => "$small/cluster");
	unlink "$small/ballast";
	($status, $out, $err) = restore($tiny, "$small/cluster", '--delta');
	is($status, 0, 'once there is room, --delta goes on') or diag($err);
	command_ok([ 'pg_verifybackup', "$small/cluster" ], 'pg_verifybackup accepts it');
	remove_tree("$small/cluster");
	$tiny->stop;
}

# Takes all that there is.
sub fill
{
	my ($path) = @_;

	open my $file, '>:raw', $path or return;
	for my $size (1024 * 1024, 4096)
	{
		1 while (syswrite($file, 'x' x $size) // 0) == $size;
	}
	close $file;
	return;
}

done_testing();
