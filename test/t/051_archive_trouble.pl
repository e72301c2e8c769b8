#
# 051_archive_trouble.pl
#	  The archive on bad days: other content, foreign files, a full or vanished
#	  repository, kills.
#
# PGBACKUP_TEST_SMALL_FS: see 022_repository.pl.
#
# test/t/051_archive_trouble.pl
#
use strict;
use warnings;

use File::Copy;
use PgBackupTest;
use PgBackupWal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_archiving_node('main', conf => "restart_after_crash = on\n");
my $home = repository($node);
my $log;

# ---- helpers ----

sub wait_for_state
{
	my ($condition, $what) = @_;

	$node->poll_query_until('postgres', "SELECT $condition FROM pgbackup_archive")
	  or die "timed out waiting for: $what";
	return;
}

# One warning when it begins, one line when it is over, however often it was tried.
sub is_said_once
{
	my ($name, $pattern) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(matches_since($node, $log, qr/WARNING:  .*archive/), 1, "$name: one warning");
	is(matches_since($node, $log, qr/WARNING:  could not archive WAL file "\w+": $pattern/), 1, "$name: and the right one");
	is(matches_since($node, $log, qr/LOG:  archiving goes on after \d+ \w+; WAL files that have waited: \d+/),
		1, "$name: one line when it is over");
	unlike(slurp_file($node->logfile, $log), qr/PANIC|terminated by signal|archiver process.*exited/,
		"$name: nothing crashes");
	return;
}

# Many attempts: the server's own statistics count them.
sub wait_for_attempts
{
	my $before = $node->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver');

	$node->poll_query_until('postgres', "SELECT failed_count > $before + 1 FROM pg_stat_archiver")
	  or die 'the archiver does not try again';
	return;
}

sub mark_ready
{
	my ($name) = @_;
	my $status = pg_wal($node) . "/archive_status/$name";

	unlink "$status.done";
	write_file("$status.ready", '');
	return;
}

sub archiver_pid
{
	my ($server) = @_;

	return $server->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'");
}

