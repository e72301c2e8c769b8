#
# bench.pl
#	  pgbackup against pg_dump and pg_restore: wall time, CPU time, size, memory.
#
# How it measures:
# - One server, one set of settings.  What is read fits into shared buffers and
#   is loaded there before each round.  Every backup is durable when it ends.
# - The variants take turns, and each round begins with another one.  A ratio is
#   the median of the ratios within a round, so that a slow minute of the machine
#   hits both sides.
# - CPU time is user and system time of the client with its children, and of the
#   server with all its processes.
# - Memory is the largest RssAnon of a process: what it does not share with others, so
#   without shared buffers.  It is sampled in a run of its own, which is not timed.
# - pg_restore -t leaves indexes out; a list (-L) names the table's key and index too, which
#   is what staging brings back.
# - pgbackup_restore_database analyzes what it has restored: pg_restore is followed by
#   vacuumdb --analyze-only.  It reads an archive that is not compressed.
# - Outputs stay until the end: on ext4, removing many files makes it slow
#   for some minutes to create others.
#
# Run by test/lib/session.sh, with a server to talk to.  Environment:
#   BENCH_SCALE   1 is some 2 GB (default 1)
#   BENCH_ROUNDS  default 3
#
# test/bench/bench.pl
#
use strict;
use warnings;

use File::Find;
use List::Util qw(max min);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

use lib 'test/bench';
use BenchFigures qw(median ratio_of verdict);
use BenchProcesses qw(cpu_seconds private_kilobytes processes_below);

$| = 1;
$ENV{PGDATABASE} = 'bench';
$ENV{PGOPTIONS} = '-c client_min_messages=warning';

my $scale = $ENV{BENCH_SCALE} || 1;
my $rounds = $ENV{BENCH_ROUNDS} || 3;
my $lineitems = int(4_000_000 * $scale);
my $output = "$ENV{PRIVATE}/output";
my $verdicts = "$ENV{PRIVATE}/verdicts";
my $archive = "$output/archive";
my $plain_archive = "$output/plain";
my $megabyte = 1_000_000;
my $worker_limit = 64;    # MB

my $postmaster = first_line("$ENV{PGDATA}/postmaster.pid");

# What is compared.  run is timed, and gets a place for its output; before, after and
# size (bytes) are not.
my %run1 = (
	name => 'pgbackup_run, 1 job',
	run => sub { backup(1) },
	size => \&size_of_backup);
my %run2 = (
	name => 'pgbackup_run, 2 jobs',
	run => sub { backup(2) },
	size => \&size_of_backup);
my %dump_directory = (
	name => 'pg_dump -Fd -j2 -Z1',
	run => sub { command('pg_dump', '-Fd', '-j2', '-Z1', '-f', $_[0]) },
	size => \&size_of);
my %dump_custom = (
	name => 'pg_dump -Fc',
	run => sub { command('pg_dump', '-Fc', '-f', $_[0]) },
	size => \&size_of);
my %dump_zstd = (
	name => 'pg_dump | zstd -1',
	run => sub {
		command('bash', '-c', 'set -o pipefail; pg_dump | zstd -q -1 > "$0" && sync "$0"', $_[0]);
	},
	size => \&size_of);
my @backups = (\%run1, \%run2, \%dump_directory, \%dump_custom, \%dump_zstd);

my %stage1 = (
	name => 'pgbackup_restore_table, 1 job',
	run => sub { stage(1) },
	size => sub { size_of_lineitem('bench', 'pgbackup_recovery.lineitem') },
	after => \&unstage);
my %stage2 = (%stage1,
	name => 'pgbackup_restore_table, 2 jobs',
	run => sub { stage(2) });
my %restore1 = (
	name => 'pg_restore',
	before => sub { command('createdb', '-T', 'template0', 'target') },
	run => sub { pg_restore(1) },
	size => sub { size_of_lineitem('target', 'public.lineitem') },
	after => sub { command('dropdb', 'target') });
my %restore2 = (%restore1,
	name => 'pg_restore -j2',
	run => sub { pg_restore(2) });
my @restores = (\%stage1, \%stage2, \%restore1, \%restore2);

my %whole1 = (
	name => 'restore_database, 1 job',
	run => sub { restore_database(1) },
	size => \&size_of_whole,
	after => sub { command('dropdb', 'whole') });
