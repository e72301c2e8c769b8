#
# 056_wal_get.pl
#	  pgbackup wal-get: what its exit status says, what it fetches ahead, and that a server
#	  recovers by it, or stops.
#
# PGBACKUP_TEST_SMALL_FS: see 022_repository.pl.
#
# test/t/056_wal_get.pl
#
use strict;
use warnings;

use File::Basename qw(basename);
use File::Compare qw(compare);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use IPC::Run;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "archive_mode = on\narchive_library = 'pgbackup'\nwal_keep_size = '200MB'\n"
  . "min_wal_size = '200MB'\n";
my $node = PostgreSQL::Test::Cluster->new('main');

$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1' ], allows_streaming => 1);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pgbackup'\npgbackup.repository = '" . repository($node) . "'\n$conf");
$node->start;
$node->safe_psql('postgres', 'CREATE TABLE t (i int, filler text)');
$node->backup('base');

my $program = $node->installed_command('pgbackup');
my $repository = repository($node);
my $system = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
my $pg_wal = $node->data_dir . '/pg_wal';
my $place = PostgreSQL::Test::Utils::tempdir;
my $path = "$place/file";

# ---- helpers ----

sub write_wal
{
	my ($segments) = @_;
	my $last;

	for (1 .. $segments)
	{
		$last = $node->safe_psql('postgres',
			"INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 1000) AS i;
			 SELECT pg_walfile_name(pg_current_wal_lsn() - 1) FROM pg_switch_wal()");
	}
	wait_for(sub { -f object($last) }, "segment $last in the archive");
	return $last;
}

sub object
{
	my ($segment, $home) = @_;

	return sprintf '%s/%s/wal/%s/%s.zst', $home // $repository, $system, substr($segment, 0, 8),
	  $segment;
}

# The name of the segment some numbers after another (of 1 MB).
sub after
{
	my ($segment, $count) = @_;
	my $number = hex(substr $segment, 8, 8) * 4096 + hex(substr $segment, 16, 8) + $count;

	return sprintf '%s%08X%08X', substr($segment, 0, 8), int($number / 4096), $number % 4096;
}

# The exit status, and what was said.
sub run_program
{
	my @command = @_;
	my ($out, $error) = ('', '');

	IPC::Run::run([ $program, @command ], '>', \$out, '2>', \$error);
	return wantarray ? ($? & 127 ? 1000 + ($? & 127) : $? >> 8, $error) : $? >> 8;
}

sub get
{
	my ($file, $target, @options) = @_;

	unlink $target // $path;
	return run_program('wal-get', "--repository=$repository", "--system=$system", @options,
		$file, $target // $path);
}

# It fails in a way that stops a recovery, says why, and delivers nothing.
sub stops
{
	my ($name, $pattern, $file, @options) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	unlink $path;
	@options = ("--repository=$repository", "--system=$system") unless @options;
	my ($status, $error) = run_program('wal-get', @options, grep { defined } $file, $path);
	my $passed = ok($status > 125 && $status < 256 && $error =~ $pattern && !@{[ glob "$path*" ]},
		"it stops recovery: $name");

	diag("status $status, error \"$error\"") unless $passed;
	return;
}

# ---- the exit status ----

my $first = after(write_wal(12), -11);
my $segment = after($first, 3);

is(scalar get($segment), 0, 'a segment is delivered');
is(compare($path, "$pg_wal/$segment"), 0, 'as the server has written it');
my ($label) = map { basename($_, '.zst') } glob "$repository/$system/wal/00000001/*.backup.zst";
my $label_text = `zstd -dcq '$repository/$system/wal/00000001/$label.zst'`;
is(scalar get($label), 0, 'so is a .backup file');
is(read_file($path), $label_text, 'as it was');

is(scalar get(after($segment, 1000)), 1, 'status 1: a segment that is not there');
is(scalar get('00000002.history'), 1, 'status 1: nor a history');
is(scalar get("00000007" . substr $segment, 8), 1, 'status 1: nor a timeline');
ok(!-e $path, 'nothing is delivered then');

my $range = '--needed=' . after($segment, -2) . '-' . after($segment, 1000);
is(scalar get($segment, undef, $range), 0, 'a segment that is needed is delivered');
stops('a segment that is needed, and missing', qr/is no longer in the archive/, after($segment, 1000),
	"--repository=$repository", "--system=$system", $range);
is(scalar get(after($segment, 1001), undef, $range), 1, 'status 1: one after those that are needed');
is(scalar get('00000007' . substr($segment, 8), undef, $range), 1, 'status 1: one of another timeline');
foreach ('x', $segment, "$segment-", "$segment-00000002" . substr $segment, 8)
{
	stops("a wrong range: $_", qr/not a range of WAL segments/, $segment,
		"--repository=$repository", "--system=$system", "--needed=$_");
}

stops('a name that is none', qr/not the name of a file/, 'x');
stops('no name', qr/takes the name of a file/, undef);
stops('an option that there is not', qr/unrecognized option/, $segment, '--repository=/x', '--no-such');
stops('a system identifier that is none', qr/not a system identifier/, $segment,
	"--repository=$repository", '--system=x');
stops('another cluster', qr/holds nothing of cluster/, $segment, "--repository=$repository",
	'--system=4711');
stops('a repository that does not exist', qr/does not exist/, $segment,
	"--repository=$repository-not", "--system=$system");

# Damage is done to a copy.
my $whole = $repository;
$repository = "$place/repository";
PostgreSQL::Test::RecursiveCopy::copypath($whole, $repository);

rename "$repository/pgbackup.json", "$repository/away" or die;
stops('a directory that is no repository', qr/is not a repository/, after($segment, 1000));
write_file("$repository/pgbackup.json", '{"pgbackup_repository": 99}');
stops('a newer format', qr/format 99/, $segment);
rename "$repository/away", "$repository/pgbackup.json" or die;

rename "$repository/$system", "$repository/1$system" or die;
stops('a repository without the cluster', qr/holds nothing of cluster/, after($segment, 1000));
rename "$repository/1$system", "$repository/$system" or die;
rename "$repository/$system/wal", "$repository/$system/was" or die;
stops('a cluster without an archive', qr/no WAL archive/, after($segment, 1000));
rename "$repository/$system/was", "$repository/$system/wal" or die;

my $label_object = "$repository/$system/wal/00000001/$label.zst";
flip_bit($label_object, 10);
stops('a .backup file that is damaged', qr/\Q$label\E/, $label);
unlink $label_object;
write_file($label_object =~ s/\.zst$//r, $label_text);
is(scalar get($label), 0, 'one that an earlier version has stored as it is comes back');
is(read_file($path), $label_text, 'as it was');

my $good = read_file(object($segment));
for my $offset (0, 20, int(length($good) / 2), -30, -5)
{
	flip_bit(object($segment), $offset);
	stops("a bit is wrong at byte $offset", qr/(damaged|CRC|checksum|not match).*hint: Recovery cannot pass over it/is, $segment);
	write_file(object($segment), $good);
}
for my $cut (1, 100, length($good))
{
	truncate_file(object($segment), -$cut);
	stops("$cut bytes are cut off", qr/damaged|short/i, $segment);
	write_file(object($segment), $good);
}
copy(object(after($segment, 1)), object($segment)) or die;
stops('another segment in its place', qr/another|damaged/i, $segment);
write_file(object($segment), $good);

SKIP:
{
	skip 'root can read everything', 1 if $> == 0;
	chmod 0000, object($segment);
	stops('a segment that cannot be read', qr/ermission denied/, $segment);
	chmod 0600, object($segment);
}

{
	my $other = new_node('other', conf => "wal_level = replica\n$conf");
	my $identifier =
	  $other->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
	my $foreign = $other->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	my $found = repository($other) . "/$identifier/wal/00000001/$foreign.zst";

	wait_for(sub { -f $found }, 'a foreign segment');
	$other->stop;
	copy($found, object($foreign)) or die;
	stops('a foreign segment', qr/another cluster/i, $foreign);
	unlink object($foreign);
}

{
	my $missing = "$place/missing/file";
	my ($status, $error) = get($segment, $missing);

	ok($status > 125 && $error =~ /missing/, 'it stops recovery: no place to write it to');
}

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'no small file system', 2 unless $small;
	make_path("$small/pg_wal");
	system_log('sh', '-c', "dd if=/dev/zero of='$small/fill' bs=64k 2>/dev/null; true");
	my ($status, $error) = get($segment, "$small/pg_wal/RECOVERYXLOG");
	ok($status > 125 && $error =~ /No space/, 'it stops recovery: a full disk');
	ok(!@{[ glob "$small/pg_wal/RECOVERYXLOG*" ]}, 'nothing is delivered');
	unlink "$small/fill";
	remove_tree("$small/pg_wal");
}
$repository = $whole;

# ---- fetching ahead ----

make_path("$place/data/pg_wal");
chdir "$place/data" or die;
my $spool = 'pg_wal/pgbackup.spool';
my $target = 'pg_wal/RECOVERYXLOG';

sub is_spooled { return -f "$spool/$_[0]"; }

is(scalar get($first, $target), 0, 'a segment goes to pg_wal');
wait_for(sub { is_spooled(after($first, 8)) }, 'the segments after it');
ok(!grep({ !is_spooled(after($first, $_)) } 1 .. 8), 'eight more are fetched ahead');
ok(!is_spooled(after($first, 9)), 'and no more');

my $inode = (stat "$spool/" . after($first, 1))[1];
is(scalar get(after($first, 1), $target), 0, 'the next one is delivered');
is((stat $target)[1], $inode, 'by moving it');
is(compare($target, "$pg_wal/" . after($first, 1)), 0, 'with the right content');
wait_for(sub { is_spooled(after($first, 9)) }, 'one more');

write_file("$spool/" . after($first, 2), read_file("$spool/" . after($first, 3)));
is(scalar get(after($first, 2), $target), 0, 'a segment that is wrong in the spool');
is(compare($target, "$pg_wal/" . after($first, 2)), 0, 'is fetched again');
write_file("$spool/" . after($first, 3), "\0" x (1024 * 1024));
is(scalar get(after($first, 3), $target), 0, 'so is one that a crash has left empty');
is(compare($target, "$pg_wal/" . after($first, 3)), 0, 'with the right content');

# The spool must not give what the repository would not.
my $moved = object(after($first, 5));
wait_for(sub { is_spooled(after($first, 5)) }, 'a segment in the spool');
rename $moved, "$moved.away" or die;
is(scalar get(after($first, 5), $target), 1, 'what is missing in the repository is not taken from the spool');
rename "$moved.away", $moved or die;

is(scalar get($first, $target), 0, 'recovery may begin again');
wait_for(sub { is_spooled(after($first, 1)) && !is_spooled(after($first, 9)) },
	'the spool to follow');
pass('the spool follows');

is(scalar get(after($first, 1), $target, '--ahead=0'), 0, 'nothing is fetched ahead if it is not wanted');

sub helpers
{
	return grep { (readlink("/proc/$_/cwd") // '') eq "$place/data" }
	  map { m{/proc/(\d+)$} ? $1 : () } glob '/proc/[0-9]*';
}
my @ours = grep { $_ != $$ } helpers();
ok(@ours > 0, 'helpers are at work');
is(run_program('wal-get', "--repository=$repository", '--clean'), 0, 'the spool is removed');
ok(!-e $spool, 'it is gone');
wait_for(sub { !grep { $_ != $$ } helpers() }, 'the helpers to end');
pass('the helpers end');
is(run_program('wal-get', "--repository=$repository", '--clean'), 0, 'a second time, nothing happens');

# They end by themselves, too, when nobody asks.
is(scalar get($first, $target), 0, 'a spool again');
wait_for(sub { is_spooled(after($first, 8)) }, 'the segments after it');
wait_for(sub { !grep { $_ != $$ } helpers() }, 'the helpers to end');
pass('helpers end when nobody asks any more');
chdir '/';

# ---- a server recovers ----

my $truth;

sub start_recovery
{
	my ($name, $home) = @_;
	my $recovered = PostgreSQL::Test::Cluster->new($name);

	$recovered->init_from_backup($node, 'base');
	$recovered->append_conf('postgresql.conf',
		"archive_mode = off\nrestore_command = '\"$program\" wal-get --repository=\"$home\" --system=$system %f \"%p\"'\n"
		  . "recovery_end_command = '\"$program\" wal-get --repository=\"$home\" --clean'\n"
		  . "recovery_target_action = 'promote'\n");
	remove_tree(glob $recovered->data_dir . '/pg_wal/0*');
	write_file($recovered->data_dir . '/recovery.signal', '');
	return ($recovered, $recovered->start(fail_ok => 1));
}

my $last = write_wal(5);
$truth = table_hash($node, 'postgres', 't');
PostgreSQL::Test::RecursiveCopy::copypath($whole, "$place/damaged");

my ($recovered, $started) = start_recovery('recovered', $repository);
ok($started, 'a server recovers');
$recovered->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
is(table_hash($recovered, 'postgres', 't'), $truth, 'and has all that was committed');
ok(!-e $recovered->data_dir . "/$spool", 'its spool is gone');
$recovered->stop;

flip_bit(object(after($last, -3), "$place/damaged"), 5000);
($recovered, $started) = start_recovery('stopped', "$place/damaged");
wait_for(sub { slurp_file($recovered->logfile) =~ /FATAL:  could not restore file/ }, 'a refusal');
wait_for(sub { !-e $recovered->data_dir . '/postmaster.pid' }, 'the server to be down');
like(slurp_file($recovered->logfile), qr/pgbackup: error: .*damaged/, 'a damaged segment ends the recovery with an error');
unlike(slurp_file($recovered->logfile), qr/archive recovery complete/, 'and not with a server that lacks what was after it');
$recovered->stop('immediate', fail_ok => 1);
$node->stop;

done_testing();
