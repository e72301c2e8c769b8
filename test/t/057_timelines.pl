#
# 057_timelines.pl
#	  Restored servers are promoted, and archive on their own timelines into the same
#	  repository; either side of each fork can be recovered, and what cannot is refused.
#
#	      1 ── a ── b ──┬── c ── d
#	      2             └── p ──┬── q ── r
#	      3                     └── x
#
# test/t/057_timelines.pl
#
use strict;
use warnings;

use JSON::PP;
use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => archive_conf());
my $system = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
my (%lsn, %time);
my ($status, $out, $err);

# ---- the timelines ----

sub step
{
	my ($server, $name) = @_;

	$server->safe_psql('postgres', "INSERT INTO steps VALUES ('$name')");
	($lsn{$name}, $time{$name}) = split /\|/, $server->safe_psql('postgres',
		"SELECT pg_current_wal_insert_lsn(), to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
	return;
}

sub steps_of
{
	my ($server) = @_;

	return $server->safe_psql('postgres', "SELECT string_agg(name, ' ' ORDER BY name) FROM steps");
}

# The restored server leaves its target and archives.
sub promoted
{
	my ($name, @options) = @_;
	my $server = restored_node($node, $name, @options, '--target-action=promote');

	$server->append_conf('postgresql.conf', "archive_mode = on\n");
	$server->start;
	$server->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
	return $server;
}

$node->safe_psql('postgres', 'CREATE TABLE steps (name text)');
my $first = full_backup($node);
step($node, 'a');
step($node, 'b');
$node->safe_psql('postgres', "SELECT pg_create_restore_point('after b')");
archive_all($node);
step($node, 'c');
archive_all($node);
step($node, 'd');
archive_all($node);

my $second_server = promoted('second', "--target-lsn=$lsn{b}");
is(steps_of($second_server), 'a b', 'timeline 2 begins after b');
step($second_server, 'p');
archive_all($second_server);
my $second = full_backup($second_server);
step($second_server, 'q');
archive_all($second_server);
step($second_server, 'r');
archive_all($second_server);

my $third_server = promoted('third', "--target-lsn=$lsn{p}", '--target-timeline=2');
is(steps_of($third_server), 'a b p', 'timeline 3 begins after p');
step($third_server, 'x');
archive_all($third_server);
step($third_server, 'y');
archive_all($third_server);

# The first server goes on as if nothing had been.
step($node, 'e');
archive_all($node);
$_->stop for $second_server, $third_server;

# ---- what can be recovered ----

is($node->safe_psql('postgres', 'SELECT timeline, backup, missing_segment FROM pgbackup_recovery_window() ORDER BY 1'),
	"1|$first|\n2|$first|\n3|$first|", 'there is a window for each timeline');
is($node->safe_psql('postgres',
		"SELECT bool_and(from_lsn < to_lsn AND from_time < to_time AND last_segment >= pg_walfile_name('$lsn{a}'))
		 FROM pgbackup_recovery_window() WHERE timeline = 1"),
	't', 'with its ends');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pgbackup_recovery_window()
		 WHERE timeline = 1 AND '$lsn{e}' BETWEEN from_lsn AND to_lsn AND from_lsn <= '$lsn{a}' AND '$time{d}' BETWEEN from_time AND to_time"),
	1, 'what was archived last is in it');

# ---- a history that is damaged ----

# What the program says to this backup and timeline: verify, and the plan of a restore.
sub program_says
{
	my @verified = program('verify', $second, '--repository', repository($node));
	my @planned = restore($node, $node->basedir . '/planned', '--target-timeline=2', '--dry-run');

	return (\@verified, \@planned);
}

{
	my $object = repository($node) . "/$system/wal/00000002/00000002.history.zst";
	my $content = read_file($object);
	my $text = `zstd -dcq '$object'`;

	flip_bit($object, 12);
	my ($verified, $planned) = program_says();
	is($verified->[0], 1, 'verify finds a damaged history');
	like($verified->[1], qr/^\Q$second\E: 00000002\.history: /m, 'and names it');
	is($planned->[0], 1, 'no recovery along it is begun');
	like($planned->[2], qr/00000002\.history/, 'and why');

	# as it was stored before 0.6
	unlink $object;
	write_file($object =~ s/\.zst$//r, $text);
	($verified, $planned) = program_says();
	is($verified->[0], 0, 'a history without a checksum is fine') or diag($verified->[1]);
	is($planned->[0], 0, 'and leads along its timeline') or diag($planned->[2]);
	unlink $object =~ s/\.zst$//r;
	write_file($object, $content);
}

sub recovers
{
	my ($name, $steps, @options) = @_;
	my $server = restored_node($node, $name, @options);

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	start_restored($server);
	is(steps_of($server), $steps, "$name: it has " . ($steps || 'nothing'));
	$server->stop;
	return;
}

recovers('one', 'a b c d e', '--target-timeline=1');
recovers('two', 'a b p q r', '--target-timeline=2', "--backup=$first");
recovers('newest', 'a b p x y');
recovers('before_fork', 'a', "--target-lsn=$lsn{a}");
recovers('one_at_c', 'a b c', '--target-timeline=1', "--target-time=$time{c}");
recovers('two_at_q', 'a b p q', '--target-timeline=2', "--target-time=$time{q}");
recovers('point', 'a b', '--target-timeline=1', '--target-name=after b');

# ---- what cannot ----

sub refuses
{
	my ($name, $pattern, @options) = @_;
	my $directory = PostgreSQL::Test::Utils::tempdir . '/data';

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	($status, $out, $err) = restore($node, $directory, @options);
	my $passed = ok($status == 1 && $err =~ $pattern && !-e "$directory/global/pg_control",
		"refused: $name");
	diag("status $status, error $err") unless $passed;
	return;
}

my $window = qr/The repository can recover from \d{4}-\d\d-\d\dT.* to .* on timeline 1/;

refuses('an LSN before the first backup', qr/ends after it\. $window/, '--target-lsn=0/1000000',
	'--target-timeline=1');
refuses('a moment before it', qr/ends after it\. $window/, '--target-time=2001-01-01 00:00:00Z',
	'--target-timeline=1');
refuses('an LSN after the last WAL', qr/after the last WAL.*$window/, '--target-lsn=FF/0',
	'--target-timeline=1');
refuses('a moment after the last commit', qr/No commit after it.*$window/,
	'--target-time=2101-01-01 00:00:00Z', '--target-timeline=1');
refuses('an unknown restore point', qr/no restore point of this name.*$window/,
	'--target-name=before b', '--target-timeline=1');
refuses('a timeline that does not exist', qr/nothing of it.*$window/s, '--target-timeline=9');
refuses('a backup that has left the timeline', qr/does not lie on the way.*$window/,
	"--backup=$second", '--target-timeline=3');
refuses('a moment of another timeline', qr/ends after it|No commit after it/,
	'--target-time=2101-01-01 00:00:00Z', '--target-timeline=2');

$node->safe_psql('postgres', "SELECT pg_create_restore_point('after b')");
archive_all($node);
refuses('a restore point that is there twice', qr/There is one at .*, and one at .*$window/s,
	'--target-name=after b', '--target-timeline=1');
recovers('point_of_backup', 'a b', '--target-timeline=1', '--target-name=after b', "--backup=$first");

# ---- the health of it ----

sub check
{
	my ($home) = @_;

	($status, $out, $err) = program('check', '--repository', $home, '--output=json');
	return join ' ', map { "$_->{name}:$_->{status}" }
	  grep { $_->{status} ne 'ok' } @{ decode_json($out)->{checks} };
}

my $home = repository($node);
is(check($home), '', 'check finds nothing wrong');
is($status, 0, 'and says so by its status');
($status, $out, $err) = program('check', '--repository', $home);
like($out, qr/^ok +windows +From \d{4}-.* on timeline 3\.$/m, 'it shows the windows');
is((program('check', '--repository', $home, '--max-age=1'))[0], 0, 'backups are new enough');
is((program('check', '--repository', "$home-not"))[0], 2, 'a repository that is not there fails');

# A segment of timeline 1 is lost: what is before it can be recovered, and timeline 2.
my $lost = $node->safe_psql('postgres', "SELECT pg_walfile_name('$lsn{d}')");
rename "$home/$system/wal/00000001/$lost.zst", "$home/lost" or die;
like($node->safe_psql('postgres', 'SELECT missing_segment FROM pgbackup_recovery_window() WHERE timeline = 1'),
	qr/^$lost$/, 'a gap ends a window');
refuses('the latest, after a gap', qr/$lost, which recovery from backup "$first" needs.*$window/s, '--target-timeline=1');
refuses('an LSN after a gap', qr/$lost.*$window/s, '--target-timeline=1', "--target-lsn=$lsn{e}");
refuses('a moment in a gap', qr/$lost.*$window/s, '--target-timeline=1', "--target-time=$time{d}");
recovers('before_gap', 'a b', '--target-timeline=1', "--target-lsn=$lsn{b}");
like(check($home), qr/gaps:warn/, 'check sees the gap');
is($status, 1, 'which is a warning');
like((program('check', '--repository', $home))[1], qr/^warn +gaps +.*\Q$lost\E/m, 'and names it');
rename "$home/lost", "$home/$system/wal/00000001/$lost.zst" or die;

# A damaged manifest of the newest full backup.
my ($manifest) = glob "$home/$system/backups/$second/manifest.json";
flip_bit($manifest, 100);
like(check($home), qr/backups:fail/, 'a damaged backup that has no successor fails');
is($status, 2, 'and says so');
recovers('without_second', 'a b p q r', '--target-timeline=2');
flip_bit($manifest, 100);

# A segment in the middle that belongs elsewhere: the server stops, and does not end recovery.
my $swapped = "$home/$system/wal/00000001/$lost.zst";
my $good = read_file($swapped);
my ($other) = grep { $_ ne $swapped } glob "$home/$system/wal/00000001/0*.zst";
write_file($swapped, read_file($other));
my $stopped = restored_node($node, 'swapped', '--target-timeline=1', '--backup', $first);
ok(!$stopped->start(fail_ok => 1)
	  || do { wait_for(sub { !-e $stopped->data_dir . '/postmaster.pid' }, 'the server to stop'); 1 },
	'a server that meets a swapped segment stops');
like(slurp_file($stopped->logfile), qr/could not restore file "$lost"/, 'and names it');
unlike(slurp_file($stopped->logfile), qr/archive recovery complete/, 'it does not end recovery before its target');
$stopped->stop('immediate', fail_ok => 1);
write_file($swapped, $good);

$node->stop;
done_testing();
