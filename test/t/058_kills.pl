#
# 058_kills.pl
#	  Clients commit, and note outside of the server what was acknowledged, while backups are made
#	  and archiver, workers, jobs and the server are killed at random.  At the end all
#	  of it is there, and at a target of any kind exactly what was committed by then.
#
# What was committed by then says pg_waldump: the order of commits in the archived WAL.
#
# PGBACKUP_KILLS_SECONDS says for how long (test/long does it for ten minutes),
# PGBACKUP_KILLS_SEED repeats the choices of a run.
#
# test/t/058_kills.pl
#
use strict;
use warnings;

use File::Path qw(remove_tree);
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

my $seconds = $ENV{PGBACKUP_KILLS_SECONDS} // 12;
my $seed = $ENV{PGBACKUP_KILLS_SEED} // int(rand(2**31));
my $clients = 3;
my $targets = $seconds < 60 ? 1 : 6;    # of each kind

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
	CREATE TABLE log (client int, n int, before_lsn pg_lsn, before_time timestamptz, xid xid8, PRIMARY KEY (client, n));
});
my $first = full_backup($node);
my $notes = PostgreSQL::Test::Utils::tempdir;

# ---- clients ----

my $running = 1;

# One transaction after the other in one psql, with pauses: their number is what the checks at the end cost.
# Messages make the WAL that they do not make.  Notes what is acknowledged: number, LSN and time after it.
sub run_session
{
	my ($client, $n, $ack) = @_;
	my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-F', ' ',
		'-d', $node->connstr('postgres'));

	$in->autoflush(1);
	while ($running)
	{
		my ($from, $to) = (1 + int(rand(2000)), 1 + int(rand(2000)));
		my $filling = int(rand(12_000));

		$n++;
		print $in "BEGIN; UPDATE accounts SET balance = balance - $n WHERE id = $from;"
		  . " UPDATE accounts SET balance = balance + $n WHERE id = $to;"
		  . " INSERT INTO log VALUES ($client, $n, pg_current_wal_insert_lsn(), clock_timestamp(), pg_current_xact_id());"
		  . " DO \$\$BEGIN PERFORM pg_logical_emit_message(true, 'filling', repeat('x', $filling)); END\$\$; COMMIT;\n"
		  . "SELECT 'acknowledged', pg_current_wal_insert_lsn(), extract(epoch FROM clock_timestamp());\n";
		my $line = <$out>;
		last unless defined $line && $line =~ /^acknowledged (\S+) (\S+)$/;
		print $ack "$n $1 $2\n";
		sleep rand(0.02);
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

for (my $round = 1; time < $end; $round++)
{
	sleep 0.3 + rand(1.2);
	# whether it is in the WAL then, nobody promises
	succeeds("SELECT pg_create_restore_point('point $round')");
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

# ---- what was committed, in the order of the WAL ----

my @ends;      # of transactions, as they follow each other: { lsn, time, xid, committed }
my %points;    # LSN by name

sub dump_wal
{
	my (@options) = @_;
	local $ENV{TZ} = 'UTC';
	local $ENV{PGTZ} = 'UTC';
	my ($out) = run_command([ 'pg_waldump', '--path', $unpacked, @options ]);

	return split /\n/, $out;
}

sub record_lsn
{
	my ($record) = @_;

	$record =~ m{lsn: ([0-9A-F]+/[0-9A-F]+),} or die "no record: $record";
	return lsn_number($1);
}

for my $record (dump_wal('--rmgr=Transaction', '--rmgr=XLOG', $segments[0], $segments[-1]))
{
	if ($record =~ /tx:\s+(\d+), .* desc: (COMMIT|ABORT) (\S+ \S+) UTC/)
	{
		push @ends, { lsn => record_lsn($record), time => $3, xid => $1, committed => $2 eq 'COMMIT' };
	}
	elsif ($record =~ /desc: RESTORE_POINT (.*)/)
	{
		$points{$1} = record_lsn($record);
	}
}
cmp_ok(scalar @ends, '>', $total, 'pg_waldump finds the ends of ' . @ends . ' transactions');
note(scalar(keys %points) . ' restore points');

# ---- what a server has ----

# "client n" by transaction
sub logged
{
	my ($server) = @_;

	return { map { split /\|/ } split /\n/, $server->safe_psql('postgres', "SELECT xid, client || ' ' || n FROM log") };
}

# Those of all transactions whose end is_before() is true of.
my $everything = logged($node);

sub expected
{
	my ($is_before) = @_;

	return map { $everything->{ $_->{xid} } // () } grep { $_->{committed} && $is_before->($_) } @ends;
}

sub has_exactly
{
	my ($server, $name, $is_before) = @_;
	my @expected = sort { $a cmp $b } expected($is_before);
	my @found = sort { $a cmp $b } values %{ logged($server) };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@found, \@expected, "$name: it has exactly the " . @expected . ' transactions before it');
	is($server->safe_psql('postgres', 'SELECT sum(balance) FROM accounts'), 0, "$name: no transaction is there in part");
	$server->command_ok([ 'pg_amcheck', '--heapallindexed', '--install-missing', '-d', 'postgres' ],
		"$name: pg_amcheck finds nothing");
	return;
}

my $number = 0;

sub recovered
{
	my (@options) = @_;
	my $server = restored_node($node, 'recovered' . ++$number, @options,
		@options ? '--target-action=promote' : ());

	$server->start;
	$server->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
	return $server;
}

# Recovers to a target, compares, and removes it again.
sub check_target
{
	my ($name, $is_before, @options) = @_;
	my $server = recovered(@options);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	has_exactly($server, $name, $is_before);
	$server->stop('immediate');
	remove_tree($server->data_dir);
	return;
}

# ---- all of it ----

{
	my $server = recovered();
	my %there = map { $_ => 1 } values %{ logged($server) };
	my @lost = grep { !$there{"$_->[0] $_->[1]"} } @acknowledged;

	is(scalar @lost, 0, 'no acknowledged commit is lost') or diag("lost: @{$lost[0]}");
	has_exactly($server, 'the end', sub { 1 });
	$server->stop;
}

# ---- targets ----

# The first record at an LSN or after it is the last one that is replayed.
sub first_record
{
	my ($lsn) = @_;
	my ($record) = dump_wal('--start', $lsn, '--limit', 1);

	return record_lsn($record);
}

sub check_lsn
{
	my $lsn = $_[0][2];
	my $last = first_record($lsn);
	my @from = rand() < 0.5 ? "--backup=$first" : ();

	check_target("LSN $lsn @from", sub { $_[0]{lsn} <= $last }, "--target-lsn=$lsn", @from);
	return;
}

# The first end of any transaction after the moment is where recovery stops.
sub check_time
{
	my $epoch = $_[0][3];
	my $time = POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime int $epoch)
	  . sprintf('.%06d', ($epoch - int $epoch) * 1e6);
	my $stop = first { $_->{time} gt $time } @ends;

	check_target("moment $time", sub { $_[0]{lsn} < $stop->{lsn} }, "--target-time=${time}Z");
	return;
}

sub check_xid
{
	my ($transaction) = @_;
	my ($xid, $lsn) = @$transaction{qw(xid lsn)};

	if (rand() < 0.5)
	{
		check_target("transaction $xid", sub { $_[0]{lsn} <= $lsn }, "--target-xid=$xid");
	}
	else
	{
		check_target("before transaction $xid", sub { $_[0]{lsn} < $lsn }, "--target-xid=$xid", '--target-exclusive');
	}
	return;
}

sub check_point
{
	my ($point) = @_;

	check_target("restore point $point", sub { $_[0]{lsn} < $points{$point} }, "--target-name=$point");
	return;
}

# Those that come after the first backup, and before the last commit: only with one after it can recovery
# tell that it has come to a moment.
my @early = sort { $a->[3] <=> $b->[3] } @acknowledged;
@early = grep { $_->[3] < $early[-1][3] - 1 } @early;
my @transactions = grep { $_->{committed} && $everything->{ $_->{xid} } } @ends;
my @names = sort grep { /^point \d+$/ } keys %points;

cmp_ok(scalar @names, '>', 0, 'restore points are in the WAL');
for (1 .. $targets)
{
	check_lsn($early[ rand @early ]);
	check_time($early[ rand @early ]);
	check_xid($transactions[ rand @transactions ]);
	check_point($names[ rand @names ]);
}

$node->stop;
done_testing();
