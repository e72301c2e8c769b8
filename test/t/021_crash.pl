#
# 021_crash.pl
#	  kill -9 of everything that takes part in a backup, in the middle of it.
#
# What is left never looks like a backup, the server comes back by itself, and
# the next run removes what is left.
#
# test/t/021_crash.pl
#
use strict;
use warnings;

use PgBackupTest;
use PgBackupTrouble;
use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('main', conf => "restart_after_crash = on\n");

create_slow_table($node);
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS i');
my $kept = $node->safe_psql('postgres', "SELECT pgbackup_run(exclude_table_data => '{slow}')");

# An id is free again when the folder is gone, which must not be mistaken for what was left.
sub id_of_now
{
	return strftime('%Y%m%d-%H%M%SL', gmtime);
}

# What all these ends have in common.
sub is_dead_but_harmless
{
	my ($id, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is((grep { $_ eq $id } complete_folders($node)), 0, "$name: there is no manifest");
	is($node->safe_psql('postgres', "SELECT id FROM pgbackup_list() WHERE id IN ('$id', '$kept')"),
		$kept, "$name: it is not in the list, and the others are");
	wait_for(sub { !dump_pids($node) }, 'the end of pg_dump');
	wait_for(sub { id_of_now() ne $id }, 'a second in which the id is another one');

	my $next = $node->safe_psql('postgres', "SELECT pgbackup_run(exclude_table_data => '{slow}')");
	ok($next ne '', "$name: the next run succeeds");
	is((grep { $_ eq $id } folders($node)), 0, "$name: and removes what was left");
	leaves_nothing($node, $id, $name);
	return;
}

# Kills a process of the server, which then restarts them all.
sub crash
{
	my ($pid) = @_;
	my $from = -s $node->logfile;

	kill 'KILL', $pid or die "there is no process $pid";
	wait_for(
		sub {
			slurp_file($node->logfile, $from) =~
			  /all server processes terminated; reinitializing.*ready to accept connections/s;
		},
		'the server to come back');
	return;
}

# ---- processes of the server ----

my $id = start_slow_backup($node);
crash((data_worker_pids($node))[0]);
is_dead_but_harmless($id, 'a data worker');

$id = start_slow_backup($node);
crash(job_pid($node, $id));
is_dead_but_harmless($id, 'the job');

my $holder;
($id, $holder) = start_waiting_backup($node, 't');
crash((dump_backend_pids($node))[0]);
eval { $holder->quit };
is_dead_but_harmless($id, "pg_dump's session");

# Somebody waits for this one.
my $waiting = session($node, ['SELECT pgbackup_run(level => 19)'], 'application_name=waiting');
wait_for(sub { ($id) = data_worker_pids($node) }, 'the data workers');
$id = $node->safe_psql('postgres', 'SELECT backup FROM pgbackup_progress');
crash($node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE application_name = 'waiting'"));
isnt((finish_session($waiting))[0], 0, 'who waits is told');
is_dead_but_harmless($id, 'the session that waits');

my ($launcher) = processes($node, 'pgbackup launcher');
$id = start_slow_backup($node);
crash($launcher);
is_dead_but_harmless($id, 'the launcher');

# ---- a program ----

($id, $holder) = start_waiting_backup($node, 't');
kill 'KILL', dump_pids($node);
wait_for_no_backup($node);
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump'}),
	'0', "pg_dump: its session does not wait for the lock any longer");
$holder->quit;
leaves_nothing($node, $id, 'pg_dump');
like(slurp_file($node->logfile),
	qr/ERROR:  pg_dump failed: child process was terminated by signal 9/, 'pg_dump: what the log says');

# ---- the server ----

# Starts it as soon as the processes of the dead one have gone.
sub start_again
{
	my $tries = 0;

	until ($node->start(fail_ok => 1))
	{
		die 'the server does not start' if $tries++ > 40;
		$node->{_pid} = undef;
		usleep(500_000);
	}
	return;
}

$id = start_slow_backup($node);
$node->kill9;
cmp_ok(seconds_of(\&start_again), '<', 15, 'the server, while a backup exports: it can be started again soon');
is_dead_but_harmless($id, 'the server, while a backup exports');

($id, $holder) = start_waiting_backup($node, 't');
$node->kill9;
cmp_ok(seconds_of(\&start_again), '<', 15, 'the server, while pg_dump waits: it can be started again soon');
eval { $holder->quit };
is_dead_but_harmless($id, 'the server, while pg_dump waits');

$node->stop;
done_testing();
