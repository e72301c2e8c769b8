#
# 020_job_life.pl
#	  The life of a job: who ends it, and that nothing is left then.
#
# test/t/020_job_life.pl
#
use strict;
use warnings;

use Fcntl qw(:flock);
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "max_connections = 60\nmax_worker_processes = 40\n");
my ($id, $holder, $session, $seconds);

create_slow_table($node);
$node->safe_psql('postgres', q{
	CREATE TABLE t AS SELECT generate_series(1, 1000) AS i;
	CREATE ROLE asker LOGIN;
	CREATE ROLE friend LOGIN IN ROLE asker;
	CREATE ROLE stranger LOGIN;
	CREATE ROLE signaller LOGIN IN ROLE pg_signal_backend;
	GRANT EXECUTE ON FUNCTION
		pgbackup_run(text, text, text[], text[], text[], text[], text[], text, integer, integer, boolean),
		pgbackup_cancel(text)
	TO asker, stranger, signaller;
});

sub list_of
{
	my ($condition) = @_;

	return $node->safe_psql('postgres', "SELECT id FROM pgbackup_list() WHERE $condition");
}

# ---- it goes on without the session ----

$seconds = seconds_of(
	sub {
		$id = $node->safe_psql('postgres',
			"SELECT pgbackup_run(wait => false, label => 'alone')");
	});
like($id, qr/^\d{8}-\d{6}L$/, 'wait => false gives the id');
wait_for_no_backup($node);
is(list_of("label = 'alone' AND status = 'complete'"),
	$id, 'and the backup is completed after the session has ended');

($id, $holder) = start_waiting_backup($node, 't');
is(phase_of($node, $id), 'dumping schema', 'the id is given while pg_dump still waits for a lock');
is(list_of("id = '$id'"), '', 'a running backup is not in the list');
$holder->query_safe('COMMIT');
$holder->quit;
wait_for_no_backup($node);
is(list_of("id = '$id' AND status = 'complete'"), $id, 'it ends once the lock is released');

# ---- pgbackup_cancel ----

is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')"),
	'f', 'a backup that has ended cannot be cancelled');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('no such id')"),
	'f', 'nor can one that never was');

$id = start_slow_backup($node);
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')"),
	't', 'a superuser cancels a backup that exports');
$seconds = seconds_of(sub { leaves_nothing($node, $id, 'cancelled while it exports') });
cmp_ok($seconds, '<', 10, 'soon');

($id, $holder) = start_waiting_backup($node, 't');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')"),
	't', 'a superuser cancels a backup that waits for a lock');
wait_for_no_backup($node);
$holder->quit;
leaves_nothing($node, $id, 'cancelled while pg_dump waits');

$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false, level => 19)',
	connstr => $node->connstr('postgres') . ' user=asker');
fails_like_as('stranger', "SELECT pgbackup_cancel('$id')",
	qr/permission denied to cancel backup.*HINT/s, 'others may not cancel');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')",
		connstr => $node->connstr('postgres') . ' user=asker'),
	't', 'who has asked for the backup may');
leaves_nothing($node, $id, 'cancelled by its asker');

$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false, level => 19)',
	connstr => $node->connstr('postgres') . ' user=asker');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')",
		connstr => $node->connstr('postgres') . ' user=signaller'),
	't', 'a member of pg_signal_backend may cancel it too');
leaves_nothing($node, $id, 'cancelled by pg_signal_backend');

$id = start_slow_backup($node);
fails_like_as('signaller', "SELECT pgbackup_cancel('$id')",
	qr/permission denied to cancel backup.*HINT/s, 'but not the backup of a superuser');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
leaves_nothing($node, $id, 'cancelled by a superuser');

# ---- several jobs of one backup ----

# A session that verifies the backup, once its worker is at it and has been stopped: (session, pid).
sub stopped_verification
{
	my ($backup) = @_;
	my %before = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pgbackup_progress');
	my $verifying = session($node, [ "SELECT * FROM pgbackup_verify('$backup', 'restore')" ]);
	my $pid;

	wait_for(
		sub {
			($pid) = grep { !$before{$_} } split /\n/,
			  $node->safe_psql('postgres', "SELECT pid FROM pgbackup_progress WHERE backup = '$backup'");
		},
		'the verification');
	kill 'STOP', $pid or die "no process $pid";
	return ($verifying, $pid);
}

{
	my $complete = $node->safe_psql('postgres', 'SELECT pgbackup_run()');

	my ($first, $first_pid) = stopped_verification($complete);
	my ($second, $second_pid) = stopped_verification($complete);

	fails_like($node, "SELECT pgbackup_cancel('$complete')",
		qr/ERROR:  2 jobs are at work on backup "$complete".*HINT:  .*pg_cancel_backend/s, 'which of two jobs is not guessed');
	fails_like_as('asker', "SELECT pgbackup_cancel('$complete')",
		qr/ERROR:  permission denied to cancel backup/, 'nor told to others');
	is($node->safe_psql('postgres', "SELECT pg_cancel_backend($second_pid)"), 't', 'it can be chosen by its worker');
	kill 'CONT', $first_pid, $second_pid;
	like((finish_session($second))[2], qr/canceled/, 'which is cancelled');
	is((finish_session($first))[0], 0, 'and no other');
}