# The processes of the server whose title matches.
sub children
{
	my ($server, $pattern) = @_;
	my ($postmaster) = read_file($server->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	return map { !$pattern || $_ =~ $pattern ? /^\s*(\d+)/ : () }
	  split /\n/, `ps -o pid=,args= --ppid $postmaster`;
}

# After a crash; a connection may break then in any way.
sub is_up
{
	my $answer = eval { ($node->psql('postgres', 'SELECT 1'))[1] };

	return ($answer // '') eq '1';
}

make_wal($node, 5);
wait_archived($node);
my @segments = archived_segments($node);

# ---- other content of the same name ----

{
	my $segment = $segments[2];
	my $object = object_of($node, $segment);
	my $content = read_file($object);

	$log = -s $node->logfile;
	flip_bit(pg_wal($node) . "/$segment", 700_000);
	mark_ready($segment);
	$node->reload;
	wait_for_state("state = 'failing'", 'a conflict');
	wait_for_attempts();
	is(archive_state($node, 'last_failed, failures > 2, failing_since <= now()'), "$segment|t|t",
		'other content: pgbackup_archive says which file');
	like(archive_state($node, 'last_message'), qr/another file in the place of/, 'other content: what');
	like(archive_state($node, 'last_hint'), qr/two servers.*move the other one/s, 'other content: and what to do');
	is(read_file($object), $content, 'other content: nothing is overwritten');

	make_wal($node, 2);
	cmp_ok(count_ready($node), '>=', 3, 'other content: the server keeps its WAL');
	flip_bit(pg_wal($node) . "/$segment", 700_000);
	wait_archived($node);
	is_said_once('other content', qr/the repository has another file/);
	wait_for_state("state = 'idle' AND failing_since IS NULL", 'the end of the conflict');
}

# ---- a segment of another cluster ----

{
	my $foreign = PostgreSQL::Test::Cluster->new('foreign');
	my $name = '0000000100000000000000F0';

	$foreign->init(extra => ['--wal-segsize=1']);
	my ($segment) = grep { m{/[0-9A-F]{24}$} } glob pg_wal($foreign) . '/*';

	$log = -s $node->logfile;
	copy($segment, pg_wal($node) . "/$name") or die "could not copy $segment: $!";
	mark_ready($name);
	$node->reload;
	wait_for_state("last_message LIKE '%is of another cluster'", 'a refusal');
	like(archive_state($node, 'last_detail'), qr/system identifier/, 'a foreign segment is refused');
	ok(!-e object_of($node, $name), 'and not in the archive');
	unlink pg_wal($node) . "/$name" or die $!;
	make_wal($node, 1);
	wait_archived($node);
	ok(!-e pg_wal($node) . "/archive_status/$name.done", 'once it is removed, the server forgets it');
	is(matches_since($node, $log, qr/WARNING:  could not archive/), 1, 'which was said once');
}

# ---- one of many ----

# Eight that are ready at the same time, of which the fifth is not what its name says: those before it
# are archived, and once it is right all of them are.
for my $workers (0, 1)
{
	my @many = @segments[ 0 .. 3 ];

	make_wal($node, 5);
	wait_archived($node);
	push @many, (archived_segments($node))[ -4 .. -1 ];
	my ($damaged, $name) = ($many[4], "one of many, $workers workers");
	my $segment = pg_wal($node) . "/$damaged";

	$node->append_conf('postgresql.conf', "pgbackup.archive_workers = $workers");
	unlink map { object_of($node, $_) } @many;
	flip_bit($segment, 9);    # of the first page's address
	$log = -s $node->logfile;
	mark_ready($_) for reverse @many;
	$node->reload;
	wait_for_state("last_failed = '$damaged' AND state = 'failing'", $name);
	is(scalar(grep { -e object_of($node, $_) } @many[ 0 .. 3 ]), 4, "$name: those before it are archived");
	is(scalar(grep { -e pg_wal($node) . "/archive_status/$_.done" } @many[ 0 .. 3 ]), 4, "$name: and confirmed");
	ok(!-e object_of($node, $damaged), "$name: it is not");
	flip_bit($segment, 9);
	wait_archived($node);
	is_said_once($name, qr/.* is not the segment that its name says/);
	archive_is_whole($node, $name);
	is_deeply([ glob "$home/*/wal/*.tmp.*" ], [], "$name: nothing temporary is left");
}

# ---- damage in the repository ----

# When the archiver meets a damaged object of the same name, it must not believe it.
{
	my $segment = $segments[1];
	my $object = object_of($node, $segment);
	my $content = read_file($object);
	my %damage = (
		'a flipped bit' => sub { flip_bit($object, 1000) },
		'a flipped bit of the trailer' => sub { flip_bit($object, -40) },
		'a truncated object' => sub { truncate_file($object, -1) },
		'a swapped object' => sub { copy(object_of($node, $segments[0]), $object) or die $! },
		'an empty object' => sub { write_file($object, '') });

	for my $name (sort keys %damage)
	{
		$damage{$name}->();
		mark_ready($segment);
		$node->reload;
		wait_for_state("state = 'failing' AND last_failed = '$segment'", $name);
		like(archive_state($node, 'last_message'), qr/damaged|could not read the frame/, "$name is found");
		write_file($object, $content);
		wait_archived($node);
		wait_for_state("state = 'idle'", "the end of $name");
	}
	archive_is_whole($node, 'after all that damage');
}

# ---- a repository that vanishes, and comes back ----

{
	$log = -s $node->logfile;
	rename $home, "$home-away" or die $!;
	make_wal($node, 5);
	wait_for_state("state = 'failing'", 'the repository vanishes');
	wait_for_attempts();
	is(archive_state($node, "ready >= 5, ready_bytes >= 5000000, ready_for > '0', repository_error IS NOT NULL, gaps IS NULL"),
		't|t|t|t|t', 'vanished: pgbackup_archive shows what waits');
	ok(!-e $home, 'vanished: it is not made again');

	# what an empty mount point looks like
	mkdir $home;
	wait_for_attempts();
	is_deeply([ glob "$home/*" ], [], 'vanished: nor is one made in its place');
	fails_like($node, $_, qr/ERROR:  the repository "\Q$home\E" has vanished.*DETAIL:  WAL of this cluster.*HINT:  Mount/s,
		"vanished: also for backups, of which there was none: $_")
	  for 'SELECT pgbackup_run()', "SELECT pgbackup_run('full')";
	is_deeply([ glob "$home/*" ], [], 'vanished: they make none either');
	rmdir $home or die $!;
	rename "$home-away", $home or die $!;
	wait_archived($node);
	is_said_once('vanished', qr/the repository ".*" has vanished/);
	archive_is_whole($node, 'vanished');
}

# ---- new settings while it waits ----

{
	rename $home, "$home-away" or die $!;
	$log = -s $node->logfile;
	make_wal($node, 3);
	wait_for_state("state = 'failing'", 'the repository vanishes again');
	$node->append_conf('postgresql.conf', "pgbackup.repository = '$home-away'");
	$node->reload;
	wait_archived($node);
	pass('another repository is taken over at once');
	$node->append_conf('postgresql.conf', "pgbackup.repository = '$home'");
	rename "$home-away", $home or die $!;
	$node->reload;
	make_wal($node, 1);
	wait_archived($node);
	archive_is_whole($node, 'after that');
}

# ---- a server that stops meanwhile ----

{
	rename $home, "$home-away" or die $!;
	make_wal($node, 3);
	wait_for_state("state = 'failing'", 'the repository vanishes once more');
	my $begun = time;
	$node->stop('fast');
	cmp_ok(time - $begun, '<', 30, 'a server with a vanished repository stops');
	rename "$home-away", $home or die $!;
	$node->start;
	make_wal($node, 1);
	wait_archived($node);
	archive_is_whole($node, 'after the start');
}

# ---- kills ----

# In the middle of a backlog, each time at another moment.  PostgreSQL itself starts an
# archiver again only after ten seconds; a new postmaster does at once.
{
	my @victims = qw(archiver server worker server);
	my %killed;

	for my $round (0 .. $#victims)
	{
		my $victim = $victims[$round];

		rename $home, "$home-away" or die $!;
		make_wal($node, 12);
		wait_for_state("state = 'failing'", 'a backlog');
		my $archiver = archiver_pid($node);
		rename "$home-away", $home or die $!;
		wait_for(sub { count_ready($node) < 11 - $round }, 'the archiver');

		my $pid = $archiver;
		if ($victim eq 'worker')
		{
			wait_for(sub { ($pid) = children($node, qr/pgbackup archive worker/) }, 'a worker');
		}
		if ($victim eq 'server')
		{
			# the postmaster, too, is there until somebody has waited for it
			my @processes = (children($node), read_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/);

			$node->kill9;
			wait_for(sub { !kill 0, @processes }, 'the end of all processes of the server');
			$node->start;
			$killed{server}++;
		}
		elsif (kill 'KILL', $pid)
		{
			wait_for(sub { !kill 0, $pid }, 'the end of the process');
			$killed{$victim}++;
			wait_for(\&is_up, 'the server');
			$node->restart;
		}
		wait_archived($node);
	}
	is_deeply([ sort keys %killed ], [qw(archiver server worker)], 'archiver, worker and server were killed');
	make_wal($node, 1);
	wait_archived($node);
	archive_is_whole($node, 'after the kills');
	$node->restart;
	make_wal($node, 1);
	wait_archived($node);
	is_deeply([ glob "$home/*/wal/*.tmp.*" ], [], 'nothing temporary is left');
	is(archive_state($node, 'gap_count'), '0', 'there is no gap');
}

# ---- no room, and no right to write ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'no small file system', 8 unless $small;
	$node->append_conf('postgresql.conf', "pgbackup.repository = '$small/archive'");
	$node->reload;
	make_wal($node, 1);
	wait_archived($node);

	$log = -s $node->logfile;
	my ($free) = `df --output=avail -B1 $small` =~ /(\d+)\s*$/;
	write_file("$small/ballast", 'x' x ($free - 100_000));
	make_wal($node, 5);
	wait_for_state("state = 'failing'", 'a full repository');
	wait_for_attempts();
	like(archive_state($node, 'last_hint'), qr/Free space/, 'full: what to do');
	unlink "$small/ballast";
	wait_archived($node);
	is_said_once('full', qr/could not \w+ ".*": No space left on device/);

	$log = -s $node->logfile;
	$node->append_conf('postgresql.conf', "pgbackup.repository = '$small-readonly/archive'");
	$node->reload;
	make_wal($node, 2);
	wait_for_state("state = 'failing'", 'a read-only repository');
	like(archive_state($node, 'last_hint'), qr/read-only/, 'read-only: what to do');
	$node->append_conf('postgresql.conf', "pgbackup.repository = '$small/archive'");
	$node->reload;
	wait_archived($node);
	is(matches_since($node, $log, qr/WARNING:  could not archive/), 1, 'read-only: said once');
}

$node->stop;
done_testing();