my %whole2 = (%whole1,
	name => 'restore_database, 2 jobs',
	run => sub { restore_database(2) });
my %restore_whole1 = (%whole1,
	name => 'pg_restore, vacuumdb',
	before => sub { command('createdb', '-T', 'template0', 'whole') },
	run => sub { pg_restore_whole(1) });
my %restore_whole2 = (%restore_whole1,
	name => 'pg_restore -j2, vacuumdb -j2',
	run => sub { pg_restore_whole(2) });
my @wholes = (\%whole1, \%whole2, \%restore_whole1, \%restore_whole2);

# The largest RssAnon of a process that makes a backup, MB.
my $worker_memory = 0;

mkdir $output or die "could not make $output: $!";
check_room();
make_data();
make_archive();
show_conditions();

measure_rounds(@backups);
show('Backups of the whole database', \%run1, \%run2, @backups);
measure_rounds(@restores);
show('Bringing lineitem back, with its key and its index', \%stage1, \%stage2, @restores);
measure_rounds(@wholes);
show('Restoring the whole database', \%whole1, \%whole2, @wholes);
measure_memory();
note_verdicts();

# ---- the data ----

# Data, WAL, and the outputs of all rounds.
sub check_room
{
	my $needed = int(1 + (15 + 5 * $rounds) * $scale);
	my ($free) = text_of('df', '-BG', '--output=avail', $ENV{PRIVATE}) =~ /(\d+)G/;

	die "this needs some $needed GB in $ENV{PRIVATE}, where $free GB are free;"
	  . " set TMPDIR to another place, or BENCH_SCALE to less than $scale\n"
	  if $free < $needed;
	return;
}

sub make_data
{
	print "making the data (BENCH_SCALE=$scale)\n";
	command('createdb', 'bench');
	command('pgbench', '-i', '-q', '-I', 'dtGvp', '-s', max(1, int(50 * $scale)));
	command('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', "lineitems=$lineitems",
		'-v', 'documents=' . int(40_000 * $scale), '-f', 'test/bench/data.sql');
	sql('CREATE EXTENSION pgbackup');
	command('vacuumdb', '-q', '--analyze', '--freeze', 'bench');
	return;
}

# What pg_restore reads: the archive, and the list of what belongs to lineitem.
sub make_archive
{
	command('pg_dump', '-Fd', '-Z1', '-f', $archive);
	command('pg_dump', '-Fd', '-Z0', '-f', $plain_archive);
	my @entries = grep { /^\d+; .* (TABLE|TABLE DATA|CONSTRAINT|INDEX) public lineitem/ }
	  split /^/, text_of('pg_restore', '-l', $archive);

	die "expected 4 entries for lineitem:\n@entries" if @entries != 4;
	open my $list, '>', "$archive.list" or die "could not write $archive.list: $!";
	print $list @entries;
	close $list or die "could not write $archive.list: $!";
	return;
}

