#
# 076_faults.pl
#	  Crashes at system calls, errors of the file system, damaged objects, and expiry beside readers
#	  and writers.  After each: what was acknowledged is there, what is not complete is invisible, and
#	  damage is found by the depth of verification that promises it.
#
# PGBACKUP_FAULTS_SECONDS says for how long ("make test-faults": ten minutes; by default a few of each are
# tried), PGBACKUP_FAULTS_SEED repeats the choices of a run.
#
# test/t/076_faults.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Errno qw(EIO ENOSPC);
use JSON::PP;
use List::Util qw(first max shuffle);
use PgBackupFaults;
use PgBackupRestore;
use PgBackupTest;
use PgBackupTrouble;
use PgBackupWal;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{PGBACKUP_FAULTS_SECONDS} // 0;
my $is_long = $seconds > 0;
my $seed = $ENV{PGBACKUP_FAULTS_SEED} // int(rand(2**31));

plan skip_all => 'faults can be made only on Linux, with a C compiler' unless faults_available();

note("PGBACKUP_FAULTS_SEED=$seed");
srand($seed);

my $durability = 'fsync syncfs rename link unlink mkdir';
my $writing = "$durability create write";

my $node = faulty_node('main',
	conf => "pgbackup.retention_logical = 'last=2'\npgbackup.retention_full = 'last=2'\nmax_worker_processes = 20\npgbackup.archive_timeout = 10s\n");
my $scratch = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres',
	"CREATE TABLE rows AS SELECT i, repeat(md5(i::text), 10) AS note FROM generate_series(1, 2000) AS i");

# ---- what is known to be there ----

my %good;       # what must be there: id => the rows that a logical backup holds, 'base' for the others
my %known;      # the same, also of what may have gone
my $pending;    # rows of the logical backup that is being made
my %tried;
my $number = 10000;

# Without dying over a server that has crashed: (succeeded, output, error).
sub try_sql
{
	my ($sql) = @_;
	my ($out, $err);
	my $succeeded = IPC::Run::run(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err);

	chomp $out;
	return ($succeeded, $out, $err);
}

sub verify
{
	return program('verify', '--repository', repository($node), @_);
}

sub current_rows
{
	return $node->safe_psql('postgres', 'COPY (SELECT * FROM rows ORDER BY i) TO STDOUT');
}

# The rows of a backup as pg_restore finds them.
sub rows_of
{
	my ($id) = @_;
	my $place = "$scratch/$id";
	my ($status, undef, $err) = program('extract', $id, '--repository', repository($node), "--to=$place");

	return "extract: $err" if $status ne '0';
	my ($out) = run_command([ 'pg_restore', '--data-only', '--table=rows', '--file=-', $place ]);
	system('rm', '-rf', $place);
	return join "\n", sort { ($a =~ /^(\d+)/)[0] <=> ($b =~ /^(\d+)/)[0] } $out =~ /^(\d+\t.*)$/mg;
}

# Until the server is up and nothing is being done for us.
sub settle
{
	wait_for(
		sub {
			my ($up, $busy) = try_sql(
				q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'pgbackup (job|backup|data)'});
			return $up && $busy == 0;
		},
		'the server to be up and idle');
	return;
}

# What is wrong with the repository, or "".
sub what_is_wrong
{
	my ($listed, $list, $list_error) = try_sql("SELECT id || ' ' || status FROM pgbackup_list()");
	my %status = map { split / / } split /\n/, $list;
	my @wrong = $listed ? () : ("the list: $list_error");

	for my $id (sort keys %good)
	{
		push @wrong, "$id was acknowledged and is not listed" unless $status{$id};
	}
	for my $id (sort keys %status)
	{
		push @wrong, "$id is listed as $status{$id}" if $status{$id} ne 'complete';
		next if $known{$id};
		# it has come to be, though nobody was told
		$good{$id} = $known{$id} = $id =~ /L$/ ? $pending : 'base';
		push @wrong, "$id has other rows than it should" if $id =~ /L$/ && rows_of($id) ne $good{$id};
	}
	my ($verified, $out, $err) = verify('--all', '--contents');
	push @wrong, "verify: $out$err" if $verified ne '0';
	push @wrong, wrong_segments();
	return join "\n", @wrong;
}

