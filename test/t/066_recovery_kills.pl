#
# 066_recovery_kills.pl
#	  A recovery is ended in each of its phases, by a cancel and by kill -9 of each of its processes.
#
# After that the live server's own files are what they were, and nothing is left of the recovery: no file, no
# process, no slot, no table.  test/long/066_recovery_kills.pl has all combinations of phase and victim,
# and another recovery after each.
#
# Each phase has something that can be held: a data worker is stopped as soon as it is met, programs
# wait for a file to go, and the name of the staged table is taken by another session.
#
# test/t/066_recovery_kills.pl
#
use strict;
use warnings;

use Digest::SHA;
use Fcntl qw(:flock);
use File::Find;
use IPC::Run;
use PgBackupTest;
use PgBackupTrouble;
use PgBackupWal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $everything = $ENV{PGBACKUP_KILLS_EVERYTHING};
my $node = new_archiving_node('main', start => 0);
my $scratch = $node->basedir . '/scratch';
my $bin = PostgreSQL::Test::Utils::tempdir;
my $real = (grep { -x "$_/pgbackup" } split /:/, $ENV{PATH})[0];
my %hold = map { $_ => "$bin/hold_$_" } 'pgbackup', 'pg_dump';

# Programs that wait while there is a file, and say that they do.
symlink "$real/$_", "$bin/$_" for 'psql', 'pg_dumpall';
foreach my $program (sort keys %hold)
{
	write_file("$bin/$program", qq{#!/bin/sh
if [ -e '$hold{$program}' ]; then echo \$\$ > '$hold{$program}.met.new'; mv '$hold{$program}.met.new' '$hold{$program}.met'; fi
while [ -e '$hold{$program}' ]; do sleep 0.05; done
exec '$real/$program' "\$@"
});
	chmod 0755, "$bin/$program";
}
$node->append_conf('postgresql.conf',
	"pgbackup.scratch_directory = '$scratch'\npgbackup.bin_directory = '$bin'\npgbackup.jobs = 1\nmax_worker_processes = 16\n"
	  . "wal_keep_size = 0\nrestart_after_crash = on\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# ---- the live server ----

my $place = PostgreSQL::Test::Utils::tempdir_short;

sql("CREATE TABLESPACE elsewhere LOCATION '$place'");
sql(q{
	CREATE TABLE orders (id serial PRIMARY KEY, t text);
	INSERT INTO orders (t) SELECT repeat(md5(n::text), 30) FROM generate_series(1, 20000) n;
	CREATE TABLE spaced TABLESPACE elsewhere AS SELECT n, repeat(md5(n::text), 10) AS t FROM generate_series(1, 3000) n;
	CREATE INDEX ON spaced (n) TABLESPACE elsewhere;
	CREATE TABLE other AS SELECT n, md5(n::text) AS t FROM generate_series(1, 3000) n});
sql(q{SELECT pgbackup_run('full')});
my $truth = table_hash($node, 'postgres', 'orders');
my $at = sql('SELECT clock_timestamp()');
sql('DELETE FROM orders WHERE id % 2 = 0; UPDATE spaced SET n = -n');
# from now on nobody has a reason to write to these: neither hints nor maps
sql('VACUUM (FREEZE) orders, spaced, other');
sql('SELECT count(*) FROM orders; SELECT count(*) FROM spaced; SELECT count(*) FROM other; CREATE SCHEMA pgbackup_recovery');
sql("SELECT pgbackup_restore_table('orders', at => '$at')");
sql('DROP TABLE pgbackup_recovery.orders');

# The files of all tables of users, and whatever is in tablespaces.
sub live_files
{
	my @paths = split /\n/, sql(q{SELECT pg_relation_filepath(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE relkind IN ('r', 'i', 'S') AND nspname = 'public' AND relname !~ '^pgbackup'
		UNION SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE oid IN ('orders'::regclass, 'spaced'::regclass, 'other'::regclass)});
	my %files;

	$files{$_} = Digest::SHA->new(256)->addfile($_)->hexdigest
	  foreach grep { -f } map { glob $node->data_dir . "/$_ " . $node->data_dir . "/${_}_* " . $node->data_dir . "/$_.*" } @paths;
	find({ no_chdir => 1, wanted => sub { $files{$_} = -f $_ ? Digest::SHA->new(256)->addfile($_)->hexdigest : 'directory' } }, $place);
	$files{$_} = readlink $_ foreach glob $node->data_dir . '/pg_tblspc/*';
	return \%files;
}

sql('CHECKPOINT');
my $files = live_files();
cmp_ok(scalar keys %$files, '>', 10, 'the live server has files that are looked at');

# ---- a recovery that is held in a phase ----

# Processes that have the scratch directory in their command, or as their own, other than the server's.
sub sandbox_processes
{
	my @found;

	foreach my $proc (glob '/proc/[0-9]*')
	{
		my $command = eval { read_file("$proc/cmdline") } // '';
		my $directory = readlink("$proc/cwd") // '';

		push @found, $proc =~ s{/proc/}{}r if index($command, $scratch) >= 0 || index($directory, $scratch) == 0;
	}
	return @found;
}

sub job { return sql(q{SELECT pid FROM pgbackup_progress}); }

sub sandbox_postmaster
{
	my ($file) = glob "$scratch/*/sandbox/postmaster.pid";

	return (split /\n/, read_file($file))[0];
}

my ($run, $worker, $holder);

# A session that is there already, and is asked without waiting for it.
my ($question, $answer, $errors) = ('', '', '');
my $watcher;

sub is_laying_down
{
	my $deadline = time + 5;

	($answer, $errors) = ('', '');
	$question .= "SELECT phase FROM pgbackup_progress;\n\\echo asked\n";
	until ($answer =~ /asked/)
	{
		$watcher->pump_nb;
		usleep(1000);
		# where the worker stands still it may be in the way
		return 0 if time > $deadline;
	}
	return $answer =~ /laying down/;
}

# A data worker that has begun, stopped before it has ended; 0 if there was none to be met.
sub stop_data_worker
{
	$watcher = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr('postgres') ], '<', \$question, '>', \$answer, '2>', \$errors);
	until (has_ended($run))
	{
		my @files = glob "$scratch/*/sandbox/base/*/*";

		foreach my $pid (@files ? processes($node, qr/pgbackup data worker/) : ())
		{
			kill 'STOP', $pid;
			if (is_laying_down())
			{
				$watcher->kill_kill;
				return $pid;
			}
			kill 'CONT', $pid;
			# it may come out of what it was at
			usleep(20_000);
		}
		usleep(1000);
	}
	$watcher->kill_kill;
	finish_session($run);
	return 0;
}

