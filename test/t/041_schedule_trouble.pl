#
# 041_schedule_trouble.pl
#	  What may go wrong with a schedule is a row, and holds up no other schedule.
#
# test/t/041_schedule_trouble.pl
#
use strict;
use warnings;

use PgBackupSchedule;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('main', conf => $schedule_conf);
my ($id, $holder, $from, $status);

create_slow_table($node);
$node->safe_psql('postgres', q{
	CREATE TABLE t AS SELECT 1 AS i;
	CREATE DATABASE other});
$node->safe_psql('other', 'CREATE EXTENSION pgbackup');

my $yearly = q{'0 0 1 1 *', exclude_table_data => '{slow}'};
my $slow = q{'0 0 1 1 *', level => 19};

# The pid of the job that makes this schedule's backup of "slow", once it exports.
sub job_of
{
	my ($name) = @_;
	my $pid;

	wait_for(
		sub {
			$pid = $node->safe_psql('postgres',
				"SELECT pid FROM pgbackup_progress WHERE phase = 'exporting tables' AND backup > ''");
		},
		"the backup of $name");
	return $pid;
}

# ---- the server was down ----

schedule($node, 'postgres', qq{'missed_once', '0 0 1 $far_month *', content => 'schema'});
schedule($node, 'postgres', qq{'missed_skip', '0 0 1 $far_month *', content => 'schema', on_missed => 'skip'});
schedule($node, 'postgres', q{'missed_not', '@yearly', content => 'schema'});
# without us, so that nobody looks before the server is down again
my $conf = read_file($node->data_dir . '/postgresql.conf');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$node->safe_psql('postgres', q{
	ALTER TABLE pgbackup_schedule_rules DISABLE TRIGGER ALL;
	UPDATE pgbackup_schedule_rules SET next_run = date_trunc('hour', now()) - interval '5 hours' WHERE name LIKE 'missed_%' AND name <> 'missed_not';
	UPDATE pgbackup_schedule_rules SET cron = to_char(now() - interval '30 min', 'MI') || ' * * * *',
		next_run = next_run + extract(minute FROM now() - interval '30 min') * interval '1 min'
	WHERE name LIKE 'missed_%' AND name <> 'missed_not';
	ALTER TABLE pgbackup_schedule_rules ENABLE ALWAYS TRIGGER pgbackup_schedule_changed});
my $missed = $node->safe_psql('postgres', q{
	SELECT count(*) FROM pgbackup_schedule_rules, generate_series(next_run, now(), '1 hour') WHERE name = 'missed_once'});
write_file($node->data_dir . '/postgresql.conf', $conf);
$node->restart;
is(wait_for_runs($node, 'postgres', 'missed_once', 1), "succeeded 1 $missed", 'run_once: one run for all that were missed');
is(wait_for_runs($node, 'postgres', 'missed_skip', 1), "missed 1 $missed", 'skip: a row tells of them');
is(runs($node, 'postgres', 'missed_not'), '', 'what was not due was not missed');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_schedules WHERE next_run > now() AND next_run <= now() + interval '1 hour'}),
	'2', 'and they go on');
$node->safe_psql('postgres', q{SELECT pgbackup_unschedule(name) FROM pgbackup_schedules});

# ---- overlap ----

schedule($node, 'postgres', "'skip', $slow");
make_due($node, 'postgres', 'skip');
job_of('skip');
make_due($node, 'postgres', 'skip');
wait_for_row($node, 'postgres', q{schedule = 'skip' AND status = 'skipped'});
is(runs($node, 'postgres', 'skip'), "running 1 0\nskipped 1 1", 'overlap, skip: a row tells of it');
$id = run_column($node, 'postgres', 'skip', q{(SELECT backup FROM pgbackup_progress)});
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
is(wait_for_runs($node, 'postgres', 'skip', 2), "cancelled 1 0\nskipped 1 1", 'a cancelled run');
is( $node->safe_psql('postgres', q{SELECT message, backup, detail IS NULL FROM pgbackup_runs WHERE status = 'cancelled'}),
	"the backup was canceled|$id|t", 'its row');
is($node->safe_psql('postgres', q{SELECT next_run > now() + interval '2 minutes' FROM pgbackup_schedules WHERE name = 'skip'}),
	't', 'it is not retried');