my %compared;    # segments

# Of the segments that the server takes for archived, those that are not in the archive as they were.
sub wrong_segments
{
	my $first = (archived_segments($node))[0] // '';
	my @wrong;

	for my $name (map { m{([0-9A-F]{24})\.done$} } glob pg_wal($node) . '/archive_status/*.done')
	{
		next if $name lt $first || $compared{$name}++;
		push @wrong, "$name is not in the archive as it was"
		  if system("zstd -dcq '" . object_of($node, $name) . "' | cmp -s - '" . pg_wal($node) . "/$name'") != 0;
	}
	return @wrong;
}

# ---- what is done ----

sub change_rows
{
	$number++;
	$node->safe_psql('postgres',
		"INSERT INTO rows VALUES ($number, repeat(md5('$number'), 10)); DELETE FROM rows WHERE i = $number - 10000");
	return;
}

sub run_backup
{
	my ($kind) = @_;
	my ($succeeded, $id, $error) = try_sql("SELECT pgbackup_run('$kind')");

	$good{$id} = $known{$id} = $kind eq 'logical' ? $pending : 'base' if $succeeded;
	return ($succeeded, $error);
}

# Each prepares what needs no faults; what it returns is run with them: (succeeded, error).
my %work = (
	'logical backup' => sub {
		change_rows();
		$pending = current_rows();
		return sub { run_backup('logical') };
	},
	'base backup' => sub {
		return sub { run_backup('full') };
	},
	'archive call' => sub {
		return sub {
			# while the archiver is at the first, others get ready, which it takes together
			try_sql(join ';', (q{SELECT pg_logical_emit_message(false, 'x', 'x'); SELECT pg_switch_wal()}) x 4);
			# it never gives up; with a fault of its own, it is the server that is started again
			my $deadline = time + ($is_long ? 5 : 2);
			sleep 0.02 until count_ready($node) == 0 || time > $deadline;
			return (count_ready($node) == 0, 'it waits');
		};
	},
	'expire' => sub {
		my @expired;

		run_backup('full') if $is_long && rand() < 0.3;
		until (@expired)
		{
			change_rows();
			$pending = current_rows();
			run_backup('logical');
			@expired = split /\n/, $node->safe_psql('postgres',
				"SELECT backup FROM pgbackup_expire() WHERE action = 'remove' AND backup IS NOT NULL");
		}
		delete @good{@expired};
		return sub { (try_sql('SELECT count(*) FROM pgbackup_expire(false)'))[ 0, 2 ] };
	},
	'pin' => sub {
		my ($id) = sort keys %good;

		return sub {
			my ($pinned, undef, $error) = try_sql("SELECT pgbackup_pin('$id')");

			return (0, $error) unless $pinned;
			my $reason = $node->safe_psql('postgres',
				"SELECT reason FROM pgbackup_expire() WHERE backup = '$id' AND action = 'keep'");
			return ($reason =~ /pinned/, "the pin of $id is not there: $reason");
		};
	});

# Without faults all succeeds, and nothing is left of what has died.
sub goes_on
{
	my ($name) = @_;
	my ($succeeded, $error) = $work{$name}->()->();

	return "$name does not succeed afterwards: $error" unless $succeeded;
	# the others have begun a backup, which removes what it finds
	($succeeded, $error) = $work{'logical backup'}->()->() if $name =~ /archive|pin/;
	return "no backup afterwards: $error" unless $succeeded;
	my @half = grep { my $folder = $_; !grep { $_ eq $folder } complete_folders($node) } folders($node);
	return @half ? "halves are left: @half" : '';
}