sub begin_restore
{
	$run = session($node, [ "SELECT pgbackup_restore_table('orders', at => '$at', as_name => 'held')" ], "application_name='recovery'");
	return;
}

sub hold_at_program
{
	my ($program) = @_;

	unlink "$hold{$program}.met";
	write_file($hold{$program}, '');
	begin_restore();
	wait_for(sub { -e "$hold{$program}.met" || has_ended($run) }, $program);
	return;
}

my %phases = (
	'laying down' => sub {
		do
		{
			sql(q{SET client_min_messages = error; DROP TABLE IF EXISTS pgbackup_recovery.held});
			begin_restore();
			$worker = stop_data_worker();
		} until $worker;
	},
	'replaying' => sub { hold_at_program('pgbackup'); },
	'dumping' => sub { hold_at_program('pg_dump'); },
	'staging' => sub {
		$holder = $node->background_psql('postgres');
		$holder->query_safe('BEGIN; CREATE TABLE pgbackup_recovery.held (i int)');
		begin_restore();
		wait_for(sub { has_ended($run) || sql(q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'recovery' AND wait_event_type = 'Lock'}) }, 'the staging');
	});

sub release
{
	unlink values %hold;
	kill 'CONT', $worker if $worker;
	eval { $holder->query('ROLLBACK'); $holder->quit } if $holder;
	($worker, $holder) = ();
	return;
}

# ---- what ends it ----

sub backend { return sql(q{SELECT pid FROM pg_stat_activity WHERE application_name = 'recovery'}); }

# Its victim's end takes the server with it, which starts again.
sub crash
{
	my ($pid) = @_;
	my $offset = -s $node->logfile;

	kill 'KILL', $pid or die "there is no process $pid";
	wait_for(sub { slurp_file($node->logfile, $offset) =~ /database system is ready to accept connections/ }, 'the restart');
	return;
}

my %ends = (
	'cancel' => sub { sql('SELECT pg_cancel_backend(' . backend() . ')') },
	'terminate' => sub { sql('SELECT pg_terminate_backend(' . backend() . ')') },
	'cancel the job' => sub { sql('SELECT pg_cancel_backend(' . job() . ')') },
	'kill the backend' => sub { crash(backend()) },
	'kill the job' => sub { crash(job()) },
	'kill the data worker' => sub { crash($worker) },
	'kill the postmaster of the sandbox' => sub { kill 'KILL', sandbox_postmaster() },
	'kill a process of the sandbox' => sub { my $pm = sandbox_postmaster(); kill 'KILL', (split ' ', read_file("/proc/$pm/task/$pm/children"))[0] },
	'kill pg_dump' => sub { kill 'KILL', read_file("$hold{pg_dump}.met") + 0 },
	'kill wal-get' => sub { kill 'KILL', read_file("$hold{pgbackup}.met") + 0 });