schedule($node, 'postgres', "'wait', $slow, on_overlap => 'wait'");
make_due($node, 'postgres', 'wait');
job_of('wait');
make_due($node, 'postgres', 'wait');
schedule($node, 'postgres', "'control', $yearly");
make_due($node, 'postgres', 'control');
is(wait_for_runs($node, 'postgres', 'control', 1), 'succeeded 1 0', 'overlap: another schedule runs');
is(runs($node, 'postgres', 'wait'), 'running 1 0', 'overlap, wait: it waits');
schedule($node, 'postgres', "'wait', $yearly, on_overlap => 'wait', replace => true");
make_due($node, 'postgres', 'wait');
$node->safe_psql('postgres', q{SELECT pgbackup_cancel(backup) FROM pgbackup_progress});
is(wait_for_runs($node, 'postgres', 'wait', 2), "cancelled 1 0\nsucceeded 1 0", 'and runs after the end, as it was changed meanwhile');

# ---- the job is killed ----

schedule($node, 'postgres', "'crash', $slow");
make_due($node, 'postgres', 'crash');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . job_of('crash') . ')');
is(wait_for_runs($node, 'postgres', 'crash', 1), 'crashed 1 0', 'a terminated job is seen at once');
like(run_column($node, 'postgres', 'crash', 'message, detail, hint'),
	qr/the backup ended without a word\|The server stopped or crashed.*\|.*log tells why/, 'its message');
like($node->safe_psql('postgres', q{SELECT last_status, next_run > now() FROM pgbackup_schedules WHERE name = 'crash'}),
	qr/crashed\|t/, 'in the view');

$node->safe_psql('postgres', q{UPDATE pgbackup_runs SET started_at = started_at - interval '2 minutes' WHERE schedule = 'crash'});
nudge($node, 'postgres');
$from = -s $node->logfile;
kill 'KILL', job_of('crash');
wait_for(sub { slurp_file($node->logfile, $from) =~ /reinitializing.*ready to accept connections/s }, 'the server to come back');
is(wait_for_runs($node, 'postgres', 'crash', 2), "crashed 1 0\ncrashed 2 0", 'a retry, whose crash takes the server down');

$node->safe_psql('postgres', q{UPDATE pgbackup_runs SET started_at = started_at - interval '3 minutes' WHERE schedule = 'crash'});
nudge($node, 'postgres');
job_of('crash');
$node->restart;
is(wait_for_runs($node, 'postgres', 'crash', 3), "crashed 1 0\ncrashed 2 0\ncrashed 3 0", 'a server that is stopped during the run');
$node->safe_psql('postgres', q{
	SELECT pgbackup_schedule('crash', '@yearly', exclude_table_data => '{slow}', replace => true);
	UPDATE pgbackup_runs SET started_at = started_at - interval '1 day' WHERE schedule = 'crash'});
