
=pod

=head1 NAME

PgBackupWal - what the tests of the WAL archive have in common

=head1 SYNOPSIS

  use PgBackupWal;

  my $node = new_archiving_node('main', wal_segsize => 1);
  my $segment = switch_wal($node);
  wait_archived($node);
  archive_is_whole($node, 'all segments');

=head1 DESCRIPTION

Servers that archive to a repository, and an archive that is read by stock zstd, compared with
the files in pg_wal, and whose trailers are parsed here once more.

=cut

package PgBackupWal;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use File::Compare;
use JSON::PP;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  new_archiving_node archive_folder archived_segments object_of pg_wal
  switch_wal make_wal count_ready wait_archived
  unpack_archive archive_is_whole trailer_of archive_state
  lsn_number matches_since
);

=pod

=over

=item new_archiving_node(name, [wal_segsize => MB], [conf => text], [preload => 0], [start => 0])

A server that archives by pgbackup and keeps all WAL in pg_wal too.

=cut

sub new_archiving_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $preload = $options{preload} // 1;

	$node->init(extra =>
		  [ '--encoding=UTF8', '--no-locale', '--wal-segsize=' . ($options{wal_segsize} // 1) ]);
	$node->append_conf('postgresql.conf',
		($preload ? "shared_preload_libraries = 'pgbackup'\n" : '')
		  . "pgbackup.repository = '" . repository($node) . "'\n"
		  . "archive_mode = on\narchive_library = 'pgbackup'\n"
		  . "wal_level = replica\nwal_keep_size = 4GB\nmax_wal_size = 4GB\nautovacuum = off\n"
		  . ($options{conf} // ''));
	return $node unless $options{start} // 1;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');
	return $node;
}

=pod

=item archive_folder(node, [timeline])

=item archived_segments(node, [timeline])

The names of the segments in the archive, sorted.

=item object_of(node, name)

The path of a segment's object.

=item pg_wal(node)

=cut

sub archive_folder
{
	my ($node, $timeline) = @_;
	my ($folder) = glob sprintf '%s/[1-9]*/wal/%08X', repository($node), $timeline // 1;

	return $folder // '';
}

sub archived_segments
{
	my ($node, $timeline) = @_;
	my @names = sort map { basename($_, '.zst') } glob archive_folder($node, $timeline) . '/*.zst';

	return grep { /^[0-9A-F]{24}$/ } @names;
}

sub object_of
{
	my ($node, $name) = @_;

	return archive_folder($node, hex substr $name, 0, 8) . "/$name.zst";
}

sub pg_wal
{
	my ($node) = @_;

	return $node->data_dir . '/pg_wal';
}

=pod

=item switch_wal(node)

Ends the current segment, and gives its name.

=item make_wal(node, count)

So many segments, full of rows.

=item count_ready(node)

=item wait_archived(node)

Until nothing is ready any more.

=cut

sub switch_wal
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		q{SELECT pg_logical_emit_message(false, 'switch', 'x'); SELECT pg_walfile_name(pg_switch_wal())}
	) =~ s/.*\n//rs;
}

sub make_wal
{
	my ($node, $count) = @_;

	$node->safe_psql('postgres',
		"CREATE TABLE IF NOT EXISTS filler (i int, t text);"
		  . "DO \$\$BEGIN FOR n IN 1..$count LOOP"
		  . " INSERT INTO filler SELECT i, md5(i::text) FROM generate_series(1, 6000) i; COMMIT;"
		  . " PERFORM pg_switch_wal(); END LOOP; END\$\$");
	return;
}

sub count_ready
{
	my ($node) = @_;
	my @ready = glob pg_wal($node) . '/archive_status/*.ready';

	return scalar @ready;
}

sub wait_archived
{
	my ($node) = @_;

	wait_for(sub { count_ready($node) == 0 }, 'the archiver');
	return;
}

=pod

=item unpack_archive(node, directory, [timeline])

Every archived segment, decompressed by zstd.

=item archive_is_whole(node, name)

Two assertions: the archive has each segment from its first to its last; each is, decompressed by zstd, the
file of pg_wal.

=cut

sub unpack_archive
{
	my ($node, $directory, $timeline) = @_;

	mkdir $directory;
	system_or_bail('zstd', '-q', '-d', '-f', '-o', "$directory/$_", object_of($node, $_))
	  for archived_segments($node, $timeline);
	return;
}

sub archive_is_whole
{
	my ($node, $name, $timeline) = @_;
	my @segments = archived_segments($node, $timeline);
	my $directory = $node->basedir . '/unpacked';
	my @expected = sort grep { /^[0-9A-F]{24}$/ } map { basename($_, '.done') }
	  glob sprintf '%s/archive_status/%08X*.done', pg_wal($node), $timeline // 1;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@segments, \@expected, "$name: every segment is there");
	unpack_archive($node, $directory, $timeline);
	is_deeply([ grep { compare("$directory/$_", pg_wal($node) . "/$_") != 0 } @segments ],
		[], "$name: each is what it was");
	return;
}

=pod

=item trailer_of(path)

The JSON at the end of an object.

=item archive_state(node, columns)

Of the view pgbackup_archive.

=item lsn_number(text)

=item matches_since(node, offset, pattern)

How often the server's log has it.

=back

=cut

sub trailer_of
{
	my ($path) = @_;
	my $content = read_file($path);
	my ($length, undef, $magic) = unpack 'VVa8', substr $content, -16;

	die "no trailer in $path" unless $magic eq 'pgbwal01';
	return decode_json(substr $content, -16 - $length, $length);
}

sub archive_state
{
	my ($node, $columns) = @_;

	return $node->safe_psql('postgres', "SELECT $columns FROM pgbackup_archive");
}

sub lsn_number
{
	my ($high, $low) = $_[0] =~ m{^([0-9A-F]+)/([0-9A-F]+)$}i or die "no LSN: $_[0]";

	return (hex($high) << 32) + hex $low;
}

sub matches_since
{
	my ($node, $offset, $pattern) = @_;
	my @found = slurp_file($node->logfile, $offset) =~ /$pattern/g;

	return scalar @found;
}

1;
