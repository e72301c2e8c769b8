
=pod

=head1 NAME

PgBackupTest - what the tests of pgbackup have in common

=head1 SYNOPSIS

  use PgBackupTest;

  my $node = new_node('main');
  my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
  flip_bit((backup_files($node, $id))[0], 100);
  fails_like($node, "SELECT * FROM pgbackup_restore_table('public.t')", qr/checksum/, 'damage is seen');

=head1 DESCRIPTION

A layer over PostgreSQL::Test::Cluster: servers with pgbackup and a repository
of their own, a way to compare tables, and ways to damage files.

=cut

package PgBackupTest;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use File::Find;
use File::Spec;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  new_node repository backup_folder backup_files
  table_hash wait_for wait_until_up fails_like
  read_file write_file flip_bit truncate_file edit_manifest copy_backup
);

=pod

=head1 SERVERS

=over

=item new_node(name, [conf => text], [extension => 0], [start => 0])

A started server with pgbackup loaded, a repository in the test's own
directory, and the extension in database postgres.  conf goes to the end of
postgresql.conf.

=cut

sub new_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'pgbackup'\n"
		  . "pgbackup.repository = '"
		  . repository($node) . "'\n"
		  . ($options{conf} // ''));
	return $node unless $options{start} // 1;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup')
	  if $options{extension} // 1;
	return $node;
}

=pod

=item repository(node)

The directory of its repository.

=item backup_folder(node, id)

The directory of one backup.

=item backup_files(node, id, [pattern])

The paths of its files whose path matches, sorted.

=cut

sub repository
{
	my ($node) = @_;
	return File::Spec->rel2abs($node->basedir . '/repository');
}

sub backup_folder
{
	my ($node, $id) = @_;
	my ($folder) = glob(repository($node) . "/*/backups/$id");

	die "there is no backup $id" unless defined $folder && -d $folder;
	return $folder;
}

sub backup_files
{
	my ($node, $id, $pattern) = @_;
	my @files;

	find(
		{
			no_chdir => 1,
			wanted => sub { push @files, $_ if -f $_ && (!$pattern || $_ =~ $pattern) }
		},
		backup_folder($node, $id));
	my @sorted = sort @files;
	return @sorted;
}

=pod

=back

=head1 QUERIES

=over

=item table_hash(node, database, table)

"rows/hash" of a table's content; the order of its rows does not matter, that of its columns does.

=item wait_for(condition, what)

Calls a function until it returns true; dies after the usual time-out.

=item wait_until_up(node)

A server that has crashed, and starts again by itself.

=item fails_like(node, sql, pattern, name, [database])

Two assertions: the statement fails with such a message (error, detail or hint),
and no process of the server crashes over it.

=cut

sub table_hash
{
	my ($node, $database, $table) = @_;

	return $node->safe_psql($database,
		"SELECT count(*) || '/' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM $table t");
}

sub wait_for
{
	my ($condition, $what) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until ($condition->())
	{
		die "timed out waiting for $what" if time > $deadline;
		usleep(50_000);
	}
	return;
}

# By an argument: psql may end before it has read what is written to it.
sub wait_until_up
{
	my ($node) = @_;

	wait_for(sub { (run_command([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT 1' ]))[0] eq '1' },
		'the server to be up');
	return;
}

sub fails_like
{
	my ($node, $sql, $pattern, $name, $database) = @_;
	my $log_before = -s $node->logfile;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	my ($status, $stdout, $stderr) = $node->psql($database // 'postgres', $sql);
	my $passed = ok($status != 0 && $stderr =~ $pattern, $name);

	diag("status $status, output \"$stdout\", error \"$stderr\"") unless $passed;
	unlike(slurp_file($node->logfile, $log_before),
		qr/was terminated by signal/, "$name: nothing crashes");
	return $passed;
}

=pod

=back

=head1 DAMAGE

=over

=item read_file(path), write_file(path, content)

Whole files, as bytes.

=item flip_bit(path, offset, [bit])

Turns one bit of a file; a negative offset counts from its end.

=item truncate_file(path, length)

Cuts a file; a negative length says how much goes.

=item edit_manifest(folder, code)

Changes the manifest of a backup, which code finds in $_, and gives it its checksum again.

=item copy_backup(node, id, new)

A copy of a backup with another id, which is another moment; gives the new id.

=back

=cut

sub read_file
{
	my ($path) = @_;

	open my $file, '<:raw', $path or die "could not open $path: $!";
	local $/;
	my $content = <$file>;
	close $file;
	return $content // '';
}

sub write_file
{
	my ($path, $content) = @_;

	open my $file, '>:raw', $path or die "could not open $path: $!";
	print $file $content or die "could not write $path: $!";
	close $file or die "could not close $path: $!";
	return;
}

sub flip_bit
{
	my ($path, $offset, $bit) = @_;
	my $content = read_file($path);

	$offset += length $content if $offset < 0;
	die "$path has no byte at $offset" if $offset < 0 || $offset >= length $content;
	vec($content, $offset * 8 + ($bit // 0), 1) ^= 1;
	write_file($path, $content);
	return;
}

sub truncate_file
{
	my ($path, $length) = @_;

	$length += -s $path if $length < 0;
	truncate $path, $length or die "could not truncate $path: $!";
	return;
}

sub edit_manifest
{
	my ($folder, $code) = @_;
	my $path = "$folder/manifest.json";

	for (read_file($path))
	{
		s/^  "sha256": .*\n\}\n\z//m or die "$path has no end";
		$code->();
		write_file($path, $_ . '  "sha256": "' . sha256_hex($_) . "\"\n}\n");
	}
	return;
}

sub copy_backup
{
	my ($node, $id, $new) = @_;
	my $from = backup_folder($node, $id);
	my $to = $from =~ s/\Q$id\E$/$new/r;

	system_or_bail('cp', '-r', $from, $to);
	edit_manifest($to, sub { s/"\Q$id\E"/"$new"/ });
	return $new;
}

1;