nudge($node, 'postgres');
make_due($node, 'postgres', 'control');
wait_for_runs($node, 'postgres', 'control', 2);
is(runs($node, 'postgres', 'crash') =~ tr/\n//, 2, 'a schedule that was changed is not retried');

# ---- the backup fails ----

my $marks = $node->basedir . '/marks';
my $empty = $node->basedir . '/empty';
mkdir $empty;
my $nasty = q{it''s "%d"; touch owned; $(touch owned) `touch owned` \\ %};	# in the data directory

$node->append_conf('postgresql.conf',
	"pgbackup.bin_directory = '$empty'\n"
	  . "pgbackup.on_failure_command = 'printf \"%%s|\" %d %s %b %r %m >> $marks; echo >> $marks'\n");
$node->reload;
schedule($node, 'postgres', "'$nasty', $yearly");
$node->safe_psql('postgres', q{UPDATE pgbackup_schedule_rules SET next_run = now() - interval '1 second' WHERE name LIKE 'it''%'});
is(wait_for_runs($node, 'postgres', $nasty, 1), 'failed 1 0', 'a backup that fails');
like(run_column($node, 'postgres', $nasty, 'message, detail, hint'),
	qr/^pg_dump failed: .*\|.*could not execute.*\|/s, 'why it failed');
wait_for(sub { -e $marks && read_file($marks) =~ /\n/ }, 'the command');
my $line = read_file($marks);
my $plain = $nasty =~ s/''/'/gr;
my $run_id = run_column($node, 'postgres', $nasty, 'run_id');
like($line, qr/^postgres\|\Q$plain\E\|\d{8}-\d{6}L\|$run_id\|pg_dump failed: [^|]*\|\n$/, 'on_failure_command is told of it, whatever its name');
ok(!-e $node->data_dir . '/owned', 'and no part of the name was a command');

$node->safe_psql('postgres', q{
	UPDATE pgbackup_runs SET finished_at = finished_at - interval '50 seconds' WHERE status = 'failed';
	UPDATE pgbackup_schedule_rules SET changed_at = changed_at - interval '1 hour' WHERE name LIKE 'it''s%'});
nudge($node, 'postgres');
is(wait_for_runs($node, 'postgres', $nasty, 2), "failed 1 0\nfailed 2 0", 'it is retried after a minute');
$node->safe_psql('postgres', q{UPDATE pgbackup_runs SET finished_at = finished_at - interval '110 seconds' WHERE status = 'failed' AND attempt = 2});
$node->append_conf('postgresql.conf', "pgbackup.bin_directory = ''\n");
$node->reload;
nudge($node, 'postgres');
is(wait_for_runs($node, 'postgres', $nasty, 3), "failed 1 0\nfailed 2 0\nsucceeded 3 0", 'then after two, and succeeds');
is(scalar(() = read_file($marks) =~ /\n/g), 2, 'each failure was told of');

for my $bad (q{echo '%s'}, q{echo "%m"}, q{echo \\%s}, q{echo %x}, 'echo %')
{
	my ($result, undef, $error) = $node->psql('postgres',
		'ALTER SYSTEM SET pgbackup.on_failure_command = ' . "'" . ($bad =~ s/'/''/gr) . "'");

	ok($result != 0 && $error =~ /DETAIL:  .*[Pp]laceholders/, "refused: $bad");
}
is(($node->psql('postgres', q{ALTER SYSTEM SET pgbackup.on_failure_command = 'logger -t "it''s" -- %s "100%%"'}))[0], 0, 'but this is not');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET pgbackup.on_failure_command});

# ---- broken schedules ----

schedule($node, 'postgres', "'broken $_', $yearly") for 'cron', 'zone', 'kind';
$from = -s $node->logfile;
$node->safe_psql('postgres', q{
	UPDATE pgbackup_schedule_rules SET cron = '61 * * * *' WHERE name = 'broken cron';
	UPDATE pgbackup_schedule_rules SET time_zone = 'Middle/Earth' WHERE name = 'broken zone';
	UPDATE pgbackup_schedule_rules SET kind = 'strange', next_run = now() WHERE name = 'broken kind'});
make_due($node, 'postgres', 'control');
is(wait_for_runs($node, 'postgres', 'control', 3), "succeeded 1 0\nsucceeded 1 0\nsucceeded 1 0", 'broken schedules do not hold up the others');
wait_for_runs($node, 'postgres', 'broken kind', 1);
nudge($node, 'postgres') for 1 .. 3;
make_due($node, 'postgres', 'control');
wait_for_runs($node, 'postgres', 'control', 4);
is(runs($node, 'postgres', "broken $_"), 'failed 1 0', "broken $_: a row, and only one") for 'cron', 'zone', 'kind';
like(run_column($node, 'postgres', 'broken cron', 'message, detail'),
	qr/invalid cron expression "61 .*\|In the field "minute"/, 'what it says');
my $log = slurp_file($node->logfile, $from);
is(scalar(() = $log =~ /LOG:  time zone "Middle\/Earth" is not known\n.*HINT.*\n.*CONTEXT:  schedule "broken zone"/g), 1, 'so does the log, once');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_schedules WHERE name LIKE 'broken%' AND last_status = 'failed'}), '3', 'and the view');
$node->safe_psql('postgres', q{UPDATE pgbackup_schedule_rules SET time_zone = 'UTC', next_run = now() - interval '1 second' WHERE name = 'broken zone'});
is(wait_for_runs($node, 'postgres', 'broken zone', 2), "failed 1 0\nsucceeded 1 0", 'one that is mended works');
$node->safe_psql('postgres', q{SELECT pgbackup_unschedule(name) FROM pgbackup_schedules WHERE name LIKE 'broken%'});