# ids are of seconds, of which none is used twice
my %seen;
for (1 .. 3)
{
	$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false, level => 19)');
	$seen{$id}++;
	$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
	wait_for_no_backup($node);
}
is(join(' ', values %seen), '1 1 1', 'a cancelled backup takes its id with it');

# ---- who waits for it ----

# A session that waits for a slow backup, once that exports: (session, id, pid of its backend).
sub waiting_session
{
	my (@settings) = @_;
	my $waiting = session($node,
		[ @settings, 'SELECT pgbackup_run(level => 19)' ], 'application_name=waiting');
	my $waiting_id;

	wait_for(
		sub {
			$waiting_id = $node->safe_psql('postgres',
				"SELECT backup FROM pgbackup_progress WHERE phase = 'exporting tables'");
		},
		'the backup of the waiting session');
	return ($waiting, $waiting_id,
		$node->safe_psql('postgres',
			"SELECT pid FROM pg_stat_activity WHERE application_name = 'waiting'"));
}

for my $end ([ 'pg_cancel_backend', qr/canceling statement due to user request/ ],
	[ 'pg_terminate_backend', qr/terminating connection due to administrator command/ ])
{
	my ($function, $message) = @$end;
	my $pid;

	($session, $id, $pid) = waiting_session();
	$node->safe_psql('postgres', "SELECT $function($pid)");
	my ($status, undef, $error) = finish_session($session);
	ok($status != 0, "$function of the session that waits");
	like($error, $message, "$function: its message");
	leaves_nothing($node, $id, $function);
}

($session, $id) = waiting_session("SET statement_timeout = '2s'");
like((finish_session($session))[2],
	qr/canceling statement due to statement timeout/, 'statement_timeout of the session that waits');
leaves_nothing($node, $id, 'statement_timeout');

# a client that is gone, without a word
($session, $id) = waiting_session("SET client_connection_check_interval = '100ms'");
$session->{run}->signal('KILL');
eval { $session->{run}->finish };
leaves_nothing($node, $id, 'a client that has vanished');

# ---- the job itself ----

($session, $id) = waiting_session();
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . job_pid($node, $id) . ')');
my ($status, $out, $error) = finish_session($session);
like($error, qr/ERROR:  the backup was terminated.*DETAIL.*HINT/s, 'a terminated job is an error for who waits');
leaves_nothing($node, $id, 'pg_terminate_backend of the job');

($session, $id) = waiting_session();
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
like((finish_session($session))[2],
	qr/ERROR:  the backup was canceled/, 'a cancelled one too');
leaves_nothing($node, $id, 'pgbackup_cancel of another session');

($session, $id) = waiting_session();
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . (data_worker_pids($node))[0] . ')');
like((finish_session($session))[2],
	qr/ERROR:  terminating background worker "parallel worker" due to administrator command/, 'and one that has lost a data worker');
leaves_nothing($node, $id, 'pg_terminate_backend of a data worker');

$session = $node->background_psql('postgres');
$session->query_safe("BEGIN; LOCK TABLE t");
my $asker = session($node, ['SELECT pgbackup_run()']);
wait_for(sub { dump_backend_pids($node) }, 'pg_dump');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . (dump_backend_pids($node))[0] . ')');
like((finish_session($asker))[2],
	qr/ERROR:  pg_dump failed.*terminating connection due to administrator command/s,
	"pg_terminate_backend of pg_dump's session: its own words");
$session->quit;
leaves_nothing($node, undef, "pg_terminate_backend of pg_dump's session");

# ---- the launcher ----

my ($launcher) = processes($node, 'pgbackup launcher');
kill 'TERM', $launcher;
wait_for(
	sub {
		my ($other) = processes($node, 'pgbackup launcher');
		defined $other && $other != $launcher;
	},
	'another launcher');
leaves_nothing($node, undef, 'the end of the launcher');

# ---- several at once ----

my @sessions = map { session($node, ["SELECT pgbackup_run(label => 'together', exclude_table_data => '{slow}')"]) } 1 .. 3;
my @ids = map { my ($s, $o, $e) = finish_session($_); diag($e) if $s != 0; $o } @sessions;
is(list_of("label = 'together' AND status = 'complete' ORDER BY id"),
	join("\n", sort @ids), 'three at once, of which some begin in the same second');
my %distinct = map { $_ => 1 } @ids;
is(scalar keys %distinct, 3, 'have ids of their own');

