
=pod

=head1 NAME

PgBackupFaults - crashes and errors at chosen system calls

=head1 SYNOPSIS

  use PgBackupFaults;

  faults_available() or plan skip_all => 'faults cannot be made here';
  my $node = faulty_node('main');
  my $points = count_calls($node, 'fsync rename', sub { ... });
  arm($node, 'kill before', 'fsync rename', 3);
  ...
  my ($fired, $what) = disarm($node);

=head1 DESCRIPTION

A server with test/lib/faults.c in LD_PRELOAD.  Only calls on files of its repository count.

=cut

package PgBackupFaults;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use IO::Handle;
use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  faults_available faulty_node start_faulty faulty_program
  count_calls arm disarm
);

# As in faults.c.
my %modes = (
	'off' => 0,
	'count' => 1,
	'kill before' => 2,
	'kill after' => 3,
	'fail' => 4,
	'fail from' => 5);
my %operations = (
	fsync => 1,
	syncfs => 2,
	rename => 4,
	link => 8,
	unlink => 16,
	mkdir => 32,
	create => 64,
	write => 128,
	read => 256);
my $format = 'l7 Z600 Z512';

my $library;

=pod

=over

=item faults_available()

Builds the library; false if that is not possible.

=item faulty_node(name, [conf => text]), start_faulty(node)

A server that archives, with segments of 1 MB.

=cut

sub faults_available
{
	return 0 if $^O ne 'linux';
	$library = PostgreSQL::Test::Utils::tempdir() . '/faults.so';
	return system('cc', '-O', '-fPIC', '-shared', '-o', $library,
		dirname(__FILE__) . '/faults.c') == 0;
}

sub control_file
{
	my ($node) = @_;
	return $node->basedir . '/faults';
}

# In place, for the server has it mapped.
sub set_faults
{
	my ($node, $mode, $operations, $at, $error) = @_;
	my $sum = 0;

	$sum |= $operations{$_} // die "no operation $_" for split / /, $operations;
	open my $file, -e control_file($node) ? '+<' : '>', control_file($node) or die $!;
	binmode $file;
	# first off, then all the rest, then the mode
	for my $now ('off', $mode)
	{
		seek $file, 0, 0;
		print $file pack($format, $modes{$now}, $sum, $at, $error, 0, 0, 0, '', repository($node));
		$file->flush;
	}
	close $file or die $!;
	return;
}

# (calls, times that it has happened, to what, the parent of the process)
sub get_faults
{
	my ($node) = @_;
	my (undef, undef, undef, undef, $count, $fired, $parent, $what) = unpack $format, read_file(control_file($node));
	my $repository = repository($node);

	$what =~ s{\Q$repository\E/?}{};
	return ($count, $fired, $what, $parent);
}

sub faulty_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1', '--data-checksums' ]);
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'pgbackup'\npgbackup.repository = '"
		  . repository($node) . "'\n"
		  . archive_conf()
		  . "restart_after_crash = on\nwal_keep_size = 1GB\nautovacuum = off\nfsync = off\n"
		  . "log_statement = none\n"
		  . ($options{conf} // ''));
	set_faults($node, 'off', '', 0, 0);
	start_faulty($node);
	$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');
	return $node;
}

sub with_faults
{
	my ($node, $code) = @_;
	local $ENV{LD_PRELOAD} = join ' ', grep { defined } $library, $ENV{LD_PRELOAD};
	local $ENV{TEST_FAULTS} = control_file($node);

	return $code->();
}

sub start_faulty
{
	my ($node) = @_;

	with_faults($node, sub { $node->start });
	return;
}

sub faulty_program
{
	my ($node, @arguments) = @_;

	return with_faults($node, sub { program(@arguments) });
}

=pod

=item faulty_program(node, argument...)

Runs the program in the same way: as program() of PgBackupRestore.

=item count_calls(node, operations, code)

How many such calls ("fsync rename") are made while code runs.

=item arm(node, mode, operations, at, [errno])

From now on the call of this number (from 1) is where it happens: "kill before" it, "kill after" it, "fail",
or "fail from" it on.

=item disarm(node)

Ends that; gives (times that it has happened, the first call that it has happened to).  A server that has lost one of
its processes is started again.

=back

=cut

sub count_calls
{
	my ($node, $operations, $code) = @_;

	set_faults($node, 'count', $operations, 0, 0);
	$code->();
	my ($count) = get_faults($node);
	disarm($node);
	return $count;
}

sub arm
{
	my ($node, $mode, $operations, $at, $error) = @_;

	set_faults($node, $mode, $operations, $at, $error // 0);
	return;
}

sub disarm
{
	my ($node) = @_;
	my ($mode) = unpack $format, read_file(control_file($node));
	my (undef, $fired, $what, $parent) = get_faults($node);
	my $file = $node->data_dir . '/postmaster.pid';

	set_faults($node, 'off', '', 0, 0);
	# It may not have noticed, and takes connections that it will end.  A new postmaster starts an
	# archiver at once; one that goes on may take a minute for it.
	if ($fired && ($mode == $modes{'kill before'} || $mode == $modes{'kill after'})
		&& -s $file && read_file($file) =~ /^$parent$/m)
	{
		$node->stop('immediate', fail_ok => 1);
		start_faulty($node);
	}
	return ($fired, $what);
}

1;
