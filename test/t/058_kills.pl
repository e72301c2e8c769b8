#
# 058_kills.pl
#	  Clients commit, and note outside of the server what was acknowledged, while backups are made
#	  and archiver, workers, jobs and the server are killed at random.  At the end all
#	  of it is there, and at a target exactly what was committed by then.
#
# PGBACKUP_KILLS_SECONDS says for how long (test/long does it for ten minutes),
# PGBACKUP_KILLS_SEED repeats the choices of a run.
#
# test/t/058_kills.pl
#
use strict;
use warnings;

use IO::Handle;
use IPC::Open2;
use IPC::Run;
use List::Util qw(first shuffle);
use PgBackupRestore;
use PgBackupTest;
use PgBackupTrouble;
use PgBackupWal;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{PGBACKUP_KILLS_SECONDS} // 15;
my $seed = $ENV{PGBACKUP_KILLS_SEED} // int(rand(2**31));
my $clients = 3;

note("PGBACKUP_KILLS_SEED=$seed");
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1', '--data-checksums' ]);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pgbackup'\npgbackup.repository = '" . repository($node) . "'\n"
	  . archive_conf()
	  . "restart_after_crash = on\nmax_wal_size = '64MB'\nlog_statement = none\n"
	  # kill -9 of processes loses nothing that the kernel has
	  . "fsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgbackup;
	CREATE TABLE accounts AS SELECT i AS id, 0::bigint AS balance, repeat('x', 200) AS filler FROM generate_series(1, 2000) AS i;
	ALTER TABLE accounts ADD PRIMARY KEY (id);
	CREATE TABLE log (client int, n int, before_lsn pg_lsn, before_time timestamptz, PRIMARY KEY (client, n));
});
my $first = full_backup($node);
my $notes = PostgreSQL::Test::Utils::tempdir;

# ---- clients ----

my $running = 1;

# One transaction after the other in one psql.  Notes what is acknowledged: number, LSN and time after it.
sub run_session
{
	my ($client, $n, $ack) = @_;
	my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-F', ' ',
		'-d', $node->connstr('postgres'));

	$in->autoflush(1);
	while ($running)
	{
		my ($from, $to) = (1 + int(rand(2000)), 1 + int(rand(2000)));

		$n++;
		print $in "BEGIN; UPDATE accounts SET balance = balance - $n WHERE id = $from;"
		  . " UPDATE accounts SET balance = balance + $n WHERE id = $to;"
		  . " INSERT INTO log VALUES ($client, $n, pg_current_wal_insert_lsn(), clock_timestamp()); COMMIT;\n"
		  . "SELECT 'acknowledged', pg_current_wal_insert_lsn(), extract(epoch FROM clock_timestamp());\n";
		my $line = <$out>;
		last unless defined $line && $line =~ /^acknowledged (\S+) (\S+)$/;
		print $ack "$n $1 $2\n";
	}
	close $in;
	close $out;
	waitpid $pid, 0;
	return $n;
}

sub start_client
{
	my ($client) = @_;
	my $pid = fork // die "could not fork: $!";

	return $pid if $pid;
	srand($seed + $client);
	$SIG{TERM} = sub { $running = 0 };
	$SIG{PIPE} = 'IGNORE';
	open STDERR, '>', '/dev/null';
	open my $ack, '>', "$notes/client.$client" or die;
	$ack->autoflush(1);
	my $n = 0;
	while ($running)
	{
		$n = run_session($client, $n, $ack);
		sleep 0.1;
	}
	POSIX::_exit(0);
}

# Backups, one after the other, and whatever becomes of them.
sub start_backups
{
	my $pid = fork // die "could not fork: $!";

	return $pid if $pid;
	$SIG{TERM} = sub { $running = 0 };
	open STDERR, '>', '/dev/null';
	open STDOUT, '>', '/dev/null';
	while ($running)
	{
		system('psql', '-Xq', '-d', $node->connstr('postgres'), '-c',
			"SELECT pgbackup_run('full', jobs => 2)");
		sleep 0.3;
	}
	POSIX::_exit(0);
}

# ---- kills ----

my %killed;
my @points;