# All stand before the lock of the cluster's folder, which somebody holds who hangs.
my ($lock_file) = glob(repository($node) . '/*/lock');
open my $lock, '<', $lock_file or die "could not open $lock_file: $!";
flock $lock, LOCK_EX or die "could not lock $lock_file: $!";
@sessions = map { session($node, ['SELECT pgbackup_run()']) } 1 .. 16;
$node->poll_query_until('postgres',
	"SELECT count(*) = 16 FROM pg_stat_activity WHERE backend_type = 'pgbackup job'");
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  too many backups are running.*HINT:  Wait for one to end/s,
	'the seventeenth backup is refused');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress'),
	'16', 'the others are shown, though they have no ids yet');
$node->safe_psql('postgres', q{
	SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	WHERE query LIKE '%pgbackup_run%' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
});
is(scalar(grep { (finish_session($_))[2] =~ /canceling statement/ } @sessions),
	16, 'all can be cancelled where they stand');
wait_for_no_backup($node);
close $lock;
leaves_nothing($node, undef, 'sixteen that waited');

# ---- a server that stops ----

for my $mode (qw(fast immediate))
{
	$id = start_slow_backup($node);
	$seconds = seconds_of(sub { $node->stop($mode) });
	cmp_ok($seconds, '<', 10, "stop -m $mode while a backup exports is prompt");
	is(join(' ', dump_pids($node)), '', "stop -m $mode: pg_dump is gone too");
	is((grep { $_ eq $id } complete_folders($node)), 0, "stop -m $mode: no manifest");
	is((grep { $_ eq $id } folders($node)),
		$mode eq 'fast' ? 0 : 1,
		$mode eq 'fast' ? "stop -m $mode: not even a folder" : "stop -m $mode: a folder, as nobody could remove it");

	$node->start;
	is(list_of("id = '$id'"), '', "stop -m $mode: not in the list");
	$node->safe_psql('postgres', "SELECT pgbackup_run(exclude_table_data => '{slow}')");
	leaves_nothing($node, undef, "after stop -m $mode and the next run");
}

# In smart mode sessions may end by themselves, and pg_dump's is one.
$id = start_slow_backup($node);
wait_for(sub { !dump_backend_pids($node) }, "the end of pg_dump's session");
$seconds = seconds_of(sub { $node->stop('smart') });
cmp_ok($seconds, '<', 10, 'stop -m smart while a backup exports is prompt');
is((grep { $_ eq $id } folders($node)), 0, 'stop -m smart: not even a folder');
$node->start;
leaves_nothing($node, $id, 'stop -m smart');

# pg_dump waits for a lock when the server stops
($id, $holder) = start_waiting_backup($node, 't');
$seconds = seconds_of(sub { $node->stop('fast') });
cmp_ok($seconds, '<', 10, 'stop -m fast while pg_dump waits is prompt');
eval { $holder->quit };
is(join(' ', dump_pids($node)), '', 'and pg_dump is gone too');
$node->start;
leaves_nothing($node, $id, 'stop -m fast while pg_dump waits');

# ---- no workers to be had ----

$node->append_conf('postgresql.conf', 'max_parallel_workers = 0');
$node->reload;
leaves_nothing($node, undef, 'max_parallel_workers = 0');

# the launcher, the launcher of logical replication and the job
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->restart;
leaves_nothing($node, undef, 'no data workers');
like(slurp_file($node->logfile),
	qr/LOG:  0 of 1 data workers could be started.*HINT/s, 'which the log tells');
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false, level => 19)');
wait_for_phase($node, $id, 'exporting tables');
my $from = -s $node->logfile;
fails_like($node, q{SET statement_timeout = '3s'; SELECT pgbackup_run()},
	qr/ERROR:  canceling statement due to statement timeout/,
	'not even a job: it waits');
is($node->safe_psql('postgres', 'SELECT backup FROM pgbackup_progress'),
	$id, 'who has given up waits no longer, and the job that has the worker goes on');
like(slurp_file($node->logfile, $from),
	qr/LOG:  a backup waits for a free background worker.*HINT:  Raise max_worker_processes/s, 'which the log tells too');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
leaves_nothing($node, $id, 'cancelled while the job exports alone');

$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false, level => 19)');
wait_for_phase($node, $id, 'exporting tables');
$seconds = seconds_of(sub { $node->stop('fast') });
cmp_ok($seconds, '<', 10, 'stop -m fast while the job exports alone is prompt');

$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->start;
@sessions = map { session($node, ['SELECT pgbackup_run()']) } 1 .. 16;
is( scalar(
		grep {
			(finish_session($_))[2] =~
			  /ERROR:  the pgbackup launcher is not running.*HINT:.*max_worker_processes/s
		} @sessions),
	16, 'not even a launcher');
fails_like($node, 'SELECT pgbackup_run()', qr/launcher is not running/, 'and no request stays behind');
$node->stop;

done_testing();

# As fails_like(), by another role.
sub fails_like_as
{
	my ($role, $sql, $pattern, $name) = @_;
	my (undef, undef, $stderr) = $node->psql('postgres', $sql,
		connstr => $node->connstr('postgres') . " user=$role");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($stderr, $pattern, $name);
}