sub show_conditions
{
	my ($model) = text_of('cat', '/proc/cpuinfo') =~ /^model name\s*: (.*)$/m;
	my ($memory) = text_of('cat', '/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;

	print "\n", sql('SELECT version()'), "\n", text_of('zstd', '--version');
	printf "%d CPUs (%s), %.0f GB of memory\n", scalar text_of('nproc'), $model // 'unknown', $memory / 1e6;
	printf "%s = %s\n", $_, sql("SHOW $_")
	  for qw(fsync synchronous_commit shared_buffers maintenance_work_mem wal_level
	  pgbackup.compression_level);
	print "pg_dump syncs its output, as it does by default; so do pgbackup and the zstd variant\n";
	print sql(
		"SELECT format('%s: %s, with indexes %s', relname,"
		  . " pg_size_pretty(pg_table_size(oid)), pg_size_pretty(pg_total_relation_size(oid)))"
		  . " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
		  . " ORDER BY pg_table_size(oid) DESC"), "\n";
	return;
}

# ---- what is timed ----

sub backup
{
	my ($jobs) = @_;
	return sql("SELECT pgbackup_run(jobs => $jobs)");
}

sub size_of_backup
{
	my ($place, $id) = @_;
	my ($folder) = glob sql('SHOW pgbackup.repository') . "/*/backups/$id";
	return size_of($folder);
}

sub stage
{
	my ($jobs) = @_;
	return sql("SET pgbackup.jobs = $jobs; SELECT * FROM pgbackup_restore_table('public.lineitem')");
}

sub unstage
{
	sql('DROP SCHEMA pgbackup_recovery CASCADE');
	return;
}

sub pg_restore
{
	my ($jobs) = @_;

	command('pg_restore', '-L', "$archive.list", '-d', 'target', $jobs > 1 ? "-j$jobs" : (), $archive);
	return;
}

sub restore_database
{
	my ($jobs) = @_;
	return sql("SELECT pgbackup_restore_database('whole', jobs => $jobs)");
}

sub pg_restore_whole
{
	my ($jobs) = @_;

	command('pg_restore', '-d', 'whole', $jobs > 1 ? "-j$jobs" : (), $plain_archive);
	command('vacuumdb', '-q', '--analyze-only', "-j$jobs", 'whole');
	return;
}

sub size_of_whole
{
	local $ENV{PGDATABASE} = 'whole';
	my $rows = sql('SELECT count(*) FROM lineitem');
	die "lineitem in the restored database has $rows rows instead of $lineitems" if $rows != $lineitems;
	return sql("SELECT pg_database_size('whole')");
}

# Bytes of a restored table, whose rows are counted first.
sub size_of_lineitem
{
	my ($database, $table) = @_;

	local $ENV{PGDATABASE} = $database;
	my $rows = sql("SELECT count(*) FROM $table");
	die "$table in $database has $rows rows instead of $lineitems" if $rows != $lineitems;
	return sql("SELECT pg_total_relation_size('$table')");
}

# ---- measuring ----

sub measure_rounds
{
	my @variants = @_;

	for my $round (1 .. $rounds)
	{
		warm_up();
		for my $variant (@variants)
		{
			print STDERR "round $round: $variant->{name}\n";
			measure($variant, "$output/" . ++our $outputs);
		}
		push @variants, shift @variants;
	}
	return;
}

sub measure
{
	my ($variant, $place) = @_;

	$variant->{before}->() if $variant->{before};
	settle();

	my $cpu = cpu_time();
	my $start = clock_gettime(CLOCK_MONOTONIC);
	my $result = $variant->{run}->($place);
	my $wall = clock_gettime(CLOCK_MONOTONIC) - $start;

	sleep 0.2;    # the postmaster has to collect the processes that ended
	push @{ $variant->{wall} }, $wall;
	push @{ $variant->{cpu} }, cpu_time() - $cpu;
	push @{ $variant->{bytes} }, $variant->{size}->($place, $result);
	$variant->{after}->() if $variant->{after};
	return;
}

# Everything that will be read, into shared buffers.
sub warm_up
{
	sql('CREATE EXTENSION pg_prewarm');
	sql("SELECT count(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 't', 'i', 'm')");
	sql('DROP EXTENSION pg_prewarm');
	return;
}

# Nobody pays for what others have left to be written.
sub settle
{
	sql('CHECKPOINT');
	command('sync');
	return;
}

# Of this program with its children, and of the server with all its processes.
sub cpu_time
{
	return cpu_seconds($postmaster, $$);
}

# ---- memory ----

sub measure_memory
{
	print "\nLargest anonymous memory of a process, in MB;",
	  " those that build an index may use maintenance_work_mem\n";
	my $backup = show_memory(\%run2);
	show_memory(\%stage2);
	$worker_memory = max(map { ($_ // 0) / 1024 } @$backup{ 'pgbackup job', 'parallel worker' });
	return;
}

# Runs once with somebody looking on.
sub show_memory
{
	my ($variant) = @_;
	my %largest;
	my $pid = open(my $samples, '-|') // die "could not fork: $!";

	exit sample_memory() if $pid == 0;
	$variant->{run}->();
	kill 'TERM', $pid;
	while (my $line = <$samples>)
	{
		chomp $line;
		my ($kilobytes, $kind) = split / /, $line, 2;

		$largest{$kind} = $kilobytes;
		printf "  %-32s %-20s %6.1f\n", $variant->{name}, $kind, $kilobytes / 1024;
	}
	close $samples;
	$variant->{after}->() if $variant->{after};
	return \%largest;
}

# Until told to end; then prints the largest value for each kind of process.
sub sample_memory
{
	my $ended = 0;
	my %largest;

	local $SIG{TERM} = sub { $ended = 1 };
	until ($ended)
	{
		for my $process (processes_below($postmaster))
		{
			my $kind = kind_of($process) // next;

			$largest{$kind} = max($largest{$kind} // 0, private_kilobytes($process));
		}
		sleep 0.01;
	}
	print "$largest{$_} $_\n" for sort keys %largest;
	return 0;
}

# By the title of a server process; undef for those that a backup does not begin.
sub kind_of
{
	my ($process) = @_;
	my $title = first_line("/proc/$process/cmdline") // return;

	return $1 if $title =~ /^postgres: (pgbackup job|parallel worker)/;
	return 'session' if $title =~ /^postgres: \S+ bench \[local\]/;
	return;
}

# ---- results ----

sub show
{
	my ($title, $one_job, $two_jobs, @variants) = @_;

	print "\n$title; medians of $rounds, and times as long as pgbackup with 1 and 2 jobs\n\n";
	printf "%-30s %7s %-15s %7s %8s  %13s  %13s\n",
	  '', 'wall s', '(min-max)', 'CPU s', 'MB', 'wall: 1j   2j', 'CPU: 1j   2j';
	for my $variant (@variants)
	{
		printf "%-30s %7.2f %-15s %7.2f %8.1f  %7.2f %5.2f  %7.2f %5.2f\n",
		  $variant->{name},
		  median(@{ $variant->{wall} }),
		  sprintf('(%.2f-%.2f)', min(@{ $variant->{wall} }), max(@{ $variant->{wall} })),
		  median(@{ $variant->{cpu} }),
		  median(@{ $variant->{bytes} }) / $megabyte,
		  ratio($variant, $one_job, 'wall'),
		  ratio($variant, $two_jobs, 'wall'),
		  ratio($variant, $one_job, 'cpu'),
		  ratio($variant, $two_jobs, 'cpu');
	}
	return;
}

# For the closing table.
sub note_verdicts
{
	compare_times('logical backup, 2 processes: 2.5 times as fast', 0.4, \%run2, \%dump_directory);
	verdict($verdicts, 'logical backup: size', 'MB', (map { median(@{ $_->{bytes} }) / $megabyte } \%run2, \%dump_directory),
		$dump_directory{name}, ratio(\%run2, \%dump_directory, 'bytes'), 1);
	verdict($verdicts, 'logical backup: memory of a process', 'MB', $worker_memory, $worker_limit, 'the limit',
		$worker_memory / $worker_limit, 1);
	compare_times('staging, 1 process', 1, \%stage1, \%restore1);
	compare_times('staging, 2 processes', 1, \%stage2, \%restore2);
	compare_times('whole database, 2 processes', 1, \%whole2, \%restore_whole2);
	return;
}

sub compare_times
{
	my ($what, $limit, $ours, $other) = @_;

	verdict($verdicts, $what, 's', (map { median(@{ $_->{wall} }) } $ours, $other), $other->{name},
		ratio($ours, $other, 'wall'), $limit);
	return;
}

sub ratio
{
	my ($one, $other, $what) = @_;

	return ratio_of($one->{$what}, $other->{$what});
}

# ---- commands and files ----

sub command
{
	my @command = @_;

	system(@command) == 0 or die "failed: @command\n";
	return;
}

# What a command prints.
sub text_of
{
	my @command = @_;

	open my $pipe, '-|', @command or die "could not run $command[0]: $!";
	local $/;
	my $text = <$pipe>;
	close $pipe or die "failed: @command\n";
	return $text;
}

# What a statement returns, without the last line end.
sub sql
{
	my ($statement) = @_;
	my $text = text_of('psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', $statement);

	chomp $text;
	return $text;
}

# Bytes of a file, or of all files in a directory.
sub size_of
{
	my ($place) = @_;
	my $bytes = 0;

	find({ no_chdir => 1, wanted => sub { $bytes += -s $_ if -f $_ } }, $place);
	return $bytes;
}

# undef when it is not there
sub text_of_file
{
	my ($path) = @_;

	open my $file, '<', $path or return;
	local $/;
	return scalar <$file>;
}

sub first_line
{
	my ($path) = @_;
	my $text = text_of_file($path) // return;

	return (split /\n/, $text)[0];
}