# As a program of its own, which may find no server, or lose it.
sub succeeds
{
	my ($sql) = @_;
	my ($out, $err);

	return IPC::Run::run([ 'psql', '-Xqc', $sql, '-d', $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
}

sub is_up { return succeeds('SELECT 1'); }

sub has_postmaster
{
	my $file = $node->data_dir . '/postmaster.pid';

	return -s $file && read_file($file) =~ /^(\d+)/ && kill 0, $1;
}

# After a kill of the postmaster, until all of its children are gone.
sub start_again
{
	wait_for(
		sub {
			return is_up() if has_postmaster();
			# what a start that failed has found in the old postmaster.pid
			$node->{_pid} = undef;
			$node->start(fail_ok => 1);
			return 0;
		},
		'the server to be up');
	return;
}

sub kill_one
{
	my ($name, $pattern) = @_;
	my @pids = shuffle(processes($node, $pattern));

	return unless @pids;
	kill 'KILL', $pids[0] or return;
	$killed{$name}++;
	return;
}

my @victims = (
	sub { kill_one('archiver', qr/archiver/) },
	sub { kill_one('archive worker', qr/pgbackup archive worker/) },
	sub { kill_one('backup job', qr/pgbackup job/) },
	sub { kill_one('crew member', qr/pgbackup (?!archive|job|launcher|scheduler)\w+/) },
	sub { kill_one('checkpointer', qr/checkpointer/) },
	sub { $node->kill9; $killed{server}++ },
);

my @children;
my $main = $$;

END { kill 'KILL', @children if defined $main && $$ == $main }

@children = ((map { start_client($_) } 1 .. $clients), start_backups());
my $end = time + $seconds;

while (time < $end)
{
	sleep 0.3 + rand(1.2);
	my $name = 'point ' . @points;

	push @points, $name
	  if succeeds("SELECT pg_create_restore_point('$name')");
	$victims[ rand @victims ]->();
	sleep 0.2;
	start_again();
}
start_again();
sleep 2;    # something that no kill follows
kill 'TERM', @children;
# An archiver that was killed is started again ten seconds after it was started, by a postmaster that
# something wakes: a connection.
wait_for(sub { is_up(); @children = grep { waitpid($_, POSIX::WNOHANG()) == 0 } @children; !@children },
	'the clients to end');
note("killed: " . join ', ', map { "$killed{$_} x $_" } sort keys %killed);

# ---- the archive ----

# The job of a client that has gone goes on.
wait_for(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress') == 0 },
	'the last backup');
archive_all($node);
wait_archived($node);

is($node->safe_psql('postgres',
		"SELECT count(*), bool_and(missing_segment IS NULL) FROM pgbackup_recovery_window()"),
	'1|t', 'everything after the first backup can be recovered');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'pgbackup (job|backup)'"),
	0, 'no job is left');
unlike((program('check', '--repository', repository($node)))[1], qr/^fail/m, 'check finds nothing broken');

# The server may have reused the first segments: the archive has all.
my $unpacked = "$notes/wal";
unpack_archive($node, $unpacked);
my @segments = archived_segments($node);
my ($dump_out, $dump_err) = run_command([ 'pg_waldump', '--quiet', '--path', $unpacked, $segments[0], $segments[-1] ]);
is($dump_err, '', 'pg_waldump reads all of ' . @segments . ' segments');

# ---- what was acknowledged ----

my (@acknowledged, $total);

for my $client (1 .. $clients)
{
	for (split /\n/, read_file("$notes/client.$client"))
	{
		push @acknowledged, [ $client, split / / ];
	}
}
$total = @acknowledged;
cmp_ok($total, '>', 20, "$total commits were acknowledged");

# Every commit that was acknowledged before the target is there, and none that began after it.
sub has_exactly
{
	my ($server, $name, $is_before, $too_late) = @_;
	my %there = map { $_ => 1 }
	  split /\n/, $server->safe_psql('postgres', "SELECT client || ' ' || n FROM log");
	my @lost = grep { $is_before->($_) && !$there{"$_->[0] $_->[1]"} } @acknowledged;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(scalar @lost, 0, "$name: no acknowledged commit is lost")
	  or diag("lost: @{$lost[0]}");
	is($server->safe_psql('postgres', "SELECT count(*) FROM log WHERE $too_late"),
		0, "$name: none is there that came later");
	is($server->safe_psql('postgres', 'SELECT sum(balance) FROM accounts'), 0, "$name: no transaction is there in part");
	$server->command_ok([ 'pg_amcheck', '--heapallindexed', '--install-missing', '-d', 'postgres' ],
		"$name: pg_amcheck finds nothing");
	$server->stop;
	return;
}

sub recovered
{
	my ($name, @options) = @_;
	my $server = restored_node($node, $name, @options, @options ? '--target-action=promote' : ());

	$server->start;
	$server->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
	return $server;
}

has_exactly(recovered('latest'), 'latest', sub { 1 }, 'false');

# The targets: some commit after the first backup, and restore points.
my $chosen = $acknowledged[ rand @acknowledged ];
my ($client, $n, $lsn, $epoch) = @$chosen;
note("target: commit $n of client $client, before $lsn and $epoch");

has_exactly(recovered('at_lsn', "--target-lsn=$lsn"), 'an LSN',
	sub { lsn_number($_[0][2]) <= lsn_number($lsn) }, "before_lsn > '$lsn'");
has_exactly(recovered('from_first', "--target-lsn=$lsn", "--backup=$first"), 'an LSN, from the first backup',
	sub { lsn_number($_[0][2]) <= lsn_number($lsn) }, "before_lsn > '$lsn'");

my $time = POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime int $epoch) . sprintf('.%06dZ', ($epoch - int $epoch) * 1e6);
SKIP:
{
	# only with a commit after it can recovery tell
	my $later = first { $_->[3] > $epoch + 1 } @acknowledged;

	skip 'no commit after it', 7 unless $later;
	has_exactly(recovered('at_time', "--target-time=$time"), 'a moment',
		sub { $_[0][3] < $epoch - 0.00001 }, "before_time > '$time'");
}
SKIP:
{
	skip 'no restore point', 7 unless @points;
	my $point = $points[ rand @points ];
	my $server = recovered('at_point', "--target-name=$point");
	has_exactly($server, $point, sub { 0 }, 'false');
}

$node->stop;
done_testing();