# One fault.  The pins go: the next expiry is to find something.
sub try_fault
{
	my ($name, $mode, $operations, $at, $error) = @_;
	my $code = $work{$name}->();

	arm($node, $mode, $operations, $at, $error);
	my ($succeeded, $message) = $code->();
	my ($fired, $what) = disarm($node);
	# an archiver that has failed waits for a while before it tries again
	if ($mode =~ /fail/ && !$succeeded)
	{
		$node->stop('immediate', fail_ok => 1);
		start_faulty($node);
	}
	settle();
	wait_archived($node);

	my $wrong = join "\n", grep { $_ } $is_long ? what_is_wrong() : '', goes_on($name), what_is_wrong();
	try_sql("SELECT pgbackup_unpin(id) FROM pgbackup_list()");
	ok($wrong eq '', "$name, $mode call $at: " . ($fired ? $what : 'not reached'))
	  or diag("$wrong\nit had " . ($succeeded ? 'succeeded' : "failed: $message"));
	$tried{ "$name, " . ($mode =~ /kill/ ? 'killed' : 'error') }++ if $fired;
	return $fired;
}

# ---- crash points, and errors ----

sub points_of
{
	my ($name, $operations) = @_;
	my $code = $work{$name}->();
	my $count = count_calls($node, $operations, sub { ($code->())[0] or die "$name does not succeed" });

	settle();
	cmp_ok($count, '>', 0, "$name: $count calls of $operations");
	return $count;
}

sub crash_at_random
{
	my ($name, $points) = @_;

	return try_fault($name, rand() < 0.5 ? 'kill before' : 'kill after', $durability, 1 + int(rand($points)), 0);
}

sub fail_at_random
{
	my ($name, $points) = @_;

	return try_fault($name, rand() < 0.5 ? 'fail' : 'fail from', $writing, 1 + int(rand($points)),
		rand() < 0.5 ? EIO : ENOSPC);
}

# ---- damage ----

# What objects there are; which of the two depths finds each change of a bit, and each cut.
my @kinds = (
	[ 'toc.dat', qr{/toc\.dat$}, 'objects' ],
	[ 'rows', qr{L/\d+\.dat\.zst$}, 'objects' ],
	[ 'globals', qr{/globals\.sql\.zst$}, 'objects' ],
	[ 'manifest of a logical backup', qr{L/manifest\.json$}, 'objects' ],
	[ 'manifest of a base backup', qr{F/manifest\.json$}, 'objects' ],
	[ 'file list', qr{/files\.zst$}, 'objects' ],
	[ 'relation map', qr{/relations\.zst$}, 'objects' ],
	[ 'pack', qr{/pack-\d+\.zst$}, 'objects' ],
	[ 'WAL segment', qr{/wal/.*/[0-9A-F]{24}\.zst$}, 'objects' ],
	[ 'format of the repository', qr{/pgbackup\.json$}, 'objects' ]);

# The segments that the base backups need: verify promises nothing of others.
sub is_verified
{
	my ($path) = @_;
	my ($segment) = $path =~ m{/([0-9A-F]{24})\.zst$} or return 1;

	for my $manifest (glob repository($node) . '/*/backups/*F/manifest.json')
	{
		my ($start, $stop) = map { lsn_number($_) }
		  @{ JSON::PP->new->utf8->decode(read_file($manifest)) }{ 'start_lsn', 'stop_lsn' };
		my $begin = hex(substr $segment, 8, 8) * 2**32 + hex(substr $segment, 16, 8) * 2**20;

		return 1 if $begin < $stop && $begin + 2**20 > $start;
	}
	return 0;
}

sub objects_of
{
	my ($pattern) = @_;

	return grep { -f && $_ =~ $pattern && is_verified($_) }
	  glob repository($node) . '/{*,*/*,*/*/*,*/*/*/*}';
}