# ---- locks ----

# Somebody has locked the history, and forgotten it.
$holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE pgbackup_runs');
make_due($node, 'postgres', 'control');
schedule($node, 'other', "'one', '\@yearly'");
make_due($node, 'other', 'one');
is(wait_for_runs($node, 'other', 'one', 1), 'succeeded 1 0', 'a locked history: other databases are not held up');
$from = -s $node->logfile;
my $began = time;
$node->safe_psql('other', 'SELECT pgbackup_run()');
cmp_ok(time - $began, '<', 20, 'nor is a backup');
wait_for(sub { slurp_file($node->logfile, $from) =~ /canceling statement due to lock timeout/ }, 'the pass to give up');
$holder->query_safe('COMMIT');
nudge($node, 'postgres');
like(wait_for_runs($node, 'postgres', 'control', 5), qr/^(succeeded 1 0\n?){5}$/, 'nothing is lost');

# a row of somebody who thinks it over
$holder->query_safe(q{BEGIN; UPDATE pgbackup_schedule_rules SET retries = 1 WHERE name = 'wait'});
make_due($node, 'postgres', 'control');
like(wait_for_runs($node, 'postgres', 'control', 6), qr/^(succeeded 1 0\n?){6}$/, 'a locked schedule does not hold up the others');
$holder->query_safe('ROLLBACK');

# A backup that begins while the history is locked, of a session that does not wait.
$holder->query_safe('BEGIN; LOCK TABLE pgbackup_runs IN EXCLUSIVE MODE');
my $session = session($node, [q{SELECT pgbackup_run(exclude_table_data => '{slow}')}]);
wait_for(sub { slurp_file($node->logfile, $from) =~ /CONTEXT:.*recording the begin of a run/ }, 'a backup without a row');
$holder->query_safe('COMMIT');
$holder->quit;
($status, $id) = finish_session($session);
is( $node->safe_psql('postgres', "SELECT status, schedule IS NULL FROM pgbackup_runs WHERE backup = '$id'"),
	'succeeded|t', 'it gets its row at the end');

# ---- no worker is free ----

$node->append_conf('postgresql.conf', "max_worker_processes = 3\nmax_parallel_workers = 0\nautovacuum = off\n");
$from = -s $node->logfile;
$node->restart;
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false, level => 19)');
schedule($node, 'postgres', "'patient', $yearly, on_missed => 'skip'");
make_due($node, 'postgres', 'patient');
$session = session($node, [q{SELECT pgbackup_run(exclude_table_data => '{slow}')}]);
wait_for(sub { slurp_file($node->logfile, $from) =~ /a backup waits for a free background worker/ }, 'the words of the log');
wait_for(sub { slurp_file($node->logfile, $from) =~ /no background worker is free for the schedules/ }, 'the words of the schedules');
sleep 2;
my $waiting = $node->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_progress WHERE pid IS NULL});
cmp_ok($waiting, '>=', 1, 'a job waits for a worker');
$session->{run}->signal('INT');
like((finish_session($session))[2], qr/canceling statement due to user request/, 'who waits for a worker can be cancelled');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_progress WHERE pid IS NULL}), $waiting - 1, 'and is gone at once');
is(runs($node, 'postgres', 'patient'), '', 'the schedule waits too');
$log = slurp_file($node->logfile, $from);
is(scalar(() = $log =~ /no background worker is free for the schedules of backups\n.*HINT:  Raise max_worker_processes/g), 1, 'one line says why');

# the first backup may have waited for the passes of a server that has just started
my $lines = () = $log =~ /a backup waits for a free background worker\n.*HINT:  Raise max_worker_processes/g;
ok($lines >= 1 && $lines <= 2, 'and one for each backup');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
is(wait_for_runs($node, 'postgres', 'patient', 1), 'succeeded 1 0', 'then it runs');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal 11|signal 6/, 'nothing crashes by itself');
$node->stop;
done_testing();
