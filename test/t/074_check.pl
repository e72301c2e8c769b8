#
# 074_check.pl
#	  pgbackup_check, pgbackup_status and the program's check: for each check a state in which
#	  it is well, and one in which it is not.
#
# PGBACKUP_TEST_SMALL_FS: see 022_repository.pl.
#
# test/t/074_check.pl
#
use strict;
use warnings;

use IO::Socket::UNIX;
use JSON::PP;
use PgBackupRestore;
use PgBackupSchedule;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', start => 0, conf => <<'CONF');
max_worker_processes = 20
wal_level = replica
max_wal_senders = 4
archive_mode = on
timezone = 'UTC'
log_timezone = 'UTC'
CONF
# 18 has them if nobody asks
system_or_bail('pg_checksums', '--disable', '-D', $node->data_dir)
  if (run_command([ 'pg_controldata', $node->data_dir ]))[0] =~ /^Data page checksum version:\s+1$/m;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

# ---- findings ----

# "status: detail", or with hints, of one check.
sub findings
{
	my ($name, %options) = @_;
	my $columns = $options{hint} ? q{status || ': ' || detail || ' ' || coalesce(hint, '-')} : q{status || ': ' || detail};

	return $node->safe_psql('postgres', ($options{before} // '')
		  . "SELECT $columns FROM pgbackup_check() WHERE name = '$name'");
}

sub becomes
{
	my ($name, $pattern, $test) = @_;
	my $found;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(eval { wait_for(sub { ($found = findings($name)) =~ $pattern }, $name); 1 }, $test) or diag($found);
	return;
}

sub not_ok
{
	return $node->safe_psql('postgres',
		q{SELECT string_agg(name || ':' || status, ' ' ORDER BY name) FROM pgbackup_check() WHERE status <> 'ok'});
}

sub set
{
	my (%settings) = @_;

	$node->safe_psql('postgres', join ' ', map { defined $settings{$_} ? "ALTER SYSTEM SET $_ = '$settings{$_}';" : "ALTER SYSTEM RESET $_;" } sort keys %settings);
	$node->reload;
	for my $name (sort keys %settings)
	{
		next unless defined $settings{$name};
		wait_for(sub { $node->safe_psql('postgres', "SHOW $name") eq $settings{$name} }, "$name to be $settings{$name}");
	}
	return;
}

# A moment as the manifest has it.
sub moment
{
	my ($offset) = @_;
	return $node->safe_psql('postgres', qq{SELECT to_char(now() AT TIME ZONE 'UTC' + interval '$offset', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')});
}

# ---- before there is anything ----

like(findings('repository', hint => 1), qr/^fail: .*does not exist.* The first backup/, 'no repository yet');
is($node->safe_psql('postgres', 'SELECT status, message ~ $$^repository: .*does not exist.* \(and \d+ more\)$$ FROM pgbackup_status()'), 'CRIT|t', 'which is critical');

# ---- what is well, and what is said of it ----

my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
my ($folder) = backup_folder($node, $id);
my $cluster = $folder =~ s{/backups/.*}{}r;
is(not_ok(), 'data_checksums:warn file_system:warn', 'on one disk, without checksums');
is($node->safe_psql('postgres', 'SELECT string_agg(DISTINCT name, $$ $$ ORDER BY name) FROM pgbackup_check()'),
	'age archive backups clock connection data_checksums file_system gaps leftovers preload programs proofs repository retention room runs schedules scratch windows workers',
	'there is a finding of each check');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_check() WHERE status <> $$ok$$ AND hint IS NULL'), 0, 'what is not well has a hint');
like($node->safe_psql('postgres', 'SELECT status || $$ $$ || message FROM pgbackup_status()'),
	qr/^WARN data_checksums: .* \(and 1 more\)$/, 'the worst, in one line');

# The program says of the repository what SQL says; what to do may be told in other words.
sub same_as_program
{
	my ($test, $expected) = @_;
	my ($status, $out) = program('check', '--repository', repository($node), '--output=json');
	my $said = join "\n", map { "$_->{name}|$_->{status}|$_->{detail}" } @{ decode_json($out)->{checks} };
	my $names = join ',', map { "'$_->{name}'" } @{ decode_json($out)->{checks} };
	my $sql = $node->safe_psql('postgres', "SELECT name, status, detail FROM pgbackup_check() WHERE name IN ($names)");

	for ($said, $sql)
	{
		utf8::encode($_) if utf8::is_utf8($_);
		s/\d+ minutes/N minutes/g;
		s/tmp\.\d+/tmp.PID/g;
		s/there are \d+ MB left/there are N MB left/g;
	}
	is($said, $sql, "the program says the same: $test");
	is($status, $expected, "and its exit status tells it: $test");
	return;
}
same_as_program('all is well', 0);

# ---- rights ----

$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_monitor');
for my $call ('pgbackup_check()', 'pgbackup_status()')
{
	my (undef, undef, $error) = $node->psql('postgres', "SELECT * FROM $call", extra_params => [ '-U', 'somebody' ]);
	like($error, qr/permission denied for function/, "not for everybody: $call");
}
my $all = q{SELECT name, status FROM pgbackup_check()};
is($node->safe_psql('postgres', $all, extra_params => [ '-U', 'watcher' ]), $node->safe_psql('postgres', $all), 'monitoring sees what a superuser sees');

# ---- the repository ----

chmod 0500, $cluster or die;
like(findings('repository', hint => 1), qr/^fail: could not .*Permission denied/, 'a repository that cannot be written');
same_as_program('it cannot be written', 2);
chmod 0700, $cluster or die;
is(findings('repository'), 'ok: "' . repository($node) . '" can be read and written.', 'and can again');
is(join(' ', glob "$cluster/*.tmp"), '', 'nothing is left of the attempt');

# ---- backups ----

flip_bit("$folder/manifest.json", 1000);
like(findings('backups'), qr/^fail: Backup "$id" is damaged: .*[^.]\.\nfail: There is no complete backup\.$/, 'the only backup is damaged');
flip_bit("$folder/manifest.json", 1000);
my $newer = copy_backup($node, $id, '20200101-100000L');
edit_manifest("$cluster/backups/$newer", sub { s/"pgbackup_manifest": 1,/"pgbackup_manifest": 99,/ or die });
like(findings('backups'), qr/^warn: Backup "$newer" was made by a newer version of pgbackup: .*format 99.*\nok: Backups: 2, of which are complete: 1\.$/, 'one of a newer version');
system_or_bail('mv', "$cluster/backups/$newer", "$cluster/backups/20200101-100000X");
like(findings('backups'), qr/^warn: "20200101-100000X" lies among the backups/, 'one of an unknown kind');
same_as_program('one of an unknown kind', 1);
system_or_bail('rm', '-r', "$cluster/backups/20200101-100000X");

my $old = copy_backup($node, $id, '20200101-100000L');
my $week_ago = moment('-8 days');
edit_manifest("$cluster/backups/$old", sub { s/("finished_at": ")[^"]+/$1$week_ago/ or die });
like(findings('proofs'), qr/^warn: None of the backups was ever restored for a test\.$/, 'nobody has ever restored one');
system_or_bail('rm', '-r', "$cluster/backups/$old");
like(findings('proofs'), qr/^ok: /, 'of a young one that is not yet bad');

my $future = moment('3 hours');
my $original = read_file("$folder/manifest.json");
edit_manifest($folder, sub { s/("finished_at": ")[^"]+/$1$future/ or die });
like(findings('clock'), qr/^warn: Backup "$id" was finished (2 hours|1\d\d minutes) in the future\.$/, 'a backup of tomorrow');
same_as_program('a backup of tomorrow', 1);
my $long_ago = moment('-30 hours');
write_file("$folder/manifest.json", $original);
edit_manifest($folder, sub { s/("finished_at": ")[^"]+/$1$long_ago/ or die });
like(findings('age'), qr/^ok: The newest logical backup of database postgres is "$id", 30 hours old\.$/, 'its age');
is((program('check', '--repository', repository($node), '--max-age=31'))[0], 0, 'no older than it may be');
is((program('check', '--repository', repository($node), '--max-age=29'))[0], 1, 'older than it may be');
write_file("$folder/manifest.json", $original);

mkdir "$cluster/backups/20200101-100000L" or die;
write_file("$cluster/backups/20200101-100000L/lock", '');
like(findings('leftovers'), qr/^warn: Backup "20200101-100000L" was begun, and its run has died\.$/, 'a dead run');
open my $held, '<', "$cluster/backups/20200101-100000L/lock" or die;
flock $held, 2 or die;
like(findings('leftovers'), qr/^warn: .* was begun more than a day ago, and is not complete\.$/, 'one that hangs');
close $held;
system_or_bail('rm', '-r', "$cluster/backups/20200101-100000L");
like(findings('leftovers'), qr/^ok/, 'no run');

# ---- retention ----

copy_backup($node, $id, sprintf '202001%02d-000000L', $_) for 1 .. 30;
like(findings('retention', hint => 1), qr/^warn: There are 31 logical backups, and none is ever removed\. Set pgbackup.retention_logical.*\nok: All base backups/, 'many backups');
set('pgbackup.retention_logical' => 'last=1');
like(findings('retention'), qr/^ok: Of logical backups are kept: last=1\.\n/, 'a policy');
$node->safe_psql('postgres', 'SELECT pgbackup_expire(false)');
set('pgbackup.retention_logical' => undef);

# ---- the room ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'no small file system', 4 unless $small;
	$node->safe_psql('postgres', 'CREATE TABLE noise AS SELECT decode(string_agg(md5(i::text || j), $$$$), $$hex$$) AS b FROM generate_series(1, 500) i, generate_series(1, 625) j GROUP BY i');
	set('pgbackup.repository' => "$small/room");
	my $large = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
	is($node->safe_psql('postgres', "SELECT stored_bytes BETWEEN 4500000 AND 7000000 FROM pgbackup_list() WHERE id = '$large'"), 't', 'a backup of some MB');
	like(findings('room') . findings('file_system'), qr/^ok: Of 32 MB there are \d+ MB left; .* together take \d+ MB\.ok: /, 'there is room, elsewhere');
	system_or_bail('dd', 'if=/dev/zero', "of=$small/filler", 'bs=1M', 'count=15', 'status=none');
	like(findings('room', hint => 1), qr/^warn: .* fewer backups/, 'for one more');
	system_or_bail('dd', 'if=/dev/zero', "of=$small/filler2", 'bs=1M', 'count=9', 'status=none');
	like(findings('room'), qr/^fail: /, 'for none');
	system_or_bail('rm', '-r', "$small/room", "$small/filler", "$small/filler2");
	set('pgbackup.repository' => undef);
	wait_for(sub { $node->safe_psql('postgres', 'SHOW pgbackup.repository') eq repository($node) }, 'the repository');
}

# ---- other clusters ----

system_or_bail('cp', '-r', $cluster, repository($node) . '/1234567');
is(findings('clusters', hint => 1), qq{ok: The repository also holds cluster 1234567 with 1 backup, the last of them "$id". }
	  . "To restore tables or databases from it name a backup '1234567/$id'; the program takes --cluster=1234567.", 'another cluster in the same repository');
system_or_bail('rm', '-r', repository($node) . '/1234567');

# ---- workers ----

like(findings('workers', before => 'SET pgbackup.jobs = 30; '), qr/^warn: max_worker_processes is 20; .* 34 are used/, 'fewer workers than jobs');
like(findings('workers', before => 'SET max_parallel_workers = 1; '), qr/^ok.*\nwarn: max_parallel_workers is 1: /, 'fewer parallel workers');

# ---- the programs ----

my $bin = $node->basedir . '/bin';
mkdir $bin or die;
my ($real) = (run_command([ 'pg_config', '--bindir' ]))[0];
symlink "$real/$_", "$bin/$_" or die for 'pg_dumpall', 'pg_restore', 'psql';
set('pgbackup.bin_directory' => $bin);
like(findings('programs', hint => 1), qr/^fail: pg_dump failed: .*could not execute it: .* set pgbackup.bin_directory/, 'no pg_dump');
like(findings('connection'), qr/^ok/, 'but it would connect');
write_file("$bin/pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n");
chmod 0700, "$bin/pg_dump";
like(findings('programs', hint => 1), qr/^fail: "$bin\/pg_dump" is of another version than the server, which is .*: it says "pg_dump \(PostgreSQL\) 9.6.1"\. Set pgbackup.bin_directory/, 'an old pg_dump');
set('pgbackup.bin_directory' => undef);
becomes('programs', qr/^ok/, 'the right one');

# ---- the connection ----

set('pgbackup.conninfo' => 'user=somebody');
like(findings('connection'), qr/^fail: pg_dump connects as a role that is not a superuser\.$/, 'no superuser');
set('pgbackup.conninfo' => 'user=nobody_at_all');
like(findings('connection'), qr/^fail: psql failed: .*role "nobody_at_all" does not exist/, 'no role');
my $socket = IO::Socket::UNIX->new(Local => $node->host . '/.s.PGSQL.1', Listen => 5) or die "could not listen: $!";
set('pgbackup.conninfo' => 'port=1');
fails_like($node, 'SET statement_timeout = 700; SELECT * FROM pgbackup_check()', qr/canceling statement due to statement timeout/, 'a server that does not answer can be canceled');
close $socket;
unlink $node->host . '/.s.PGSQL.1';
set('pgbackup.conninfo' => undef);
becomes('connection', qr/^ok: pg_dump can connect to this server as a superuser\.$/, 'the right one');

my $other = new_node('other', extension => 0);
set('pgbackup.conninfo' => 'host=' . $other->host . ' port=' . $other->port);
like(findings('connection', hint => 1), qr/^fail: pg_dump connects to another server\. Check pgbackup.conninfo/, 'another server');
set('pgbackup.conninfo' => undef);
$other->stop('immediate');

# ---- schedules ----

# A daily schedule that was due an hour ago, or another time, as if it had been made so long before.
sub due
{
	my ($changed, $and, $ago) = @_;
	my $cron = $node->safe_psql('postgres', sprintf(q{SELECT to_char(now() AT TIME ZONE 'UTC' - interval '%s', 'FMMI FMHH24') || ' * * *'}, $ago // '1 hour'));

	$node->safe_psql('postgres', "SELECT pgbackup_schedule('daily', '$cron', time_zone => 'UTC', replace => true);"
		  . "UPDATE pgbackup_schedule_rules SET changed_at = now() - interval '$changed'" . ($and // ''));
	return findings('schedules', hint => 1);
}
is(findings('schedules'), 'ok: This database has no schedules.', 'no schedules');
like(due('0'), qr/^ok: Schedule "daily" \(logical\) has not been due yet\./, 'a new schedule');
like(due('2 hours'), qr/^warn: Schedule "daily" \(logical\) was due 6\d minutes ago, and has never succeeded\. pgbackup_runs tells/, 'one that was due');
like(due('26 hours'), qr/^fail: Schedule "daily" \(logical\) was due 25 hours ago/, 'one that was due twice');
like(due('26 hours', ', enabled = false'), qr/^ok: Schedule "daily" \(logical\) is disabled/, 'but is disabled');
sub add_run
{
	my ($status, $ago) = @_;
	$node->safe_psql('postgres', 'INSERT INTO pgbackup_runs (schedule, kind, status, due_at, started_at, finished_at, message, hint) '
		  . "SELECT 'daily', 'logical', '$status', t, t, t, 'the message', 'The hint.' FROM (SELECT now() - interval '$ago' AS t) t");
	return findings('schedules', hint => 1);
}
due('26 hours');
like(add_run('failed', '1 hour'), qr/^fail: Schedule "daily" .*, and has never succeeded\. Its last run: failed, the message\. The hint\.$/, 'its error is told');
like(add_run('succeeded', '3 hours'), qr/^warn: Schedule "daily" .*, and has not succeeded since /, 'a success since then');
like(add_run('running', '1 hour'), qr/^ok: Schedule "daily" \(logical\) is at work/, 'one that is at work');
$node->safe_psql('postgres', q{DELETE FROM pgbackup_runs WHERE status = 'running'});
like(add_run('succeeded', '10 minutes'), qr/^ok: Schedule "daily" \(logical\) has succeeded at /, 'all is well again');
$node->safe_psql('postgres', q{DELETE FROM pgbackup_runs WHERE schedule = 'daily'});
like(due('12 hours', undef, '1 minute'), qr/^ok: Schedule "daily" \(logical\) is due now\./, 'one that may be about to begin');
like(add_run('failed', '0'), qr/^warn: Schedule "daily" .* has never succeeded\. Its last run: failed, the message\./, 'one that has failed just now');
$node->safe_psql('postgres', q{UPDATE pgbackup_schedule_rules SET cron = 'nonsense', enabled = false});
like(findings('schedules'), qr/^fail: .*nonsense/, 'one that cannot be understood');
$node->safe_psql('postgres', q{SELECT pgbackup_unschedule('daily')});

# ---- runs ----

$node->safe_psql('postgres', q{INSERT INTO pgbackup_runs (kind, status, started_at) VALUES ('logical', 'succeeded', now() + interval '1 hour')});
like(findings('runs'), qr/^warn: A run is from the future/, 'a run from the future');
$node->safe_psql('postgres', 'DELETE FROM pgbackup_runs');
# no pass comes along here: nothing is scheduled
$node->safe_psql('postgres', 'CREATE DATABASE quiet');
$node->safe_psql('quiet', 'CREATE EXTENSION pgbackup');
wait_for(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'quiet'}) eq '0' }, 'the pass over a new database');
like($node->safe_psql('quiet', q{INSERT INTO pgbackup_runs (kind, status) VALUES ('logical', 'running'); SELECT status || detail FROM pgbackup_check() WHERE name = 'runs'}),
	qr/^warnRun 1 \(logical\) is at work by its row, but has no job\.$/, 'a run without a job');

# who holds the tables is not waited for
my $session = session($node, [ 'BEGIN', 'LOCK TABLE pgbackup_runs', 'SELECT pg_sleep(600)' ], 'dbname=quiet application_name=locker');
wait_for(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'locker' AND wait_event = 'PgSleep'}) }, 'the lock');
like($node->safe_psql('quiet', q{SELECT status || detail FROM pgbackup_check() WHERE name = 'schedules'}), qr/^failcanceling statement due to lock timeout$/, 'a locked table');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locker'});
finish_session($session);

# ---- names that are not ASCII ----

my $name = "gr\xc3\xb6\xc3\x9fe";
$node->safe_psql('postgres', qq{CREATE DATABASE "$name"; CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0});
$node->safe_psql($_, 'CREATE EXTENSION pgbackup') for $name, 'latin';
$node->safe_psql($name, 'SELECT pgbackup_run()');
{
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	like($node->safe_psql($_, q{SELECT string_agg(detail, ' ') FROM pgbackup_check() WHERE name = 'age'}), qr/of database \Q$name\E is/, 'the name of a database, in any encoding')
	  for 'postgres', 'latin';
}

# ---- the scratch directory ----

my $scratch = $node->safe_psql('postgres', 'SHOW pgbackup.scratch_directory');
my ($system) = $cluster =~ m{([0-9]+)$};
mkdir $scratch;
mkdir "$scratch/pgbackup-$_" or die for "$system-99-1", '1234567-5-1';
is(findings('scratch'), qq{warn: "$scratch/pgbackup-$system-99-1" was left by a recovery that has died.\nwarn: "$scratch/pgbackup-1234567-5-1" is of a recovery of another cluster.}, 'leftovers');
open $held, '>', "$scratch/pgbackup-$system-99-1/lock" or die;
flock $held, 1 or die;
unlike(findings('scratch'), qr/99-1/, 'one at work is none');
close $held;
system_or_bail('rm', '-r', $scratch);
is(findings('scratch'), 'ok: Nothing was left in the scratch directory.', 'nothing left');
set('pgbackup.scratch_directory' => $node->basedir . '/nowhere/scratch');
like(findings('scratch', hint => 1), qr{^warn: ".*/nowhere/scratch" cannot be made or written: No such file.*Point pgbackup\.scratch_directory to}, 'one that cannot be made');
fails_like($node, q{SELECT * FROM pgbackup_verify('latest full', 'restore')}, qr{scratch directory ".*/nowhere/scratch" cannot be made or written: .*HINT:  Make the directory above it, or point pgbackup\.scratch_directory}s, 'which a recovery says, too');
mkdir $node->basedir . '/nowhere';
is(findings('scratch'), 'ok: Nothing was left in the scratch directory.', 'one that can');
set('pgbackup.scratch_directory' => undef);

# ---- the archive ----

is(findings('archive'), 'ok: WAL is archived by something else. Logical backups do not need it.', 'another archive');
$node->safe_psql('postgres', q{SELECT pgbackup_run('full')});
like(findings('archive'), qr/^warn: WAL is archived by something else: the base backups can be recovered to their own ends/, 'with base backups');
set('archive_library' => 'pgbackup');
becomes('archive', qr/^ok: All WAL is archived/, 'ours');

my $archiver = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'});
my @waiting;
kill 'STOP', $archiver;
$node->safe_psql('postgres', 'CREATE TABLE t (); SELECT pg_switch_wal()');
wait_for(sub { @waiting = glob $node->data_dir . '/pg_wal/archive_status/*.ready' }, 'WAL that waits');
like(findings('archive'), qr/^ok: Files that wait: 1 \(16 MB\), the first of them for 0 minutes\.$/, 'some WAL waits');
utime time - 1200, time - 1200, @waiting;
like(findings('archive'), qr/^warn: The archive does not keep up: Files that wait: 1 \(16 MB\), the first of them for 2\d minutes\.$/, 'for long');
utime time - 7300, time - 7300, @waiting;
like(findings('archive'), qr/^fail: The archive does not keep up/, 'for very long');
chmod 0500, glob "$cluster/wal/*";
kill 'CONT', $archiver;
becomes('archive', qr/^fail: WAL has not been archived for 0 minutes, and stays in pg_wal: .*Permission denied.* Files that wait: 1 /, 'a failing archive');
chmod 0700, glob "$cluster/wal/*";
becomes('archive', qr/^ok: All WAL is archived/, 'and then all is well');
is(not_ok(), 'data_checksums:warn file_system:warn', 'nothing is left of it all');
same_as_program('with an archive', 0);

# ---- when all is well ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'no other file system', 1 unless $small;
	$node->stop;
	system_or_bail('pg_checksums', '--enable', '-D', $node->data_dir);
	$node->append_conf('postgresql.conf', "archive_mode = off\npgbackup.repository = '$small/well'\n");
	$node->start;
	$node->safe_psql('postgres', q{SELECT pgbackup_run(tables => '{t}')});
	like($node->safe_psql('postgres', 'SELECT status, message FROM pgbackup_status()'), qr/^OK\|\d+ findings, all of them ok$/, 'all is well');
	system_or_bail('rm', '-r', "$small/well");
	$node->append_conf('postgresql.conf', "archive_mode = on\npgbackup.repository = '" . repository($node) . "'\n");
}

# ---- without the library, or without room for it ----

$node->append_conf('postgresql.conf', "max_worker_processes = 1\nwal_level = minimal\nmax_wal_senders = 0\narchive_mode = off\n");
$node->restart;
like(findings('preload'), qr/^fail: The launcher does not run/, 'no worker for the launcher');
like(findings('workers'), qr/^fail: max_worker_processes is 1; .*\nwarn: wal_level is minimal/, 'the settings that lead to it');
like(findings('archive'), qr/^warn: No WAL is archived: /, 'no archive');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
like(findings('preload', hint => 1), qr/^fail: pgbackup is not loaded when the server starts.* Add pgbackup to shared_preload_libraries/, 'not loaded');
is($node->safe_psql('postgres', 'SELECT status FROM pgbackup_status()'), 'CRIT', 'which is critical');

$node->stop;
done_testing();