# Damages one object, looks whether it is found, and repairs it.
sub try_damage
{
	my ($name, $pattern, $depth, $cut) = @_;
	my ($path) = shuffle(objects_of($pattern));
	my ($content, $how);

	return fail("there is no $name") unless defined $path;
	$content = read_file($path);
	if ($cut)
	{
		my $length = int(rand(length $content));

		truncate_file($path, $length);
		$how = "cut to $length bytes";
	}
	else
	{
		my ($offset, $bit) = (int(rand(length $content)), int(rand(8)));

		flip_bit($path, $offset, $bit);
		$how = "bit $bit of byte $offset";
	}

	my ($status, $out, $err) = verify('--all', $depth eq 'contents' ? '--contents' : ());
	ok($status eq '1', "$name, $how: found by verification of $depth") or diag("status $status: $out$err");
	write_file($path, $content);
	$tried{"$name, damaged"}++;
	return;
}

# Contents that are others than the manifest says, with checksums that are right.
sub try_lie
{
	my ($path) = shuffle(objects_of(qr{L/manifest\.json$}));
	my $content = read_file($path);
	my $lie = $content;

	$lie =~ s/("frames": \[\[\d+,\d+,)(\d+)/$1 . ($2 + 1)/e or die 'no frames';
	$lie =~ s/^  "sha256": .*\n\}\n\z//m or die 'no end';
	write_file($path, $lie . '  "sha256": "' . sha256_hex($lie) . "\"\n}\n");
	is((verify('--all', '--contents'))[0], 1, 'a number of rows that is not right is found by verification of contents');
	write_file($path, $content);
	$tried{'contents other than the manifest says'}++;
	return;
}

# A pin that cannot be read counts.
sub try_pin_damage
{
	my ($id) = sort grep { /L$/ } keys %good;

	$node->safe_psql('postgres', "SELECT pgbackup_pin('$id')");
	my $path = backup_folder($node, $id) . '/pin.json';
	if (rand() < 0.5)
	{
		truncate_file($path, int(rand(-s $path)));
	}
	else
	{
		flip_bit($path, int(rand(-s $path)), int(rand(8)));
	}
	like($node->safe_psql('postgres', "SELECT action || ' ' || reason FROM pgbackup_expire() WHERE backup = '$id'"),
		qr/^keep .*pinned/, 'a damaged pin is one');
	$node->safe_psql('postgres', "SELECT pgbackup_unpin('$id')");
	$tried{'pin, damaged'}++;
	return;
}

# ---- readers, writers and expiry at the same time ----

# What may be said of a backup that has just gone.
my $gone = qr/does not exist|has just been removed|there is no .*backup/;

# Runs one after the other until told to stop; what goes wrong is written to a file.
sub start_loop
{
	my ($name, $code) = @_;
	my $pid = fork // die "could not fork: $!";

	return $pid if $pid;
	my $running = 1;
	my $count = 0;

	$SIG{TERM} = sub { $running = 0 };
	srand($seed + $$);
	open my $notes, '>', "$scratch/loop.$name" or POSIX::_exit(1);
	$notes->autoflush(1);
	while ($running)
	{
		my $problem = eval { $code->() } // "died: $@";

		print $notes "$problem\n" if $problem;
		$count++;
	}
	print $notes "count $count\n";
	POSIX::_exit(0);
}

# An SQL statement as the body of a loop: its problem, or "".
sub sql_problem
{
	my ($sql, $allowed) = @_;
	my ($succeeded, $out, $err) = try_sql($sql);

	return $succeeded || ($allowed && $err =~ $allowed) ? '' : "$sql: $err";
}

sub random_backup
{
	my ($succeeded, $ids) = try_sql("SELECT id FROM pgbackup_list() WHERE kind = 'logical'");
	my @ids = split /\n/, $ids;

	return $ids[ rand @ids ] // 'latest';
}

sub try_together
{
	my ($length) = @_;
	my %loops = (
		writer => sub { sql_problem(q{SELECT pgbackup_run(jobs => 2)}) },
		expiry => sub { sleep 0.2; sql_problem('SELECT count(*) FROM pgbackup_expire(false)') },
		list => sub {
			my ($succeeded, $bad, $err) = try_sql("SELECT id || ' ' || l FROM pgbackup_list() l WHERE status <> 'complete'");
			return $succeeded && $bad eq '' ? '' : "list: $bad$err";
		},
		contents => sub { sql_problem("SELECT count(*) FROM pgbackup_contents('" . random_backup() . "')", $gone) },
		verify => sub {
			my ($status, $out, $err) = verify('--all', '--contents');
			return $status eq '0' ? '' : "verify: $out$err";
		},
		restore => sub {
			my $id = random_backup();
			my ($succeeded, $out, $err) = try_sql("BEGIN; SELECT staged AS s FROM pgbackup_restore_table('rows', '$id');"
				  . ' SELECT count(*) FROM pgbackup_recovery.rows; ROLLBACK');

			return $succeeded || $err =~ $gone ? '' : "restore: $err";
		});
	my @pids;

	@pids = map { start_loop($_, $loops{$_}) } sort keys %loops;
	sleep $length;
	kill 'TERM', @pids;
	waitpid $_, 0 for @pids;
	settle();
	for my $name (sort keys %loops)
	{
		my $notes = read_file("$scratch/loop.$name");
		my ($count) = $notes =~ /^count (\d+)$/m;

		$notes =~ s/^count.*\n//m;
		is($notes, '', "together: $name, " . ($count // 'no') . ' times');
		$tried{"together: $name"} += $count // 0;
	}
	my %listed = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT id FROM pgbackup_list()');
	$pending = current_rows();
	delete $good{$_} for grep { !$listed{$_} } keys %good;
	is(what_is_wrong(), '', 'together: all that is listed is as it should be');
	return;
}

# ---- the run ----

my $log_from = -s $node->logfile;
run_backup('full');
my %durable = map { $_ => points_of($_, $durability) } sort keys %work;
my %written = map { $_ => $is_long ? points_of($_, $writing) : 2 * $durable{$_} } sort keys %work;

if ($is_long)
{
	my $end = time + $seconds;

	# every point in turn, for as long as there is time for half of it
	for my $point (shuffle(map { my $name = $_; map { [ $name, $_ ] } 1 .. $durable{$name} } sort keys %work))
	{
		last if time > $end - $seconds / 2;
		try_fault($point->[0], $_, $durability, $point->[1], 0) for 'kill before', 'kill after';
	}
	while (time < $end)
	{
		for my $name (shuffle(sort keys %work))
		{
			fail_at_random($name, $written{$name});
			crash_at_random($name, $durable{$name});
		}
		try_damage(@$_, rand() < 0.5) for @kinds;
		try_lie();
		try_pin_damage();
		try_together(10);
	}
}
else
{
	crash_at_random($_, $durable{$_}) for sort keys %work;
	fail_at_random($_, $written{$_}) for 'logical backup', 'base backup', 'expire';
	try_damage(@$_, rand() < 0.5) for @kinds;
	try_lie();
	try_pin_damage();
	try_together(4);
}

# ---- the end: what others make of what is there ----

is(join(' ', grep { /L$/ && rows_of($_) ne $good{$_} } sort keys %good), '',
	'pg_restore finds in each logical backup what was in the table');
archive_all($node);
my $restored = restored_node($node, 'restored');
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
is(table_hash($restored, 'postgres', 'rows'), table_hash($node, 'postgres', 'rows'),
	'and a server that is restored has what this one has');
$restored->stop;

unlike(slurp_file($node->logfile, $log_from), qr/PANIC|TRAP:|terminated by signal (?!9:)/, 'nothing dies but by our hand');
diag("tried: " . join ', ', map { "$tried{$_} x $_" } sort keys %tried) if $is_long;
note("tried: " . join ', ', map { "$tried{$_} x $_" } sort keys %tried);
$node->stop;
done_testing();