# ---- what is left ----

sub traces
{
	my @lines = split /\n/, sql(q{
		SELECT 'progress: ' || p FROM pgbackup_progress p;
		SELECT 'process: ' || backend_type FROM pg_stat_activity WHERE backend_type ~ '^pgbackup (job|data)';
		SELECT 'run: ' || r FROM pgbackup_runs r WHERE status = 'running';
		SELECT 'slot: ' || slot_name FROM pg_replication_slots;
		SELECT 'table: ' || relname FROM pg_class WHERE relnamespace = 'pgbackup_recovery'::regnamespace;
		SELECT 'staged: ' || s FROM pgbackup_staged_tables s WHERE staged IN (SELECT oid FROM pg_class);
		SELECT 'lock: ' || l FROM pg_locks l WHERE pid <> pg_backend_pid()});

	push @lines, map { "scratch: $_" } grep { !/^\.\.?$/ } slurp_dir($scratch);
	push @lines, map { "program: $_" } sandbox_processes();
	return join "\n", @lines;
}

sub ends_well
{
	my ($phase, $end) = @_;
	my $name = "$phase, $end";
	my $traces;

	$phases{$phase}->();
	if (has_ended($run))
	{
		fail("$name: it was not met in this phase: $run->{err}");
		release();
		$run = undef;
		return;
	}
	$ends{$end}->();
	release();
	my ($status, undef, $error) = finish_session($run);
	$run = undef;
	isnt($status, 0, "$name: the recovery fails");
	like($error, qr/the sandbox has failed/, "$name: and says why") if $end =~ /sandbox|wal-get/;
	note($error);
	eval { wait_for(sub { ($traces = eval { traces() } // 'no connection') eq '' }, 'nothing to be left') };
	is($traces, '', "$name: nothing is left");
	is_deeply(live_files(), $files, "$name: the live server's files are what they were");
	if ($everything)
	{
		is(sql("SELECT row_count FROM pgbackup_restore_table('orders', at => '$at', as_name => 'held')"), '20000', "$name: the next recovery works");
		sql('DROP TABLE pgbackup_recovery.held');
	}
	return $error;
}

my %of_phase = (
	'laying down' => [ 'cancel', 'terminate', 'cancel the job', 'kill the backend', 'kill the job', 'kill the data worker' ],
	'replaying' => [
		'cancel', 'terminate', 'cancel the job', 'kill the backend', 'kill the job', 'kill the postmaster of the sandbox', 'kill a process of the sandbox',
		'kill wal-get'
	],
	'dumping' => [
		'cancel', 'terminate', 'cancel the job', 'kill the backend', 'kill the job', 'kill the postmaster of the sandbox', 'kill a process of the sandbox',
		'kill pg_dump'
	],
	'staging' => [ 'cancel', 'terminate', 'kill the backend' ]);

# Of each phase and of each victim something.
my %some = (
	'laying down' => [ 'cancel', 'kill the data worker' ],
	'replaying' => [ 'cancel', 'kill the job', 'kill a process of the sandbox' ],
	'dumping' => [ 'cancel the job', 'kill the postmaster of the sandbox', 'kill pg_dump' ],
	'staging' => [ 'cancel', 'kill the backend' ]);

foreach my $phase (sort keys %phases)
{
	ends_well($phase, $_) foreach @{ $everything ? $of_phase{$phase} : $some{$phase} };
}

# ---- what cannot be removed at once ----

# The lock of one that died is held for a while after the start; the others are none of ours, whatever they are called.
my $dead = "$scratch/pgbackup-" . sql('SELECT system_identifier FROM pg_control_system()') . '-1-';

$node->stop;
mkdir "${dead}1" or die;
write_file("${dead}1/$_", '') for 'lock', 'request';
write_file("${dead}2", 'a file');
mkdir "$bin/elsewhere" or die;
symlink "$bin/elsewhere", "${dead}3" or die;
open my $lock, '<', "${dead}1/lock" or die;
flock $lock, LOCK_EX or die;
$node->start;
wait_for(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pgbackup launcher' AND wait_event_type = 'Extension'}) }, 'the launcher to sleep');
ok(-d "${dead}1", 'a scratch directory that is locked stays');
close $lock;
wait_for(sub { !-e "${dead}1" }, 'it to go when the lock does');
ok(-f "${dead}2" && -l "${dead}3" && !-e "$bin/elsewhere/lock", 'what is no directory is left alone');

sql("SELECT pgbackup_restore_table('orders', at => '$at')");
is(table_hash($node, 'postgres', 'pgbackup_recovery.orders'), $truth, 'after all that a recovery works');
$node->stop;
done_testing();
